"""Phantoms: the geometry of the spines that are drawn, and the pictures of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from orchestrator.demo.anatomy import Anatomy, Region, bodies
from orchestrator.demo.cases import CERVICAL, HEALTHY, LEVELS, LUMBAR, case
from orchestrator.demo.phantom import draw


def anatomy(disease: str = HEALTHY, region: Region = Region.LUMBAR, seed: int = 3) -> Anatomy:
    """Return the anatomy of one synthetic patient."""
    return case(disease, region, Random(seed)).anatomy


def pixels(one: Anatomy) -> np.typing.NDArray[np.int16]:
    """Return the picture of an anatomy as numbers."""
    return np.asarray(draw(one), dtype=np.int16)


@pytest.mark.parametrize("region", list(Region))
def test_vertebrae_stand_on_one_another(region: Region) -> None:
    """From the top down each body lies below the one before, with its disc between them, and the last on the foot."""
    one = anatomy(region=region)
    placed = bodies(one)
    assert [body.vertebra for body in placed] == list(one.vertebrae)
    heights = [body.centre[1] for body in placed]
    assert heights == sorted(heights)
    assert placed[-1].at(0, -placed[-1].vertebra.middle / 2) == pytest.approx(one.foot)
    for above, below in pairwise(placed):
        floor = above.at(0, -above.vertebra.middle / 2)
        roof = below.at(0, below.vertebra.middle / 2)
        assert np.hypot(floor[0] - roof[0], floor[1] - roof[1]) == pytest.approx(
            np.hypot(above.vertebra.gap, above.vertebra.slip)
        )


def test_a_slip_moves_everything_above_to_the_front() -> None:
    """The patient faces left: a slip of L4 shifts it and all above it to the left, and nothing below."""
    plain = anatomy()
    rank = [one.name for one in plain.vertebrae].index("L4")
    slipped = tuple(
        replace(one, slip=one.slip + 10) if place == rank else one for place, one in enumerate(plain.vertebrae)
    )
    shifts = [
        after.centre[0] - before.centre[0]
        for before, after in zip(bodies(plain), bodies(replace(plain, vertebrae=slipped)), strict=True)
    ]
    assert all(shift == pytest.approx(-10, abs=1.5) for shift in shifts[: rank + 1])
    assert all(shift == 0 for shift in shifts[rank + 1 :])


@pytest.mark.parametrize(
    ("region", "disease"),
    [(Region.LUMBAR, disease) for disease in LUMBAR] + [(Region.CERVICAL, disease) for disease in CERVICAL],
)
def test_every_disease_can_be_drawn(region: Region, disease: str) -> None:
    """A picture of the anatomy's size, with air or tissue and bone in it, the spine within its frame."""
    for seed in range(3):
        one = anatomy(disease, region, seed)
        picture = pixels(one)
        assert picture.shape == (one.height, one.width)
        assert picture.std() > 12
        assert all(0 < body.centre[0] < one.width for body in bodies(one))


@pytest.mark.parametrize("disease", [one for one in LUMBAR if one not in {HEALTHY, "Vertebral collapse"}])
def test_affected_levels_are_named_from_the_top_down(disease: str) -> None:
    """Diseases of levels affect one to three of them, listed in anatomical order without repetition."""
    random = Random(5)
    for _ in range(40):
        levels = case(disease, Region.LUMBAR, random).levels
        assert 1 <= len(levels) <= 3
        assert list(levels) == [level for level in LEVELS if level in levels]
    assert case(HEALTHY, Region.LUMBAR, random).levels == ()
    assert case("Vertebral collapse", Region.LUMBAR, random).levels == ()


def test_the_same_anatomy_gives_the_same_picture() -> None:
    """Nothing random is left outside the anatomy: the same one twice, another texture, another case."""
    one = anatomy()
    assert (pixels(one) == pixels(one)).all()
    assert (pixels(one) != pixels(replace(one, texture=one.texture + 1))).mean() > 0.5
    assert anatomy(seed=3) == anatomy(seed=3) != anatomy(seed=4)


def test_a_spur_is_bright_in_front_of_its_corner() -> None:
    """Drawing a spur changes the picture in front of that corner and nowhere far from it."""
    plain = anatomy()
    rank = [one.name for one in plain.vertebrae].index("L3")
    bare = tuple(replace(one, spur_above=0.0, spur_below=0.0) for one in plain.vertebrae)
    spurred = tuple(replace(one, spur_below=12.0) if place == rank else one for place, one in enumerate(bare))
    before, after = (pixels(replace(plain, vertebrae=one)) for one in (bare, spurred))
    body = bodies(replace(plain, vertebrae=bare))[rank]
    x, y = body.at(body.vertebra.depth / 2 + 5, -body.vertebra.front / 2 - 1)
    change = after - before
    assert change[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3].mean() > 10
    assert abs(change[: round(y) - 60]).max() == 0
