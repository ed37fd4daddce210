"""Where a model is right and where it is not: slices, levels, confusions, places and repeated questions.

All of it by the rules alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from orchestrator.grading.agreement import passes
from orchestrator.grading.analysis import Analysis
from orchestrator.grading.compare import By, unsliced
from orchestrator.grading.confusion import WITHOUT_LETTERS, Confusion
from orchestrator.grading.levels import Level, by_task
from orchestrator.grading.position import Position
from orchestrator.grading.score import Score
from orchestrator.grading.tally import MOST_SLICES, ItemTable
from orchestrator.reporting.results import RunSummary
from orchestrator.reporting.tables import Cell, Column, Percent, Row, Table

T = TypeVar("T")

Slices: TypeAlias = Mapping[str, Mapping[str, Score]]
"""task -> name -> score."""

_INTERVALS = (
    "Percent; in brackets the 95 % interval, clustered by image or patient, rounded outward. Paid: the items with a "
    "paid reply, on which the accuracy rests."
)


def analysis_tables(summary: RunSummary) -> Iterator[Table]:
    """Yield every table that has something to tell of a run's models."""
    scores, analyses = summary.models, summary.analyses
    yield from _slice_tables("disease", {alias: score.by_disease for alias, score in scores.items()})
    yield from _slice_tables("source", {alias: score.by_source for alias, score in scores.items()})
    yield from _level_tables(analyses)
    for alias, analysis in analyses.items():
        for confusion in analysis.confusions:
            yield _confusion_table(alias, confusion)
    yield from _position_tables(analyses)
    yield from _repeat_tables(summary.tables, analyses)


def left_out_lines(summary: RunSummary) -> Iterator[str]:
    """Yield what has no table although it was asked for, why, and what to do."""
    for table in list(summary.tables.values())[:1]:
        yield from unsliced_lines(table, "disease")
        yield from unsliced_lines(table, "source")
    crowded: list[str] = []
    for alias, analysis in summary.analyses.items():
        table = summary.tables[alias]
        levels, matrices = by_task(analysis.levels), {one.task for one in analysis.confusions}
        for index, task in enumerate(table.tasks):
            multi = table.multi[(table.task == index) & (table.paid > 0)]
            if multi.any() and task not in levels:
                crowded.append(f"{task}: not by option")
            if not multi.all() and task not in matrices:
                crowded.append(f"{task}: no confusions")
    for what in dict.fromkeys(crowded):
        yield f"{what}: there are more than {MOST_SLICES} different option texts, which are no categories."


def unsliced_lines(table: ItemTable, by: By) -> Iterator[str]:
    """Yield which tasks of a benchmark are not sliced, why, and what to do."""
    for task, names in unsliced(table, by).items():
        if names:
            why = (
                f"{names:,} different ones, and more than {MOST_SLICES} are no categories; give the items coarser ones"
            )
        else:
            why = "no item names one; give the items theirs"
        yield f"{task}: not by {by}: {why} in metadata.{by} (nothing need be asked again)."


# --- slices and levels -----------------------------------------------------------------------------------------------


def _slice_tables(kind: str, slices: Mapping[str, Slices]) -> Iterator[Table]:
    of_models = (one for alias in slices for one in (Column(alias, "paid"), Column(alias, "accuracy", limits=True)))
    columns = (Column("", "items"), *of_models)
    for task in _first_seen(slices.values()):
        of_task = [of_model.get(task, {}) for of_model in slices.values()]
        rows = []
        for name in sorted(_first_seen(of_task)):
            found = [scores.get(name) for scores in of_task]
            items = max(score.items for score in found if score)
            rows.append(Row(name, (items, *(cell for score in found for cell in _slice_cells(score)))))
        if rows:
            yield Table(kind.capitalize(), columns, tuple(rows), (_INTERVALS,), f"{task}: accuracy by {kind}")


def _slice_cells(score: Score | None) -> tuple[Cell, ...]:
    if score is None:
        return (None, Percent(None))
    return (score.paid, Percent(score.accuracy, *(score.interval or ())))


def _level_tables(analyses: Mapping[str, Analysis]) -> Iterator[Table]:
    by_model = {alias: by_task(analysis.levels) for alias, analysis in analyses.items()}
    columns = [Column(alias, title) for alias in by_model for title in ("right in", "precision", "recall")]
    note = "Right in: replies to questions of which it is a right option. Precision and recall in percent of replies."
    for task in _first_seen(by_model.values()):
        of_task = [{level.name: level for level in levels.get(task, ())} for levels in by_model.values()]
        rows = [
            Row(name, tuple(cell for levels in of_task for cell in _level_cells(levels.get(name))))
            for name in sorted(_first_seen(of_task))
        ]
        yield Table("Option", tuple(columns), tuple(rows), (note,), f"{task}: precision and recall by option")


def _level_cells(level: Level | None) -> tuple[Cell, ...]:
    return (None, None, None) if level is None else (level.gold, Percent(level.precision), Percent(level.recall))


# --- confusion -------------------------------------------------------------------------------------------------------


def _confusion_table(alias: str, confusion: Confusion) -> Table:
    came = [at for at, counts in enumerate(zip(*confusion.unanswered, strict=True)) if any(counts)]
    columns = [Column("chosen", name) for name in confusion.chosen]
    columns += [Column("without letters", WITHOUT_LETTERS[at]) for at in came]
    rows = [
        Row(name, (*answered, *(unanswered[at] for at in came)))
        for name, answered, unanswered in zip(confusion.gold, confusion.answered, confusion.unanswered, strict=True)
    ]
    title = f"{confusion.task}: right option against chosen option, {alias}"
    return Table("Right option", tuple(columns), tuple(rows), ("Numbers of replies.",), title)


# --- places ----------------------------------------------------------------------------------------------------------


def _position_tables(analyses: Mapping[str, Analysis]) -> Iterator[Table]:
    by_model = {alias: {one.task: one for one in analysis.positions} for alias, analysis in analyses.items()}
    columns = [Column(alias, title) for alias in by_model for title in ("right there", "chosen", "accuracy")]
    note = (
        "Percent. Right there, chosen: of the replies with letters, how many have a right option at that place, and "
        "how many chose it. Accuracy: where the one right option stands there."
    )
    for task in _first_seen(by_model.values()):
        of_task = [places[task].places if task in places else () for places in by_model.values()]
        rows = [
            Row(str(number + 1), tuple(cell for places in of_task for cell in _position_cells(places, number)))
            for number in range(max(map(len, of_task)))
        ]
        if rows:
            yield Table("Place", tuple(columns), tuple(rows), (note,), f"{task}: places in the list of options")


def _position_cells(places: Sequence[Position], number: int) -> tuple[Cell, ...]:
    if number >= len(places):
        return (None, None, None)
    place = places[number]
    return (Percent(place.gold_rate), Percent(place.pick_rate), Percent(place.accuracy))


# --- repeated questions ----------------------------------------------------------------------------------------------


def _repeat_tables(tables: Mapping[str, ItemTable], analyses: Mapping[str, Analysis]) -> Iterator[Table]:
    """Yield the one table of questions asked several times, if there are any."""
    cells: dict[str, dict[Column, Cell]] = {}
    for alias, analysis in analyses.items():
        found = cells.setdefault(alias, {})
        for places in analysis.positions:
            if places.circular_items:
                found[Column(places.task, "rotated items")] = places.circular_items
                found[Column(places.task, "right in all")] = Percent(places.circular_accuracy)
        for agreement in analysis.agreements:
            found[Column(agreement.task, "repeated items")] = agreement.items
            found[Column(agreement.task, "agreement")] = Percent(agreement.pairwise)
            found[Column(agreement.task, "kappa")] = agreement.kappa
        for passed in passes(tables[alias]):
            found[Column("", f"pass@{passed.k} items")] = passed.items
            found[Column("", f"pass@{passed.k}")] = Percent(passed.value)
    found_columns = _first_seen(cells.values())
    groups = [*dict.fromkeys(column.group for column in found_columns if column.group), ""]
    columns = sorted(found_columns, key=lambda column: groups.index(column.group))
    notes = (
        "Percent. Right in all: items whose every rotation is right (circular accuracy). Agreement: pairs of replies "
        "to an item that chose the same; kappa: Fleiss', beyond chance. pass@k: at least one of k replies is right, "
        "over the items with k paid replies or more, all tasks pooled.",
    )
    if columns:
        rows = tuple(Row(alias, tuple(map(found.get, columns))) for alias, found in cells.items())
        yield Table("Model", tuple(columns), rows, notes, "Questions asked several times")


def _first_seen(mappings: Iterable[Mapping[T, object]]) -> list[T]:
    """Return the keys of several mappings, each once, in the order of first appearance."""
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))
