"""Who may ask a question: answered from the cache, claimed by one living process, or left alone.

Always holds: at most one living process holds a key's claim. All functions run inside `Store.do`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.records import Reply
from orchestrator.store import replies


@dataclass(frozen=True, slots=True)
class Ask:
    """One question of a run, to be answered from the cache or claimed."""

    run_id: int
    process_id: int
    model: str
    judged: str
    """The model whose reply is judged; empty for a question of the benchmark."""
    item_id: str
    sample: int
    rotation: int
    wording: str
    key: str
    canonical: str


class Claim(StrEnum):
    """How a question stands."""

    HIT = "hit"
    """A paid reply is in the cache."""
    MINE = "mine"
    """Nobody else asks it: this process may."""
    BUSY = "busy"
    """A living process is asking it right now; or this one was given up for dead and has yet to show that it lives."""
    HELD = "held"
    """An earlier attempt is in doubt and is to be left alone."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which stored states are asked again."""

    hold_in_doubt: bool = False
    again: Callable[[Reply], bool] | None = None
    """Given a stored reply: whether the question is to be asked again, paid anew."""
    newer_than: int = 0
    """Replies with a higher id were made by this invocation's time and are never asked again."""


def claim(connection: sqlite3.Connection, ask: Ask, policy: Policy) -> Claim:
    """Enter the question into its run and say whether it is answered, free to be asked, or taken."""
    connection.execute(
        "INSERT INTO run_items (run_id, model, judged, item_id, sample, rotation, key, wording) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET key = excluded.key, wording = excluded.wording "
        "WHERE key <> excluded.key OR wording <> excluded.wording",
        (ask.run_id, ask.model, ask.judged, ask.item_id, ask.sample, ask.rotation, ask.key, ask.wording),
    )
    if (found := _standing(connection, ask.key, policy)) is not Claim.MINE:
        return found
    # Only for a process on the list: of any other nobody could tell when it is dead.
    taken = connection.execute(
        "INSERT INTO claims (key, process_id) SELECT ?, id FROM processes WHERE id = ? ON CONFLICT DO NOTHING",
        (ask.key, ask.process_id),
    )
    if taken.rowcount == 0:
        return Claim.BUSY
    connection.execute(
        "INSERT INTO requests (key, canonical) VALUES (?, ?) ON CONFLICT DO NOTHING", (ask.key, ask.canonical)
    )
    return Claim.MINE


def standings(connection: sqlite3.Connection, questions: Sequence[tuple[str, Policy]]) -> list[Claim]:
    """Say of each key under its policy whether it is answered, held, or to be asked (MINE), whoever else may ask it."""
    return [_standing(connection, key, policy) for key, policy in questions]


def unclaim(connection: sqlite3.Connection, key: str, process_id: int) -> None:
    """Give a key back, whether or not it was answered."""
    connection.execute("DELETE FROM claims WHERE key = ? AND process_id = ?", (key, process_id))


def holds(connection: sqlite3.Connection, key: str, process_id: int) -> bool:
    """Whether this process still holds the key's claim (a process that slept may have lost it)."""
    row = connection.execute("SELECT 1 FROM claims WHERE key = ? AND process_id = ?", (key, process_id)).fetchone()
    return row is not None


def _in_doubt(connection: sqlite3.Connection, key: str) -> bool:
    row = connection.execute("SELECT 1 FROM attempts WHERE key = ? AND state = 'doubt' LIMIT 1", (key,)).fetchone()
    return row is not None


def _standing(connection: sqlite3.Connection, key: str, policy: Policy) -> Claim:
    row = replies.latest(connection, key)
    if row is not None:
        again = policy.again is not None and row["id"] <= policy.newer_than and policy.again(replies.of_row(row))
        return Claim.MINE if again else Claim.HIT
    return Claim.HELD if policy.hold_in_doubt and _in_doubt(connection, key) else Claim.MINE
