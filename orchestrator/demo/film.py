"""The film a phantom is drawn on: masks, smooth noise, and the exposure of added-up densities.

A plane holds one number a pixel of the finished picture. Outlines are drawn finer than that and averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .anatomy import Anatomy, Exposure, Point

Plane: TypeAlias = NDArray[np.float32]

FINE = 2
"""Supersampling: outlines are drawn at this multiple of the picture's size."""


def exposed(density: Plane, exposure: Exposure, random: np.random.Generator) -> Image.Image:
    """Return the picture of a density, after the film's blur and grain; denser is brighter."""
    film = _blurred(255 * (1 - np.exp(-0.95 * np.maximum(density, 0.02))), exposure.blur)
    grain = random.standard_normal(film.shape, dtype=np.float32)
    grain = 0.5 * grain + 1.1 * _blurred(grain, 0.8)
    film = film + exposure.noise * grain * np.sqrt(np.maximum(film, 12) / 128)
    return Image.fromarray(np.clip(np.rint(film), 0, 255).astype(np.uint8), mode="L")


class Canvas(ImageDraw.ImageDraw):
    """A fine 8-bit mask to draw on."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.picture = Image.new("L", (anatomy.width * FINE, anatomy.height * FINE))
        super().__init__(self.picture)


def plane(canvas: Canvas, blur: float) -> Plane:
    """Return a mask as 0..1 with its edges softened by `blur` picture pixels."""
    coarser = 2 if blur >= 2 else 1
    soft = canvas.picture.reduce(FINE * coarser).filter(ImageFilter.GaussianBlur(blur / coarser))
    if coarser > 1:
        soft = soft.resize((canvas.picture.width // FINE, canvas.picture.height // FINE), Image.Resampling.BILINEAR)
    mask: Plane = np.asarray(soft, dtype=np.float32) / np.float32(255)
    return mask


def blob(canvas: Canvas, x: float, y: float, radius: float) -> None:
    """Draw a filled ellipse, a little wider than high, around a point of the picture."""
    left, top, right, bottom = x - radius, y - 0.8 * radius, x + radius, y + 0.8 * radius
    canvas.ellipse([left * FINE, top * FINE, right * FINE, bottom * FINE], fill=255)


def scaled(points: Sequence[Point]) -> list[Point]:
    """Return points of the picture as points of a canvas."""
    return [(x * FINE, y * FINE) for x, y in points]


def axes(anatomy: Anatomy) -> tuple[Plane, Plane]:
    """Return x as one row and y as one column of pixels, 0..1 across the picture."""
    x = np.arange(anatomy.width, dtype=np.float32)[None, :] / np.float32(anatomy.width)
    y = np.arange(anatomy.height, dtype=np.float32)[:, None] / np.float32(anatomy.height)
    return x, y


def step(values: Plane) -> Plane:
    """Return a soft step from 0 to 1 around 0."""
    return (1 / (1 + np.exp(-np.clip(values, -30, 30)))).astype(np.float32)


def _blurred(values: Plane, sigma: float) -> Plane:
    """Return the values under a Gaussian blur, edges repeated."""
    reach = math.ceil(3 * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1, dtype=np.float32) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    height, width = values.shape
    tall = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    values = _weighted([tall[at : at + height] for at in range(2 * reach + 1)], weights)
    wide = np.pad(values, ((0, 0), (reach, reach)), mode="edge")
    return _weighted([wide[:, at : at + width] for at in range(2 * reach + 1)], weights)


def _weighted(planes: Sequence[Plane], weights: Plane) -> Plane:
    total = np.zeros_like(planes[0])
    for plane, weight in zip(planes, weights, strict=True):
        total += weight * plane
    return total


def cloud(anatomy: Anatomy, random: np.random.Generator, scale: float) -> Plane:
    """Return smooth noise of unit variance, its grains `scale` picture pixels wide."""
    step = max(1.0, scale / 2)
    small = random.standard_normal((math.ceil(anatomy.height / step) + 2, math.ceil(anatomy.width / step) + 2))
    picture = Image.fromarray(small.astype(np.float32), mode="F")
    grown = picture.resize((anatomy.width, anatomy.height), Image.Resampling.BICUBIC)
    return np.asarray(grown, dtype=np.float32)
