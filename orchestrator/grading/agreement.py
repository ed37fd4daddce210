"""How far a model agrees with itself where an item was asked several times (samples, rotations), and pass@k.

Two replies agree when they chose options with the same texts, or when neither gave letters for the same reason. Only
paid replies count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from orchestrator.grading.stats import pass_at_k
from orchestrator.grading.tally import ItemTable, option_text
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


class AgreementTally:
    """Counts equal replies by item; grades go in one at a time, in any order."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, ...], int] = {}
        self._items: dict[str, dict[str, int | Counter[int]]] = {}

    def add(self, grade: Grade) -> None:
        """Count one grade."""
        if grade.outcome not in PAID:
            return
        said: tuple[str, ...] = (str(grade.outcome),)
        if grade.outcome is Outcome.ANSWERED:
            said += tuple(sorted(option_text(grade, letter) for letter in grade.letters))
        label = self._labels.setdefault(said, len(self._labels))
        items = self._items.setdefault(grade.task, {})
        # A counter is worth its memory only from an item's second reply on.
        match items.get(grade.item_id):
            case None:
                items[grade.item_id] = label
            case int(first):
                items[grade.item_id] = Counter((first, label))
            case replies:
                replies[label] += 1

    def agreements(self) -> tuple[Agreement, ...]:
        """Return the self-agreement on every task that has items with several replies."""
        repeated = {
            task: [replies for replies in items.values() if isinstance(replies, Counter)]
            for task, items in self._items.items()
        }
        return tuple(_agreement(task, items) for task, items in repeated.items() if items)


def agreements(grades: Iterable[Grade]) -> tuple[Agreement, ...]:
    """Return how far one model agrees with itself, by task."""
    tally = AgreementTally()
    for grade in grades:
        tally.add(grade)
    return tally.agreements()


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


def _agreement(task: str, items: list[Counter[int]]) -> Agreement:
    """Return pairwise agreement and kappa.

    Source: Fleiss 1971, Psychological Bulletin 76:378; items may differ in their number of replies.
    """
    pooled: Counter[int] = Counter()
    pairwise = 0.0
    for replies in items:
        pooled.update(replies)
        count = replies.total()
        pairwise += sum(same * (same - 1) for same in replies.values()) / (count * (count - 1))
    pairwise /= len(items)
    total = pooled.total()
    by_chance = sum((count / total) ** 2 for count in pooled.values())
    kappa = (pairwise - by_chance) / (1 - by_chance) if len(pooled) > 1 else None
    return Agreement(task, len(items), pairwise, kappa)
