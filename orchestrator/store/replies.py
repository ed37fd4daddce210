"""The paid replies: kept for good, looked up by key, and what a model's bills so far tell.

A reply is never updated or deleted; of several to one key the latest counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from orchestrator.records import Ending, Reply, Usage

KNOWN_AFTER = 20
"""Replies after which a model's real usage counts as known."""
PROBES = "models-check"
"""How the names of runs begin that only try a connection: their replies tell nothing of a benchmark's."""
_AT_ONCE = 500
"""Keys looked up by one statement."""
_TELLING = f"""
FROM attempts a JOIN replies r ON r.attempt_id = a.id
WHERE a.model = ? AND a.run_id NOT IN (SELECT id FROM runs WHERE benchmark = '' AND name GLOB '{PROBES}-*')
"""  # noqa: S608 - filled with a constant
"""The replies of a model that tell of its next ones, with their attempts."""


def keep(connection: sqlite3.Connection, attempt_id: int, reply: Reply) -> None:
    """Store the reply that an attempt brought."""
    usage = reply.usage
    connection.execute(
        "INSERT INTO replies (key, attempt_id, text, ending, finish_reason, input_tokens, cached_input_tokens, "
        "output_tokens, reasoning_tokens, cost_nanousd, latency_s, raw, created_at) "
        "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            reply.key,
            attempt_id,
            reply.text,
            reply.ending,
            reply.finish_reason,
            usage and usage.input_tokens,
            usage and usage.cached_input_tokens,
            usage and usage.output_tokens,
            usage and usage.reasoning_tokens,
            reply.cost_nanousd,
            reply.latency_s,
            reply.raw,
            reply.created_at,
        ),
    )


def find(connection: sqlite3.Connection, key: str) -> Reply | None:
    """Return the latest reply to a key."""
    row = latest(connection, key)
    return None if row is None else of_row(row)


def latest(connection: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    """Return the row of the latest reply to a key."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM replies WHERE key = ? ORDER BY id DESC LIMIT 1", (key,)
    ).fetchone()
    return row


def of_row(row: sqlite3.Row) -> Reply:
    """Return the reply that a row holds."""
    usage = None
    if row["input_tokens"] is not None:
        usage = Usage(row["input_tokens"], row["cached_input_tokens"], row["output_tokens"], row["reasoning_tokens"])
    return Reply(
        key=row["key"],
        text=row["text"],
        ending=Ending(row["ending"]),
        finish_reason=row["finish_reason"],
        usage=usage,
        cost_nanousd=row["cost_nanousd"],
        latency_s=row["latency_s"],
        raw=row["raw"],
        created_at=row["created_at"],
    )


def held(connection: sqlite3.Connection, keys: Sequence[str]) -> set[str]:
    """Return which of these keys have a reply."""
    found: set[str] = set()
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT DISTINCT key FROM replies WHERE key IN ({marks})", some)  # noqa: S608 - only marks
        found.update(row[0] for row in rows)
    return found


def count_replies(connection: sqlite3.Connection) -> int:
    """Return how many replies the cache holds."""
    return int(connection.execute("SELECT count(*) FROM replies").fetchone()[0])


def latest_reply_id(connection: sqlite3.Connection) -> int:
    """Return the highest reply id, 0 in an empty cache."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM replies").fetchone()[0])


def known(connection: sqlite3.Connection, model: str) -> int:
    """Return how many replies a model gave, to probes apart, `KNOWN_AFTER` at most."""
    row = connection.execute(f"SELECT count(*) FROM (SELECT 1 {_TELLING} LIMIT ?)", (model, KNOWN_AFTER)).fetchone()  # noqa: S608 - a constant
    return int(row[0])


def learnt(connection: sqlite3.Connection, model: str, most: int) -> tuple[int, list[tuple[int, int, int]]]:
    """Return how many replies a model gave, `KNOWN_AFTER` at most, and what its bills were (`usage_history`)."""
    return known(connection, model), usage_history(connection, model, most)


def usage_history(connection: sqlite3.Connection, model: str, most: int) -> list[tuple[int, int, int]]:
    """Return (estimated text, estimated image, billed) input tokens of a model's latest replies, oldest first.

    Replies to probes are left out, here and in `answer_history`.
    """
    rows = connection.execute(
        f"SELECT a.estimated_text_tokens, a.estimated_image_tokens, r.input_tokens {_TELLING} "
        "AND a.state = 'settled' AND r.input_tokens IS NOT NULL ORDER BY a.id DESC LIMIT ?",
        (model, most),
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in reversed(rows)]


def answer_history(connection: sqlite3.Connection, model: str, most: int) -> list[tuple[int, float]]:
    """Return (billed output tokens, seconds to the answer) of a model's latest replies, oldest first."""
    rows = connection.execute(
        f"SELECT r.output_tokens, r.latency_s {_TELLING} "
        "AND a.state = 'settled' AND r.output_tokens IS NOT NULL ORDER BY a.id DESC LIMIT ?",
        (model, most),
    ).fetchall()
    return [(row[0], row[1]) for row in reversed(rows)]
