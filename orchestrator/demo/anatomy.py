"""The specification of one synthetic spine in lateral view, and the geometry that follows from it.

Lengths are pixels of the drawn picture; the patient faces left. Tilts are degrees; a vertebra of tilt 0 stands upright
and one of positive tilt leans back, to the right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
"""x (to the right) and y (down)."""


class Region(StrEnum):
    """Which part of the spine is shown."""

    LUMBAR = "lumbar"
    CERVICAL = "cervical"


@dataclass(frozen=True, slots=True)
class Vertebra:
    """One vertebral body, and the disc below it."""

    name: str
    depth: float
    """From the front wall to the back wall."""
    front: float
    """Height at the front wall."""
    middle: float
    back: float
    tilt: float
    gap: float
    """Height of the disc below, at its middle."""
    slip: float = 0.0
    """How far this vertebra is displaced to the front of the one below."""
    spur_above: float = 0.0
    """Length of the bony spur at the front upper corner."""
    spur_below: float = 0.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """How the picture was taken."""

    blur: float
    """Standard deviation in pixels."""
    noise: float
    """Standard deviation in grey levels at mid grey."""
    contrast: float
    """Density of bone against soft tissue; 1 is a good picture."""
    clutter: float
    """Density of bowel gas, ribs and pelvis (or jaw and shoulders) over the spine; 1 is usual."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """One synthetic spine, wholly specified: the same anatomy draws the same picture."""

    region: Region
    vertebrae: tuple[Vertebra, ...]
    """From the top down; the last one has no disc below."""
    foot: Point
    """Middle of the last vertebra's lower endplate."""
    exposure: Exposure
    texture: int
    """Seed of everything random in the picture: noise, trabeculae, clutter."""
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Body:
    """One vertebral body in place."""

    vertebra: Vertebra
    centre: Point
    up: Point
    """Unit vector from its lower to its upper endplate."""

    def at(self, forward: float, upward: float) -> Point:
        """Return the point that lies so far to the front of the centre and so far above it, along its own axes."""
        up_x, up_y = self.up
        return (
            self.centre[0] + forward * up_y + upward * up_x,
            self.centre[1] - forward * up_x + upward * up_y,
        )


def bodies(anatomy: Anatomy) -> tuple[Body, ...]:
    """Return the bodies in place, from the top down: each stands on the one below, with its disc, tilt and slip."""
    placed: list[Body] = []
    x, y = anatomy.foot
    below = None
    for vertebra in reversed(anatomy.vertebrae):
        up = _up(vertebra.tilt)
        if below is not None:
            between = _up((vertebra.tilt + below.tilt) / 2)
            x += vertebra.gap * between[0] + vertebra.slip * between[1]
            y += vertebra.gap * between[1] - vertebra.slip * between[0]
        half = vertebra.middle / 2
        placed.append(Body(vertebra, (x + half * up[0], y + half * up[1]), up))
        x, y = x + vertebra.middle * up[0], y + vertebra.middle * up[1]
        below = vertebra
    return tuple(reversed(placed))


def _up(tilt: float) -> Point:
    return math.sin(math.radians(tilt)), -math.cos(math.radians(tilt))
