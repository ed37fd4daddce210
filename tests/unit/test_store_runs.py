"""Runs: continued by name, capped, and the stored replies they are graded from."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from paid_fixtures import provider
from store_fixtures import NOW, memory

from orchestrator.errors import ConfigError
from orchestrator.records import Ending, Reply
from orchestrator.store import claims, ledger, processes, runs
from orchestrator.store.claims import Ask, Policy
from orchestrator.store.ledger import Granted, Intent, Settlement, State
from orchestrator.store.runs import Asked, RunSpec

SPEC = RunSpec("first", "/data/b.jsonl", "digest", {"models": ["m"], "limit": 5})


@pytest.fixture
def cache() -> Iterator[sqlite3.Connection]:
    """Return an empty cache with a living process, 1."""
    connection = memory()
    processes.register(connection, processes.myself(), time.time())
    yield connection
    connection.close()


def asking(
    connection: sqlite3.Connection,
    run_id: int,
    item_id: str,
    key: str,
    *,
    model: str = "m",
    judged: str = "",
    sample: int = 0,
    rotation: int = 0,
    wording: str = "w",
) -> None:
    """Enter a question into a run, and leave it unclaimed."""
    ask = Ask(run_id, 1, model, judged, item_id, sample, rotation, wording, key, "{}")
    claims.claim(connection, ask, Policy())
    claims.unclaim(connection, key, 1)


def attempted(
    connection: sqlite3.Connection, run_id: int, key: str, end: Settlement | None, *, model: str = "m"
) -> None:
    """Make an attempt at a key in a run, and end it so (None: leave it open)."""
    connection.execute("INSERT OR IGNORE INTO claims VALUES (?, 1)", (key,))
    verdict = ledger.begin(
        connection, Intent(run_id, 1, model, "i", key, 100, 1, 1, 1), provider(), lambda pace, now: pace, lambda: NOW
    )
    assert isinstance(verdict, Granted)
    if end is not None:
        ledger.settle(connection, verdict.attempt_id, end)
    claims.unclaim(connection, key, 1)


def replied(key: str, text: str, charge: int = 60) -> Settlement:
    """Return the end of an attempt that brought a reply."""
    reply = Reply(key, text, Ending.COMPLETE, "stop", None, charge, 0.1, "{}", NOW)
    return Settlement(State.SETTLED, charge, NOW, reply=reply)


FAILED = Settlement(State.RELEASED, 0, NOW, 500, "HTTP 500: down")
LOST = Settlement(State.DOUBT, None, NOW, reason="reset")


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_run_is_continued_by_its_name(cache: sqlite3.Connection) -> None:
    """The same content under the same name is the same run, with what it was charged."""
    first = runs.open_run(cache, SPEC, 1000, NOW)
    assert first.is_new
    assert (first.cap_nanousd, first.charged_nanousd, first.limit) == (1000, 0, 5)
    attempted(cache, first.id, "k", replied("k", "[A]"))
    again = runs.open_run(cache, SPEC, None, NOW + 5)
    assert again == replace(first, charged_nanousd=60, is_new=False)


def test_a_cap_given_now_replaces_the_stored_one(cache: sqlite3.Connection) -> None:
    """A larger one raises it, a smaller one lowers it, none leaves it; zero is a cap."""
    caps = [runs.open_run(cache, SPEC, cap, NOW).cap_nanousd for cap in (None, 1000, None, 2000, 500, 0, None)]
    assert caps == [None, 1000, 1000, 2000, 500, 0, 0]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (replace(SPEC, benchmark_digest="changed"), "another benchmark"),
        (replace(SPEC, settings={"models": ["n"], "limit": 5}), "other settings"),
    ],
)
def test_a_name_stands_for_one_content(cache: sqlite3.Connection, other: RunSpec, what: str) -> None:
    """Another benchmark or other settings under a taken name are refused, and nothing changes."""
    runs.open_run(cache, SPEC, 1000, NOW)
    with pytest.raises(ConfigError, match=what):
        runs.open_run(cache, other, 9999, NOW + 5)
    assert runs.named(cache, "first").cap_nanousd == 1000


def test_the_order_of_settings_does_not_matter(cache: sqlite3.Connection) -> None:
    """Settings are compared by content."""
    runs.open_run(cache, SPEC, None, NOW)
    assert not runs.open_run(cache, replace(SPEC, settings={"limit": 5, "models": ["m"]}), None, NOW).is_new


def test_a_moved_benchmark_continues_its_run(cache: sqlite3.Connection) -> None:
    """The path is remembered as last seen; the content decides."""
    runs.open_run(cache, SPEC, None, NOW)
    assert not runs.open_run(cache, replace(SPEC, benchmark="/moved/b.jsonl"), None, NOW).is_new
    assert [run.name for run in runs.runs_of(cache, "/moved/b.jsonl")] == ["first"]
    assert runs.runs_of(cache, "/data/b.jsonl") == []


def test_an_unknown_name_is_told(cache: sqlite3.Connection) -> None:
    """A mistyped name says where the names are listed."""
    with pytest.raises(ConfigError, match="no run named 'nope'"):
        runs.named(cache, "nope")


def test_the_runs_of_a_benchmark_are_found_by_path_or_content(cache: sqlite3.Connection) -> None:
    """The latest invocation comes first; another benchmark's runs are left out."""
    runs.open_run(cache, SPEC, None, NOW)
    runs.open_run(cache, replace(SPEC, name="copy", benchmark="/copy.jsonl"), None, NOW + 2)
    runs.open_run(cache, RunSpec("edited", "/data/b.jsonl", "edited"), None, NOW + 1)
    runs.open_run(cache, RunSpec("other", "/other.jsonl", "other"), None, NOW + 3)
    assert [run.name for run in runs.runs_of(cache, "/data/b.jsonl")] == ["copy", "edited", "first"]
    runs.open_run(cache, SPEC, None, NOW + 9)
    assert [run.name for run in runs.runs_of(cache, "/data/b.jsonl")] == ["first", "copy", "edited"]


def test_the_runs_of_a_moved_benchmark_are_found_by_its_questions(cache: sqlite3.Connection) -> None:
    """An item's id and wording tell; an id alone, or a judge's question, does not."""
    asking(cache, runs.open_run(cache, SPEC, None, NOW).id, "i", "k1")
    asking(cache, runs.open_run(cache, replace(SPEC, name="reworded"), None, NOW).id, "i", "k2", wording="w2")
    asking(cache, runs.open_run(cache, replace(SPEC, name="judging"), None, NOW).id, "i", "k3", judged="m")
    assert [run.name for run in runs.runs_asking(cache, [("i", "w"), ("other", "w")])] == ["first"]
    assert runs.runs_asking(cache, [("other", "w")]) == []


# --- money -----------------------------------------------------------------------------------------------------------


def test_money_is_told_by_what_is_known_of_it(cache: sqlite3.Connection) -> None:
    """Settled, reserved and in doubt, of a run or of one of its models."""
    run_id = runs.open_run(cache, SPEC, None, NOW).id
    for key, end in (("a", replied("a", "[A]")), ("b", FAILED), ("c", LOST), ("d", LOST), ("e", None)):
        attempted(cache, run_id, key, end)
    cache.execute("UPDATE attempts SET state = 'resolved' WHERE key = 'd'")
    assert runs.money(cache, run_id) == runs.Money(settled=160, reserved=100, in_doubt=100, attempts=5)
    assert runs.money(cache, run_id).charged == runs.named(cache, "first").charged_nanousd == 360
    assert runs.money_by_judged(cache, [run_id], "m") == {"": runs.money(cache, run_id)}
    assert runs.money_by_judged(cache, [run_id], "other") == {}
    assert runs.total([runs.money(cache, run_id)] * 2) == runs.Money(320, 200, 200, 10)
    assert runs.total([]) == runs.Money(0, 0, 0, 0)


def test_money_is_told_by_whose_replies_it_judged(cache: sqlite3.Connection) -> None:
    """Also of several runs, of one call for two models' equal replies, and of questions put in other words since."""
    first = runs.open_run(cache, SPEC, None, NOW).id
    second = runs.open_run(cache, replace(SPEC, name="second"), None, NOW).id
    for run_id in (first, second):
        asking(cache, run_id, "i", f"own {run_id}", model="both")
        for model, judged in (("both", "a"), ("both", "b"), ("judge", "b")):
            asking(cache, run_id, "i", f"of {model} {run_id}", model=model, judged=judged)
        for model, key in (("both", "own"), ("both", "of both"), ("judge", "of judge")):
            attempted(cache, run_id, f"{key} {run_id}", replied(f"{key} {run_id}", "[A]"), model=model)
    for model in ("both", "judge"):
        attempted(cache, first, f"gone {model}", LOST, model=model)
    paid, lost = runs.Money(120, 0, 0, 2), runs.Money(120, 0, 100, 3)
    assert runs.money_by_judged(cache, [first, second], "both") == {"": lost, "a": paid}
    assert runs.money_by_judged(cache, [first, second], "judge") == {"b": lost}


# --- what was asked --------------------------------------------------------------------------------------------------


def test_a_question_is_found_with_its_reply_or_why_there_is_none(cache: sqlite3.Connection) -> None:
    """Answered, failed, in doubt, in flight and never attempted are told apart."""
    run_id = runs.open_run(cache, SPEC, None, NOW).id
    ends = {"answered": replied("answered", "[A]"), "failed": FAILED, "lost": LOST, "open": None}
    for key in (*ends, "asked"):
        asking(cache, run_id, key, key)
        if key in ends:
            attempted(cache, run_id, key, ends[key])
    found = runs.asked(cache, [run_id], "m", [*ends, "asked", "never"])
    assert {key: (one.text, one.ending, one.failure) for key, (one,) in found.items()} == {
        "answered": ("[A]", "complete", None),
        "failed": (None, None, "HTTP 500: down"),
        "lost": (None, None, "reset"),
        "open": (None, None, None),
        "asked": (None, None, None),
    }


def test_why_there_is_no_reply_is_found_without_going_through_the_run(cache: sqlite3.Connection) -> None:
    """In a large run that failed it would take hours: SQLite's own steps are counted, with few and many attempts."""
    run_id = runs.open_run(cache, SPEC, None, NOW).id
    asking(cache, run_id, "i", "k")
    attempted(cache, run_id, "k", FAILED)

    def steps() -> int:
        counted: list[int] = []
        cache.set_progress_handler(lambda: counted.append(1), 1)
        assert runs.asked(cache, [run_id], "m", ["i"])["i"][0].failure == "HTTP 500: down"
        cache.set_progress_handler(None, 1)
        return len(counted)

    alone = steps()
    for number in range(100):
        attempted(cache, run_id, f"other {number}", FAILED)
    assert steps() < 2 * alone


def test_the_latest_failure_and_the_latest_reply_speak(cache: sqlite3.Connection) -> None:
    """A reply beats any failure; of several of either the last one counts."""
    run_id = runs.open_run(cache, SPEC, None, NOW).id
    asking(cache, run_id, "i", "k")
    attempted(cache, run_id, "k", FAILED)
    attempted(cache, run_id, "k", LOST)
    assert runs.asked(cache, [run_id], "m", ["i"])["i"][0].failure == "reset"
    attempted(cache, run_id, "k", replied("k", "first"))
    attempted(cache, run_id, "k", replied("k", "second"))
    attempted(cache, run_id, "k", FAILED)
    (found,) = runs.asked(cache, [run_id], "m", ["i"])["i"]
    assert found == Asked("i", 0, 0, "w", "second", "complete", None, run_id, "k")


def test_a_reply_paid_for_by_another_run_counts_but_not_its_failures(cache: sqlite3.Connection) -> None:
    """The cache is shared; why this run has no reply is its own."""
    first = runs.open_run(cache, SPEC, None, NOW).id
    second = runs.open_run(cache, replace(SPEC, name="second"), None, NOW).id
    for run_id in (first, second):
        asking(cache, run_id, "i", "k")
        asking(cache, run_id, "j", "l")
    attempted(cache, first, "k", replied("k", "[A]"))
    attempted(cache, first, "l", FAILED)
    found = runs.asked(cache, [second], "m", ["i", "j"])
    assert found["i"][0].text == "[A]"
    assert found["j"][0].failure is None


def test_samples_and_rotations_come_in_order(cache: sqlite3.Connection) -> None:
    """Every way in which an item was shown is there once."""
    run_id = runs.open_run(cache, SPEC, None, NOW).id
    for rotation in (1, 0):
        for sample in (1, 0):
            asking(cache, run_id, "i", f"k{rotation}{sample}", sample=sample, rotation=rotation)
    found = runs.asked(cache, [run_id], "m", ["i"])["i"]
    assert [(one.rotation, one.sample) for one in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_of_several_runs_the_first_that_asked_an_item_speaks_for_it(cache: sqlite3.Connection) -> None:
    """With all its samples; items it did not ask come from the next."""
    first = runs.open_run(cache, SPEC, None, NOW).id
    second = runs.open_run(cache, replace(SPEC, name="second"), None, NOW).id
    asking(cache, first, "both", "k1", wording="first")
    asking(cache, second, "both", "k2", wording="second")
    asking(cache, second, "both", "k3", sample=1, wording="second")
    asking(cache, second, "late", "k4", wording="second")
    forward = runs.asked(cache, [first, second], "m", ["both", "late", "never"])
    assert {item: [one.wording for one in several] for item, several in forward.items()} == {
        "both": ["first"],
        "late": ["second"],
    }
    assert [one.sample for one in runs.asked(cache, [second, first], "m", ["both"])["both"]] == [0, 1]
    assert runs.asked(cache, [], "m", ["both"]) == {}
    assert runs.asked(cache, [first], "m", []) == {}


def test_judges_and_models_are_told_apart(cache: sqlite3.Connection) -> None:
    """What a model was asked and what a judge said of its reply are different questions."""
    first = runs.open_run(cache, SPEC, None, NOW).id
    second = runs.open_run(cache, replace(SPEC, name="second"), None, NOW).id
    asking(cache, first, "i", "k1", model="b")
    asking(cache, second, "i", "k2", model="a")
    asking(cache, second, "i", "k3", model="judge", judged="a", wording="judged")
    asking(cache, first, "i", "k4", model="second", judged="b", wording="judged")
    asking(cache, first, "i", "k5", model="judge", judged="b", wording="judged")
    assert runs.models_of(cache, [first, second]) == ["a", "b"]
    assert runs.judges_of(cache, [first, second]) == {"a": ("judge",), "b": ("judge", "second")}
    assert runs.judges_of(cache, [first]) == {"b": ("judge", "second")}
    assert runs.asked(cache, [second], "judge", ["i"]) == {}
    (verdict,) = runs.verdicts(cache, [second], "judge", "a", ["i"]).values()
    assert (verdict.wording, verdict.key) == ("judged", "k2")
    assert runs.verdicts(cache, [second], "judge", "b", ["i"]) == {}


def test_a_verdict_is_on_the_reply_that_was_judged_in_whichever_run_asked_the_same(cache: sqlite3.Connection) -> None:
    """Runs that ask alike share a reply and what was said of it; one with another prompt got another reply."""
    names = ("alike", "judging", "other prompt", "judging later")
    alike, judging, other, later = (runs.open_run(cache, replace(SPEC, name=name), None, NOW).id for name in names)
    for run_id, key in ((alike, "k"), (judging, "k"), (other, "other"), (later, "k")):
        asking(cache, run_id, "i", key)
    asking(cache, judging, "i", "verdict", model="judge", judged="m")
    asking(cache, later, "i", "later verdict", model="judge", judged="m")
    attempted(cache, judging, "verdict", replied("verdict", "{}"))
    found = runs.verdicts(cache, [alike, judging, other, later], "judge", "m", ["i"])
    (shared,), (of_other,) = (runs.asked(cache, [run_id], "m", ["i"])["i"] for run_id in (alike, other))
    assert (found[shared.replied].text, found[shared.replied].run_id) == ("{}", judging)
    assert of_other.replied not in found
