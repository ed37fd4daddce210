"""What an expected failure says, and with which exit code the program ends."""

from __future__ import annotations

from orchestrator.errors import BenchmarkError, CacheError, ConfigError, Problem


def test_a_problem_names_its_place_as_far_as_it_is_known() -> None:
    """File, line and field; a fault of the whole file has no line."""
    assert str(Problem("a.jsonl", 3, "answer", "is missing")) == "a.jsonl:3: answer: is missing"
    assert str(Problem("a.jsonl", 0, "", "is empty")) == "a.jsonl: is empty"


def test_every_problem_is_listed_up_to_a_screenful_and_the_others_are_counted() -> None:
    """All at once, not one a run."""
    problems = [Problem("a.jsonl", line, "id", "is wrong") for line in range(1, 101)]
    lines = str(BenchmarkError(problems, total=2000)).splitlines()
    assert lines[0] == "a.jsonl:1: id: is wrong"
    assert len(lines) == BenchmarkError.SHOWN + 1
    assert lines[-1] == "... and 1950 more"
    assert str(BenchmarkError(problems[:2])).count("\n") == 1


def test_each_kind_of_failure_has_its_exit_code() -> None:
    """Cache trouble outranks bad input."""
    assert (ConfigError.exit_code, BenchmarkError.exit_code, CacheError.exit_code) == (2, 2, 5)
