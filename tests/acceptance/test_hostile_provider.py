"""Providers that answer wrongly, hugely, slowly or never: nothing hangs, nothing paid is lost, the cap holds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from attacks import RUN, cache_of
from audit import audit
from cli_program import SMALL, billed_usd, paid_twice, requests, small, write_items, write_rows
from forked import ForkedProgram

from orchestrator.simulator import Fault, Settings, running

UNREADABLE = (Fault.HANG, Fault.DRIP, Fault.HUGE, Fault.NESTED, Fault.RESET, Fault.RESET_BODY, Fault.EMPTY_BODY)
"""What was billed and cannot be read: in doubt, and asked again."""
UNBELIEVABLE = (Fault.NO_USAGE, Fault.NEGATIVE_USAGE, Fault.ABSURD_USAGE)
"""Answers that are paid for and kept, whose bill is not believed."""
CAP = "0.01"


@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_cannot_be_read_is_in_doubt_and_asked_again(forked: ForkedProgram, fault: Fault) -> None:
    """One call in the middle of a run goes wrong: its deadline ends it, the others are kept, the cap holds."""
    write_items(forked.folder, 6)
    with running(Settings(script=(None, None, fault), drip_interval_s=0.05)) as simulator:
        forked.configure(*small(simulator, timeout_s=3))
        result = forked(*RUN, "--budget", CAP).json
        status = forked("status", "--json").json
        found = audit(cache_of(forked), simulator.ledger())
        assert requests(simulator) == 7
    found.holds()
    assert (found.questions, found.twice, found.doubts) == (6, 1, 1)
    assert result["models"][SMALL]["failed"] == result["models"][SMALL]["unsent"] == 0
    assert found.billed_nanousd / 1e9 <= result["ledger_usd"] == status["ledger_usd"] <= float(CAP)
    assert status["in_doubt"][0]["reason"]


@pytest.mark.parametrize("fault", UNBELIEVABLE)
def test_an_answer_with_a_bill_that_cannot_be_true_is_kept(forked: ForkedProgram, fault: Fault) -> None:
    """It is never asked again; its worst case stays charged and is listed."""
    write_items(forked.folder, 6)
    with running(Settings(script=(None, fault, None, fault))) as simulator:
        forked.configure(*small(simulator))
        result = forked(*RUN, "--budget", CAP).json
        status = forked("status", "--json").json
        assert forked(*RUN, "--budget", CAP).json["calls"] == 0
        assert requests(simulator) == 6
        assert paid_twice(simulator) == {}
        assert billed_usd(simulator) <= result["ledger_usd"] <= float(CAP)
    assert status["replies"] == 6
    assert len(status["in_doubt"]) == 2


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP, Fault.HUGE])
def test_a_provider_that_only_ever_does_this_ends_within_its_deadlines(forked: ForkedProgram, fault: Fault) -> None:
    """Every attempt ends by its own deadline, and the run says what failed, with every bill below the cap."""
    write_items(forked.folder, 2)
    with running(Settings(faults={fault: 1.0}, drip_interval_s=1.0, huge_bytes=20_000_000)) as simulator:
        limits = small(simulator, timeout_s=2)[0] + "max_attempts = 2\n"
        forked.configure(limits, small(simulator)[1])
        result = forked(*RUN, "--budget", CAP, code=1).json
        assert billed_usd(simulator) <= result["ledger_usd"] == result["in_doubt_usd"] <= float(CAP)
        assert requests(simulator) <= result["attempts"] == 4
    assert result["models"][SMALL]["failed"] == 2


def _told_once(program: ForkedProgram, errors: int) -> None:
    said = program("status").out.splitlines()
    assert sum(f"{errors} x HTTP 400" in line for line in said) == 1
    assert len(said) < 15
    assert len(program("status", "--json").out) < 3_000
    assert program("cache", "verify").code == 0


def test_ten_thousand_identical_errors_are_told_once(forked: ForkedProgram) -> None:
    """With one failure's record repeated, status names the reason once with its count, and stays short."""
    write_items(forked.folder, 3)
    with running(Settings(script=(None, Fault.BAD_REQUEST))) as simulator:
        forked.configure(*small(simulator))
        forked(*RUN, code=1)
    with closing(sqlite3.connect(cache_of(forked))) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(attempts)") if row[1] != "id"]
        names = ", ".join(columns)
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
            f"INSERT INTO attempts ({names}) SELECT {names} FROM attempts, n WHERE status = 400"
        )
        connection.commit()
    _told_once(forked, 10_000)
    assert cache_of(forked).stat().st_size < 10_000 * 1_500


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_run_through_ten_thousand_errors_keeps_its_cache_small(forked: ForkedProgram) -> None:
    """Every second call fails; the others are answered, and the errors take little room."""
    items = 20_000
    write_items(forked.folder, 1)
    only = json.loads((forked.folder / "items.jsonl").read_text())
    write_rows(forked.folder, [only | {"id": f"item-{number}", "question": f"{number}?"} for number in range(items)])
    with running(Settings(faults={Fault.BAD_REQUEST: 0.5})) as simulator:
        forked.configure(*small(simulator, max_concurrency=64))
        with forked.started(*RUN) as command:
            command.process.wait(1500)
            result = command.finish(1).json
        statuses = simulator.ledger()["total"]["statuses"]
        assert billed_usd(simulator) <= result["ledger_usd"]
    assert statuses["200"] + statuses["400"] == items
    assert result["models"][SMALL]["failed"] == statuses["400"] > 9_000
    _told_once(forked, statuses["400"])
    assert cache_of(forked).stat().st_size < items * 5_000
