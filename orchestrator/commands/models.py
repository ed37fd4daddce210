"""`models`: providers.toml as it is understood, with the age of every price, and why a model is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import date
from textwrap import wrap

from orchestrator import config
from orchestrator.bundled import map_price
from orchestrator.commands.counting import counted
from orchestrator.config import Config, Incomplete
from orchestrator.errors import ConfigError
from orchestrator.inference.pricing import usd
from orchestrator.provider_tables import near
from orchestrator.providers_toml import read
from orchestrator.records import Json, Model, Price, Provider
from orchestrator.reporting import results
from orchestrator.reporting.terminal import safe

STALE_DAYS = 90
"""Age from which a price is called out of date."""
COLUMNS = 60


def chosen(found: Config, aliases: Sequence[str]) -> dict[str, Model | Incomplete]:
    """Return the models of these names, refused ones as well; no names: all. ConfigError for an unknown name."""
    if unknown := [alias for alias in aliases if alias not in found.models]:
        raise ConfigError(f"{found.path}: there is no model {unknown[0]!r}{near(unknown[0], found.models)}")
    return {alias: found.models[alias] for alias in aliases or found.models}


def age_days(price: Price, today: date) -> int | None:
    """Return how long ago a price was looked up; None where only the version of a price map is known."""
    try:
        return (today - date.fromisoformat(price.as_of)).days
    except ValueError:
        return None


def offered(found: Config, model: Incomplete) -> Price | None:
    """Return the price that LiteLLM's map would give a model that has none of its own."""
    table = read(found.path).models[model.alias]
    stated = (table.input_usd_per_mtok, table.output_usd_per_mtok, table.prices_as_of)
    return map_price(model.litellm_model) if table.price_from is None and None in stated else None


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


# --- JSON ------------------------------------------------------------------------------------------------------------


def to_json(found: Config, aliases: Sequence[str], today: date) -> dict[str, Json]:
    """Return the object that `models --json` prints: of the named models, or of all."""
    models = chosen(found, aliases)
    used = {model.provider.name for model in models.values()}
    return {
        "providers_toml": str(found.path),
        "providers": {
            name: _provider_json(provider) for name, provider in found.providers.items() if name in used or not aliases
        },
        "models": {alias: _model_json(found, model, today) for alias, model in models.items()},
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
        "deadline_s": provider.deadline_s,
        "budget_usd": None if provider.budget_nanousd is None else results.usd(provider.budget_nanousd),
    }


def _model_json(found: Config, model: Model | Incomplete, today: date) -> Json:
    shared: dict[str, Json] = {"provider": model.provider.name, "litellm_model": model.litellm_model}
    match model:
        case Incomplete():
            offer = offered(found, model)
            return shared | {"refused": model.refusal, "offered": _price_json(offer, today) if offer else None}
        case Model(image=image):
            return {
                **shared,
                "params": dict(model.params),
                "max_output_tokens": model.max_output_tokens,
                "image": {
                    "max_side": image.max_side,
                    "detail": image.detail,
                    "format": image.format,
                    "quality": image.quality,
                },
                "image_tokens": model.image_tokens,
                **_price_json(model.price, today),
            }


def _price_json(price: Price, today: date) -> dict[str, Json]:
    long = price.long_context_above is not None
    return {
        "input_usd_per_mtok": price.input / 1e6,
        "cached_input_usd_per_mtok": price.cached_input / 1e6,
        "output_usd_per_mtok": price.output / 1e6,
        "batch_discount": price.batch_discount,
        "long_context_above_tokens": price.long_context_above,
        "long_input_usd_per_mtok": price.long_input / 1e6 if long else None,
        "long_cached_input_usd_per_mtok": price.long_cached_input / 1e6 if long else None,
        "long_output_usd_per_mtok": price.long_output / 1e6 if long else None,
        "prices_as_of": price.as_of,
        "price_age_days": age_days(price, today),
        "price_source": price.source,
    }


# --- lines -----------------------------------------------------------------------------------------------------------


def lines(found: Config, aliases: Sequence[str], today: date) -> Iterator[str]:
    """Yield the configuration for a reader, within 60 columns: providers with their models, in full for named ones."""
    models = chosen(found, aliases)
    yield f"providers.toml: {safe(str(found.path))}"
    for name, provider in found.providers.items():
        here = [model for model in models.values() if model.provider.name == name]
        if not here and aliases:
            continue
        yield from ("", f"{safe(name)}: {safe(provider.api_base)}")
        yield from _provider_lines(provider, in_full=bool(aliases))
        for model in here:
            yield f"  {safe(model.alias)}"
            yield from _fitted(model.litellm_model)
            match model:
                case Incomplete() if aliases:
                    yield from _refusal_lines(model, offered(found, model), today)
                case Incomplete():
                    yield from _fitted("refused: `orchestrator models -m ALIAS` says what to add")
                case Model():
                    yield from _price_lines(model.price, today)
                    yield from _sending_lines(model) if aliases else ()


def _provider_lines(provider: Provider, *, in_full: bool) -> Iterator[str]:
    yield from _fitted(f"key: {key_state(provider)}", "  ")
    rates = f"{counted(provider.rpm, 'request')}/min, {counted(provider.tpm, 'token')}/min"
    yield from _fitted(f"{rates}, {provider.max_concurrency} at once", "  ")
    if provider.budget_nanousd is not None:
        yield f"  budget: {usd(provider.budget_nanousd)} over the cache's lifetime"
    if in_full:
        yield from _fitted(f"identity: {provider.identity}", "  ")
        yield f"  {provider.timeout_s:g} s an attempt, {provider.deadline_s:g} s a request,"
        yield f"  {counted(provider.max_attempts, 'attempt')} at most"


def _price_lines(price: Price, today: date) -> Iterator[str]:
    rates = _rates(price.input, price.cached_input, price.output)
    yield from _fitted(f"{rates} per million tokens")
    if price.long_context_above is not None:
        rates = _rates(price.long_input, price.long_cached_input, price.long_output)
        yield from _fitted(f"above {price.long_context_above:,} tokens in: {rates}")
    if price.batch_discount != 1:
        yield from _fitted(f"batched: {price.batch_discount * 100:g} % of that")
    days = age_days(price, today)
    yield from _fitted(f"price: {price.source}, {price.as_of}, {_age(days)}")
    if days is not None and days > STALE_DAYS:
        yield from _fitted("OUT OF DATE: look the price up before you rely on it")


def _age(days: int | None) -> str:
    match days:
        case None:
            return "which is no date: its age is unknown"
        case 0:
            return "today"
        case _ if days < 0:
            return "which is in the future"
        case _:
            return f"{counted(days, 'day')} old"


def _sending_lines(model: Model) -> Iterator[str]:
    image = model.image
    side = "as large as they are" if image.max_side is None else f"at most {image.max_side} px a side"
    quality = f" of quality {image.quality}" if image.format == "jpeg" else ""
    detail = "" if image.detail is None else f", detail {image.detail}"
    yield from _fitted(f"params: {json.dumps(dict(model.params), ensure_ascii=False)}")
    yield from _fitted(f"at most {counted(model.max_output_tokens, 'output token')} a call")
    yield from _fitted(f"pictures: {side}, {image.format}{quality}{detail}")
    yield from _fitted(f"picture tokens by the formula {model.image_tokens}")


def _refusal_lines(model: Incomplete, offer: Price | None, today: date) -> Iterator[str]:
    yield "    REFUSED"
    for line in model.refusal.splitlines():
        # The indented lines are to be copied as they stand.
        yield from [f"    {line[:4]}{safe(line)}"] if line.startswith("    ") else _fitted(line)
    if offer is not None:
        yield from _fitted(
            "In place of prices of your own, those of LiteLLM's price map, which are only as right as that map:"
        )
        yield '        price_from = "litellm"'
        yield from _price_lines(offer, today)


def _rates(fresh: int, cached: int, output: int) -> str:
    return f"${_mtok(fresh)} in, ${_mtok(cached)} cached, ${_mtok(output)} out"


def _mtok(pico: int) -> str:
    return f"{pico / 1e6:.6f}".rstrip("0").rstrip(".")


def _fitted(text: str, indent: str = "    ") -> list[str]:
    """Return foreign or long text in lines of 60 columns; a word that is longer stays whole, to be copied."""
    return wrap(
        safe(text),
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
