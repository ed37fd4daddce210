"""What surrounds the spine of a phantom: soft tissue, air and gas, and the bones that lie across."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .anatomy import Anatomy, Body, Region
from .film import FINE, Canvas, Plane, axes, blob, cloud, plane, scaled, step


def surroundings(anatomy: Anatomy, placed: Sequence[Body], random: np.random.Generator) -> Plane:
    """Return the density of soft tissue, gas and the bones that lie across."""
    match anatomy.region:
        case Region.LUMBAR:
            return _trunk(anatomy, placed, random)
        case Region.CERVICAL:
            return _neck(anatomy, placed, random)


def _trunk(anatomy: Anatomy, placed: Sequence[Body], random: np.random.Generator) -> Plane:
    x, y = axes(anatomy)
    skin = 0.94 - 0.10 * (y - 0.4) ** 2
    tissue = 0.50 + 0.16 * y - 0.10 * x
    tissue = tissue + 0.12 * np.exp(-((x - 0.5) ** 2) / 0.08)
    tissue = tissue + 0.05 * cloud(anatomy, random, 14.0) + 0.03 * cloud(anatomy, random, 5.0)
    tissue = tissue * step((skin - x) / 0.03) * (0.75 + 0.25 * step((x - 0.02) / 0.05))
    amount = anatomy.exposure.clutter
    gas, ribs, pelvis = (Canvas(anatomy) for _ in range(3))
    wide, high = anatomy.width, anatomy.height
    for _ in range(int(random.integers(4, 8))):
        blob(gas, random.uniform(0.02, 0.30) * wide, random.uniform(0.25, 0.85) * high, random.uniform(7, 22))
    for rank in range(2):
        top = (0.02 + 0.10 * rank + random.uniform(-0.02, 0.02)) * high
        path = [(t * wide, top + high * (0.17 * (1 - t) ** 1.5)) for t in np.linspace(0.05, 0.85, 14)]
        ribs.line(scaled(path), fill=255, width=9 * FINE, joint="curve")
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
            scaled([*crest, (sacrum[0] - 0.36 * wide, high), (sacrum[0] + 0.4 * wide, high)]), fill=150 + 40 * rank
        )
    across: Plane = 0.08 * plane(ribs, 2.5) + 0.13 * plane(pelvis, 3.5) - 0.20 * plane(gas, 5.0)
    density: Plane = tissue + amount * across
    return density


def _neck(anatomy: Anatomy, placed: Sequence[Body], random: np.random.Generator) -> Plane:
    x, y = axes(anatomy)
    wide, high = anatomy.width, anatomy.height
    heights = np.array([body.centre[1] for body in placed]) / high
    centres = np.array([body.centre[0] for body in placed]) / wide
    column = np.interp(y, heights, centres).astype(np.float32)
    front = column - 0.27 - 0.06 * (y - 0.5) ** 2 - 0.10 * step((y - 0.93) / 0.1)
    back = column + 0.40 + 0.15 * step((y - 0.85) / 0.08)
    inside = step((x - front) / 0.02) * step((back - x) / 0.03)
    tissue = (0.36 + 0.10 * np.exp(-((x - column - 0.12) ** 2) / 0.02)) * inside
    airway = np.exp(-((x - column + 0.155) ** 2) / 0.0007) * step((y - 0.12) / 0.05)
    shoulders = 0.34 * step((y - 0.86) / 0.05) * (0.6 + 0.4 * x)
    tissue = tissue + 0.04 * cloud(anatomy, random, 12.0) * inside + 0.02 * cloud(anatomy, random, 4.0)
    amount = anatomy.exposure.clutter
    jaw, skull = Canvas(anatomy), Canvas(anatomy)
    top = placed[0]
    tip = top.at(top.vertebra.depth * 1.1, top.vertebra.middle * 0.6)
    lift = random.uniform(-6, 6)
    angle = (tip[0] + 4, tip[1] + lift)
    ramus = [(angle[0] + 10 * t * t, angle[1] - 12 - 110 * t) for t in (1.0, 0.6, 0.3, 0.1, 0.0)]
    jaw.line(
        scaled([*ramus, (angle[0] - 10, angle[1]), (-10.0, angle[1] + 26)]), fill=255, width=17 * FINE, joint="curve"
    )
    occiput = top.at(-top.vertebra.depth * 2.6, top.vertebra.middle * 3.0)
    blob(skull, occiput[0], occiput[1] - 34, 92)
    bones: Plane = shoulders + 0.24 * plane(jaw, 3.5) + 0.40 * plane(skull, 7.0)
    density: Plane = tissue - 0.24 * airway * inside + amount * bones
    return density
