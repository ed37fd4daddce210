"""The tables, as numbered migrations. A migration adds; none ever drops a reply, an attempt or a charge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x4D435131
"""Marks a SQLite file as a cache of this program (`PRAGMA application_id`)."""


def first(db: Database) -> None:
    """Replies, attempts, claims, processes, runs, pacing and known pictures."""
    for statement in _FIRST.split(";"):
        if statement.strip():
            db.conn.execute(statement)


def steady(db: Database) -> None:
    """Heartbeats by a clock that nobody sets."""
    # Of the machine since its start; NULL of a process of an older version.
    db.conn.execute("ALTER TABLE processes ADD COLUMN steady_at REAL")


MIGRATIONS: Mapping[str, Callable[[Database], None]] = {"0001_first": first, "0002_steady": steady}
"""Every migration there is, by the name under which a cache remembers it, in order."""


def migrations() -> Migrations:
    """Return the migrations as sqlite-utils applies them."""
    # Imported here, for whoever only reads a cache needs it not, and it may bring pandas along.
    from sqlite_utils.migrations import Migrations

    numbered = Migrations("orchestrator")
    for name, migrate in MIGRATIONS.items():
        numbered(name=name)(migrate)
    return numbered


_FIRST = """
CREATE TABLE requests (
    key TEXT PRIMARY KEY,            -- SHA-256 of canonical
    canonical TEXT NOT NULL          -- canonical JSON of what was asked
) WITHOUT ROWID;

CREATE TABLE replies (
    id INTEGER PRIMARY KEY,          -- of several replies to one key, the highest counts
    key TEXT NOT NULL,
    attempt_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    ending TEXT NOT NULL,            -- complete, refused, filtered, truncated
    finish_reason TEXT NOT NULL,
    input_tokens INTEGER,            -- the four are NULL where the provider's usage could not be believed
    cached_input_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost_nanousd INTEGER NOT NULL,
    latency_s REAL NOT NULL,
    raw TEXT NOT NULL,               -- the provider's body
    created_at REAL NOT NULL
);
CREATE INDEX replies_by_key ON replies (key, id);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    benchmark TEXT NOT NULL,         -- absolute path when last asked
    benchmark_digest TEXT NOT NULL,
    settings TEXT NOT NULL,          -- JSON: what the run's name stands for
    cap_nanousd INTEGER,             -- NULL: no cap
    charged_nanousd INTEGER NOT NULL DEFAULT 0,  -- sum of its attempts' charges
    created_at REAL NOT NULL,
    touched_at REAL NOT NULL         -- start of the latest invocation
);

CREATE TABLE run_items (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    model TEXT NOT NULL,             -- alias
    judged TEXT NOT NULL,            -- alias of the model whose reply is judged, empty for a question
    item_id TEXT NOT NULL,
    sample INTEGER NOT NULL,
    rotation INTEGER NOT NULL,
    key TEXT NOT NULL,
    wording TEXT NOT NULL,           -- digest of question and options, unrotated
    PRIMARY KEY (run_id, model, judged, item_id, sample, rotation)
) WITHOUT ROWID;

CREATE TABLE providers (
    name TEXT PRIMARY KEY,
    charged_nanousd INTEGER NOT NULL DEFAULT 0,  -- over the cache's lifetime
    next_at REAL NOT NULL DEFAULT 0, -- Unix time from which the next request may leave
    tokens REAL,                     -- level of the token bucket at tokens_at, NULL: full
    tokens_at REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE processes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given again: a process that wakes late must not pass for another
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at REAL NOT NULL,        -- tells it from others with its pid, by no clock that can be set
    heartbeat_at REAL NOT NULL
);

CREATE TABLE claims (
    key TEXT PRIMARY KEY,
    process_id INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL,
    process_id INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,             -- alias
    item_id TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,             -- open, settled, released, doubt, resolved
    reserved_nanousd INTEGER NOT NULL,
    charged_nanousd INTEGER NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    estimated_text_tokens INTEGER NOT NULL,
    estimated_image_tokens INTEGER NOT NULL,     -- by the formulas, uncalibrated
    status INTEGER,                  -- HTTP status, where one came
    reason TEXT NOT NULL DEFAULT '', -- why there is no reply
    body TEXT NOT NULL DEFAULT '',   -- the error's body, shortened
    sent TEXT NOT NULL DEFAULT '',   -- SHA-256 of each picture as sent, comma-separated
    started_at REAL NOT NULL,
    ended_at REAL
);
CREATE INDEX attempts_by_key ON attempts (key, state);
CREATE INDEX attempts_by_model ON attempts (model, id);
CREATE INDEX replies_by_attempt ON replies (attempt_id);
CREATE INDEX attempts_by_run ON attempts (run_id, model, state);
CREATE INDEX attempts_open ON attempts (provider) WHERE state = 'open';

CREATE TABLE pictures (
    stamp TEXT PRIMARY KEY,          -- path, size, times, inode: changes with the file
    digest TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL
) WITHOUT ROWID
"""
