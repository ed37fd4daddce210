"""Gemini's generateContent: `POST /gemini/v1beta/models/{model}:generateContent`."""

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
    Picture,
    Problem,
    count,
    items,
    obj,
    text,
)
from ..limits import Rates

FINISH = {End.COMPLETE: "STOP", End.LENGTH: "MAX_TOKENS", End.REFUSED: "STOP", End.BLOCKED: "SAFETY"}

_ERRORS: dict[Kind, tuple[int, str, str]] = {
    # kind: HTTP code, status, message
    Kind.BAD_REQUEST: (400, "INVALID_ARGUMENT", "{detail}"),
    Kind.CONTENT_POLICY: (400, "INVALID_ARGUMENT", "The request was blocked by the safety policy."),
    Kind.NO_KEY: (
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other"
        " form of API consumer identity to call this API.",
    ),
    Kind.WRONG_KEY: (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    Kind.UNKNOWN_MODEL: (
        404,
        "NOT_FOUND",
        "models/{detail} is not found for API version v1beta, or is not supported for generateContent.",
    ),
    Kind.TOO_LARGE: (413, "INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    Kind.RATE_LIMITED: (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota of {detail} per minute."),
    Kind.NEVER_FITS: (429, "RESOURCE_EXHAUSTED", "The request alone exceeds the quota of tokens per minute: {detail}."),
    Kind.QUOTA: (
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Kind.SERVER_ERROR: (500, "INTERNAL", "An internal error has occurred. Please retry."),
    Kind.OVERLOADED: (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
}

_QUOTA_IDS = {
    Kind.RATE_LIMITED: "GeneratePerMinutePerProjectPerModel",
    Kind.NEVER_FITS: "GenerateContentInputTokensPerModelPerMinute",
    Kind.QUOTA: "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
}


class Gemini:
    """The dialect of generativelanguage.googleapis.com (AI Studio)."""

    name = "gemini"

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the `x-goog-api-key`."""
        return headers.get("x-goog-api-key", "").strip()

    def read(self, body: JsonObject, headers: Mapping[str, str]) -> Ask:
        """Read `systemInstruction`, `contents` and `generationConfig`, in camel or snake case."""
        system = body.get("systemInstruction", body.get("system_instruction"))
        words, pictures = ("", list[Picture]()) if system is None else _parts(system, "system_instruction")
        characters, last = len(words), ""
        for index, one in enumerate(items(body.get("contents"), "contents")):
            words, shown = _parts(one, f"contents[{index}]")
            characters += len(words)
            pictures += shown
            if obj(one, "contents").get("role", "user") == "user":
                last = words
        config = obj(body.get("generationConfig", body.get("generation_config", {})), "generation_config")
        return Ask(last, characters, tuple(pictures), count(config, "max_output_tokens", "maxOutputTokens"))

    def reply(self, completion: Completion) -> JsonObject:
        """Return `candidates`; a block without any output is a `promptFeedback`, one after output ends with SAFETY."""
        body: JsonObject = {"modelVersion": completion.model, "responseId": completion.id}
        if completion.end is End.BLOCKED and not completion.text:
            body["promptFeedback"] = {"blockReason": "SAFETY", "safetyRatings": []}
        else:
            candidate: JsonObject = {
                "content": {"parts": [{"text": completion.text}], "role": "model"},
                "finishReason": FINISH[completion.end],
                "index": 0,
            }
            body["candidates"] = [candidate]
        if (tokens := completion.tokens) is not None:
            prompt = tokens.text_input + tokens.image_input
            body["usageMetadata"] = {
                "promptTokenCount": prompt,
                "candidatesTokenCount": tokens.output,
                "totalTokenCount": prompt + tokens.output,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": tokens.text_input},
                    {"modality": "IMAGE", "tokenCount": tokens.image_input},
                ],
            }
        return body

    def problem(self, problem: Problem) -> tuple[int, JsonObject]:
        """Return `{error: {code, message, status, details}}`; a wait stands in RetryInfo, for there is no header."""
        code, status, message = _ERRORS[problem.kind]
        error: JsonObject = {"code": code, "message": message.format(detail=problem.detail), "status": status}
        if details := _details(problem):
            error["details"] = details
        return code, {"error": error}

    def retry_headers(self, wait_s: float) -> dict[str, str]:
        """Return nothing: the wait stands in the body."""
        return {}

    def rate_headers(self, rates: Rates, now: float) -> dict[str, str]:
        """Return nothing: this provider states no limits."""
        return {}

    def image_tokens(self, width: int, height: int, low_detail: bool) -> int:
        """Return 258 if both sides fit in 384 px, else 258 a tile of side floor(min / 1.5) within 256..768."""
        if max(width, height) <= 384:
            return 258
        tile = min(768, max(256, math.floor(min(width, height) / 1.5)))
        return 258 * math.ceil(width / tile) * math.ceil(height / tile)


def _details(problem: Problem) -> list[Json]:
    details: list[Json] = []
    if problem.kind is Kind.WRONG_KEY:
        details.append(
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            }
        )
    if problem.kind in _QUOTA_IDS:
        violation: JsonObject = {"quotaId": _QUOTA_IDS[problem.kind], "quotaDimensions": {"location": "global"}}
        details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]})
    if problem.wait_s is not None:
        delay = f"{math.ceil(problem.wait_s * 1000) / 1000:g}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return details


def _parts(content: Json, where: str) -> tuple[str, list[Picture]]:
    words, pictures = list[str](), list[Picture]()
    for index, one in enumerate(items(obj(content, where).get("parts"), f"{where}.parts")):
        part = obj(one, f"{where}.parts[{index}]")
        inline = part.get("inlineData", part.get("inline_data"))
        if inline is not None:
            pictures.append(Picture(text(obj(inline, f"{where}.inline_data").get("data"), f"{where}.inline_data.data")))
        else:
            words.append(text(part.get("text"), f"{where}.parts[{index}].text"))
    return "\n".join(words), pictures
