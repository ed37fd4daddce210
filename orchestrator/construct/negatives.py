"""Chooses wrong answers by visual similarity: exact, in blocks, the same on every machine.

A picture's similarity to a disease is its cosine to the library pictures of that disease, reduced by maximum (or mean),
in units of 1e-4. Library pictures of the picture's own group, itself among them, do not count.

Always holds: the vectors lie on the grid of `embed`, so the 64-bit sums are exact in any order and neither block size
nor thread count nor BLAS changes a digit; ties go by disease name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from orchestrator.construct.chance import shuffled
from orchestrator.construct.embed import Vectors
from orchestrator.construct.labels import HEALTHY

Table: TypeAlias = NDArray[np.int32]
UNITS = 10_000
"""Similarity units a cosine of 1."""
NONE = np.iinfo(np.int32).min
"""Marks a disease no library picture of which may be compared."""
WITH_DISEASE = 3
WITH_HEALTHY = 4
"""Hard negatives of an item whose answer is a disease (Healthy comes besides), or Healthy."""
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Library:
    """The pictures that stand for each disease."""

    diseases: tuple[str, ...]
    """By name; Healthy among them, for the baseline only."""
    members: tuple[tuple[int, ...], ...]
    """Rows of the vectors, a tuple a disease, none empty."""


def choose_library(golds: Sequence[str], names: Sequence[str], size: int, seed: int) -> Library:
    """Return up to `size` seeded pictures a disease; `golds` and `names` (digests) tell of each row of the vectors."""
    rows_of: dict[str, dict[str, int]] = {}
    for row, (gold, name) in enumerate(zip(golds, names, strict=True)):
        rows_of.setdefault(gold, {})[name] = row
    diseases = tuple(sorted(rows_of))
    members = tuple(
        tuple(rows_of[disease][name] for name in shuffled(seed, "library", rows_of[disease])[:size])
        for disease in diseases
    )
    return Library(diseases, members)


def similarities(vectors: Vectors, groups: NDArray[np.int64], library: Library, reduce: str = "max") -> Table:
    """Return similarity in units of 1e-4, rows of `vectors` x library diseases; NONE where nothing may be compared.

    `groups` numbers the group of each row; `reduce` is "max" or "mean".
    """
    rows = np.concatenate([np.asarray(members, np.int64) for members in library.members])
    starts = np.cumsum([0, *(len(members) for members in library.members[:-1])])
    columns = vectors[rows].astype(np.float64).T
    table = np.empty((len(vectors), len(library.diseases)), np.int32)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float64) @ columns
        own = groups[start : start + BLOCK, None] == groups[rows][None, :]
        if reduce == "max":
            block[own] = -np.inf
            best = np.maximum.reduceat(block, starts, axis=1)
        else:
            block[own] = 0.0
            counts = np.add.reduceat(~own, starts, axis=1, dtype=np.int64)
            sums = np.add.reduceat(block, starts, axis=1)
            best = np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf)
        known = np.isfinite(best)
        table[start : start + BLOCK] = np.where(known, np.rint(np.where(known, best, 0.0) * UNITS), NONE)
    return table


def eligible(row: NDArray[np.int32], diseases: Sequence[str], carried: frozenset[str]) -> dict[str, int]:
    """Return the similarity of each disease that may be a wrong answer: comparable, not carried, not Healthy."""
    return {
        disease: int(value)
        for disease, value in zip(diseases, row, strict=True)
        if value != NONE and disease not in carried and disease != HEALTHY
    }


def nearest(similarity: Mapping[str, int], count: int) -> tuple[str, ...]:
    """Return the `count` most similar diseases, ties by name; fewer if there are not so many."""
    return tuple(sorted(similarity, key=lambda disease: (-similarity[disease], disease))[:count])


def wanted(gold: str) -> int:
    """Return how many hard negatives an item with that answer needs."""
    return WITH_HEALTHY if gold == HEALTHY else WITH_DISEASE
