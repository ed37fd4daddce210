"""The attacks that come in two sizes, and what each found: for the short suite, the nightly one and the README's table.

The witness is the simulator's own ledger; what is compared with it is the cache file itself (`audit`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from audit import Audit, audit, stored
from cli_program import SMALL, Started, billed, billed_usd, small, write_items
from forked import ForkedProgram, Zygote

from orchestrator.simulator import Fault, Settings, Simulator, running

RUN = ("run", "items.jsonl", "-m", SMALL, "--json")
FLYING = 200
KILLS_A_CACHE = 12
AMID_ERRORS = {
    Fault.SERVER_ERROR: 0.05,
    Fault.RESET: 0.03,
    Fault.RESET_BODY: 0.02,
    Fault.HANG: 0.01,
    Fault.NO_USAGE: 0.03,
    Fault.BAD_JSON: 0.02,
}


def cache_of(program: ForkedProgram) -> Path:
    """Return where a program's cache lies."""
    return program.folder / "cache" / "responses.db"


def fresh(zygote: Zygote, folder: Path) -> ForkedProgram:
    """Return a program in a new folder."""
    folder.mkdir(parents=True)
    return ForkedProgram(folder, zygote)


# --- kill -9 at random points ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Killed:
    """What many kills came to, over as many caches as it took."""

    kills: int
    most_flying: int
    """Most requests in flight at one kill."""
    audits: tuple[Audit, ...]


def kill_at_random(
    zygote: Zygote, folder: Path, kills: int, seed: int, items: int = 400, flying: int = FLYING
) -> Killed:
    """Kill runs at random points until it was done so many times, finishing and auditing each cache."""
    random = Random(seed)
    done, most = 0, 0
    audits: list[Audit] = []
    while done < kills:
        program = fresh(zygote, folder / str(len(audits)))
        write_items(program.folder, items)
        held: set[str] = set()
        with running(Settings(latency_jitter=0.6)) as simulator:
            program.configure(*small(simulator, max_concurrency=flying, timeout_s=60))
            for _ in range(min(KILLS_A_CACHE, kills - done)):
                with program.started(*RUN) as command:
                    _await_a_moment(command, simulator, random, flying)
                    if command.process.poll() is not None:
                        break
                    most = max(most, simulator.ledger()["in_flight"])
                    command.process.kill()
                    command.process.wait(60)
                    done += 1
                if cache_of(program).exists():
                    held |= set(stored(cache_of(program)))
            simulator.change({"latency_s": 0})
            program(*RUN)
            audits.append(audit(cache_of(program), simulator.ledger(), frozenset(held)))
    return Killed(done, most, tuple(audits))


def _await_a_moment(command: Started, simulator: Simulator, random: Random, flying: int) -> None:
    """Wait until a moment to kill: somewhere in the beginning, or with up to `flying` requests in flight."""
    simulator.change({"latency_s": 0.01})
    if random.random() < 0.25:
        time.sleep(random.uniform(0.05, 0.6))
        return
    known = billed(simulator) + 22
    _wait(command, lambda: billed(simulator) >= known)
    # Long enough that as many calls as are wanted can be in flight at once, whatever a call costs in CPU.
    simulator.change({"latency_s": 5.0})
    wanted = random.randint(1, flying)
    _wait(command, lambda: simulator.ledger()["in_flight"] >= wanted)
    time.sleep(random.uniform(0, 0.8))


def _wait(command: Started, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds() and command.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


# --- the cap ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capped:
    """What a run under a cap of half its work came to; dollars."""

    cap_usd: float
    billed_usd: float
    ledger_usd: float
    again_attempts: int
    """Attempts of the same command with the same cap."""
    raised: Audit
    """After the cap was raised and the run went on to its end."""

    @property
    def overshoot_usd(self) -> float:
        """How far bill or ledger went past the cap."""
        return max(0.0, self.billed_usd - self.cap_usd, self.ledger_usd - self.cap_usd)

    @property
    def used(self) -> float:
        """Share of the cap that was charged."""
        return self.ledger_usd / self.cap_usd


def stop_at_cap(program: ForkedProgram, flying: int, processes: int, faults: bool, items: int) -> Capped:
    """Run into a cap of half the work's cost from several processes at once, try again, then raise it."""
    write_items(program.folder, items)
    settings = Settings(latency_s=0.05, latency_jitter=0.8, faults=AMID_ERRORS if faults else {})
    with running(settings) as simulator:
        program.configure(*small(simulator, max_concurrency=flying, timeout_s=3 if faults else 60))
        cap = round(0.5 * items * _mean_usd(program, simulator), 6)
        before = billed_usd(simulator)
        capped = (*RUN, "--budget", f"{cap:.6f}")
        run_together(program, capped, processes, code=3)
        bill = billed_usd(simulator) - before
        again = program(*capped, code=3).json
        simulator.change({"faults": {}})
        raised = program(*RUN, "--budget", "100").json
        assert raised["models"][SMALL]["unsent"] == raised["models"][SMALL]["failed"] == 0
        books = simulator.ledger()
    return Capped(cap, bill, again["ledger_usd"], again["attempts"], audit(cache_of(program), books))


def _mean_usd(program: ForkedProgram, simulator: Simulator) -> float:
    """Return what one question costs, by asking a few beforehand in another run of the same cache."""
    faults = dict(simulator.settings.faults)
    simulator.change({"faults": {}})
    program(*RUN, "--limit", "5")
    simulator.change({"faults": faults})
    return billed_usd(simulator) / 5


def run_together(program: ForkedProgram, command: Sequence[str], processes: int, code: int = 0) -> None:
    """Give the same command to several processes at once and wait for all of them."""
    with ExitStack() as stack:
        started = [stack.enter_context(program.started(*command)) for _ in range(processes)]
        for one in started:
            one.finish(code)
