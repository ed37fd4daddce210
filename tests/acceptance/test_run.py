"""The main job in three dialects: asked once, then the same table from the cache, whatever became of its sources."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_program import NETWORK, PATHS, Finished, Program, billed_usd, model, provider, row, write_items, write_rows

from orchestrator.simulator import LedgerView, Settings, running

ITEMS = 12
MODELS = ("sim-spine-large-anthropic", "sim-spine-small-gemini", "sim-spine-small-openai")
NUMBER = re.compile(r"[0-9]+\.[0-9]+")
ASKED = tuple(part for name in MODELS for part in ("-m", name))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A benchmark that three models were asked, twice; nobody listens at the provider's address any more."""

    program: Program
    benchmark: Path
    first: Finished
    books: LedgerView
    billed_usd: float
    again: Finished
    books_after: LedgerView


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """Ask once, then give the same command again, then stop the provider."""
    program = Program(tmp_path_factory.mktemp("evaluated"))
    benchmark = write_items(program.folder / "bench", ITEMS)
    with running(Settings(latency_s=0.02)) as simulator:
        program.configure(
            *(provider(simulator, dialect) for dialect in PATHS),
            model("sim-spine-large", "anthropic"),
            model("sim-spine-small", "gemini"),
            model("sim-spine-small", "openai"),
        )
        first = program("run", "bench/items.jsonl", *ASKED, "--budget", "1")
        books, billed = simulator.ledger(), billed_usd(simulator)
        again = program("run", "bench/items.jsonl", *ASKED, "--budget", "1")
        after = simulator.ledger()
    return Evaluated(program, benchmark, first, books, billed, again, after)


def test_every_item_is_answered_in_every_dialect(evaluated: Evaluated) -> None:
    """Each dialect's requests arrive once each, are billed once each, and the table names each model."""
    books = evaluated.books
    assert books["total"]["statuses"] == {"200": ITEMS * len(MODELS)}
    assert books["total"]["billed"] == ITEMS * len(MODELS)
    assert {one["dialect"] for one in books["arrivals"]} == {"openai", "anthropic", "gemini"}
    for name in MODELS:
        assert name in evaluated.first.out
    assert "SDD" in evaluated.first.out
    assert "SLL" in evaluated.first.out


def test_the_same_command_again_makes_no_call_and_prints_the_same_table(evaluated: Evaluated) -> None:
    """The simulator saw nothing more."""
    assert evaluated.books_after["total"]["requests"] == evaluated.books["total"]["requests"]
    assert evaluated.again.out == evaluated.first.out
    assert "0 calls" in evaluated.again.err


def test_the_cache_is_announced(evaluated: Evaluated) -> None:
    """A run begins with the cache's place and how many replies it holds."""
    cache = evaluated.program.folder / "cache" / "responses.db"
    assert f"cache: {cache} (new)" in evaluated.first.err
    assert f"cache: {cache} ({ITEMS * len(MODELS)} replies)" in evaluated.again.err


def test_run_and_score_give_the_same_json(evaluated: Evaluated) -> None:
    """One object, on a stdout with nothing else: the same results, no call, and money that covers the bill."""
    program = evaluated.program
    run = program("run", "bench/items.jsonl", *ASKED, "--json").json
    score = program("score", "bench/items.jsonl", *ASKED, "--json").json
    assert run["calls"] == score["calls"] == 0
    assert run["cache_hits"] == score["cache_hits"] == ITEMS * len(MODELS)
    assert run["attempts"] == run["spent_usd"] == run["in_doubt_usd"] == 0
    assert run["cap_usd"] == 1
    assert run["ledger_usd"] == score["ledger_usd"] >= evaluated.billed_usd
    # Score tells more of each model, and nothing else of what both tell.
    assert {name: score["models"][name] | one for name, one in run["models"].items()} == score["models"]
    assert set(run) >= {"run", "benchmark", "wall_s"}
    for one in run["models"].values():
        assert one["items"] == one["answered"] + one["unparsed"] == ITEMS
        assert {"refused", "filtered", "truncated", "failed", "unsent", "correct", "accuracy"} <= set(one)
        assert one["accuracy_low"] <= one["accuracy"] <= one["accuracy_high"]
        assert one["bound_low"] <= one["accuracy"] <= one["bound_high"]
        assert set(one["tasks"]) == {"SDD", "SLL"}


def test_score_needs_no_network_and_no_litellm(evaluated: Evaluated) -> None:
    """The process is ended at its first connection, host look-up or import of LiteLLM: it makes none."""
    scored = evaluated.program.guarded("score", "bench/items.jsonl", *ASKED, forbidden=f"{NETWORK},litellm")
    assert scored.out == evaluated.first.out


def test_the_guard_ends_a_process(evaluated: Evaluated) -> None:
    """What the other tests rely on: a forbidden import is seen."""
    assert "forbidden: import click" in evaluated.program.guarded("--help", forbidden="click", code=97).err


@pytest.mark.parametrize("width", [80, 60])
def test_the_table_keeps_to_the_terminal(evaluated: Evaluated, width: int) -> None:
    """No line is wider than the terminal, and no number is lost."""
    scored = evaluated.program("score", "bench/items.jsonl", *ASKED, COLUMNS=str(width))
    assert max(map(len, scored.out.splitlines())) <= width
    assert sorted(NUMBER.findall(scored.out)) == sorted(NUMBER.findall(evaluated.first.out))


def test_score_survives_the_loss_of_all_but_questions_and_cache(evaluated: Evaluated, tmp_path: Path) -> None:
    """Without the pictures, with another providers.toml, and from another place, the table stays the same."""
    moved = Program(tmp_path)
    shutil.copytree(evaluated.benchmark.parent, tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "elsewhere" / "images")
    (tmp_path / "cache").mkdir()
    shutil.copy(evaluated.program.folder / "cache" / "responses.db", tmp_path / "cache")
    moved.configure("[providers.other]\napi_base = 'http://127.0.0.1:9'\nrpm = 1\ntpm = 1\n")
    assert moved("score", "elsewhere/items.jsonl", *ASKED).out == evaluated.first.out


def test_a_terminal_shows_progress_and_no_control_sequence_of_others(evaluated: Evaluated) -> None:
    """Items counted as they are done; a file's name and a row's id cannot set the window's title."""
    bench = evaluated.benchmark.parent
    title = "\x1b]0;owned\x07"
    hostile = bench / f"na{title}me.jsonl"
    shutil.copy(evaluated.benchmark, hostile)
    shown = evaluated.program.on_terminal("run", hostile, "-m", MODELS[0])
    assert f"{ITEMS}/{ITEMS}" in shown
    assert "\x1b[" in shown
    hostile.write_text(json.dumps(row(0, id=title)) + "\n")
    refused = evaluated.program.on_terminal("run", hostile, "-m", MODELS[0])
    assert "name.jsonl:1: id: " in refused
    assert title not in shown + refused


def test_a_run_that_was_never_made_is_said(evaluated: Evaluated, tmp_path: Path) -> None:
    """A name that no run has, a model that was not asked, and a benchmark that is not in this cache."""
    program = evaluated.program
    other = write_rows(tmp_path, [row(0, question="What else?")])
    assert "no run named 'nameless'" in program("score", "bench/items.jsonl", "--run", "nameless", code=2).err
    assert "asked 'other'" in program("score", "bench/items.jsonl", "-m", "other", code=2).err
    assert f"no run on {other}" in program("score", other, code=2).err


@pytest.mark.parametrize("command", [("run", *ASKED), ("score",), ("status",)], ids=lambda one: one[0])
def test_a_damaged_cache_stops_everything_and_is_kept(
    evaluated: Evaluated, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Nobody reads on past the damage, and nothing is asked because of it."""
    cache = tmp_path / "damaged.db"
    content = bytearray((evaluated.program.folder / "cache" / "responses.db").read_bytes())
    content[8192:-8192] = b"\xff" * (len(content) - 16384)
    cache.write_bytes(content)
    name, *options = command
    arguments = (name, *([] if name == "status" else ["bench/items.jsonl"]), *options, "--cache", str(cache))
    assert "damaged" in evaluated.program.guarded(*arguments, forbidden=NETWORK, code=5).err
    assert cache.read_bytes() == content
