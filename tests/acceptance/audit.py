"""The cache held against the provider's own books, call by call.

The simulator names every answer after the digest of the request's body and how often that body came before, so that
each stored reply is known to belong to one billed call, and each billed call without one must be listed as in doubt.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.simulator import LedgerView

NAMED = 20
"""Digits of the body's digest in an answer's id."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What a cache and a provider's books say of the same calls."""

    calls: int
    """Calls billed."""
    questions: int
    """Questions that were billed at all."""
    twice: int
    """Calls billed for a question beyond its first."""
    unlisted: int
    """Of these, the ones that neither brought a stored reply of their own nor are in doubt: must be none."""
    lost: int
    """Paid replies that the cache once held and holds no more, and questions that were billed and have neither reply
    nor doubt: must be none."""
    shown_nanousd: int
    billed_nanousd: int
    doubts: int

    def holds(self) -> None:
        """Fail unless all that was promised holds."""
        assert self.unlisted == 0, self
        assert self.lost == 0, self
        assert self.shown_nanousd >= self.billed_nanousd, self


def stored(cache: Path) -> dict[str, str]:
    """Return the key of every stored reply by the id of the provider's answer; none from a cache without tables yet."""
    with closing(_open(cache)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'replies'").fetchone():
            return {}
        rows = connection.execute("SELECT key, raw FROM replies").fetchall()
    return {json.loads(raw)["id"]: key for key, raw in rows}


def audit(cache: Path, books: LedgerView, before: frozenset[str] = frozenset()) -> Audit:
    """Compare a cache with the books of the only provider it used; `before` are ids of answers it held earlier.

    Every question must have been answered by now: replies tell which request belongs to which question.
    """
    replies = stored(cache)
    with closing(_open(cache)) as connection:
        doubts = Counter(
            dict(connection.execute("SELECT key, count(*) FROM attempts WHERE state = 'doubt' GROUP BY key").fetchall())
        )
        (shown,) = connection.execute("SELECT coalesce(sum(charged_nanousd), 0) FROM attempts").fetchone()
    key_of = {_body(name): key for name, key in replies.items()}
    answered = Counter(replies.values())
    billed = {digest[:NAMED]: body["billed"] for digest, body in books["bodies"].items() if body["billed"]}
    unknown = [digest for digest in billed if digest not in key_of]
    unlisted = sum(
        max(0, count - answered[key_of[digest]] - doubts[key_of[digest]])
        for digest, count in billed.items()
        if digest in key_of
    )
    spare = doubts.total() - sum(doubts[key] for key in answered)
    return Audit(
        calls=books["total"]["billed"],
        questions=len(billed),
        twice=books["total"]["billed"] - len(billed),
        unlisted=unlisted,
        lost=len(before - set(replies)) + max(0, sum(billed[one] for one in unknown) - spare),
        shown_nanousd=shown,
        billed_nanousd=books["total"]["nanousd"],
        doubts=doubts.total(),
    )


def _body(name: str) -> str:
    return name.rpartition("-")[2][:NAMED]


def _open(cache: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{cache.absolute().as_uri()}?mode=ro", uri=True, timeout=60)
