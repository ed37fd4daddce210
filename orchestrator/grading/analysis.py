"""Everything the report tells of one model, from a single pass over its grades."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.grading.agreement import Agreement, AgreementTally
from orchestrator.grading.confusion import Confusion, ConfusionTally
from orchestrator.grading.levels import Level, LevelTally
from orchestrator.grading.position import Positions, PositionTally
from orchestrator.grading.score import ModelScore, score_table
from orchestrator.grading.tally import ItemTable, Tally
from orchestrator.records import Grade


@dataclass(frozen=True, slots=True)
class Analysis:
    """One model, seen from every side."""

    score: ModelScore
    table: ItemTable
    """What comparisons with other models start from."""
    levels: tuple[Level, ...]
    confusions: tuple[Confusion, ...]
    positions: tuple[Positions, ...]
    agreements: tuple[Agreement, ...]


def analyse(grades: Iterable[Grade]) -> Analysis:
    """Return the analysis of one model's grades, read once and in any order."""
    items, levels, confusions, positions, agreements = (
        Tally(),
        LevelTally(),
        ConfusionTally(),
        PositionTally(),
        AgreementTally(),
    )
    for grade in grades:
        items.add(grade)
        levels.add(grade)
        confusions.add(grade)
        positions.add(grade)
        agreements.add(grade)
    table = items.table()
    return Analysis(
        score=score_table(table),
        table=table,
        levels=levels.levels(),
        confusions=confusions.matrices(),
        positions=positions.positions(),
        agreements=agreements.agreements(),
    )
