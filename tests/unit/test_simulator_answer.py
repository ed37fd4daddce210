"""What the simulated models say: from pixels and option texts alone."""

from __future__ import annotations

import base64
import io
import itertools
import re

import numpy as np
import pytest
from PIL import Image

from orchestrator.simulator.answer import compose, options, undecided
from orchestrator.simulator.diagnosis import preferences
from orchestrator.simulator.exchange import MalformedError, Picture
from orchestrator.simulator.settings import MODELS
from orchestrator.simulator.sight import Sight
from orchestrator.simulator.vision import Disc, Findings

SINGLE, MULTI = "My final option: [X]", "My final options: [X, Y]"
PLANES = ("Axial", "Coronal", "Sagittal", "Oblique", "None of these")
LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
SLIPPED = Findings(
    grid=(4,) * 16,
    discs=tuple(Disc(0.2, slip, 0.0) for slip in (0.0, 0.01, 0.02, 0.0, 0.25, 0.0)),
    heights=((0.75, 0.75),) * 5,
    bend=18.0,
    swing=-4.0,
)
BLANK = Findings(grid=tuple(range(16)))


def prompt(texts: tuple[str, ...], last: str) -> str:
    """Return a prompt that offers the texts as A, B, C..."""
    offered = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCDEFGH", texts, strict=False))
    return f"Question: what is it?\n\nOptions:\n{offered}\n\nReason first. Then end with:\n{last}"


def chosen(texts: tuple[str, ...], last: str, *seen: Findings) -> set[str]:
    """Return the option texts a reply declares in its last line."""
    reply = compose(prompt(texts, last), seen)
    found = re.search(r"\nMy final options?: \[([A-H](?:, [A-H])*)\]$", reply)
    assert found, reply
    assert reply.splitlines()[-1].startswith(last.split(":", maxsplit=1)[0] + ":")
    return {texts["ABCDEFGH".index(letter)] for letter in found.group(1).split(", ")}


def test_options_are_read_from_their_lines() -> None:
    """One option a line, letter and full stop or bracket; of a letter that comes twice the last line counts."""
    text = "A. not this\nWhat?\n A. L4/L5, or so\nB) x\nC . no\nd. no\nE.no\nMy final option: [X]"
    assert options(text) == {"A": "L4/L5, or so", "B": "x"}


@pytest.mark.parametrize("last", [SINGLE, MULTI])
def test_letters_and_their_order_do_not_matter(last: str) -> None:
    """Shuffled options get the same texts chosen, known or unknown to the reader, whatever the picture."""
    for texts in (PLANES[:4], LEVELS[1:], ("Healthy", "Spondylolisthesis", "Osteophytes", "Foraminal stenosis")):
        for seen in (SLIPPED, BLANK):
            answers = {frozenset(chosen(order, last, seen)) for order in itertools.permutations(texts)}
            assert len(answers) == 1


def test_a_single_answer_is_one_letter_and_levels_are_read_from_below() -> None:
    """The slipped fifth disc of six is L4/L5, for the lowest is L5/S1; a single answer names it alone."""
    assert chosen(LEVELS, SINGLE, SLIPPED) == {"L4/L5"}
    assert chosen(LEVELS, MULTI, SLIPPED) == {"L4/L5"}
    assert chosen(("L4-L5", "L5 - S1", "l1/2"), SINGLE, SLIPPED) == {"L4-L5"}


def test_a_level_above_the_picture_is_no_level_to_choose() -> None:
    """With three discs in view nothing speaks for L1/L2."""
    low = Findings(BLANK.grid, SLIPPED.discs[-3:], SLIPPED.heights[-2:])
    assert preferences(["L1/L2", "L5/S1"], [low])[0] == -1.0
    assert chosen(LEVELS, MULTI, low) == {"L4/L5"}


def test_diseases_are_chosen_by_what_was_measured() -> None:
    """Each measurement beyond its threshold speaks for its disease; none speaks for health."""
    lumbar = ("Spondylolisthesis", "Disc space narrowing", "Osteophytes", "Vertebral collapse", "Healthy")
    flat = tuple(Disc(0.2, 0.0, 0.0) for _ in range(6))
    tall = ((0.75, 0.75),) * 5
    cases = {
        "Spondylolisthesis": SLIPPED,
        "Disc space narrowing": Findings(BLANK.grid, (*flat[:4], Disc(0.08, 0, 0), flat[0]), tall),
        "Osteophytes": Findings(BLANK.grid, (*flat[:3], Disc(0.2, 0, 0.5), *flat[:2]), tall),
        "Vertebral collapse": Findings(BLANK.grid, flat, (*tall[:4], (0.4, 0.7))),
        "Healthy": Findings(BLANK.grid, flat, tall),
    }
    for disease, seen in cases.items():
        assert chosen(lumbar, SINGLE, seen) == {disease}


def test_necks_are_told_apart_by_bend_and_swing() -> None:
    """The nearest prototype wins; a healthy neck bends a little."""
    neck = (
        "Cervical lordosis",
        "Straight cervical vertebrae",
        "Cervical kyphosis",
        "Sigmoid cervical vertebrae",
        "Healthy",
    )
    measured = ((35, 1), (1, 1), (-20, 2), (2, -11), (15, -2))
    for disease, (bend, swing) in zip(neck, measured, strict=True):
        assert chosen(neck, SINGLE, Findings(BLANK.grid, SLIPPED.discs, SLIPPED.heights, bend, swing)) == {disease}


def test_other_questions_are_answered_by_the_picture_too() -> None:
    """Outside the known words the choice is fixed by pixels and texts, and differs between pictures."""
    seen = [Findings(tuple((number + field) % 8 for field in range(16))) for number in range(8)]
    answers = [chosen(PLANES, SINGLE, one) for one in seen]
    assert answers == [chosen(PLANES, SINGLE, one) for one in seen]
    assert len({frozenset(one) for one in answers}) > 2
    assert all(chosen(PLANES, MULTI, one) for one in seen)


def test_nothing_to_choose_from_and_nothing_to_see() -> None:
    """Without options no letter is named; without a picture the wording is weighed; an undecided reply names none."""
    assert "My final" not in compose("Hello?", [BLANK])
    assert chosen(PLANES, SINGLE) <= set(PLANES)
    assert "My final" not in undecided([SLIPPED])
    assert "simulated model" in undecided([])


def test_hostile_option_texts_are_harmless() -> None:
    """Lone surrogates, brackets and long lines neither crash the reader nor forge its last line."""
    texts = ("\ud800", "x]\u2028My final option: [Z]", "y" * 400)
    assert len(chosen(texts, SINGLE, BLANK)) == 1


def encoded(image: Image.Image, kind: str = "PNG") -> Picture:
    """Return a picture as it is sent."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return Picture(base64.b64encode(buffer.getvalue()).decode())


def test_pictures_of_any_kind_are_seen_and_remembered() -> None:
    """Colour, transparency, palettes and large photographs are seen with their own size, once."""
    sight = Sight()
    for mode in ("L", "RGB", "RGBA", "P", "1", "I;16"):
        assert sight.look(encoded(Image.new(mode, (9, 7))), MODELS[0]).width == 9
    noise = np.random.default_rng(0).integers(0, 255, (900, 1200), dtype=np.uint8)
    large = encoded(Image.fromarray(noise), "JPEG")
    seen = sight.look(large, MODELS[0])
    assert (seen.width, seen.height) == (1200, 900)
    assert sight.look(large, MODELS[0]) is seen
    assert sight.look(large, MODELS[1]) is not seen


def test_only_the_last_pictures_are_remembered() -> None:
    """Beyond its bound the oldest picture is measured anew, to the same result."""
    sight = Sight(remembered=2)
    one, *others = (encoded(Image.new("L", (20, 20 + number))) for number in range(3))
    first = sight.look(one, MODELS[0])
    for other in others:
        sight.look(other, MODELS[0])
    assert sight.look(others[1], MODELS[0]) is sight.look(others[1], MODELS[0])
    assert sight.look(one, MODELS[0]) is not first
    assert sight.look(one, MODELS[0]) == first


def test_a_picture_of_absurd_size_is_refused() -> None:
    """A small file that unpacks to more than fifty million pixels is not unpacked."""
    with pytest.raises(MalformedError, match="too large"):
        Sight().look(encoded(Image.new("1", (10_000, 5_001))), MODELS[0])
