"""What a run asks a model, one question after the other, each with the request that asks it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from orchestrator.inference import prompt
from orchestrator.records import Item, Model, Reply, Request


@dataclass(frozen=True, slots=True)
class Question:
    """One request of a run, and where its reply belongs."""

    item_id: str
    sample: int
    rotation: int
    wording: str
    """Digest of the item's question and options, unrotated."""
    request: Request
    judged: str = ""
    """Alias of the model whose reply the request judges; empty for a question of the benchmark."""
    again: Callable[[Reply], bool] | None = None
    """Given a stored reply: whether to ask again, paid anew."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How the items of a benchmark are asked."""

    template: prompt.Template = prompt.SHIPPED
    samples: int = 1
    rotations: int = 1
    again: Callable[[Item, Reply], bool] | None = None
    """Given an item as it was shown and its stored reply: whether to ask again, paid anew."""


async def questions(items: AsyncGenerator[Item, None], model: Model, asking: Asking) -> AsyncGenerator[Question, None]:
    """Yield the questions of these items to a model: of each item every rotation, of each rotation every sample."""
    async with aclosing(items):
        async for item in items:
            for question in of_item(item, model, asking):
                yield question


def of_item(item: Item, model: Model, asking: Asking) -> Iterator[Question]:
    """Yield the questions that one item becomes for a model."""
    wording = item.wording
    for rotation in range(min(asking.rotations, len(item.options))):
        shown = item.rotated(rotation)
        for sample in range(asking.samples):
            yield Question(
                item_id=item.id,
                sample=sample,
                rotation=rotation,
                wording=wording,
                request=prompt.build(shown, model, asking.template, sample=sample),
                again=None if asking.again is None else partial(asking.again, shown),
            )
