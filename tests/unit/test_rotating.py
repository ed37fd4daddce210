"""How many rotations a budget covers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from paid_fixtures import item, model, provider

from orchestrator.commands.rotating import affordable
from orchestrator.inference.pricing import worst_case
from orchestrator.inference.questions import Asking, of_item
from orchestrator.inference.tokens import estimate
from orchestrator.records import Item

MODEL = model(provider())
FEW = tuple(item(number) for number in range(4))
MANY = tuple(
    replace(item(number), options=tuple((letter, f"finding {letter}") for letter in "ABCDE")) for number in range(4, 7)
)


async def stream(items: tuple[Item, ...]) -> AsyncGenerator[Item, None]:
    """Yield items one by one."""
    for one in items:
        yield one


def fitting(items: tuple[Item, ...], budget: int, samples: int = 1, models: int = 1) -> int:
    """Return the number of rotations."""
    return asyncio.run(affordable(stream(items), [MODEL] * models, Asking(samples=samples), budget))


def worst(items: tuple[Item, ...], rotations: int) -> int:
    """Return what the questions would cost at worst, counted one by one."""
    asked = [question for one in items for question in of_item(one, MODEL, Asking(rotations=rotations))]
    estimates = [estimate(question.request, MODEL.image_tokens).total for question in asked]
    return sum(worst_case(tokens, MODEL.max_output_tokens, MODEL.price) for tokens in estimates)


@pytest.mark.parametrize("rotations", range(1, 6))
def test_the_worst_case_fits_and_one_more_does_not(rotations: int) -> None:
    """Items with fewer options are asked in fewer orders; a nano-dollar less is one rotation less."""
    items = FEW + MANY
    enough = worst(items, rotations)
    assert fitting(items, enough) == rotations
    assert fitting(items, enough - 1) == max(1, rotations - 1)


def test_no_more_than_there_are_orders() -> None:
    """However much there is to spend."""
    assert fitting(FEW, 10**15) == 3
    assert fitting(FEW + MANY, 10**15) == 5


def test_samples_and_models_share_the_budget() -> None:
    """Twice the questions, at twice the cost."""
    assert fitting(FEW, worst(FEW, 2) * 6, samples=3, models=2) == 2


def test_what_fits_no_rotation_is_asked_as_it_stands() -> None:
    """The cap then stops the run; and a benchmark without items costs nothing."""
    assert fitting(FEW, 1) == 1
    assert fitting((), 1) == 1
