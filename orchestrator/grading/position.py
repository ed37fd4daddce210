"""Whether a model prefers a place in the list of options, whatever stands there.

Rates are over replies; circular accuracy asks an item in several rotations and counts it only if every one is right
(MMBench's CircularEval, Liu et al. 2023, arXiv 2307.06281).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.records import PAID, Grade, Outcome

_MISSING, _WRONG = 1, 2
_FIRST_ROTATION = 4


@dataclass(frozen=True, slots=True)
class Position:
    """One place in the list of options."""

    offered: int
    """Answered replies whose question has this place."""
    gold: int
    """Of these, how many have a right option there."""
    picked: int
    """Of these, how many chose it."""
    asked: int
    """Paid replies to single-answer questions whose right option stands there."""
    right: int
    """Of these, how many are right."""

    @property
    def gold_rate(self) -> float | None:
        """How often a right option stands there."""
        return self.gold / self.offered if self.offered else None

    @property
    def pick_rate(self) -> float | None:
        """How often it is chosen."""
        return self.picked / self.offered if self.offered else None

    @property
    def accuracy(self) -> float | None:
        """Accuracy where the right option stands there."""
        return self.right / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class Positions:
    """The places of one task, first to last."""

    task: str
    places: tuple[Position, ...]
    circular_items: int
    """Items asked in two rotations or more, all of them with paid replies."""
    circular_right: int
    """Of these, how many are right in every reply."""

    @property
    def circular_accuracy(self) -> float | None:
        """Share of the rotated items that are right in every rotation."""
        return self.circular_right / self.circular_items if self.circular_items else None


class PositionTally:
    """Counts places; grades go in one at a time, in any order."""

    def __init__(self) -> None:
        self._places: dict[str, list[list[int]]] = {}
        self._rotated: dict[str, dict[str, int]] = {}

    def add(self, grade: Grade) -> None:
        """Count one grade."""
        state = _FIRST_ROTATION << grade.rotation
        if grade.outcome not in PAID:
            state |= _MISSING
        elif not grade.correct:
            state |= _WRONG
        items = self._rotated.setdefault(grade.task, {})
        items[grade.item_id] = items.get(grade.item_id, 0) | state
        if grade.outcome in PAID:
            self._count(grade)

    def _count(self, grade: Grade) -> None:
        """Count the places of one paid reply."""
        places = self._places.setdefault(grade.task, [])
        while len(places) < len(grade.options):
            places.append([0] * 5)
        answered = grade.outcome is Outcome.ANSWERED
        for place, letter in zip(places, grade.options, strict=False):
            gold = letter in grade.gold
            if answered:
                place[0] += 1
                place[1] += gold
                place[2] += letter in grade.letters
            if gold and not grade.multi:
                place[3] += 1
                place[4] += grade.correct

    def positions(self) -> tuple[Positions, ...]:
        """Return the places of every task that was asked."""
        return tuple(self._of_task(task, items) for task, items in self._rotated.items())

    def _of_task(self, task: str, items: dict[str, int]) -> Positions:
        """Return the places of one task."""
        complete = [state for state in items.values() if not state & _MISSING and _rotations(state) > 1]
        return Positions(
            task=task,
            places=tuple(Position(*place) for place in self._places.get(task, ())),
            circular_items=len(complete),
            circular_right=sum(not state & _WRONG for state in complete),
        )


def positions(grades: Iterable[Grade]) -> tuple[Positions, ...]:
    """Return the places of one model's grades, by task."""
    tally = PositionTally()
    for grade in grades:
        tally.add(grade)
    return tally.positions()


def _rotations(state: int) -> int:
    """Return how many rotations of an item were graded."""
    return (state // _FIRST_ROTATION).bit_count()
