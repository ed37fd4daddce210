"""A run that is killed, interrupted or cancelled: nothing paid for is lost, and nothing is paid for again."""

from __future__ import annotations

import re
import shlex
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_program import SMALL, Program, billed, billed_usd, paid_twice, requests, small, write_items

from orchestrator.simulator import Settings, running

RUN = ("run", "items.jsonl", "-m", SMALL)


def _open(cache: Path) -> int:
    """Return how many attempts are under way."""
    with closing(sqlite3.connect(cache, timeout=60)) as connection:
        return int(connection.execute("SELECT count(*) FROM attempts WHERE state = 'open'").fetchone()[0])


def test_after_kill_nine_no_stored_answer_is_paid_for_again(program: Program) -> None:
    """Only what was in flight at the kill is paid for twice; it is listed, and charged beforehand."""
    write_items(program.folder, 60)
    with running(Settings(latency_s=0.4)) as simulator:
        program.configure(*small(simulator))
        with program.started(*RUN) as command:
            command.wait_until(lambda: billed(simulator) >= 40)
            command.kill()
        killed = program("status", "--json").json
        # Not sooner: what the dead process had handed to its sockets is read, and billed, after its death.
        billed_before = billed(simulator)
        result = program(*RUN, "--json").json
        status = program("status", "--json").json
        twice = paid_twice(simulator)
        assert 0 < killed["replies"] < billed_before, "the kill must come while requests are in flight"
        assert result["calls"] == 60 - killed["replies"]
        assert status["replies"] == len(simulator.ledger()["bodies"]) == 60
        assert len(twice) == billed_before - killed["replies"]
        assert set(twice.values()) == {2}
        assert len(twice) <= len(killed["in_doubt"])
        assert status["in_doubt"] == killed["in_doubt"]
        assert result["ledger_usd"] == status["ledger_usd"] >= billed_usd(simulator)
        assert result["in_doubt_usd"] == pytest.approx(sum(one["charged_usd"] for one in killed["in_doubt"]))


def test_ctrl_c_keeps_what_is_in_flight_and_names_the_command_that_goes_on(program: Program) -> None:
    """Every request billed has its reply in the cache; the printed command asks the rest, and nothing twice."""
    write_items(program.folder, 60)
    with running(Settings(latency_s=0.3)) as simulator:
        program.configure(*small(simulator))
        with program.started(*RUN) as command:
            command.wait_until(lambda: billed(simulator) >= 20)
            command.interrupt()
            stopped = command.finish(130)
        kept = billed(simulator)
        status = program("status", "--json").json
        assert status["replies"] == kept < 60
        assert status["in_doubt"] == []
        (resume,) = re.findall(r"^  orchestrator (run .*)$", stopped.err, re.MULTILINE)
        finished = program(*shlex.split(resume), "--json").json
        assert finished["calls"] == 60 - kept
        assert paid_twice(simulator) == {}
        assert requests(simulator) == 60
        assert finished["ledger_usd"] >= billed_usd(simulator)


def test_a_closed_terminal_keeps_what_is_in_flight(program: Program) -> None:
    """However often it says so (a shell passes it on), nothing is cancelled: all that is billed has its reply."""
    write_items(program.folder, 60)
    with running(Settings(latency_s=0.3)) as simulator:
        program.configure(*small(simulator))
        with program.started(*RUN) as command:
            command.wait_until(lambda: billed(simulator) >= 20)
            for _ in range(3):
                command.process.send_signal(signal.SIGHUP)
            command.finish(130)
        status = program("status", "--json").json
        assert status["replies"] == billed(simulator) < 60
        assert status["in_doubt"] == []


def test_a_second_ctrl_c_cancels_and_lists_what_may_have_been_billed(program: Program) -> None:
    """The calls in flight are charged and in doubt; `--in-doubt hold` leaves them, `--resolve` settles them."""
    write_items(program.folder, 12)
    with running(Settings(latency_s=0.05)) as simulator:
        program.configure(*small(simulator))
        with program.started(*RUN) as command:
            command.wait_until(lambda: billed(simulator) >= 4)
            simulator.change({"latency_s": 60})
            command.wait_until(lambda: simulator.ledger()["in_flight"] >= 2)
            command.interrupt()
            command.wait_until(lambda: "stopping" in command.so_far)
            # Whatever was granted has arrived: what is cancelled on its way is in doubt and yet never billed.
            command.wait_until(lambda: simulator.ledger()["in_flight"] == _open(program.folder / "cache/responses.db"))
            command.interrupt()
            command.finish(130)
        simulator.change({"latency_s": 0})
        held = program("status", "--json").json
        doubts = held["in_doubt"]
        assert len(doubts) >= 2
        assert held["replies"] + len(doubts) == billed(simulator)
        done = program(*RUN, "--in-doubt", "hold", "--json", code=1)
        rest = done.json
        for said in (done.err, program("score", "items.jsonl", code=1).err):
            lost, again = said.splitlines()[-2:]
            assert lost.startswith(f"questions without a reply: {len(doubts)} to {SMALL} ")
            assert again.startswith("  orchestrator run items.jsonl -m ")
            assert "hold" not in again
        assert rest["models"][SMALL]["failed"] + rest["models"][SMALL]["unsent"] == len(doubts)
        assert paid_twice(simulator) == {}
        program("status", "--resolve", "billed", "--attempt", str(doubts[0]["attempt"]))
        assert len(program("status", "--json").json["in_doubt"]) == len(doubts) - 1
        ledger_usd = program("status", "--resolve", "not-billed", "--json").json["ledger_usd"]
        assert ledger_usd < held["ledger_usd"] + rest["spent_usd"]
