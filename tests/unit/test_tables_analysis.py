"""The tables of what lies beneath a score, their forms, and a grading beside an earlier one."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from orchestrator.grading.analysis import analyse
from orchestrator.grading.parse import PARSER_VERSION
from orchestrator.grading.regrading import Regraded, Regrading, Said
from orchestrator.grading.score import score_table
from orchestrator.grading.tally import tabulate
from orchestrator.records import Grade, Outcome
from orchestrator.reporting.analysis_tables import analysis_tables, left_out_lines
from orchestrator.reporting.formats import Format, render
from orchestrator.reporting.paper import PUBLISHED, published_json
from orchestrator.reporting.regrading_tables import regrading_json, regrading_tables
from orchestrator.reporting.results import RunSummary
from orchestrator.reporting.tables import Percent, Table, cell_text

TEXTS = ("Healthy", "Osteophytes")
HOSTILE = "a\x1b[31m_$|\\evil{}"


def grade(
    item: str, letters: str, gold: str = "A", task: str = "SDD", sample: int = 0, rotation: int = 0, **meta: str
) -> Grade:
    """Return a grade; without letters it is a refusal."""
    return Grade(
        item_id=item,
        task=task,
        group=item,
        multi=task == "SLL",
        options=("A", "B"),
        gold=tuple(gold),
        letters=tuple(letters),
        outcome=Outcome.ANSWERED if letters else Outcome.REFUSED,
        rule="declared" if letters else "",
        sample=sample,
        rotation=rotation,
        option_texts=TEXTS if rotation == 0 else TEXTS[::-1],
        metadata=meta,
    )


def summary(models: dict[str, Sequence[Grade]]) -> RunSummary:
    """Return a run of some models that was analysed."""
    tables = {alias: tabulate(grades) for alias, grades in models.items()}
    return RunSummary(
        *("run", "bench.jsonl", 0, 0, 0, 0, 0, 0, None, 0.0),
        models={alias: score_table(table) for alias, table in tables.items()},
        tables=tables,
        analyses={alias: analyse(grades) for alias, grades in models.items()},
    )


def tables(models: dict[str, Sequence[Grade]]) -> dict[str, Table]:
    """Return the tables by title."""
    return {table.title: table for table in analysis_tables(summary(models))}


def cells(table: Table) -> dict[str, tuple[str, ...]]:
    """Return what the cells read like, by row."""
    return {row.name: tuple(map(cell_text, row.cells)) for row in table.rows}


def headings(table: Table) -> list[str]:
    """Return the columns' headings."""
    return [column.heading for column in table.columns]


def test_slices_are_rows_and_models_are_columns() -> None:
    """With the items that an accuracy rests on; a slice that a model was not asked is unknown there."""
    found = tables(
        {
            "gpt": [
                grade("1", "A", source="BUU"),
                grade("2", "B", source="BUU"),
                grade("3", "B", gold="B", source="RSNA"),
                grade("4", "", source="RSNA")._replace(outcome=Outcome.UNSENT),
                grade("5", "", source="CSXA")._replace(outcome=Outcome.FAILED),
            ],
            "one": [grade("1", "A", source="BUU")],
        }
    )
    sources = found["SDD: accuracy by source"]
    assert headings(sources) == ["items", "gpt paid", "gpt accuracy", "one paid", "one accuracy"]
    by_source = {
        row.name: [cell.value if isinstance(cell, Percent) else cell for cell in row.cells] for row in sources.rows
    }
    assert by_source == {
        "BUU": [2, 2, 0.5, 1, 1],
        "CSXA": [1, 0, None, None, None],
        "RSNA": [2, 1, 1, None, None],
    }
    assert render([sources], Format.CSV).splitlines()[-1].startswith("RSNA,measured,2,1,100.00,")
    assert [row.name for row in found["SDD: accuracy by disease"].rows] == ["Healthy", "Osteophytes"]


def test_options_of_multi_items_have_precision_and_recall() -> None:
    """With the number of replies they stand on; dashes where a model was not asked."""
    found = tables({"gpt": [grade("1", "AB", "A", "SLL")], "none": [grade("1", "A")]})
    assert cells(found["SLL: precision and recall by option"]) == {
        "Healthy": ("1", "100.00", "100.00", "-", "-", "-"),
        "Osteophytes": ("0", "0.00", "-", "-", "-", "-"),
    }


def test_a_confusion_has_a_column_for_every_option_and_every_outcome_that_came() -> None:
    """One table a model and task; whatever gave no letters is told apart, and what never came has no column."""
    lost = grade("4", "", gold="B")._replace(outcome=Outcome.FAILED)
    found = tables({"gpt": [grade("1", "A"), grade("2", "B"), grade("3", ""), lost], "sure": [grade("1", "A")]})
    table = found["SDD: right option against chosen option, gpt"]
    chosen = ["chosen Healthy", "chosen Osteophytes"]
    assert headings(table) == [*chosen, "without letters refused", "without letters failed"]
    assert cells(table) == {"Healthy": ("1", "1", "1", "0"), "Osteophytes": ("0", "0", "0", "1")}
    assert headings(found["SDD: right option against chosen option, sure"]) == chosen[:1]


def test_places_show_where_a_model_looks() -> None:
    """How often a right option stands there, how often it is chosen, and the accuracy then."""
    found = tables({"gpt": [grade("1", "A"), grade("2", "A", gold="B")], "none": []})
    assert cells(found["SDD: places in the list of options"]) == {
        "1": ("50.00", "100.00", "100.00", "-", "-", "-"),
        "2": ("50.00", "0.00", "0.00", "-", "-", "-"),
    }


def test_repeated_questions_have_a_table_of_their_own() -> None:
    """Circular accuracy where rotated, agreement where asked again, pass@k over all."""
    rotated = [
        grade("1", "A"),
        grade("1", "B", gold="B", rotation=1),
        grade("2", "A"),
        grade("2", "A", "B", rotation=1),
    ]
    sampled = [grade(item, letter, task="X", sample=n) for item in "12" for n, letter in enumerate("ABA")]
    table = tables({"gpt": [*rotated, *sampled], "once": [grade("1", "A")]})["Questions asked several times"]
    assert headings(table) == [
        *("SDD rotated items", "SDD right in all", "SDD repeated items", "SDD agreement", "SDD kappa"),
        *("X repeated items", "X agreement", "X kappa", "pass@1 items", "pass@1", "pass@2 items", "pass@2"),
        *("pass@3 items", "pass@3"),
    ]
    gpt = cells(table)["gpt"]
    assert gpt[:4] == ("2", "50.00", "2", "50.00")
    assert gpt[5:7] == ("2", "33.33")
    assert gpt[-6::2] == ("4", "4", "2")
    assert gpt[-1] == "100.00"
    assert "all tasks pooled" in table.notes[0]
    assert set(cells(table)["once"]) == {"-"}


def test_agreement_as_by_chance_has_no_sign() -> None:
    """A kappa a hair below 0 is printed as 0.000."""
    assert cell_text(-1e-17) == "0.000"
    assert cell_text(-0.001) == "-0.001"


def test_a_model_that_always_says_the_same_has_no_kappa() -> None:
    """Agreement beyond chance cannot be told from one answer."""
    table = tables({"gpt": [grade("1", "A", sample=n) for n in (0, 1)]})["Questions asked several times"]
    assert cells(table)["gpt"][:3] == ("1", "100.00", "-")


def test_what_has_no_table_says_why_and_what_to_do() -> None:
    """No source named, too many diseases, option texts that are all different: a line each."""
    alike = [grade("0", "A", source="vindr"), grade("1", "A", "B", source="vindr"), grade("2", "A", task="SLL")]
    assert list(left_out_lines(summary({"gpt": alike}))) == [
        "SLL: not by disease: no item names one; give the items theirs in metadata.disease (nothing need be asked "
        "again).",
        "SLL: not by source: no item names one; give the items theirs in metadata.source (nothing need be asked "
        "again).",
    ]
    apart = [
        grade(f"{task}{n}", "A", task=task, source="s")._replace(option_texts=(f"{task} {n}", "no"))
        for n in range(65)
        for task in ("SDD", "SLL")
    ]
    lines = list(left_out_lines(summary({"gpt": apart, "other": apart})))
    assert lines[0].startswith("SDD: not by disease: 65 different ones, and more than 64 are no categories")
    assert [line.split(":")[1] for line in lines] == [" not by disease"] * 2 + [" no confusions", " not by option"]
    assert not list(left_out_lines(summary({})))


def test_what_there_is_nothing_of_has_no_table() -> None:
    """A run without any reply."""
    assert list(analysis_tables(summary({}))) == []
    assert "Questions asked several times" not in tables({"gpt": [grade("1", "A")]})


# --- forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(Format))
def test_every_form_holds_every_table_and_no_control_sequence(form: Format) -> None:
    """Titles, names and models are made safe."""
    found = list(tables({HOSTILE: [grade("1", "A", disease=HOSTILE), grade("2", "B")]}).values())
    text = render(found, form, 200)
    assert "\x1b" not in text
    assert text.count("right option against chosen option") == 1
    assert text.count("places in the list of options") == 1


def test_a_title_is_escaped_for_its_form() -> None:
    """As every other text is."""
    table = Table("Name", (), (), (), "50 % | of_all")
    assert render([table], Format.MARKDOWN).startswith("**50 % \\| of\\_all**\n\n|")
    assert render([table], Format.LATEX).startswith("\\paragraph{50 \\% \\textbar{} of\\_all}\n")
    assert render([table], Format.CSV).splitlines()[0] == "50 % | of_all"
    assert render([table], Format.TERMINAL).splitlines()[0] == "50 % | of_all"


def test_tables_are_parted_by_an_empty_line() -> None:
    """In CSV too, where each begins with its title."""
    found = list(tables({"gpt": [grade("1", "A", source="BUU")]}).values())
    rows = list(csv.reader(io.StringIO(render(found, Format.CSV))))
    parts = [list(part) for filled, part in itertools.groupby(rows, key=bool) if filled]
    assert [part[0] for part in parts] == [[table.title] for table in found]


def test_published_rows_say_where_they_come_from() -> None:
    """That they were not re-measured is part of the object."""
    found = published_json()
    assert isinstance(found, dict)
    assert "not re-measured" in str(found["source"])
    assert isinstance(found["rows"], list)
    assert len(found["rows"]) == len(PUBLISHED)


# --- an earlier grading ----------------------------------------------------------------------------------------------


def regraded(*pairs: tuple[Grade, Said | None], held: int | None = None) -> Regraded:
    """Return grades of now beside what was read before."""
    regrading = Regrading(["gpt"])
    for now, before in pairs:
        regrading.add("gpt", now, before)
    shared = sum(before is not None for _, before in pairs)
    return regrading.regraded(shared if held is None else held, ("0",))


OLD = Said(("B",), "guess", Outcome.ANSWERED, "0")
SILENT = Said((), "", Outcome.UNPARSED, "0")


def test_changes_are_listed_with_rules_and_versions() -> None:
    """Where no letters were read, the outcome stands instead."""
    first, second = regrading_tables(regraded((grade("1", "A"), OLD), (grade("2", "A"), SILENT), (grade("3", ""), OLD)))
    assert headings(first)[2:] == ["replies changed", "replies right only now", "replies right only before"]
    assert cells(first)["gpt"][2:] == ("3", "2", "0")
    assert cells(second) == {
        "1": ("gpt", "B", "guess", "0", "A", "declared", PARSER_VERSION, "A"),
        "2": ("gpt", "(unparsed)", "-", "0", "A", "declared", PARSER_VERSION, "A"),
        "3": ("gpt", "B", "guess", "0", "(refused)", "-", PARSER_VERSION, "A"),
    }
    assert any(f"parser 0; now: parser {PARSER_VERSION}" in note for note in first.notes)


def test_sample_and_rotation_are_shown_where_there_are_several() -> None:
    """Else the columns would hold nothing but noughts."""
    _, table = regrading_tables(regraded((grade("1", "A", rotation=1), OLD)))
    assert headings(table)[:3] == ["model", "sample", "rotation"]
    assert cells(table)["1"][:3] == ("gpt", "0", "1")
    assert table.notes[0].startswith("Letters as they were shown: under rotation r")
    _, plain = regrading_tables(regraded((grade("1", "A", sample=1), OLD)))
    assert plain.notes == ()


def test_without_changes_there_is_no_list() -> None:
    """Questions that only one grading holds are counted; nothing shared is no accuracy."""
    (table,) = regrading_tables(regraded((grade("1", "B"), None), held=2))
    assert cells(table)["gpt"] == ("-", "-", "0", "0", "0")
    assert any("2 questions held only before, 1 only now" in note for note in table.notes)


def test_the_object_of_a_regrading_holds_everything() -> None:
    """Both accuracies, what cannot be compared, and of every change both readings."""
    found = regrading_json(replace(regraded((grade("1", "A"), OLD)), others=3, other_runs=("r",)))
    assert (found["other_replies"], found["other_runs"]) == (3, ["r"])
    assert found["models"] == {
        "gpt": {
            "accuracy_before": 0,
            "accuracy_before_low": 0,
            "accuracy_before_high": pytest.approx(0.7935, abs=1e-4),
            "accuracy_now": 1,
            "accuracy_now_low": pytest.approx(0.2065, abs=1e-4),
            "accuracy_now_high": 1,
            "changed": 1,
            "right_only_now": 1,
            "right_only_before": 0,
        }
    }
    assert found["parser_versions"] == ["0"]
    assert found["changes"] == [
        {
            "item_id": "1",
            "model": "gpt",
            "sample": 0,
            "rotation": 0,
            "gold": ["A"],
            "before": {"letters": ["B"], "rule": "guess", "outcome": "answered", "parser_version": "0"},
            "now": {"letters": ["A"], "rule": "declared", "outcome": "answered", "parser_version": PARSER_VERSION},
        }
    ]
