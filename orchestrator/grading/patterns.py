"""Patterns that are quick to search for.

Always holds: what a pattern matches is what its plain spelling would; only its search is quicker. A search with `re`
looks closer only at the characters that a pattern may begin with, if every alternative begins with a plain character
and not with a word boundary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLAIN = re.compile(r"[a-z](?![?*+{])")
_SIGN = re.compile(r"(?<!\\)[()|]")


def words(*alternatives: str) -> str:
    r"""Return a pattern that matches as `\b(?:...|...)\b` does, whose alternatives each begin with a small letter.

    Each argument may hold several alternatives. Raises ValueError for another beginning.
    """
    rests: dict[str, list[str]] = {}
    for one in _split("|".join(alternatives)):
        if not _PLAIN.match(one):
            raise ValueError(f"{one!r} does not begin with a small letter")
        rests.setdefault(one[0], []).append(one[1:])
    return "|".join(rf"{first}(?<!\w{first})(?:{'|'.join(rest)})\b" for first, rest in rests.items())


def _split(pattern: str) -> Iterator[str]:
    """Yield the alternatives of a pattern, groups whole."""
    start = depth = 0
    for sign in _SIGN.finditer(pattern):
        depth += (sign[0] == "(") - (sign[0] == ")")
        if sign[0] == "|" and depth == 0:
            yield pattern[start : sign.start()]
            start = sign.end()
    yield pattern[start:]
