"""How the rules find an answer in an option's words, where no letter declares one."""

from __future__ import annotations

import re

from orchestrator.grading import lexicon
from orchestrator.grading.reading import Found, Reading

_CLAUSE_END = re.compile(r"\s{0,2}(?:[,.;:!\n]|$)")
_JOINED = re.compile(r"\s{0,2}(?:,|\n|/)?\s{0,2}(?:or|and)?\s{1,2}")
_DOUBTS = (lexicon.NEGATED, lexicon.UNKNOWN, lexicon.REFUSAL, lexicon.OR, lexicon.NONE)


def lead_text(reading: Reading) -> Found | None:
    """Find an option's text with which the output begins."""
    lower, offered = reading.lower, reading.offered
    start = reading.start
    at = offered.text_at(lower, start)
    if at is None or len(at[1]) > 1:
        return None
    end, owners = at
    words = lower[start:end]
    if (words == "no" or len(words) < 2) and not (end >= reading.end or _CLAUSE_END.match(lower, end)):
        return None
    joined = _JOINED.match(lower, end)
    other = offered.text_at(lower, joined.end()) if joined else None
    letters = tuple(sorted({*owners, *(other[1] if other else ())}))
    return Found(letters, start, end, hedged=len(letters) > 1)


def opening_text(reading: Reading) -> Found | None:
    """Find the one option whose text the first sentence holds, nothing in it denied or doubted."""
    return _one(reading, *reading.opening)


def closing_text(reading: Reading) -> Found | None:
    """Find the one option whose text the last sentence holds, nothing in it denied or doubted."""
    if reading.text[reading.end - 1 : reading.end] not in {".", "!", "。", ")", '"'}:
        return None
    return _one(reading, *reading.closing)


def sole_text(reading: Reading) -> Found | None:
    """Find the one option whose text stands anywhere in a complete output."""
    if not reading.passage.whole or reading.text[reading.end - 1 : reading.end] not in {".", "!", "。", ")", '"'}:
        return None
    return _one(reading, reading.start, reading.end)


def _one(reading: Reading, start: int, end: int) -> Found | None:
    if any(doubt.search(reading.lower, start, end) for doubt in _DOUBTS):
        return None
    texts = list(reading.offered.texts_in(reading.lower, start, end))
    owners = {owner for *_, owners in texts for owner in owners}
    if len(owners) != 1:
        return None
    return Found(tuple(owners), texts[-1][0], texts[-1][1])
