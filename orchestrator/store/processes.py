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
    connection.execute(
        "INSERT INTO processes (id, host, pid, started_at, heartbeat_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
        (process_id, who.host, who.pid, who.started_at, now),
    )
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
    for process_id in dead:
        _bury(connection, process_id)
    return len(dead)


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
        # A pid is given again after the old process ended: the start time tells the two apart.
        return abs(psutil.Process(pid).create_time() - started_at) < 2.0
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
