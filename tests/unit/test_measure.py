"""The report on labelled answers: what counts as right, how shares are shown, what is said of a bad file."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from orchestrator.errors import BenchmarkError
from orchestrator.grading.measure import FEWEST, Figure, held_out, load, main, measured, misses, report, targets

OPTIONS = {"A": "Healthy", "B": "Osteophytes", "C": "Spinal canal stenosis"}


def row(output: str, gold: str, **fields: object) -> dict[str, object]:
    """Return a labelled answer, some fields of it replaced."""
    whole: dict[str, object] = {"id": "x", "source": "ours", "tier": "strong", "kind": "single", "options": OPTIONS}
    return whole | {"output": output, "gold": list(gold), "tags": []} | fields


def write(path: Path, *rows: dict[str, object]) -> Path:
    """Return a file of labelled answers."""
    file = path / "answers.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return file


def test_an_answer_is_right_when_its_letters_are_the_gold_letters(tmp_path: Path) -> None:
    """An abstention is right where there is no gold letter."""
    file = write(
        tmp_path,
        row("The answer is B.", "B"),
        row("The answer is B.", "A"),
        row("The answer is B.", ""),
        row("A or B", ""),
        row("Nothing here.", "C"),
        row("A and B", "BA", kind="multi"),
    )
    assert [one.right for one in measured(load(file))] == [True, False, False, True, False, True]


def test_each_target_is_measured_on_its_own_answers(tmp_path: Path) -> None:
    """Strong and other labels, single and multi, tagged and prose."""
    file = write(
        tmp_path,
        *[row("The answer is B.", "B")] * 3,
        row("The answer is B.", ""),
        row("I cannot tell.", ""),
        row("The answer is C.", "B", tier="llm"),
        row("【答案】AB", "AB", kind="multi"),
        row("The answers are A and B.", "AC", kind="multi"),
    )
    figures = {figure.name: (figure.hits, figure.of) for figure in targets(measured(load(file)))}
    assert figures == {
        "single, strong labels: accuracy": (4, 5),
        "single, strong labels: precision": (3, 4),
        "single, strong labels: nothing where empty": (1, 2),
        "single, labelled by models: accuracy": (0, 1),
        "multi, tagged: exact set": (1, 1),
        "multi, prose: exact set": (0, 1),
    }


def test_a_figure_shows_its_interval_and_whether_the_target_is_met() -> None:
    """A share of nothing is shown as a dash."""
    assert " ".join(str(Figure("x", 9, 10, 0.5)).split()) == "x 90.00% [59.58%, 98.21%] 9/10 target 50.0% met"
    assert str(Figure("x", 9, 10, 0.95)).endswith("MISSED")
    assert str(Figure("x", 9, 10)).endswith("9/10")
    assert str(Figure("x", 0, 0, 0.5)).split() == ["x", "-"]


def test_a_source_is_measured_with_the_rules_that_the_others_bear_out(tmp_path: Path) -> None:
    """A rule that is mostly wrong elsewhere is left out there."""
    wrong = [row("The answer is B.", "A", source="other", id=f"w{number}") for number in range(FEWEST)]
    file = write(tmp_path, *wrong, row("The answer is B.", "B"), row("B", "B", source="other"))
    figures = {figure.name: (figure.hits, figure.of) for figure in held_out(load(file))}
    assert figures["ours: accuracy (without declared)"] == (0, 1)
    assert figures["other: accuracy"] == (1, FEWEST + 1)


def test_misses_are_listed_by_class(tmp_path: Path) -> None:
    """The most frequent first, each shortened and made safe to print."""
    file = write(
        tmp_path,
        row("The answer is B.", ""),
        row("The answer is C.", ""),
        row("The answer is B. " + "x" * 400, "A"),
        row("\x1b[31mNothing here.", "A"),
        row("B", "B"),
    )
    lines = list(misses(measured(load(file))))
    assert lines[0] == "\n2 x answer where there is none, by declared"
    assert any(line.startswith("\n1 x wrong letters, by declared") for line in lines)
    assert any(line.startswith("\n1 x no answer: nothing") for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert all(len(line) < 320 for line in lines)


def test_the_report_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By target, source, rule and held-out source, and on demand with the misses."""
    file = write(tmp_path, row("The answer is B.", "B"), row("C", "B"), row("Nothing.", "", source="theirs"))
    assert main([str(file)]) == 0
    plain = capsys.readouterr().out
    assert "single, strong labels: accuracy" in plain
    assert "theirs [strong]: accuracy" in plain
    assert "abstentions: nothing 1" in plain
    assert "wrong letters" not in plain
    assert main([str(file), "--misses"]) == 0
    assert "1 x wrong letters, by bare" in capsys.readouterr().out
    assert "\n".join(report(load(file))) + "\n" == plain


def test_it_runs_as_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `make answers` does."""
    monkeypatch.setattr(sys, "argv", ["measure", str(write(tmp_path, row("B", "B")))])
    monkeypatch.delitem(sys.modules, "orchestrator.grading.measure")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("orchestrator.grading.measure", run_name="__main__")
    assert ended.value.code == 0


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Line by line, or as a whole."""
    file = tmp_path / "bad.jsonl"
    file.write_text('{"id": 1}\nnope\n[]\n' + json.dumps(row("B", "B")) + "\n", encoding="utf-8")
    with pytest.raises(BenchmarkError) as caught:
        load(file)
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]
    assert main([str(file)]) == 2
    assert "bad.jsonl:2" in capsys.readouterr().err
    file.write_text("", encoding="utf-8")
    assert main([str(file)]) == 2
    assert "holds no labelled answers" in capsys.readouterr().err
    assert main([str(tmp_path / "absent.jsonl")]) == 2
    assert "absent.jsonl" in capsys.readouterr().err
