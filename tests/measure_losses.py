"""What was tried against the simulator's own ledger, and what was lost: prints the rows of the README's table.

    python tests/measure_losses.py [--kills 500] [--items 600]

A row that breaks a promise ends it with an assertion: a table with a loss in it is a bug report, not a table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "acceptance"))

from attacks import FLYING, RUN, Capped, fresh, kill_at_random, stop_at_cap
from attacks import cache_of as cache
from audit import Audit, audit, stored
from cli_program import small, write_items
from forked import Zygote
from sabotage import STEPS

from orchestrator.simulator import Settings, running

HEAD = (
    "| what was tried | calls billed twice | paid replies lost | spend shown vs billed | cap overshoot |\n"
    "|---|---|---|---|---|"
)
STEP_ITEMS = 24


def _row(tried: str, twice: str, audits: Sequence[Audit], overshoot: str) -> str:
    for one in audits:
        one.holds()
    shown = sum(one.shown_nanousd for one in audits) / 1e9
    billed = sum(one.billed_nanousd for one in audits) / 1e9
    lost = sum(one.lost + one.unlisted for one in audits)
    return f"| {tried} | {twice} | {lost} | ${shown:.4f} vs ${billed:.4f} | {overshoot} |"


def _kills(zygote: Zygote, folder: Path, kills: int) -> str:
    found = kill_at_random(zygote, folder / "kills", kills, seed=2)
    twice, listed = sum(one.twice for one in found.audits), sum(one.doubts for one in found.audits)
    calls = sum(one.calls for one in found.audits)
    return _row(
        f"kill -9 at {found.kills} random points, up to {found.most_flying} in flight, {calls:,} calls",
        f"{twice:,}, each in flight at a kill and listed ({listed:,} in doubt)",
        found.audits,
        "no cap",
    )


def _steps(zygote: Zygote, folder: Path) -> str:
    audits = []
    for step in STEPS:
        program = fresh(zygote, folder / step)
        write_items(program.folder, STEP_ITEMS)
        held: set[str] = set()
        with running(Settings(latency_s=0.02, latency_jitter=0.9)) as simulator:
            program.configure(*small(simulator, max_concurrency=8))
            for nth in (1, 12):
                with program.started(*RUN, SABOTAGE=f"{step}:{nth}") as command:
                    command.process.wait(60)
                program("status")
                if cache(program).exists():
                    held |= set(stored(cache(program)))
            program(*RUN)
            audits.append(audit(cache(program), simulator.ledger(), frozenset(held)))
    twice, listed = sum(one.twice for one in audits), sum(one.doubts for one in audits)
    return _row(
        f"kill -9 exactly at {len(STEPS)} steps of the paid path, twice each",
        f"{twice}, each in flight and listed ({listed} in doubt)",
        audits,
        "no cap",
    )


def _caps(zygote: Zygote, folder: Path, items: int) -> Iterator[str]:
    for flying in (1, 50, FLYING):
        for processes in (1, 3):
            for faults in (False, True):
                program = fresh(zygote, folder / f"cap-{flying}-{processes}-{faults}")
                yield _capped(
                    stop_at_cap(program, flying, processes, faults=faults, items=items), flying, processes, faults
                )


def _capped(found: Capped, flying: int, processes: int, faults: bool) -> str:
    assert found.overshoot_usd == 0
    among = "3 processes" if processes == 3 else "1 process"
    amid = ", amid 5xx, resets, hangs, missing usage" if faults else ""
    twice = f"{found.raised.twice}, each listed" if found.raised.twice else "0"
    return _row(
        f"cap of half the work's cost, {flying} in flight, {among}{amid}; then raised",
        twice,
        [found.raised],
        f"$0 ({found.used:.1%} of the cap used)",
    )


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--items", type=int, default=600)
    chosen = parser.parse_args()
    zygote = Zygote()
    write = sys.stdout.write
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(f"{HEAD}\n{_steps(zygote, folder)}\n")
        sys.stdout.flush()
        for row in _caps(zygote, folder, chosen.items):
            write(f"{row}\n")
            sys.stdout.flush()
        write(f"{_kills(zygote, folder, chosen.kills)}\n")
    zygote.close()


if __name__ == "__main__":
    main()
