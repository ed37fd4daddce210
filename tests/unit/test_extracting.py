"""`extract` on files: whole or not at all, explained or not."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

from orchestrator.commands.extracting import STANDARD, extract_file
from orchestrator.errors import BenchmarkError, ConfigError, Problem
from orchestrator.grading.extract import Extracted

LINE = {"id": "q1\x1b[31m", "options": {"A": "Healthy", "B": "x\x1b]0;t\x07y"}, "output": "\x1b[2JThe answer is B."}


def write(folder: Path, *lines: object) -> Path:
    """Write a file of answers, objects as JSON and texts as they are."""
    path = folder / "answers.jsonl"
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return path


def refuse(problem: Problem) -> None:
    """Fail for a line that is skipped."""
    raise AssertionError(problem)


def test_letters_are_written_to_a_file(tmp_path: Path) -> None:
    """Whatever stood there is replaced, and nothing else is left."""
    answers = write(tmp_path, LINE | {"multi": False})
    out = tmp_path / "letters.jsonl"
    out.write_text("of before")
    assert extract_file(answers, out, refuse) == Extracted(answered=1)
    assert json.loads(out.read_text())["letters"] == ["B"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "letters.jsonl"]


def test_bad_lines_are_named_skipped_and_counted(tmp_path: Path) -> None:
    """The others are read all the same."""
    problems: list[Problem] = []
    answers = write(tmp_path, "nonsense", LINE | {"multi": False}, LINE)
    assert extract_file(answers, tmp_path / "out", problems.append) == Extracted(answered=1, skipped=2)
    assert [(problem.line, problem.field) for problem in problems] == [(1, ""), (3, "multi")]


def test_a_minus_is_stdin_and_no_file_is_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that it stands in a pipe."""
    raw = (json.dumps(LINE | {"multi": False}) + "\nnonsense\n").encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    problems: list[Problem] = []
    assert extract_file(STANDARD, None, problems.append) == Extracted(answered=1, skipped=1)
    assert problems[0].file == "stdin"
    assert json.loads(capsys.readouterr().out)["rule"] == "declared"


def test_an_explanation_shows_span_and_rules_and_no_control_sequence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Instead of the JSON line."""
    assert extract_file(write(tmp_path, LINE | {"multi": False}), None, refuse, explained=True) == Extracted(answered=1)
    shown = capsys.readouterr().out
    assert ">>>answer is B<<<" in shown
    assert "B by rule declared" in shown
    assert "final-option" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


@pytest.mark.parametrize("explained", [False, True])
def test_an_abstention_is_counted(tmp_path: Path, explained: bool) -> None:
    """Explained or not."""
    answers = write(tmp_path, LINE | {"multi": False, "output": "Hard to say."})
    assert extract_file(answers, tmp_path / "out", refuse, explained=explained) == Extracted(abstained=1)


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """One that is not there, and one that cannot be written: then nothing is."""
    answers = write(tmp_path, LINE | {"multi": False})
    with pytest.raises(ConfigError, match="none: cannot be read"):
        extract_file(tmp_path / "none", None, refuse)
    with pytest.raises(ConfigError, match="out: cannot be written"):
        extract_file(answers, tmp_path / "none" / "out", refuse)


@pytest.mark.parametrize(
    ("content", "why"), [("", "it is empty"), ("\n \n", "it is empty"), ("nonsense\n" * 60, "bad lines: 60")]
)
def test_a_file_without_a_usable_line_fails_and_nothing_is_written(tmp_path: Path, content: str, why: str) -> None:
    """As `score` fails on a benchmark without items: what stood there stays."""
    source, out = tmp_path / "answers.jsonl", tmp_path / "letters.jsonl"
    source.write_text(content)
    out.write_text("of before")
    with pytest.raises(BenchmarkError, match=re.escape(f"{source}: has no answers in it that can be used ({why})")):
        extract_file(source, out, lambda problem: None)
    assert out.read_text() == "of before"


def test_answers_are_not_written_over(tmp_path: Path) -> None:
    """The outputs of models are worth more than what is read from them."""
    answers = write(tmp_path, LINE | {"multi": False})
    before = answers.read_bytes()
    with pytest.raises(ConfigError, match="is read here and was left alone"):
        extract_file(answers, tmp_path / "." / answers.name, refuse)
    assert answers.read_bytes() == before


def test_an_output_that_fails_midway_leaves_what_was_there(tmp_path: Path) -> None:
    """The old file stays, and no part of the new one."""
    answers = write(tmp_path, LINE | {"multi": False}, "nonsense")
    out = tmp_path / "letters.jsonl"
    out.write_text("of before")
    with pytest.raises(AssertionError):
        extract_file(answers, out, refuse)
    assert out.read_text() == "of before"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_dash_is_standard_output_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it is standard input where answers are read."""
    source = tmp_path / "answers.jsonl"
    source.write_text('{"id": 1, "options": {"A": "x", "B": "y"}, "output": "B", "multi": false}\n')
    extract_file(source, STANDARD, print)
    assert '"letters": ["B"]' in capsys.readouterr().out
    assert not (tmp_path / "-").exists()
