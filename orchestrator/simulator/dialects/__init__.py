"""The three dialects, each the only owner of its provider's paths, shapes and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..exchange import Ask, Completion, JsonObject, Problem
from ..limits import Rates
from .anthropic import Anthropic
from .gemini import Gemini
from .openai import OpenAI


class Dialect(Protocol):
    """What differs from provider to provider."""

    name: str

    def key(self, headers: Mapping[str, str]) -> str:
        """Return the API key sent, or an empty text."""

    def read(self, body: JsonObject, headers: Mapping[str, str]) -> Ask:
        """Return what is asked; raises MalformedError."""

    def reply(self, completion: Completion) -> JsonObject:
        """Return the body of a 200."""

    def problem(self, problem: Problem) -> tuple[int, JsonObject]:
        """Return status and body of an HTTP error."""

    def retry_headers(self, wait_s: float) -> dict[str, str]:
        """Return the headers by which this provider asks for a wait, if it has any."""

    def rate_headers(self, rates: Rates, now: float) -> dict[str, str]:
        """Return the headers that state the limits; `now` is Unix time."""

    def image_tokens(self, width: int, height: int, low_detail: bool) -> int:
        """Return the input tokens of a picture of that many pixels."""


OPENAI: Dialect = OpenAI()
ANTHROPIC: Dialect = Anthropic()
GEMINI: Dialect = Gemini()

__all__ = ["ANTHROPIC", "GEMINI", "OPENAI", "Dialect"]
