"""What may have been billed: held or asked again, settled by the user, and answers that are paid for anew on demand."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from attacks import RUN, cache_of
from cli_program import SMALL, Finished, billed_usd, paid_twice, requests, small, write_items
from forked import ForkedProgram

from orchestrator.simulator import Fault, Settings, Simulator, running

ITEMS = 10


def _leave_doubts(program: ForkedProgram, simulator: Simulator) -> Finished:
    """Kill a run with several calls in flight; return the status then."""
    write_items(program.folder, ITEMS)
    program.configure(*small(simulator))
    with program.started(*RUN) as command:
        command.wait_until(lambda: len(simulator.ledger()["bodies"]) >= 3)
        simulator.change({"latency_s": 60})
        command.wait_until(lambda: simulator.ledger()["in_flight"] >= 2)
        command.kill()
    simulator.change({"latency_s": 0})
    return program("status", "--json")


def test_held_doubts_are_left_unsent_until_they_are_asked_again(forked: ForkedProgram) -> None:
    """`--in-doubt hold` sends everything else; without it each is asked once more and both charges are named."""
    with running(Settings(latency_s=0.05)) as simulator:
        before = _leave_doubts(forked, simulator).json
        doubts = {one["item"] for one in before["in_doubt"]}
        held = forked(*RUN, "--in-doubt", "hold", code=1).json
        assert held["in_doubt_usd"] == pytest.approx(sum(one["charged_usd"] for one in before["in_doubt"]))
        assert requests(simulator) == ITEMS
        asked = forked(*RUN)
        assert asked.json["calls"] == len(doubts) == requests(simulator) - ITEMS
        for item in doubts:
            assert f"asked again: {item} at {SMALL}" in asked.err
        assert asked.json["ledger_usd"] >= billed_usd(simulator)
        assert asked.json["in_doubt_usd"] == held["in_doubt_usd"]


@pytest.mark.parametrize("verdict", ["billed", "not-billed"])
def test_the_user_settles_what_was_in_doubt(forked: ForkedProgram, verdict: str) -> None:
    """Billed stays charged, not billed is given back; either way nothing is in doubt any more and sums agree."""
    with running(Settings(latency_s=0.05)) as simulator:
        before = _leave_doubts(forked, simulator).json
        charged = sum(one["charged_usd"] for one in before["in_doubt"])
        one, *others = before["in_doubt"]
        forked("status", "--resolve", verdict, "--attempt", str(one["attempt"]))
        assert len(forked("status", "--json").json["in_doubt"]) == len(others)
        settled = forked("status", "--resolve", verdict, "--json").json
        assert settled["in_doubt"] == []
        given_back = charged if verdict == "not-billed" else 0
        assert settled["ledger_usd"] == pytest.approx(before["ledger_usd"] - given_back)
        assert forked("cache", "verify").code == 0
        finished = forked(*RUN).json
        assert (finished["models"][SMALL]["unsent"], finished["in_doubt_usd"]) == (0, 0)
        assert forked("status", "--resolve", verdict, "--json").json["ledger_usd"] == finished["ledger_usd"]


def test_refused_filtered_and_truncated_are_paid_for_once_more_and_the_old_reply_is_kept(forked: ForkedProgram) -> None:
    """Three calls again and no more, though two processes ask at once; the cache then holds both replies of each."""
    write_items(forked.folder, 6)
    with running(Settings(script=(None, Fault.REFUSAL, Fault.SAFETY, Fault.TRUNCATION))) as simulator:
        forked.configure(*small(simulator))
        first = forked(*RUN).json["models"][SMALL]
        assert (first["refused"], first["filtered"], first["truncated"]) == (1, 1, 1)
        simulator.change({"latency_s": 0.5})
        again = (*RUN, "--retry", "refused,filtered,truncated")
        with forked.started(*again) as one, forked.started(*again) as other:
            calls = one.finish().json["calls"] + other.finish().json["calls"]
        assert (calls, requests(simulator)) == (3, 9)
        assert sorted(paid_twice(simulator).values()) == [2, 2, 2]
        last = forked(*RUN).json
        assert (last["calls"], last["models"][SMALL]["answered"]) == (0, 6)
        assert last["ledger_usd"] >= billed_usd(simulator)
    with closing(sqlite3.connect(cache_of(forked))) as connection:
        endings = [row[0] for row in connection.execute("SELECT ending FROM replies ORDER BY id")]
    assert len(endings) == 9
    assert {"refused", "filtered", "truncated"} <= set(endings)
