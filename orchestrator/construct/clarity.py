"""How clear a picture is: the stated measures by which unclear ones are left out.

Both are taken on the luminance of the picture reduced to at most 256 pixels a side, so size hardly matters:
contrast is the distance between its 5th and 95th percentile as a share of the full range; sharpness is the mean
absolute difference of neighbouring pixels as a share of that distance. A fingerprint (difference hash, 256 bits) tells
pictures that look the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

SIDE = 256
FINGERPRINT_SIDE = 16


@dataclass(frozen=True, slots=True)
class Clarity:
    """Contrast and sharpness, each in 0..1, to four decimals."""

    contrast: float
    sharpness: float


def measure(picture: Image.Image) -> Clarity:
    """Return the clarity of a picture."""
    small = picture.convert("L")
    small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, np.float64) / 255
    low, high = np.percentile(grey, (5, 95))
    contrast = float(high - low)
    steps = [np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1) if grey.shape[axis] > 1]
    sharpness = float(np.mean(steps)) / contrast if steps and contrast > 0 else 0.0
    return Clarity(round(contrast, 4), round(min(sharpness, 1.0), 4))


def fingerprint(picture: Image.Image) -> str:
    """Return 64 hex digits: whether each cell of a 16 x 16 grid is brighter than its right neighbour."""
    size = (FINGERPRINT_SIDE + 1, FINGERPRINT_SIDE)
    grid = np.asarray(picture.convert("L").resize(size, Image.Resampling.BOX), np.int16)
    return np.packbits(grid[:, :-1] > grid[:, 1:]).tobytes().hex()
