"""OpenAI's chat completions: `POST /openai/v1/chat/completions`."""

from __future__ import annotations

import math
from collections.abc import Mapping

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
    data_url,
    items,
    obj,
    text,
)
from ..limits import Rate, Rates

FINISH = {End.COMPLETE: "stop", End.LENGTH: "length", End.REFUSED: "stop", End.BLOCKED: "content_filter"}

_ERRORS: dict[Kind, tuple[int, str, str | None, str]] = {
    # kind: status, type, code, message
    Kind.BAD_REQUEST: (400, "invalid_request_error", "invalid_value", "{detail}"),
    Kind.CONTENT_POLICY: (
        400,
        "invalid_request_error",
        "content_policy_violation",
        "Your request was rejected as a result of our safety system.",
    ),
    Kind.NO_KEY: (
        401,
        "invalid_request_error",
        None,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.",
    ),
    Kind.WRONG_KEY: (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    Kind.UNKNOWN_MODEL: (
        404,
        "invalid_request_error",
        "model_not_found",
        "The model `{detail}` does not exist or you do not have access to it.",
    ),
    Kind.TOO_LARGE: (413, "invalid_request_error", None, "Maximum content size limit exceeded."),
    Kind.RATE_LIMITED: (429, "{detail}", "rate_limit_exceeded", "Rate limit reached on {detail} per min.{wait}"),
    Kind.NEVER_FITS: (
        429,
        "tokens",
        "rate_limit_exceeded",
        "Request too large on tokens per min (TPM): {detail}. The input or output tokens must be reduced in order to"
        " run successfully.",
    ),
    Kind.QUOTA: (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Kind.SERVER_ERROR: (
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    Kind.OVERLOADED: (
        503,
        "service_unavailable_error",
        None,
        "That model is currently overloaded with other requests.{wait}",
    ),
}


class OpenAI:
    """The dialect of api.openai.com and everything compatible with it."""

    name = "openai"

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the bearer token."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def read(self, body: JsonObject, headers: Mapping[str, str]) -> Ask:
        """Read `messages` and the output limit under either of its names."""
        if body.get("stream"):
            raise MalformedError("stream is not simulated")
        if body.get("n") not in (None, 1):
            raise MalformedError("n must be 1")
        characters, last, pictures = 0, "", list[Picture]()
        for index, one in enumerate(items(body.get("messages"), "messages")):
            message = obj(one, f"messages[{index}]")
            words, shown = _content(message.get("content"), f"messages[{index}].content")
            characters += len(words)
            pictures += shown
            if message.get("role") == "user":
                last = words
        return Ask(last, characters, tuple(pictures), count(body, "max_completion_tokens", "max_tokens"))

    def reply(self, completion: Completion) -> JsonObject:
        """Return a `chat.completion`; a refusal stands in `message.refusal`, with content null."""
        refused = completion.end is End.REFUSED
        message: JsonObject = {
            "role": "assistant",
            "content": None if refused else completion.text,
            "refusal": completion.text if refused else None,
            "annotations": [],
        }
        choice: JsonObject = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": FINISH[completion.end],
        }
        body: JsonObject = {
            "id": f"chatcmpl-{completion.id}",
            "object": "chat.completion",
            "created": completion.created,
            "model": completion.model,
            "choices": [choice],
            "service_tier": "default",
            "system_fingerprint": "fp_simulated",
        }
        if (tokens := completion.tokens) is not None:
            prompt = tokens.text_input + tokens.image_input
            body["usage"] = {
                "prompt_tokens": prompt,
                "completion_tokens": tokens.output,
                "total_tokens": prompt + tokens.output,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            }
        return body

    def problem(self, problem: Problem) -> tuple[int, JsonObject]:
        """Return `{error: {message, type, param, code}}`."""
        status, kind, code, message = _ERRORS[problem.kind]
        wait = "" if problem.wait_s is None else f" Please try again in {duration(problem.wait_s)}."
        error: JsonObject = {
            "message": message.format(detail=problem.detail, wait=wait),
            "type": kind.format(detail=problem.detail),
            "param": None,
            "code": code,
        }
        return status, {"error": error}

    def retry_headers(self, wait_s: float) -> dict[str, str]:
        """Return `retry-after-ms` and `retry-after`."""
        return {"retry-after-ms": str(math.ceil(wait_s * 1000)), "retry-after": str(math.ceil(wait_s))}

    def rate_headers(self, rates: Rates, now: float) -> dict[str, str]:
        """Return `x-ratelimit-*`; resets are durations such as `120ms` or `6m0s`."""
        return _rate("requests", rates.requests) | _rate("tokens", rates.tokens)

    def image_tokens(self, width: int, height: int, low_detail: bool) -> int:
        """Return 85 + 170 a 512-px tile, after fitting in 2048 px and the short side to 768 px (low detail: 85)."""
        if low_detail:
            return 85
        scale = min(1.0, 2048 / max(width, height))
        scale = min(scale, 768 / min(width, height))
        across, down = (math.ceil(max(1, round(side * scale)) / 512) for side in (width, height))
        return 85 + 170 * across * down


def duration(seconds: float) -> str:
    """Return a duration as OpenAI's headers write it: `120ms`, `1.2s`, `6m0s`, `1h0m0s`."""
    milliseconds = math.ceil(seconds * 1000 - 1e-6)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    spoken = f"{rest / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{spoken}"
    return f"{minutes}m{spoken}" if minutes else spoken


def _rate(name: str, rate: Rate | None) -> dict[str, str]:
    if rate is None:
        return {}
    return {
        f"x-ratelimit-limit-{name}": str(rate.limit),
        f"x-ratelimit-remaining-{name}": str(rate.remaining),
        f"x-ratelimit-reset-{name}": duration(rate.reset_s),
    }


def _content(content: Json, where: str) -> tuple[str, list[Picture]]:
    if content is None or isinstance(content, str):
        return content or "", []
    words, pictures = list[str](), list[Picture]()
    for index, one in enumerate(items(content, where)):
        part = obj(one, f"{where}[{index}]")
        match part.get("type"):
            case "text":
                words.append(text(part.get("text"), f"{where}[{index}].text"))
            case "image_url":
                image = obj(part.get("image_url"), f"{where}[{index}].image_url")
                pictures.append(data_url(text(image.get("url"), f"{where}[{index}].url"), image.get("detail") == "low"))
            case other:
                raise MalformedError(f"{where}[{index}].type cannot be {other!r:.40}")
    return "\n".join(words), pictures
