"""Finding a column of bright blocks in a picture and straightening it: the first half of the simulated eyesight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Grey: TypeAlias = NDArray[np.float32]
"""Brightness, rows x columns (or along x across the column)."""

COARSE = 4
"""The path is searched in a picture this many times smaller."""
HALF_BLOCK = 22
FLANK = 14
REACH = 52
"""How far to either side of the centre line the straightened strip goes, in pixels."""
SIDESTEP = 0.3
"""What a step aside costs the path, in the ridge's own units."""
BENDS = 5
"""Degree of the polynomial through the path."""


@dataclass(frozen=True, slots=True)
class Column:
    """A straightened column."""

    strip: Grey
    """Rows follow the centre line downwards, a pixel each; columns go from front (left) to back (right)."""
    x: NDArray[np.float64]
    """Of the centre line at each row, in picture pixels."""
    y: NDArray[np.float64]
    lean: NDArray[np.float64]
    """Angle of the centre line at each row, in radians; positive where its upper end is further back (right)."""

    def rows(self, start: int, end: int) -> Grey:
        """Return the strip from row `start` to before `end`; the nearest row where that would be none."""
        first = min(max(0, start), len(self.strip) - 1)
        return self.strip[first : max(first + 1, end)]

    def place(self, row: float, across: float) -> tuple[float, float]:
        """Return x and y, in the picture, of a place in the strip; `across` counts from the centre line backwards."""
        x, y, lean = (float(np.interp(row, np.arange(len(line)), line)) for line in (self.x, self.y, self.lean))
        return x + across * math.cos(lean), y + across * math.sin(lean)


def straighten(grey: Grey) -> Column:
    """Return the brightest column of a picture, top to bottom, as a straight strip."""
    height = grey.shape[0]
    rows = np.arange(height, dtype=np.float32)
    coarse_rows, path = _path(_ridge(grey))
    middle = np.polynomial.Polynomial.fit(coarse_rows, path, BENDS, domain=(0, height))
    x, slope = middle(rows), middle.deriv()(rows)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(1.0, slope))[:-1]])
    at = np.interp(np.arange(0, length[-1]), length, rows)
    x, slope = np.interp(at, rows, x), np.interp(at, rows, slope)
    across = np.arange(-REACH, REACH + 1, dtype=np.float32)
    lean = np.arctan(-slope)
    down, right = np.sin(lean)[:, None] * across, np.cos(lean)[:, None] * across
    return Column(_sampled(grey, at[:, None] + down, x[:, None] + right), x, at, lean)


def _ridge(grey: Grey) -> Grey:
    """Return, on the coarse grid, how much each place looks like the middle of a column of blocks.

    A column is brighter than what lies before and behind it, and dark gaps cross it at short distances.
    """
    height, width = (length // COARSE for length in grey.shape)
    small = grey[: height * COARSE, : width * COARSE].reshape(height, COARSE, width, COARSE).mean(axis=(1, 3))
    smooth = box(small, 12 // COARSE, 0)
    half, flank = HALF_BLOCK // COARSE, FLANK // COARSE // 2
    shift = half + flank + 1
    side = np.pad(box(smooth, flank, 1), ((0, 0), (shift, shift)), mode="edge")
    bright = box(smooth, half, 1) - np.maximum(side[:, : -2 * shift], side[:, 2 * shift :])
    across = box(small, half // 2 + 1, 1)
    striped = np.sqrt(box((across - box(across, 4, 0)) ** 2, 8, 0))
    ridge: Grey = bright / (bright.std() + 1e-6) + striped / (striped.std() + 1e-6)
    return ridge


def _path(ridge: Grey) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns, in picture pixels, of the best path from top to bottom (dynamic programming)."""
    height, width = ridge.shape
    best = ridge[0]
    came = np.zeros((height, width), dtype=np.int64)
    choices = np.full((3, width), -np.inf, dtype=np.float32)
    for row in range(1, height):
        choices[0, 1:] = best[:-1] - SIDESTEP
        choices[1] = best
        choices[2, :-1] = best[1:] - SIDESTEP
        came[row] = choices.argmax(axis=0) - 1
        best = ridge[row] + choices.max(axis=0)
    path = np.empty(height, dtype=np.int64)
    path[-1] = best.argmax()
    for row in range(height - 1, 0, -1):
        path[row - 1] = path[row] + came[row, path[row]]
    centre = (COARSE - 1) / 2
    return np.arange(height, dtype=np.float64) * COARSE + centre, path.astype(np.float64) * COARSE + centre


def box(values: Grey, reach: int, axis: int) -> Grey:
    """Return the running mean over 2 * reach + 1 values along an axis, edges repeated."""
    if axis == 0:
        return box(values.T, reach, 1).T
    ends = [np.repeat(values[:, :1], reach + 1, axis=1), values, np.repeat(values[:, -1:], reach, axis=1)]
    sums = np.concatenate(ends, axis=1).cumsum(axis=1, dtype=np.float64)
    span = 2 * reach + 1
    mean: Grey = ((sums[:, span:] - sums[:, :-span]) / span).astype(np.float32)
    return mean


def _sampled(grey: Grey, y: NDArray[np.float64], x: NDArray[np.float64]) -> Grey:
    """Return the brightness at fractional places, interpolated linearly, edges repeated."""
    height, width = grey.shape
    y = np.clip(y, 0, height - 1.001)
    x = np.clip(x, 0, width - 1.001)
    top, left = y.astype(np.intp), x.astype(np.intp)
    down, right = (y - top).astype(np.float32), (x - left).astype(np.float32)
    flat = grey.ravel()
    at = top * width + left
    upper = flat[at] * (1 - right) + flat[at + 1] * right
    lower = flat[at + width] * (1 - right) + flat[at + width + 1] * right
    between: Grey = upper * (1 - down) + lower * down
    return between
