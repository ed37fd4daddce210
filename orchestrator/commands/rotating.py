"""How many orders of its options an item is asked in, where the budget decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from orchestrator.inference.pricing import worst_case
from orchestrator.inference.questions import Asking, of_item
from orchestrator.inference.tokens import estimate
from orchestrator.records import Item, Model


async def affordable(
    items: AsyncGenerator[Item, None], models: Sequence[Model], asking: Asking, budget_nanousd: int
) -> int:
    """Return the largest number of rotations whose worst case a budget covers, and 1 where not even that is covered.

    What is stored already, and what bills have taught of the estimates, is left out of account, so that the same
    command always names the same run. The orders of one item are taken to cost the same.
    """
    by_options: Counter[int] = Counter()
    async with aclosing(items):
        async for item in items:
            for model in models:
                question = next(of_item(item, model, asking))
                tokens = estimate(question.request, model.image_tokens).total
                by_options[len(item.options)] += worst_case(tokens, model.max_output_tokens, model.price)
    most = max(by_options, default=1)
    fitting = [count for count in range(1, most + 1) if _worst(by_options, count) * asking.samples <= budget_nanousd]
    return max(fitting, default=1)


def _worst(by_options: Counter[int], rotations: int) -> int:
    return sum(cost * min(rotations, options) for options, cost in by_options.items())
