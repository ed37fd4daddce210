"""What is told of one model beside its score, from a single pass over its grades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.grading.agreement import Agreement, AgreementTally
from orchestrator.grading.confusion import Confusion, ConfusionTally
from orchestrator.grading.levels import Level, LevelTally
from orchestrator.grading.position import Positions, PositionTally
from orchestrator.grading.tally import by_item
from orchestrator.records import Grade


@dataclass(frozen=True, slots=True)
class Analysis:
    """One model, seen from every side but its score."""

    levels: tuple[Level, ...]
    confusions: tuple[Confusion, ...]
    positions: tuple[Positions, ...]
    agreements: tuple[Agreement, ...]


class AnalysisTally:
    """Counts for every side; the grades of an item go in together, items in any order."""

    def __init__(self) -> None:
        self._levels, self._confusions = LevelTally(), ConfusionTally()
        self._positions, self._agreements = PositionTally(), AgreementTally()

    def add(self, grades: Sequence[Grade]) -> None:
        """Count the grades of one item."""
        for grade in grades:
            self._levels.add(grade)
            self._confusions.add(grade)
        self._positions.add(grades)
        self._agreements.add(grades)

    def analysis(self) -> Analysis:
        """Return what has been counted so far."""
        return Analysis(
            levels=self._levels.levels(),
            confusions=self._confusions.matrices(),
            positions=self._positions.positions(),
            agreements=self._agreements.agreements(),
        )


def analyse(grades: Iterable[Grade]) -> Analysis:
    """Return the analysis of one model's grades, read once; the grades of an item stand together."""
    tally = AnalysisTally()
    for of_item in by_item(grades):
        tally.add(of_item)
    return tally.analysis()
