"""How many input tokens a request will be billed, estimated pessimistically and without a network.

Always holds: an estimate is a whole number that grows with what is sent; its time is linear in the text, whatever the
text is; the same request is estimated alike on every machine with the same LiteLLM (which brings the tokenizer file).

The formulas count a picture after our own downscaling, as its provider's pages or measurements of its bills say. Where
these disagree, the larger count is taken; `Calibration` then learns what a model really bills.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import TypeAlias

import tiktoken

from orchestrator.bundled import bundled
from orchestrator.dataset.images import sent_size
from orchestrator.errors import ConfigError
from orchestrator.provider_tables import near
from orchestrator.records import Request, Text

ImageFormula: TypeAlias = Callable[[int, int, str | None], int]
"""(width, height, detail) of the picture as it is sent -> tokens."""


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """Input tokens of one request, pessimistically."""

    text: int
    """Texts, with what the provider's chat template adds."""
    image: int

    @property
    def total(self) -> int:
        """All input tokens."""
        return self.text + self.image


def estimate(request: Request, formula: str) -> TokenEstimate:
    """Return the input tokens of a request, counted as `image_tokens = formula` says.

    Raises ConfigError for a formula that does not exist.
    """
    if formula not in IMAGE_FORMULAS:
        raise ConfigError(f"there is no image_tokens formula {formula!r}{near(formula, IMAGE_FORMULAS)}")
    count_image = IMAGE_FORMULAS[formula]
    percent, template = next((one for family, one in _TEXT if formula.startswith(family)), _ANY_TEXT)
    text, image = template, 0
    for message in request.messages:
        text += _PER_MESSAGE
        for part in message.parts:
            if isinstance(part, Text):
                text += -(-_text_tokens(part.text) * percent // 100)
            else:
                picture = request.images[part.index]
                width, height = sent_size(picture.width, picture.height, request.image_policy)
                image += count_image(width, height, request.image_policy.detail)
    return TokenEstimate(text, image)


# --- texts -----------------------------------------------------------------------------------------------------------

_PER_MESSAGE = 4
"""OpenAI's cookbook: 3 tokens a message, and 1 for a role that is more than one."""
_TEXT = (
    # (family, (percent of the tokenizer's count, tokens of the chat template and hidden preamble)). The tokenizer is
    # OpenAI's; the others are published as denser or measured to be, Claude's latest by up to 35 % over its earlier.
    ("openai", (105, 12)),
    ("claude-large", (165, 90)),
    ("claude", (125, 75)),
    ("gemini", (120, 32)),
    ("llama", (115, 64)),
    ("qwen", (120, 64)),
)
_ANY_TEXT = (165, 90)
VOCABULARY = "litellm_core_utils/tokenizers/9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
"""cl100k_base: half the memory of its successor o200k_base, and about the same count of English. tiktoken names a file
after the SHA-1 of its address."""
_VOCABULARY_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
"""As tiktoken expects it."""
_WORDS = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
"""cl100k_base's pattern, as tiktoken publishes it."""
_SLICE = 2000
"""Longest text the tokenizer is given at once: some versions take quadratic time over a long run of one character."""
_REMEMBERED = 10_000
"""Longest text whose count is remembered; prompts repeat."""


def read_encoding(path: Path | None) -> tiktoken.Encoding | None:
    """Return the tokenizer of a cl100k_base vocabulary file, or None if it is not there or not that file."""
    try:
        content = path.read_bytes() if path else b""
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != _VOCABULARY_SHA256:
        return None
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, content.splitlines())}
    return tiktoken.Encoding("cl100k_base", pat_str=_WORDS, mergeable_ranks=ranks, special_tokens={})


def count_text(text: str, encoding: tiktoken.Encoding | None) -> int:
    """Return the tokens of a text, or more; without a tokenizer, half its UTF-8 bytes.

    A character outside ASCII counts one more: vocabularies differ most there, and OpenAI's is the most generous.
    """
    if encoding is None:
        return -(-len(text.encode("utf-8", "replace")) // 2)
    ends = [*range(0, len(text), _SLICE), len(text)]
    tokens = sum(len(encoding.encode_ordinary(text[start:end])) for start, end in pairwise(ends))
    return tokens + len(text) - len(text.encode("ascii", "ignore"))


def _text_tokens(text: str) -> int:
    return _remembered(text) if len(text) <= _REMEMBERED else count_text(text, _shipped())


@lru_cache(maxsize=1024)
def _remembered(text: str) -> int:
    return count_text(text, _shipped())


@cache
def _shipped() -> tiktoken.Encoding | None:
    return read_encoding(bundled(VOCABULARY))


# --- pictures --------------------------------------------------------------------------------------------------------


def _openai_tiles(base: int, tile: int) -> ImageFormula:
    """OpenAI's tile models: within 2048 px square, shorter side to 768 px, then 512-px tiles; `low` is the base alone.

    platform.openai.com/docs/guides/images-vision: 1024x1024 is 765 and 2048x4096 is 1105 tokens of gpt-4o. A smaller
    picture is not enlarged (measured by users). Sides are rounded up, where the API rounds.
    """

    def count(width: int, height: int, detail: str | None) -> int:
        if detail == "low":
            return base
        width, height = _within(width, height, 2048)
        if min(width, height) > 768:
            short = min(width, height)
            width, height = -(-width * 768 // short), -(-height * 768 // short)
        return base + tile * (-(-width // 512)) * (-(-height // 512))

    return count


def _openai_patches(percent: int) -> ImageFormula:
    """OpenAI's patch models: 32-px patches, at most 1536, times a factor.

    platform.openai.com/docs/guides/images-vision. A larger picture counts as 1536, as users find on their bills, not
    as the fewer patches (1452 for 1800x2400) of the published resizing. gpt-5-mini was measured at 1.20 a patch, where
    the page says 1.62.
    """

    def count(width: int, height: int, detail: str | None) -> int:
        return -(-min(_grid(width, height, 32), 1536) * percent // 100)

    return count


def _claude(longest: int, most: int) -> ImageFormula:
    """Claude: 28-px patches of the picture scaled to its limits.

    platform.claude.com/docs/en/build-with-claude/vision: a token a patch; earlier width x height / 750, which is larger
    for many sizes. Bills of pictures above the limit were measured up to 2 % above it.
    """

    def count(width: int, height: int, detail: str | None) -> int:
        width, height = _within(width, height, longest)
        return min(max(_grid(width, height, 28), -(-width * height // 750)), most)

    return count


def _gemini2(width: int, height: int, detail: str | None) -> int:
    """Gemini 2.x: 258 tokens up to 384 px square, else 258 a tile of a third of twice the shorter side, 256 to 768 px.

    ai.google.dev/gemini-api/docs/image-understanding: 960x540 is six tiles, 1548 tokens. A measured call (1980x1380)
    came to 7.5 tiles where the page gives 6: two more are counted. A lower media resolution is not relied on.
    """
    if max(width, height) <= 384:
        return 258
    tile = min(max(min(width, height) * 2 // 3, 256), 768)
    return 258 * (_grid(width, height, tile) + 2)


def _gemini3(width: int, height: int, detail: str | None) -> int:
    """Gemini 3 and later: a fixed number by media resolution, which LiteLLM sets from `detail`.

    ai.google.dev/gemini-api/docs/media-resolution: low 280, default and high 1120.
    """
    return 280 if detail == "low" else 1120


def _llama32(width: int, height: int, detail: str | None) -> int:
    """Llama 3.2 vision: 1601 tokens a 560-px tile, at most four.

    docs.together.ai/docs/vision-overview: a side of 560 px already takes two.
    """
    return 1601 * min(_grid(width + 1, height + 1, 560), 4)


def _qwen25vl(width: int, height: int, detail: str | None) -> int:
    """Qwen2.5-VL: 28-px patches, 4 to 16384 (`min_pixels`, `max_pixels` of its preprocessor_config.json).

    Its sides are rounded to the nearest patch, here up.
    """
    return min(max(_grid(width, height, 28), 4), 16_384)


def _unknown(width: int, height: int, detail: str | None) -> int:
    """A model whose counting is not known: the most that any formula but gpt-4o-mini's gives, whatever the detail."""
    return max(
        formula(width, height, None)
        for name, formula in IMAGE_FORMULAS.items()
        if name not in ("unknown", "openai-tiles-mini")
    )


def _within(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size scaled down to a longest side, rounded up."""
    side = max(width, height)
    return (width, height) if side <= longest else (-(-width * longest // side), -(-height * longest // side))


def _grid(width: int, height: int, cell: int) -> int:
    """Cells that cover the picture."""
    return -(-width // cell) * -(-height // cell)


IMAGE_FORMULAS: Mapping[str, ImageFormula] = {
    "openai-tiles": _openai_tiles(85, 170),
    "openai-tiles-mini": _openai_tiles(2833, 5667),
    "openai-tiles-gpt5": _openai_tiles(70, 140),
    "openai-tiles-o1": _openai_tiles(75, 150),
    "openai-patches-mini": _openai_patches(162),
    "openai-patches-nano": _openai_patches(246),
    "openai-patches-o4-mini": _openai_patches(172),
    "claude": _claude(1568, 1600),
    "claude-large": _claude(2576, 4880),
    "gemini2": _gemini2,
    "gemini3": _gemini3,
    "llama32": _llama32,
    "qwen25vl": _qwen25vl,
    "unknown": _unknown,
}
"""Image token formulas by the name that `image_tokens` gives."""


# --- learning from bills ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model's real usage says of its estimates: the ratios billed / estimated of its replies."""

    TRUSTED = 20
    WINDOW = 200
    FLOOR = 0.2

    replies: int = 0
    total: float = 0.0
    highest: float = 0.0
    """Largest ratio ever seen."""
    recent: tuple[float, ...] = ()
    """The last `WINDOW` ratios."""

    @classmethod
    def learnt(cls, bills: Iterable[tuple[int, int, int]]) -> Calibration:
        """Return what (estimated text, estimated image, billed) input tokens of a model's replies say, oldest first."""
        known = cls()
        for text, image, billed in bills:
            known = known.observe(TokenEstimate(text, image), billed)
        return known

    def observe(self, estimated: TokenEstimate, actual_input: int) -> Calibration:
        """Return the calibration that also knows one reply; `estimated` is the uncalibrated estimate.

        A bill above its estimate is laid to the picture, with the text counted at half: the next picture may be
        larger, and the factor must hold for it as well.
        """
        if estimated.total <= 0:
            return self
        ratio = actual_input / estimated.total
        if ratio > 1.0 and estimated.image:
            ratio = max(ratio, (actual_input - estimated.text / 2) / estimated.image)
        return Calibration(
            self.replies + 1,
            self.total + ratio,
            max(self.highest, ratio),
            (*self.recent[-self.WINDOW + 1 :], ratio),
        )

    @property
    def factor(self) -> float:
        """What to multiply an estimate by: 1 or more until 20 replies are known, then the worst of the last 200."""
        if self.replies < self.TRUSTED:
            return max(1.0, self.highest * 1.05)
        return max(self.FLOOR, max(self.recent) * 1.02)

    def apply(self, estimated_input: int) -> int:
        """Return the estimate corrected, rounded up."""
        return ceil(estimated_input * self.factor)

    @property
    def mean(self) -> float | None:
        """Mean ratio billed / estimated; None before the first reply."""
        return self.total / self.replies if self.replies else None
