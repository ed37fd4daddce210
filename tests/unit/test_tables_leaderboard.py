"""The results table of a run, the paper's rows beside it, and the table of a comparison."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.grading.compare import compare_all
from orchestrator.grading.score import score_model
from orchestrator.grading.tally import tabulate
from orchestrator.records import Grade, Outcome
from orchestrator.reporting.comparison import comparison_json, comparison_table
from orchestrator.reporting.leaderboard import leaderboard
from orchestrator.reporting.markup import render_csv
from orchestrator.reporting.paper import CITATION, PUBLISHED
from orchestrator.reporting.results import RunSummary, to_json
from orchestrator.reporting.tables import Table, cell_text, p_text, render_terminal


def grades(task: str, answers: str, multi: bool = False) -> list[Grade]:
    """Return grades answered right (1), wrong (0), refused (r) or unsent (u)."""
    outcomes = {"r": Outcome.REFUSED, "u": Outcome.UNSENT}
    return [
        Grade(
            item_id=f"{task}-{number}",
            task=task,
            group=f"{task}-{number}",
            multi=multi,
            options=tuple("ABCDE"),
            gold=("A", "B") if multi else ("A",),
            letters={"1": ("A", "B") if multi else ("A",), "0": ("C",)}.get(answer, ()),
            outcome=outcomes.get(answer, Outcome.ANSWERED),
        )
        for number, answer in enumerate(answers)
    ]


def summary(models: dict[str, list[Grade]], spent: dict[str, int] | None = None) -> RunSummary:
    """Return a run of some models."""
    scores = {alias: score_model(of_model) for alias, of_model in models.items()}
    return RunSummary("run", "bench.jsonl", 0, 0, 0, 0, 0, 0, None, 0.0, scores, spent or {})


def column(table: Table, heading: str) -> list[str]:
    """Return the texts of one column."""
    (index,) = [at for at, one in enumerate(table.columns) if one.heading == heading]
    return [cell_text(row.cells[index]) for row in table.rows]


def headings(table: Table) -> list[str]:
    """Return the headings of a table."""
    return [one.heading for one in table.columns]


def test_columns_follow_the_paper() -> None:
    """SDD and SLL come first whatever the order of the file, then the others, then the overall mean and the counts."""
    run = grades("Extra", "1") + grades("SLL", "10", multi=True) + grades("SDD", "1110")
    assert headings(leaderboard(summary({"gpt": run}))) == [
        "SDD accuracy",
        "SLL accuracy",
        "SLL precision",
        "SLL recall",
        "Extra accuracy",
        "Overall mean",
        "Overall if answered",
        "Overall coverage",
        "items",
        "answered",
        "refused",
        "filtered",
        "truncated",
        "unparsed",
        "failed",
        "unsent",
    ]


def test_a_judges_spend_stands_in_its_own_row() -> None:
    """And a note says so, since no other spend is in it."""
    run = summary({"gpt": grades("SDD", "10")}, {"gpt": 500_000})
    judged = replace(run, judged={"gpt": {"j": run.models["gpt"]}}, spent_by_judge={"gpt": {"j": 2_000_000}})
    table = leaderboard(judged)
    assert column(table, "spend USD")[:2] == ["0.0005", "0.002"]
    assert any("in a row with a judge the judge's alone" in note for note in table.notes)
    assert not any("in a row with a judge" in note for note in leaderboard(run).notes)
    gpt = json.loads(json.dumps(to_json(judged)))["models"]["gpt"]
    assert (gpt["ledger_usd"], gpt["with_judge"]["j"]["ledger_usd"]) == (0.0005, 0.002)


def test_cells_are_the_scores() -> None:
    """Percent with two decimals, counts apart, the spend rounded up, guessing below the models."""
    table = leaderboard(summary({"gpt": grades("SDD", "110r"), "b": grades("SDD", "0000")}, {"gpt": 123_456_789}))
    assert [row.name for row in table.rows] == ["gpt", "b", "Random guess (expected)"]
    assert [row.origin for row in table.rows] == ["measured", "measured", "computed"]
    assert column(table, "SDD accuracy")[0].startswith("50.00 [")
    assert column(table, "SDD accuracy")[2] == "20.00"
    assert [text.split(" ")[0] for text in column(table, "Overall if answered")] == ["66.67", "0.00", "-"]
    assert column(table, "Overall if answered")[0] == "66.67 [20.7, 93.9]"
    assert column(table, "refused") == ["1", "0", "-"]
    assert column(table, "spend USD") == ["0.1235", "-", "-"]
    assert "rounded outward" in table.notes[0]
    assert table.notes[0].endswith("Spend is what the run was charged, rounded up.")
    several = replace(summary({"gpt": grades("SDD", "1")}, {"gpt": 1}), run=None)
    assert leaderboard(several).notes[0].endswith("Spend is rounded up.")
    assert "Spend" not in leaderboard(summary({"gpt": grades("SDD", "1")})).notes[0]


def test_bounds_show_where_something_is_missing() -> None:
    """An unfinished model brings the columns of the bounds and the note that explains them."""
    whole, part = leaderboard(summary({"a": grades("SDD", "10")})), leaderboard(summary({"a": grades("SDD", "10u")}))
    assert "Overall lowest" not in headings(whole)
    assert column(part, "Overall lowest")[0] == "33.33"
    assert column(part, "Overall highest")[0] == "66.67"
    assert column(part, "Overall coverage")[0] == "66.66"
    assert len(part.notes) == len(whole.notes) + 1


def test_lost_replies_of_an_item_asked_several_times_are_shown() -> None:
    """Two answered samples do not hide a third that failed: outcomes count replies, and a note says so."""
    once = leaderboard(summary({"a": grades("SDD", "10")}))
    several = leaderboard(summary({"a": grades("SDD", "10") + grades("SDD", "1r") + grades("SDD", "uu")}))
    assert [column(several, name)[0] for name in ("items", "answered", "refused", "unsent")] == ["2", "3", "1", "2"]
    assert column(several, "Overall coverage")[0] == "100.00"
    (note,) = set(several.notes) - set(leaderboard(summary({"a": grades("SDD", "u")})).notes)
    assert "count replies" in note
    assert note not in once.notes


def test_a_model_without_replies_shows_dashes() -> None:
    """Nothing paid for is no accuracy of 0."""
    table = leaderboard(summary({"mute": grades("SDD", "uu")}))
    assert column(table, "SDD accuracy")[0] == column(table, "Overall mean")[0] == "-"


def test_models_may_differ_in_their_tasks() -> None:
    """A task that one model was not asked is a dash in its row; guessing covers all tasks of the fullest model."""
    table = leaderboard(summary({"a": grades("SDD", "1"), "b": grades("SDD", "1") + grades("X", "1")}))
    assert column(table, "X accuracy")[0] == "-"
    assert column(table, "X accuracy")[2] == "20.00"


def test_a_mean_of_fewer_tasks_is_not_shown_as_the_overall_one() -> None:
    """A model that was stopped before its second task has no overall mean beside one that has both."""
    both = grades("SDD", "10") + grades("SLL", "10", multi=True)
    part = grades("SDD", "11") + grades("SLL", "uu", multi=True)
    run = summary({"both": both, "part": part})
    table = leaderboard(run)
    assert column(table, "Overall mean")[0].startswith("50.00")
    assert column(table, "Overall mean")[1] == column(table, "Overall if answered")[1] == "-"
    assert column(table, "SDD accuracy")[1].startswith("100.00")
    assert any("part has no paid reply in SLL" in note for note in table.notes)
    found = json.loads(json.dumps(to_json(run), allow_nan=False))["models"]
    assert (found["part"]["accuracy"], found["part"]["tasks_missing"]) == (1, ["SLL"])
    assert found["both"]["tasks_missing"] == []


def test_a_task_without_letters_leaves_no_overall_accuracy_of_what_was_answered() -> None:
    """All refused or unsent in one task: what was answered is of the other only, in the table as in the object."""
    whole = grades("SDD", "10") + grades("SLL", "10", multi=True)
    refused, unsent = (grades("SDD", "10") + grades("SLL", said, multi=True) for said in ("rr", "uu"))
    run = summary({"refused": refused, "unsent": unsent, "whole": whole})
    table = leaderboard(run)
    assert column(table, "Overall mean")[0].startswith("25.00")
    assert column(table, "Overall if answered")[:2] == ["-", "-"]
    found = json.loads(json.dumps(to_json(run), allow_nan=False))["models"]
    keys = ("answered_accuracy", "answered_low", "answered_high")
    assert [found[model][key] for model in ("refused", "unsent") for key in keys] == [None] * 6
    assert found["refused"]["tasks"]["SDD"]["answered_accuracy"] == found["whole"]["answered_accuracy"] == 0.5


def test_pairs_on_fewer_tasks_are_named() -> None:
    """One task beside two in one family of tests is said; a single pair has no family."""
    both = tabulate(grades("SDD", "1010") + grades("SLL", "10", multi=True))
    tables = {"a": both, "b": both, "c": tabulate(grades("SDD", "1100") + grades("SLL", "uu", multi=True))}
    pairs = compare_all(tables)
    notes = comparison_table(pairs).notes
    assert "A = a, B = c: on SDD only, without SLL." in notes
    assert not any(note.startswith("A = a, B = b") for note in notes)
    assert any("on different tasks" in note for note in notes)
    assert not any("on different tasks" in note for note in comparison_table(pairs[1:2]).notes)
    assert comparison_json(pairs[1])["tasks_missing"] == ["SLL"]


def test_a_task_called_overall_keeps_its_column() -> None:
    """The mean over the tasks is not mixed up with a task of that name."""
    table = leaderboard(summary({"a": grades("Overall", "1111") + grades("SDD", "0000")}))
    assert column(table, "Overall accuracy")[0].startswith("100.00")
    assert column(table, "Overall mean")[0].startswith("50.00")


def test_an_empty_run_has_a_table() -> None:
    """No models and no items are no crash."""
    assert render_terminal(leaderboard(summary({})), 80)
    assert [row.name for row in leaderboard(summary({"a": []})).rows] == ["a"]


def test_published_rows_are_marked_and_cited() -> None:
    """The paper's rows come last, each with an asterisk, and the note says that they are not re-measured."""
    run = summary({"gpt": grades("SDD", "10") + grades("SLL", "10", multi=True)})
    table = leaderboard(run, PUBLISHED)
    published = [row for row in table.rows if row.origin == "published"]
    assert len(published) == 13
    assert table.rows[-13:] == tuple(published)
    assert all(row.title.endswith(" *") for row in published)
    assert CITATION in table.notes[-2]
    assert "not re-measured" in table.notes[-2]
    assert table.notes[-1] == (
        "The paper prints 15.84 as the mean of HuatuoGPT-Vision-7B; its two accuracies give 15.54."
    )
    gemini = [values[3] for values in (column(table, name) for name in headings(table)[:5])]
    assert gemini == ["32.37", "9.35", "48.61", "63.55", "20.86"]
    shown = render_terminal(table, 120)
    assert all(row.title in shown for row in published)


def test_published_columns_do_not_appear_for_other_benchmarks() -> None:
    """Beside a run without SLL the paper's SLL numbers are left out."""
    assert "SLL accuracy" not in headings(leaderboard(summary({"a": grades("SDD", "1")}), PUBLISHED))


def test_the_paper_agrees_with_itself() -> None:
    """Overall is the mean of both accuracies in all printed rows but one."""
    full = [row for row in PUBLISHED if row.sll_accuracy is not None]
    assert len(full) == 12
    off = [
        row.model
        for row in full
        if row.overall != pytest.approx((row.sdd_accuracy + (row.sll_accuracy or 0)) / 2, abs=0.0051)
    ]
    assert len(off) == 1


def test_a_comparison_is_a_row_a_pair() -> None:
    """Each pair has its counts, difference and p values, then the variants; a pair that shares nothing has dashes."""
    tables = {
        "a": tabulate(grades("SDD", "111111r0") + grades("SLL", "11")),
        "b": tabulate(grades("SDD", "00000010") + grades("SLL", "01")),
        "c": tabulate(grades("X", "1")),
    }
    pairs = compare_all(tables)
    table = comparison_table(pairs)
    assert [row.name for row in table.rows] == [
        "A = a, B = b",
        "both answered",
        "SDD",
        "SLL",
        "A = a, B = c",
        "both answered",
        "A = b, B = c",
        "both answered",
    ]
    assert column(table, "only A")[0] == "7"
    assert column(table, "items") == ["10", "9", "8", "2", "0", "0", "0", "0"]
    assert column(table, "A - B")[0].startswith("56.25 [")
    assert column(table, "p Holm")[1] == "-"
    found = json.loads(json.dumps([comparison_json(pair) for pair in pairs], allow_nan=False))
    assert found[0]["paid"]["only_a"] == 7
    assert found[0]["paid"]["difference_low"] <= 0.5625 <= found[0]["paid"]["difference_high"]
    assert found[0]["tasks"]["SLL"]["items"] == 2
    assert found[1]["paid"] is None


def test_every_line_of_csv_names_its_pair() -> None:
    """The terminal tells it by the row above; a line of CSV is read by itself."""
    tables = {name: tabulate(grades("SDD", "10") + grades("SLL", "01")) for name in "abc"}
    table = comparison_table(compare_all(tables))
    names = [line.split('",')[0].strip('"') for line in render_csv(table).splitlines()[1:]]
    parts = ("", ": both answered", ": SDD", ": SLL")
    assert names == [f"A = {a}, B = {b}{part}" for a, b in ("ab", "ac", "bc") for part in parts]
    assert "A = " not in table.rows[1].title


def test_what_is_right_of_several_replies_is_said_where_there_are_several() -> None:
    """The counts take more than half, the accuracies the share."""
    once = grades("SDD", "11")
    twice = [*once, *(one._replace(sample=1) for one in grades("SDD", "10"))]
    (again,) = compare_all({"a": tabulate(once), "b": tabulate(twice)})
    assert again.paid is not None
    assert (again.paid.both, again.paid.only_a, again.paid.accuracy_b) == (1, 1, 0.75)
    assert any("more than half of its replies" in note for note in comparison_table([again]).notes)
    plain = compare_all({"a": tabulate(once), "b": tabulate(once)})
    assert not any("asked several times" in note for note in comparison_table(plain).notes)


def test_an_interval_that_disagrees_with_p_is_explained() -> None:
    """Five of six items differ: the interval leaves 0 out, and the test cannot fall below .05."""
    five, six = (
        compare_all({"a": tabulate(grades("SDD", "111111")), "b": tabulate(grades("SDD", answers))})
        for answers in ("000001", "000000")
    )
    (headline,) = [pair.paid for pair in five if pair.paid]
    assert headline.interval is not None
    assert (headline.interval.low > 0, headline.p) == (True, 0.0625)
    assert any("p is the test" in note for note in comparison_table(five).notes)
    assert not any("p is the test" in note for note in comparison_table(six).notes)


def test_items_left_out_of_a_comparison_are_counted() -> None:
    """Those that both were to be asked and one or both have no paid reply to, in the table and in the object."""
    pairs = compare_all({"a": tabulate(grades("SDD", "1u0u1")), "b": tabulate(grades("SDD", "110u"))})
    assert "A = a, B = b: 2 items left out, one or both have no paid reply to them." in comparison_table(pairs).notes
    assert comparison_json(pairs[0])["items_left_out"] == 2
    whole = compare_all({"a": tabulate(grades("SDD", "1")), "b": tabulate(grades("SDD", "0"))})
    assert not any("left out" in note for note in comparison_table(whole).notes)


def test_what_few_groups_cannot_show_is_said() -> None:
    """Dashes for the interval of one image and for what five would detect, with a note; none where there are six."""
    six, one = grades("SDD", "111111"), grades("SDD", "1")
    tables = {"a": tabulate(six), "b": tabulate(grades("SDD", "010101")), "c": tabulate(one)}
    pairs = compare_all(tables)
    few = comparison_table(pairs)
    assert column(few, "detectable")[2] == "-"
    assert column(few, "A - B")[2] == "0.00"
    assert any("fewer than 6 groups" in note for note in few.notes)
    assert not any("fewer than 6 groups" in note for note in comparison_table(pairs[:1]).notes)
    assert json.loads(json.dumps(comparison_json(pairs[1]), allow_nan=False))["paid"]["difference_low"] is None


def test_each_row_tells_whether_its_p_value_was_drawn() -> None:
    """A pair whose sums are too many to enumerate is drawn; one of its tasks by itself is exact."""
    left = [one for size in range(1, 30) for one in grades(f"T{size}", "1" * size)]
    right = [one for size in range(1, 30) for one in grades(f"T{size}", "0" * size)]
    table = comparison_table(compare_all({"a": tabulate(left), "b": tabulate(right)}))
    assert column(table, "p is")[:3] == ["drawn", "drawn", "exact"]
    assert any("10,000" in note for note in table.notes)


def test_the_chances_of_a_guess_are_explained_where_sets_are_asked_for() -> None:
    """Under a table with multi-answer items, and under no other."""
    multi = leaderboard(summary({"a": grades("SLL", "10", multi=True)}))
    assert any("2^k - 1" in note for note in multi.notes)
    assert not any("2^k - 1" in note for note in leaderboard(summary({"a": grades("SDD", "10")})).notes)


def test_mcnemar_is_named_where_it_is_right() -> None:
    """With one question an image its p value stands in the notes."""
    pairs = compare_all({"a": tabulate(grades("SDD", "1111")), "b": tabulate(grades("SDD", "0000"))})
    table = comparison_table(pairs)
    assert table.notes[-1] == "McNemar, a and b: p 0.1250."
    assert [row.name for row in table.rows] == ["A = a, B = b", "both answered"]


def test_a_p_value_is_never_printed_as_0() -> None:
    """Below 0.0001 the text says so."""
    assert p_text(0.00001) == "< 0.0001"
    assert p_text(0.05) == "0.0500"
    assert p_text(0.0001) == "0.0001"
