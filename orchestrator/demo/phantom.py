"""Draws a synthetic spine as a lateral radiograph: densities added up, then exposed, blurred and made noisy.

Everything random comes from the anatomy's own seed, so the same anatomy gives the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .anatomy import Anatomy, Body, Exposure, Point, Region, bodies

Plane: TypeAlias = NDArray[np.float32]

FINE = 2
"""Supersampling: outlines are drawn at this multiple of the picture's size."""


def draw(anatomy: Anatomy) -> Image.Image:
    """Return the picture, 8-bit grey, `anatomy.width` x `anatomy.height`."""
    random = np.random.default_rng(anatomy.texture)
    placed = bodies(anatomy)
    density = _tissue(anatomy, placed, random)
    density += anatomy.exposure.contrast * _spine(anatomy, placed, random)
    density = np.maximum(density, 0.02)
    light = 255 * (1 - np.exp(-0.95 * density))
    return _exposed(light, anatomy.exposure, random)


def _exposed(film: Plane, exposure: Exposure, random: np.random.Generator) -> Image.Image:
    """Return the picture after the film's blur and grain."""
    film = _blurred(film, exposure.blur)
    grain = random.standard_normal(film.shape, dtype=np.float32)
    grain = 0.5 * grain + 1.1 * _blurred(grain, 0.8)
    film = film + exposure.noise * grain * np.sqrt(np.maximum(film, 12) / 128)
    return Image.fromarray(np.clip(np.rint(film), 0, 255).astype(np.uint8), mode="L")


# --- bone ------------------------------------------------------------------------------------------------------------


def _spine(anatomy: Anatomy, placed: Sequence[Body], random: np.random.Generator) -> Plane:
    """Return the density of bodies, their rims and what stands behind them."""
    inside, rims, behind = (_canvas(anatomy) for _ in range(3))
    for body in placed:
        outline = _outline(body)
        behind.polygon(_scaled(_arch(body)), fill=255)
        behind.polygon(_scaled(_process(body, anatomy.region)), fill=255)
        inside.polygon(_scaled(outline), fill=255)
        rims.line(_scaled([*outline, outline[0]]), fill=150, width=2 * FINE, joint="curve")
        for plate in _endplates(body):
            rims.line(_scaled(plate), fill=255, width=round(2.2 * FINE), joint="curve")
        for spur in _spurs(body):
            inside.polygon(_scaled(spur), fill=255)
            rims.line(_scaled([*spur, spur[0]]), fill=130, width=FINE, joint="curve")
    if anatomy.region is Region.CERVICAL:
        inside.polygon(_scaled(_dens(placed[0])), fill=255)
    bone = _plane(inside, 1.4)
    trabeculae = _cloud(anatomy, random, 1.4) * 0.07 + _cloud(anatomy, random, 5.0) * 0.05
    hollow = 0.10 * _plane(inside, 6.0) * bone
    density: Plane = bone * (0.60 + trabeculae) - hollow + 0.40 * _plane(rims, 0.9) + 0.24 * _plane(behind, 2.2)
    return density


def _outline(body: Body) -> list[Point]:
    """Return the body's outline: endplates slightly hollow, walls with a waist."""
    one = body.vertebra
    half = one.depth / 2
    waist = 0.07 * one.depth
    points: list[Point] = []
    for t in np.linspace(-1, 1, 13):
        points.append(body.at(half * t, _height(body, t) / 2 - 0.02 * one.depth * (1 - t * t)))
    for t in np.linspace(0.85, -0.85, 9):
        points.append(body.at(half - waist * (1 - t * t), t * one.front / 2))
    for t in np.linspace(1, -1, 13):
        points.append(body.at(half * t, -_height(body, t) / 2 + 0.03 * one.depth * (1 - t * t)))
    for t in np.linspace(-0.85, 0.85, 9):
        points.append(body.at(-half + 0.6 * waist * (1 - t * t), t * one.back / 2))
    return points


def _height(body: Body, t: float) -> float:
    """Return the body's height at t = -1 (back wall) .. 1 (front wall), a parabola through its three heights."""
    one = body.vertebra
    return one.middle + (one.front - one.back) / 2 * t + ((one.front + one.back) / 2 - one.middle) * t * t


def _endplates(body: Body) -> list[list[Point]]:
    half = body.vertebra.depth / 2
    steps = np.linspace(-0.94, 0.94, 13)
    upper = [body.at(half * t, _height(body, t) / 2 - 0.02 * body.vertebra.depth * (1 - t * t)) for t in steps]
    lower = [body.at(half * t, -_height(body, t) / 2 + 0.03 * body.vertebra.depth * (1 - t * t)) for t in steps]
    return [upper, lower]


def _spurs(body: Body) -> list[list[Point]]:
    """Return the spurs as beaks that leave a front corner forwards and bend towards the disc."""
    one = body.vertebra
    half, corner = one.depth / 2, one.front / 2
    beaks: list[list[Point]] = []
    for length, side in ((one.spur_above, 1), (one.spur_below, -1)):
        if length > 0:
            beaks.append(
                [
                    body.at(half - 0.10 * one.depth, side * corner),
                    body.at(half + 0.5 * length, side * (corner + 0.10 * length)),
                    body.at(half + length, side * (corner + 0.30 * length)),
                    body.at(half + 0.6 * length, side * (corner - 0.22 * length)),
                    body.at(half - 0.04 * one.depth, side * (corner - 0.42 * one.front / 2 - 0.2 * length)),
                ]
            )
    return beaks


def _arch(body: Body) -> list[Point]:
    """Return pedicle and facet, behind the upper half of the body."""
    one = body.vertebra
    half, tall = one.depth / 2, one.back / 2
    return [
        body.at(-half * 0.9, tall * 0.8),
        body.at(-half * 1.35, tall * 1.0),
        body.at(-half * 1.6, tall * 1.5),
        body.at(-half * 1.95, tall * 1.2),
        body.at(-half * 1.85, -tall * 0.5),
        body.at(-half * 1.7, -tall * 1.4),
        body.at(-half * 1.5, -tall * 1.1),
        body.at(-half * 1.45, tall * 0.0),
        body.at(-half * 0.9, tall * 0.05),
    ]


def _process(body: Body, region: Region) -> list[Point]:
    """Return the spinous process."""
    one = body.vertebra
    half, tall = one.depth / 2, one.back / 2
    reach = {Region.LUMBAR: 3.0, Region.CERVICAL: 3.3}[region]
    return [
        body.at(-half * 1.8, tall * 0.2),
        body.at(-half * reach, -tall * 0.55),
        body.at(-half * (reach + 0.1), -tall * 1.25),
        body.at(-half * 2.2, -tall * 1.2),
        body.at(-half * 1.75, -tall * 0.6),
    ]


def _dens(body: Body) -> list[Point]:
    """Return the peg of the second cervical vertebra."""
    one = body.vertebra
    half, tall = one.depth / 2, one.middle / 2
    return [
        body.at(half * 0.55, tall * 0.9),
        body.at(half * 0.40, tall * 2.2),
        body.at(half * 0.05, tall * 2.6),
        body.at(-half * 0.35, tall * 2.2),
        body.at(-half * 0.55, tall * 0.9),
    ]


# --- everything else -------------------------------------------------------------------------------------------------


def _tissue(anatomy: Anatomy, placed: Sequence[Body], random: np.random.Generator) -> Plane:
    """Return the density of soft tissue, gas and the bones that lie across."""
    match anatomy.region:
        case Region.LUMBAR:
            return _trunk(anatomy, placed, random)
        case Region.CERVICAL:
            return _neck(anatomy, placed, random)


def _trunk(anatomy: Anatomy, placed: Sequence[Body], random: np.random.Generator) -> Plane:
    x, y = _axes(anatomy)
    skin = 0.94 - 0.10 * (y - 0.4) ** 2
    tissue = 0.50 + 0.16 * y - 0.10 * x
    tissue = tissue + 0.12 * np.exp(-((x - 0.5) ** 2) / 0.08)
    tissue = tissue + 0.05 * _cloud(anatomy, random, 14.0) + 0.03 * _cloud(anatomy, random, 5.0)
    tissue = tissue * _step((skin - x) / 0.03) * (0.75 + 0.25 * _step((x - 0.02) / 0.05))
    amount = anatomy.exposure.clutter
    gas, ribs, pelvis = (_canvas(anatomy) for _ in range(3))
    wide, high = anatomy.width, anatomy.height
    for _ in range(int(random.integers(4, 8))):
        _blob(gas, random.uniform(0.02, 0.30) * wide, random.uniform(0.25, 0.85) * high, random.uniform(7, 22))
    for rank in range(2):
        top = (0.02 + 0.10 * rank + random.uniform(-0.02, 0.02)) * high
        path = [(t * wide, top + high * (0.17 * (1 - t) ** 1.5)) for t in np.linspace(0.05, 0.85, 14)]
        ribs.line(_scaled(path), fill=255, width=9 * FINE, joint="curve")
    sacrum = placed[-1].centre
    for rank in range(2):
        shift = random.uniform(-12, 12)
        crest = [
            (
                sacrum[0] + shift + 0.36 * wide * math.cos(a),
                sacrum[1] + shift / 2 + 0.02 * high - 0.13 * high * math.sin(a),
            )
            for a in np.linspace(-0.6, math.pi * 0.95, 24)
        ]
        pelvis.polygon(
            _scaled([*crest, (sacrum[0] - 0.36 * wide, high), (sacrum[0] + 0.4 * wide, high)]), fill=150 + 40 * rank
        )
    across: Plane = 0.08 * _plane(ribs, 2.5) + 0.13 * _plane(pelvis, 3.5) - 0.20 * _plane(gas, 5.0)
    density: Plane = tissue + amount * across
    return density


def _neck(anatomy: Anatomy, placed: Sequence[Body], random: np.random.Generator) -> Plane:
    x, y = _axes(anatomy)
    wide, high = anatomy.width, anatomy.height
    heights = np.array([body.centre[1] for body in placed]) / high
    centres = np.array([body.centre[0] for body in placed]) / wide
    column = np.interp(y, heights, centres).astype(np.float32)
    front = column - 0.27 - 0.06 * (y - 0.5) ** 2 - 0.10 * _step((y - 0.93) / 0.1)
    back = column + 0.40 + 0.15 * _step((y - 0.85) / 0.08)
    inside = _step((x - front) / 0.02) * _step((back - x) / 0.03)
    tissue = (0.36 + 0.10 * np.exp(-((x - column - 0.12) ** 2) / 0.02)) * inside
    airway = np.exp(-((x - column + 0.155) ** 2) / 0.0007) * _step((y - 0.12) / 0.05)
    shoulders = 0.34 * _step((y - 0.86) / 0.05) * (0.6 + 0.4 * x)
    tissue = tissue + 0.04 * _cloud(anatomy, random, 12.0) * inside + 0.02 * _cloud(anatomy, random, 4.0)
    amount = anatomy.exposure.clutter
    jaw, skull = _canvas(anatomy), _canvas(anatomy)
    top = placed[0]
    tip = top.at(top.vertebra.depth * 1.1, top.vertebra.middle * 0.6)
    lift = random.uniform(-6, 6)
    angle = (tip[0] + 4, tip[1] + lift)
    ramus = [(angle[0] + 10 * t * t, angle[1] - 12 - 110 * t) for t in (1.0, 0.6, 0.3, 0.1, 0.0)]
    jaw.line(
        _scaled([*ramus, (angle[0] - 10, angle[1]), (-10.0, angle[1] + 26)]), fill=255, width=17 * FINE, joint="curve"
    )
    occiput = top.at(-top.vertebra.depth * 2.6, top.vertebra.middle * 3.0)
    _blob(skull, occiput[0], occiput[1] - 34, 92)
    bones: Plane = shoulders + 0.24 * _plane(jaw, 3.5) + 0.40 * _plane(skull, 7.0)
    density: Plane = tissue - 0.24 * airway * inside + amount * bones
    return density


# --- drawing ---------------------------------------------------------------------------------------------------------


class _Canvas(ImageDraw.ImageDraw):
    """A fine 8-bit mask to draw on."""

    def __init__(self, width: int, height: int) -> None:
        self.picture = Image.new("L", (width * FINE, height * FINE))
        super().__init__(self.picture)


def _canvas(anatomy: Anatomy) -> _Canvas:
    return _Canvas(anatomy.width, anatomy.height)


def _plane(canvas: _Canvas, blur: float) -> Plane:
    """Return a mask as 0..1 with its edges softened by `blur` picture pixels."""
    coarser = 2 if blur >= 2 else 1
    soft = canvas.picture.reduce(FINE * coarser).filter(ImageFilter.GaussianBlur(blur / coarser))
    if coarser > 1:
        soft = soft.resize((canvas.picture.width // FINE, canvas.picture.height // FINE), Image.Resampling.BILINEAR)
    mask: Plane = np.asarray(soft, dtype=np.float32) / np.float32(255)
    return mask


def _blob(canvas: _Canvas, x: float, y: float, radius: float) -> None:
    left, top, right, bottom = x - radius, y - 0.8 * radius, x + radius, y + 0.8 * radius
    canvas.ellipse([left * FINE, top * FINE, right * FINE, bottom * FINE], fill=255)


def _scaled(points: Sequence[Point]) -> list[Point]:
    return [(x * FINE, y * FINE) for x, y in points]


def _axes(anatomy: Anatomy) -> tuple[Plane, Plane]:
    """Return x as one row and y as one column of pixels, 0..1 across the picture."""
    x = np.arange(anatomy.width, dtype=np.float32)[None, :] / np.float32(anatomy.width)
    y = np.arange(anatomy.height, dtype=np.float32)[:, None] / np.float32(anatomy.height)
    return x, y


def _step(values: Plane) -> Plane:
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


def _cloud(anatomy: Anatomy, random: np.random.Generator, scale: float) -> Plane:
    """Return smooth noise of unit variance, its grains `scale` picture pixels wide."""
    step = max(1.0, scale / 2)
    small = random.standard_normal((math.ceil(anatomy.height / step) + 2, math.ceil(anatomy.width / step) + 2))
    picture = Image.fromarray(small.astype(np.float32), mode="F")
    grown = picture.resize((anatomy.width, anatomy.height), Image.Resampling.BICUBIC)
    return np.asarray(grown, dtype=np.float32)
