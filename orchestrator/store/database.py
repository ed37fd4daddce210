"""One SQLite file, one thread that owns the connection, durable group commits.

What `Store.do` returned is on disk (WAL, synchronous FULL): it survives a killed process and a power loss, as far as
the disk keeps its word. Work handed in together shares one transaction, each piece in its own savepoint, so that one
that raises undoes only itself. Trouble with the file is a CacheError, and nothing after it succeeds silently.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from orchestrator.errors import CacheError
from orchestrator.store import place
from orchestrator.store.ballast import Ballast
from orchestrator.store.schema import APPLICATION_ID, MIGRATIONS, migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

Connection: TypeAlias = sqlite3.Connection
"""For those who pass connections on without knowing what they are."""

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 200
BUSY_S = 60.0
"""How long to wait for another process's transaction before giving up."""


@dataclass(slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Store:
    """The cache as the event loop sees it: `await store.do(function, *arguments)`.

    The function gets the connection and must be short and free of side effects outside the database: it may be run
    again if the transaction it shared could not be committed. `every` is called with the connection whenever
    `interval_s` has passed, whether or not there is work, so that heartbeats do not depend on the event loop.
    """

    def __init__(
        self, path: Path, every: Callable[[sqlite3.Connection], None] | None = None, interval_s: float = 5.0
    ) -> None:
        self.path = path
        self.created = not path.exists()
        self._every = every
        self._interval_s = interval_s
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._opened: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._ballast = Ballast(path)
        self.trouble: CacheError | None = None
        """Set when the file could be written only by giving up the reserve, or a heartbeat failed: store what is in
        flight, begin nothing."""
        self._thread = threading.Thread(target=self._serve, name="cache", daemon=True)
        self._thread.start()
        if error := self._opened.get():
            self._thread.join()
            raise error

    async def __aenter__(self) -> Store:
        """Return the store itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what was handed in and close the file."""
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def close(self) -> None:
        """Finish what was handed in and close the file."""
        self._jobs.put(None)
        self._thread.join()

    def call_every(self, work: Callable[[sqlite3.Connection], None] | None) -> None:
        """Have `work` called at every interval from now on; None: no longer anything."""
        self._every = work

    async def do(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, ...)` in the next transaction and return its result once that is durable.

        Raises whatever the work raised, or CacheError when the file cannot be used.
        """
        if not self._thread.is_alive():
            raise CacheError(f"{self.path}: the cache is closed; nothing more can be stored.")
        loop = asyncio.get_running_loop()
        job = _Job(lambda connection: work(connection, *args, **kwargs), loop, loop.create_future())
        self._jobs.put(job)
        # Cancelling the caller does not stop the transaction, so the outcome is awaited either way.
        result: T = await asyncio.shield(job.future)
        return result

    def _serve(self) -> None:
        try:
            database = open_database(self.path)
        except BaseException as error:
            self._opened.put(error)
            return
        try:
            self._ballast.take()
        except OSError as error:
            database.close()
            self._opened.put(explain(self.path, error))
            return
        self._opened.put(None)
        beat = time.monotonic()
        with database.conn as connection:
            while True:
                timeout = max(0.0, beat + self._interval_s - time.monotonic())
                jobs, closing = self._take(timeout)
                if self._every and time.monotonic() >= beat + self._interval_s:
                    self._beat(connection, self._every)
                if time.monotonic() >= beat + self._interval_s:
                    beat = time.monotonic()
                if jobs:
                    self._run(connection, jobs)
                if closing:
                    break
        database.close()
        self._ballast.drop()

    def _take(self, timeout: float) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        try:
            job = self._jobs.get(timeout=timeout)
            while job is not None:
                jobs.append(job)
                if len(jobs) == BATCH:
                    return jobs, False
                job = self._jobs.get_nowait()
        except queue.Empty:
            return jobs, False
        return jobs, True

    def _beat(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]) -> None:
        try:
            with _transaction(connection):
                work(connection)
        except Exception as error:  # Nobody awaits this work: who relies on it must begin no more.
            self.trouble = explain(self.path, error)

    def _run(self, connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        failure = self._commit(connection, jobs)
        if failure and self._ballast.drop():
            # Room was made for what is in flight; whoever looks at `trouble` begins nothing new.
            self.trouble = failure
            failure = self._commit(connection, jobs)
        for job in jobs:
            job.error = failure or job.error
            job.loop.call_soon_threadsafe(_resolve, job)

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job]) -> CacheError | None:
        try:
            with _transaction(connection):
                for job in jobs:
                    job.error = None
                    _attempt(connection, job)
        except sqlite3.Error as error:
            return explain(self.path, error)
        return None


def _attempt(connection: sqlite3.Connection, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except sqlite3.Error:
        # The file's trouble, not the work's: the whole transaction goes back.
        raise
    except Exception as error:
        job.error = error
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _resolve(job: _Job) -> None:
    if job.future.cancelled():
        return
    if job.error is not None:
        job.future.set_exception(job.error)
        # A caller that was cancelled meanwhile no longer looks; that must not be reported as forgotten.
        job.future.exception()
    else:
        job.future.set_result(job.result)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def open_database(path: Path) -> Database:
    """Open or create the cache file for writing, migrated to this version's tables.

    Raises CacheError if it is no cache, is damaged, was written by a newer version, cannot be written, or lies on a
    file system that cannot lock.
    """
    from sqlite_utils import Database

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place.check(path.parent)
        _refuse_foreign(path)
        connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        if _journal(connection) != "wal":
            raise CacheError(
                f"{path}: this file system cannot hold the cache safely (no write-ahead log). "
                "Put the cache on a local disk: --cache FILE or ORCHESTRATOR_CACHE."
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        database = Database(connection)
        if migrations().pending(database):
            _migrate(database)
    except (sqlite3.Error, OSError) as error:
        raise explain(path, error) from error
    return database


def _journal(connection: sqlite3.Connection) -> str:
    """Ask for a write-ahead log and return the journal that the file has then."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            # Of two that make this change to a new file at once SQLite refuses one without waiting.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _migrate(database: Database) -> None:
    # Two processes may find the same pending migration: the second waits here and finds it done.
    database.conn.execute("BEGIN IMMEDIATE")
    try:
        database.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations().apply(database)
        database.conn.execute("COMMIT")
    except BaseException:
        if database.conn.in_transaction:
            database.conn.execute("ROLLBACK")
        raise


_MAGIC = b"SQLite format 3\0"


def _refuse_other(path: Path) -> None:
    """Raise CacheError for what is there and no SQLite file at all."""
    if path.is_dir():
        raise CacheError(f"{path}: a folder. Name the file in it: --cache {path / 'responses.db'}")
    if not path.is_file():
        raise CacheError(f"{path}: no regular file, so it cannot hold the cache. --cache FILE names another.")
    with path.open("rb") as file:
        start = file.read(len(_MAGIC))
    if start not in (b"", _MAGIC):
        raise CacheError(
            f"{path}: no cache of this program, or one whose beginning is damaged; it was left as it is. "
            "--cache FILE names another."
        )


def _refuse_foreign(path: Path) -> None:
    if path.exists():
        _refuse_other(path)
        with closing(_connect_reading(path)) as connection:
            _is_cache(connection, path)


def _is_cache(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file holds a cache that this version can read, or still nothing; raises CacheError otherwise."""
    # One look: between two, another process may make the cache.
    with connection:
        connection.execute("BEGIN")
        return _marked(connection, path)


def _marked(connection: sqlite3.Connection, path: Path) -> bool:
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return False
    if mark != APPLICATION_ID or "_sqlite_migrations" not in tables:
        raise CacheError(f"{path}: a SQLite file, but no cache of this program; it was left as it is.")
    applied = {row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations")}
    if newer := sorted(applied - MIGRATIONS.keys()):
        raise CacheError(
            f"{path}: written by a newer version of orchestrator (it knows {', '.join(newer)}); it was left as it "
            "is. Upgrade: pip install --upgrade mcq-orchestrator"
        )
    return True


def open_reading(path: Path) -> sqlite3.Connection:
    """Open an existing cache file for reading only. Raises CacheError if there is none, or none that can be read."""
    if path.exists():
        with ExitStack() as undo:
            try:
                _refuse_other(path)
                connection = _connect_reading(path)
                undo.callback(connection.close)
                if _is_cache(connection, path):
                    undo.pop_all()
                    return connection
            except (sqlite3.Error, OSError) as error:
                raise explain(path, error) from error
    raise CacheError(f"{path}: no cache there yet. `orchestrator run` creates it; --cache FILE names another.")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing cache file for reading while the block runs; the file's trouble is a CacheError throughout."""
    connection = open_reading(path)
    try:
        yield connection
    except sqlite3.Error as error:
        raise explain(path, error) from error
    finally:
        connection.close()


def _connect_reading(path: Path) -> sqlite3.Connection:
    # Beside a file that it reads SQLite keeps a shared index, unless it is told that nobody writes to the file.
    closed = not path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro&immutable=1" if closed and not os.access(path.parent, os.W_OK) else "mode=ro"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=BUSY_S)
    connection.row_factory = sqlite3.Row
    return connection


def explain(path: Path, error: Exception) -> CacheError:
    """Return the CacheError that tells a researcher what this SQLite or file error means."""
    # Of a text that is no text SQLite shows the whole.
    text = str(error).partition(" with text ")[0]
    match text:
        case _ if "disk is full" in text or "No space left" in text or _no_room_to_share(error):
            advice = "the disk is full; every reply that was confirmed is kept. Free space and run the same command."
        case _ if "readonly" in text or "read-only" in text.lower() or isinstance(error, PermissionError):
            advice = "it cannot be written; check the permissions, or name another with --cache FILE."
        case _ if "not a database" in text or "malformed" in text or "Could not decode" in text:
            advice = "it is damaged; keep it and restore a copy. If it opens, `orchestrator cache verify` says how far."
        case _ if "locked" in text:
            advice = f"another process has held it for {BUSY_S:.0f} s; see `orchestrator status`, then try again."
        case _:
            advice = "nothing more is sent, and what was confirmed is kept."
    return CacheError(f"{path}: {text}: {advice}")


def _no_room_to_share(error: Exception) -> bool:
    # What a full disk looks like to whoever opens the file first and has to make its shared memory.
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_SHMSIZE"
