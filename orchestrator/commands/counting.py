"""Counts as the commands print them."""

from __future__ import annotations


def counted(count: int, one: str, more: str = "") -> str:
    """Return a count with its noun, as in `1 call`, `1,234 calls`; `more` is a plural that takes more than an s."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"
