"""Whether the benchmark is hard: what a nearest-neighbour baseline gets right, with chosen and random wrong answers.

The baseline answers with the option whose library holds the most similar picture, ties by name. It sees with the very
encoder that chose the wrong answers, so similarity-chosen ones must look harder to it; how much harder is the point.

Intervals are 95 %: Wilson's score interval at the effective number of items, n divided by the design effect of groups
(Kish 1965), since items of one patient are no independent trials; of the difference, normal with the same clusters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.construct.cases import Case
from orchestrator.construct.chance import shuffled
from orchestrator.construct.labels import HEALTHY
from orchestrator.construct.negatives import NONE, Library, Table, eligible, nearest, wanted

Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Hardness:
    """What the baseline gets right; `harder` is random minus chosen."""

    items: int
    chosen: Share
    random: Share
    harder: Share


def measure_hardness(cases: Sequence[Case], table: Table, library: Library, seed: int) -> Hardness | None:
    """Return the comparison over every case that has a diagnosis item; None if there is no such case."""
    chosen, random, groups = [], [], []
    for case, row in zip(cases, table, strict=True):
        similarity = eligible(row, library.diseases, case.carried)
        count = wanted(case.gold)
        if len(similarity) < count:
            continue
        known = {name: int(value) for name, value in zip(library.diseases, row, strict=True) if value != NONE}
        drawn = shuffled(seed, f"random negatives {case.stem}", similarity)[:count]
        chosen.append(_guess(known, {case.gold, HEALTHY, *nearest(similarity, count)}) == case.gold)
        random.append(_guess(known, {case.gold, HEALTHY, *drawn}) == case.gold)
        groups.append(case.group)
    if not groups:
        return None
    right = np.array([chosen, random], np.float64)
    _, numbers = np.unique(np.array(groups), return_inverse=True)
    difference = right[1] - right[0]
    middle, spread = float(difference.mean()), Z * math.sqrt(_variance(difference, numbers))
    harder = Share(middle, max(-1.0, middle - spread), min(1.0, middle + spread))
    return Hardness(len(groups), _share(right[0], numbers), _share(right[1], numbers), harder)


def _guess(similarity: Mapping[str, int], options: Iterable[str]) -> str | None:
    """Return the option most like the picture; None if none can be compared."""
    return next(iter(nearest({option: similarity[option] for option in options if option in similarity}, 1)), None)


def _variance(values: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """Return the cluster-robust variance of the mean."""
    sums = np.bincount(groups, weights=values - values.mean())
    clusters = len(sums)
    factor = clusters / (clusters - 1) if clusters > 1 else 1.0
    return float((sums**2).sum()) / len(values) ** 2 * factor


def _share(right: NDArray[np.float64], groups: NDArray[np.int64]) -> Share:
    """Return the share of ones with Wilson's interval at the effective number of items."""
    value = float(right.mean())
    variance = _variance(right, groups)
    # Without any spread the data cannot tell the design effect: each group then counts once.
    effective = min(len(right), value * (1 - value) / variance) if variance > 0 else int(groups.max()) + 1
    scale = 1 + Z**2 / effective
    middle = (value + Z**2 / (2 * effective)) / scale
    spread = Z / scale * math.sqrt(value * (1 - value) / effective + Z**2 / (4 * effective**2))
    return Share(value, max(0.0, middle - spread), min(1.0, middle + spread))
