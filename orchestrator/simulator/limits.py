"""Rate limits of one API key: token buckets for requests and for tokens a minute.

Time comes in as an argument (seconds of any steady clock), so nothing here waits. A request is admitted by both buckets
or takes from neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

ROUNDING = 1e-9
"""Share of a bucket that is forgiven, because refills are floating point."""


@dataclass(slots=True)
class Bucket:
    """A token bucket: `rate` a second up to `capacity`, full at the start."""

    rate: float
    capacity: float
    level: float
    at: float

    @classmethod
    def full(cls, rate: float, capacity: float, now: float) -> Bucket:
        """Return a full bucket."""
        return cls(rate, capacity, capacity, now)

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until `amount` is there (0 = now), refilling up to `now`."""
        self.level = min(self.capacity, self.level + self.rate * max(0.0, now - self.at))
        self.at = max(self.at, now)
        missing = min(amount, self.capacity) - self.level
        return missing / self.rate if missing > ROUNDING * self.capacity else 0.0

    def take(self, amount: float) -> None:
        """Remove `amount`, which `wait` has just found to be there."""
        self.level = max(0.0, self.level - amount)


@dataclass(frozen=True, slots=True)
class Rate:
    """One limit as rate headers state it."""

    limit: int
    remaining: int
    reset_s: float
    """Seconds until the bucket is full again."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Both limits of a key after a request; None where there is no limit."""

    requests: Rate | None = None
    tokens: Rate | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The request is within both limits and was counted."""


@dataclass(frozen=True, slots=True)
class Limited:
    """The request is over a limit; nothing was taken."""

    wait_s: float
    scope: str
    """`requests` or `tokens`."""
    limit: int
    asked: int
    never: bool = False
    """Whether the request alone is larger than a full bucket."""


Verdict: TypeAlias = Admitted | Limited


class KeyLimits:
    """The two buckets of one API key.

    Requests refill at RPM/60 a second with a burst of max(1, RPM/60); tokens refill at TPM/60 a second up to TPM.
    """

    def __init__(self, rpm: float | None, tpm: float | None, now: float) -> None:
        self._rpm, self._tpm = rpm, tpm
        self._requests = None if rpm is None else Bucket.full(rpm / 60, max(1.0, rpm / 60), now)
        self._tokens = None if tpm is None else Bucket.full(tpm / 60, tpm, now)

    def admit(self, tokens: int, now: float) -> Verdict:
        """Count one request of `tokens` input + requested output tokens, or say how long to wait."""
        if self._tokens is not None and tokens > self._tokens.capacity:
            wait = self._tokens.wait(tokens, now)
            return Limited(wait, "tokens", math.floor(self._tokens.capacity), tokens, never=True)
        if self._requests is not None and (wait := self._requests.wait(1, now)) > 0:
            return Limited(wait, "requests", math.floor(self._rpm or 0), 1)
        if self._tokens is not None and (wait := self._tokens.wait(tokens, now)) > 0:
            return Limited(wait, "tokens", math.floor(self._tpm or 0), tokens)
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)
        return Admitted()

    def rates(self, now: float) -> Rates:
        """Return what rate headers say at `now`."""
        return Rates(_rate(self._requests, self._rpm, now), _rate(self._tokens, self._tpm, now))


def _rate(bucket: Bucket | None, per_minute: float | None, now: float) -> Rate | None:
    if bucket is None or per_minute is None:
        return None
    reset = bucket.wait(bucket.capacity, now)
    return Rate(math.floor(per_minute), math.floor(bucket.level + ROUNDING), reset)
