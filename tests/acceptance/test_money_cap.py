"""The cap: neither the provider's bill nor our ledger passes it, from however many requests and processes at once."""

from __future__ import annotations

import time

import pytest
from attacks import RUN, Capped, run_together, stop_at_cap
from cli_program import (
    SMALL,
    billed,
    billed_usd,
    model,
    paid_twice,
    provider,
    requests,
    row,
    small,
    write_items,
    write_rows,
)
from forked import ForkedProgram
from PIL import Image

from orchestrator.simulator import Settings, running

FACTOR = 5


def _holds(capped: Capped) -> None:
    assert capped.overshoot_usd == 0, capped
    assert capped.used >= 0.95, capped
    capped.raised.holds()


def test_the_cap_holds_and_is_used(forked: ForkedProgram) -> None:
    """Half the work's cost as the cap: nothing above it, nearly all of it spent; the same again spends nothing more."""
    capped = stop_at_cap(forked, 50, 1, faults=False, items=140)
    _holds(capped)
    assert capped.again_attempts == 0


def test_the_cap_holds_amid_faults_from_three_processes(forked: ForkedProgram) -> None:
    """Errors, resets, hangs and missing bills, with 200 in flight: what is in doubt counts as used."""
    _holds(stop_at_cap(forked, 200, 3, faults=True, items=140))


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("faults", [False, True], ids=["well", "faults"])
@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("flying", [1, 50, 200])
def test_the_cap_holds_at_every_width(forked: ForkedProgram, flying: int, processes: int, faults: bool) -> None:
    """The same with 1, 50 and 200 in flight, from one and three processes, with and without faults."""
    _holds(stop_at_cap(forked, flying, processes, faults=faults, items=600))


# --- pictures that cost five times what the formula says -------------------------------------------------------------

SIZES = {"growing": (24, 600, 1400), "shrinking": (1400, 600, 24), "alike": (1400, 1400, 1400)}


def _dear_pictures(program: ForkedProgram, order: str, items: int) -> None:
    sides = SIZES[order]
    (program.folder / "images").mkdir()
    for number in range(items):
        side = sides[number * len(sides) // items]
        Image.new("L", (side, side), number).save(program.folder / "images" / f"{number:04d}.png")
    write_rows(program.folder, [row(number) for number in range(items)])


@pytest.mark.parametrize("order", SIZES)
@pytest.mark.parametrize("cap", ["0.0005", "0.004"])
def test_dearer_pictures_pass_the_cap_by_one_call_at_most(forked: ForkedProgram, order: str, cap: str) -> None:
    """A provider that counts pictures five times is found out by one call; then the cap holds, whatever their sizes."""
    _dear_pictures(forked, order, 30)
    with running(Settings(image_token_factor=FACTOR, latency_s=0.02)) as simulator:
        forked.configure(*small(simulator, max_concurrency=50))
        forked(*RUN, "--budget", cap, code=3)
        over = billed_usd(simulator) - float(cap)
        dearest = max(body["nanousd"] for body in simulator.ledger()["bodies"].values()) / 1e9
        assert over <= (dearest if billed(simulator) == 1 else 0.0)
        before = requests(simulator)
        forked(*RUN, "--budget", cap, code=3)
        assert requests(simulator) == before


def test_a_provider_that_counts_a_hundredfold_is_believed_and_stopped(forked: ForkedProgram) -> None:
    """Its first bill is the whole cap and more: it is charged as billed, and nothing is asked after it."""
    _dear_pictures(forked, "alike", 10)
    with running(Settings(image_token_factor=100)) as simulator:
        forked.configure(*small(simulator, max_concurrency=200))
        stopped = forked(*RUN, "--budget", "0.004", code=3).json
        assert billed(simulator) == 1
        assert stopped["ledger_usd"] == pytest.approx(billed_usd(simulator))


@pytest.mark.parametrize(("factor", "latency_s", "cap"), [(FACTOR, 0.2, "0.004"), (15, 3.0, "0.0013")])
def test_dearer_pictures_from_three_processes(forked: ForkedProgram, factor: float, latency_s: float, cap: str) -> None:
    """Processes that work on one run learn from one another's bills, and pass its cap by one call at most.

    The second cap has room for the first call of each, as it is estimated.
    """
    _dear_pictures(forked, "alike", 40)
    with running(Settings(image_token_factor=factor, latency_s=latency_s)) as simulator:
        forked.configure(*small(simulator, max_concurrency=8))
        run_together(forked, (*RUN, "--budget", cap), 3, code=3)
        dearest = max(body["nanousd"] for body in simulator.ledger()["bodies"].values()) / 1e9
        assert billed_usd(simulator) - float(cap) <= dearest


# --- a provider's lifetime budget ------------------------------------------------------------------------------------


def test_a_lifetime_budget_stops_only_its_provider(forked: ForkedProgram) -> None:
    """The other provider answers everything; the first's bill stays under its `[budget]`, also for another run."""
    write_items(forked.folder, 40)
    budget = 0.004
    other = "sim-spine-small-gemini"
    with running(Settings(latency_s=0.02)) as simulator:
        forked.configure(
            *small(simulator),
            provider(simulator, "gemini"),
            model("sim-spine-small", "gemini"),
            f"[budget]\nsim-openai = {budget}\n",
        )
        run = ("run", "items.jsonl", "-m", SMALL, "-m", other, "--json")
        stopped = forked(*run, code=3).json["models"]
        assert stopped[other]["unsent"] == stopped[other]["failed"] == 0
        assert 0 < stopped[SMALL]["unsent"] < 40
        forked(*run, "--samples", "2", code=3)
        books = simulator.ledger()
        status = forked("status", "--json").json
    at_openai = sum(one["billed"] for one in books["arrivals"] if one["dialect"] == "openai")
    assert at_openai == 40 - stopped[SMALL]["unsent"]
    assert 0.9 * budget <= status["providers"]["sim-openai"] <= budget
    assert set(paid_twice(simulator).values()) <= {2}, "the second sample of a question is another purchase"


def test_the_cap_is_the_runs_not_the_invocations(forked: ForkedProgram) -> None:
    """However often a run is killed and continued, what may have been billed counts against the one cap."""
    write_items(forked.folder, 60)
    capped = (*RUN, "--budget", "0.003")
    with running(Settings(latency_s=0.3)) as simulator:
        forked.configure(*small(simulator, max_concurrency=6))
        for _ in range(3):
            arrived = requests(simulator)
            with forked.started(*capped) as command:
                while requests(simulator) < arrived + 3 and command.process.poll() is None:
                    time.sleep(0.01)
                command.kill()
        stopped = forked(*capped, code=3).json
        assert billed_usd(simulator) <= stopped["ledger_usd"] <= 0.003
        assert stopped["in_doubt_usd"] > 0
