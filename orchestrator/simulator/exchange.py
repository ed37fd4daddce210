"""One question and one answer, free of any dialect, and the checked reading of hostile JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]

DATA_URL = "data:"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as it was sent."""

    base64: str
    low_detail: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to a model."""

    text: str
    """The text of the last user message."""
    characters: int
    """Length of all text sent, the system message included."""
    pictures: tuple[Picture, ...]
    max_output: int | None
    """Output tokens asked for at most; None if the request does not say."""


class End(StrEnum):
    """Why a model stopped."""

    COMPLETE = "complete"
    LENGTH = "length"
    REFUSED = "refused"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Usage as it is reported, which a fault may have made nonsense."""

    text_input: int
    image_input: int
    output: int


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer."""

    id: str
    model: str
    created: int
    """Unix time."""
    text: str
    end: End
    tokens: Tokens | None


class Kind(StrEnum):
    """Why a request is refused with an HTTP error."""

    BAD_REQUEST = "bad_request"
    CONTENT_POLICY = "content_policy"
    NO_KEY = "no_key"
    WRONG_KEY = "wrong_key"
    UNKNOWN_MODEL = "unknown_model"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    NEVER_FITS = "never_fits"
    """The request alone is over the tokens a minute."""
    QUOTA = "quota"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True)
class Problem:
    """One HTTP error, before it is put in a dialect's words."""

    kind: Kind
    detail: str = ""
    """The model's name, the fault found, or the limit's scope."""
    wait_s: float | None = None
    """What the client is asked to wait, to be said in the body where the dialect does that."""


class MalformedError(Exception):
    """The request cannot be understood, which is always answered with a 400; the message says why."""


def obj(value: Json, where: str) -> JsonObject:
    """Return a JSON object, or raise MalformedError."""
    if isinstance(value, dict):
        return value
    raise MalformedError(f"{where} must be an object")


def items(value: Json, where: str) -> list[Json]:
    """Return a JSON array, or raise MalformedError."""
    if isinstance(value, list):
        return value
    raise MalformedError(f"{where} must be an array")


def text(value: Json, where: str) -> str:
    """Return a JSON string, or raise MalformedError."""
    if isinstance(value, str):
        return value
    raise MalformedError(f"{where} must be a string")


def count(body: Mapping[str, Json], *names: str) -> int | None:
    """Return the first of the named whole numbers above 0 that is there; raises MalformedError for anything else."""
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise MalformedError(f"{name} must be a whole number above 0")
        return value
    return None


def data_url(url: str, low_detail: bool) -> Picture:
    """Return the picture inside a base64 data URL; raises MalformedError for any other address."""
    head, comma, encoded = url.partition(",")
    if not (comma and head.startswith(DATA_URL) and head.endswith(";base64")):
        raise MalformedError("the image must be a base64 data URL: this provider fetches nothing")
    return Picture(encoded, low_detail)
