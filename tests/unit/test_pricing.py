"""What a call costs: exact, rounded up, and never above its worst case."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.inference.pricing import MOST_TOKENS, cost, read_usage, usd, worst_case
from orchestrator.records import Json, Price, Usage

GPT_4O = Price(input=2_500_000, cached_input=1_250_000, output=10_000_000, as_of="2026-11-23", batch_discount=0.5)
GEMINI_PRO = Price(
    input=1_250_000,
    cached_input=125_000,
    output=10_000_000,
    as_of="2026-11-23",
    long_context_above=200_000,
    long_input=2_500_000,
    long_cached_input=250_000,
    long_output=15_000_000,
)
FREE = Price(input=0, cached_input=0, output=0, as_of="2026-11-23")

rates = st.integers(0, 200_000_000)
tokens = st.integers(0, 2_000_000)
prices = st.builds(
    Price,
    input=rates,
    cached_input=rates,
    output=rates,
    as_of=st.just("2026-11-23"),
    batch_discount=st.sampled_from([0.1, 0.5, 0.8, 1.0]),
    long_context_above=st.none() | st.integers(0, 1_000_000),
    long_input=rates,
    long_cached_input=rates,
    long_output=rates,
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Any usage whose cached part is no larger than its input."""
    total = draw(tokens)
    return Usage(total, draw(st.integers(0, total)), draw(tokens))


def test_a_call_costs_its_tokens_at_their_prices() -> None:
    """1000 input tokens, 200 of them cached, and 100 output tokens of gpt-4o are 0.00325 USD."""
    assert cost(Usage(1000, 200, 100), GPT_4O) == 3_250_000


def test_a_fraction_of_a_nano_dollar_is_a_whole_one() -> None:
    """One pico-dollar is charged as a nano-dollar."""
    assert cost(Usage(1, 0, 0), Price(input=1, cached_input=1, output=1, as_of="")) == 1


def test_a_batched_call_takes_the_discount_exactly() -> None:
    """Half price is half, and a discount that binary fractions cannot hold is still exact."""
    assert cost(Usage(1000, 200, 100), GPT_4O, batch=True) == 1_625_000
    tenth = Price(input=10_000, cached_input=0, output=0, as_of="", batch_discount=0.1)
    assert cost(Usage(1000, 0, 0), tenth, batch=True) == 1000


def test_an_input_above_the_threshold_puts_the_whole_call_on_the_long_prices() -> None:
    """200,000 tokens are ordinary; one more makes every token of the call dearer."""
    assert cost(Usage(200_000, 0, 1000), GEMINI_PRO) == 260_000_000
    assert cost(Usage(200_001, 1, 1000), GEMINI_PRO) == 500_000_000 + 250 + 15_000_000


def test_a_free_model_costs_nothing() -> None:
    """A price of zero is a price."""
    assert cost(Usage(1000, 0, 1000), FREE) == worst_case(1000, 1000, FREE) == 0


@given(usages(), prices, st.booleans(), tokens, tokens)
@example(Usage(200_001, 200_001, 0), GEMINI_PRO, False, 0, 0)
@example(Usage(10, 10, 0), Price(input=1, cached_input=9000, output=0, as_of=""), False, 0, 0)
def test_no_usage_within_the_limits_costs_more_than_the_worst_case(
    usage: Usage, price: Price, batch: bool, spare_input: int, spare_output: int
) -> None:
    """However little of its limits a call uses, its cost is within what was reserved for it."""
    limit = worst_case(usage.input_tokens + spare_input, usage.output_tokens + spare_output, price)
    assert 0 <= cost(usage, price, batch=batch) <= limit


@given(usages(), prices)
def test_a_cost_is_the_exact_sum_rounded_up(usage: Usage, price: Price) -> None:
    """The integer is the exact sum of the parts, or less than one nano-dollar above it."""
    fresh, cached, out = price.input, price.cached_input, price.output
    if price.long_context_above is not None and usage.input_tokens > price.long_context_above:
        fresh, cached, out = price.long_input, price.long_cached_input, price.long_output
    exact = Fraction(
        fresh * (usage.input_tokens - usage.cached_input_tokens)
        + cached * usage.cached_input_tokens
        + out * usage.output_tokens,
        1000,
    )
    assert exact <= cost(usage, price) < exact + 1


def test_usage_is_read_in_its_normal_form() -> None:
    """Cached and reasoning tokens are parts of input and output."""
    reported: Json = {
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "total_tokens": 1500,
        "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": 256},
    }
    assert read_usage(reported) == Usage(1200, 1024, 300, 256)


@pytest.mark.parametrize("details", [{}, {"prompt_tokens_details": None}, {"prompt_tokens_details": {}}])
def test_details_that_are_not_reported_are_zero(details: Mapping[str, Json]) -> None:
    """Many servers report two numbers only."""
    assert read_usage({"prompt_tokens": 12, "completion_tokens": 0, **details}) == Usage(12, 0, 0, 0)


def test_tokens_that_only_the_total_holds_are_paid_as_output() -> None:
    """An API that leaves reasoning out of the completion still bills it."""
    reported: Json = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 510,
        "completion_tokens_details": {"reasoning_tokens": 400},
    }
    assert read_usage(reported) == Usage(100, 0, 410, 400)


@pytest.mark.parametrize(
    "reported",
    [
        None,
        [],
        "usage",
        {},
        {"prompt_tokens": 10},
        {"completion_tokens": 10},
        {"prompt_tokens": 0, "completion_tokens": 10},
        {"prompt_tokens": -1, "completion_tokens": 10},
        {"prompt_tokens": 10, "completion_tokens": -1},
        {"prompt_tokens": 10.0, "completion_tokens": 10},
        {"prompt_tokens": "10", "completion_tokens": 10},
        {"prompt_tokens": True, "completion_tokens": 10},
        {"prompt_tokens": 10, "completion_tokens": MOST_TOKENS + 1},
        {"prompt_tokens": MOST_TOKENS + 1, "completion_tokens": 10},
        {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": MOST_TOKENS + 1},
        {"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 11}},
        {"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": -1}},
        {"prompt_tokens": 10, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 2}},
        {"prompt_tokens": 10, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": "1"}},
    ],
)
def test_usage_that_cannot_be_believed_is_none(reported: object) -> None:
    """Missing, negative, fractional, absurd or contradictory counts settle nothing."""
    assert read_usage(reported) is None


@pytest.mark.parametrize(
    ("nanousd", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (12_345, "$0.00001235"),
        (123_456_789, "$0.1235"),
        (999_999_999, "$1.00"),
        (500_000_000, "$0.50"),
        (1_000_000_000, "$1.00"),
        (1_000_000_001, "$1.0001"),
        (12_345_678_901, "$12.3457"),
        (250_000_000_000, "$250.00"),
        (-1_500_000_000, "-$1.50"),
    ],
)
def test_amounts_read_as_dollars(nanousd: int, text: str) -> None:
    """Four decimals from a dollar up, four significant digits below."""
    assert usd(nanousd) == text


@given(st.integers(0, 10**15))
def test_an_amount_is_never_shown_smaller_than_it_is(nanousd: int) -> None:
    """What is shown is at least the amount, and close to it."""
    shown = Decimal(usd(nanousd).removeprefix("$"))
    exact = Decimal(nanousd) / 10**9
    assert exact <= shown <= exact * Decimal("1.001") + Decimal("0.0000000001")
