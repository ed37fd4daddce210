"""Comparisons of models as a table and as the JSON object that `compare --json` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from orchestrator.grading.compare import FEWEST_GROUPS, By, Comparison, Paired, SliceComparison
from orchestrator.grading.paired import DRAWS
from orchestrator.records import Json
from orchestrator.reporting.tables import Cell, Column, Percent, PValue, Row, Table, p_text

_COLUMNS = (
    Column("", "items"),
    Column("", "groups"),
    Column("", "both right"),
    Column("", "only A"),
    Column("", "only B"),
    Column("", "neither"),
    Column("", "A"),
    Column("", "B"),
    Column("", "A - B", limits=True),
    Column("", "p"),
    Column("", "p is"),
    Column("", "p Holm"),
    Column("", "detectable"),
)

_TEST = (
    "p: sign-flip permutation by group, exact where all assignments of signs were counted, drawn where a seeded "
    f"{DRAWS:,} of them were."
)


def comparison_table(comparisons: Sequence[Comparison], parser_version: str = "") -> Table:
    """Return a row for each pair of models, and under it the same on the items both answered and by task."""
    rows = []
    shown = [paired for one in comparisons for paired in (one.paid, one.answered, *one.tasks.values()) if paired]
    for one in comparisons:
        pair = f"A = {one.a}, B = {one.b}"
        rows.append(Row(pair, _cells(one.paid, one.p_holm)))
        rows.append(Row("both answered", _cells(one.answered, None), of=pair))
        if len(one.tasks) > 1:
            rows += [Row(task, _cells(paired, None), of=pair) for task, paired in one.tasks.items()]
    notes = (
        "Percent; in brackets the 95 % interval of the difference, clustered by image or patient, rounded outward; on "
        "the items for which both have a paid reply. Detectable: the difference found with 80 % power at .05.",
        _TEST,
        *_left_out(comparisons),
        *_fewer_tasks(comparisons),
        *_to_be_known(shown),
        *_few_groups(rows),
        *(f"McNemar, {one.a} and {one.b}: p {p_text(p)}." for one in comparisons if (p := _mcnemar(one)) is not None),
        *([f"Answers read by version {parser_version} of the parser."] if parser_version else []),
    )
    return Table("Pair", _COLUMNS, tuple(rows), notes)


def comparison_json(comparison: Comparison) -> dict[str, Json]:
    """Return the object of one pair, ready for `json.dumps`; `paid` and `answered` are null without a shared item."""
    return {
        "a": comparison.a,
        "b": comparison.b,
        "p_holm": comparison.p_holm,
        "paid": _json(comparison.paid),
        "answered": _json(comparison.answered),
        "tasks": {task: _json(paired) for task, paired in comparison.tasks.items()},
        "tasks_missing": list(comparison.tasks_missing),
        "items_left_out": comparison.unpaid,
    }


def slice_table(a: str, b: str, by: By, slices: Sequence[SliceComparison], unsliced: Sequence[str] = ()) -> Table:
    """Return a row for each disease or source of each task, with its p value corrected for their number.

    `unsliced` says what is left out; it stands below.
    """
    columns = (Column("", "task"), *(replace(one, title="p BH") if one.title == "p Holm" else one for one in _COLUMNS))
    rows = tuple(Row(one.name, (one.task, *_cells(one.paired, one.p_adjusted))) for one in slices)
    note = f"p BH: corrected for the {len(slices)} rows by Benjamini and Hochberg (false discovery rate)."
    notes = (note, _TEST, *_to_be_known([one.paired for one in slices]), *_few_groups(rows, column=2), *unsliced)
    return Table(by.capitalize(), columns, rows, notes, f"A = {a}, B = {b}, by {by}")


def slice_json(one: SliceComparison) -> dict[str, Json]:
    """Return the object of one slice, ready for `json.dumps`."""
    return {"task": one.task, "name": one.name, "p_adjusted": one.p_adjusted, "paid": _json(one.paired)}


def _cells(paired: Paired | None, p_holm: float | None) -> tuple[Cell, ...]:
    """Return the cells of one row; without a shared item nothing but their number is known."""
    if paired is None:
        return (0, *(None for _ in _COLUMNS[1:]))
    return (
        paired.items,
        paired.groups,
        paired.both,
        paired.only_a,
        paired.only_b,
        paired.neither,
        Percent(paired.accuracy_a),
        Percent(paired.accuracy_b),
        Percent(paired.difference, *(paired.interval or ())),
        PValue(paired.p),
        "exact" if paired.exact else "drawn",
        None if p_holm is None else PValue(p_holm),
        Percent(paired.detectable),
    )


def _left_out(comparisons: Sequence[Comparison]) -> Iterator[str]:
    for one in comparisons:
        if one.unpaid:
            yield f"A = {one.a}, B = {one.b}: {one.unpaid:,} items left out, one or both have no paid reply to them."


def _to_be_known(shown: Sequence[Paired]) -> Iterator[str]:
    """Yield what counts as right where items have several replies, and why an interval and a p value may disagree."""
    if not all(one.once for one in shown):
        yield (
            "Items were asked several times: both right to neither take an item as right where more than half of its "
            "replies are; A, B and their difference take the share that is right."
        )
    if any(one.interval and (one.interval.low > 0 or one.interval.high < 0) != (one.p < 0.05) for one in shown):
        yield (
            "Where an interval leaves out 0 and p is not below .05, or the reverse: they are found by different "
            "methods, and p is the test."
        )


def _fewer_tasks(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield which pairs are compared on some of the tasks only, and that p Holm takes them together with the others."""
    partial = [one for one in comparisons if one.paid and one.tasks_missing]
    for one in partial:
        yield f"A = {one.a}, B = {one.b}: on {', '.join(one.tasks)} only, without {', '.join(one.tasks_missing)}."
    if partial and len(comparisons) > 1:
        yield "p Holm corrects for all pairs together, also where they are compared on different tasks."


def _few_groups(rows: Sequence[Row], column: int = 1) -> Iterator[str]:
    """Yield what must be known of rows with few groups; their number stands in that column."""
    if any(isinstance(held := row.cells[column], int) and held < FEWEST_GROUPS for row in rows):
        yield (
            f"With fewer than {FEWEST_GROUPS} groups (images or patients) p cannot fall below .05, whatever the "
            "difference, so none is detectable; a single group has no interval either."
        )


def _mcnemar(comparison: Comparison) -> float | None:
    """Return McNemar's p value where it is right to use it."""
    return comparison.paid.mcnemar_p if comparison.paid else None


def _json(paired: Paired | None) -> Json:
    """Return the object of one paired comparison."""
    if paired is None:
        return None
    return {
        "items": paired.items,
        "groups": paired.groups,
        "both": paired.both,
        "only_a": paired.only_a,
        "only_b": paired.only_b,
        "neither": paired.neither,
        "accuracy_a": paired.accuracy_a,
        "accuracy_b": paired.accuracy_b,
        "difference": paired.difference,
        "difference_low": paired.interval.low if paired.interval else None,
        "difference_high": paired.interval.high if paired.interval else None,
        "p": paired.p,
        "test": paired.test,
        "exact": paired.exact,
        "mcnemar_p": paired.mcnemar_p,
        "detectable": paired.detectable,
    }
