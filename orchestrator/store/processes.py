"""Who is alive: the processes that share a cache, their heartbeats, and what is done about the dead.

A process is dead when its pid on this host is gone or was given to another, or when its heartbeat is over `STALE_S`
old, wherever it runs. Its claims are freed, and its open attempts become doubtful: charged, listed, resolvable.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

STALE_S = 60.0


@dataclass(frozen=True, slots=True)
class Identity:
    """A process as others can check it."""

    host: str
    pid: int
    started_at: float


def myself() -> Identity:
    """Return this process's identity; the host includes the pid namespace, so that containers stay apart."""
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        space = 0
    return Identity(f"{socket.gethostname()}/{space}", os.getpid(), psutil.Process().create_time())


def register(connection: sqlite3.Connection, who: Identity, now: float) -> int:
    """Free what dead processes held, enter this one, and return its id."""
    reap(connection, who.host, now)
    row = connection.execute(
        "INSERT INTO processes (host, pid, started_at, heartbeat_at) VALUES (?, ?, ?, ?) RETURNING id",
        (who.host, who.pid, who.started_at, now),
    ).fetchone()
    return int(row["id"])


def beat(connection: sqlite3.Connection, process_id: int, who: Identity) -> None:
    """Show that this process lives, and free what dead ones held.

    A process that slept and was given up for dead is entered again: without that, nobody would free what it holds.
    """
    now = time.time()
    row = connection.execute("SELECT heartbeat_at FROM processes WHERE id = ?", (process_id,)).fetchone()
    connection.execute(
        "INSERT INTO processes (id, host, pid, started_at, heartbeat_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
        (process_id, who.host, who.pid, who.started_at, now),
    )
    # Whoever slept, or had its clock set, finds every heartbeat old: the others may be waking at this moment as well.
    if row is not None and now - row["heartbeat_at"] <= STALE_S:
        reap(connection, who.host, now)


def leave(connection: sqlite3.Connection, process_id: int) -> None:
    """Take this process off the list, with whatever it still held."""
    _bury(connection, process_id)


def reap(connection: sqlite3.Connection, host: str, now: float) -> int:
    """Free the claims and put in doubt the open attempts of every dead process; return how many were dead."""
    dead = [
        row["id"]
        for row in connection.execute("SELECT id, host, pid, started_at, heartbeat_at FROM processes").fetchall()
        if now - row["heartbeat_at"] > STALE_S or (row["host"] == host and not _runs(row["pid"], row["started_at"]))
    ]
    # One that was buried, woke, went on and died before its next heartbeat is on no list any more.
    dead += [row["process_id"] for row in connection.execute(_UNLISTED)]
    for process_id in dead:
        _bury(connection, process_id)
    return len(dead)


_UNLISTED = (
    "SELECT process_id FROM claims UNION SELECT process_id FROM attempts WHERE state = 'open' "
    "EXCEPT SELECT id FROM processes"
)


def _bury(connection: sqlite3.Connection, process_id: int) -> None:
    connection.execute(
        "UPDATE attempts SET state = 'doubt', reason = 'the process ended before the reply came', ended_at = NULL "
        "WHERE state = 'open' AND process_id = ?",
        (process_id,),
    )
    connection.execute("DELETE FROM claims WHERE process_id = ?", (process_id,))
    connection.execute("DELETE FROM processes WHERE id = ?", (process_id,))


def _runs(pid: int, started_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        # A pid is given again after the old process ended: the start time tells the two apart. One that was killed
        # keeps its pid until its parent looks, which in a container may be never.
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started_at) < 2.0
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
