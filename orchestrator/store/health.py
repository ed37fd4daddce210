"""Whether a cache is sound, and reading out of a damaged one what can still be read."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 50
"""Findings of one kind that are named."""


@dataclass(frozen=True, slots=True)
class Health:
    """What an examination found."""

    replies: int
    findings: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def examine(connection: sqlite3.Connection) -> Health:
    """Check the file's pages, every request against its key, and every sum of money against its attempts."""
    findings: list[str] = []
    try:
        pages = [row[0] for row in connection.execute(f"PRAGMA integrity_check({MOST})")]
        findings += [f"damaged file: {one}" for one in pages if one != "ok"]
        findings += _wrong_keys(connection)
        findings += _wrong_sums(connection)
        replies = connection.execute("SELECT count(*) FROM replies").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return Health(sum(1 for _ in replies_readable(connection)), (*findings, f"damaged file: {error}"))
    return Health(replies, tuple(findings))


def _wrong_keys(connection: sqlite3.Connection) -> Iterator[str]:
    wrong = 0
    for key, canonical in connection.execute("SELECT key, canonical FROM requests"):
        if hashlib.sha256(canonical.encode()).hexdigest() != key:
            wrong += 1
            if wrong <= MOST:
                yield f"request {key}: its text has another digest"
    orphans = connection.execute("SELECT count(*) FROM replies WHERE key NOT IN (SELECT key FROM requests)").fetchone()[
        0
    ]
    if orphans:
        yield f"{orphans} replies answer a request that is missing"


def _wrong_sums(connection: sqlite3.Connection) -> Iterator[str]:
    for name, kept, summed in connection.execute(
        "SELECT name, charged_nanousd, (SELECT coalesce(sum(charged_nanousd), 0) FROM attempts WHERE run_id = runs.id) "
        "FROM runs"
    ):
        if kept != summed:
            yield f"run {name}: charged {kept} nano-dollars, its attempts add up to {summed}"
    for name, kept, summed in connection.execute(
        "SELECT name, charged_nanousd, "
        "(SELECT coalesce(sum(charged_nanousd), 0) FROM attempts WHERE provider = providers.name) FROM providers"
    ):
        if kept != summed:
            yield f"provider {name}: charged {kept} nano-dollars, its attempts add up to {summed}"


COLUMNS = (
    "id",
    "key",
    "text",
    "ending",
    "finish_reason",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nanousd",
    "latency_s",
    "created_at",
    "raw",
)
"""What is exported of a reply, with `request`, its canonical JSON (None if that cannot be read)."""


def replies_readable(connection: sqlite3.Connection) -> Iterator[dict[str, object]]:
    """Yield every reply that can be read, with its request, as plain values: from the front, then from the back.

    In a sound file these are all replies in the order of their ids; around damaged pages rows are missing.
    """
    last = 0
    for row in _scan(connection, "ASC", 0):
        last = row["id"]
        yield _exported(connection, row)
    for row in _scan(connection, "DESC", last):
        yield _exported(connection, row)


def _scan(connection: sqlite3.Connection, order: str, above: int) -> Iterator[sqlite3.Row]:
    query = f"SELECT * FROM replies NOT INDEXED WHERE id > ? ORDER BY id {order}"  # noqa: S608 - order is ours
    try:
        yield from connection.execute(query, (above,))
    except sqlite3.DatabaseError:
        # The damage begins here; what lies behind it is read from the other end.
        return


def _exported(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, object]:
    found: dict[str, object] = {column: row[column] for column in COLUMNS}
    try:
        asked = connection.execute("SELECT canonical FROM requests WHERE key = ?", (row["key"],)).fetchone()
    except sqlite3.DatabaseError:
        asked = None
    found["request"] = asked["canonical"] if asked is not None else None
    return found
