"""The gate to one provider: who may go, in which order, and what is taken back."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paid_fixtures import provider

from orchestrator.inference.clock import Clock
from orchestrator.inference.dispatch import HOPELESS_AFTER, SUSPECT_AFTER, Dispatcher, Go, Halted, Lane
from orchestrator.records import Provider
from orchestrator.store import claims, ledger, processes, runs
from orchestrator.store.claims import Ask, Policy
from orchestrator.store.database import Store, open_reading
from orchestrator.store.ledger import ClaimLost, Intent, OverBudget, Settlement, State
from orchestrator.store.replies import KNOWN_AFTER

T = TypeVar("T")
FAST = replace(provider(), max_concurrency=100)


# --- a lane ----------------------------------------------------------------------------------------------------------


def test_a_model_starts_slowly_until_its_usage_is_known() -> None:
    """One call, then one more for each reply, and as many as the provider allows after twenty."""
    lane = Lane("m")
    widths = []
    for _ in range(KNOWN_AFTER + 1):
        widths.append(lane.width)
        lane.succeeded()
    assert widths == [*range(1, KNOWN_AFTER + 1), float("inf")]


def test_a_model_that_only_fails_is_asked_one_call_at_a_time() -> None:
    """After five errors in a row, until something succeeds."""
    lane = Lane("m", successes=50)
    for time_ in range(SUSPECT_AFTER):
        assert lane.width == float("inf")
        lane.erred(started_at=time_, now=time_)
    assert lane.width == 1
    lane.succeeded()
    assert lane.width == float("inf")


def test_errors_that_were_in_flight_together_count_once() -> None:
    """A hundred calls that fail at one outage are one error; twenty outages in a row stop the model."""
    lane = Lane("m")
    for outage in range(HOPELESS_AFTER):
        hopeless = [lane.erred(started_at=10.0 * outage, now=10.0 * outage + 5) for _ in range(100)]
        assert lane.errors == outage + 1
        assert hopeless == [outage + 1 == HOPELESS_AFTER] * 100


@given(events=st.lists(st.booleans(), max_size=60))
def test_only_errors_in_a_row_count(events: list[bool]) -> None:
    """A success starts the count afresh."""
    lane = Lane("m")
    for moment, good in enumerate(events):
        if good:
            lane.succeeded()
        else:
            lane.erred(moment, moment)
    in_a_row = len(list(itertools.takewhile(lambda good: not good, reversed(events))))
    assert lane.errors == in_a_row


# --- turns -----------------------------------------------------------------------------------------------------------


class Gate:
    """A dispatcher that is running, on a cache with one run and one living process."""

    def __init__(self, path: Path, store: Store, at: Provider, clock: Clock) -> None:
        self.path, self.store = path, store
        self.dispatcher = Dispatcher(at, store, clock)

    def intent(self, key: str, reserve: int = 10) -> Callable[[], Awaitable[Intent]]:
        """Return a maker of an attempt's intent."""

        async def made() -> Intent:
            return Intent(1, 1, "m", "i", key, reserve, 1, 1, 1)

        return made

    async def claim(self, *keys: str) -> None:
        """Claim some keys."""
        for key in keys:
            ask = Ask(1, 1, "m", "", f"item-{key}", 0, 0, "w", key, "{}")
            await self.store.do(claims.claim, ask, Policy())

    async def granted(self, lane: Lane, key: str) -> Go:
        """Wait for a turn that must be granted."""
        verdict = await self.dispatcher.grant(lane, self.intent(key))
        assert isinstance(verdict, Go)
        return verdict

    async def end(self, lane: Lane, go: Go, *, reached: bool = True) -> None:
        """End an attempt that brought nothing."""
        await self.store.do(ledger.settle, go.granted.attempt_id, Settlement(State.RELEASED, 0, 0.0))
        self.dispatcher.ended(lane, reached=reached)

    async def on_record(self, key: str) -> None:
        """Wait until an attempt at a key is on record, whoever has heard of it."""
        for _ in range(10_000):
            if any(one[0] == key for one in self.states()):
                return
            await asyncio.sleep(0)

    def states(self) -> list[tuple[str, str, int]]:
        """Return key, state and charge of every attempt."""
        connection = open_reading(self.path)
        try:
            return [tuple(row) for row in connection.execute("SELECT key, state, charged_nanousd FROM attempts")]
        finally:
            connection.close()


@asynccontextmanager
async def gate(
    folder: Path, at: Provider = FAST, cap: int | None = None, clock: Clock | None = None
) -> AsyncIterator[Gate]:
    """Run a dispatcher."""
    path = folder / "responses.db"
    async with Store(path) as store:
        await store.do(runs.open_run, runs.RunSpec("run", "/b", "d"), cap, 0.0)
        await store.do(processes.register, processes.myself(), time.time())
        made = Gate(path, store, at, clock or Clock())
        serving = asyncio.create_task(made.dispatcher.run())
        try:
            yield made
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def ended(work: Coroutine[Any, Any, T]) -> T:
    """Run an asynchronous test, which must end within seconds."""
    return asyncio.run(asyncio.wait_for(work, 20))


def seasoned() -> Lane:
    """Return a lane whose usage is known."""
    return Lane("m", successes=KNOWN_AFTER)


async def settled(count: int = 30) -> None:
    """Let everything that can happen by itself happen."""
    for _ in range(count):
        await asyncio.sleep(0.001)


def test_a_granted_attempt_is_on_record(tmp_path: Path) -> None:
    """Charged at its reservation, before the caller hears of it."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            await one.claim("a")
            go = await one.granted(seasoned(), "a")
            assert one.states() == [("a", "open", 10)]
            assert go.intent == await one.intent("a")()

    ended(main())


def test_a_providers_first_call_leaves_alone(tmp_path: Path) -> None:
    """However many stand in line, and at however many models, until one reply came; errors prove nothing."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            await one.claim(*"abcdef")
            lanes = {key: seasoned() for key in "abcdef"}
            tasks = {key: asyncio.create_task(one.granted(lanes[key], key)) for key in "abcdef"}
            for count, expected in enumerate("ab", 1):
                await asyncio.wait([tasks[expected]], timeout=10)
                await settled()
                assert [key for key, task in tasks.items() if task.done()][-1] == expected
                assert sum(task.done() for task in tasks.values()) == count
                await one.end(lanes[expected], await tasks[expected], reached=False)
            await one.end(lanes["c"], await tasks["c"], reached=True)
            await asyncio.gather(*tasks.values())

    ended(main())


def test_turns_are_granted_in_order_of_arrival(tmp_path: Path) -> None:
    """First come, first served."""
    order: list[str] = []

    async def main() -> None:
        async with gate(tmp_path, replace(FAST, max_concurrency=3)) as one:
            keys = [f"{number:02}" for number in range(30)]
            await one.claim(*keys)
            lane = seasoned()

            async def attempt(key: str) -> None:
                go = await one.granted(lane, key)
                order.append(key)
                await one.end(lane, go)

            await asyncio.gather(*(attempt(key) for key in keys))
            assert order == keys

    ended(main())


def test_a_model_that_is_held_up_holds_up_no_other(tmp_path: Path) -> None:
    """While one model is asked one call at a time, and that call hangs, the others at the provider go on."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            keys = [f"k{number}" for number in range(20)]
            await one.claim("first", "hanging", "waiting", *keys)
            good, bad = seasoned(), Lane("bad", errors=SUSPECT_AFTER)
            await one.end(good, await one.granted(good, "first"))
            hanging = await one.granted(bad, "hanging")
            waiting = asyncio.create_task(one.granted(bad, "waiting"))
            await settled(3)
            for key in keys:
                await one.end(good, await one.granted(good, key))
            assert not waiting.done()
            await one.end(bad, hanging, reached=False)
            await waiting

    ended(main())


def test_a_halted_model_is_told_while_it_waits(tmp_path: Path) -> None:
    """Whatever it waits for: its place, the first reply, the pace; the others stay."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            await one.claim(*"abc")
            flying, waiting, other = seasoned(), seasoned(), seasoned()
            go = await one.granted(flying, "a")
            halted = asyncio.create_task(one.dispatcher.grant(waiting, one.intent("b")))
            patient = asyncio.create_task(one.dispatcher.grant(other, one.intent("c")))
            await settled(3)
            waiting.halted.set()
            one.dispatcher.wake()
            assert await halted == Halted()
            assert not patient.done()
            await one.end(flying, go)
            assert isinstance(await patient, Go)
            assert [row[0] for row in one.states()] == ["a", "c"]

    ended(main())


def test_a_pause_ends_for_a_halted_model(tmp_path: Path) -> None:
    """Nobody waits out a provider's pause for a run that was stopped."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            await one.claim(*"ab")
            lane = seasoned()
            go = await one.granted(lane, "a")
            pause = Settlement(State.RELEASED, 0, 0.0, 429, pause_until=time.time() + 60)
            await one.store.do(ledger.settle, go.granted.attempt_id, pause)
            one.dispatcher.ended(lane, reached=True)
            waiting = asyncio.create_task(one.dispatcher.grant(lane, one.intent("b")))
            await settled()
            assert not waiting.done()
            lane.halted.set()
            one.dispatcher.wake()
            assert await waiting == Halted()

    ended(main())


def test_a_pause_is_waited_for_on_the_clock(tmp_path: Path) -> None:
    """Exactly so long, by the clock that was handed in."""
    slept: list[float] = []
    start = 1_790_000_000.0

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    async def main() -> None:
        clock = Clock(now=lambda: start + sum(slept), sleep=sleep)
        async with gate(tmp_path, clock=clock) as one:
            await one.claim(*"ab")
            lane = seasoned()
            go = await one.granted(lane, "a")
            pause = Settlement(State.RELEASED, 0, 0.0, 429, pause_until=start + 60)
            await one.store.do(ledger.settle, go.granted.attempt_id, pause)
            one.dispatcher.ended(lane, reached=True)
            again = await one.granted(lane, "b")
            assert again.granted.committed_at == start + 60
            assert slept == [60.0]

    ended(main())


@pytest.mark.parametrize("cap", [0, 9])
def test_what_does_not_fit_under_the_cap_is_told(tmp_path: Path, cap: int) -> None:
    """And nothing is on record."""

    async def main() -> None:
        async with gate(tmp_path, cap=cap) as one:
            await one.claim("a")
            assert await one.dispatcher.grant(seasoned(), one.intent("a")) == OverBudget("")
            assert one.states() == []

    ended(main())


def test_room_under_the_cap_is_waited_for(tmp_path: Path) -> None:
    """What is in flight may give money back; whoever waits for it goes as soon as it does."""

    async def main() -> None:
        async with gate(tmp_path, cap=15) as one:
            await one.claim(*"ab")
            lane = seasoned()
            one.dispatcher.ended(Lane("warm", flying=1), reached=True)
            one.dispatcher._flying = 0
            go = await one.granted(lane, "a")
            waiting = asyncio.create_task(one.granted(lane, "b"))
            await settled()
            assert not waiting.done()
            await one.end(lane, go)
            await waiting
            assert one.states() == [("a", "released", 0), ("b", "open", 10)]

    ended(main())


def test_a_lost_claim_is_told(tmp_path: Path) -> None:
    """The question went to another process meanwhile."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            assert await one.dispatcher.grant(seasoned(), one.intent("never claimed")) == ClaimLost()

    ended(main())


def test_the_reservation_is_made_of_what_is_known_when_the_turn_comes(tmp_path: Path) -> None:
    """Bills that came while it stood in line count."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            await one.claim(*"ab")
            lane = seasoned()
            go = await one.granted(lane, "a")
            known = one.intent("b", 10)

            async def latest() -> Intent:
                return await known()

            waiting = asyncio.create_task(one.dispatcher.grant(lane, latest))
            await settled(3)
            known = one.intent("b", 99)
            await one.end(lane, go)
            await waiting
            assert one.states()[1] == ("b", "open", 99)

    ended(main())


def test_a_cancelled_turn_leaves_no_trace(tmp_path: Path) -> None:
    """Cancelled while it stands in line, it is neither on record nor in the way."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            await one.claim(*"abc")
            lane = seasoned()
            go = await one.granted(lane, "a")
            cancelled = asyncio.create_task(one.granted(lane, "b"))
            await settled(3)
            cancelled.cancel()
            patient = asyncio.create_task(one.granted(lane, "c"))
            await one.end(lane, go)
            await patient
            assert cancelled.cancelled()
            assert [row[0] for row in one.states()] == ["a", "c"]

    ended(main())


def test_a_turn_cancelled_at_any_moment_is_free_or_taken_back(tmp_path: Path) -> None:
    """Whenever the caller is cancelled, an attempt that it never heard of is released, and its place is free again."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            keys = [f"k{number}" for number in range(60)]
            await one.claim("warm", *keys, "last")
            lane = seasoned()
            await one.end(lane, await one.granted(lane, "warm"))
            heard: set[str] = set()

            async def attempt(key: str) -> None:
                await one.granted(lane, key)
                heard.add(key)

            for steps, key in enumerate(keys):
                task = asyncio.create_task(attempt(key))
                for _ in range(steps % 20):
                    await asyncio.sleep(0)
                if steps >= 40:
                    await one.on_record(key)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await settled()
            states = {key: state for key, state, _ in one.states()}
            assert {states[key] for key in keys if key in states and key not in heard} <= {"released"}
            assert {states[key] for key in heard} <= {"open"}
            assert lane.flying == len(heard)

    ended(main())


class Trap(Lane):
    """A lane that cancels a task when the dispatcher looks whether it may go: between two other turns."""

    victim: asyncio.Task[Go]

    @property
    def width(self) -> float:
        if not self.victim.cancelling():
            self.victim.cancel()
        return 0


def test_a_grant_that_meets_a_cancellation_is_taken_back(tmp_path: Path) -> None:
    """Granted and cancelled in one moment: nothing was sent, so nothing stays charged, and its place is free."""

    async def main() -> None:
        async with gate(tmp_path) as one:
            await one.claim(*"abc")
            lane, trap = seasoned(), Trap("trap")
            trap.victim = asyncio.create_task(one.granted(lane, "a"))
            behind = asyncio.create_task(one.dispatcher.grant(trap, one.intent("b")))
            with pytest.raises(asyncio.CancelledError):
                await trap.victim
            behind.cancel()
            assert one.states() == [("a", "released", 0)]
            assert lane.flying == 0
            await one.granted(lane, "c")

    ended(main())


def test_trouble_with_the_cache_ends_the_dispatcher(tmp_path: Path) -> None:
    """Without the ledger nothing is granted, and whoever runs the dispatcher is told."""

    async def main() -> None:
        path = tmp_path / "responses.db"
        async with Store(path) as store:
            await store.do(lambda connection: connection.execute("DROP TABLE claims") and None)
            one = Gate(path, store, FAST, Clock())
            serving = asyncio.create_task(one.dispatcher.run())
            asking = asyncio.create_task(one.dispatcher.grant(seasoned(), one.intent("a")))
            done, _ = await asyncio.wait({serving, asking}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            assert done == {serving}
            assert "no such table" in str(serving.exception())
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    ended(main())
