"""The results table of a run, laid out like the SpineBench paper's: a row a model, the tasks, then the overall mean.

Beside the paper's columns stand what lets a reader trust them: intervals, coverage and bounds, every outcome counted
apart, the expected score of guessing, and the spend.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set

from orchestrator.grading.score import ModelScore, Score
from orchestrator.records import Outcome
from orchestrator.reporting.paper import CITATION, PublishedRow
from orchestrator.reporting.results import RunSummary
from orchestrator.reporting.tables import Cell, Column, Money, Origin, Percent, Row, Table

_PAPER_TASKS = ("SDD", "SLL")
_OVERALL = "Overall"
_MEAN = Column(_OVERALL, "mean", limits=True)
_ANSWERED = Column(_OVERALL, "if answered")
_LOWEST = Column(_OVERALL, "lowest")
_HIGHEST = Column(_OVERALL, "highest")
_COVERAGE = Column(_OVERALL, "coverage")
_ITEMS = Column("", "items")
_SPEND = Column("", "spend USD")


def leaderboard(summary: RunSummary, published: Sequence[PublishedRow] = ()) -> Table:
    """Return the results table of a run, with published rows below it if any are given.

    A column that no row fills is left out: precision and recall where no item is multi, lowest and highest where every
    model is fully covered, the spend where it is not known.
    """
    scores = summary.models
    tasks = frozenset(name for score in scores.values() for name in score.tasks)
    rows: list[tuple[str, Mapping[Column, Cell], Origin]] = []
    for alias, score in scores.items():
        rows.append((alias, _measured(score, tasks, summary.spent_by_model.get(alias)), "measured"))
        for judge, with_judge in summary.judged.get(alias, {}).items():
            rows.append((f"{alias} + judge {judge}", _measured(with_judge, tasks, None), "measured"))
    rows += [("Random guess (expected)", _guessed(score), "computed") for score in _most_tasks(scores)]
    rows += [(row.model, _published(row), "published") for row in published]
    columns = [column for column in _columns(scores) if any(column in cells for _, cells, _ in rows)]
    return Table(
        "Model",
        tuple(columns),
        tuple(Row(name, tuple(map(cells.get, columns)), origin) for name, cells, origin in rows),
        _notes(scores.values(), tasks, bool(published), summary.parser_version),
    )


def _columns(scores: Mapping[str, ModelScore]) -> list[Column]:
    """Return every column there may be: the paper's tasks first, the others as they come."""
    tasks = list(dict.fromkeys(name for score in scores.values() for name in score.tasks))
    tasks.sort(key=lambda name: _PAPER_TASKS.index(name) if name in _PAPER_TASKS else len(_PAPER_TASKS))
    columns = [column for name in tasks for column in (_accuracy(name), _precision(name), _recall(name))]
    outcomes = [_outcome(outcome) for outcome in Outcome]
    return [*columns, _MEAN, _ANSWERED, _LOWEST, _HIGHEST, _COVERAGE, _ITEMS, *outcomes, _SPEND]


def _accuracy(task: str) -> Column:
    return Column(task, "accuracy", limits=True)


def _precision(task: str) -> Column:
    return Column(task, "precision")


def _recall(task: str) -> Column:
    return Column(task, "recall")


def _outcome(outcome: Outcome) -> Column:
    return Column("", str(outcome))


def _measured(score: ModelScore, tasks: Set[str], spent: int | None) -> dict[Column, Cell]:
    """Return the cells of a model of the run; no overall mean where it has no reply to one of the `tasks`."""
    cells: dict[Column, Cell] = {}
    for name, task in score.tasks.items():
        cells[_accuracy(name)] = _with_interval(task)
        if task.precision is not None or task.recall is not None:
            cells[_precision(name)] = Percent(task.precision)
            cells[_recall(name)] = Percent(task.recall)
    if not _partial(score, tasks):
        cells |= {_MEAN: _with_interval(score), _ANSWERED: Percent(score.answered_accuracy)}
    cells |= {_COVERAGE: Percent(score.coverage, floor=True), _ITEMS: score.items}
    cells |= {_outcome(outcome): count for outcome, count in score.replies.items()}
    if _lost(score):
        cells |= {_LOWEST: Percent(score.bounds.low), _HIGHEST: Percent(score.bounds.high)}
    if spent is not None:
        cells[_SPEND] = Money(spent)
    return cells


def _guessed(score: ModelScore) -> dict[Column, Cell]:
    """Return the cells of blind guessing at the tasks of a model."""
    tasks: dict[Column, Cell] = {_accuracy(name): Percent(task.chance) for name, task in score.tasks.items()}
    return tasks | {_MEAN: Percent(score.chance)}


def _published(row: PublishedRow) -> dict[Column, Cell]:
    """Return the cells of a published row, as printed."""
    printed = {
        _accuracy("SDD"): row.sdd_accuracy,
        _accuracy("SLL"): row.sll_accuracy,
        _precision("SLL"): row.sll_precision,
        _recall("SLL"): row.sll_recall,
        _MEAN: row.overall,
    }
    return {column: None if value is None else Percent(value / 100) for column, value in printed.items()}


def _most_tasks(scores: Mapping[str, ModelScore]) -> list[ModelScore]:
    """Return the model that was asked the most tasks, if any model was asked any."""
    asked = [score for score in scores.values() if score.tasks]
    return [max(asked, key=lambda score: len(score.tasks))] if asked else []


def _with_interval(score: Score) -> Percent:
    """Return the accuracy with its interval; nothing where nothing was paid for."""
    return Percent(None) if score.interval is None else Percent(score.accuracy, *score.interval)


def _partial(score: ModelScore, tasks: Set[str]) -> bool:
    """Return whether a model has no paid reply to one of the tasks, so that its mean is not that of the others."""
    return any(name not in score.tasks or score.tasks[name].accuracy is None for name in tasks)


def _lost(score: ModelScore) -> bool:
    """Return whether replies are missing, so that the accuracy might be another."""
    return any(score.replies[lost] for lost in (Outcome.FAILED, Outcome.UNSENT))


def _notes(scores: Collection[ModelScore], tasks: Set[str], published: bool, parser_version: str) -> tuple[str, ...]:
    """Return what must be known to read the numbers."""
    notes = [
        "Percent; in brackets the 95 % interval, clustered by image or patient. Refused, filtered, truncated and "
        "unparsed count as wrong; failed and unsent do not count, they lower the coverage. Overall is the unweighted "
        "mean of the tasks."
    ]
    if any(task.recall is not None for score in scores for task in score.tasks.values()):
        notes.append(
            "Guessing picks any option of k, or with several answers any of the 2^k - 1 sets of options, all alike."
        )
    if any(sum(score.replies.values()) > score.items for score in scores):
        notes.append("Items were asked several times: outcomes are counted by reply, accuracies by item.")
    if any(_partial(score, tasks) for score in scores):
        notes.append("No overall mean (-) for a model without replies to one of the tasks.")
    if any(map(_lost, scores)):
        notes.append("Lowest and highest: the overall accuracy if everything failed and unsent were wrong, or right.")
    if parser_version:
        notes.append(f"Answers read by version {parser_version} of the parser.")
    if published:
        notes.append(f"* {CITATION}.")
    return tuple(notes)
