"""How far a model agrees with itself where an item was asked several times (samples, rotations), and pass@k.

Two replies agree when they chose options with the same texts, or when neither gave letters for the same reason. Only
paid replies count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from orchestrator.grading.stats import pass_at_k
from orchestrator.grading.tally import ItemTable, by_item, option_text
from orchestrator.records import PAID, Grade, Outcome


@dataclass(frozen=True, slots=True)
class Agreement:
    """Self-agreement on one task."""

    task: str
    items: int
    """Items with two paid replies or more."""
    pairwise: float
    """Mean over these items of the share of pairs of replies that agree."""
    kappa: float | None
    """Fleiss' kappa: agreement beyond chance; None where every reply is the same."""


@dataclass(frozen=True, slots=True)
class PassAt:
    """pass@k over the items with k paid replies or more."""

    k: int
    items: int
    value: float


@dataclass(slots=True)
class _Counts:
    """What is counted of one task."""

    items: int = 0
    pairwise: float = 0.0
    """Sum over the items."""
    pooled: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """All their replies, by what was said."""


class AgreementTally:
    """Counts equal replies; the grades of an item go in together, items in any order."""

    def __init__(self) -> None:
        self._tasks: dict[str, _Counts] = {}

    def add(self, grades: Sequence[Grade]) -> None:
        """Count the grades of one item."""
        paid = [grade for grade in grades if grade.outcome in PAID]
        if len(paid) < 2:
            return
        said = Counter(map(_said, paid))
        counts = self._tasks.setdefault(paid[0].task, _Counts())
        counts.items += 1
        counts.pairwise += sum(same * (same - 1) for same in said.values()) / (len(paid) * (len(paid) - 1))
        counts.pooled.update(said)

    def agreements(self) -> tuple[Agreement, ...]:
        """Return the self-agreement on every task that has items with several replies."""
        return tuple(_agreement(task, counts) for task, counts in self._tasks.items())


def agreements(grades: Iterable[Grade]) -> tuple[Agreement, ...]:
    """Return how far one model agrees with itself, by task; the grades of an item stand together."""
    tally = AgreementTally()
    for of_item in by_item(grades):
        tally.add(of_item)
    return tally.agreements()


def _said(grade: Grade) -> tuple[str, ...]:
    """Return what two replies that agree have in common."""
    if grade.outcome is not Outcome.ANSWERED:
        return (grade.outcome,)
    return (grade.outcome, *sorted(option_text(grade, letter) for letter in grade.letters))


def _agreement(task: str, counts: _Counts) -> Agreement:
    """Return pairwise agreement and kappa.

    Source: Fleiss 1971, Psychological Bulletin 76:378; items may differ in their number of replies.
    """
    pairwise, total = counts.pairwise / counts.items, counts.pooled.total()
    by_chance = sum((count / total) ** 2 for count in counts.pooled.values())
    kappa = (pairwise - by_chance) / (1 - by_chance) if len(counts.pooled) > 1 else None
    return Agreement(task, counts.items, pairwise, kappa)


def pass_at(table: ItemTable, k: int) -> PassAt | None:
    """Return pass@k, the mean over all items that have `k` paid replies; None where none has."""
    rows = np.flatnonzero(table.paid >= k)
    if not len(rows):
        return None
    estimates = [pass_at_k(int(table.paid[row]), int(table.right[row]), k) for row in rows]
    return PassAt(k, len(rows), sum(estimates) / len(estimates))


def passes(table: ItemTable) -> Iterator[PassAt]:
    """Yield pass@k for 1, the powers of two, and the most replies an item has; nothing where none has several."""
    most = int(table.paid.max(initial=0))
    if most > 1:
        powers = [2**power for power in range(most.bit_length()) if 2**power < most]
        yield from (passed for k in (*powers, most) if (passed := pass_at(table, k)))
