"""What a call costs, in integers.

Always holds: a cost is never rounded in our favour, and `worst_case` is never less than the `cost` of any usage within
its limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from orchestrator.records import NANO_PER_USD, Price, Usage

PICO_PER_NANO = 1000
MOST_TOKENS = 100_000_000
"""Above this a count is a fault of the provider's report, not a bill."""


def cost(usage: Usage, price: Price, *, batch: bool = False) -> int:
    """Return what a call costs in nano-dollars, rounded up.

    Input tokens above the long-context threshold put the whole call on the long rates, as Google, Anthropic and xAI
    bill. `batch` applies the model's batch discount.
    """
    fresh = usage.input_tokens - usage.cached_input_tokens
    if price.long_context_above is not None and usage.input_tokens > price.long_context_above:
        rates = (price.long_input, price.long_cached_input, price.long_output)
    else:
        rates = (price.input, price.cached_input, price.output)
    tokens = (fresh, usage.cached_input_tokens, usage.output_tokens)
    pico = sum(rate * count for rate, count in zip(rates, tokens, strict=True))
    factor = Fraction(Decimal(repr(price.batch_discount))) if batch else Fraction(1)
    return _ceil(pico * factor / PICO_PER_NANO)


def worst_case(input_tokens: int, max_output_tokens: int, price: Price) -> int:
    """Return the most, in nano-dollars, that a call within these limits can cost at list price.

    Whichever of fresh and cached input is dearer is taken for every token, and the long-context rates wherever the
    input could reach them.
    """
    pico = max(price.input, price.cached_input) * input_tokens + price.output * max_output_tokens
    if price.long_context_above is not None and input_tokens > price.long_context_above:
        long = max(price.long_input, price.long_cached_input) * input_tokens + price.long_output * max_output_tokens
        pico = max(pico, long)
    return _ceil(Fraction(pico, PICO_PER_NANO))


def read_usage(reported: object) -> Usage | None:
    """Return the usage that a normalised (OpenAI-shaped) `usage` object reports, or None if it cannot be believed.

    `prompt_tokens` includes `prompt_tokens_details.cached_tokens`, and `completion_tokens` includes
    `completion_tokens_details.reasoning_tokens`. Tokens that only `total_tokens` holds (some APIs leave reasoning out
    of the completion) count as output. Not believed: a missing, negative, non-integer or absurd count, no input at
    all, or a part larger than its whole.
    """
    if not isinstance(reported, Mapping):
        return None
    total_input = _count(reported.get("prompt_tokens"))
    total_output = _count(reported.get("completion_tokens"))
    cached = _detail(reported.get("prompt_tokens_details"), "cached_tokens")
    reasoning = _detail(reported.get("completion_tokens_details"), "reasoning_tokens")
    total = _detail(reported, "total_tokens")
    if not total_input or total_output is None or cached is None or reasoning is None or total is None:
        return None
    total_output = max(total_output, total - total_input)
    if cached > total_input or reasoning > total_output:
        return None
    return Usage(total_input, cached, total_output, reasoning)


def usd(nanousd: int) -> str:
    """Return an amount as text, rounded up: `$12.3457`, `$0.0001235`, `$0.00`.

    Four decimals from a dollar up, four significant digits below it.
    """
    if nanousd < 0:
        return f"-{usd(-nanousd)}"
    step = 10 ** max(0, min(len(str(nanousd)), 9) - 4)
    whole, part = divmod(-(-nanousd // step) * step, NANO_PER_USD)
    return f"${whole}.{f'{part:09d}'.rstrip('0').ljust(2, '0')}"


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        return None
    return value


def _detail(details: object, name: str) -> int | None:
    """A part of a count: 0 where it is not reported, None where it is reported but cannot be believed."""
    value = details.get(name) if isinstance(details, Mapping) else None
    return 0 if value is None else _count(value)


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)
