"""How much room a provider says it has left: its own rate headers on a reply.

They know what we cannot: other programs on the same account, and how the provider counts. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|h|m|s)")


def pause(headers: Mapping[str, str], tokens: int, now: float) -> float:
    """Return the seconds until there is room for another request of `tokens`; 0 where there is, or nothing is said.

    Read are OpenAI's `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, whose resets are durations such as
    `6m0s`, and Anthropic's `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`, whose resets are RFC 3339
    times. The reset is when the whole limit is free again; as limits refill evenly, room for one request comes sooner.
    """
    return max(
        _wait(headers, "x-ratelimit-{part}-{name}", "requests", 1, now),
        _wait(headers, "x-ratelimit-{part}-{name}", "tokens", tokens, now),
        _wait(headers, "anthropic-ratelimit-{name}-{part}", "requests", 1, now),
        _wait(headers, "anthropic-ratelimit-{name}-{part}", "tokens", tokens, now),
    )


def _wait(headers: Mapping[str, str], form: str, name: str, needed: int, now: float) -> float:
    remaining = _count(headers.get(form.format(part="remaining", name=name)))
    limit = _count(headers.get(form.format(part="limit", name=name)))
    if remaining is None or not limit or remaining >= min(needed, limit):
        return 0.0
    refill = 60.0 * (min(needed, limit) - remaining) / limit
    reset = _reset(headers.get(form.format(part="reset", name=name)), now)
    return refill if reset is None else min(refill, reset)


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,12}", text) else None


def _reset(text: str | None, now: float) -> float | None:
    if text is None:
        return None
    if re.fullmatch(f"(?:{_DURATION.pattern})+", text):
        return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else max(0.0, at.timestamp() - now)
