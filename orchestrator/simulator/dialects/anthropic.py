"""Anthropic's messages: `POST /anthropic/v1/messages`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from ..exchange import (
    Ask,
    Completion,
    End,
    Json,
    JsonObject,
    Kind,
    MalformedError,
    Picture,
    Problem,
    count,
    items,
    obj,
    text,
)
from ..limits import Rate, Rates

STOP = {End.COMPLETE: "end_turn", End.LENGTH: "max_tokens", End.REFUSED: "refusal", End.BLOCKED: "refusal"}

_ERRORS: dict[Kind, tuple[int, str, str]] = {
    # kind: status, type, message
    Kind.BAD_REQUEST: (400, "invalid_request_error", "{detail}"),
    Kind.CONTENT_POLICY: (400, "invalid_request_error", "Output blocked by content filtering policy"),
    Kind.NO_KEY: (401, "authentication_error", "x-api-key header is required"),
    Kind.WRONG_KEY: (401, "authentication_error", "invalid x-api-key"),
    Kind.UNKNOWN_MODEL: (404, "not_found_error", "model: {detail}"),
    Kind.TOO_LARGE: (413, "request_too_large", "Request exceeds the maximum size"),
    Kind.RATE_LIMITED: (
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of {detail} per minute.",
    ),
    Kind.NEVER_FITS: (
        429,
        "rate_limit_error",
        "This request alone would exceed your organization's rate limit of tokens per minute: {detail}.",
    ),
    Kind.QUOTA: (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or"
        " purchase credits.",
    ),
    Kind.SERVER_ERROR: (500, "api_error", "Internal server error"),
    Kind.OVERLOADED: (529, "overloaded_error", "Overloaded"),
}


class Anthropic:
    """The dialect of api.anthropic.com."""

    name = "anthropic"

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the `x-api-key`."""
        return headers.get("x-api-key", "").strip()

    def read(self, body: JsonObject, headers: Mapping[str, str]) -> Ask:
        """Read `system`, `messages` and `max_tokens`, which this provider demands."""
        if not headers.get("anthropic-version"):
            raise MalformedError("anthropic-version: header is required")
        if body.get("stream"):
            raise MalformedError("stream: is not simulated")
        limit = count(body, "max_tokens")
        if limit is None:
            raise MalformedError("max_tokens: Field required")
        words, pictures = _content(body.get("system", ""), "system")
        characters, last = len(words), ""
        for index, one in enumerate(items(body.get("messages"), "messages")):
            message = obj(one, f"messages.{index}")
            words, shown = _content(message.get("content"), f"messages.{index}.content")
            characters += len(words)
            pictures += shown
            if message.get("role") == "user":
                last = words
        return Ask(last, characters, tuple(pictures), limit)

    def reply(self, completion: Completion) -> JsonObject:
        """Return a `message`; a blocked one has no content."""
        content: list[Json] = [] if completion.end is End.BLOCKED else [{"type": "text", "text": completion.text}]
        body: JsonObject = {
            "id": f"msg_{completion.id}",
            "type": "message",
            "role": "assistant",
            "model": completion.model,
            "content": content,
            "stop_reason": STOP[completion.end],
            "stop_sequence": None,
        }
        if (tokens := completion.tokens) is not None:
            body["usage"] = {
                "input_tokens": tokens.text_input + tokens.image_input,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": tokens.output,
                "service_tier": "standard",
            }
        return body

    def problem(self, problem: Problem) -> tuple[int, JsonObject]:
        """Return `{type: error, error: {type, message}}`."""
        status, kind, message = _ERRORS[problem.kind]
        error: JsonObject = {"type": kind, "message": message.format(detail=problem.detail)}
        return status, {"type": "error", "error": error, "request_id": "req_simulated"}

    def retry_headers(self, wait_s: float) -> dict[str, str]:
        """Return `retry-after` in whole seconds."""
        return {"retry-after": str(math.ceil(wait_s))}

    def rate_headers(self, rates: Rates, now: float) -> dict[str, str]:
        """Return `anthropic-ratelimit-*`; resets are RFC 3339 times."""
        return _rate("requests", rates.requests, now) | _rate("tokens", rates.tokens, now)

    def image_tokens(self, width: int, height: int, low_detail: bool) -> int:
        """Return one token a 28-px patch, after fitting in 1568 px; 1568 at most."""
        scale = min(1.0, 1568 / max(width, height))
        across, down = (math.ceil(max(1, round(side * scale)) / 28) for side in (width, height))
        return min(1568, across * down)


def _rate(name: str, rate: Rate | None, now: float) -> dict[str, str]:
    if rate is None:
        return {}
    reset = datetime.fromtimestamp(math.ceil(now + rate.reset_s), UTC)
    return {
        f"anthropic-ratelimit-{name}-limit": str(rate.limit),
        f"anthropic-ratelimit-{name}-remaining": str(rate.remaining),
        f"anthropic-ratelimit-{name}-reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _content(content: Json, where: str) -> tuple[str, list[Picture]]:
    if isinstance(content, str):
        return content, []
    words, pictures = list[str](), list[Picture]()
    for index, one in enumerate(items(content, where)):
        part = obj(one, f"{where}.{index}")
        match part.get("type"):
            case "text":
                words.append(text(part.get("text"), f"{where}.{index}.text"))
            case "image":
                source = obj(part.get("source"), f"{where}.{index}.source")
                if source.get("type") != "base64":
                    raise MalformedError(f"{where}.{index}.source.type must be base64: this provider fetches nothing")
                pictures.append(Picture(text(source.get("data"), f"{where}.{index}.source.data")))
            case other:
                raise MalformedError(f"{where}.{index}.type cannot be {other!r:.40}")
    return "\n".join(words), pictures
