"""The data files that LiteLLM ships, read without importing it.

Importing LiteLLM takes seconds and 160 MB; its price map and tokenizers are plain files. Nothing here opens a
connection, and every function says "not there" with None where the installed LiteLLM has no such file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from orchestrator.records import Price

PRICE_MAP = "model_prices_and_context_window_backup.json"
_LONG_INPUT = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


def bundled(name: str, *, package: str = "litellm") -> Path | None:
    """Return the path of a file inside the installed LiteLLM package, or None."""
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / name
        if path.is_file():
            return path
    return None


def map_price(litellm_model: str) -> Price | None:
    """Return the price that LiteLLM's bundled map gives for a model, or None where it gives none that holds."""
    return price_of(_entry(_price_map(), litellm_model))


def price_of(entry: Mapping[str, object]) -> Price | None:
    """Return the price of one entry of the map (USD a token, as Decimals), or None if it has none for every call.

    Rates are rounded up to whole pico-dollars a token. Where the map knows several rates for one kind of token (image
    and text input, reasoning and answer), the dearest is taken; of several long-context tiers, the lowest threshold
    with the dearest rates. A model priced by volume tiers alone has no rate that holds for every call: None.
    """
    base_input = _dearest(entry, "input_cost_per_token", "input_cost_per_image_token")
    base_output = _dearest(entry, "output_cost_per_token", "output_cost_per_reasoning_token")
    if base_input is None or base_output is None or "tiered_pricing" in entry:
        return None
    cached = _dearest(entry, "cache_read_input_token_cost")
    price = Price(
        input=base_input,
        cached_input=base_input if cached is None else cached,
        output=base_output,
        as_of=f"litellm {version('litellm')}",
        source="LiteLLM's price map",
        batch_discount=_batch_discount(entry),
    )
    tiers = sorted(int(match[1]) for match in map(_LONG_INPUT.fullmatch, entry) if match)
    if not tiers:
        return price

    def long(name: str) -> int | None:
        return _dearest(entry, *(f"{name}_above_{tier}k_tokens" for tier in tiers))

    long_input = max(price.input, long("input_cost_per_token") or 0)
    return replace(
        price,
        long_context_above=tiers[0] * 1000,
        long_input=long_input,
        long_cached_input=long("cache_read_input_token_cost") or long_input,
        long_output=max(price.output, long("output_cost_per_token") or 0),
    )


@cache
def _price_map() -> Mapping[str, Mapping[str, object]]:
    path = bundled(PRICE_MAP)
    prices: dict[str, dict[str, object]] = json.loads(path.read_text("utf-8"), parse_float=Decimal) if path else {}
    return prices


def _entry(prices: Mapping[str, Mapping[str, object]], litellm_model: str) -> Mapping[str, object]:
    """The model's own entry; the map lists OpenAI's and Anthropic's models without their provider's prefix."""
    provider, _, bare = litellm_model.partition("/")
    if litellm_model in prices:
        return prices[litellm_model]
    entry = prices.get(bare, {})
    return entry if entry.get("litellm_provider") == provider else {}


def _dearest(entry: Mapping[str, object], *names: str) -> int | None:
    return max((rate for name in names if (rate := _pico(entry.get(name))) is not None), default=None)


def _pico(usd_per_token: object) -> int | None:
    if isinstance(usd_per_token, bool) or not isinstance(usd_per_token, int | Decimal) or usd_per_token < 0:
        return None
    return int((Decimal(usd_per_token) * 10**12).to_integral_value(ROUND_CEILING))


def _batch_discount(entry: Mapping[str, object]) -> float:
    """The factor that covers input and output alike; 1 where either has no batch rate."""
    factors = []
    for name in ("input_cost_per_token", "output_cost_per_token"):
        full, batch = _pico(entry.get(name)), _pico(entry.get(f"{name}_batches"))
        if not full or batch is None:
            return 1.0
        factors.append(batch / full)
    return min(1.0, max(factors))
