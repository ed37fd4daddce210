"""The data files that LiteLLM ships, read without importing it."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

from orchestrator.bundled import PRICE_MAP, bundled, map_price, price_of

FULL: dict[str, object] = {
    "input_cost_per_token": Decimal("1.25e-6"),
    "output_cost_per_token": Decimal("1e-5"),
    "cache_read_input_token_cost": Decimal("1.25e-7"),
    "input_cost_per_token_batches": Decimal("6.25e-7"),
    "output_cost_per_token_batches": Decimal("5e-6"),
}


def test_the_price_map_is_found_without_importing_litellm() -> None:
    """A look-up costs a file read, not LiteLLM's seconds and megabytes."""
    code = (
        "import sys; from orchestrator.bundled import map_price; "
        "assert map_price('openai/gpt-4o'); assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert bundled(PRICE_MAP) is not None


def test_a_file_that_is_not_there_is_none() -> None:
    """A LiteLLM without the file is no fault."""
    assert bundled("no-such-file.json") is None
    assert bundled(PRICE_MAP, package="no_such_package") is None


def test_an_entry_becomes_a_price_in_pico_dollars() -> None:
    """Rates a token times 10**12, with the batch factor that covers input and output."""
    price = price_of(FULL)
    assert price is not None
    assert (price.input, price.cached_input, price.output) == (1_250_000, 125_000, 10_000_000)
    assert price.batch_discount == 0.5
    assert price.long_context_above is None
    assert price.as_of.startswith("litellm 1.")


def test_the_dearest_rate_is_taken_where_there_are_several() -> None:
    """Image and text input, reasoning and answer: the cap must cover either."""
    price = price_of(
        FULL
        | {"input_cost_per_image_token": Decimal("2e-6"), "output_cost_per_reasoning_token": Decimal("3e-5")}
        | {"output_cost_per_token_batches": Decimal("8e-6")}
    )
    assert price is not None
    assert (price.input, price.output, price.batch_discount) == (2_000_000, 30_000_000, 0.8)


def test_rates_are_rounded_up() -> None:
    """2.9999900000000002e-06 USD is not a whole number of pico-dollars."""
    price = price_of({"input_cost_per_token": Decimal("2.9999900000000002e-06"), "output_cost_per_token": 0})
    assert price is not None
    assert (price.input, price.cached_input, price.output) == (2_999_991, 2_999_991, 0)


def test_the_lowest_of_several_long_context_tiers_has_the_dearest_rates() -> None:
    """One tier is kept, so that it holds for every call above it."""
    price = price_of(
        FULL
        | {
            "input_cost_per_token_above_200k_tokens": Decimal("2.5e-6"),
            "output_cost_per_token_above_200k_tokens": Decimal("1.5e-5"),
            "input_cost_per_token_above_128k_tokens": Decimal("2e-6"),
        }
    )
    assert price is not None
    assert price.long_context_above == 128_000
    assert (price.long_input, price.long_cached_input, price.long_output) == (2_500_000, 2_500_000, 15_000_000)


def test_an_entry_without_a_rate_for_every_call_is_no_price() -> None:
    """No output rate, a malformed rate, or volume tiers alone."""
    assert price_of({}) is None
    assert price_of({"input_cost_per_token": Decimal("1e-6")}) is None
    assert price_of(FULL | {"input_cost_per_token": "0.1"}) is None
    assert price_of(FULL | {"input_cost_per_token": Decimal(-1)}) is None
    assert price_of(FULL | {"tiered_pricing": []}) is None


def test_a_model_is_found_under_its_provider_only() -> None:
    """The map drops the prefix of OpenAI's and Anthropic's models; another provider's namesake is not meant."""
    assert map_price("openai/gpt-4o") == map_price("gpt-4o")
    assert map_price("openai/gpt-4o") is not None
    assert map_price("anthropic/gpt-4o") is None
    assert map_price("openai/no-such-model") is None
