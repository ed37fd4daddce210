"""What can be measured in a picture: the whole eyesight of the simulated models.

Made for spines seen from the side, facing left; of any other picture only the coarse signature means much. Everything
is measured at one working size, so a model that sees fewer pixels measures the same things, only worse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image

from .column import REACH, Column, Grey, box, straighten

WORKING_SIDE = 384
LEAST_SIDE = 96
"""Pictures narrower than this, at the working size, are not searched for a column."""
GRID = 4
CORE = 13
"""Half-width, in pixels, of the middle of the column, where discs are looked for."""
SPACING = (25, 68)
"""Least and greatest distance between neighbouring discs, in pixels."""
WALL = (13, 40)
"""Where the front and back walls are looked for, in pixels from the centre line."""

CARRY = 0.8
"""A body's halves lie 0.4 of its height apart; so many of these steps reach from either to its edge at the gap."""


@dataclass(frozen=True, slots=True)
class Disc:
    """One gap between two bodies, measured against the picture's other gaps; lengths in body depths."""

    gap: float
    """Height."""
    slip: float
    """How far the body above stands to the front of the one below, beyond the column's own bend."""
    spur: float
    """Bone in front of the wall next to this gap, as a share of the body's own brightness over its surroundings."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything a simulated model knows about a picture."""

    grid: tuple[int, ...]
    """Mean brightness of GRID x GRID fields, in eighths of the full range: a signature of any picture."""
    discs: tuple[Disc, ...] = ()
    """From the top down."""
    heights: tuple[tuple[float, float], ...] = ()
    """Of each body between two gaps: at the front and at the back, in body depths."""
    bend: float = 0.0
    """Degrees by which the column turns from its top to its bottom; positive when it bulges to the front (left)."""
    swing: float = 0.0
    """Degrees by which its middle turns otherwise than its ends: 0 for a plain arc."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """One dark gap across the column: its darkest row, and its upper and lower edge."""

    row: int
    upper: float
    lower: float
    depth: float
    """How much darker it is than the blocks above and below."""


def measure(grey: Grey) -> Findings:
    """Return what is measured in a picture of any size and kind."""
    grid = _grid(grey)
    working = _working(grey)
    if min(working.shape) < LEAST_SIDE:
        return Findings(grid)
    column = straighten(working)
    gaps = _between_blocks(column, _gaps(_profile(column, -CORE, CORE)))
    if len(gaps) < 3:
        return Findings(grid)
    walls = _walls(column, gaps, (0.2, 0.8))
    depth = float(np.median([back - front for front, back in walls]))
    centres = [(front + back) / 2 for front, back in walls]
    slips = _slips(column, gaps)
    spurs = _spurs(column, gaps, walls)
    discs = tuple(
        Disc((gap.lower - gap.upper) / depth, slip / depth, spur)
        for gap, slip, spur in zip(gaps, slips, spurs, strict=True)
    )
    fronts = _heights(column, gaps, (-round(0.36 * depth), -round(0.15 * depth)))
    backs = _heights(column, gaps, (round(0.15 * depth), round(0.36 * depth)))
    heights = tuple((front / depth, back / depth) for front, back in zip(fronts, backs, strict=True))
    bend, swing = _curve(column, gaps, centres)
    return Findings(grid, discs, heights, bend, swing)


def _grid(grey: Grey) -> tuple[int, ...]:
    rows, columns = (np.linspace(0, length, GRID + 1).astype(int) for length in grey.shape)
    fields = [
        float(grey[top : max(bottom, top + 1), left : max(right, left + 1)].mean())
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    return tuple(round(value / 32) for value in fields)


def _working(grey: Grey) -> Grey:
    """Return the picture with its longest side at the working size."""
    height, width = grey.shape
    if max(height, width) == WORKING_SIDE:
        return grey
    size = tuple(max(16, round(length * WORKING_SIDE / max(height, width))) for length in (width, height))
    return np.asarray(Image.fromarray(grey, mode="F").resize(size, Image.Resampling.BICUBIC), dtype=np.float32)


def _profile(column: Column, left: int, right: int) -> Grey:
    """Return the mean brightness of each row between two distances from the centre line."""
    return box(column.strip[:, REACH + left : REACH + right + 1].mean(axis=1, keepdims=True), 1, 0)[:, 0]


def _gaps(profile: Grey) -> list[_Gap]:
    """Return the gaps of the longest regular chain, from the top down."""
    darkest = np.lib.stride_tricks.sliding_window_view(profile, 9).min(axis=1)
    found = [_gap(profile, int(row) + 4) for row in np.flatnonzero(profile[4:-4] == darkest)]
    found = [gap for gap in found if gap.lower - gap.upper <= 22]
    if not found:
        return []
    typical = sorted((gap.depth for gap in found), reverse=True)[: len(found) // 2 + 1]
    threshold = max(5.0, 0.3 * float(np.median(typical[:6])))
    chains: list[list[_Gap]] = [[]]
    for gap in (one for one in found if one.depth >= threshold):
        last = chains[-1][-1] if chains[-1] else None
        if last is not None and gap.row - last.row < SPACING[0]:
            if gap.depth > last.depth:
                chains[-1][-1] = gap
        elif last is not None and gap.row - last.row > SPACING[1]:
            chains.append([gap])
        else:
            chains[-1].append(gap)
    return max(chains, key=len)


def _between_blocks(column: Column, gaps: list[_Gap]) -> list[_Gap]:
    """Return the gaps without those at either end that have no block on one side."""

    def stands_out(start: float, end: float) -> float:
        rows = column.rows(round(start), round(end))
        core, ahead = rows[:, REACH - CORE : REACH + CORE + 1], rows[:, REACH - WALL[1] : REACH - WALL[1] + 10]
        return float(core.mean() - ahead.mean())

    sides = [min(stands_out(gap.upper - 20, gap.upper - 4), stands_out(gap.lower + 4, gap.lower + 20)) for gap in gaps]
    usual = float(np.median(sides)) if sides else 0.0
    solid = [rank for rank, side in enumerate(sides) if side > 0.45 * usual]
    return gaps[solid[0] : solid[-1] + 1] if solid else []


def _gap(profile: Grey, row: int) -> _Gap:
    """Return the gap around a dark row, not the first or last: each edge lies where half that side's rise is done."""
    above, below = profile[max(0, row - 16) : row][::-1], profile[row + 1 : row + 17]
    dark = float(profile[row])
    depth = min(float(above.max()), float(below.max())) - dark
    return _Gap(row, row - _reach(above, dark), row + _reach(below, dark), depth)


def _reach(side: Grey, dark: float) -> float:
    """Return how many rows away from a dark row half the way up to that side's brightest is reached."""
    half = (dark + float(side.max())) / 2
    step = int(np.argmax(side >= half))
    before = float(side[step - 1]) if step else dark
    rise = float(side[step]) - before
    return step + (half - before) / rise if rise > 0 else float(step + 1)


def _walls(column: Column, gaps: list[_Gap], part: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the front and back wall of every body, one more than there are gaps, from the centre line.

    `part` says between which shares of a body's height, from its top, they are looked for.
    """
    height = float(np.median([below.upper - above.lower for above, below in pairwise(gaps)]))
    tops = [gaps[0].upper - 0.8 * height, *(gap.lower for gap in gaps)]
    bottoms = [*(gap.upper for gap in gaps), gaps[-1].lower + 0.8 * height]
    means = []
    for top, bottom in zip(tops, bottoms, strict=True):
        start, end = (top + share * (bottom - top) for share in part)
        means.append(column.rows(math.floor(start), math.ceil(end)).mean(axis=0))
    across = box(np.stack(means), 1, 1)
    slopes = across[:, 4:] - across[:, :-4]
    front = slopes[:, REACH - WALL[1] - 2 : REACH - WALL[0] - 1]
    back = -slopes[:, REACH + WALL[0] - 2 : REACH + WALL[1] - 1]
    return [(_steepest(one) - WALL[1], _steepest(other) + WALL[0]) for one, other in zip(front, back, strict=True)]


def _slips(column: Column, gaps: list[_Gap]) -> list[float]:
    """Return, for each gap, the step between the bodies' middles, each carried on to the gap along its own axis."""
    upper, lower = (
        [(front + back) / 2 for front, back in _walls(column, gaps, part)] for part in ((0.1, 0.5), (0.5, 0.9))
    )
    return [
        (upper[below] - CARRY * (lower[below] - upper[below])) - (lower[above] + CARRY * (lower[above] - upper[above]))
        for above, below in pairwise(range(len(upper)))
    ]


def _steepest(slope: Grey) -> float:
    """Return the place of the greatest value, refined by a parabola through its neighbours."""
    at = int(slope.argmax())
    if not 0 < at < len(slope) - 1:
        return float(at)
    left, middle, right = (float(value) for value in slope[at - 1 : at + 2])
    bow = left - 2 * middle + right
    return at + (0.5 * (left - right) / bow if bow else 0.0)


def _spurs(column: Column, gaps: list[_Gap], walls: list[tuple[float, float]]) -> list[float]:
    """Return, for each gap, the brightness in front of its corners against that in front of the bodies' waists."""
    spurs = []
    for gap, (above, below) in zip(gaps, pairwise(walls), strict=True):
        front = REACH + round(min(above[0], below[0]))
        ahead, inside = slice(front - 10, front - 2), slice(front + 4, front + 16)
        upper, lower = round(gap.upper), round(gap.lower)
        near = column.rows(upper - 6, lower + 7)[:, ahead].mean()
        waists = np.concatenate([column.rows(upper - 24, upper - 12), column.rows(lower + 12, lower + 24)])
        far, bone = waists[:, ahead].mean(), waists[:, inside].mean()
        spurs.append(float(near - far) / max(float(bone - far), 5.0))
    return spurs


def _heights(column: Column, gaps: list[_Gap], span: tuple[int, int]) -> list[float]:
    """Return the height of every body between two gaps, as seen in one part of its depth."""
    profile = _profile(column, *span)
    local = []
    for gap in gaps:
        start = max(0, gap.row - 10)
        darkest = start + int(profile[start : gap.row + 11].argmin())
        local.append(_gap(profile, min(max(darkest, 1), len(profile) - 2)))
    return [below.upper - above.lower for above, below in pairwise(local)]


def _curve(column: Column, gaps: list[_Gap], centres: list[float]) -> tuple[float, float]:
    """Return bend and swing: a parabola through the directions from each gap to the next."""
    places = [
        column.place(gap.row, (above + below) / 2) for gap, (above, below) in zip(gaps, pairwise(centres), strict=True)
    ]
    leans = [math.degrees(math.atan2(x - next_x, next_y - y)) for (x, y), (next_x, next_y) in pairwise(places)]
    steps = np.linspace(-1, 1, len(leans))
    square, slope, _ = np.polyfit(steps, leans, 2) if len(leans) > 2 else (0.0, (leans[-1] - leans[0]) / 2, 0.0)
    return float(-2 * slope), float(square)
