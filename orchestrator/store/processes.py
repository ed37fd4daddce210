"""Who is alive: the processes that share a cache, their heartbeats, and what is done about the dead.

A process is dead when its pid on this host is gone or was given to another, or when its heartbeat is over `STALE_S`
old, wherever it runs. Its claims are freed, and its open attempts become doubtful: charged, listed, resolvable.
Setting the clock makes nobody of this host look dead: here heartbeats are compared by the machine's steady clock, and a
process is known by what psutil tells it by. The wall clock decides only about processes elsewhere.
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
    start: float
    """Tells it from others that had or will have the same pid."""


def myself() -> Identity:
    """Return this process's identity."""
    return identify(os.getpid())


def identify(pid: int) -> Identity:
    """Return the identity of a process of this host; the host includes the pid namespace: containers stay apart.

    Raises psutil.NoSuchProcess.
    """
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        space = 0
    return Identity(f"{socket.gethostname()}/{space}", pid, _start(psutil.Process(pid)))


def _start(process: psutil.Process) -> float:
    # Not its create_time, which follows the wall clock: whoever looked before the clock was set and whoever looked
    # after it would see two processes. The hash is that of the pid and the start since boot, alike for all who look.
    return float(hash(process))


def register(connection: sqlite3.Connection, who: Identity, now: float, steady: float | None = None) -> int:
    """Free what dead processes held, enter this one, and return its id.

    `now` is the Unix time, `steady` the time of the machine's steady clock (None: what it shows).
    """
    steady = time.monotonic() if steady is None else steady
    reap(connection, who.host, now, steady)
    row = connection.execute(
        "INSERT INTO processes (host, pid, started_at, heartbeat_at, steady_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (who.host, who.pid, who.start, now, steady),
    ).fetchone()
    return int(row["id"])


def beat(connection: sqlite3.Connection, process_id: int, who: Identity) -> None:
    """Show that this process lives, and free what dead ones held.

    A process that slept and was given up for dead is entered again: without that, nobody would free what it holds.
    """
    now, steady = time.time(), time.monotonic()
    row = connection.execute("SELECT heartbeat_at, steady_at FROM processes WHERE id = ?", (process_id,)).fetchone()
    connection.execute(
        "INSERT INTO processes (id, host, pid, started_at, heartbeat_at, steady_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at, steady_at = excluded.steady_at",
        (process_id, who.host, who.pid, who.start, now, steady),
    )
    # Whoever slept, or had its clock set, finds every heartbeat old: the others may be waking at this moment as well.
    if row is not None and not _apart(row["heartbeat_at"], now) and not _apart(row["steady_at"], steady):
        reap(connection, who.host, now, steady)


def leave(connection: sqlite3.Connection, process_id: int) -> None:
    """Take this process off the list, with whatever it still held."""
    _bury(connection, process_id)


def reap(connection: sqlite3.Connection, host: str, now: float, steady: float | None = None) -> int:
    """Free the claims and put in doubt the open attempts of every dead process; return how many were dead."""
    steady = time.monotonic() if steady is None else steady
    rows = connection.execute("SELECT * FROM processes").fetchall()
    dead = [row["id"] for row in rows if _dead(row, host, now, steady)]
    # One that was buried, woke, went on and died before its next heartbeat is on no list any more.
    dead += [row["process_id"] for row in connection.execute(_UNLISTED)]
    for process_id in dead:
        _bury(connection, process_id)
    return len(dead)


def _dead(row: sqlite3.Row, host: str, now: float, steady: float) -> bool:
    if row["host"] != host or row["steady_at"] is None:
        return _apart(row["heartbeat_at"], now)
    return _apart(row["steady_at"], steady) or not _runs(row["pid"], row["started_at"])


def _apart(beat: float, now: float) -> bool:
    # One that lies ahead was made by a clock that has been set back, or before the machine was started anew.
    return abs(now - beat) > STALE_S


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


def _runs(pid: int, start: float) -> bool:
    try:
        process = psutil.Process(pid)
        # A pid is given again after the old process ended: the start tells the two apart. One that was killed keeps its
        # pid until its parent looks, which in a container may be never.
        return process.status() != psutil.STATUS_ZOMBIE and _start(process) == start
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
