"""The cache file: opened or refused unharmed, and durable, isolated group commits."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlite_utils import Database

from orchestrator.errors import CacheError
from orchestrator.store import ballast, database, place
from orchestrator.store.ballast import SIZE
from orchestrator.store.database import BATCH, Store, explain, open_database, open_reading
from orchestrator.store.schema import APPLICATION_ID, migrations

T = TypeVar("T")


def using(path: Path, work: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    """Run some work on a store, and close it."""

    async def main() -> T:
        async with Store(path) as store:
            return await work(store)

    return asyncio.run(main())


def add(connection: sqlite3.Connection, key: str, text: str = "{}") -> int:
    """Insert one row, and return how many there are."""
    connection.execute("INSERT INTO requests (key, canonical) VALUES (?, ?)", (key, text))
    return int(connection.execute("SELECT count(*) FROM requests").fetchone()[0])


def keys(path: Path) -> list[str]:
    """Return the keys that another connection sees."""
    connection = open_reading(path)
    try:
        return [row["key"] for row in connection.execute("SELECT key FROM requests ORDER BY key")]
    finally:
        connection.close()


async def nothing(store: Store) -> None:
    """Do no work."""


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_new_cache_is_made_with_its_folder(tmp_path: Path) -> None:
    """Missing folders are made, and that the cache is new is known."""
    path = tmp_path / "deep" / "er" / "responses.db"

    async def created(store: Store) -> bool:
        return store.created

    assert using(path, created)
    assert not using(path, created)
    assert keys(path) == []


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    """A cache is opened with what it holds."""
    path = tmp_path / "responses.db"
    using(path, lambda store: store.do(add, "a"))
    using(path, lambda store: store.do(add, "b"))
    assert keys(path) == ["a", "b"]


@pytest.mark.parametrize(
    "name", ["with space.db", "100%.db", "what?.db", "a#b.db", "[x].db", "ümlaut.db", "'quote'.db"]
)
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    """Characters with a meaning in an address or a pattern have none here, and nothing is left beside the cache."""
    path = tmp_path / name
    using(path, lambda store: store.do(add, "a"))
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert keys(path) == ["a"]


def test_an_empty_file_becomes_a_cache(tmp_path: Path) -> None:
    """A file that was touched, or a creation that was interrupted, is no obstacle."""
    path = tmp_path / "responses.db"
    path.touch()
    using(path, lambda store: store.do(add, "a"))
    assert keys(path) == ["a"]


def test_the_cache_says_what_it_is(tmp_path: Path) -> None:
    """`file`, and every later version, can tell it from other SQLite files."""
    path = tmp_path / "responses.db"
    using(path, nothing)
    connection = open_reading(path)
    assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    connection.close()


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """Synchronous FULL: what was confirmed survives a power loss as far as the disk keeps its word."""
    with open_database(tmp_path / "responses.db").conn as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    connection.close()


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, but for what SQLite needs beside a file that it only reads."""
    files = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    return {
        name: data for name, data in files.items() if not name.endswith("-shm") and (name[-4:], data) != ("-wal", b"")
    }


def refused(path: Path) -> str:
    """Return why a file is refused as a cache, after making sure that it was left as it was."""
    before = contents(path.parent)
    with pytest.raises(CacheError) as error:
        Store(path)
    assert contents(path.parent) == before
    assert error.value.exit_code == 5
    return str(error.value)


def test_a_foreign_database_is_refused_unharmed(tmp_path: Path) -> None:
    """Somebody else's SQLite file is neither migrated nor written to."""
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.commit()
    connection.close()
    assert "no cache of this program" in refused(path)


def test_a_foreign_database_in_wal_mode_is_refused_unharmed(tmp_path: Path) -> None:
    """Also where looking into the file needs a log beside it."""
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.commit()
    connection.close()
    assert "no cache of this program" in refused(path)


@pytest.mark.parametrize(
    "content", [b"not a database at all, " * 100, b"\0" * 5000, b"SQLite format 3\0" + b"x" * 5000]
)
def test_garbage_is_refused_unharmed(tmp_path: Path, content: bytes) -> None:
    """A file that SQLite cannot read may be all that is left of a cache: it is kept."""
    path = tmp_path / "responses.db"
    path.write_bytes(content)
    assert str(path) in refused(path)


def test_a_cache_of_a_newer_version_is_refused_unharmed(tmp_path: Path) -> None:
    """Not a byte changes, and the message says what to upgrade."""
    path = tmp_path / "responses.db"
    using(path, lambda store: store.do(add, "a"))
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('orchestrator', '0999_later', '')"
    )
    connection.commit()
    connection.close()
    message = refused(path)
    assert "0999_later" in message
    assert "pip install --upgrade" in message
    with pytest.raises(CacheError, match="newer version"):
        open_reading(path)


def test_a_folder_is_no_cache(tmp_path: Path) -> None:
    """A path that names a folder is refused in words."""
    path = tmp_path / "responses.db"
    path.mkdir()
    assert str(path) in refused(path)


def test_a_path_below_a_file_is_no_cache(tmp_path: Path) -> None:
    """A folder that cannot be made is refused in words."""
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="file"):
        Store(tmp_path / "file" / "responses.db")


def test_reading_needs_a_cache(tmp_path: Path) -> None:
    """Reading creates nothing: a mistyped path is told."""
    with pytest.raises(CacheError, match="no cache there yet"):
        open_reading(tmp_path / "responses.db")
    (tmp_path / "responses.db").write_bytes(b"garbage " * 1000)
    with pytest.raises(CacheError, match="damaged"):
        open_reading(tmp_path / "responses.db")
    assert [one.name for one in tmp_path.iterdir()] == ["responses.db"]


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network share two processes could pay for one key: nothing is created there."""
    monkeypatch.setattr(place, "file_system", lambda folder: "nfs4")
    assert "nfs4" in refused(tmp_path / "responses.db")


UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Root may write anywhere, unless it is kept from it."""
READ_ONLY = """
import sys
from pathlib import Path
from orchestrator.errors import CacheError
from orchestrator.store.database import Store, open_reading
try:
    Store(Path(sys.argv[1]))
except CacheError as error:
    print(error)
connection = open_reading(Path(sys.argv[1]))
print(connection.execute("SELECT count(*) FROM requests").fetchone()[0])
"""


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="permissions do not bind root here")
def test_a_read_only_folder_is_refused_in_words_and_can_still_be_read(tmp_path: Path) -> None:
    """Writing says what to do; scoring from a read-only copy works."""
    folder = tmp_path / "copy"
    folder.mkdir()
    using(folder / "responses.db", lambda store: store.do(add, "a"))
    for part in (folder / "responses.db", folder):
        part.chmod(0o555 if part.is_dir() else 0o444)
    try:
        done = subprocess.run(
            [*UNPRIVILEGED, sys.executable, "-c", READ_ONLY, str(folder / "responses.db")],
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        folder.chmod(0o755)
    told, rows = done.stdout.strip().splitlines()
    assert "cannot be written" in told
    assert rows == "1"


def test_a_cache_of_an_older_version_keeps_everything_and_gains_the_rest(tmp_path: Path) -> None:
    """Reading leaves it as it is; writing brings it up to date, with every row."""
    path = tmp_path / "responses.db"
    older = Database(path)
    older.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    migrations().apply(older, stop_before="0002_steady")
    add(older.conn, "a")
    older.conn.commit()
    older.close()
    before = path.read_bytes()
    assert keys(path) == ["a"]
    assert path.read_bytes() == before
    with closing(open_database(path)) as newer:
        assert migrations().pending(newer) == []
    assert keys(path) == ["a"]


def test_two_openers_of_a_new_cache_migrate_it_once(tmp_path: Path) -> None:
    """Whoever comes second waits for the tables and finds them."""
    for attempt in range(20):
        path = tmp_path / f"{attempt}.db"
        failures: list[BaseException] = []

        def opened(path: Path = path, failures: list[BaseException] = failures) -> None:
            try:
                open_database(path).close()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=opened) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert keys(path) == []


# --- working ---------------------------------------------------------------------------------------------------------


def test_what_was_returned_is_seen_by_others(tmp_path: Path) -> None:
    """When `do` returns, the row is in the file."""
    path = tmp_path / "responses.db"

    async def work(store: Store) -> None:
        for number in range(20):
            assert await store.do(add, f"{number:02}") == number + 1
            assert len(keys(path)) == number + 1

    using(path, work)


def test_arguments_and_errors_pass_through(tmp_path: Path) -> None:
    """The work's own exception reaches its caller."""

    def fail(connection: sqlite3.Connection, *, word: str) -> None:
        raise LookupError(word)

    async def work(store: Store) -> None:
        with pytest.raises(LookupError, match="mine"):
            await store.do(fail, word="mine")

    using(tmp_path / "responses.db", work)


def test_work_that_fails_undoes_only_itself(tmp_path: Path) -> None:
    """In one transaction, what one piece of work wrote before it failed is gone, and all else is kept."""
    path = tmp_path / "responses.db"
    begun, hold = threading.Event(), threading.Event()

    def first(connection: sqlite3.Connection) -> None:
        begun.set()
        hold.wait(10)

    def half(connection: sqlite3.Connection, key: str) -> None:
        add(connection, key)
        raise ValueError(key)

    async def work(store: Store) -> list[int | BaseException | None]:
        waiting = asyncio.create_task(store.do(first))
        await asyncio.to_thread(begun.wait)
        several = asyncio.gather(
            *(store.do(half if number % 3 == 1 else add, f"{number:03}") for number in range(30)),
            return_exceptions=True,
        )
        await asyncio.sleep(0)
        hold.set()
        await waiting
        return await several

    results = using(path, work)
    kept = [f"{number:03}" for number in range(30) if number % 3 != 1]
    assert keys(path) == kept
    assert [str(one) for one in results if isinstance(one, ValueError)] == [f"{n:03}" for n in range(1, 30, 3)]


def test_trouble_with_the_file_goes_to_all_who_share_the_transaction(tmp_path: Path) -> None:
    """An error of SQLite's own tells of the file: nothing of the batch is stored, and no caller takes it for stored."""
    path = tmp_path / "responses.db"

    async def work(store: Store) -> list[int | BaseException]:
        return await asyncio.gather(*(store.do(add, key) for key in "aba"), return_exceptions=True)

    results = using(path, work)
    assert {type(one) for one in results} == {CacheError}
    assert keys(path) == []


def test_more_work_than_fits_one_transaction_is_all_done(tmp_path: Path) -> None:
    """Thousands of pieces of work at once are stored in order."""
    path = tmp_path / "responses.db"

    async def work(store: Store) -> list[int]:
        return await asyncio.gather(*(store.do(add, f"{number:05}") for number in range(3 * BATCH + 7)))

    assert using(path, work) == list(range(1, 3 * BATCH + 8))


def test_a_cancelled_caller_does_not_stop_the_work(tmp_path: Path) -> None:
    """Ctrl-C while a paid reply is being stored: it is stored."""
    path = tmp_path / "responses.db"
    begun, hold = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        begun.set()
        hold.wait(10)
        add(connection, "kept")

    async def work(store: Store) -> None:
        caller = asyncio.create_task(store.do(slow))
        queued = asyncio.create_task(store.do(add, "queued"))
        await asyncio.to_thread(begun.wait)
        caller.cancel()
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        hold.set()

    using(path, work)
    assert keys(path) == ["kept", "queued"]


def test_a_cancelled_caller_of_failing_work_is_not_told_twice(tmp_path: Path) -> None:
    """The failure of work that nobody awaits any more is no unhandled error."""
    begun, hold = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        begun.set()
        hold.wait(10)
        raise ValueError("nobody listens")

    async def work(store: Store) -> None:
        caller = asyncio.create_task(store.do(slow))
        await asyncio.to_thread(begun.wait)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        hold.set()
        assert await store.do(add, "next") == 1

    using(tmp_path / "responses.db", work)


def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    """Work queued behind other work is done before the file is closed."""
    path = tmp_path / "responses.db"

    async def main() -> None:
        store = Store(path)
        async with store:
            tasks = [asyncio.create_task(store.do(add, f"{number:03}")) for number in range(500)]
            await asyncio.sleep(0)
        assert all(task.done() for task in tasks) or len(await asyncio.gather(*tasks)) == 500

    asyncio.run(main())
    assert len(keys(path)) == 500


def test_a_closed_cache_says_so(tmp_path: Path) -> None:
    """Work handed in too late fails at once; closing twice is harmless."""

    async def main() -> None:
        async with Store(tmp_path / "responses.db") as store:
            pass
        store.close()
        with pytest.raises(CacheError, match="closed"):
            await store.do(add, "late")

    asyncio.run(main())


def test_a_closed_cache_is_one_file(tmp_path: Path) -> None:
    """Neither the log nor the reserve is left: the cache can be copied as one file."""
    using(tmp_path / "responses.db", lambda store: store.do(add, "a"))
    assert [one.name for one in tmp_path.iterdir()] == ["responses.db"]


def test_work_at_intervals_needs_no_event_loop(tmp_path: Path) -> None:
    """Heartbeats go on, and are durable, while the loop is busy."""
    path = tmp_path / "responses.db"
    beats = 0

    def beat(connection: sqlite3.Connection) -> None:
        nonlocal beats
        beats += 1
        add(connection, f"beat-{beats}")

    async def main() -> None:
        async with Store(path, interval_s=0.01) as store:
            store.call_every(beat)
            deadline = time.monotonic() + 5
            while len(keys(path)) < 3 and time.monotonic() < deadline:
                pass  # the loop is blocked on purpose
            assert len(keys(path)) >= 3
            store.call_every(None)
            await store.do(add, "after")
            stopped = beats
            await store.do(add, "much after")
            assert beats == stopped

    asyncio.run(main())


@pytest.mark.parametrize("trouble", [sqlite3.OperationalError("disk I/O error"), ValueError("a fault of ours")])
def test_failing_work_at_intervals_stops_what_relies_on_it(tmp_path: Path, trouble: Exception) -> None:
    """Without a heartbeat this process may be given up for dead: nothing more is stored as if all were well."""
    failed = threading.Event()

    def beat(connection: sqlite3.Connection) -> None:
        failed.set()
        raise trouble

    async def main() -> None:
        async with Store(tmp_path / "responses.db", beat, interval_s=0.01) as store:
            await asyncio.to_thread(failed.wait)
            # The reserve lets what is in flight be stored, and says so.
            assert await store.do(add, "in flight") == 1
            assert store.trouble is not None
            assert str(trouble) in str(store.trouble)
            assert await store.do(add, "also in flight") == 2

    asyncio.run(main())


def test_a_locked_file_is_told_and_nothing_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that holds the file for too long is trouble for the whole batch, in words."""
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    path = tmp_path / "responses.db"

    async def work(store: Store) -> None:
        # The first failure gives up the reserve and tries again.
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(*(store.do(add, key) for key in "abc"), return_exceptions=True)
        assert {type(one) for one in results} == {CacheError}
        assert "another process has held it" in str(results[0])
        other.execute("ROLLBACK")
        other.close()
        assert await store.do(add, "d") == 1

    using(path, work)
    assert keys(path) == ["d"]


@pytest.mark.parametrize("name", ["responses.db", "[x]*.db"])
def test_the_reserve_lies_beside_an_open_cache(tmp_path: Path, name: str) -> None:
    """Room for what is in flight is kept while the cache is open, and what a dead process kept is removed."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f"{name}-reserve-{gone.pid}").write_bytes(b"x")
    others = [f"{name}-reserve-mine", f"x.db-reserve-{gone.pid}"]
    for other in others:
        (tmp_path / other).write_bytes(b"x")

    async def work(store: Store) -> int:
        return (tmp_path / f"{name}-reserve-{os.getpid()}").stat().st_size

    assert using(tmp_path / name, work) == SIZE
    assert {one.name for one in tmp_path.iterdir()} == {name, *others}


def test_without_room_for_the_reserve_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full is told before anything is paid."""
    monkeypatch.setattr(ballast, "SIZE", 2**50)
    with pytest.raises(CacheError, match=str(tmp_path)):
        Store(tmp_path / "responses.db")
    assert [one.name for one in tmp_path.iterdir()] == ["responses.db"]


def test_a_full_disk_costs_no_reply_in_flight(tmp_path: Path) -> None:
    """When the disk fills, the reserve makes room for what is paid for, and `trouble` ends the rest."""
    path = tmp_path / "responses.db"
    full = True

    def store_one(connection: sqlite3.Connection, key: str) -> int:
        if full and (tmp_path / f"responses.db-reserve-{os.getpid()}").exists():
            add(connection, f"half of {key}")
            raise sqlite3.OperationalError("database or disk is full")
        return add(connection, key)

    async def work(store: Store) -> None:
        assert sorted(await asyncio.gather(*(store.do(store_one, key) for key in "abc"))) == [1, 2, 3]
        assert store.trouble is not None
        assert "disk is full" in str(store.trouble)

    using(path, work)
    assert keys(path) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (sqlite3.OperationalError("database or disk is full"), "Free space"),
        (OSError(28, "No space left on device"), "Free space"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "permissions"),
        (PermissionError(13, "Permission denied"), "permissions"),
        (OSError(30, "Read-only file system"), "permissions"),
        (sqlite3.DatabaseError("database disk image is malformed"), "cache verify"),
        (sqlite3.DatabaseError("file is not a database"), "cache verify"),
        (sqlite3.OperationalError("Could not decode to UTF-8 column 'raw'"), "cache verify"),
        (sqlite3.OperationalError("database is locked"), "another process"),
        (sqlite3.OperationalError("disk I/O error"), "nothing more is sent"),
    ],
)
def test_trouble_is_told_with_what_to_do(error: Exception, advice: str) -> None:
    """Each kind of trouble names the file, the fault and the next step."""
    told = explain(Path("cache.db"), error)
    assert advice in str(told)
    assert "cache.db" in str(told)
    assert str(error) in str(told)


def test_trouble_with_a_reply_does_not_show_the_reply() -> None:
    """SQLite quotes a text that it cannot decode, however long."""
    told = str(explain(Path("cache.db"), sqlite3.OperationalError("Could not decode column 'raw' with text '{secret")))
    assert "secret" not in told


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from orchestrator.store.database import Store

def add(connection, key):
    connection.execute("INSERT INTO requests (key, canonical) VALUES (?, '')", (key,))

async def main():
    async with Store(Path(sys.argv[1])) as store:
        for number in range(1000):
            await store.do(add, f"{number:04}")
            print(number, flush=True)
            if number == 20:
                os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_a_killed_process_loses_nothing_that_was_confirmed(tmp_path: Path) -> None:
    """What `do` returned is in the file after kill -9, and the file opens again."""
    path = tmp_path / "responses.db"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == -9
    confirmed = [f"{int(line):04}" for line in done.stdout.split()]
    assert len(confirmed) == 21
    assert keys(path) == confirmed
    using(path, lambda store: store.do(add, "again"))
    assert keys(path) == [*confirmed, "again"]


def test_a_copy_of_an_open_cache_with_its_log_is_whole(tmp_path: Path) -> None:
    """Power loss leaves the file and its log: together they hold everything confirmed."""
    path, copy = tmp_path / "a" / "responses.db", tmp_path / "b"

    async def work(store: Store) -> None:
        for key in "abc":
            await store.do(add, key)
        shutil.copytree(path.parent, copy)

    using(path, work)
    assert keys(copy / "responses.db") == ["a", "b", "c"]
