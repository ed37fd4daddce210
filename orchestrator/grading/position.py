"""Whether a model prefers a place in the list of options, whatever stands there.

Rates are over replies; circular accuracy asks an item in several rotations and counts it only if every one is right
(MMBench's CircularEval, Liu et al. 2023, arXiv 2307.06281).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orchestrator.grading.tally import by_item
from orchestrator.records import PAID, Grade, Outcome


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


@dataclass(slots=True)
class _Counts:
    """What is counted of one task."""

    places: list[list[int]] = field(default_factory=list)
    """The fields of every `Position`."""
    circular_items: int = 0
    circular_right: int = 0


class PositionTally:
    """Counts places; the grades of an item go in together, items in any order."""

    def __init__(self) -> None:
        self._tasks: dict[str, _Counts] = {}

    def add(self, grades: Sequence[Grade]) -> None:
        """Count the grades of one item."""
        task = grades[0].task
        if task not in self._tasks:
            self._tasks[task] = _Counts()
        counts = self._tasks[task]
        paid = [grade for grade in grades if grade.outcome in PAID]
        for grade in paid:
            _count(counts.places, grade)
        if len(paid) == len(grades) and len({grade.rotation for grade in grades}) > 1:
            counts.circular_items += 1
            counts.circular_right += all(grade.correct for grade in grades)

    def positions(self) -> tuple[Positions, ...]:
        """Return the places of every task that was asked."""
        return tuple(
            Positions(
                task, tuple(Position(*place) for place in counts.places), counts.circular_items, counts.circular_right
            )
            for task, counts in self._tasks.items()
        )


def _count(places: list[list[int]], grade: Grade) -> None:
    """Count the places of one paid reply."""
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


def positions(grades: Iterable[Grade]) -> tuple[Positions, ...]:
    """Return the places of one model's grades, by task; the grades of an item stand together."""
    tally = PositionTally()
    for of_item in by_item(grades):
        tally.add(of_item)
    return tally.positions()
