"""`models`: providers.toml as it is understood, and whether its keys and models work."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass

from orchestrator import config
from orchestrator.commands.running import registered
from orchestrator.commands.workspace import Workspace
from orchestrator.config import Config, Incomplete
from orchestrator.dataset.images import ImageLoader
from orchestrator.errors import ConfigError
from orchestrator.inference import client, prompt
from orchestrator.inference.executor import LocalExecutor
from orchestrator.inference.questions import Question
from orchestrator.inference.runner import Plan, Runner
from orchestrator.records import Item, Json, Model, Price, Provider
from orchestrator.reporting.terminal import safe
from orchestrator.store import runs, status
from orchestrator.store.database import Store
from orchestrator.store.runs import RunSpec

CHECK_RUN = "models-check"


def to_json(found: Config) -> dict[str, Json]:
    """Return the object that `models --json` prints."""
    return {
        "providers_toml": str(found.path),
        "providers": {name: _provider_json(provider) for name, provider in found.providers.items()},
        "models": {alias: _model_json(model) for alias, model in found.models.items()},
    }


def _provider_json(provider: Provider) -> Json:
    return {
        "api_base": provider.api_base,
        "identity": provider.identity,
        "key": key_state(provider),
        "rpm": provider.rpm,
        "tpm": provider.tpm,
        "max_concurrency": provider.max_concurrency,
        "timeout_s": provider.timeout_s,
        "max_attempts": provider.max_attempts,
        "budget_usd": None if provider.budget_nanousd is None else provider.budget_nanousd / 1e9,
    }


def _model_json(model: Model | Incomplete) -> Json:
    shared: dict[str, Json] = {"provider": model.provider.name, "litellm_model": model.litellm_model}
    if isinstance(model, Incomplete):
        return shared | {"refused": model.refusal}
    price = model.price
    return shared | {
        "params": dict(model.params),
        "image": {"max_side": model.image.max_side, "detail": model.image.detail, "format": model.image.format},
        "image_tokens": model.image_tokens,
        "input_usd_per_mtok": price.input / 1e6,
        "cached_input_usd_per_mtok": price.cached_input / 1e6,
        "output_usd_per_mtok": price.output / 1e6,
        "prices_as_of": price.as_of,
        "price_source": price.source,
    }


def key_state(provider: Provider) -> str:
    """Return whether a provider's key is set, in words that never hold the key."""
    if provider.api_key_env is None and provider.api_key_file is None:
        return "none needed"
    place = provider.api_key_env or provider.api_key_file
    try:
        config.api_key(provider, os.environ)
    except ConfigError:
        return f"{place} not set"
    return f"{place} set"


def lines(found: Config) -> Iterator[str]:
    """Yield the configuration as lines for a reader: providers with their models below."""
    yield f"providers.toml: {found.path}"
    for name, provider in found.providers.items():
        yield ""
        yield f"{safe(name)}: {safe(provider.api_base)}, key: {safe(key_state(provider))}"
        yield f"  {provider.rpm:,} requests/min, {provider.tpm:,} tokens/min, {provider.max_concurrency} at once"
        for alias, model in found.models.items():
            if model.provider.name == name:
                yield f"  {safe(alias)} = {safe(model.litellm_model)}"
                yield f"    {_price_line(model)}"


def _price_line(model: Model | Incomplete) -> str:
    if isinstance(model, Incomplete):
        return "refused until it has a price and max_tokens (`orchestrator models -m ALIAS` says what to add)"
    price = model.price
    return f"${_mtok(price.input)} in, ${_mtok(price.output)} out per million tokens, {_source(price)}"


def _mtok(pico: int) -> str:
    return f"{pico / 1e6:.6f}".rstrip("0").rstrip(".")


def _source(price: Price) -> str:
    return f"as of {safe(price.as_of)} ({safe(price.source)})"


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
        spec = RunSpec(f"{CHECK_RUN}-{int(now * 1000):x}", "", item.wording)
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
