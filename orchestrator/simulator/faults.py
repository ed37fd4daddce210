"""Which fault befalls a request, and what it does to an answer: pure, so the same draw gives the same fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from random import Random

from .exchange import Completion, End, JsonObject, Kind, Problem, Tokens
from .settings import Fault

DEPTH = 100_000
ABSURD = 10**12
CHARACTERS_A_TOKEN = 4


class Manner(StrEnum):
    """How a response is put on the wire."""

    WHOLE = "whole"
    RESET = "reset"
    RESET_BODY = "reset_body"
    HANG = "hang"
    DRIP = "drip"


MANNERS = {
    Fault.RESET: Manner.RESET,
    Fault.RESET_BODY: Manner.RESET_BODY,
    Fault.HANG: Manner.HANG,
    Fault.DRIP: Manner.DRIP,
}

ERRORS = {
    Fault.RATE_LIMITED: Problem(Kind.RATE_LIMITED, "requests"),
    Fault.OVERLOADED: Problem(Kind.OVERLOADED),
    Fault.SERVER_ERROR: Problem(Kind.SERVER_ERROR),
    Fault.BAD_GATEWAY: Problem(Kind.SERVER_ERROR),
    Fault.BAD_REQUEST: Problem(Kind.BAD_REQUEST, "Invalid value: the request was not understood."),
    Fault.CONTENT_POLICY: Problem(Kind.CONTENT_POLICY),
    Fault.INSUFFICIENT_QUOTA: Problem(Kind.QUOTA),
    Fault.UNAUTHORIZED: Problem(Kind.WRONG_KEY),
}
"""Faults that answer with an HTTP error, and are not billed."""

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n"
)
PORTAL = b"<!doctype html><html><head><title>Sign in to the network</title></head><body>Please sign in.</body></html>"


def drawn(faults: Mapping[Fault, float], chance: Random) -> Fault | None:
    """Return the fault that a random number picks by probability, or None; one number is drawn in any case."""
    point = chance.random()
    for kind in sorted(faults):
        point -= faults[kind]
        if point < 0:
            return kind
    return None


def output_tokens(text: str) -> int:
    """Return the output tokens of a text: a quarter of its characters, rounded up."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def spoken(fault: Fault | None, good: Completion, undecided: str) -> Completion:
    """Return what the model really generates under a fault; this is what is billed."""
    match fault:
        case Fault.REFUSAL:
            text, end = "I'm sorry, but I can't help with interpreting this image.", End.REFUSED
        case Fault.SAFETY:
            text, end = (good.text[:40] if int(good.id[0], 16) % 2 else ""), End.BLOCKED
        case Fault.TRUNCATION:
            text, end = good.text[: good.text.rfind("\n") // 2], End.LENGTH
        case Fault.NO_ANSWER:
            text, end = undecided, End.COMPLETE
        case _:
            return good
    return replace(good, text=text, end=end)


def reported(fault: Fault | None, true: Tokens) -> Tokens | None:
    """Return the usage that the response states."""
    match fault:
        case Fault.NO_USAGE:
            return None
        case Fault.NEGATIVE_USAGE:
            return Tokens(-true.text_input, -true.image_input, -true.output)
        case Fault.ABSURD_USAGE:
            return Tokens(ABSURD, true.image_input, ABSURD)
        case _:
            return true


def padded(text: str, size: int) -> str:
    """Return a text with filler before it, `size` characters long at least."""
    return "Still weighing the picture. " * max(0, (size - len(text)) // 28 + 1) + text


def encoded(fault: Fault | None, body: JsonObject) -> bytes:
    """Return the bytes of a 200's body."""
    match fault:
        case Fault.BAD_JSON:
            return json.dumps(body).encode()[:-20] + b",}"
        case Fault.EMPTY_BODY:
            return b""
        case Fault.HTML_200:
            return PORTAL
        case Fault.NESTED:
            return b"[" * DEPTH + b"]" * DEPTH
        case _:
            return json.dumps(body).encode()
