"""Claims, attempts and money: the sums always hold, no cap is passed when money is reserved, no reply is ever lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from paid_fixtures import provider
from store_fixtures import NOW, memory

from orchestrator.records import Ending, Provider, Reply, Usage
from orchestrator.store import claims, ledger, processes, replies, runs, status
from orchestrator.store.claims import Ask, Claim, Policy
from orchestrator.store.ledger import ClaimLost, Granted, Intent, OverBudget, Pace, Settlement, State, Verdict, Wait
from orchestrator.store.processes import Identity

AT = replace(provider(), max_concurrency=3)


@pytest.fixture
def cache() -> Iterator[sqlite3.Connection]:
    """Return a cache with the runs 1 (no cap) and 2 (cap 1000), and the living processes 1 and 2."""
    connection = memory()
    runs.open_run(connection, runs.RunSpec("free", "/b.jsonl", "d"), None, NOW)
    runs.open_run(connection, runs.RunSpec("capped", "/b.jsonl", "d"), 1000, NOW)
    for number in (1, 2):
        processes.register(connection, Identity(f"host-{number}", 10 + number, NOW), time.time())
    yield connection
    connection.close()


def ask(key: str = "k", process_id: int = 1, run_id: int = 1, item_id: str = "i") -> Ask:
    """Return a question."""
    return Ask(run_id, process_id, "m", "", item_id, 0, 0, "w", key, f'{{"key":"{key}"}}')


def intent(key: str = "k", process_id: int = 1, run_id: int = 1, reserve: int = 100, tokens: int = 10) -> Intent:
    """Return an attempt about to be made."""
    return Intent(run_id, process_id, "m", "i", key, reserve, tokens, 4, 5)


def at_once(pace: Pace, now: float) -> Pace | float:
    """Let every request leave."""
    return Pace(now + 1.0, (1000.0 if pace.tokens is None else pace.tokens) - 10, now)


def begin(connection: sqlite3.Connection, what: Intent, at: Provider = AT) -> Verdict:
    """Begin an attempt at a fixed time."""
    return ledger.begin(connection, what, at, at_once, lambda: NOW)


def granted(connection: sqlite3.Connection, what: Intent, at: Provider = AT) -> int:
    """Claim and begin an attempt that must be granted; return its id."""
    claims.claim(connection, ask(what.key, what.process_id, what.run_id), Policy())
    verdict = begin(connection, what, at)
    assert isinstance(verdict, Granted)
    return verdict.attempt_id


def reply(key: str = "k", text: str = "[A]", ending: Ending = Ending.COMPLETE, usage: Usage | None = None) -> Reply:
    """Return a paid reply."""
    return Reply(key, text, ending, "stop", usage or Usage(20, 5, 7, 3), 60, 0.25, '{"raw":1}', NOW + 1)


def paid(key: str = "k", charge: int | None = 60, text: str = "[A]") -> Settlement:
    """Return the end of an attempt that brought a reply."""
    state = State.DOUBT if charge is None else State.SETTLED
    return Settlement(state, charge, NOW + 1, status=200, reply=reply(key, text))


def charges(connection: sqlite3.Connection) -> tuple[dict[str, int], dict[str, int]]:
    """Return what is charged by run and by provider."""
    by_run = connection.execute("SELECT name, charged_nanousd FROM runs")
    by_provider = connection.execute("SELECT name, charged_nanousd FROM providers")
    return {row[0]: row[1] for row in by_run}, {row[0]: row[1] for row in by_provider}


def states(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Return state and charge of every attempt, in order."""
    return [tuple(row) for row in connection.execute("SELECT state, charged_nanousd FROM attempts ORDER BY id")]


# --- claims ----------------------------------------------------------------------------------------------------------


def test_a_question_is_claimed_once(cache: sqlite3.Connection) -> None:
    """The first process may ask it; to any other, and to a duplicate in the same process, it is taken."""
    assert claims.claim(cache, ask(process_id=1), Policy()) is Claim.MINE
    assert claims.claim(cache, ask(process_id=2), Policy()) is Claim.BUSY
    assert claims.claim(cache, ask(process_id=1, item_id="duplicate"), Policy()) is Claim.BUSY
    claims.unclaim(cache, "k", 2)
    assert claims.holds(cache, "k", 1)
    claims.unclaim(cache, "k", 1)
    assert claims.claim(cache, ask(process_id=2), Policy()) is Claim.MINE


def test_an_answered_question_is_a_hit_for_everybody(cache: sqlite3.Connection) -> None:
    """Storing the reply gives the claim back."""
    ledger.settle(cache, granted(cache, intent()), paid())
    assert not claims.holds(cache, "k", 1)
    for process_id in (1, 2):
        assert claims.claim(cache, ask(process_id=process_id, run_id=2), Policy()) is Claim.HIT


def test_a_process_off_the_list_claims_nothing(cache: sqlite3.Connection) -> None:
    """Of a process that nobody knows, nobody could tell when it is dead: its claims would stay for ever."""
    assert claims.claim(cache, ask(process_id=77), Policy()) is Claim.BUSY
    assert claims.claim(cache, ask(process_id=1), Policy()) is Claim.MINE


def test_every_question_is_entered_into_its_run(cache: sqlite3.Connection) -> None:
    """Whatever becomes of it, and however often, the run knows the item, its key and its wording."""
    for _ in range(2):
        claims.claim(cache, ask(item_id="one"), Policy())
    claims.claim(cache, ask(item_id="two"), Policy())
    claims.claim(cache, replace(ask("k2", item_id="one"), wording="w2"), Policy())
    rows = cache.execute("SELECT item_id, key, wording FROM run_items ORDER BY item_id").fetchall()
    assert [tuple(row) for row in rows] == [("one", "k2", "w2"), ("two", "k", "w")]


def test_what_was_asked_is_kept_with_the_claim(cache: sqlite3.Connection) -> None:
    """The canonical form lies in the cache before anything is paid."""
    claims.claim(cache, ask(), Policy())
    claims.claim(cache, ask(process_id=2), Policy())
    assert [tuple(row) for row in cache.execute("SELECT * FROM requests")] == [("k", '{"key":"k"}')]


@pytest.mark.parametrize("state", [State.OPEN, State.SETTLED, State.RELEASED, State.DOUBT, State.RESOLVED])
def test_only_an_attempt_in_doubt_holds_a_question(cache: sqlite3.Connection, state: State) -> None:
    """With `hold`, a question is left alone exactly while an attempt at it may have been billed and is not resolved."""
    attempt_id = granted(cache, intent())
    cache.execute("UPDATE attempts SET state = ? WHERE id = ?", (state, attempt_id))
    claims.unclaim(cache, "k", 1)
    expected = Claim.HELD if state is State.DOUBT else Claim.MINE
    assert claims.claim(cache, ask(), Policy(hold_in_doubt=True)) is expected
    claims.unclaim(cache, "k", 1)
    assert claims.claim(cache, ask(), Policy()) is Claim.MINE


def test_a_doubtful_answer_is_a_hit_all_the_same(cache: sqlite3.Connection) -> None:
    """The reply is there; only what it cost is unknown."""
    ledger.settle(cache, granted(cache, intent()), paid(charge=None))
    assert claims.claim(cache, ask(), Policy(hold_in_doubt=True)) is Claim.HIT


def test_chosen_replies_are_asked_again_once(cache: sqlite3.Connection) -> None:
    """`again` looks at the stored reply; what was asked since the invocation began is not asked once more."""
    ledger.settle(cache, granted(cache, intent()), paid())
    seen: list[str] = []

    def refused(stored: Reply) -> bool:
        seen.append(stored.text)
        return stored.text == "[A]"

    began = replies.latest_reply_id(cache)
    policy = Policy(again=refused, newer_than=began)
    assert claims.claim(cache, ask(), replace(policy, again=lambda stored: False)) is Claim.HIT
    assert claims.claim(cache, ask(), policy) is Claim.MINE
    assert claims.claim(cache, ask(process_id=2), policy) is Claim.BUSY
    verdict = begin(cache, intent())
    assert isinstance(verdict, Granted)
    ledger.settle(cache, verdict.attempt_id, paid())
    assert claims.claim(cache, ask(process_id=2), policy) is Claim.HIT
    assert seen == ["[A]", "[A]"]
    assert replies.count_replies(cache) == 2


# --- money -----------------------------------------------------------------------------------------------------------


def test_an_attempt_is_charged_before_it_is_sent(cache: sqlite3.Connection) -> None:
    """Its worst case is reserved with the run and the provider, and the intent is on record."""
    attempt_id = granted(cache, intent(reserve=100))
    row = cache.execute("SELECT * FROM attempts").fetchone()
    assert (row["id"], row["state"], row["reserved_nanousd"], row["charged_nanousd"]) == (attempt_id, "open", 100, 100)
    assert (row["key"], row["model"], row["item_id"], row["provider"]) == ("k", "m", "i", "sim-openai")
    assert (row["estimated_text_tokens"], row["estimated_image_tokens"], row["reserved_tokens"]) == (4, 5, 10)
    assert (row["started_at"], row["ended_at"]) == (NOW, None)
    assert charges(cache) == ({"free": 100, "capped": 0}, {"sim-openai": 100})


@pytest.mark.parametrize(
    ("end", "charged", "state"),
    [
        (Settlement(State.RELEASED, 0, NOW), 0, "released"),
        (Settlement(State.DOUBT, None, NOW), 100, "doubt"),
        (paid(charge=60), 60, "settled"),
        (paid(charge=250), 250, "settled"),
        (paid(charge=None), 100, "doubt"),
    ],
)
def test_an_end_is_charged_as_it_is_known(cache: sqlite3.Connection, end: Settlement, charged: int, state: str) -> None:
    """Nothing for what never left or was rejected, the bill where it came, the reservation where it did not."""
    ledger.settle(cache, granted(cache, intent(reserve=100)), end)
    assert states(cache) == [(state, charged)]
    assert charges(cache) == ({"free": charged, "capped": 0}, {"sim-openai": charged})
    assert runs.money(cache, 1).charged == charged


def test_the_cap_may_be_met_but_not_passed(cache: sqlite3.Connection) -> None:
    """Reservations fit to the last nano-dollar; one more waits while others are in flight, and is over when none is."""
    first = granted(cache, intent("a", run_id=2, reserve=600))
    second = granted(cache, intent("b", run_id=2, reserve=400))
    claims.claim(cache, ask("c", run_id=2), Policy())
    assert begin(cache, intent("c", run_id=2, reserve=1)) == Wait(ledger.POLL_S)
    ledger.settle(cache, first, paid("a", charge=600))
    assert begin(cache, intent("c", run_id=2, reserve=1)) == Wait(ledger.POLL_S)
    ledger.settle(cache, second, paid("b", charge=399))
    assert begin(cache, intent("c", run_id=2, reserve=2)) == OverBudget("")
    assert isinstance(begin(cache, intent("c", run_id=2, reserve=1)), Granted)
    assert charges(cache)[0]["capped"] == 1000


def test_a_reservation_above_the_whole_cap_is_over_at_once(cache: sqlite3.Connection) -> None:
    """Nothing in flight could make room, and nothing is charged."""
    claims.claim(cache, ask(run_id=2), Policy())
    assert begin(cache, intent(run_id=2, reserve=1001)) == OverBudget("")
    assert states(cache) == []


def test_a_providers_budget_counts_all_runs(cache: sqlite3.Connection) -> None:
    """Over the cache's lifetime, whichever run spends it."""
    at = replace(AT, budget_nanousd=500)
    ledger.settle(cache, granted(cache, intent("a", run_id=1, reserve=300), at), paid("a", charge=300))
    flying = granted(cache, intent("b", run_id=2, reserve=200), at)
    claims.claim(cache, ask("c"), Policy())
    assert begin(cache, intent("c", reserve=1), at) == Wait(ledger.POLL_S)
    ledger.settle(cache, flying, Settlement(State.DOUBT, None, NOW))
    assert begin(cache, intent("c", reserve=1), at) == OverBudget("sim-openai")
    assert isinstance(begin(cache, intent("c", reserve=1), replace(at, budget_nanousd=501)), Granted)


def test_money_in_doubt_stays_under_the_cap_until_it_is_resolved(cache: sqlite3.Connection) -> None:
    """A lost attempt keeps its reservation; resolving it as not billed makes room again."""
    attempt_id = granted(cache, intent("a", run_id=2, reserve=1000))
    ledger.settle(cache, attempt_id, Settlement(State.DOUBT, None, NOW))
    claims.claim(cache, ask("b", run_id=2), Policy())
    assert begin(cache, intent("b", run_id=2)) == OverBudget("")
    assert status.resolve(cache, (attempt_id,), billed=False) == 1
    assert isinstance(begin(cache, intent("b", run_id=2)), Granted)


def test_concurrency_is_shared_by_all_processes(cache: sqlite3.Connection) -> None:
    """Open attempts of any process take up the provider's places; an end frees one."""
    first, *_ = [granted(cache, intent(f"k{number}", process_id=1 + number % 2)) for number in range(3)]
    claims.claim(cache, ask("more"), Policy())
    assert begin(cache, intent("more")) == Wait(ledger.POLL_S)
    assert isinstance(begin(cache, intent("more"), replace(AT, name="other")), Granted)
    ledger.settle(cache, first, Settlement(State.RELEASED, 0, NOW))
    assert isinstance(begin(cache, intent("more")), Granted)


def test_a_new_models_first_calls_are_few_in_all_processes_together(cache: sqlite3.Connection) -> None:
    """One, two, three at a time, as its bills come in; and each reservation is made of all that have come."""
    first = granted(cache, replace(intent("a"), known=0))
    other = replace(intent("b", process_id=2), known=0)
    claims.claim(cache, ask("b", 2), Policy())
    assert begin(cache, other) == Wait(ledger.POLL_S)
    ledger.settle(cache, first, paid("a"))
    assert begin(cache, other) == Wait(0.0), "it does not know the first bill yet"
    assert replies.learnt(cache, "m", 200) == (1, [(4, 5, 20)])
    assert isinstance(begin(cache, replace(other, known=1)), Granted)
    granted(cache, replace(intent("c"), known=1))
    claims.claim(cache, ask("d", 2), Policy())
    assert begin(cache, replace(intent("d", process_id=2), known=1)) == Wait(ledger.POLL_S)
    assert isinstance(begin(cache, intent("d", process_id=2), AT), Granted), "of a process that knows its bills well"


def test_without_the_claim_nothing_is_begun(cache: sqlite3.Connection) -> None:
    """A process that slept, and whose question was given to another, finds out before it sends."""
    claims.claim(cache, ask(process_id=2), Policy())
    assert begin(cache, intent(process_id=1)) == ClaimLost()
    assert states(cache) == []


# --- pace ------------------------------------------------------------------------------------------------------------


def pace_of(connection: sqlite3.Connection) -> Pace:
    """Return the stored pace."""
    row = connection.execute("SELECT next_at, tokens, tokens_at FROM providers").fetchone()
    return Pace(*row)


def test_the_pace_is_taken_and_kept(cache: sqlite3.Connection) -> None:
    """What `pace` returns is what the next request starts from; a wait changes nothing."""
    claims.claim(cache, ask(), Policy())
    seen: list[Pace] = []

    def wait(pace: Pace, now: float) -> Pace | float:
        seen.append(pace)
        assert now == NOW
        return 2.5

    assert ledger.begin(cache, intent(), AT, wait, lambda: NOW) == Wait(2.5)
    assert states(cache) == []
    assert begin(cache, intent()) == Granted(1, NOW)
    assert ledger.begin(cache, intent(), AT, wait, lambda: NOW) == Wait(2.5)
    assert seen == [Pace(0.0, None, 0.0), Pace(NOW + 1.0, 990.0, NOW)]


@pytest.mark.parametrize(("used", "level"), [(None, 900.0), (0, 1000.0), (70, 930.0), (250, 750.0)])
def test_tokens_not_used_flow_back(cache: sqlite3.Connection, used: int | None, level: float) -> None:
    """What was reserved and not used is given back, what was used beyond it is taken."""
    attempt_id = granted(cache, intent(tokens=100))
    cache.execute("UPDATE providers SET tokens = 900")
    ledger.settle(cache, attempt_id, replace(paid(), tokens_used=used))
    assert pace_of(cache).tokens == level


def test_a_pause_holds_for_everybody_and_is_never_shortened(cache: sqlite3.Connection) -> None:
    """The latest time asked for stands."""
    first, second = (granted(cache, intent(key)) for key in "ab")
    ledger.settle(cache, first, Settlement(State.RELEASED, 0, NOW, 429, pause_until=NOW + 30))
    ledger.settle(cache, second, Settlement(State.RELEASED, 0, NOW, 429, pause_until=NOW + 10))
    assert pace_of(cache).next_at == NOW + 30


# --- replies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", list(Ending))
@pytest.mark.parametrize("usage", [Usage(20, 5, 7, 3), None])
def test_a_reply_is_kept_as_it_came(cache: sqlite3.Connection, ending: Ending, usage: Usage | None) -> None:
    """Every field comes back."""
    came = replace(reply(text="Ü\n[A]", ending=ending), usage=usage)
    ledger.settle(cache, granted(cache, intent()), replace(paid(), reply=came))
    assert replies.find(cache, "k") == came
    assert replies.find(cache, "other") is None


def test_of_several_replies_the_latest_counts_and_none_is_lost(cache: sqlite3.Connection) -> None:
    """Asked again, the old reply stays in the cache."""
    policy = Policy(again=lambda stored: True, newer_than=99)
    for text in ("first", "second"):
        assert claims.claim(cache, ask(), policy) is Claim.MINE
        verdict = begin(cache, intent())
        assert isinstance(verdict, Granted)
        ledger.settle(cache, verdict.attempt_id, paid(text=text))
    found = replies.find(cache, "k")
    assert found is not None
    assert found.text == "second"
    assert [row[0] for row in cache.execute("SELECT text FROM replies ORDER BY id")] == ["first", "second"]


def test_what_an_attempt_came_to_is_on_record(cache: sqlite3.Connection) -> None:
    """Status, reason, body (cut), what was sent and when it ended."""
    end = Settlement(State.RELEASED, 0, NOW + 3, 500, "HTTP 500", "x" * 5000, "digest")
    ledger.settle(cache, granted(cache, intent()), end)
    row = cache.execute("SELECT * FROM attempts").fetchone()
    assert (row["status"], row["reason"], row["sent"], row["ended_at"]) == (500, "HTTP 500", "digest", NOW + 3)
    assert row["body"] == "x" * ledger.BODY_KEPT


def test_what_could_not_be_prepared_is_on_record_and_free(cache: sqlite3.Connection) -> None:
    """A picture that is gone costs nothing and is named."""
    ledger.record_unsent(cache, intent(), "sim-openai", "x.png does not exist", NOW)
    assert states(cache) == [("released", 0)]
    assert cache.execute("SELECT reason FROM attempts").fetchone()[0] == "x.png does not exist"
    assert charges(cache)[0] == {"free": 0, "capped": 0}


def test_a_late_reply_of_a_process_given_up_is_kept_and_charged_as_billed(cache: sqlite3.Connection) -> None:
    """A laptop that slept: its attempt was put in doubt, its question given to another, and still nothing is lost."""
    attempt_id = granted(cache, intent(reserve=100))
    processes.leave(cache, 1)
    assert states(cache) == [("doubt", 100)]
    assert claims.claim(cache, ask(process_id=2), Policy()) is Claim.MINE
    ledger.settle(cache, attempt_id, paid(charge=60))
    assert states(cache) == [("settled", 60)]
    assert charges(cache)[0]["free"] == 60
    assert replies.find(cache, "k") == reply()
    assert claims.holds(cache, "k", 2)


def test_a_late_bill_replaces_what_the_user_resolved(cache: sqlite3.Connection) -> None:
    """Said to be not billed, and then the bill comes: it counts."""
    attempt_id = granted(cache, intent(reserve=100))
    ledger.settle(cache, attempt_id, Settlement(State.DOUBT, None, NOW))
    status.resolve(cache, None, billed=False)
    assert charges(cache)[0]["free"] == 0
    ledger.settle(cache, attempt_id, paid(charge=60))
    assert charges(cache) == ({"free": 60, "capped": 0}, {"sim-openai": 60})


def test_a_late_doubt_is_charged_again_whatever_the_user_resolved(cache: sqlite3.Connection) -> None:
    """It was given back as not billed while its process slept; then the reply was lost, which nobody could know."""
    attempt = granted(cache, intent(run_id=2))
    processes.leave(cache, 1)
    assert status.resolve(cache, None, billed=False) == 1
    assert charges(cache)[0]["capped"] == 0
    ledger.settle(cache, attempt, Settlement(State.DOUBT, None, NOW + 1, reason="reset"))
    assert states(cache) == [("doubt", 100)]
    assert charges(cache)[0]["capped"] == charges(cache)[1][AT.name] == 100


def test_histories_tell_of_settled_replies_alone(cache: sqlite3.Connection) -> None:
    """Estimates are corrected by bills that could be believed, the latest ones, oldest first."""
    for number in range(4):
        usage = Usage(10 + number, 0, 100 + number)
        end = replace(paid(f"k{number}"), reply=replace(reply(f"k{number}"), usage=usage, latency_s=float(number)))
        ledger.settle(cache, granted(cache, intent(f"k{number}")), end)
    doubtful = replace(paid("d", charge=None), reply=replace(reply("d"), usage=None))
    ledger.settle(cache, granted(cache, intent("d")), doubtful)
    assert replies.usage_history(cache, "m", 3) == [(4, 5, 11), (4, 5, 12), (4, 5, 13)]
    assert replies.answer_history(cache, "m", 3) == [(101, 1.0), (102, 2.0), (103, 3.0)]
    assert replies.usage_history(cache, "other", 3) == []
    assert replies.held(cache, [f"k{number}" for number in range(1200)]) == {"k0", "k1", "k2", "k3"}
    assert replies.latest_reply_id(cache) == replies.count_replies(cache) == 5
    assert replies.latest_reply_id(memory()) == 0


# --- whatever the order ----------------------------------------------------------------------------------------------

KEYS = ("a", "b", "c", "d")
CAP, BUDGET = 1000, 1500


class Books(RuleBasedStateMachine):
    """Two processes, two runs (one capped), two providers (one with a budget), and anything in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = memory()
        self.at = [replace(AT, name="capped", budget_nanousd=BUDGET), replace(AT, name="free")]
        self.cap: int | None = CAP
        self.replies = 0
        self.known: dict[int, tuple[int, int]] = {}

    @initialize()
    def open(self) -> None:
        runs.open_run(self.cache, runs.RunSpec("capped", "/b", "d"), CAP, NOW)
        runs.open_run(self.cache, runs.RunSpec("free", "/b", "d"), None, NOW)
        for number in (1, 2):
            processes.register(self.cache, self.who(number), time.time())

    def who(self, process_id: int) -> Identity:
        return Identity(f"host-{process_id}", process_id, NOW)

    def attempts(self, *kinds: State) -> list[int]:
        marks = ",".join("?" * len(kinds))
        rows = self.cache.execute(f"SELECT id FROM attempts WHERE state IN ({marks}) ORDER BY id", kinds)
        return [row[0] for row in rows]

    @rule(key=st.sampled_from(KEYS), process_id=st.integers(1, 2), run_id=st.integers(1, 2), hold=st.booleans())
    def claim(self, key: str, process_id: int, run_id: int, hold: bool) -> None:
        again = Policy(hold, again=lambda stored: stored.text == "again")
        claims.claim(self.cache, ask(key, process_id, run_id), again)

    @rule(key=st.sampled_from(KEYS), process_id=st.integers(1, 2))
    def unclaim(self, key: str, process_id: int) -> None:
        claims.unclaim(self.cache, key, process_id)

    @rule(
        key=st.sampled_from(KEYS),
        process_id=st.integers(1, 2),
        run_id=st.integers(1, 2),
        reserve=st.integers(0, 700),
        which=st.integers(0, 1),
    )
    def begin(self, key: str, process_id: int, run_id: int, reserve: int, which: int) -> None:
        at = self.at[which]
        before = charges(self.cache)
        held = claims.holds(self.cache, key, process_id)
        verdict = begin(self.cache, intent(key, process_id, run_id, reserve), at)
        by_run, by_provider = charges(self.cache)
        if isinstance(verdict, Granted):
            assert held
            assert run_id == 2 or self.cap is None or by_run["capped"] <= self.cap
            assert which == 1 or by_provider["capped"] <= BUDGET
            self.known[verdict.attempt_id] = (reserve, run_id)
            return
        assert by_run == before[0]
        assert {name: charge for name, charge in by_provider.items() if charge or name in before[1]} == before[1]
        if isinstance(verdict, OverBudget):
            if verdict.provider:
                assert before[1].get("capped", 0) + reserve > BUDGET
            else:
                assert run_id == 1
                assert self.cap is not None
                assert before[0]["capped"] + reserve > self.cap
        assert held != isinstance(verdict, ClaimLost)

    @precondition(lambda self: self.attempts(State.OPEN, State.DOUBT, State.RESOLVED))
    @rule(data=st.data(), cost=st.integers(0, 700), kind=st.sampled_from(["paid", "again", "odd", "lost", "rejected"]))
    def settle(self, data: st.DataObject, cost: int, kind: str) -> None:
        attempt_id = data.draw(st.sampled_from(self.attempts(State.OPEN, State.DOUBT, State.RESOLVED)))
        row = self.cache.execute("SELECT * FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
        match kind:
            case "lost":
                end = Settlement(State.DOUBT, None, NOW)
            case "rejected":
                end = Settlement(State.RELEASED, 0, NOW)
            case "odd":
                end = paid(row["key"], charge=None)
            case _:
                end = paid(row["key"], charge=cost, text=kind)
        ledger.settle(self.cache, attempt_id, end)
        self.replies += end.reply is not None
        assert end.reply is None or not claims.holds(self.cache, row["key"], row["process_id"])

    @rule(process_id=st.integers(1, 2))
    def give_up(self, process_id: int) -> None:
        processes.leave(self.cache, process_id)
        rows = self.cache.execute(
            "SELECT count(*) FROM attempts WHERE state = 'open' AND process_id = ?", (process_id,)
        ).fetchone()
        assert rows[0] == 0

    @rule(process_id=st.integers(1, 2))
    def wake(self, process_id: int) -> None:
        processes.beat(self.cache, process_id, self.who(process_id))

    @precondition(lambda self: self.attempts(State.DOUBT))
    @rule(data=st.data(), billed=st.booleans(), everything=st.booleans())
    def resolve(self, data: st.DataObject, billed: bool, everything: bool) -> None:
        doubts = self.attempts(State.DOUBT)
        chosen = None if everything else (data.draw(st.sampled_from(doubts)), 10_000)
        assert status.resolve(self.cache, chosen, billed) == (len(doubts) if everything else 1)

    @rule(cap=st.integers(0, 3000))
    def change_the_cap(self, cap: int) -> None:
        runs.open_run(self.cache, runs.RunSpec("capped", "/b", "d"), cap, NOW)
        self.cap = cap

    @invariant()
    def the_sums_hold(self) -> None:
        by_run, by_provider = charges(self.cache)
        for table, column, kept in (("runs", "run_id", by_run), ("providers", "provider", by_provider)):
            summed = self.cache.execute(f"SELECT {column}, sum(charged_nanousd) FROM attempts GROUP BY 1").fetchall()
            names = {1: "capped", 2: "free"} if table == "runs" else {name: name for name in by_provider}
            sums = {names[row[0]]: row[1] for row in summed}
            assert kept == {name: sums.get(name, 0) for name in kept}
        for number, name in ((1, "capped"), (2, "free")):
            if name in by_run:
                told = runs.money(self.cache, number)
                assert told.charged == by_run[name]
                assert min(told.settled, told.reserved, told.in_doubt) >= 0

    @invariant()
    def no_claim_is_nobodys(self) -> None:
        rows = self.cache.execute(
            "SELECT count(*) FROM claims WHERE process_id NOT IN (SELECT id FROM processes)"
        ).fetchone()
        assert rows[0] == 0

    @invariant()
    def open_attempts_are_charged_their_worst_case_and_fit_their_places(self) -> None:
        for attempt_id, state, charged in self.cache.execute("SELECT id, state, charged_nanousd FROM attempts"):
            if state == State.OPEN:
                assert charged == self.known[attempt_id][0]
            if state == State.RELEASED:
                assert charged == 0
        rows = self.cache.execute("SELECT count(*) FROM attempts WHERE state = 'open' GROUP BY provider").fetchall()
        assert all(row[0] <= AT.max_concurrency for row in rows)

    @invariant()
    def no_reply_is_lost(self) -> None:
        assert replies.count_replies(self.cache) == self.replies

    def teardown(self) -> None:
        self.cache.close()


Books.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestBooks = Books.TestCase
