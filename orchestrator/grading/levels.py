"""How well each right option of the multi items is found: precision and recall by option text, such as a disc level.

Counts replies that were paid for; a refusal misses every level that is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.grading.tally import MOST_SLICES, option_text
from orchestrator.records import PAID, Grade


@dataclass(frozen=True, slots=True)
class Level:
    """One option text of one task."""

    task: str
    name: str
    gold: int
    """Replies to items where it is right."""
    chosen: int
    """Replies that chose it."""
    hits: int
    """Replies that chose it where it is right."""

    @property
    def precision(self) -> float | None:
        """Share of the choices that are right."""
        return self.hits / self.chosen if self.chosen else None

    @property
    def recall(self) -> float | None:
        """Share of the right ones that were chosen."""
        return self.hits / self.gold if self.gold else None


class LevelTally:
    """Counts option texts of multi items; grades go in one at a time, in any order."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, list[int]]] = {}

    def add(self, grade: Grade) -> None:
        """Count one grade."""
        if not grade.multi or grade.outcome not in PAID:
            return
        counts = self._counts.setdefault(grade.task, {})
        if len(counts) > MOST_SLICES:
            return
        for letter in {*grade.gold, *grade.letters}:
            count = counts.setdefault(option_text(grade, letter), [0, 0, 0])
            right, chosen = letter in grade.gold, letter in grade.letters
            count[0] += right
            count[1] += chosen
            count[2] += right and chosen

    def levels(self) -> tuple[Level, ...]:
        """Return the levels by task and name; none of a task whose texts are too many to be categories."""
        return tuple(
            Level(task, name, *count)
            for task, counts in self._counts.items()
            if len(counts) <= MOST_SLICES
            for name, count in sorted(counts.items())
        )


def by_task(levels: Iterable[Level]) -> dict[str, list[Level]]:
    """Return the levels of each task."""
    found: dict[str, list[Level]] = {}
    for level in levels:
        found.setdefault(level.task, []).append(level)
    return found


def levels(grades: Iterable[Grade]) -> tuple[Level, ...]:
    """Return the levels of one model's grades."""
    tally = LevelTally()
    for grade in grades:
        tally.add(grade)
    return tally.levels()
