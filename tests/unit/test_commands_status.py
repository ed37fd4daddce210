"""`status`, and what a run says when it ends: money, doubts and the way to go on, in words."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from paid_fixtures import provider

from orchestrator.commands import closing, status
from orchestrator.commands.closing import Account
from orchestrator.commands.counting import counted
from orchestrator.errors import CacheError
from orchestrator.inference.estimate import Load
from orchestrator.inference.plan import Stop, StopKind, Tally
from orchestrator.inference.tokens import Calibration
from orchestrator.reporting.results import RunSummary
from orchestrator.store import claims, ledger, processes, runs
from orchestrator.store.claims import Ask, Policy
from orchestrator.store.database import open_database
from orchestrator.store.ledger import Granted, Intent, Settlement, State
from orchestrator.store.runs import Money
from orchestrator.store.status import Doubt, ModelProgress, Reasked, RunStatus, Status

NOW = 1_790_000_000.0
ESC = "\x1b[31m"


def filled(path: Path, who: processes.Identity, end: Settlement | None) -> None:
    """Write a cache in which a process made one attempt, and ended it so (None: it is still open)."""
    with open_database(path).conn as connection:
        runs.open_run(connection, runs.RunSpec("run", "/b.jsonl", "d"), 10**9, NOW)
        process_id = processes.register(connection, who, time.time())
        claims.claim(connection, Ask(1, process_id, "m", "", "i", 0, 0, "w", "k", "{}"), Policy())
        intent = Intent(1, process_id, "m", "i", "k", 100, 1, 1, 1)
        verdict = ledger.begin(connection, intent, provider(), lambda pace, now: pace, lambda: NOW)
        assert isinstance(verdict, Granted)
        if end is not None:
            ledger.settle(connection, verdict.attempt_id, end)
    connection.close()


LOST = Settlement(State.DOUBT, None, NOW, reason="reset")


def test_a_cache_is_told_and_its_doubts_are_settled(tmp_path: Path) -> None:
    """From the file itself, as billed or not."""
    path = tmp_path / "responses.db"
    filled(path, processes.myself(), LOST)
    assert [doubt.reason for doubt in asyncio.run(status.read(path)).in_doubt] == ["reset"]
    assert asyncio.run(status.resolve(path, (77,), billed=False)) == 0
    assert asyncio.run(status.resolve(path, (1,), billed=True)) == 1
    found = asyncio.run(status.read(path))
    assert (found.in_doubt, found.ledger_nanousd) == ((), 100)


def test_what_a_killed_process_left_open_is_in_doubt_as_soon_as_somebody_looks(tmp_path: Path) -> None:
    """Nobody needs to run anything first."""
    path = tmp_path / "responses.db"
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    who = processes.identify(process.pid)
    filled(path, who, None)
    assert asyncio.run(status.read(path)).in_doubt == ()
    process.communicate()
    assert [doubt.item_id for doubt in asyncio.run(status.read(path)).in_doubt] == ["i"]


def test_a_cache_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A mistyped path is told."""
    with pytest.raises(CacheError, match="no cache there yet"):
        asyncio.run(status.read(tmp_path / "responses.db"))
    assert list(tmp_path.iterdir()) == []


FOUND = Status(
    replies=1234,
    ledger_nanousd=2_500_000_000,
    providers=(("openai", 2_500_000_000),),
    runs=(
        RunStatus(
            name=f"evil{ESC}",
            benchmark="/b.jsonl",
            created_at=NOW,
            touched_at=NOW + 60,
            cap_nanousd=None,
            charged_nanousd=2_000_000_000,
            models=(
                ModelProgress("m", 42, 8, 31, 2_000_000_000, 500_000_000, ((f"HTTP 500{ESC}\nnext", 3),)),
                ModelProgress("n", 10, 10, 0, 0, 0, ()),
                ModelProgress("n", 3, 2, 1, 10**9, 0, (), judge=True),
            ),
        ),
        RunStatus("capped", "/c.jsonl", NOW, NOW, 10**9, 0, ()),
        RunStatus("models-check-1", "", NOW, NOW, 10**9, 0, ()),
    ),
    in_doubt=tuple(Doubt(number, "r", "p", "m", f"i{number}{ESC}", 100, NOW, "reset") for number in range(25)),
)


def test_the_json_holds_everything() -> None:
    """Every number and every doubt, ready for a program."""
    body = status.to_json(FOUND)
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert (body["replies"], body["ledger_usd"], body["providers"]) == (1234, 2.5, {"openai": 2.5})
    assert isinstance(body["in_doubt"], list)
    assert len(body["in_doubt"]) == 25
    assert body["in_doubt"][0] == {
        "attempt": 0,
        "run": "r",
        "provider": "p",
        "model": "m",
        "item": f"i0{ESC}",
        "charged_usd": 1e-7,
        "started_at": NOW,
        "reason": "reset",
    }
    assert isinstance(body["runs"], list)
    first, second, _ = body["runs"]
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["cap_usd"], second["cap_usd"], first["ledger_usd"]) == (None, 1.0, 2.0)
    assert first["models"] == {
        "m": {
            "asked": 42,
            "replied": 8,
            "never_sent": 31,
            "ledger_usd": 2.0,
            "in_doubt_usd": 0.5,
            "failures": [{"reason": f"HTTP 500{ESC}\nnext", "attempts": 3}],
        },
        "n": {"asked": 10, "replied": 10, "never_sent": 0, "ledger_usd": 0.0, "in_doubt_usd": 0.0, "failures": []},
    }
    assert first["judges"] == {
        "n": {"asked": 3, "replied": 2, "never_sent": 1, "ledger_usd": 1.0, "in_doubt_usd": 0.0, "failures": []},
    }


def test_the_lines_tell_it_to_a_reader_and_control_no_terminal() -> None:
    """What came from a model, a provider or a file stays on its line, without escape sequences."""
    lines = list(status.lines(Path("cache.db"), FOUND))
    text = "\n".join(lines)
    assert lines[:3] == ["cache: cache.db", "1,234 replies, $2.50 charged in all", "  openai: $2.50"]
    assert "  m: 8 replied, 3 tried without a reply, 31 taken up and never sent, $2.00, $0.50 of it in doubt" in lines
    assert "  n: 10 replied, $0.00" in lines
    assert "  n (judge): 2 replied, 1 taken up and never sent, $1.00" in lines
    assert "no cap" in text
    assert "cap $1.00" in text
    assert "\x1b" not in text
    assert not any("\n" in line for line in lines)
    assert [line for line in lines if line and not line.strip()] == []
    assert sum(line.startswith("  #") for line in lines) == status.SHOWN
    assert f"... and {25 - status.SHOWN} more" in text
    assert "--resolve billed" in lines[-1]
    assert not any("--resolve" in line for line in status.lines(Path("c"), replace(FOUND, in_doubt=())))


# --- the end of a run ------------------------------------------------------------------------------------------------

SUMMARY = RunSummary("r", "b", 0, 0, 0, 0, 0, 0, 5_000_000_000, 0.0, {})
TALLY = Tally(calls=4, attempts=5, replied=4, spent_nanousd=4_000_000_000, quoted_nanousd=10_000_000_000)
LEFT = Load(calls=10, expected_nanousd=10_000_000_000, worst_nanousd=20_000_000_000)
ACCOUNT = Account(TALLY, Money(4_000_000_000, 0, 1_000_000_000, 5), LEFT)


def test_the_money_is_told_by_model() -> None:
    """A line each for those that were asked something, with how well the estimate held."""
    learnt = replace(TALLY, calibration=Calibration(replies=2, total=1.5))
    lines = list(
        closing.money_lines(
            {"m": ACCOUNT, "idle": replace(ACCOUNT, tally=Tally()), f"n{ESC}": replace(ACCOUNT, tally=learnt)}
        )
    )
    assert len(lines) == 2
    assert lines[0] == (
        "m: 5 attempts quoted at $10.00 at worst; in the run so far $4.00 settled, $0.00 reserved, $1.00 in doubt"
    )
    assert lines[1].endswith("; input billed at 0.75 of the estimate")
    assert "\x1b" not in lines[1]


def test_what_was_asked_again_is_named_with_both_charges() -> None:
    """The first ten, and how many more."""
    again = tuple(Reasked(number, "m", f"i{number}{ESC}", 10**9, 5 * 10**8) for number in range(12))
    lines = list(closing.reasked_lines(again))
    assert re.sub(r"\s+", " ", lines[0]).startswith("asked again: i0")
    assert "$1.00 in doubt from before (attempt 0), $0.50 now" in lines[0]
    assert lines[-1] == "... and 2 more were asked again"
    assert "\x1b" not in "".join(lines)
    assert list(closing.reasked_lines(())) == []


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (Stop(StopKind.INTERRUPTED, "", "interrupted"), ["interrupted", "kept"]),
        (Stop(StopKind.PROVIDER, "openai", f"bad key{ESC}"), ["provider openai", "bad key", "mended"]),
        (Stop(StopKind.MODEL, "gpt", "unknown"), ["model gpt", "unknown"]),
        (Stop(StopKind.CACHE, "", "disk full"), ["cache", "disk full", "Every paid reply was kept"]),
        (
            Stop(StopKind.BUDGET, "", "does not fit"),
            ["the cap $5.00", "does not fit", "10 questions", "$10.00", "$20.00"],
        ),
        (Stop(StopKind.BUDGET, "openai", "x"), ["lifetime budget of provider openai", "$1.00 in doubt"]),
    ],
)
def test_every_stop_says_what_happened_and_how_to_go_on(stop: Stop, words: list[str]) -> None:
    """Each ends with the command that resumes."""
    lines = list(closing.stop_lines((stop,), SUMMARY, {"m": ACCOUNT}, ("orchestrator", "run", "b c")))
    text = " ".join(lines)
    assert all(word in text for word in words)
    assert lines[-1].startswith("  orchestrator run 'b c'")
    assert "\x1b" not in text


def test_a_budget_stop_with_nothing_left_raises_nothing() -> None:
    """Another process asked the rest meanwhile."""
    done = replace(ACCOUNT, left=Load())
    stop = Stop(StopKind.BUDGET, "", "does not fit")
    *_, last = lines = list(closing.stop_lines((stop,), replace(SUMMARY, cap_nanousd=None), {"m": done}, ("x",)))
    assert "would cost" not in " ".join(lines)
    assert last == "  x"


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        (("x", "--budget", "5", "-m", "a"), "x --budget 27.00 -m a"),
        (("x", "--budget=5", "-m", "a"), "x --budget=27.00 -m a"),
        (("x", "-m", "a"), "x -m a --budget 27.00"),
    ],
)
def test_the_command_after_a_cap_names_one_that_will_do(given: tuple[str, ...], printed: str) -> None:
    """What was charged so far and the worst case of what is left, up to the cent; not the cap that just stopped it."""
    summary = replace(SUMMARY, ledger_nanousd=6_999_999_999)
    (*_, last) = closing.stop_lines((Stop(StopKind.BUDGET, "", "does not fit"),), summary, {"m": ACCOUNT}, given)
    assert last == f"  {printed}"


def test_a_providers_own_budget_is_raised_in_its_file() -> None:
    """The command stays as it is."""
    stop = Stop(StopKind.BUDGET, "openai", "does not fit")
    (*_, last) = closing.stop_lines((stop,), SUMMARY, {"m": ACCOUNT}, ("x", "--budget", "5"))
    assert last == "  x --budget 5"


# --- counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 replies"), (1, "1 reply"), (2, "2 replies"), (1_234_567, "1,234,567 replies")]
)
def test_a_noun_follows_its_count(count: int, words: str) -> None:
    """An s makes most plurals; others are given."""
    assert counted(count, "reply", "replies") == words
    assert counted(count, "call") == words.replace("replies", "calls").replace("reply", "call")


def test_one_of_a_thing_is_told_in_the_singular() -> None:
    """In `status`, and where a run ends."""
    told = list(status.lines(Path("c"), replace(FOUND, replies=1, in_doubt=FOUND.in_doubt[:1])))
    assert told[1].startswith("1 reply, ")
    assert any(line.startswith("1 attempt in doubt (") for line in told)
    one = replace(ACCOUNT, tally=replace(TALLY, attempts=1), left=Load(calls=1))
    assert next(closing.money_lines({"m": one})).startswith("m: 1 attempt quoted at ")
    (_, left, *_) = closing.stop_lines((Stop(StopKind.BUDGET, "", "does not fit"),), SUMMARY, {"m": one}, ("x",))
    assert left.endswith("; 1 question left.")
