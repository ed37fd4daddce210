"""Whether a cache is sound, and what can still be read of a damaged one."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from paid_fixtures import provider, request
from store_fixtures import NOW, memory

from orchestrator.errors import CacheError
from orchestrator.records import Ending, Reply, Request, canonical
from orchestrator.store import claims, health, ledger, place, processes, runs
from orchestrator.store.claims import Ask, Policy
from orchestrator.store.database import open_database, reading
from orchestrator.store.ledger import Granted, Intent, Settlement, State


@pytest.fixture
def cache() -> Iterator[sqlite3.Connection]:
    """Return a cache with three replies."""
    connection = memory()
    fill(connection, 3)
    yield connection
    connection.close()


def fill(connection: sqlite3.Connection, count: int) -> None:
    """Ask and answer so many questions in one run."""
    runs.open_run(connection, runs.RunSpec("run", "/b.jsonl", "d"), None, NOW)
    process_id = processes.register(connection, processes.myself(), time.time())
    for number in range(count):
        asked: Request = request(f"question {number}")
        ask = Ask(1, process_id, "m", "", f"i{number}", 0, 0, "w", asked.key, canonical(asked))
        claims.claim(connection, ask, Policy())
        intent = Intent(1, process_id, "m", f"i{number}", asked.key, 100, 1, 1, 1)
        verdict = ledger.begin(connection, intent, provider(), lambda pace, now: pace, lambda: NOW)
        assert isinstance(verdict, Granted)
        text = f"reply {number} " + "x" * 2000
        reply = Reply(asked.key, text, Ending.COMPLETE, "stop", None, 60, 0.5, '{"raw": 1}', NOW)
        ledger.settle(connection, verdict.attempt_id, Settlement(State.SETTLED, 60, NOW, reply=reply))
    processes.leave(connection, process_id)


def test_a_sound_cache_has_no_findings(cache: sqlite3.Connection) -> None:
    """Pages, keys and sums agree."""
    assert health.examine(cache) == health.Health(3, ())
    assert health.examine(cache).sound
    assert health.examine(memory()) == health.Health(0, ())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE requests SET canonical = canonical || ' '", "its text has another digest"),
        ("DELETE FROM requests", "3 replies answer a request that is missing"),
        ("UPDATE runs SET charged_nanousd = 1", "run run: charged 1 nano-dollars, its attempts add up to 180"),
        ("UPDATE providers SET charged_nanousd = 0", "provider sim-openai: charged 0 nano-dollars"),
        ("UPDATE attempts SET charged_nanousd = 7 WHERE id = 1", "its attempts add up to 127"),
    ],
)
def test_what_does_not_agree_is_found(cache: sqlite3.Connection, damage: str, words: str) -> None:
    """A request that was altered, a missing one, and money that does not add up."""
    cache.execute(damage)
    found = health.examine(cache)
    assert not found.sound
    assert any(words in finding for finding in found.findings)
    assert found.replies == 3


def test_only_the_first_findings_of_a_kind_are_named() -> None:
    """A thousand wrong keys are no thousand lines."""
    connection = memory()
    connection.executemany("INSERT INTO requests VALUES (?, 'x')", [(f"k{number}",) for number in range(200)])
    assert len(health.examine(connection).findings) == health.MOST
    connection.close()


def test_an_export_holds_every_reply_with_its_request(cache: sqlite3.Connection) -> None:
    """As plain values, in the order in which they were paid for."""
    exported = list(health.replies_readable(cache))
    assert [one["id"] for one in exported] == [1, 2, 3]
    assert all(set(one) == {*health.COLUMNS, "request"} for one in exported)
    assert [str(one["text"])[:7] for one in exported] == ["reply 0", "reply 1", "reply 2"]
    assert [one["request"] for one in exported] == [canonical(request(f"question {n}")) for n in range(3)]
    cache.execute("DELETE FROM requests")
    assert [one["request"] for one in health.replies_readable(cache)] == [None] * 3


def damaged(path: Path, page: int, size: int = 1) -> None:
    """Overwrite some pages of a cache file."""
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xa5" * 4096 * size)


def test_a_damaged_file_is_found_and_what_can_be_read_is_read(tmp_path: Path) -> None:
    """Damage in the middle costs the replies that lie there, and no others."""
    path = tmp_path / "responses.db"
    with open_database(path).conn as connection:
        fill(connection, 200)
    connection.close()
    pages = path.stat().st_size // 4096
    damaged(path, pages // 2, 2)
    with reading(path) as connection:
        found = health.examine(connection)
        exported = list(health.replies_readable(connection))
    assert not found.sound
    assert any("damaged file" in finding for finding in found.findings)
    assert 100 < len(exported) <= 200
    assert len({one["id"] for one in exported}) == len(exported)
    texts = {str(one["text"])[:10] for one in exported}
    assert "reply 0 xx" in texts
    assert "reply 199 " in texts


def test_reading_a_damaged_file_is_trouble_with_the_cache(tmp_path: Path) -> None:
    """Whoever reads on is told in words, not by a traceback."""
    path = tmp_path / "responses.db"
    with open_database(path).conn as connection:
        fill(connection, 200)
    connection.close()
    damaged(path, 10, path.stat().st_size // 4096 - 12)
    with pytest.raises(CacheError, match="damaged"), reading(path) as connection:
        connection.execute("SELECT sum(length(text)) FROM replies").fetchone()


# --- where a cache may lie -------------------------------------------------------------------------------------------


def test_a_local_folder_will_do(tmp_path: Path) -> None:
    """Its file system is known, and files can be locked there."""
    assert place.file_system(tmp_path) != ""
    place.check(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", sorted(place.REMOTE))
def test_a_network_share_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The message says where to put the cache instead."""
    monkeypatch.setattr(place, "file_system", lambda folder: kind)
    with pytest.raises(CacheError, match=f"a {kind} file system .* local disk"):
        place.check(tmp_path)


def test_a_folder_in_which_nothing_can_be_locked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the system says its name is."""

    def no_locks(*given: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", no_locks)
    with pytest.raises(CacheError, match="files cannot be locked here: No locks available"):
        place.check(tmp_path)


def test_the_nearest_mount_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share mounted below a local disk is a share; without any mount nothing is known."""

    class Mount:
        def __init__(self, mountpoint: str, fstype: str) -> None:
            self.mountpoint, self.fstype = mountpoint, fstype

    mounts = [Mount("/", "ext4"), Mount(str(tmp_path), "nfs4"), Mount(str(tmp_path.parent), "xfs")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **every: mounts)
    assert place.file_system(tmp_path / "cache") == "nfs4"
    assert place.file_system(tmp_path.parent) == "xfs"
    mounts.clear()
    assert place.file_system(tmp_path) == ""
