"""What is taken for what: right option text against chosen option text, and every reply without letters apart.

Only of single-answer items; counts replies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.grading.tally import MOST_SLICES, option_text
from orchestrator.records import Grade, Outcome

WITHOUT_LETTERS = tuple(outcome for outcome in Outcome if outcome is not Outcome.ANSWERED)


@dataclass(frozen=True, slots=True)
class Confusion:
    """The matrix of one task."""

    task: str
    gold: tuple[str, ...]
    """Right option texts: the rows."""
    chosen: tuple[str, ...]
    """Chosen option texts: the columns of `answered`."""
    answered: tuple[tuple[int, ...], ...]
    """Replies with letters, a row for each of `gold`."""
    unanswered: tuple[tuple[int, ...], ...]
    """Replies without letters, a row for each of `gold`, a column for each of `WITHOUT_LETTERS`."""


_Row: TypeAlias = tuple[Counter[str], Counter[Outcome]]
"""Replies by chosen text, and replies without letters by outcome."""


class ConfusionTally:
    """Counts pairs of option texts; grades go in one at a time, in any order."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, _Row]] = {}
        self._crowded: set[str] = set()

    def add(self, grade: Grade) -> None:
        """Count one grade."""
        if grade.multi or len(grade.gold) != 1 or grade.task in self._crowded:
            return
        by_gold = self._counts.setdefault(grade.task, {})
        gold = option_text(grade, grade.gold[0])
        if gold not in by_gold:
            by_gold[gold] = (Counter(), Counter())
        answered, unanswered = by_gold[gold]
        if grade.outcome is Outcome.ANSWERED:
            answered[" + ".join(option_text(grade, letter) for letter in grade.letters)] += 1
        else:
            unanswered[grade.outcome] += 1
        if max(len(by_gold), len(answered)) > MOST_SLICES:
            del self._counts[grade.task]
            self._crowded.add(grade.task)

    def matrices(self) -> tuple[Confusion, ...]:
        """Return a matrix for each task whose option texts are few enough to be categories."""
        return tuple(_matrix(task, rows) for task, rows in self._counts.items())


def confusions(grades: Iterable[Grade]) -> tuple[Confusion, ...]:
    """Return the confusion matrix of every task of one model's grades."""
    tally = ConfusionTally()
    for grade in grades:
        tally.add(grade)
    return tally.matrices()


def _matrix(task: str, rows: Mapping[str, _Row]) -> Confusion:
    """Return the matrix of one task, texts in alphabetical order."""
    gold = tuple(sorted(rows))
    chosen = tuple(sorted({text for answered, _ in rows.values() for text in answered}))
    return Confusion(
        task=task,
        gold=gold,
        chosen=chosen,
        answered=tuple(tuple(rows[name][0][text] for text in chosen) for name in gold),
        unanswered=tuple(tuple(rows[name][1][outcome] for outcome in WITHOUT_LETTERS) for name in gold),
    )
