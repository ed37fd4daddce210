"""What an attempt's end means for its request, its model and its provider; the single retry policy.

Decided by the raw HTTP status and body. A 429 or 503 that says when to come back uses no attempt, only the request's
time; other transient failures have the provider's `max_attempts`. tenacity drives the loop.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeAlias, assert_never

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from orchestrator.records import AttemptResult, Lost, NotSent, Provider, Rejected, Replied

TRANSIENT = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 60.0
LONGEST_S = 366 * 86_400.0
"""A date further ahead is no time to come back, and may lie beyond the calendar."""


@dataclass(frozen=True, slots=True)
class Done:
    """A paid reply came."""


@dataclass(frozen=True, slots=True)
class Again:
    """Worth another try."""

    reason: str
    after_s: float | None = None
    """What the provider asked for; None: back off."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No try will help this request."""

    reason: str


@dataclass(frozen=True, slots=True)
class StopModel:
    """No request to this model will succeed."""

    reason: str


@dataclass(frozen=True, slots=True)
class StopProvider:
    """No request to this provider will succeed until somebody acts."""

    reason: str


Meaning: TypeAlias = Done | Again | GiveUp | StopModel | StopProvider


def classify(result: AttemptResult, now: float) -> Meaning:
    """Return what an attempt's result means; `now` (Unix time) resolves a Retry-After that is a date."""
    match result:
        case Replied():
            return Done()
        case NotSent(reason, permanent):
            return GiveUp(reason) if permanent else Again(reason)
        case Lost(reason):
            return Again(reason)
        case Rejected():
            return _classify_status(result, now)
        case _:
            assert_never(result)


def _classify_status(rejected: Rejected, now: float) -> Meaning:
    error = _error(rejected.body)
    said = f"HTTP {rejected.status}: {_message(error, rejected.body)}"
    words = _words(error)
    if _exhausted(rejected.status, words):
        return StopProvider(f"{said}. The quota or credit is used up: raise it with the provider, then run again.")
    if rejected.status in {401, 403} or "api_key_invalid" in words or "api key not valid" in words:
        return StopProvider(f"{said}. The key is not accepted: check the environment variable, then run again.")
    if rejected.status == 404 and "model" in words:
        return StopModel(f"{said}. Check litellm_model in providers.toml, and that the account may use it.")
    if rejected.status == 429 and "request too large" in words:
        return GiveUp(said)
    if rejected.status in TRANSIENT:
        wait = retry_after(rejected.headers, error, now) if rejected.status in {429, 503, 529} else None
        return Again(said, wait)
    return GiveUp(said)


def _exhausted(status: int, words: str) -> bool:
    if status == 429:
        return "insufficient_quota" in words or re.search(r'"quotaid": *"[^"]*perday', words) is not None
    return status in {400, 402} and ("credit balance is too low" in words or status == 402)


def _error(body: str) -> Mapping[str, object]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if isinstance(error, dict):
        return error
    return {"message": error} if isinstance(error, str) else {}


def _message(error: Mapping[str, object], body: str) -> str:
    message = error.get("message")
    text = message if isinstance(message, str) else re.sub(r"<[^>]{0,200}>", " ", body[:2000])
    return " ".join(text.split())[:300].rstrip(".") or "no message"


def _words(error: Mapping[str, object]) -> str:
    return json.dumps(error, ensure_ascii=False, default=str)[:20_000].lower()


# --- Retry-After in every form ---------------------------------------------------------------------------------------


def retry_after(headers: Mapping[str, str], error: Mapping[str, object], now: float) -> float | None:
    """Return the seconds the provider asks to wait, or None if it asks for nothing.

    In this order: `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 10.2.3), Gemini's RetryInfo.
    """
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return ms / 1000.0
    if (value := headers.get("retry-after")) is not None:
        seconds = _number(value)
        return seconds if seconds is not None else _date(value, now)
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and (seconds := _number(delay.removesuffix("s"))) is not None:
            return seconds
    return None


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()):
        return None
    return float(text)


def _date(text: str, now: float) -> float | None:
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - now), LONGEST_S)
    except (ValueError, OverflowError):
        return None


# --- the loop --------------------------------------------------------------------------------------------------------


class TryAgain(Exception):  # noqa: N818 - a signal to tenacity, not an error that anybody sees
    """Raised inside the loop for an attempt worth repeating."""

    def __init__(self, again: Again) -> None:
        super().__init__(again.reason)
        self.again = again


def retrying(
    provider: Provider, sleep: Callable[[float], Awaitable[None]], clock: Callable[[], float]
) -> AsyncRetrying:
    """Return the retry loop of one request to `provider`; `clock` is monotonic.

    After its last try the loop raises the TryAgain itself. Its deadline counts from the first failure: waiting for the
    first turn is no retry.
    """
    started: float | None = None
    counted = 0
    backoff = wait_random_exponential(multiplier=BACKOFF_FIRST_S, max=BACKOFF_MOST_S)

    def stop(state: RetryCallState) -> bool:
        nonlocal counted, started
        again = _signal(state).again
        counted += again.after_s is None
        started = clock() if started is None else started
        return counted >= provider.max_attempts or clock() - started + (again.after_s or 0.0) > provider.deadline_s

    def wait(state: RetryCallState) -> float:
        after = _signal(state).again.after_s
        return backoff(state) if after is None else after

    return AsyncRetrying(stop=stop, wait=wait, sleep=sleep, retry=retry_if_exception_type(TryAgain), reraise=True)


def _signal(state: RetryCallState) -> TryAgain:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, TryAgain):
        raise TypeError("the retry loop ended on something else than TryAgain")
    return error
