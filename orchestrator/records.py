"""The frozen records that flow through the package, and the key that makes a Request payable once.

Nothing here touches a file, the network or the clock. Money is counted in integer nano-dollars (1 USD = 10**9) and
prices in integer pico-dollars a token (1 USD per million tokens = 10**6), so that no sum ever rounds in our favour.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""A value as `json.loads` returns it."""

NANO_PER_USD = 1_000_000_000
KEY_VERSION = 1
IMAGE_POLICY_VERSION = 1

# Made once, not for every question.
_AS_WRITTEN = json.JSONEncoder(ensure_ascii=False)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


# --- what is asked ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where one picture lies, and what it is; its bytes are read only when a call is about to be made."""

    path: str
    """The picture file, or the benchmark file that embeds it."""
    digest: str
    """SHA-256 (hex) of the picture's own bytes, decoded if they are embedded."""
    width: int
    height: int
    """Pixels, after EXIF rotation and before any downscaling."""
    offset: int | None = None
    """Byte offset of the picture's base64 text in `path`; None when `path` is the picture itself."""
    length: int | None = None
    """Length in bytes of that base64 text."""


@dataclass(frozen=True, slots=True)
class Item:
    """One multiple-choice question of a benchmark."""

    id: str
    task: str
    question: str
    options: tuple[tuple[str, str], ...]
    """(letter, text) pairs in the order in which they are shown."""
    gold: tuple[str, ...]
    """The right letters, sorted."""
    multi: bool
    """Whether several letters may be right (graded as an exact set)."""
    images: tuple[ImageRef, ...]
    group: str
    """Questions that share an image or a patient; the cluster of every interval. The item's id if it stands alone."""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    line: int = 0
    """1-based line of the benchmark file, for messages."""

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters offered, in order."""
        return tuple(letter for letter, _ in self.options)

    @property
    def wording(self) -> str:
        """Short digest of the question, the options and their kind: what an answer's letters refer to."""
        body = _AS_WRITTEN.encode([self.question, self.options, self.multi])
        return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def rotated(self, by: int) -> Item:
        """Return the item with its option texts moved up `by` letters, cyclically; the gold letters follow them."""
        count = len(self.options)
        by %= count
        if by == 0:
            return self
        letters = self.letters
        texts = [text for _, text in self.options]
        position = {letter: index for index, letter in enumerate(letters)}
        return replace(
            self,
            options=tuple((letter, texts[(index + by) % count]) for index, letter in enumerate(letters)),
            gold=tuple(sorted(letters[(position[letter] - by) % count] for letter in self.gold)),
        )


# --- whom it is asked ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Provider:
    """One account at one API: the key, the address and the limits, which money and pacing belong to."""

    name: str
    api_base: str
    identity: str
    """What the key calls this endpoint: `api_base` unless the configuration says otherwise."""
    api_key_env: str | None
    api_key_file: str | None
    rpm: int
    tpm: int
    max_concurrency: int
    timeout_s: float
    """Deadline of one attempt."""
    max_attempts: int
    """Transient failures of one request before it is failed for this invocation."""
    deadline_s: float
    """Longest time one request may spend on retries and waits."""
    budget_nanousd: int | None = None
    """Cap over the cache's lifetime, from `[budget]`."""


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """How a picture is prepared before it is sent; part of the key."""

    max_side: int | None = None
    """Longest side in pixels; None keeps the size."""
    detail: str | None = None
    """`low`, `high` or `auto` where the API knows it."""
    format: str = "jpeg"
    """`jpeg` or `png`."""
    quality: int = 90
    """JPEG quality; unused for PNG."""
    version: int = IMAGE_POLICY_VERSION


@dataclass(frozen=True, slots=True)
class Price:
    """What a token costs, in pico-dollars; output includes reasoning."""

    input: int
    cached_input: int
    output: int
    as_of: str
    """ISO date on which the price was looked up."""
    source: str = "providers.toml"
    batch_discount: float = 1.0
    """Factor on the price of a batched call (0.5 = half price)."""
    long_context_above: int | None = None
    """Input tokens above which the three `long_*` prices hold for the whole call."""
    long_input: int = 0
    long_cached_input: int = 0
    long_output: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """A LiteLLM model name at a provider, with everything that shapes its calls."""

    alias: str
    """The name used on the command line and in tables; never part of a key."""
    provider: Provider
    litellm_model: str
    params: Mapping[str, Json]
    """Sampling parameters exactly as they reach the body; always holds an output token limit."""
    image: ImagePolicy
    price: Price
    image_tokens: str
    """Name of the image token formula (`inference.tokens`)."""

    @property
    def max_output_tokens(self) -> int:
        """The output limit that a call's worst case is reserved at."""
        value = self.params.get("max_tokens", self.params.get("max_completion_tokens"))
        if not isinstance(value, int):
            raise ValueError(f"model {self.alias} has no max_tokens")
        return value


# --- what is sent ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of text in a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a message: the index of the Request's image."""

    index: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: str
    parts: tuple[Text | Picture, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; two requests with one key are the same purchase."""

    model: str
    """The LiteLLM model name, never the alias."""
    endpoint: str
    """The provider's `identity`."""
    messages: tuple[Message, ...]
    images: tuple[ImageRef, ...]
    image_policy: ImagePolicy
    params: Mapping[str, Json]
    sample: int = 0

    @property
    def key(self) -> str:
        """SHA-256 (hex) of the canonical form."""
        return hashlib.sha256(canonical(self).encode()).hexdigest()


def canonical(request: Request) -> str:
    """Return the request as canonical JSON: sorted keys, no spaces, UTF-8, whole floats written as integers.

    Of an image only the digest counts, and the image policy only where there is an image. Raises ValueError for a
    parameter that JSON cannot carry (NaN, infinity, a foreign type).
    """

    def part(one: Text | Picture) -> Json:
        if isinstance(one, Text):
            return {"text": one.text, "type": "text"}
        return {"sha256": request.images[one.index].digest, "type": "image"}

    policy = request.image_policy
    body: Json = {
        "v": KEY_VERSION,
        "model": request.model,
        "endpoint": request.endpoint,
        "messages": [{"role": m.role, "content": [part(p) for p in m.parts]} for m in request.messages],
        "image": {
            "detail": policy.detail,
            "format": policy.format,
            "max_side": policy.max_side,
            "quality": policy.quality if policy.format == "jpeg" else None,
            "v": policy.version,
        }
        if request.images
        else None,
        "params": _plain(dict(request.params)),
        "sample": request.sample,
    }
    return _CANONICAL.encode(body)


def _plain(value: object) -> Json:
    """Return the value with equal numbers made identical (0, 0.0 and -0.0), or raise ValueError."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            if not math.isfinite(value):
                raise ValueError(f"a parameter is {value}, which no request can carry")
            return int(value) if value.is_integer() else value
        case list() | tuple():
            return [_plain(one) for one in value]
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case _:
            raise ValueError(f"a parameter is of type {type(value).__name__}, which no request can carry")


# --- what came back --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider billed them."""

    input_tokens: int
    """All input tokens, cached ones included."""
    cached_input_tokens: int
    output_tokens: int
    """All output tokens, reasoning included."""
    reasoning_tokens: int = 0


class Ending(StrEnum):
    """How a paid reply ended, as the provider declared it."""

    COMPLETE = "complete"
    REFUSED = "refused"
    FILTERED = "filtered"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Reply:
    """One paid answer, exactly as it is kept."""

    key: str
    text: str
    """What the model said; empty for a block or a refusal without words."""
    ending: Ending
    finish_reason: str
    """The provider's own word."""
    usage: Usage | None
    cost_nanousd: int
    latency_s: float
    raw: str
    """The provider's JSON body."""
    created_at: float
    """Unix time."""


Complete: TypeAlias = Callable[[Request], Awaitable[Reply]]
"""Asks a model and returns its paid reply; what the judge and the paraphraser are handed."""


# --- what one attempt came to ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Replied:
    """A 200 whose body could be read; `usage` is None where the provider reported none that can be believed."""

    text: str
    ending: Ending
    finish_reason: str
    usage: Usage | None
    raw: str
    latency_s: float
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The API answered with an HTTP error: nothing is charged."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request never left: no connection, no TLS, or its picture could not be read. Nothing is charged."""

    reason: str
    permanent: bool = False
    """Whether trying again is pointless (the picture is gone or was changed)."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The request may have been served but no readable answer came: charged at its reservation, in doubt."""

    reason: str
    raw: str = ""


AttemptResult: TypeAlias = Replied | Rejected | NotSent | Lost


# --- what it means ---------------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What became of one item at one model: a closed set, never mixed with a letter."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FILTERED = "filtered"
    TRUNCATED = "truncated"
    UNPARSED = "unparsed"
    FAILED = "failed"
    UNSENT = "unsent"


PAID = frozenset({Outcome.ANSWERED, Outcome.REFUSED, Outcome.FILTERED, Outcome.TRUNCATED, Outcome.UNPARSED})
"""Outcomes with a paid reply: accuracy's denominator. The other two lower coverage."""


class Abstained(StrEnum):
    """Why the parser gave no letters."""

    REFUSED = "refused"
    HEDGED = "hedged"
    NONE_OF = "none-of"
    ECHOED = "echoed-list"
    CONFLICT = "conflict"
    TRUNCATED = "truncated"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Answer:
    """Letters read from a text, and how."""

    letters: tuple[str, ...]
    """Sorted, never empty, each one offered."""
    rule: str
    confidence: float
    span: tuple[int, int]
    """Start and end, in the original text, of the passage relied on."""
    conflicts: tuple[str, ...] = ()
    """What was noticed that speaks against it, in words."""


@dataclass(frozen=True, slots=True)
class Abstention:
    """No letters, and why."""

    reason: Abstained
    conflicts: tuple[str, ...] = ()


class Grade(NamedTuple):
    """One item at one model, graded."""

    item_id: str
    task: str
    group: str
    multi: bool
    options: tuple[str, ...]
    """Letters offered, in the order shown."""
    gold: tuple[str, ...]
    letters: tuple[str, ...]
    """What was read; empty unless the outcome is answered."""
    outcome: Outcome
    rule: str = ""
    confidence: float = 0.0
    sample: int = 0
    rotation: int = 0
    option_texts: tuple[str, ...] = ()
    """Texts of `options`, in the same order."""
    metadata: Mapping[str, Json] = {}
    """The item's; nobody writes to it."""
    reply: str = ""
    """Short digest of the reply that was read; empty without one."""

    @property
    def correct(self) -> bool:
        """Whether the letters are exactly the gold set."""
        return self.outcome is Outcome.ANSWERED and self.letters == self.gold
