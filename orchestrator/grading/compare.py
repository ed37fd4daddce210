"""Two models on the items both have answers for: who is right where, the difference, and whether it is chance.

The headline counts every paid reply (refused, filtered, truncated and unparsed are wrong); beside it stands the same on
items that both answered. The difference is that of the table: the unweighted mean over the tasks.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orchestrator.grading.paired import DRAWS, detectable, mcnemar, sign_flip, weighted_difference
from orchestrator.grading.stats import Floats, Interval, Ints, benjamini_hochberg, group_sums, holm
from orchestrator.grading.tally import MOST_SLICES, ItemTable

By: TypeAlias = Literal["disease", "source"]

FEWEST_GROUPS = 6
"""With fewer, no assignment of signs is rarer than .05: 2 of 2^5 are as extreme as the most extreme."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Two models on some shared items; A minus B throughout."""

    items: int
    groups: int
    both: int
    only_a: int
    only_b: int
    neither: int
    """Items by who is right; of several replies, in more than half of them."""
    once: bool
    """Whether every item has a single reply of either model."""
    accuracy_a: float
    accuracy_b: float
    """Unweighted means over the tasks of the shared items."""
    difference: float
    interval: Interval | None
    """95 % interval of the difference, clustered by group; None with a single group, which says nothing of others."""
    p: float
    test: str
    """What `p` comes from, in words."""
    exact: bool
    """Whether all assignments of signs were counted, not drawn."""
    mcnemar_p: float | None
    """McNemar's exact p value; None where a group holds several items, an item several replies, or tasks are mixed."""
    detectable: float | None
    """The smallest difference that a sample like this would find with 80 % power at .05; None where it finds none."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Model A against model B; None where they share no item."""

    a: str
    b: str
    paid: Paired | None
    """On the items for which both have a paid reply."""
    answered: Paired | None
    """On the items that both answered."""
    tasks: Mapping[str, Paired]
    """Each task by itself, on the items for which both have a paid reply."""
    tasks_missing: tuple[str, ...]
    """Tasks of the benchmark that they share no such item of: `paid` and `answered` are means over the others."""
    unpaid: int
    """Items that both were to be asked and one of them has no paid reply to: left out."""
    p_holm: float | None = None
    """`paid.p` corrected for all pairs compared."""


@dataclass(frozen=True, slots=True)
class SliceComparison:
    """Two models on one disease or source of one task."""

    task: str
    name: str
    paired: Paired
    p_adjusted: float
    """`paired.p` after Benjamini and Hochberg over all slices."""


def compare(a: str, b: str, left: ItemTable, right: ItemTable) -> Comparison:
    """Return the comparison of model `a` (table `left`) with model `b` (table `right`) on the items they share."""
    paid = _shared(left, right, answered=False)
    common = left.rows.keys() & right.rows.keys()
    tasks = {
        name: paired for index, name in enumerate(left.tasks) if (paired := _paired(paid.where(paid.task == index)))
    }
    return Comparison(
        a=a,
        b=b,
        paid=_paired(paid),
        answered=_paired(_shared(left, right, answered=True)),
        tasks=tasks,
        tasks_missing=tuple(name for name in dict.fromkeys((*left.tasks, *right.tasks)) if name not in tasks),
        unpaid=len(common) - len(paid.a),
    )


def compare_all(tables: Mapping[str, ItemTable]) -> tuple[Comparison, ...]:
    """Return the comparison of every pair of models, each with its p value corrected for all of them (Holm)."""
    pairs = [compare(a, b, tables[a], tables[b]) for a, b in itertools.combinations(tables, 2)]
    adjusted = iter(holm([pair.paid.p for pair in pairs if pair.paid]))
    return tuple(replace(pair, p_holm=next(adjusted)) if pair.paid else pair for pair in pairs)


def compare_slices(left: ItemTable, right: ItemTable, by: By) -> tuple[SliceComparison, ...]:
    """Return the comparison within every disease or source of every task, corrected for their number."""
    names = left.diseases if by == "disease" else left.sources
    paid = _shared(left, right, answered=False)
    labels = (left.disease if by == "disease" else left.source)[paid.left]
    found = []
    for index, task in enumerate(left.tasks):
        present = np.unique(labels[(paid.task == index) & (labels >= 0)])
        if len(present) <= MOST_SLICES:
            slices = ((names[at], _paired(paid.where((paid.task == index) & (labels == at)))) for at in present)
            found += [(task, name, paired) for name, paired in sorted(slices) if paired]
    adjusted = benjamini_hochberg([paired.p for _, _, paired in found])
    return tuple(SliceComparison(*one, p) for one, p in zip(found, adjusted, strict=True))


def unsliced(table: ItemTable, by: By) -> dict[str, int]:
    """Return the tasks that are not sliced, and how many names they have: none, or too many to be categories."""
    labels = table.disease if by == "disease" else table.source
    names = {
        task: len(np.unique(labels[(table.task == index) & (labels >= 0)])) for index, task in enumerate(table.tasks)
    }
    return {task: count for task, count in names.items() if not 0 < count <= MOST_SLICES}


# --- the shared items ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shared:
    """Columns over the items that two models share, as the first one's table numbers them."""

    left: Ints
    """Row in the first table."""
    task: Ints
    group: Ints
    a: Floats
    b: Floats
    """Values of the item: shares of its replies that are right."""
    once: NDArray[np.bool_]
    """Whether both models have just one reply."""

    def where(self, chosen: NDArray[np.bool_]) -> _Shared:
        """Return some of the items."""
        return _Shared(*(getattr(self, column)[chosen] for column in self.__slots__))


def _shared(left: ItemTable, right: ItemTable, answered: bool) -> _Shared:
    """Return the items for which both models have a paid reply, or one that gave letters."""
    pairs = [(row, right.rows[key]) for key, row in left.rows.items() if key in right.rows]
    at_a, at_b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    of_a, of_b = (left.answered, right.answered) if answered else (left.paid, right.paid)
    known = (of_a[at_a] > 0) & (of_b[at_b] > 0)
    at_a, at_b = at_a[known], at_b[known]
    replies_a, replies_b = of_a[at_a], of_b[at_b]
    return _Shared(
        left=at_a,
        task=left.task[at_a],
        group=left.group[at_a],
        a=left.right[at_a] / replies_a,
        b=right.right[at_b] / replies_b,
        once=(replies_a == 1) & (replies_b == 1),
    )


def _paired(shared: _Shared) -> Paired | None:
    """Return the paired statistics of some shared items; None where there are none."""
    if not len(shared.a):
        return None
    _, task, sizes = np.unique(shared.task, return_inverse=True, return_counts=True)
    _, group = np.unique(shared.group, return_inverse=True)
    groups = int(group.max()) + 1
    weights = 1 / (len(sizes) * sizes[task])
    differences = shared.a - shared.b
    difference = weighted_difference(differences, group, weights, task)
    test = sign_flip(group_sums(weights * differences, group, groups))
    a, b = shared.a > 0.5, shared.b > 0.5
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    once = bool(shared.once.all())
    plain = groups == len(group) and len(sizes) == 1 and once
    return Paired(
        items=len(a),
        groups=groups,
        both=int((a & b).sum()),
        only_a=only_a,
        only_b=only_b,
        neither=int((~a & ~b).sum()),
        once=once,
        accuracy_a=float(weights @ shared.a),
        accuracy_b=float(weights @ shared.b),
        difference=difference.value,
        interval=difference.interval if groups > 1 else None,
        p=test.p,
        test=f"sign-flip permutation by group, {'exact' if test.exact else f'{DRAWS:,} seeded draws'}",
        exact=test.exact,
        mcnemar_p=mcnemar(only_a, only_b) if plain else None,
        detectable=detectable(difference.error, difference.freedom) if groups >= FEWEST_GROUPS else None,
    )
