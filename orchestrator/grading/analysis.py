"""What is told of one model beside its score, from a single pass over its grades."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.grading.agreement import Agreement, AgreementTally
from orchestrator.grading.confusion import Confusion, ConfusionTally
from orchestrator.grading.levels import Level, LevelTally
from orchestrator.grading.position import Positions, PositionTally
from orchestrator.records import Grade


@dataclass(frozen=True, slots=True)
class Analysis:
    """One model, seen from every side but its score."""

    levels: tuple[Level, ...]
    confusions: tuple[Confusion, ...]
    positions: tuple[Positions, ...]
    agreements: tuple[Agreement, ...]


class AnalysisTally:
    """Counts for every side; grades go in one at a time, in any order."""

    def __init__(self) -> None:
        self._levels, self._confusions = LevelTally(), ConfusionTally()
        self._positions, self._agreements = PositionTally(), AgreementTally()

    def add(self, grade: Grade) -> None:
        """Count one grade."""
        self._levels.add(grade)
        self._confusions.add(grade)
        self._positions.add(grade)
        self._agreements.add(grade)

    def analysis(self) -> Analysis:
        """Return what has been counted so far."""
        return Analysis(
            levels=self._levels.levels(),
            confusions=self._confusions.matrices(),
            positions=self._positions.positions(),
            agreements=self._agreements.agreements(),
        )


def analyse(grades: Iterable[Grade]) -> Analysis:
    """Return the analysis of one model's grades, read once and in any order."""
    tally = AnalysisTally()
    for grade in grades:
        tally.add(grade)
    return tally.analysis()
