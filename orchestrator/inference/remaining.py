"""What a run that was stopped has left to ask, and what that would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

from orchestrator.inference.estimate import History, Load, load_of
from orchestrator.inference.plan import Plan
from orchestrator.inference.questions import Question
from orchestrator.inference.tokens import estimate
from orchestrator.records import Model
from orchestrator.store import claims
from orchestrator.store.claims import Claim
from orchestrator.store.database import Store

AT_ONCE = 500
"""Questions looked up together."""


async def remaining(
    questions: AsyncGenerator[Question, None], model: Model, plan: Plan, past: History, store: Store
) -> Load:
    """Return the load of those of a plan's questions to a model that its next invocation would ask."""
    calls: Counter[int] = Counter()
    chunk: list[Question] = []

    async def look_up() -> None:
        keys = [(one.request.key, plan.policy(one.again)) for one in chunk]
        found = zip(chunk, await store.do(claims.standings, keys), strict=True)
        calls.update(estimate(one.request, model.image_tokens).total for one, claim in found if claim is Claim.MINE)
        chunk.clear()

    async with aclosing(questions):
        async for question in questions:
            chunk.append(question)
            if len(chunk) == AT_ONCE:
                await look_up()
    await look_up()
    return load_of(calls, model, past)
