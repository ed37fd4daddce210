"""`orchestrator build` as a user meets it."""

from __future__ import annotations

from pathlib import Path

from build_fixtures import write_buu
from cli_program import SMALL, Program, small

from orchestrator.simulator import Settings, running


def test_a_benchmark_is_built_verified_and_built_again_from_the_command_line(tmp_path: Path) -> None:
    """The second build embeds nothing anew and writes the same items."""
    program = Program(tmp_path)
    args = ("build", "--source", f"buu={write_buu(tmp_path / 'buu')}", "-o", "bench", "--seed", "3")
    program.env["XDG_CACHE_HOME"] = str(tmp_path / "xdg")
    first = program(*args, "--json").json
    items = (tmp_path / "bench" / "items.jsonl").read_bytes()
    assert first["items"]
    assert first["work"]["embedded"] > 0
    again = program(*args, "--json").json
    assert again["work"]["embedded"] == 0
    assert (tmp_path / "bench" / "items.jsonl").read_bytes() == items
    assert "sound" in program("build", "--verify", "-o", "bench").out
    (tmp_path / "bench" / "items.jsonl").write_bytes(items + items.splitlines(keepends=True)[0])
    assert "problem" in program("build", "--verify", "-o", "bench", code=1).out


def test_the_example_configuration_is_one_that_is_understood(tmp_path: Path) -> None:
    """It fails only on the folders that are not there, named."""
    program = Program(tmp_path)
    (tmp_path / "build.toml").write_text(program("build", "--example").out, encoding="utf-8")
    assert "rsna-2024-lumbar" in program("build", "build.toml", "-o", "bench", code=2).err


def test_flags_that_do_not_go_together_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    """Each with what is missing."""
    program = Program(tmp_path)
    assert "-o DIR" in program("build", "x.toml", code=2).err
    assert "CONFIG file or --source" in program("build", "-o", "bench", code=2).err
    assert "--budget" in program("build", "--source", "buu=x", "-o", "bench", "--paraphrase", SMALL, code=2).err
    assert not (tmp_path / "bench").exists()


def test_wordings_of_a_model_are_paid_for_within_the_budget_and_refused_where_they_are_none(tmp_path: Path) -> None:
    """The simulated model answers questions; it writes none, which is said, and what it said is kept."""
    program = Program(tmp_path)
    source = f"buu={write_buu(tmp_path / 'buu')}"
    with running(Settings(latency_s=0.0)) as simulator:
        program.configure(*small(simulator))
        args = ("build", "--source", source, "-o", "bench", "--paraphrase", SMALL, "--budget", "0.5")
        assert "no wording" in program(*args, code=2).err
        assert simulator.ledger()["total"]["billed"] == 1
        assert "no wording" in program(*args, code=2).err
        assert simulator.ledger()["total"]["billed"] == 1
