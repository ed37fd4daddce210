"""The results table of a run, laid out like the SpineBench paper's: a row a model, the tasks, then the overall mean.

Beside the paper's columns stand what lets a reader trust them: intervals, coverage and bounds, every outcome counted
apart, the expected score of guessing, and the spend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.grading.score import ModelScore, missing_tasks
from orchestrator.grading.stats import Interval
from orchestrator.records import Outcome
from orchestrator.reporting.paper import CITATION, PublishedRow, inconsistencies
from orchestrator.reporting.results import RunSummary, judge_lines, overall_answered
from orchestrator.reporting.tables import Cell, Column, Money, Origin, Percent, Row, Table

_PAPER_TASKS = ("SDD", "SLL")
_OVERALL = "Overall"
_MEAN = Column(_OVERALL, "mean", limits=True)
_ANSWERED = Column(_OVERALL, "if answered", limits=True)
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
    missing = missing_tasks(scores)
    rows: list[tuple[str, Mapping[Column, Cell], Origin]] = []
    for alias, score in scores.items():
        rows.append((alias, _measured(score, missing[alias], summary.spent_by_model.get(alias)), "measured"))
        for judge, with_judge in summary.judged.get(alias, {}).items():
            spent = summary.spent_by_judge.get(alias, {}).get(judge)
            rows.append((f"{alias} + judge {judge}", _measured(with_judge, missing[alias], spent), "measured"))
    rows += [("Random guess (expected)", _guessed(score), "computed") for score in _most_tasks(scores)]
    rows += [(row.model, _published(row), "published") for row in published]
    columns = [column for column in _columns(scores) if any(column in cells for _, cells, _ in rows)]
    return Table(
        "Model",
        tuple(columns),
        tuple(Row(name, tuple(map(cells.get, columns)), origin) for name, cells, origin in rows),
        tuple(_notes(summary, columns, bool(published))),
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


def _measured(score: ModelScore, missing: Sequence[str], spent: int | None) -> dict[Column, Cell]:
    """Return the cells of a model of the run; a mean over some of the tasks is not shown as the mean over all."""
    cells: dict[Column, Cell] = {}
    for name, task in score.tasks.items():
        cells[_accuracy(name)] = _with_interval(task.accuracy, task.interval)
        if task.precision is not None or task.recall is not None:
            cells[_precision(name)] = Percent(task.precision)
            cells[_recall(name)] = Percent(task.recall)
    cells[_MEAN] = Percent(None) if missing else _with_interval(score.accuracy, score.interval)
    cells[_ANSWERED] = _with_interval(*overall_answered(score, missing))
    cells |= {_COVERAGE: Percent(score.coverage, floor=True), _ITEMS: score.items}
    cells |= {_outcome(outcome): count for outcome, count in score.replies.items()}
    if score.lost:
        cells |= {_LOWEST: Percent(score.bounds.low), _HIGHEST: Percent(score.bounds.high)}
    if spent is not None:
        cells[_SPEND] = Money(spent)
    return cells


def _of_spend(summary: RunSummary) -> str:
    """Return what the spend is, after a space; what another run had paid for is not in that of one run."""
    return " Spend is what the run was charged, rounded up." if summary.run is not None else " Spend is rounded up."


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


def _with_interval(accuracy: float | None, interval: Interval | None) -> Percent:
    """Return an accuracy with its interval; nothing where nothing is known of it."""
    return Percent(None) if interval is None else Percent(accuracy, *interval)


def _notes(summary: RunSummary, columns: Sequence[Column], published: bool) -> Iterator[str]:
    """Yield what must be known to read the numbers."""
    yield (
        "Percent; in brackets the 95 % interval, clustered by image or patient, rounded outward. Refused, filtered, "
        "truncated and unparsed count as wrong; failed and unsent do not count, they lower the coverage. Overall is "
        f"the unweighted mean of the tasks.{_of_spend(summary) if _SPEND in columns else ''}"
    )
    for alias, tasks in missing_tasks(summary.models).items():
        if tasks:
            yield f"{alias} has no paid reply in {', '.join(tasks)}: no overall mean, it would be one of fewer tasks."
    if any(sum(score.replies.values()) > score.items for score in summary.models.values()):
        yield (
            "Items were asked several times: answered to unsent count replies; an item counts once, with the mean of "
            "its paid replies, and is covered by one of them."
        )
    if _LOWEST in columns:
        yield "Lowest and highest: the overall accuracy if everything failed and unsent were wrong, or right."
    if any(task.recall is not None for score in summary.models.values() for task in score.tasks.values()):
        yield (
            "Random guess: one of the k options, or, where several may be right, one of their 2^k - 1 non-empty sets, "
            "each as likely."
        )
    if any(summary.spent_by_judge.values()):
        yield "Spend: in a row with a judge the judge's alone, for reading that model's replies."
    if summary.several and _SPEND in columns:
        yield f"Spend USD is what a model was charged in all of the {len(summary.several)} runs on this benchmark."
    yield from judge_lines(summary)
    if summary.parser_version:
        yield f"Answers read by version {summary.parser_version} of the parser."
    if published:
        yield f"* {CITATION}."
        yield from inconsistencies()
