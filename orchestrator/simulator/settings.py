"""What a simulated provider is told to be: its keys, limits, prices and faults.

`Settings` is immutable and always valid: a value that makes no sense raises ValueError with the field's name, whether
it came from Python or from the JSON of `POST /settings`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, TypeVar

DEFAULT_KEY = "sim-key"
MODELS = ("sim-spine-large", "sim-spine-small")
"""The two simulated vision models, known under these names in every dialect."""
LARGEST = 1e12
"""No number among the settings reaches this."""


class Fault(StrEnum):
    """What can go wrong with one request. Every kind that answers 200, or never, is billed; an HTTP error is not."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    BAD_REQUEST = "bad_request"
    CONTENT_POLICY = "content_policy"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    UNAUTHORIZED = "unauthorized"
    RESET = "reset"
    """The connection is reset once the request was read, before any response."""
    RESET_BODY = "reset_body"
    """The connection is reset in the middle of a 200's body."""
    HANG = "hang"
    """Nothing is ever answered; it ends when the client leaves or the server stops."""
    DRIP = "drip"
    """A good 200 whose body comes one byte at a time."""
    BAD_JSON = "bad_json"
    EMPTY_BODY = "empty_body"
    HTML_200 = "html_200"
    NESTED = "nested"
    """Valid JSON, 100,000 levels deep."""
    HUGE = "huge"
    """A good answer whose text is `huge_bytes` long."""
    NO_USAGE = "no_usage"
    NEGATIVE_USAGE = "negative_usage"
    ABSURD_USAGE = "absurd_usage"
    REFUSAL = "refusal"
    SAFETY = "safety"
    TRUNCATION = "truncation"
    """The text is cut in its middle, before the declared last line."""
    NO_ANSWER = "no_answer"
    """Prose without any option chosen."""


class RetryAfterForm(StrEnum):
    """How a 429 or 503 says when to come back."""

    NATIVE = "native"
    SECONDS = "seconds"
    MS = "ms"
    DATE = "date"


_Kinds = TypeVar("_Kinds", Fault, RetryAfterForm)


@dataclass(frozen=True, slots=True)
class Prices:
    """What a token costs, in pico-dollars: 1 USD per million tokens = 10**6."""

    input: int
    output: int


def _default_prices() -> Mapping[str, Prices]:
    return {MODELS[0]: Prices(2_500_000, 10_000_000), MODELS[1]: Prices(150_000, 600_000)}


@dataclass(frozen=True, slots=True)
class Settings:
    """One simulated provider."""

    keys: tuple[str, ...] = (DEFAULT_KEY,)
    """API keys accepted; empty = any key that is not empty."""
    rpm: float | None = None
    """Requests a minute and key; None = unlimited."""
    tpm: float | None = None
    """Tokens (input + requested output) a minute and key; None = unlimited."""
    latency_s: float = 0.0
    """Mean time to an answer."""
    latency_jitter: float = 0.0
    """Half-width of the seeded uniform jitter, as a share of `latency_s` (0 = fixed latency)."""
    seed: int = 0
    faults: Mapping[Fault, float] = field(default_factory=dict)
    """Probability of each fault kind, drawn by seed, body digest and how often that body was seen before."""
    script: tuple[Fault | None, ...] = ()
    """Faults of the first generation requests, in order of arrival (None = no fault); `faults` rules the others."""
    retry_after_s: float = 1.0
    """What the faults `rate_limited` and `overloaded` ask the client to wait."""
    retry_after_form: RetryAfterForm = RetryAfterForm.NATIVE
    image_token_factor: float = 1.0
    """Pictures are billed at this multiple of the stated rule."""
    prices: Mapping[str, Prices] = field(default_factory=_default_prices)
    """By name asked for; an alias without a price costs what its simulated model costs."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Further model names -> simulated model, to rehearse a real configuration."""
    output_cap: int = 16_384
    """Most output tokens a model can give: asking for more is a 400, asking for no number means this one."""
    huge_bytes: int = 50_000_000
    drip_interval_s: float = 0.05

    def __post_init__(self) -> None:
        """Raise ValueError, naming the field, for a value that makes no sense."""
        for name in ("latency_s", "retry_after_s", "drip_interval_s", "image_token_factor"):
            _require(_finite(getattr(self, name)) and getattr(self, name) >= 0, name, "must be a number, 0 or more")
        for name in ("rpm", "tpm"):
            limit = getattr(self, name)
            _require(limit is None or (_finite(limit) and limit > 0), name, "must be a number above 0, or null")
        _require(_finite(self.latency_jitter) and 0 <= self.latency_jitter <= 1, "latency_jitter", "must be in 0..1")
        _require(_whole(self.seed), "seed", "must be a whole number")
        for name in ("output_cap", "huge_bytes"):
            size = getattr(self, name)
            _require(_whole(size) and 0 < size < LARGEST, name, "must be a whole number above 0")
        _require(all(isinstance(key, str) and key for key in self.keys), "keys", "must be texts that are not empty")
        _require(all(_finite(p) and 0 <= p <= 1 for p in self.faults.values()), "faults", "must be probabilities")
        _require(math.fsum(self.faults.values()) <= 1 + 1e-9, "faults", "must add up to 1 at most")
        _require(all(isinstance(kind, Fault) for kind in self.faults), "faults", "has an unknown kind")
        _require(all(isinstance(one, Fault | None) for one in self.script), "script", "has an unknown kind")
        _require(isinstance(self.aliases, Mapping), "aliases", "must map names to simulated models")
        _require(all(name in MODELS for name in self.aliases.values()), "aliases", f"must point to one of {MODELS}")
        for price in self.prices.values():
            _require(_whole(price.input) and _whole(price.output), "prices", "must be whole pico-dollars a token")
            _require(min(price.input, price.output) >= 0, "prices", "must be 0 or more")

    def model(self, name: str) -> str | None:
        """Return the simulated model behind a name asked for, or None if there is none."""
        return name if name in MODELS else self.aliases.get(name)

    def price(self, name: str) -> Prices:
        """Return the price of a model name that `model` knows."""
        known = self.prices.get(name) or self.prices.get(self.model(name) or "")
        return known or _default_prices()[self.model(name) or MODELS[0]]

    def changed(self, change: Mapping[str, object]) -> Settings:
        """Return these settings with some fields replaced from JSON; raises ValueError for anything unfit."""
        unknown = set(change) - {one.name for one in fields(self)}
        _require(not unknown, ", ".join(sorted(unknown)), "is no setting")
        values: dict[str, Any] = {name: _from_json(name, value) for name, value in change.items()}
        return replace(self, **values)


def _from_json(name: str, value: object) -> object:
    """Return one field's JSON value in the field's own type."""
    match name, value:
        case "keys", list():
            return tuple(value)
        case "script", list():
            return tuple(None if one is None else _member(Fault, one) for one in value)
        case "faults", dict():
            return {_member(Fault, kind): chance for kind, chance in value.items()}
        case "prices", dict():
            return {model: _prices(price) for model, price in value.items()}
        case "retry_after_form", _:
            return _member(RetryAfterForm, value)
        case (("keys" | "script" | "faults" | "prices"), _):
            raise ValueError(f"{name}: cannot be {value!r:.80}")
    return value


def _member(kinds: type[_Kinds], value: object) -> _Kinds:
    _require(isinstance(value, str) and value in set(kinds), kinds.__name__, f"has no {value!r:.40}")
    return kinds(str(value))


def _prices(price: object) -> Prices:
    if not isinstance(price, dict) or set(price) != {"input", "output"}:
        raise ValueError('prices: must be {"input": pico-dollars, "output": pico-dollars} a token')
    return Prices(**price)


def _require(holds: bool, name: str, message: str) -> None:
    if not holds:
        raise ValueError(f"{name}: {message}")


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
