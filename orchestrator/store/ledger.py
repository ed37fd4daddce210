"""Attempts and their money: reserved before anything is sent, settled, released, or charged in doubt.

What holds, whatever is interrupted: an attempt is on disk before it is sent; `runs.charged_nanousd` and
`providers.charged_nanousd` are the sums of their attempts' charges; a charge never passes a cap when it is reserved.
All functions run inside `Store.do`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from orchestrator.records import Provider, Reply
from orchestrator.store import claims, replies
from orchestrator.store.replies import KNOWN_AFTER

BODY_KEPT = 2000
"""Characters of an error body that are kept."""


class State(StrEnum):
    """What is known of an attempt's money."""

    OPEN = "open"
    """Recorded, perhaps sent: charged at its reservation."""
    SETTLED = "settled"
    """Usage came: charged at its cost."""
    RELEASED = "released"
    """Nothing was sent, or an HTTP error came: charged nothing."""
    DOUBT = "doubt"
    """Perhaps served: charged at its reservation."""
    RESOLVED = "resolved"
    """Was in doubt; the user said what was billed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A provider's pacing as all processes share it."""

    next_at: float
    """Unix time from which the next request may leave."""
    tokens: float | None
    """Level of the token bucket at `tokens_at`; None while nothing was ever taken."""
    tokens_at: float


@dataclass(frozen=True, slots=True)
class Intent:
    """An attempt about to be made."""

    run_id: int
    process_id: int
    model: str
    item_id: str
    key: str
    reserve_nanousd: int
    tokens: int
    """What it may use of the tokens a minute."""
    estimated_text_tokens: int
    estimated_image_tokens: int
    """Input tokens by the formulas, uncalibrated."""
    known: int = KNOWN_AFTER
    """Replies of the model whose bills shaped the reservation, `KNOWN_AFTER` at most."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The attempt is on record and paid for in advance: send it."""

    attempt_id: int
    committed_at: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: try again after so many seconds, or sooner if an attempt ends."""

    seconds: float


@dataclass(frozen=True, slots=True)
class OverBudget:
    """The worst case does not fit under a cap, and nothing in flight could make room."""

    provider: str
    """Whose lifetime budget it is; empty for the run's cap."""


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """The key was given to another process while this one slept."""


Verdict: TypeAlias = Granted | Wait | OverBudget | ClaimLost

POLL_S = 0.05
"""How soon to look again while another attempt's money or place is waited for."""


def begin(
    connection: sqlite3.Connection,
    intent: Intent,
    provider: Provider,
    pace: Callable[[Pace, float], Pace | float],
    now: Callable[[], float],
) -> Verdict:
    """Reserve an attempt's worst case under every cap, take its place in the provider's pace, and record it.

    `pace` is given the shared pace and the time and returns the pace after this request, or the seconds to wait.
    """
    if not claims.holds(connection, intent.key, intent.process_id):
        return ClaimLost()
    if blocked := _slow_start(connection, intent, provider.name) or _over_cap(connection, intent, provider):
        return blocked
    flying = connection.execute(
        "SELECT count(*) FROM attempts WHERE provider = ? AND state = 'open'", (provider.name,)
    ).fetchone()[0]
    if flying >= provider.max_concurrency:
        return Wait(POLL_S)
    connection.execute("INSERT INTO providers (name) VALUES (?) ON CONFLICT DO NOTHING", (provider.name,))
    row = connection.execute(
        "SELECT next_at, tokens, tokens_at FROM providers WHERE name = ?", (provider.name,)
    ).fetchone()
    time = now()
    after = pace(Pace(row["next_at"], row["tokens"], row["tokens_at"]), time)
    if isinstance(after, float):
        return Wait(after)
    connection.execute(
        "UPDATE providers SET next_at = ?, tokens = ?, tokens_at = ? WHERE name = ?",
        (after.next_at, after.tokens, after.tokens_at, provider.name),
    )
    attempt_id = _record(connection, intent, provider.name, State.OPEN, time)
    _charge(connection, intent.run_id, provider.name, intent.reserve_nanousd)
    return Granted(attempt_id, time)


def _slow_start(connection: sqlite3.Connection, intent: Intent, provider: str) -> Wait | None:
    # One process's first calls are not to be made while another's have yet to show what they cost.
    if intent.known >= KNOWN_AFTER:
        return None
    known = replies.known(connection, intent.model)
    if known > intent.known:
        return Wait(0.0)
    flying = connection.execute(
        "SELECT count(*) FROM attempts WHERE provider = ? AND +model = ? AND state = 'open'",
        (provider, intent.model),
    ).fetchone()[0]
    return Wait(POLL_S) if flying > known else None


def _over_cap(connection: sqlite3.Connection, intent: Intent, provider: Provider) -> Wait | OverBudget | None:
    run = connection.execute("SELECT charged_nanousd, cap_nanousd FROM runs WHERE id = ?", (intent.run_id,)).fetchone()
    if run["cap_nanousd"] is not None and run["charged_nanousd"] + intent.reserve_nanousd > run["cap_nanousd"]:
        return _room(connection, "run_id", intent.run_id, "")
    if provider.budget_nanousd is not None:
        row = connection.execute("SELECT charged_nanousd FROM providers WHERE name = ?", (provider.name,)).fetchone()
        if (row["charged_nanousd"] if row else 0) + intent.reserve_nanousd > provider.budget_nanousd:
            return _room(connection, "provider", provider.name, provider.name)
    return None


def _room(connection: sqlite3.Connection, column: str, value: object, provider: str) -> Wait | OverBudget:
    # An open attempt is charged its worst case and gives most of it back when it ends.
    flying = connection.execute(
        f"SELECT 1 FROM attempts WHERE {column} = ? AND state = 'open' LIMIT 1",  # noqa: S608 - column is a literal
        (value,),
    ).fetchone()
    return Wait(POLL_S) if flying else OverBudget(provider)


def _record(connection: sqlite3.Connection, intent: Intent, provider: str, state: State, time: float) -> int:
    reserved = intent.reserve_nanousd if state is State.OPEN else 0
    row = connection.execute(
        "INSERT INTO attempts (run_id, process_id, provider, model, item_id, key, state, reserved_nanousd, "
        "charged_nanousd, reserved_tokens, estimated_text_tokens, estimated_image_tokens, started_at) "
        "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) "
        "RETURNING id",
        (
            intent.run_id,
            intent.process_id,
            provider,
            intent.model,
            intent.item_id,
            intent.key,
            state,
            reserved,
            reserved,
            intent.tokens,
            intent.estimated_text_tokens,
            intent.estimated_image_tokens,
            time,
        ),
    ).fetchone()
    return int(row["id"])


def record_unsent(connection: sqlite3.Connection, intent: Intent, provider: str, reason: str, now: float) -> None:
    """Record an attempt that could not even be prepared; it costs nothing."""
    attempt_id = _record(connection, intent, provider, State.RELEASED, now)
    connection.execute("UPDATE attempts SET reason = ?, ended_at = ? WHERE id = ?", (reason, now, attempt_id))


def _charge(connection: sqlite3.Connection, run_id: int, provider: str, nanousd: int) -> None:
    connection.execute("UPDATE runs SET charged_nanousd = charged_nanousd + ? WHERE id = ?", (nanousd, run_id))
    connection.execute("UPDATE providers SET charged_nanousd = charged_nanousd + ? WHERE name = ?", (nanousd, provider))


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended."""

    state: State
    charge_nanousd: int | None
    """What it costs; None: its reservation."""
    ended_at: float
    status: int | None = None
    reason: str = ""
    body: str = ""
    sent: str = ""
    reply: Reply | None = None
    """The paid reply, stored in the same transaction; it also gives the claim back."""
    tokens_used: int | None = None
    """Tokens really used, so that the rest of the reservation flows back into the bucket."""
    pause_until: float = 0.0
    """Unix time before which the provider wants no request."""


def settle(connection: sqlite3.Connection, attempt_id: int, end: Settlement) -> None:
    """Close an attempt: keep its reply, charge what it cost, and give back what it did not need.

    An attempt that was meanwhile put in doubt (its process was thought dead) is settled all the same.
    """
    row = connection.execute("SELECT * FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
    charged = row["reserved_nanousd"] if end.charge_nanousd is None else end.charge_nanousd
    connection.execute(
        "UPDATE attempts SET state = ?, charged_nanousd = ?, status = ?, reason = ?, body = ?, sent = ?, ended_at = ? "
        "WHERE id = ?",
        (end.state, charged, end.status, end.reason, end.body[:BODY_KEPT], end.sent, end.ended_at, attempt_id),
    )
    _charge(connection, row["run_id"], row["provider"], charged - row["charged_nanousd"])
    if end.reply is not None:
        replies.keep(connection, attempt_id, end.reply)
        claims.unclaim(connection, end.reply.key, row["process_id"])
    refund = 0 if end.tokens_used is None else row["reserved_tokens"] - end.tokens_used
    connection.execute(
        "UPDATE providers SET tokens = tokens + ?, next_at = max(next_at, ?) WHERE name = ?",
        (refund, end.pause_until, row["provider"]),
    )
