"""A provider's pace: when the next request may leave. Pure arithmetic on the state that all processes share.

Requests a minute are spaced evenly (the generic cell rate algorithm, ITU-T I.371), with as much slack for lateness as
a provider that counts by the second grants anyhow. Tokens a minute are a bucket that refills evenly; a request larger
than the bucket leaves alone from a full one and leaves it in debt. At a stated limit neither provokes a 429.
"""

from __future__ import annotations

from orchestrator.records import Provider
from orchestrator.store.ledger import Pace

SLACK = 0.5
"""How much lateness may be caught up: this share of one second's requests."""
BUCKET_S = 6.0
"""The token bucket holds this many seconds' worth: far less than a minute's, which no provider grants in one burst."""
LONGEST_WAIT_S = 300.0
"""Longest a shared pace may lie ahead, or a provider's `deadline_s` where that is more (no longer pause is waited for).
What lies further ahead comes from a clock that was set back, and is ignored."""


def take(pace: Pace, now: float, provider: Provider, tokens: int) -> Pace | float:
    """Return the pace after one more request of `tokens`, or the seconds until it may leave."""
    interval = 60.0 / provider.rpm
    slack = SLACK * max(0.0, 1.0 - interval)
    next_at = pace.next_at if _believable(pace.next_at, now, provider) else now
    if (wait := next_at - now) > 0:
        return wait
    capacity = provider.tpm / 60.0 * BUCKET_S
    level = _level(pace, provider, capacity, now)
    needed = min(float(tokens), capacity)
    if level < needed:
        return (needed - level) / (provider.tpm / 60.0)
    # Whoever is late by more was idle: what was not asked then is not caught up.
    due = next_at if now - next_at <= slack else now
    return Pace(due + interval, level - tokens, now)


def _believable(at: float, now: float, provider: Provider) -> bool:
    return at - now <= max(LONGEST_WAIT_S, provider.deadline_s)


def _level(pace: Pace, provider: Provider, capacity: float, now: float) -> float:
    if pace.tokens is None or not _believable(pace.tokens_at, now, provider):
        return capacity
    elapsed = max(0.0, now - pace.tokens_at)
    return min(capacity, pace.tokens + elapsed * provider.tpm / 60.0)
