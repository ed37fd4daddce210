"""What can be measured in a picture: the whole eyesight of the simulated models."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Grey: TypeAlias = NDArray[np.float32]
"""Brightness, rows x columns."""

GRID = 4


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything a simulated model knows about a picture."""

    mean: float
    contrast: float
    grid: tuple[int, ...]
    """Mean brightness of GRID x GRID fields, in eighths of the picture's range: a signature of any picture."""


def measure(grey: Grey) -> Findings:
    """Return what is measured in a picture of any size and kind."""
    rows, columns = (np.linspace(0, length, GRID + 1).astype(int) for length in grey.shape)
    fields = [
        float(grey[top : max(bottom, top + 1), left : max(right, left + 1)].mean())
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    return Findings(float(grey.mean()), float(grey.std()), tuple(round(value / 32) for value in fields))
