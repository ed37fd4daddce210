"""Draws the small benchmark: balanced over diseases, then sources, then levels, from the clear pictures only.

Clear is stated by `clarity`: among pictures of one kind of view, those in the lowest share (`leave_out`) of contrast,
or of sharpness, are not drawn from. Within a stratum the order is seeded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.construct.chance import shuffled
from orchestrator.construct.clarity import Clarity


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that may be drawn."""

    id: str
    strata: tuple[str, ...]
    """Disease, source, levels: balanced in this order."""
    view: str
    clarity: Clarity


def draw(candidates: Sequence[Candidate], count: int, leave_out: float, seed: int) -> frozenset[str]:
    """Return the ids drawn: `count` of them, or all clear ones if there are not so many."""
    return frozenset(_draw(_clear(candidates, leave_out), count, 0, seed))


def allocate(count: int, room: Mapping[str, int]) -> dict[str, int]:
    """Share `count` out as evenly as there is room; what a small place cannot take goes to the larger."""
    shares = {}
    left = count
    places = sorted(room, key=lambda place: (room[place], place))
    for index, place in enumerate(places):
        shares[place] = min(room[place], left // (len(places) - index))
        left -= shares[place]
    return shares


def _draw(candidates: Sequence[Candidate], count: int, depth: int, seed: int) -> list[str]:
    """Draw `count` of the candidates, balanced over their strata from `depth` on."""
    if not candidates or depth == len(candidates[0].strata):
        return list(shuffled(seed, "subset", (one.id for one in candidates))[:count])
    parts: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        parts[one.strata[depth]].append(one)
    shares = allocate(count, {name: len(part) for name, part in parts.items()})
    return [drawn for name in sorted(parts) for drawn in _draw(parts[name], shares[name], depth + 1, seed)]


def _clear(candidates: Sequence[Candidate], leave_out: float) -> list[Candidate]:
    """Return the candidates above the `leave_out` quantile of contrast and of sharpness among those of their view."""
    by_view: dict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        by_view[one.view].append(one)
    clear: list[Candidate] = []
    for same in by_view.values():
        values = np.array([(one.clarity.contrast, one.clarity.sharpness) for one in same])
        floor = np.quantile(values, leave_out, axis=0, method="lower")
        clear.extend(one for one, value in zip(same, values, strict=True) if (value >= floor).all())
    return clear
