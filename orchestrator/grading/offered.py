"""What one question offers, prepared once for all its answers: labels, texts, and the patterns made from them.

Always holds: a label is matched as written (never upper-cased, never inside a word), and only offered labels match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from orchestrator.grading.normalise import plain

_NONE = re.compile(
    r"(?i)\bnone\b|\bneither\b|\bnot (?:listed|given|here|enough|determin)|\bno (?:correct|right|answer|enough)|cannot|can't"
    r"|\brefuse|\bdo(?:es)? not know|\bdon't know|\binsufficient|\bunknown|\bunable|impossible|undetermin|\bn/?a\b"
    r"|以上[都皆]?[不非]|无法|不能确定|不知道|拒绝"
)


@dataclass(frozen=True, slots=True)
class Offered:
    """The offered labels and texts of one question."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    """Rewritten as outputs are, lower case."""
    by_spelling: dict[str, str]
    """Rewritten label -> label as offered."""
    label: str
    """Pattern of one label."""
    has_none: bool
    """Whether an option itself says none, cannot be told, or refused."""


@lru_cache(maxsize=4096)
def offered(options: tuple[tuple[str, str], ...]) -> Offered:
    """Return the prepared options of (label, text) pairs."""
    spellings = {plain(label).strip("()[]. ") or label: label for label, _ in options}
    ordered = sorted(spellings, key=len, reverse=True)
    pattern = "|".join(re.escape(one) for one in ordered) or r"(?!)"
    texts = tuple(plain(text).lower() for _, text in options)
    return Offered(
        labels=tuple(label for label, _ in options),
        texts=texts,
        by_spelling=spellings,
        label=f"(?:{pattern})",
        has_none=any(_NONE.search(text) for text in texts),
    )
