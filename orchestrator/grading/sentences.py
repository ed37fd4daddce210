"""Where the sentence around a place begins and how it ends, as far as its words may speak for or against an answer.

Always holds: no more than `LOOK` characters on either side are examined, so that the work does not grow with the text.
"""

from __future__ import annotations

import re

LOOK = 160
"""Characters of a sentence examined before and after a place."""

_EARLIER = re.compile(r"(?s:.*)[\n.?!;。](?:(?<=[\n。])| )")
_SENTENCE_END = re.compile(r"[.!?\n。]")


def sentence_before(lower: str, at: int) -> str:
    """Return the part of the sentence that stands before `at`, at most `LOOK` characters."""
    first = max(0, at - LOOK)
    earlier = _EARLIER.match(lower, first, at)
    return lower[earlier.end() if earlier else first : at]


def is_question(text: str, at: int) -> bool:
    """Return whether the sentence that holds `at` ends with a question mark."""
    end = _SENTENCE_END.search(text, at, at + LOOK)
    return end is not None and end[0] == "?"


def sentence_end(text: str, at: int) -> int:
    """Return where the sentence that holds `at` ends, at most `LOOK` characters on."""
    end = _SENTENCE_END.search(text, at, at + LOOK)
    return end.start() if end else min(at + LOOK, len(text))
