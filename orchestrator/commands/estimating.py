"""`estimate`: what a run would cost and how long it would take, from the benchmark, the cache and the limits.

Nothing is sent (but by a pilot that was asked for), no key is needed, and nothing grows with the number of items but 8
bytes of each request's key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from orchestrator.commands.counting import counted
from orchestrator.commands.piloting import Pilot, PilotSpec, run_pilot
from orchestrator.commands.running import RunOptions, Say, past_of
from orchestrator.commands.scoring import first
from orchestrator.commands.workspace import Workspace
from orchestrator.dataset.load import read_items
from orchestrator.errors import BenchmarkError, Problem
from orchestrator.inference import prompt
from orchestrator.inference.estimate import History, Load, load_of, picture_settings, picture_tokens
from orchestrator.inference.questions import Asking, of_item
from orchestrator.inference.tokens import estimate
from orchestrator.records import ImagePolicy, Item, Model, Request
from orchestrator.store import replies
from orchestrator.store.database import Store
from orchestrator.store.pictures import KnownPictures

AT_ONCE = 500
"""Keys looked up together."""
REPORTED = 10_000
"""Items between two signs of life."""


@dataclass(frozen=True, slots=True)
class EstimateOptions:
    """What `estimate` was asked for."""

    benchmark: Path
    models: tuple[str, ...]
    limit: int | None = None
    samples: int = 1
    template: Path | None = None
    pilot: PilotSpec | None = None


@dataclass(slots=True)
class Survey:
    """One model's questions, counted and added up."""

    model: Model
    past: History
    questions: int = 0
    repeated: int = 0
    """Questions whose request is also that of an earlier one, at this model or another: asked and paid once."""
    held: int = 0
    """Questions that the cache answers."""
    pictures: int = 0
    """Requests, held ones included, with a picture."""
    calls: Counter[int] = field(default_factory=Counter)
    """The calls to make, by their estimated input tokens."""
    otherwise: dict[ImagePolicy, Counter[int]] = field(default_factory=dict)
    """All requests by their estimated input tokens, by picture settings, the model's own first. Under other settings no
    stored reply counts, except to a request without a picture."""
    _waiting: dict[str, Request] = field(default_factory=dict)
    """Requests to be looked up, by key."""

    @property
    def load(self) -> Load:
        """The calls to make, added up."""
        return load_of(self.calls, self.model, self.past)

    @property
    def settings(self) -> dict[ImagePolicy, int]:
        """Expected nano-dollars of asking everything anew, by picture settings."""
        return {
            policy: load_of(calls, self.model, self.past).expected_nanousd for policy, calls in self.otherwise.items()
        }

    async def add(self, request: Request, seen: set[int], store: Store) -> None:
        """Count a question, asked of whatever model; `seen` holds what was met before, 8 bytes of each key."""
        request = prompt.addressed(request, self.model)
        self.questions += 1
        key = request.key
        short = int(key[:16], 16)
        if short in seen:
            self.repeated += 1
        else:
            seen.add(short)
            self._waiting[key] = request
        if len(self._waiting) >= AT_ONCE:
            await self.look_up(store)

    async def look_up(self, store: Store) -> None:
        """Look up the requests that wait for it, and add up those that would have to be sent."""
        held = await store.do(replies.held, list(self._waiting))
        for key, request in self._waiting.items():
            self._add_up(request, held=key in held)
        self._waiting.clear()

    def _add_up(self, request: Request, *, held: bool) -> None:
        formula = self.model.image_tokens
        estimated = estimate(request, formula)
        self.held += held
        self.pictures += bool(request.images)
        if not held:
            self.calls[estimated.total] += 1
        if request.images or not held:
            for policy, calls in self.otherwise.items():
                calls[estimated.text + picture_tokens(request, policy, formula)] += 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """What `estimate` found."""

    benchmark: Path
    cache: Path
    items: int
    samples: int
    problems: int
    """Faults of bad rows, which are left out."""
    surveys: tuple[Survey, ...]
    pilot: Pilot | None = None

    @property
    def load(self) -> Load:
        """All calls to make."""
        return sum((survey.load for survey in self.surveys), Load())


async def estimated(options: EstimateOptions, workspace: Workspace, say: Say, console: Console) -> Estimate:
    """Count, look up and add up, after the pilot if there is to be one.

    The cache is opened, and created where there is none, since it also remembers the pictures' sizes. Raises
    ConfigError, BenchmarkError or CacheError.
    """
    models = tuple(workspace.config.model(alias) for alias in dict.fromkeys(options.models))
    template = prompt.load_template(options.template) if options.template else prompt.SHIPPED
    asking = Asking(template, samples=options.samples)
    async with Store(workspace.cache) as store:
        count = await store.do(replies.count_replies)
        found = (
            "new: it will also remember the pictures' sizes" if store.created else counted(count, "reply", "replies")
        )
        say(f"cache: {workspace.cache} ({found})")
        pilot = None
        if options.pilot is not None:
            asked = RunOptions(options.benchmark, options.models, limit=options.limit)
            pilot = await run_pilot(options.pilot, asked, models, template, store, say, console)
        surveys = [await _survey(store, model) for model in models]
        problems, kept = 0, list[Problem]()

        def report(problem: Problem) -> None:
            nonlocal problems
            problems += 1
            if problems <= BenchmarkError.SHOWN:
                kept.append(problem)

        reading = read_items(options.benchmark, KnownPictures(store), report)
        items = await _count(first(reading, options.limit), surveys, asking, store, say)
    if not items:
        raise BenchmarkError(kept, problems)
    if problems:
        say(f"bad rows are left out here; `run` stops at them:\n{BenchmarkError(kept, problems)}")
    return Estimate(options.benchmark, workspace.cache, items, options.samples, problems, tuple(surveys), pilot)


async def _survey(store: Store, model: Model) -> Survey:
    past = await past_of(store, model.alias)
    return Survey(model, past, otherwise={policy: Counter() for policy in picture_settings(model)})


async def _count(
    items: AsyncGenerator[Item, None], surveys: Sequence[Survey], asking: Asking, store: Store, say: Say
) -> int:
    count, seen = 0, set[int]()
    async with aclosing(items):
        async for item in items:
            count += 1
            for question in of_item(item, surveys[0].model, asking):
                for survey in surveys:
                    await survey.add(question.request, seen, store)
            if count % REPORTED == 0:
                say(f"{count:,} items so far")
    for survey in surveys:
        await survey.look_up(store)
    return count
