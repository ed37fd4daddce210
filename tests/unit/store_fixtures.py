"""What the tests of the cache share: one that lives in memory, and questions asked in it."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database

from orchestrator.store.schema import migrations

NOW = 1_790_000_000.0


def memory() -> sqlite3.Connection:
    """Return a cache that lives in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrations().apply(Database(connection))
    return connection
