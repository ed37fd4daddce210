"""The paid path's rows: claims on keys, attempts with their money, and the replies they bought.

What holds, whatever is interrupted: an attempt is on disk before it is sent; `runs.charged_nanousd` and
`providers.charged_nanousd` are the sums of their attempts' charges; a charge never passes a cap when it is reserved;
at most one living process holds a key's claim; a reply is never updated or deleted. All functions run inside
`Store.do`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from orchestrator.records import Ending, Provider, Reply, Usage

BODY_KEPT = 2000
"""Characters of an error body that are kept."""
KNOWN_AFTER = 20
"""Replies after which a model's real usage counts as known."""
_AT_ONCE = 500
"""Keys looked up by one statement."""


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


# --- claims ----------------------------------------------------------------------------------------------------------


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
    row = _latest(connection, ask.key)
    if row is not None:
        if policy.again is None or row["id"] > policy.newer_than or not policy.again(_reply(row)):
            return Claim.HIT
    elif policy.hold_in_doubt and _in_doubt(connection, ask.key):
        return Claim.HELD
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


# --- attempts --------------------------------------------------------------------------------------------------------


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
    if not holds(connection, intent.key, intent.process_id):
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
    known = _known(connection, intent.model)
    if known > intent.known:
        return Wait(0.0)
    flying = connection.execute(
        "SELECT count(*) FROM attempts WHERE provider = ? AND +model = ? AND state = 'open'",
        (provider, intent.model),
    ).fetchone()[0]
    return Wait(POLL_S) if flying > known else None


def _known(connection: sqlite3.Connection, model: str) -> int:
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM attempts a JOIN replies r ON r.attempt_id = a.id "
        "WHERE a.model = ? LIMIT ?)",
        (model, KNOWN_AFTER),
    ).fetchone()
    return int(row[0])


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
        _keep(connection, attempt_id, end.reply)
        unclaim(connection, end.reply.key, row["process_id"])
    refund = 0 if end.tokens_used is None else row["reserved_tokens"] - end.tokens_used
    connection.execute(
        "UPDATE providers SET tokens = tokens + ?, next_at = max(next_at, ?) WHERE name = ?",
        (refund, end.pause_until, row["provider"]),
    )


# --- replies ---------------------------------------------------------------------------------------------------------


def _keep(connection: sqlite3.Connection, attempt_id: int, reply: Reply) -> None:
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
    row = _latest(connection, key)
    return None if row is None else _reply(row)


def _latest(connection: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM replies WHERE key = ? ORDER BY id DESC LIMIT 1", (key,)
    ).fetchone()
    return row


def _reply(row: sqlite3.Row) -> Reply:
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


def learnt(connection: sqlite3.Connection, model: str, most: int) -> tuple[int, list[tuple[int, int, int]]]:
    """Return how many replies a model gave, `KNOWN_AFTER` at most, and what its bills were (`usage_history`)."""
    return _known(connection, model), usage_history(connection, model, most)


def usage_history(connection: sqlite3.Connection, model: str, most: int) -> list[tuple[int, int, int]]:
    """Return (estimated text, estimated image, billed) input tokens of a model's latest replies, oldest first."""
    rows = connection.execute(
        "SELECT a.estimated_text_tokens, a.estimated_image_tokens, r.input_tokens "
        "FROM attempts a JOIN replies r ON r.attempt_id = a.id "
        "WHERE a.model = ? AND a.state = 'settled' AND r.input_tokens IS NOT NULL ORDER BY a.id DESC LIMIT ?",
        (model, most),
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in reversed(rows)]


def answer_history(connection: sqlite3.Connection, model: str, most: int) -> list[tuple[int, float]]:
    """Return (billed output tokens, seconds to the answer) of a model's latest replies, oldest first."""
    rows = connection.execute(
        "SELECT r.output_tokens, r.latency_s FROM attempts a JOIN replies r ON r.attempt_id = a.id "
        "WHERE a.model = ? AND a.state = 'settled' AND r.output_tokens IS NOT NULL ORDER BY a.id DESC LIMIT ?",
        (model, most),
    ).fetchall()
    return [(row[0], row[1]) for row in reversed(rows)]
