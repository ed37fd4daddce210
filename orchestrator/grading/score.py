"""What one model scored: counts of every outcome, accuracies with their intervals, bounds for what is missing.

The denominator of an accuracy is the items with a paid reply: refused, filtered, truncated and unparsed count wrong;
failed and unsent lower the coverage and widen the bounds. An item with several replies (samples, rotations) counts
once, with the mean over its paid replies. A number that nothing is known about is None, never NaN and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.grading.stats import (
    Floats,
    Interval,
    Ints,
    average_interval,
    correlation,
    group_influence,
    mean_interval,
)
from orchestrator.grading.tally import MOST_SLICES, OUTCOMES, ItemTable, tabulate
from orchestrator.records import PAID, Grade, Outcome


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a set of items: a task, a slice of a task, or (`ModelScore`) everything."""

    items: int
    outcomes: Mapping[Outcome, int]
    """Items by outcome, every outcome named; they sum to `items`. Of several replies the most frequent outcome."""
    replies: Mapping[Outcome, int]
    """Replies by outcome; equal to `outcomes` where every item was asked once."""
    correct: float
    """Sum of the items' values; a whole number where every item was asked once."""
    accuracy: float | None
    interval: Interval | None
    """95 % interval of the accuracy, clustered by group."""
    bounds: Interval
    """The accuracy over all items, were everything failed and unsent wrong, or right."""
    answered_accuracy: float | None
    """The accuracy among the replies that gave letters."""
    answered_interval: Interval | None
    """95 % interval of that, clustered by group."""
    chance: float | None
    """Expected accuracy of a blind guess: 1/k of k options; for a multi item 1/(2^k - 1)."""
    precision: float | None
    """Of the letters chosen in paid replies to multi items, the share that is right (micro), an item weighing once."""
    recall: float | None
    """Of the right letters of multi items with a paid reply, the share that was chosen (micro), likewise."""

    @property
    def paid(self) -> int:
        """Items with a paid reply: the denominator of `accuracy`."""
        return sum(count for outcome, count in self.outcomes.items() if outcome in PAID)

    @property
    def lost(self) -> int:
        """Replies that never came: failed or unsent."""
        return sum(count for outcome, count in self.replies.items() if outcome not in PAID)

    @property
    def coverage(self) -> float | None:
        """Share of the items with a paid reply."""
        return self.paid / self.items if self.items else None


@dataclass(frozen=True, slots=True)
class ModelScore(Score):
    """The score of a model: accuracies, chance and bounds are unweighted means over its tasks.

    A task without any paid reply is left out of the accuracies, and enters the bounds with 0 and 1.
    """

    tasks: Mapping[str, Score]
    """In the order of first appearance."""
    by_disease: Mapping[str, Mapping[str, Score]]
    """task -> disease -> score."""
    by_source: Mapping[str, Mapping[str, Score]]
    """task -> source -> score."""


def score_model(grades: Iterable[Grade]) -> ModelScore:
    """Return the score of one model's grades, read once and in any order."""
    return score_table(tabulate(grades))


def score_table(table: ItemTable) -> ModelScore:
    """Return the score of one model from the table of its items."""
    rows = {name: np.flatnonzero(table.task == index) for index, name in enumerate(table.tasks)}
    tasks = {name: score_rows(table, of_task) for name, of_task in rows.items()}
    pooled = score_rows(table, np.arange(len(table.task)))
    bounds = [score.bounds for score in tasks.values()] or [pooled.bounds]
    return ModelScore(
        items=pooled.items,
        outcomes=pooled.outcomes,
        replies=pooled.replies,
        correct=pooled.correct,
        accuracy=_mean([score.accuracy for score in tasks.values()]),
        interval=_overall_interval(table, rows.values(), table.paid),
        bounds=Interval(sum(b.low for b in bounds) / len(bounds), sum(b.high for b in bounds) / len(bounds)),
        answered_accuracy=_mean([score.answered_accuracy for score in tasks.values()]),
        answered_interval=_overall_interval(table, rows.values(), table.answered),
        chance=_mean([score.chance for score in tasks.values()]),
        precision=pooled.precision,
        recall=pooled.recall,
        tasks=tasks,
        by_disease={name: _slices(table, of_task, table.disease, table.diseases) for name, of_task in rows.items()},
        by_source={name: _slices(table, of_task, table.source, table.sources) for name, of_task in rows.items()},
    )


def missing_tasks(scores: Mapping[str, ModelScore]) -> dict[str, tuple[str, ...]]:
    """Return for each model the tasks, of those that any of them was graded on, in which it has no paid reply."""
    names = dict.fromkeys(name for score in scores.values() for name in score.tasks)
    return {
        alias: tuple(name for name in names if name not in score.tasks or score.tasks[name].accuracy is None)
        for alias, score in scores.items()
    }


def score_rows(table: ItemTable, rows: Ints) -> Score:
    """Return the score of some items of a table, every item weighing the same."""
    replies, right, missing = table.replies[rows], table.right[rows], table.missing[rows]
    asked = replies.sum(axis=1)
    paid = paid_rows(table, rows)
    shares = values(table, paid)
    answered = rows[table.answered[rows] > 0]
    of_answered = table.right[answered] / table.answered[answered]
    chosen_right, chosen, gold = (table.letters[paid] / table.paid[paid, None]).sum(axis=0).tolist()
    return Score(
        items=len(rows),
        outcomes=_by_outcome(np.bincount(table.outcome[rows], minlength=len(OUTCOMES))),
        replies=_by_outcome(replies.sum(axis=0)),
        correct=_whole(round(float(shares.sum()), 9)),
        accuracy=float(shares.mean()) if len(paid) else None,
        interval=mean_interval(shares, table.group[paid], table.paid[paid].sum()) if len(paid) else None,
        bounds=Interval(float((right / asked).mean()), float(((right + missing) / asked).mean()))
        if len(rows)
        else Interval(0.0, 1.0),
        answered_accuracy=float(of_answered.mean()) if len(answered) else None,
        answered_interval=mean_interval(of_answered, table.group[answered], table.answered[answered].sum())
        if len(answered)
        else None,
        chance=float(table.chance[rows].mean()) if len(rows) else None,
        precision=chosen_right / chosen if chosen else None,
        recall=chosen_right / gold if gold else None,
    )


def paid_rows(table: ItemTable, rows: Ints) -> Ints:
    """Return those of the rows that have a paid reply."""
    return rows[table.paid[rows] > 0]


def values(table: ItemTable, rows: Ints) -> Floats:
    """Return the value of each of some paid items: the share of its paid replies that are right."""
    return table.right[rows] / table.paid[rows]


def _overall_interval(table: ItemTable, tasks: Iterable[Ints], of: Ints) -> Interval | None:
    """Return the interval of the mean over the tasks of the share of right replies in `of` (paid, or answered) ones.

    Groups may span tasks, so the tasks' means may correlate.
    """
    means, intervals, influences, held = [], [], [], []
    size = int(table.group.max(initial=-1)) + 1
    for of_task in tasks:
        rows = of_task[of[of_task] > 0]
        if len(rows):
            shares, groups = table.right[rows] / of[rows], table.group[rows]
            means.append(float(shares.mean()))
            intervals.append(mean_interval(shares, groups, of[rows].sum()))
            influences.append(group_influence(shares, groups, size))
            held.append(np.bincount(groups, minlength=size) > 0)
    return average_interval(means, intervals, correlation(np.array(influences), np.array(held))) if means else None


def _slices(table: ItemTable, rows: Ints, column: Ints, names: Sequence[str]) -> dict[str, Score]:
    """Return the score of each named part of some rows, by name; nothing where the names are no categories."""
    present = [int(index) for index in np.unique(column[rows]) if index >= 0]
    if len(present) > MOST_SLICES:
        return {}
    scores = {names[index]: score_rows(table, rows[column[rows] == index]) for index in present}
    return dict(sorted(scores.items()))


def _by_outcome(counts: Ints) -> dict[Outcome, int]:
    """Return counts in the order of `OUTCOMES` under their names."""
    return {outcome: int(count) for outcome, count in zip(OUTCOMES, counts, strict=True)}


def _whole(number: float) -> float:
    """Return a whole number as an int, any other as it is."""
    return int(number) if number.is_integer() else number


def _mean(known: Sequence[float | None]) -> float | None:
    """Return the mean of what is known; None where nothing is."""
    numbers = [number for number in known if number is not None]
    return sum(numbers) / len(numbers) if numbers else None
