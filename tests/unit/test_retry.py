"""The one retry layer: what an HTTP status and body mean, in three dialects, and how long is waited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paid_fixtures import provider
from tenacity import RetryCallState

from orchestrator.inference.retry import (
    BACKOFF_MOST_S,
    Again,
    Done,
    GiveUp,
    Meaning,
    StopModel,
    StopProvider,
    TryAgain,
    classify,
    retry_after,
    retrying,
)
from orchestrator.records import Ending, Lost, NotSent, Rejected, Replied

NOW = 1_790_000_000.0


def openai(message: str, kind: str = "invalid_request_error", code: str | None = None) -> str:
    """Return an error body as OpenAI writes it."""
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def anthropic(message: str, kind: str = "invalid_request_error") -> str:
    """Return an error body as Anthropic writes it."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})


def gemini(code: int, message: str, status: str, *details: dict[str, Any]) -> str:
    """Return an error body as Gemini writes it."""
    return json.dumps(
        {"error": {"code": code, "message": message, "status": status, "details": list(details)}}, indent=2
    )


def quota(quota_id: str) -> dict[str, Any]:
    """Return Gemini's QuotaFailure."""
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota_id}]}


def retry_info(delay: object) -> dict[str, Any]:
    """Return Gemini's RetryInfo."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def meaning(status: int, body: str = "", **headers: str) -> Meaning:
    """Return what an HTTP error means; header names with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify(Rejected(status, named, body), NOW)


PER_DAY = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")
PER_MINUTE = quota("GenerateContentInputTokensPerModelPerMinute-FreeTier")
HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

TABLE: list[tuple[int, str, type[Meaning]]] = [
    # transient
    (408, openai("Timeout", "timeout"), Again),
    (409, openai("Conflict"), Again),
    (429, openai("Rate limit reached for gpt-4o on requests per min.", "requests", "rate_limit_exceeded"), Again),
    (429, anthropic("This request would exceed your organization's rate limit.", "rate_limit_error"), Again),
    (429, gemini(429, "Resource has been exhausted.", "RESOURCE_EXHAUSTED", PER_MINUTE), Again),
    (429, gemini(429, "Quota exceeded, code 403 in the text", "RESOURCE_EXHAUSTED"), Again),
    (429, "", Again),
    (500, openai("The server had an error.", "server_error"), Again),
    (500, gemini(500, "An internal error has occurred.", "INTERNAL"), Again),
    (502, HTML, Again),
    (503, openai("That model is currently overloaded.", "service_unavailable_error"), Again),
    (503, gemini(503, "The model is overloaded.", "UNAVAILABLE"), Again),
    (504, gemini(504, "Deadline expired.", "DEADLINE_EXCEEDED"), Again),
    (529, anthropic("Overloaded", "overloaded_error"), Again),
    # permanent for the item
    (400, openai("This model's maximum context length is 128000 tokens.", code="context_length_exceeded"), GiveUp),
    (
        400,
        openai("Your request was rejected by our safety system; rate limit.", code="content_policy_violation"),
        GiveUp,
    ),
    (400, anthropic("Output blocked by content filtering policy"), GiveUp),
    (400, gemini(400, "Unable to process input image.", "INVALID_ARGUMENT"), GiveUp),
    (404, '{"detail":"Not Found"}', GiveUp),
    (404, HTML, GiveUp),
    (413, anthropic("Request exceeds the maximum size", "request_too_large"), GiveUp),
    (422, openai("Unprocessable"), GiveUp),
    (429, openai("Request too large for gpt-4o on tokens per min (TPM): Limit 30000.", "tokens"), GiveUp),
    (302, "", GiveUp),
    (501, "", GiveUp),
    # stop the model
    (404, openai("The model `x` does not exist or you do not have access to it.", code="model_not_found"), StopModel),
    (404, anthropic("model: claude-9", "not_found_error"), StopModel),
    (404, gemini(404, "models/x is not found for API version v1beta.", "NOT_FOUND"), StopModel),
    # stop the provider
    (401, openai("Incorrect API key provided.", code="invalid_api_key"), StopProvider),
    (401, anthropic("invalid x-api-key", "authentication_error"), StopProvider),
    (403, gemini(403, "Method doesn't allow unregistered callers.", "PERMISSION_DENIED"), StopProvider),
    (403, HTML, StopProvider),
    (400, gemini(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"), StopProvider),
    (400, gemini(400, "?", "INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"}), StopProvider),
    (400, anthropic("Your credit balance is too low to access the Anthropic API."), StopProvider),
    (402, "", StopProvider),
    (429, openai("You exceeded your current quota.", "insufficient_quota", "insufficient_quota"), StopProvider),
    (
        429,
        gemini(429, "You exceeded your current quota.", "RESOURCE_EXHAUSTED", PER_DAY, retry_info("3s")),
        StopProvider,
    ),
]


@pytest.mark.parametrize(("status", "body", "expected"), TABLE)
def test_the_raw_status_and_body_decide(status: int, body: str, expected: type[Meaning]) -> None:
    """Each HTTP error of the three dialects means what its API documents."""
    assert type(meaning(status, body)) is expected


def test_a_reply_is_done_and_a_lost_one_is_asked_again() -> None:
    """What is no HTTP error is told by the kind of result."""
    assert classify(Replied("t", Ending.COMPLETE, "stop", None, "{}", 0.1), NOW) == Done()
    assert classify(Lost("reset"), NOW) == Again("reset")
    assert classify(NotSent("no connection"), NOW) == Again("no connection")
    assert classify(NotSent("the picture is gone", permanent=True), NOW) == GiveUp("the picture is gone")


def test_the_reason_carries_the_providers_words() -> None:
    """A researcher reads the status, what the API said, and what to do."""
    told = meaning(401, openai("Incorrect API key provided."))
    assert told == StopProvider(
        "HTTP 401: Incorrect API key provided. The key is not accepted: check the environment variable, then run again."
    )
    assert meaning(500, HTML) == Again("HTTP 500: 502 Bad Gateway nginx")
    assert meaning(500) == Again("HTTP 500: no message")
    assert meaning(500, '{"error": "just words"}') == Again("HTTP 500: just words")
    assert meaning(500, '[{"error": {"message": "in a list"}}]') == Again("HTTP 500: in a list")


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, [], 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, [], 9.0),
        ({"retry-after": "0"}, [], 0.0),
        ({"retry-after": " 2.5 "}, [], 2.5),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, [retry_info("9s")], 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, [], 0.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, [], 366 * 86_400.0),
        ({"retry-after": "Monday, 21-Sep-26 13:33:20 GMT"}, [], 0.0),
        ({"retry-after": "-3"}, [], None),
        ({"retry-after": "1e9"}, [], None),
        ({"retry-after": "nan"}, [], None),
        ({"retry-after": "infinity"}, [], None),
        ({"retry-after": "٣"}, [], None),
        ({"retry-after": "1" * 5000}, [], None),
        ({"retry-after": "Fri, 99 Foo 9999 99:99:99 GMT"}, [], None),
        ({"retry-after": ""}, [], None),
        ({}, [retry_info("12.345s")], 12.345),
        ({}, [PER_MINUTE, retry_info("7s")], 7.0),
        ({}, [retry_info(7), retry_info("x"), retry_info(None), "text", None, retry_info("3s")], 3.0),
        ({}, [], None),
        ({}, "details", None),
        ({}, {"retryDelay": "3s"}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], details: object, seconds: float | None) -> None:
    """Milliseconds, seconds, HTTP dates and Gemini's RetryInfo are read; nonsense asks for nothing."""
    assert retry_after(headers, {"details": details}, NOW) == seconds


@pytest.mark.parametrize("status", [429, 503, 529])
def test_an_overload_says_how_long_to_wait(status: int) -> None:
    """The wait asked for goes with the meaning."""
    assert meaning(status, "", retry_after="7") == Again(f"HTTP {status}: no message", 7.0)


hostile_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "details", "retryDelay", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(body=hostile_json, status=st.integers(100, 999), text=st.text(max_size=30))
def test_no_body_breaks_the_classification(body: object, status: int, text: str) -> None:
    """Whatever JSON comes, and whatever stands in the headers, there is a meaning with a short reason."""
    for raw in (json.dumps(body), json.dumps({"error": body}), text):
        found = meaning(status, raw, retry_after=text)
        assert isinstance(found, Again | GiveUp | StopModel | StopProvider)
        assert len(found.reason) < 500


@pytest.mark.parametrize("depth", [10, 200, 300, 330, *range(900, 1000, 5), 3000, 100_000])
def test_no_depth_breaks_the_classification(depth: int) -> None:
    """A body nested just deep enough to be parsed, or far deeper, is classified by its status."""
    nested = "[" * depth + "]" * depth
    assert type(meaning(503, '{"error": {"message": "m", "details": ' + nested + "}}")) is Again
    assert type(meaning(400, nested)) is GiveUp
    assert type(meaning(400, '{"a":' * depth + "1" + "}" * depth)) is GiveUp


def test_a_huge_body_is_classified_by_its_beginning() -> None:
    """Ten megabytes of words cost no time, and no long reason."""
    long = "word " * 2_000_000
    assert len(_reason(meaning(500, long))) < 400
    assert len(_reason(meaning(500, openai(long)))) < 400
    assert len(_reason(meaning(400, "<" * 100_000))) < 400
    assert type(meaning(500, "9" * 100_000)) is Again


def _reason(found: Meaning) -> str:
    assert not isinstance(found, Done)
    return found.reason


# --- the loop --------------------------------------------------------------------------------------------------------


class Waits:
    """A sleep that only moves a clock, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.time = 1000.0

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.time += seconds

    def clock(self) -> float:
        return self.time


def loop(
    outcomes: Callable[[int], Again | None], waits: Waits, *, max_attempts: int = 4, deadline_s: float = 900.0
) -> tuple[int, Again | None]:
    """Run the retry loop on scripted outcomes; return how many attempts were made, and what it gave up on."""
    at = replace(provider(), max_attempts=max_attempts, deadline_s=deadline_s)
    attempts = 0

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        if again := outcomes(attempts):
            raise TryAgain(again)

    try:
        asyncio.run(retrying(at, waits.sleep, waits.clock)(attempt))
    except TryAgain as last:
        return attempts, last.again
    return attempts, None


def test_a_success_ends_the_loop() -> None:
    """Nothing is repeated that worked."""
    waits = Waits()
    assert loop(lambda attempt: Again("x") if attempt < 3 else None, waits, max_attempts=6) == (3, None)
    assert len(waits.asked) == 2


@pytest.mark.parametrize("most", [1, 2, 6])
def test_transient_errors_use_up_the_attempts(most: int) -> None:
    """After `max_attempts` transient failures the last one is raised."""
    waits = Waits()
    assert loop(lambda attempt: Again(f"try {attempt}"), waits, max_attempts=most) == (most, Again(f"try {most}"))
    assert len(waits.asked) == most - 1


def test_back_off_is_bounded() -> None:
    """Waits without a Retry-After grow at random, up to a minute."""
    waits = Waits()
    loop(lambda attempt: Again("x"), waits, max_attempts=60, deadline_s=1e9)
    assert all(0 <= wait <= BACKOFF_MOST_S for wait in waits.asked)
    assert waits.asked[0] <= 1.0
    assert max(waits.asked[10:]) > 10.0
    assert len(set(waits.asked)) == len(waits.asked)


def test_a_requested_wait_is_kept_to_and_uses_no_attempt() -> None:
    """Twenty 429s with a Retry-After cost nothing but their time; real failures still count."""
    waits = Waits()
    script = [Again("429", 2.0)] * 20 + [Again("500")] + [Again("429", 0.5)] * 3
    assert loop(lambda attempt: script[attempt - 1] if attempt <= 24 else None, waits, max_attempts=2) == (25, None)
    assert waits.asked[:20] == [2.0] * 20
    assert waits.asked[21:] == [0.5] * 3


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    """Told to come back after the deadline, the request gives up at once and says what was asked."""
    waits = Waits()
    assert loop(lambda attempt: Again("429", 61.0), waits, deadline_s=60.0) == (1, Again("429", 61.0))
    assert waits.asked == []


def test_requested_waits_add_up_to_the_deadline() -> None:
    """Waits count together: what would pass the deadline is not begun."""
    waits = Waits()
    assert loop(lambda attempt: Again("429", 25.0), waits, deadline_s=60.0) == (3, Again("429", 25.0))
    assert waits.asked == [25.0, 25.0]


def test_time_spent_trying_counts_against_the_deadline() -> None:
    """Slow failures end at the deadline, however many attempts are left."""
    waits = Waits()

    def slow(attempt: int) -> Again:
        waits.time += 25.0
        return Again("500")

    attempts, _ = loop(slow, waits, max_attempts=100, deadline_s=100.0)
    assert 3 <= attempts <= 6


def test_waiting_for_the_first_turn_is_no_retry() -> None:
    """At a low rate a request may stand in line for longer than its deadline; its first error is still retried."""
    waits = Waits()

    def late(attempt: int) -> Again | None:
        waits.time += 1000.0 if attempt == 1 else 0.0
        return Again("429", 1.0) if attempt == 1 else None

    assert loop(late, waits, deadline_s=900.0) == (2, None)


def test_other_errors_are_not_retried() -> None:
    """A cache error, or any fault of ours, ends the loop at once."""
    waits = Waits()

    def broken(attempt: int) -> Again:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        loop(broken, waits)
    assert waits.asked == []


def test_the_loop_knows_no_other_signal() -> None:
    """Should the loop ever be asked to go on after something else, it says so instead of repeating a paid call."""
    waits = Waits()
    policy = retrying(provider(), waits.sleep, waits.clock)
    state = RetryCallState(policy, None, (), {})
    with pytest.raises(TypeError, match="something else"):
        policy.stop(state)
