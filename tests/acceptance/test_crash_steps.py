"""kill -9 exactly at each step of the paid path: what is on disk is what the step promises, and the run goes on."""

from __future__ import annotations

import pytest
from attacks import RUN, cache_of
from audit import audit, stored
from cli_program import billed, small, write_items
from forked import ForkedProgram
from sabotage import STEPS

from orchestrator.simulator import Settings, running

ITEMS = 24
KILLED = -9
LEFT = {
    "claiming": (0, 0, 0),
    "claimed": (0, 0, 0),
    "reserving": (0, 0, 0),
    "granted": (0, 0, 1),
    "answered": (1, 0, 1),
    "keeping": (1, 0, 1),
    "settling": (1, 0, 1),
    "settled": (1, 1, 0),
    "unclaiming": (1, 1, 0),
}
"""Step -> calls billed, replies stored and attempts in doubt after a death at the first call's step."""


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_a_step_costs_at_most_what_was_in_flight(forked: ForkedProgram, step: str) -> None:
    """First with one call under way, then with several; afterwards every question is answered."""
    write_items(forked.folder, ITEMS)
    with running(Settings(latency_s=0.02, latency_jitter=0.9)) as simulator:
        forked.configure(*small(simulator, max_concurrency=8))
        with forked.started(*RUN, SABOTAGE=f"{step}:1") as command:
            assert command.process.wait(60) == KILLED
        status = forked("status", "--json").json
        assert (billed(simulator), status["replies"], len(status["in_doubt"])) == LEFT[step]
        with forked.started(*RUN, SABOTAGE=f"{step}:12") as command:
            assert command.process.wait(60) == KILLED
        held = frozenset(stored(cache_of(forked)))
        finished = forked(*RUN).json
        assert finished["cache_hits"] == len(held)
        assert finished["calls"] == ITEMS - len(held)
        found = audit(cache_of(forked), simulator.ledger(), held)
    found.holds()
    assert found.questions == ITEMS
    assert found.twice <= found.doubts <= 1 + 8
