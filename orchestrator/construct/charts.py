"""Draws the datasheet's two pictures as SVG: a map of the embeddings, and similarity between diseases.

Plain shapes and text, no script, nothing fetched; every text is escaped. Numbers are rounded, so the same data give
the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from orchestrator.construct.chance import shuffled
from orchestrator.construct.embed import Vectors

POINTS = 2000
"""Pictures shown in the map, a seeded choice: more only hide one another."""
SIDE = 560
_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#000000", "#ee7733", "#009988",
    "#cc3311", "#332288",
)  # fmt: skip
_SHAPES = ("circle", "square", "diamond")


def embedding_map(vectors: Vectors, names: Sequence[str], diseases: Sequence[str], seed: int) -> str:
    """Return the pictures on the first two principal components, a colour and shape a disease.

    `names` and `diseases` tell of each row of `vectors`.
    """
    row_of = {name: row for row, name in enumerate(names)}
    rows = sorted(row_of[name] for name in shuffled(seed, "map", names)[:POINTS])
    places, shares = _principal(vectors[rows].astype(np.float64))
    low, high = places.min(axis=0), places.max(axis=0)
    scaled = 20 + (places - low) / np.where(high > low, high - low, 1.0) * (SIDE - 40)
    classes = sorted(set(diseases))
    marks = []
    for row, (x, y) in zip(rows, scaled, strict=True):
        marks.append(_mark(classes.index(diseases[row]), x, SIDE - y))
    for index, name in enumerate(classes):
        y = 30 + 22 * index
        marks.append(_mark(index, SIDE + 20, y, opaque=True))
        marks.append(f'<text x="{SIDE + 34}" y="{y + 4}">{escape(name)}</text>')
    title = (
        f"{len(rows)} pictures on the first two principal components "
        f"({shares[0]:.0%} and {shares[1]:.0%} of the variance)"
    )
    return _svg(SIDE + 260, max(SIDE, 40 + 22 * len(classes)), title, marks)


def _principal(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return the coordinates on the first two principal components, signs fixed, and their shares of the variance."""
    centred = vectors - vectors.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(vectors), 2))
    count = min(2, len(scale))
    places[:, :count] = left[:, :count] * scale[:count]
    for axis in range(2):
        largest = np.abs(places[:, axis]).argmax()
        places[:, axis] *= -1 if places[largest, axis] < 0 else 1
    total = float((scale**2).sum()) or 1.0
    shares = [float(value) / total for value in scale[:2] ** 2] + [0.0, 0.0]
    return places, (shares[0], shares[1])


def _mark(index: int, x: float, y: float, opaque: bool = False) -> str:
    """Return one point of a disease's colour and shape."""
    colour = _COLOURS[index % len(_COLOURS)]
    style = f'fill="{colour}" fill-opacity="{1 if opaque else 0.55}"'
    match _SHAPES[index % len(_SHAPES)]:
        case "circle":
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" {style}/>'
        case "square":
            return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" {style}/>'
        case _:
            points = f"{x:.1f},{y - 4:.1f} {x + 4:.1f},{y:.1f} {x:.1f},{y + 4:.1f} {x - 4:.1f},{y:.1f}"
            return f'<polygon points="{points}" {style}/>'


def similarity_map(table: NDArray[np.float64], diseases: Sequence[str], columns: Sequence[str]) -> str:
    """Return the mean similarity (cosine) of pictures of each disease (rows) to each disease's library (columns)."""
    cell, left, top = 44, 210, 170
    known = table[np.isfinite(table)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    marks = []
    for row, name in enumerate(diseases):
        y = top + cell * row
        marks.append(f'<text x="{left - 8}" y="{y + cell / 2 + 4:.0f}" text-anchor="end">{escape(name)}</text>')
        for column, value in enumerate(table[row]):
            x = left + cell * column
            if not np.isfinite(value):
                marks.append(f'<rect x="{x}" y="{y}" width="{cell}" height="{cell}" fill="#ffffff"/>')
                continue
            depth = (float(value) - low) / (high - low) if high > low else 0.5
            shade = tuple(round(255 - depth * (255 - end)) for end in (34, 85, 136))
            ink = "#ffffff" if depth > 0.55 else "#000000"
            marks.append(f'<rect x="{x}" y="{y}" width="{cell}" height="{cell}" fill="rgb{shade}"/>')
            marks.append(
                f'<text x="{x + cell / 2:.0f}" y="{y + cell / 2 + 4:.0f}" text-anchor="middle" fill="{ink}">'
                f"{value:.2f}</text>"
            )
    for column, name in enumerate(columns):
        middle = left + cell * column + cell // 2
        marks.append(f'<text transform="translate({middle},{top - 8}) rotate(-50)">{escape(name)}</text>')
    title = "Mean similarity of pictures (rows) to the nearest library picture of each disease (columns)"
    return _svg(left + cell * len(columns) + 130, top + cell * len(diseases) + 20, title, marks)


def _svg(width: int, height: int, title: str, marks: Sequence[str]) -> str:
    """Return a whole SVG file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="sans-serif" font-size="12">'
    )
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join((head, f"<title>{escape(title)}</title>", ground, *marks, "</svg>")) + "\n"
