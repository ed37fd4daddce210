"""The simulated eyesight, checked on spines whose anatomy is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from orchestrator.demo.anatomy import Anatomy, Exposure, Region, Vertebra
from orchestrator.demo.phantom import draw
from orchestrator.simulator.vision import Findings, measure

NAMES = ("T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")
EXPOSURE = Exposure(blur=0.8, noise=5, contrast=0.9, clutter=1.0)


def spine(turn: float = 10.0, **changed: dict[str, Any]) -> Anatomy:
    """Return a regular spine of eight vertebrae that turns by so many degrees, some of its vertebrae changed."""
    vertebrae = []
    for rank, name in enumerate(NAMES):
        tilt = turn / 2 - turn * rank / (len(NAMES) - 1)
        plain = Vertebra(name, depth=52, front=39, middle=38, back=39, tilt=tilt, gap=11)
        vertebrae.append(replace(plain, **changed.get(name, {})))
    return Anatomy(Region.LUMBAR, tuple(vertebrae), (140, 390), EXPOSURE, 7, 272, 384)


def seen(anatomy: Anatomy) -> Findings:
    """Return what is measured in the picture of a spine."""
    return measure(np.asarray(draw(anatomy), dtype=np.float32))


def test_a_regular_spine_is_measured_regularly() -> None:
    """Seven discs of 11 pixels between bodies 52 deep: gaps near 0.2, no slip, no spur, equal heights."""
    found = seen(spine())
    assert len(found.discs) == 7
    assert [disc.gap for disc in found.discs[1:]] == pytest.approx([0.2] * 6, abs=0.05)
    assert [disc.slip for disc in found.discs[1:]] == pytest.approx([0.0] * 6, abs=0.07)
    assert [disc.spur for disc in found.discs[1:]] == pytest.approx([0.1] * 6, abs=0.2)
    assert [front for front, _ in found.heights[1:]] == pytest.approx([0.75] * 5, abs=0.06)


def test_a_slip_is_seen_at_its_level_with_its_direction() -> None:
    """L4 ten pixels in front of L5 shows at the second disc from below, forwards; backwards is negative."""
    forward = [disc.slip for disc in seen(spine(L4={"slip": 10})).discs]
    assert max(forward, key=abs) == forward[-2] == pytest.approx(10 / 52, abs=0.08)
    backward = [disc.slip for disc in seen(spine(L4={"slip": -10})).discs]
    assert max(backward, key=abs) == backward[-2] == pytest.approx(-10 / 52, abs=0.08)


def test_a_narrow_disc_is_seen_at_its_level() -> None:
    """A gap of 5 pixels among gaps of 11 is the smallest, by about its share."""
    gaps = [disc.gap for disc in seen(spine(L2={"gap": 5})).discs]
    assert min(gaps) == gaps[-4]
    assert gaps[-4] / np.median(gaps) == pytest.approx(5 / 11, abs=0.2)


def test_spurs_are_seen_at_their_level() -> None:
    """Beaks at both corners of L3/L4 make that disc's front the brightest."""
    spurs = [disc.spur for disc in seen(spine(L3={"spur_below": 9}, L4={"spur_above": 9})).discs]
    assert max(spurs) == spurs[-3] > 0.3


def test_a_collapsed_body_is_the_shortest_in_front() -> None:
    """L2 crushed to 60 % in front is found among the bodies between two discs, its back less changed."""
    heights = seen(spine(L2={"front": 23, "middle": 27, "back": 36})).heights
    fronts = [front for front, _ in heights]
    assert min(fronts) == fronts[-4] == pytest.approx(23 / 52, abs=0.08)
    assert heights[-4][1] > fronts[-4]


@pytest.mark.parametrize("turn", [-40.0, -15.0, 0.0, 15.0, 40.0])
def test_the_bend_is_measured_in_degrees(turn: float) -> None:
    """The inner discs see most of the turn from first to last vertebra, with its sign, and no swing."""
    found = seen(spine(turn))
    assert found.bend == pytest.approx(0.84 * turn, abs=6)
    assert found.swing == pytest.approx(0, abs=5)


def test_a_swing_there_and_back_is_no_bend() -> None:
    """Vertebrae that tilt back at both ends and forward in the middle have swing and hardly any bend."""
    tilts = {name: {"tilt": 16 * (2 * (rank / 7 * 2 - 1) ** 2 - 1)} for rank, name in enumerate(NAMES)}
    found = seen(spine(0.0, **tilts))
    assert abs(found.swing) > 10
    assert abs(found.bend) < 8


def test_a_model_that_sees_fewer_pixels_measures_the_same_thing_worse() -> None:
    """At a ninth of the side the discs are still found, their heights hardly."""
    sharp = draw(spine(L2={"gap": 4}))
    coarse = np.asarray(sharp.convert("F").reduce(9), dtype=np.float32)
    found = measure(coarse)
    assert len(found.discs) >= 5
    assert min(disc.gap for disc in found.discs) > 0.15


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 130), st.integers(1, 130)),
        elements=st.floats(0, 255, width=32),
        fill=st.floats(0, 255, width=32),
    )
)
def test_any_picture_can_be_measured(grey: np.typing.NDArray[np.float32]) -> None:
    """Whatever the size and the pixels, every number is finite, and the same pixels give the same numbers."""
    found = measure(grey)
    numbers = [value for disc in found.discs for value in (disc.gap, disc.slip, disc.spur)]
    numbers += [value for pair in found.heights for value in pair] + [found.bend, found.swing]
    assert np.isfinite(numbers).all()
    assert len(found.grid) == 16
    assert measure(grey) == found


@pytest.mark.parametrize("shape", [(384, 384), (300, 100), (96, 384), (500, 120)])
def test_noise_and_stripes_do_no_harm(shape: tuple[int, int]) -> None:
    """Pictures full of false gaps are measured without a warning."""
    random = np.random.default_rng(1)
    noise = random.random(shape, dtype=np.float32) * 255
    stripes = np.broadcast_to(np.sin(np.arange(shape[0]) / 5)[:, None] * 100 + 120, shape).astype(np.float32)
    ramp = np.broadcast_to(np.linspace(0, 255, shape[0])[:, None], shape)
    for grey in (noise, stripes, ramp, np.zeros(shape), stripes + noise / 4):
        found = measure(grey.astype(np.float32))
        assert all(np.isfinite([disc.gap, disc.slip, disc.spur]).all() for disc in found.discs)
