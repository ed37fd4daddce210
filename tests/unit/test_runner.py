"""A run against a simulated provider over HTTP, with a real cache: paid once, capped, paced, stopped well."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paid_fixtures import KEY, item, model, picture, provider

from orchestrator.dataset.images import ImageLoader
from orchestrator.errors import BenchmarkError, CacheError, Problem
from orchestrator.grading.grade import read
from orchestrator.inference.client import Client
from orchestrator.inference.clock import Clock
from orchestrator.inference.executor import LocalExecutor
from orchestrator.inference.plan import Plan, Stop, StopKind, Tally
from orchestrator.inference.questions import Asking, Question, questions
from orchestrator.inference.runner import Runner
from orchestrator.records import Item, Model, Outcome, Reply
from orchestrator.simulator import Fault, LedgerView, Settings, Simulator
from orchestrator.store import processes, replies, runs, status
from orchestrator.store.database import Store, open_reading
from orchestrator.store.runs import Money
from orchestrator.store.status import Status

LATENCY_S = 0.03
# Cancelled at one of its own steps, LiteLLM drops a coroutine that it has made and not begun.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine '.*acompletion' was never awaited:RuntimeWarning")


@dataclass(slots=True)
class Ran:
    """What one invocation came to."""

    tallies: dict[str, Tally]
    stops: list[Stop]
    money: Money

    @property
    def tally(self) -> Tally:
        """The one model's counts."""
        (tally,) = self.tallies.values()
        return tally

    @property
    def kinds(self) -> list[tuple[StopKind, str]]:
        """What was stopped."""
        return [(stop.kind, stop.name) for stop in self.stops]


@dataclass(slots=True)
class Setting:
    """How to run: everything that a test may want to change."""

    cap: int | None = None
    name: str = "run"
    asking: Asking = field(default_factory=Asking)
    hold: bool = False
    clock: Clock | None = None
    beside: Callable[[Runner], Coroutine[Any, Any, None]] | None = None
    """What happens while it runs."""
    client: Client | None = None
    """Shared with another run; by default one of its own."""


PLAIN = Setting()


async def stream(items: Sequence[Item]) -> AsyncGenerator[Item, None]:
    """Yield items as a reader does."""
    for one in items:
        yield one


@asynccontextmanager
async def known(store: Store) -> AsyncGenerator[int, None]:
    """Be on the list of processes; yields the number."""
    process_id = await store.do(processes.register, processes.myself(), time.time())
    try:
        yield process_id
    finally:
        await store.do(processes.leave, process_id)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


async def run(cache: Path, models: Sequence[Model], items: Sequence[Item], how: Setting = PLAIN) -> Ran:
    """Run once, as the command does."""
    async with Store(cache) as store, known(store) as process_id, AsyncExitStack() as stack:
        client = how.client
        if client is None:
            client = await stack.enter_async_context(Client())
        spec = runs.RunSpec(how.name, "/b.jsonl", "digest")
        row = await store.do(runs.open_run, spec, how.cap, 1_790_000_000.0)
        newer_than = await store.do(replies.latest_reply_id)
        plan = Plan(row.id, process_id, tuple(models), hold_in_doubt=how.hold, newer_than=newer_than)

        def asked(one: Model) -> AsyncGenerator[Question, None]:
            return questions(stream(items), one, how.asking)

        keys = {one.provider.name: KEY for one in models}
        runner = Runner(plan, asked, store, LocalExecutor(client, ImageLoader(), keys), how.clock)
        async with asyncio.TaskGroup() as group:
            if how.beside is not None:
                group.create_task(how.beside(runner))
            await runner.run()
        return Ran(runner.tallies, runner.stops, await store.do(runs.money, row.id))


def simulated(
    settings: Settings, work: Callable[[Simulator], Awaitable[Ran]], patience_s: float = 30.0
) -> tuple[Ran, LedgerView]:
    """Run some work against a simulator; return its result and the simulator's books."""

    async def main() -> tuple[Ran, LedgerView]:
        async with Simulator(settings) as simulator:
            ran = await asyncio.wait_for(work(simulator), patience_s)
            return ran, simulator.ledger()

    return asyncio.run(main())


def status_of(cache: Path) -> Status:
    """Return the cache's status."""
    connection = open_reading(cache)
    try:
        return status.read(connection)
    finally:
        connection.close()


def rows(cache: Path, query: str) -> list[tuple[object, ...]]:
    """Return what a query finds in the cache."""
    connection = open_reading(cache)
    try:
        return [tuple(row) for row in connection.execute(query)]
    finally:
        connection.close()


def quick(seconds: list[float]) -> Clock:
    """Return a clock on which only sleeping takes time, and each look a microsecond; the sleeps are noted."""
    looks = itertools.count()

    async def sleep(wanted: float) -> None:
        seconds.append(wanted)
        await asyncio.sleep(0)

    def passed() -> float:
        return sum(seconds) + next(looks) * 1e-6

    return Clock(now=lambda: 1_790_000_000.0 + passed(), monotonic=lambda: 1000.0 + passed(), sleep=sleep)


def received(books: LedgerView) -> list[int]:
    """Return how often each body came."""
    return [body["received"] for body in books["bodies"].values()]


# --- paid once -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
def test_every_item_is_asked_once_and_charged_as_it_was_billed(tmp_path: Path, dialect: str) -> None:
    """Two books, one sum: the cache's ledger and the simulator's agree to the nano-dollar."""
    items = [item(number, (picture(tmp_path, number),)) for number in range(12)]
    cache = tmp_path / "responses.db"
    ran, books = simulated(
        Settings(keys=(KEY,)),
        lambda simulator: run(cache, [model(provider(simulator.url, dialect), dialect=dialect)], items),
    )
    assert received(books) == [1] * 12
    assert (ran.tally.calls, ran.tally.attempts, ran.tally.replied, ran.tally.done) == (12, 12, 12, 12)
    assert ran.stops == []
    assert ran.money == Money(settled=books["total"]["nanousd"], reserved=0, in_doubt=0, attempts=12)
    assert ran.tally.spent_nanousd == books["total"]["nanousd"] <= ran.tally.quoted_nanousd
    assert rows(cache, "SELECT count(*) FROM claims") == rows(cache, "SELECT count(*) FROM processes") == [(0,)]


def test_what_was_sent_is_on_record(tmp_path: Path) -> None:
    """The digest of each picture as it was sent stands with the attempt."""
    refs = (picture(tmp_path, 1), picture(tmp_path, 2))
    cache = tmp_path / "responses.db"
    simulated(Settings(), lambda simulator: run(cache, [model(provider(simulator.url))], [item(0, refs)]))
    ((sent,),) = rows(cache, "SELECT sent FROM attempts")
    assert [len(one) for one in str(sent).split(",")] == [64, 64]
    assert len(set(str(sent).split(","))) == 2


def test_the_second_run_makes_no_call(tmp_path: Path) -> None:
    """The same command again, and another run with the same questions, cost nothing."""
    items = [item(number) for number in range(8)]
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        models = [model(provider(simulator.url))]
        first = await run(cache, models, items)
        for how in (PLAIN, Setting(name="another")):
            again = await run(cache, models, items, how)
            assert (again.tally.hits, again.tally.calls, again.tally.attempts, again.tally.spent_nanousd) == (
                8,
                0,
                0,
                0,
            )
        return first

    _, books = simulated(Settings(), work)
    assert received(books) == [1] * 8


def test_a_question_that_stands_twice_is_sent_once(tmp_path: Path) -> None:
    """Items that ask the same share one purchase, also at two aliases of one model."""
    items = [replace(item(1), id=f"copy-{number}") for number in range(10)]
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        at = provider(simulator.url)
        return await run(cache, [model(at), replace(model(at), alias="the same")], items)

    ran, books = simulated(Settings(latency_s=LATENCY_S), work)
    assert received(books) == [1]
    assert sum(tally.hits for tally in ran.tallies.values()) == 19
    assert len(rows(cache, "SELECT * FROM run_items")) == 20


def test_a_question_that_stands_twice_and_fails_leaves_nobody_waiting(tmp_path: Path) -> None:
    """Whoever gives up gives the key back, and the next one tries for itself."""
    items = [replace(item(1), id=f"copy-{number}") for number in range(3)]

    async def work(simulator: Simulator) -> Ran:
        return await run(tmp_path / "responses.db", [model(provider(simulator.url))], items)

    ran, _ = simulated(Settings(faults={Fault.BAD_REQUEST: 1.0}), work)
    assert (ran.tally.failed, ran.tally.attempts) == (3, 3)


def test_samples_and_rotations_are_purchases_of_their_own(tmp_path: Path) -> None:
    """Each sample of each rotation is asked once, and only once."""
    cache = tmp_path / "responses.db"
    how = Setting(asking=Asking(samples=2, rotations=3))

    async def work(simulator: Simulator) -> Ran:
        models = [model(provider(simulator.url))]
        first = await run(cache, models, [item(1), item(2)], how)
        assert (await run(cache, models, [item(1), item(2)], how)).tally.hits == 12
        return first

    ran, books = simulated(Settings(), work)
    assert ran.tally.replied == 12
    # The body of a second sample is the same as that of the first.
    assert received(books) == [2] * 6


@pytest.mark.parametrize("fault", [Fault.NO_USAGE, Fault.NEGATIVE_USAGE, Fault.ABSURD_USAGE])
def test_an_answer_whose_bill_is_unknown_is_kept_in_doubt(tmp_path: Path, fault: Fault) -> None:
    """Charged at its reservation, listed, and not asked again."""
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        models = [model(provider(simulator.url))]
        first = await run(cache, models, [item(1)])
        assert (await run(cache, models, [item(1)], Setting(hold=True))).tally.hits == 1
        return first

    ran, books = simulated(Settings(script=(fault,)), work)
    assert received(books) == [1]
    assert ran.tally.replied == 1
    assert ran.money == Money(settled=0, reserved=0, in_doubt=ran.tally.quoted_nanousd, attempts=1)
    assert ran.money.in_doubt >= books["total"]["nanousd"]
    assert "usage" in status_of(cache).in_doubt[0].reason


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.RESET_BODY, Fault.BAD_JSON, Fault.HTML_200, Fault.EMPTY_BODY])
def test_a_lost_answer_stays_charged_and_is_asked_again(tmp_path: Path, fault: Fault) -> None:
    """It was billed: its reservation counts beside the second attempt's cost."""
    cache = tmp_path / "responses.db"
    slept: list[float] = []
    ran, books = simulated(
        Settings(script=(fault,)),
        lambda simulator: run(cache, [model(provider(simulator.url))], [item(1)], Setting(clock=quick(slept))),
    )
    assert received(books) == [2]
    assert (ran.tally.calls, ran.tally.attempts, ran.tally.replied) == (1, 2, 1)
    assert ran.money.in_doubt + ran.money.settled == ran.tally.spent_nanousd >= books["total"]["nanousd"]
    assert len(status_of(cache).in_doubt) == 1
    assert len(slept) == 1


def test_an_answer_lost_every_time_fails_after_the_last_attempt(tmp_path: Path) -> None:
    """Each attempt reserved anew and stays charged; the item is tried again by the next invocation."""
    cache = tmp_path / "responses.db"
    at = partial(provider, dialect="openai")

    async def work(simulator: Simulator) -> Ran:
        models = [model(replace(at(simulator.url), max_attempts=3))]
        first = await run(cache, models, [item(1)], Setting(clock=quick([])))
        held = await run(cache, models, [item(1)], Setting(hold=True))
        assert (held.tally.held, held.tally.attempts) == (1, 0)
        simulator.change({"faults": {}})
        assert (await run(cache, models, [item(1)])).tally.replied == 1
        return first

    ran, books = simulated(Settings(faults={Fault.BAD_JSON: 1.0}), work)
    assert received(books) == [4]
    assert (ran.tally.attempts, ran.tally.failed, ran.tally.replied) == (3, 1, 0)
    assert ran.money == Money(settled=0, reserved=0, in_doubt=ran.tally.quoted_nanousd, attempts=3)


def test_chosen_outcomes_are_asked_again_and_the_old_reply_is_kept(tmp_path: Path) -> None:
    """Once an invocation, also where several items share the question."""
    cache = tmp_path / "responses.db"
    items = [replace(item(1), id="one"), replace(item(1), id="two"), item(2)]

    def refused(shown: Item, reply: Reply) -> bool:
        return read(shown, reply.text, reply.ending)[0] is Outcome.REFUSED

    async def work(simulator: Simulator) -> Ran:
        models = [model(replace(provider(simulator.url), max_concurrency=1))]
        await run(cache, models, items)
        return await run(cache, models, items, Setting(asking=Asking(again=refused)))

    ran, books = simulated(Settings(script=(Fault.REFUSAL,)), work)
    assert sorted(received(books)) == [1, 2]
    assert (ran.tally.replied, ran.tally.hits) == (1, 2)
    assert rows(cache, "SELECT ending FROM replies ORDER BY id") == [("refused",), ("complete",), ("complete",)]


# --- two at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_two_runners_on_one_cache_never_send_one_question_twice(tmp_path: Path, seed: int) -> None:
    """Each question goes to one of them; the other waits for the reply and counts a hit."""
    items = [item(number) for number in range(30)]
    shuffled = random.Random(seed).sample(items, len(items))
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        models = [model(provider(simulator.url))]
        async with Client() as client:
            one, two = await asyncio.gather(
                run(cache, models, items, Setting(client=client)),
                run(cache, models, shuffled, Setting(client=client, name="other" if seed else "run")),
            )
        assert one.tally.calls + two.tally.calls == 30
        assert one.tally.hits + two.tally.hits == 30
        return one

    _, books = simulated(Settings(latency_s=0.01, latency_jitter=1.0), work)
    assert received(books) == [1] * 30


def test_two_runners_share_one_cap(tmp_path: Path) -> None:
    """Together they stay under the cap of their run."""
    cap = 20_000_000
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        models = [model(provider(simulator.url))]
        halves = [[item(number) for number in range(start, start + 100)] for start in (0, 100)]
        async with Client() as client:
            how = Setting(cap=cap, client=client)
            one, two = await asyncio.gather(*(run(cache, models, half, how) for half in halves))
        assert one.kinds == two.kinds == [(StopKind.BUDGET, "")]
        return one

    _, books = simulated(Settings(latency_s=0.002), work)
    assert books["total"]["nanousd"] <= rows(cache, "SELECT charged_nanousd FROM runs")[0][0] <= cap  # type: ignore[operator]


def test_a_question_given_to_another_process_while_this_one_slept_is_not_sent(tmp_path: Path) -> None:
    """After a long sleep between the grant and the sending the claim is looked at once more."""
    cache = tmp_path / "responses.db"
    calls = 0

    def now() -> float:
        # Called when the attempt is granted, then before it is sent: there the machine slept and was given up for dead.
        nonlocal calls
        calls += 1
        if calls == 2:
            other = sqlite3.connect(cache)
            other.execute("DELETE FROM claims")
            other.commit()
            other.close()
        return 1_790_000_000.0 + (100.0 if calls >= 2 else 0.0)

    how = Setting(clock=Clock(now=now))
    ran, books = simulated(Settings(), lambda simulator: run(cache, [model(provider(simulator.url))], [item(1)], how))
    assert received(books) == [1]
    assert ran.tally.replied == 1
    assert rows(cache, "SELECT state, charged_nanousd > 0, sent <> '' FROM attempts") == [
        ("released", 0, 0),
        ("settled", 1, 0),
    ]


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [0, 3_000_000, 10_000_000, 25_000_000])
def test_a_budget_is_a_cap_and_is_used(tmp_path: Path, cap: int) -> None:
    """Neither book passes it, and what is left is less than one more call's worst case; a larger cap goes on."""
    items = [item(number) for number in range(60)]
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        models = [model(provider(simulator.url))]
        ran = await run(cache, models, items, Setting(cap=cap))
        assert simulator.ledger()["total"]["nanousd"] <= ran.money.charged <= cap
        worst = ran.tally.quoted_nanousd // ran.tally.attempts if ran.tally.attempts else 3_000_000
        assert ran.money.charged + 2 * worst > cap
        assert ran.kinds == [(StopKind.BUDGET, "")]
        assert ran.tally.replied + ran.tally.unsent <= 60
        again = await run(cache, models, items, Setting(cap=cap))
        assert again.money.charged <= cap
        return await run(cache, models, items, Setting(cap=10**12))

    ran, books = simulated(Settings(latency_s=0.002, latency_jitter=1.0), work)
    assert ran.stops == []
    assert received(books) == [1] * 60
    assert ran.money.charged == books["total"]["nanousd"]


def test_a_providers_budget_stops_that_provider_alone(tmp_path: Path) -> None:
    """It counts over all runs of the cache; the other provider goes on."""
    items = [item(number) for number in range(20)]
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        poor = replace(provider(simulator.url, "openai"), budget_nanousd=5_000_000)
        rich = replace(model(provider(simulator.url, "anthropic"), dialect="anthropic"), alias="rich")
        models = [model(poor), rich]
        await run(cache, models, items[:2], Setting(name="earlier"))
        return await run(cache, models, items)

    ran, books = simulated(Settings(), work)
    assert ran.kinds == [(StopKind.BUDGET, "sim-openai")]
    assert ran.tallies["rich"].replied + ran.tallies["rich"].hits == 20
    assert dict(status_of(cache).providers)["sim-openai"] <= 5_000_000
    assert sum(one["nanousd"] for one in books["bodies"].values()) == status_of(cache).ledger_nanousd


def test_errors_cost_nothing(tmp_path: Path) -> None:
    """Every reservation of an attempt that was refused with an HTTP error is given back."""
    cache = tmp_path / "responses.db"
    faults = {Fault.SERVER_ERROR: 0.3, Fault.BAD_GATEWAY: 0.2, Fault.OVERLOADED: 0.2}
    ran, books = simulated(
        Settings(faults=faults, retry_after_s=0.5),
        lambda simulator: run(
            cache,
            [model(replace(provider(simulator.url), max_attempts=30, deadline_s=1e6))],
            [item(number) for number in range(10)],
            Setting(clock=quick([])),
        ),
    )
    assert ran.tally.replied == 10
    assert ran.tally.attempts == sum(received(books)) > 10
    assert ran.money == Money(settled=books["total"]["nanousd"], reserved=0, in_doubt=0, attempts=ran.tally.attempts)


# --- who is stopped --------------------------------------------------------------------------------------------------


def test_a_bad_key_stops_its_provider_and_no_other(tmp_path: Path) -> None:
    """After the one call that showed it."""
    items = [item(number) for number in range(10)]

    async def work(simulator: Simulator) -> Ran:
        models = [
            model(provider(simulator.url, "openai")),
            replace(model(provider(simulator.url, "openai"), "sim-spine-small"), alias="same account"),
            model(provider(simulator.url, "gemini"), "sim-spine-large", "gemini"),
        ]
        models[2] = replace(models[2], alias="other account")
        simulator.change({"script": ["unauthorized"]})
        first = await run(tmp_path / "first.db", models[:2], items)
        assert len(simulator.ledger()["arrivals"]) == 1
        assert first.kinds == [(StopKind.PROVIDER, "sim-openai")]
        assert sum(tally.failed for tally in first.tallies.values()) == 1
        simulator.change({"keys": ["another"], "script": []})
        both = await run(tmp_path / "both.db", [models[0], models[2]], items)
        assert sorted(both.kinds) == [(StopKind.PROVIDER, "sim-gemini"), (StopKind.PROVIDER, "sim-openai")]
        simulator.change({"keys": [], "script": [None, None, None, "unauthorized"]})
        return await run(tmp_path / "some.db", [models[0], models[2]], items)

    ran, _ = simulated(Settings(keys=(KEY,)), work)
    assert len(ran.kinds) == 1
    going = "other account" if ran.kinds[0][1] == "sim-openai" else "sim-spine-large"
    assert ran.tallies[going].replied == 10
    assert "environment variable" in ran.stops[0].reason


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
def test_an_unknown_model_stops_only_that_model(tmp_path: Path, dialect: str) -> None:
    """Another model at the same provider goes on."""

    async def work(simulator: Simulator) -> Ran:
        at = provider(simulator.url, dialect)
        models = [model(at, "no-such-model", dialect), model(at, dialect=dialect)]
        return await run(tmp_path / "responses.db", models, [item(number) for number in range(10)])

    ran, _ = simulated(Settings(), work)
    assert ran.kinds == [(StopKind.MODEL, "no-such-model")]
    assert ran.tallies["sim-spine-large"].replied == 10
    assert ran.tallies["no-such-model"].failed == ran.tallies["no-such-model"].attempts == 1
    assert "litellm_model" in ran.stops[0].reason


def test_twenty_errors_in_a_row_stop_the_model(tmp_path: Path) -> None:
    """A model that never answers is given up, the others at its provider are not."""
    items = [item(number) for number in range(40)]

    async def work(simulator: Simulator) -> Ran:
        at = provider(simulator.url)
        # More output than the model can give is a bad request every time.
        greedy = replace(model(at, "sim-spine-small"), params={"max_tokens": 50_000})
        return await run(tmp_path / "responses.db", [greedy, model(at)], items)

    ran, _ = simulated(Settings(), work)
    assert ran.kinds == [(StopKind.MODEL, "sim-spine-small")]
    assert ran.tallies["sim-spine-small"].attempts == ran.tallies["sim-spine-small"].failed == 20
    assert ran.tallies["sim-spine-large"].replied == 40
    assert ran.stops[0].reason.startswith("20 errors in a row, the last: HTTP 400")


def test_nobody_at_the_address_fails_without_a_charge(tmp_path: Path) -> None:
    """Connection refused is tried again with growing waits, then failed; nothing was sent."""
    cache = tmp_path / "responses.db"
    slept: list[float] = []

    async def work(simulator: Simulator) -> Ran:
        at = replace(provider(simulator.url), api_base="http://127.0.0.1:1/v1", max_attempts=3)
        return await run(cache, [model(at)], [item(1)], Setting(clock=quick(slept)))

    ran, books = simulated(Settings(), work)
    assert received(books) == []
    assert (ran.tally.calls, ran.tally.attempts, ran.tally.failed) == (0, 3, 1)
    assert ran.money == Money(0, 0, 0, 3)
    assert len(slept) == 2
    assert "127.0.0.1:1" in status_of(cache).runs[0].models[0].failures[0][0]


# --- pace ------------------------------------------------------------------------------------------------------------


def test_the_first_call_goes_alone_and_a_model_starts_slowly(tmp_path: Path) -> None:
    """Until twenty replies are known there are never more in flight than replies and one."""
    ran, books = simulated(
        Settings(latency_s=0.05),
        lambda simulator: run(
            tmp_path / "responses.db", [model(provider(simulator.url))], [item(number) for number in range(80)]
        ),
    )
    arrivals = [arrival["at"] for arrival in books["arrivals"]]
    assert arrivals[1] >= arrivals[0] + 0.05
    for number, at in enumerate(arrivals[:20]):
        answered = sum(earlier + 0.05 <= at for earlier in arrivals[:number])
        assert number - answered <= answered
    assert 4 < books["peak_concurrency"] <= 16
    assert ran.tally.replied == 80


def test_a_retry_after_is_waited_for_by_everybody(tmp_path: Path) -> None:
    """Nothing leaves to that provider before the time it asked for, and no attempt is used up."""
    cache = tmp_path / "responses.db"
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await (over.wait() if seconds > 1 else asyncio.sleep(seconds))

    async def work(simulator: Simulator) -> Ran:
        async def watch(runner: Runner) -> None:
            await until(lambda: cache.exists() and rows(cache, "SELECT id FROM attempts WHERE status = 429") != [])
            # What was granted before the answer came still leaves.
            await until(lambda: rows(cache, "SELECT id FROM attempts WHERE state = 'open'") == [])
            paused = len(simulator.ledger()["arrivals"])
            await asyncio.sleep(0.1)
            assert len(simulator.ledger()["arrivals"]) == paused
            over.set()

        at = replace(provider(simulator.url), max_attempts=1)
        clock = Clock(now=lambda: time.time() + 40.0 * over.is_set(), sleep=sleep)
        items = [item(number) for number in range(40)]
        return await run(cache, [model(at)], items, Setting(clock=clock, beside=watch))

    ran, books = simulated(Settings(script=(None, None, Fault.RATE_LIMITED), retry_after_s=40.0), work)
    assert ran.tally.replied == 40
    assert ran.tally.attempts == 41
    assert books["rate_limited"] == 1


def test_told_to_come_back_after_the_deadline_the_provider_is_stopped(tmp_path: Path) -> None:
    """Nobody waits for an hour in silence: the run says when to come back."""
    slept: list[float] = []

    async def work(simulator: Simulator) -> Ran:
        at = replace(provider(simulator.url), deadline_s=600.0)
        return await run(
            tmp_path / "responses.db",
            [model(at)],
            [item(number) for number in range(6)],
            Setting(clock=quick(slept)),
        )

    ran, books = simulated(Settings(script=(Fault.RATE_LIMITED,), retry_after_s=3600.0), work)
    assert ran.kinds == [(StopKind.PROVIDER, "sim-openai")]
    assert "come back in 3600 s" in ran.stops[0].reason
    assert len(books["arrivals"]) == 1
    assert slept == []


def test_an_absurd_retry_after_is_told_in_any_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A date at the end of all calendars stops the provider; it does not break the run."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()

    async def work(simulator: Simulator) -> Ran:
        return await run(
            tmp_path / "responses.db", [model(provider(simulator.url))], [item(1)], Setting(clock=quick([]))
        )

    settings = Settings(script=(Fault.RATE_LIMITED,), retry_after_s=253_402_300_799.0 - time.time() - 5)
    try:
        ran, _ = simulated(replace(settings, retry_after_form=_DATE), work)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert ran.kinds == [(StopKind.PROVIDER, "sim-openai")]


_DATE = next(form for form in type(Settings().retry_after_form) if form.value == "date")


def test_no_more_calls_fly_than_the_provider_allows(tmp_path: Path) -> None:
    """Two runners on one cache share the provider's places."""

    async def work(simulator: Simulator) -> Ran:
        models = [model(replace(provider(simulator.url), max_concurrency=4))]
        halves = [[item(number) for number in range(start, start + 30)] for start in (0, 30)]
        cache = tmp_path / "responses.db"
        async with Client() as client:
            one, _ = await asyncio.gather(*(run(cache, models, half, Setting(client=client)) for half in halves))
        return one

    _, books = simulated(Settings(latency_s=0.01), work)
    assert 1 < books["peak_concurrency"] <= 4
    assert received(books) == [1] * 60


# --- stopped well ----------------------------------------------------------------------------------------------------


def test_a_halt_finishes_what_is_in_flight_and_starts_nothing(tmp_path: Path) -> None:
    """After Ctrl-C no attempt is in doubt, nothing paid for is lost, and the rest is left for the next time."""
    items = [item(number) for number in range(60)]
    cache = tmp_path / "responses.db"
    interrupted = Stop(StopKind.INTERRUPTED, "", "interrupted")

    async def work(simulator: Simulator) -> Ran:
        async def halt(runner: Runner) -> None:
            await until(lambda: len(simulator.ledger()["arrivals"]) >= 25)
            for _ in range(2):
                runner.halt(interrupted)
            # One more may be on its way into the cache at this moment.
            granted.append(len(rows(cache, "SELECT id FROM attempts")) + 1)

        models = [model(provider(simulator.url))]
        first = await run(cache, models, items, Setting(beside=halt))
        assert len(simulator.ledger()["arrivals"]) <= granted[0] < 60
        assert first.stops == [interrupted]
        assert first.money.in_doubt == first.money.reserved == 0
        assert first.tally.replied == simulator.ledger()["total"]["billed"]
        return await run(cache, models, items)

    granted: list[int] = []
    ran, books = simulated(Settings(latency_s=LATENCY_S), work)
    assert received(books) == [1] * 60
    assert ran.money.charged == books["total"]["nanousd"]


def test_a_cancelled_run_leaves_what_was_in_flight_in_doubt(tmp_path: Path) -> None:
    """A second Ctrl-C: charged at the reservation, listed, asked again next time."""
    items = [item(number) for number in range(4)]
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        models = [model(provider(simulator.url))]
        await run(cache, models, items[:1])
        simulator.change({"faults": {"hang": 1.0}})
        hanging = asyncio.create_task(run(cache, models, items))
        await until(lambda: simulator.ledger()["in_flight"] >= 1)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        found = status_of(cache)
        assert [doubt.reason for doubt in found.in_doubt] == ["interrupted before the reply came"] * len(found.in_doubt)
        assert len(found.in_doubt) == len(simulator.ledger()["arrivals"]) - 1
        assert rows(cache, "SELECT count(*) FROM claims") == [(0,)]
        simulator.change({"faults": {}})
        return await run(cache, models, items)

    ran, books = simulated(Settings(), work)
    assert ran.tally.replied == 3
    assert ran.money.in_doubt > 0
    assert ran.money.charged >= books["total"]["nanousd"]


@pytest.mark.parametrize("seed", range(8))
def test_cancelled_at_any_moment_nothing_paid_for_is_forgotten(tmp_path: Path, seed: int) -> None:
    """Whenever the run is cut, the ledger covers the simulator's bill, nothing stays open, and the rest is asked."""
    items = [item(number) for number in range(25)]
    cache = tmp_path / "responses.db"
    moment = random.Random(seed).uniform(0.0, 0.12)

    async def work(simulator: Simulator) -> Ran:
        models = [model(provider(simulator.url))]
        cut = asyncio.create_task(run(cache, models, items))
        await until(lambda: bool(simulator.ledger()["arrivals"]))
        await asyncio.sleep(moment)
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
        assert rows(cache, "SELECT count(*) FROM attempts WHERE state = 'open'") == [(0,)]
        assert rows(cache, "SELECT count(*) FROM claims") == [(0,)]
        charged, doubts = status_of(cache).ledger_nanousd, len(status_of(cache).in_doubt)
        books = simulator.ledger()
        assert charged >= books["total"]["nanousd"]
        assert status_of(cache).replies + doubts >= books["total"]["billed"]
        again = await run(cache, models, items)
        assert sum(received(simulator.ledger())) <= 25 + doubts
        return again

    ran, books = simulated(Settings(latency_s=0.01, latency_jitter=1.0), work)
    assert ran.tally.hits + ran.tally.replied == 25
    assert ran.money.charged >= books["total"]["nanousd"]


def test_a_benchmark_that_breaks_in_the_middle_is_told(tmp_path: Path) -> None:
    """The error of the items' reader ends the run, and what was paid for is kept."""
    cache = tmp_path / "responses.db"

    async def broken(one: Model) -> AsyncGenerator[Question, None]:
        async for question in questions(stream([item(1), item(2)]), one, Asking()):
            yield question
        await asyncio.sleep(0.2)
        raise BenchmarkError([Problem("b.jsonl", 3, "", "is gone")])

    async def work(simulator: Simulator) -> Ran:
        models = (model(provider(simulator.url)),)
        async with Store(cache) as store, known(store) as process_id, Client() as client:
            row = await store.do(runs.open_run, runs.RunSpec("run", "/b", "d"), None, 0.0)
            executor = LocalExecutor(client, ImageLoader(), {"sim-openai": KEY})
            runner = Runner(Plan(row.id, process_id, models), broken, store, executor)
            with pytest.raises(BenchmarkError, match="is gone"):
                await runner.run()
            return Ran(runner.tallies, runner.stops, await store.do(runs.money, row.id))

    ran, books = simulated(Settings(), work)
    assert ran.money.settled == books["total"]["nanousd"] > 0


def test_trouble_with_the_cache_stops_the_run_without_paying_again(tmp_path: Path) -> None:
    """When the ledger cannot be written nothing more is sent."""
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        async def damage(runner: Runner) -> None:
            await until(lambda: len(simulator.ledger()["arrivals"]) >= 3)
            other = sqlite3.connect(cache)
            other.execute("DROP TABLE attempts")
            other.commit()
            other.close()

        items = [item(number) for number in range(60)]
        with pytest.raises(CacheError, match="no such table"):
            await run(cache, [model(provider(simulator.url))], items, Setting(beside=damage))
        return Ran({}, [], Money(0, 0, 0, 0))

    _, books = simulated(Settings(latency_s=0.005), work)
    assert len(books["arrivals"]) < 20


def test_a_full_disk_stores_what_is_in_flight_and_stops(tmp_path: Path) -> None:
    """Trouble that the reserve could bridge ends the run as a drain."""
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        models = (model(provider(simulator.url)),)
        async with Store(cache) as store, known(store) as process_id, Client() as client:
            row = await store.do(runs.open_run, runs.RunSpec("run", "/b", "d"), None, 0.0)
            executor = LocalExecutor(client, ImageLoader(), {"sim-openai": KEY})
            items = [item(number) for number in range(60)]

            def asked(one: Model) -> AsyncGenerator[Question, None]:
                return questions(stream(items), one, Asking())

            runner = Runner(Plan(row.id, process_id, models), asked, store, executor)
            task = asyncio.create_task(runner.run())
            await until(lambda: len(simulator.ledger()["arrivals"]) >= 10)
            store.trouble = CacheError("the disk is full")
            await task
            return Ran(runner.tallies, runner.stops, await store.do(runs.money, row.id))

    ran, books = simulated(Settings(latency_s=LATENCY_S), work)
    assert ran.kinds == [(StopKind.CACHE, "")]
    assert ran.money == Money(books["total"]["nanousd"], 0, 0, len(books["arrivals"]))
    assert len(books["arrivals"]) < 60


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_picture_that_changed_since_the_check_is_not_sent(tmp_path: Path) -> None:
    """That item fails, says why, and costs nothing; the others are asked."""
    changed, gone, good = (picture(tmp_path, shade) for shade in (1, 2, 3))
    Path(changed.path).write_bytes(Path(good.path).read_bytes())
    Path(gone.path).unlink()
    cache = tmp_path / "responses.db"
    items = [item(1, (changed,)), item(2, (gone,)), item(3, (good,))]
    ran, books = simulated(Settings(), lambda simulator: run(cache, [model(provider(simulator.url))], items))
    assert received(books) == [1]
    assert (ran.tally.failed, ran.tally.replied, ran.tally.attempts) == (2, 1, 1)
    assert ran.money.settled == books["total"]["nanousd"]
    reasons = sorted(reason for reason, _ in status_of(cache).runs[0].models[0].failures)
    assert "has changed" in " ".join(reasons)
    assert "does not exist" in " ".join(reasons)


def test_a_picture_that_changes_while_its_request_waits_is_not_sent(tmp_path: Path) -> None:
    """Also between the preparation and the turn: never bytes that were not checked."""
    ref = picture(tmp_path, 1)
    cache = tmp_path / "responses.db"

    async def work(simulator: Simulator) -> Ran:
        models = (model(provider(simulator.url)),)
        async with Store(cache) as store, known(store) as process_id, Client() as client:
            row = await store.do(runs.open_run, runs.RunSpec("run", "/b", "d"), None, 0.0)

            class Meanwhile(LocalExecutor):
                async def prepare(self, request: object) -> None:
                    Path(ref.path).write_bytes(b"another picture")

            executor = Meanwhile(client, ImageLoader(), {"sim-openai": KEY})

            def asked(one: Model) -> AsyncGenerator[Question, None]:
                return questions(stream([item(1, (ref,))]), one, Asking())

            runner = Runner(Plan(row.id, process_id, models), asked, store, executor)
            await runner.run()
            return Ran(runner.tallies, runner.stops, await store.do(runs.money, row.id))

    ran, books = simulated(Settings(), work)
    assert books["arrivals"] == []
    assert (ran.tally.failed, ran.tally.attempts, ran.tally.calls) == (1, 1, 0)
    assert ran.money == Money(0, 0, 0, 1)
    assert rows(cache, "SELECT json_group_array(state) FROM attempts") == [(json.dumps(["released"]),)]
