"""`estimate --pilot`: ask a few items, spread over the benchmark, and see what they cost.

The replies are paid for and kept as any other, so that a later run does not pay for them again; the same pilot again
pays for nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from rich.console import Console

from orchestrator import config
from orchestrator.commands.counting import counted
from orchestrator.commands.running import RunOptions, Say, carry_out, exit_code, registered, spec_of
from orchestrator.dataset.images import ImageLoader
from orchestrator.dataset.load import check, read_items
from orchestrator.errors import BenchmarkError
from orchestrator.inference import client
from orchestrator.inference.estimate import spread
from orchestrator.inference.executor import LocalExecutor
from orchestrator.inference.plan import Plan, Stop
from orchestrator.inference.pricing import usd
from orchestrator.inference.prompt import Template
from orchestrator.inference.questions import Asking, Question, questions
from orchestrator.inference.runner import Runner
from orchestrator.records import Item, Model
from orchestrator.store import replies, runs
from orchestrator.store.database import Store
from orchestrator.store.pictures import KnownPictures

SEED = 0


@dataclass(frozen=True, slots=True)
class PilotSpec:
    """How large a pilot may be."""

    items: int
    budget_nanousd: int


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a pilot came to."""

    run: str
    items: int
    calls: int
    spent_nanousd: int
    """Calls and charges of this invocation."""
    costs: Mapping[str, tuple[int, ...]]
    """Nano-dollars of each reply to the pilot's items, by model, whenever it was paid for."""
    stops: tuple[Stop, ...]
    incomplete: bool

    @property
    def exit_code(self) -> int:
        """The highest that applies."""
        return exit_code(self.stops, incomplete=self.incomplete)


async def run_pilot(
    pilot: PilotSpec,
    asked: RunOptions,
    models: Sequence[Model],
    template: Template,
    store: Store,
    say: Say,
    console: Console,
) -> Pilot:
    """Ask the pilot's items once each, as a run of their own under its cap.

    Raises ConfigError or BenchmarkError before anything is paid, and CacheError when the cache fails.
    """
    keys = {model.provider.name: config.api_key(model.provider) for model in models}
    for model in models:
        client.route(model.litellm_model)
    pictures = KnownPictures(store)
    checked = await check(asked.benchmark, pictures)
    if not checked.items:
        raise BenchmarkError(checked.problems, checked.total_problems)
    total = min(checked.items, asked.limit or checked.items)
    chosen = spread(total, pilot.items, SEED)

    def to_ask(model: Model) -> AsyncGenerator[Question, None]:
        return questions(
            _at(read_items(asked.benchmark, pictures, lambda problem: None), chosen), model, Asking(template)
        )

    spec = spec_of(asked, checked, models, template)
    spec = replace(spec, name=f"{spec.name}-pilot-{len(chosen)}", settings={**spec.settings, "pilot": len(chosen)})
    row = await store.do(runs.open_run, spec, pilot.budget_nanousd, time.time())
    say(f"pilot: run {row.name}, {len(chosen)} of {counted(total, 'item')}, cap {usd(pilot.budget_nanousd)}")
    async with registered(store) as process_id, client.Client() as calls:
        plan = Plan(row.id, process_id, tuple(models), newer_than=await store.do(replies.latest_reply_id))
        runner = Runner(plan, to_ask, store, LocalExecutor(calls, ImageLoader(), keys))
        await carry_out(runner, len(chosen), say, console)
    for stop in runner.stops:
        say(f"the pilot was stopped{f' at {stop.name}' if stop.name else ''}: {stop.reason}")
    tallies = runner.tallies.values()
    return Pilot(
        run=row.name,
        items=len(chosen),
        calls=sum(tally.calls for tally in tallies),
        spent_nanousd=sum(tally.spent_nanousd for tally in tallies),
        costs={model.alias: await _costs(store, to_ask(model)) for model in models},
        stops=tuple(runner.stops),
        incomplete=any(tally.failed or tally.held or tally.unsent for tally in tallies),
    )


async def _at(items: AsyncGenerator[Item, None], positions: frozenset[int]) -> AsyncGenerator[Item, None]:
    """Yield the items at these positions, and read no further than the last."""
    position, left = 0, len(positions)
    async with aclosing(items):
        async for item in items:
            if position in positions:
                yield item
                left -= 1
            if not left:
                return
            position += 1


async def _costs(store: Store, asked: AsyncGenerator[Question, None]) -> tuple[int, ...]:
    # A reply without a usage that can be believed is charged at its worst case, which says nothing of the next one.
    async with aclosing(asked):
        paid = [await store.do(replies.find, question.request.key) async for question in asked]
    return tuple(reply.cost_nanousd for reply in paid if reply is not None and reply.usage is not None)
