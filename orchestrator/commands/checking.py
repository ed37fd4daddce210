"""`models --check`: one cheap call to each model, through the ledger and under a cap."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from orchestrator import config
from orchestrator.commands.running import registered
from orchestrator.commands.workspace import Workspace
from orchestrator.dataset.images import ImageLoader
from orchestrator.inference import client, prompt
from orchestrator.inference.executor import LocalExecutor
from orchestrator.inference.plan import Plan
from orchestrator.inference.questions import Question
from orchestrator.inference.runner import Runner
from orchestrator.records import Item, Model
from orchestrator.store import replies, runs, status
from orchestrator.store.database import Store
from orchestrator.store.runs import RunSpec


@dataclass(frozen=True, slots=True)
class Checked:
    """What one cheap call to a model came to."""

    model: str
    ok: bool
    spent_nanousd: int
    reason: str
    """Why there is no reply; empty if there is one."""


async def check(workspace: Workspace, aliases: Sequence[str], budget_nanousd: int) -> list[Checked]:
    """Send one short question without a picture to each model, through the ledger and under a cap.

    Raises ConfigError for a model or key that cannot be used; what an API answers is a result, not an error.
    """
    models = tuple(workspace.config.model(alias) for alias in dict.fromkeys(aliases))
    keys = {model.provider.name: config.api_key(model.provider) for model in models}
    now = time.time()
    item = _question(now)

    async def question(model: Model) -> AsyncGenerator[Question, None]:
        yield Question(item.id, 0, 0, item.wording, prompt.build(item, model))

    async with Store(workspace.cache) as store:
        spec = RunSpec(f"{replies.PROBES}-{int(now * 1000):x}", "", item.wording)
        row = await store.do(runs.open_run, spec, budget_nanousd, now)
        async with registered(store) as process_id, client.Client() as calls:
            plan = Plan(row.id, process_id, models)
            runner = Runner(plan, question, store, LocalExecutor(calls, ImageLoader(), keys))
            await runner.run()
        found = await store.do(status.run_of, row.id)
    reasons = {one.model: "; ".join(reason for reason, _ in one.failures) for one in found.models}
    stopped = "; ".join(f"{stop.name}: {stop.reason}" for stop in runner.stops)
    return [
        Checked(alias, tally.replied > 0, tally.spent_nanousd, "" if tally.replied else reasons.get(alias) or stopped)
        for alias, tally in runner.tallies.items()
    ]


def _question(now: float) -> Item:
    # The time makes the question a new one, or the cache would answer for a key that no longer works.
    return Item(
        id="check",
        task="check",
        question=f"This is a connection check ({now:.3f}). Choose the first option and give no reasoning.",
        options=(("A", "yes"), ("B", "no")),
        gold=("A",),
        multi=False,
        images=(),
        group="check",
    )
