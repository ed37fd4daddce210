"""The bones of a phantom: vertebral bodies with their rims and spurs, and the arches behind them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .anatomy import Anatomy, Body, Point, Region
from .film import FINE, Canvas, Plane, cloud, plane, scaled


def spine(anatomy: Anatomy, placed: Sequence[Body], random: np.random.Generator) -> Plane:
    """Return the density of bodies, their rims and what stands behind them."""
    inside, rims, behind = (Canvas(anatomy) for _ in range(3))
    for body in placed:
        outline = _outline(body)
        behind.polygon(scaled(_arch(body)), fill=255)
        behind.polygon(scaled(_process(body, anatomy.region)), fill=255)
        inside.polygon(scaled(outline), fill=255)
        rims.line(scaled([*outline, outline[0]]), fill=150, width=2 * FINE, joint="curve")
        for plate in _endplates(body):
            rims.line(scaled(plate), fill=255, width=round(2.2 * FINE), joint="curve")
        for spur in _spurs(body):
            inside.polygon(scaled(spur), fill=255)
            rims.line(scaled([*spur, spur[0]]), fill=130, width=FINE, joint="curve")
    if anatomy.region is Region.CERVICAL:
        inside.polygon(scaled(_dens(placed[0])), fill=255)
    bone = plane(inside, 1.4)
    trabeculae = cloud(anatomy, random, 1.4) * 0.07 + cloud(anatomy, random, 5.0) * 0.05
    hollow = 0.10 * plane(inside, 6.0) * bone
    density: Plane = bone * (0.60 + trabeculae) - hollow + 0.40 * plane(rims, 0.9) + 0.24 * plane(behind, 2.2)
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
