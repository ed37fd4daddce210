"""Spines to be drawn: a healthy one of each region with natural variation, and what each disease does to it.

Mild disease and natural variation overlap on purpose: some pictures cannot be told apart by anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from .anatomy import Anatomy, Exposure, Region, Vertebra

HEALTHY = "Healthy"
SLIP = "Spondylolisthesis"
NARROWING = "Disc space narrowing"
SPURS = "Osteophytes"
COLLAPSE = "Vertebral collapse"
LORDOSIS = "Cervical lordosis"
STRAIGHT = "Straight cervical vertebrae"
KYPHOSIS = "Cervical kyphosis"
SIGMOID = "Sigmoid cervical vertebrae"

LUMBAR = (SLIP, NARROWING, SPURS, COLLAPSE, HEALTHY)
CERVICAL = (LORDOSIS, STRAIGHT, KYPHOSIS, SIGMOID, HEALTHY)
LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
WIDTH, LUMBAR_HEIGHT, CERVICAL_HEIGHT = 272, 384, 352


@dataclass(frozen=True, slots=True)
class Case:
    """One synthetic patient."""

    disease: str
    levels: tuple[str, ...]
    """Affected lumbar levels, from the top down; empty where the disease has none."""
    anatomy: Anatomy


def case(disease: str, region: Region, random: Random) -> Case:
    """Return a new patient with one disease of that region, or a healthy one."""
    match region:
        case Region.LUMBAR:
            return _lumbar(disease, random)
        case Region.CERVICAL:
            return _cervical(disease, random)


# --- lumbar ----------------------------------------------------------------------------------------------------------

Spine: TypeAlias = dict[str, Vertebra]
"""Name -> vertebra, from the top down."""

_LUMBAR = {
    # name: depth, height, front height / back height, tilt in degrees, height of the disc below
    "T10": (48, 35, 0.98, 8, 6.5),
    "T11": (50, 36, 0.98, 9, 7.5),
    "T12": (51, 37, 1.00, 9, 8.5),
    "L1": (52, 38, 1.00, 9, 9.5),
    "L2": (53, 39, 1.00, 7, 11.0),
    "L3": (54, 40, 1.01, 4, 12.0),
    "L4": (55, 41, 1.03, 0, 13.0),
    "L5": (55, 41, 1.10, -8, 11.5),
    "S1": (50, 41, 1.05, -27, 0.0),
}


def _lumbar(disease: str, random: Random) -> Case:
    size = random.uniform(0.92, 1.06)
    sway = random.gauss(0, 2.5)
    bend = random.uniform(0.75, 1.15)
    spine: Spine = {}
    for name, (depth, tall, wedge, tilt, gap) in _LUMBAR.items():
        height = size * tall * random.uniform(0.96, 1.04)
        spine[name] = Vertebra(
            name=name,
            depth=size * depth * random.uniform(0.98, 1.02),
            front=height * wedge * random.uniform(0.93, 1.03),
            middle=height * 0.97,
            back=height,
            tilt=bend * tilt + sway + random.gauss(0, 1.0),
            gap=size * gap * random.uniform(0.82, 1.14),
            slip=random.gauss(0, 1.0),
            spur_above=max(0.0, random.gauss(0, 1.8)),
            spur_below=max(0.0, random.gauss(0, 1.8)),
        )
    levels: tuple[str, ...] = ()
    if disease == COLLAPSE:
        _crush(spine, random.choice(("L1", "L2", "L3", "L4")), random)
    elif disease != HEALTHY:
        harm, most = _HARMS[disease]
        levels = tuple(sorted(random.sample(LEVELS, k=random.randint(1, most))))
        for level in levels:
            above, below = level.split("/")
            harm(spine, above, below, random)
    foot = (random.uniform(162, 180), random.uniform(388, 402))
    return Case(disease, levels, _anatomy(Region.LUMBAR, spine, foot, LUMBAR_HEIGHT, random))


def _crush(spine: Spine, name: str, random: Random) -> None:
    one = spine[name]
    left = random.uniform(0.55, 0.86)
    spine[name] = replace(
        one, front=one.front * left, middle=one.middle * (left + 0.06), back=one.back * random.uniform(0.86, 1.0)
    )


def _slide(spine: Spine, above: str, below: str, random: Random) -> None:
    spine[above] = replace(spine[above], slip=spine[above].depth * random.uniform(0.07, 0.26))


def _narrow(spine: Spine, above: str, below: str, random: Random) -> None:
    spine[above] = replace(spine[above], gap=spine[above].gap * random.uniform(0.30, 0.72))


def _spur(spine: Spine, above: str, below: str, random: Random) -> None:
    spine[above] = replace(spine[above], spur_below=random.uniform(3.5, 11))
    spine[below] = replace(spine[below], spur_above=random.uniform(3.5, 11))


_HARMS: Mapping[str, tuple[Callable[[Spine, str, str, Random], None], int]] = {
    SLIP: (_slide, 1),
    NARROWING: (_narrow, 3),
    SPURS: (_spur, 3),
}
"""What a disease does to one level, and how many levels it affects at most."""


# --- cervical --------------------------------------------------------------------------------------------------------

_CERVICAL = {
    # name: depth, height
    "C2": (36, 32),
    "C3": (38, 28),
    "C4": (39, 28),
    "C5": (40, 28),
    "C6": (41, 29),
    "C7": (41, 31),
    "T1": (42, 33),
}


def _cervical(disease: str, random: Random) -> Case:
    size = random.uniform(0.92, 1.06)
    total = _turning(disease, random)
    lean = random.gauss(0, 3)
    spine: Spine = {}
    for rank, (name, (depth, tall)) in enumerate(_CERVICAL.items()):
        down = rank / (len(_CERVICAL) - 1)
        # A sigmoid neck swings there and back, so its ends are parallel; any other turns steadily.
        turned = 0.75 * (1 - 8 * down * (1 - down)) if disease == SIGMOID else 1 - 2 * down
        height = size * tall * random.uniform(0.96, 1.04)
        spine[name] = Vertebra(
            name=name,
            depth=size * depth * random.uniform(0.98, 1.02),
            front=height * random.uniform(0.96, 1.02),
            middle=height * 0.97,
            back=height,
            tilt=total / 2 * turned + lean + random.gauss(0, 1.2),
            gap=size * 10 * random.uniform(0.88, 1.12),
            slip=random.gauss(0, 0.6),
        )
    foot = (random.uniform(130, 150), random.uniform(346, 360))
    return Case(disease, (), _anatomy(Region.CERVICAL, spine, foot, CERVICAL_HEIGHT, random))


def _turning(disease: str, random: Random) -> float:
    """Return by how many degrees the neck turns from top to bottom; positive bulges to the front."""
    return {
        LORDOSIS: random.uniform(30, 56),
        HEALTHY: random.uniform(12, 34),
        STRAIGHT: random.uniform(-9, 10),
        KYPHOSIS: random.uniform(-34, -8),
        SIGMOID: random.uniform(14, 44) * random.choice((-1, 1)),
    }[disease]


# --- both ------------------------------------------------------------------------------------------------------------


def _anatomy(region: Region, spine: Spine, foot: tuple[float, float], height: int, random: Random) -> Anatomy:
    exposure = Exposure(
        blur=random.uniform(0.6, 1.3),
        noise=random.uniform(5, 13),
        contrast=random.uniform(0.45, 1.0),
        clutter=random.uniform(0.5, 1.5),
    )
    return Anatomy(
        region=region,
        vertebrae=tuple(spine.values()),
        foot=foot,
        exposure=exposure,
        texture=random.getrandbits(32),
        width=WIDTH,
        height=height,
    )
