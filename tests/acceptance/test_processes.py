"""Several processes on one cache: each question is sent once, limits are shared, and nobody blocks anybody for good."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest
from attacks import RUN, cache_of, run_together
from audit import audit, stored
from cli_program import SMALL, Started, billed, paid_twice, requests, small, write_items
from forked import ForkedProgram

from orchestrator.inference.limits import BUCKET_S
from orchestrator.simulator import Settings, running

STALE = "stale_after:1"
"""A process that was silent for a second, not a minute, is given up for dead."""


def _stands_still(pid: int) -> bool:
    # A thread inside a system call stops only when that returns, perhaps with the lock that it asked for.
    try:
        threads = [psutil.Process(one.id) for one in psutil.Process(pid).threads()]
        return all(thread.status() == psutil.STATUS_STOPPED for thread in threads)
    except psutil.NoSuchProcess:
        return False


def _suspend(command: Started, cache: Path) -> None:
    """Stop a process at a moment when it does not hold the file's lock: nobody could write then."""
    while True:
        command.process.send_signal(signal.SIGSTOP)
        command.wait_until(lambda: _stands_still(command.process.pid))
        try:
            with closing(sqlite3.connect(cache, timeout=0.2, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            command.process.send_signal(signal.SIGCONT)
            time.sleep(0.01)


def test_the_second_process_waits_for_the_first_ones_reply(forked: ForkedProgram) -> None:
    """One slow question, asked by two processes at the same time: one call, and both end well with the answer."""
    write_items(forked.folder, 1)
    with running(Settings(latency_s=1.5)) as simulator:
        forked.configure(*small(simulator))
        with forked.started(*RUN) as first:
            first.wait_until(lambda: requests(simulator) == 1)
            second = forked(*RUN).json
            assert first.finish().json["calls"] == 1
        assert (second["calls"], second["cache_hits"]) == (0, 1)
        assert second["models"][SMALL]["items"] == 1
        assert requests(simulator) == 1


def _share_a_limit(program: ForkedProgram, items: int, rpm: int) -> None:
    write_items(program.folder, items)
    with running(Settings(rpm=rpm, latency_s=0.2, latency_jitter=0.5)) as simulator:
        program.configure(*small(simulator, rpm=rpm, max_concurrency=12))
        run_together(program, RUN, 3)
        books = simulator.ledger()
    assert books["total"]["billed"] == len(books["bodies"]) == items
    assert books["rate_limited"] <= items // 100
    assert books["peak_concurrency"] <= 12


def test_three_processes_together_keep_to_the_limits(forked: ForkedProgram) -> None:
    """Requests a minute and calls at once hold for all of them together; no question is sent twice."""
    _share_a_limit(forked, 150, rpm=1500)


def test_three_processes_together_keep_to_the_tokens_a_minute(forked: ForkedProgram) -> None:
    """What is billed from the first call to the last is no more than one of them alone would have been allowed."""
    write_items(forked.folder, 40)
    tpm, flying = 120_000, 4
    with running(Settings(tpm=tpm, latency_s=0.2)) as simulator:
        forked.configure(*small(simulator, tpm=tpm, max_concurrency=flying))
        run_together(forked, RUN, 3)
        books = simulator.ledger()
    assert books["total"]["billed"] == len(books["bodies"]) == 40
    assert books["rate_limited"] == 0
    span_s = books["arrivals"][-1]["at"] - books["arrivals"][0]["at"]
    call = 1_200
    billed_tokens = books["total"]["input_tokens"] + books["total"]["output_tokens"]
    assert billed_tokens <= tpm / 60 * (BUCKET_S + span_s) + flying * call


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_three_processes_keep_to_an_enforced_600_a_minute(forked: ForkedProgram) -> None:
    """The same at full size: at most 1 % of the requests are turned away."""
    _share_a_limit(forked, 600, rpm=600)


def test_a_process_killed_while_it_holds_claims_blocks_nobody(forked: ForkedProgram) -> None:
    """One that runs beside it takes over what the dead one held and finishes everything."""
    write_items(forked.folder, 60)
    with running(Settings(latency_s=0.3)) as simulator:
        forked.configure(*small(simulator, max_concurrency=8))
        with forked.started(*RUN) as doomed, forked.started(*RUN) as other:
            doomed.wait_until(lambda: billed(simulator) >= 20)
            doomed.process.kill()
            finished = other.finish().json
        found = audit(cache_of(forked), simulator.ledger())
    assert finished["models"][SMALL]["unsent"] == finished["models"][SMALL]["failed"] == 0
    found.holds()
    assert found.questions == 60


def test_a_process_that_was_stopped_and_wakes_sends_nothing_that_another_took_over(forked: ForkedProgram) -> None:
    """It is taken for dead, its work goes on elsewhere, and when it wakes it asks only what is still free."""
    write_items(forked.folder, 60)
    with ExitStack() as stack:
        simulator = stack.enter_context(running(Settings(latency_s=0.2)))
        forked.configure(*small(simulator, max_concurrency=4))
        sleeper = stack.enter_context(forked.started(*RUN, SABOTAGE=STALE))
        sleeper.wait_until(lambda: billed(simulator) >= 8)
        _suspend(sleeper, cache_of(forked))
        other = stack.enter_context(forked.started(*RUN, SABOTAGE=STALE))
        other.wait_until(lambda: len(stored(cache_of(forked))) >= 24)
        sleeper.process.send_signal(signal.SIGCONT)
        sleeper.finish()
        other.finish()
        found = audit(cache_of(forked), simulator.ledger())
        assert sum(count - 1 for count in paid_twice(simulator).values()) <= 4, "what was in flight when it was stopped"
    found.holds()
    assert found.questions == 60


def test_one_of_three_that_is_stopped_holds_up_neither_the_others_nor_itself(forked: ForkedProgram) -> None:
    """Two take over what it held; all three end well, and what was sent twice had been in flight when it stopped."""
    write_items(forked.folder, 90)
    with ExitStack() as stack:
        simulator = stack.enter_context(running(Settings(latency_s=0.3, latency_jitter=0.9)))
        forked.configure(*small(simulator, max_concurrency=12))
        sleeper, *others = (stack.enter_context(forked.started(*RUN, SABOTAGE=STALE)) for _ in range(3))
        sleeper.wait_until(lambda: billed(simulator) >= 20)
        _suspend(sleeper, cache_of(forked))
        for other in others:
            assert other.finish().json["models"][SMALL]["unsent"] == 0
        sleeper.process.send_signal(signal.SIGCONT)
        assert sleeper.finish().json["models"][SMALL]["unsent"] == 0
        found = audit(cache_of(forked), simulator.ledger())
    found.holds()
    assert found.questions == 90
    assert found.twice <= 12, "what was in flight when it was stopped"


@pytest.mark.parametrize("way", ["clock_ahead", "clock_back"])
def test_a_process_that_starts_when_the_clock_was_set_buries_nobody(forked: ForkedProgram, way: str) -> None:
    """What another has in flight is not asked again: it lives, whatever the time."""
    write_items(forked.folder, 30)
    with ExitStack() as stack:
        simulator = stack.enter_context(running(Settings(latency_s=0.1)))
        forked.configure(*small(simulator, max_concurrency=12))
        first = stack.enter_context(forked.started(*RUN))
        first.wait_until(lambda: billed(simulator) >= 21)
        simulator.change({"latency_s": 2})
        first.wait_until(lambda: simulator.ledger()["in_flight"] >= 5)
        later = f"{way}:{time.monotonic()}"
        assert forked("status", "--json", SABOTAGE=later).json["in_doubt"] == []
        forked(*RUN, SABOTAGE=later)
        first.finish()
        found = audit(cache_of(forked), simulator.ledger())
    found.holds()
    assert (found.questions, found.twice, found.doubts) == (30, 0, 0)


def test_a_process_that_woke_and_is_killed_then_blocks_nobody(forked: ForkedProgram) -> None:
    """What it claimed after it had been taken for dead is freed as well."""
    write_items(forked.folder, 40)
    with running(Settings(latency_s=0.1)) as simulator:
        forked.configure(*small(simulator, max_concurrency=4))
        with forked.started(*RUN, SABOTAGE=STALE) as sleeper:
            sleeper.wait_until(lambda: billed(simulator) >= 4)
            _suspend(sleeper, cache_of(forked))
            forked("run", "items.jsonl", "-m", SMALL, "--limit", "1", SABOTAGE=STALE)
            forked("status", "--json", SABOTAGE=STALE)
            simulator.change({"latency_s": 60})
            arrived = requests(simulator)
            sleeper.process.send_signal(signal.SIGCONT)
            sleeper.wait_until(lambda: requests(simulator) > arrived)
            sleeper.process.kill()
            sleeper.process.wait(10)
        simulator.change({"latency_s": 0})
        finished = forked(*RUN).json
        assert finished["models"][SMALL]["unsent"] == finished["models"][SMALL]["failed"] == 0
        audit(cache_of(forked), simulator.ledger()).holds()
