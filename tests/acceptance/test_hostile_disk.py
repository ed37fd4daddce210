"""Trouble with the cache's file, its disk and the clock: the run stops in words, pays for nothing, loses nothing."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from attacks import RUN, cache_of
from audit import audit, stored
from cli_program import SMALL, billed, billed_usd, requests, small, write_items
from forked import ForkedProgram, Zygote

from orchestrator.simulator import Settings, Simulator, running

CACHE_TROUBLE = 5
DISK_MB = 64
DAMAGE = 65_536
"""Bytes: less may hit only what a run has no need to read."""


def _answered(program: ForkedProgram, simulator: Simulator, items: int) -> Path:
    write_items(program.folder, items)
    program.configure(*small(simulator))
    program(*RUN)
    cache = cache_of(program)
    with closing(sqlite3.connect(cache)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return cache


# --- the disk --------------------------------------------------------------------------------------------------------


SMALL_DISK = (
    "unshare",
    "-rm",
    "sh",
    "-c",
    'mount -t tmpfs -o size="$0"m none "$1" && shift && exec "$@"',
    str(DISK_MB),
)


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Iterator[tuple[ForkedProgram, Path]]:
    """Return a program whose cache folder is a disk of `DISK_MB`, and that folder as this process can reach it."""
    disk = tmp_path / "cache"
    disk.mkdir()
    try:
        tried = subprocess.run([*SMALL_DISK, str(disk), "true"], capture_output=True, check=False)
    except OSError as error:
        pytest.skip(f"a small disk needs a mount of one's own: {error}")
    if tried.returncode != 0:
        pytest.skip(f"a small disk needs a mount of one's own, which is not permitted: {tried.stderr.decode()}")
    zygote = Zygote((*SMALL_DISK, str(disk)))
    program = ForkedProgram(tmp_path, zygote)
    program("--help")
    yield program, zygote.root / disk.relative_to("/")
    zygote.close()


def _fill(disk: Path) -> None:
    with (disk / "filler").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def _copied(disk: Path, folder: Path) -> Path:
    """Copy the cache from the disk: SQLite would look for it where the link to the disk's namespace points."""
    folder.mkdir()
    for file in disk.glob("responses.db*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, folder)
    return folder / "responses.db"


def test_a_full_disk_loses_no_paid_answer(on_small_disk: tuple[ForkedProgram, Path]) -> None:
    """It fills up with calls in flight: what they bring is stored, nothing new is sent, and the run goes on later."""
    program, disk = on_small_disk
    write_items(program.folder, 200)
    with running(Settings(latency_s=0.3)) as simulator:
        program.configure(*small(simulator, max_concurrency=24))
        with program.started(*RUN) as command:
            command.wait_until(lambda: billed(simulator) >= 60)
            _fill(disk)
            stopped = command.finish(CACHE_TROUBLE)
        held = stored(_copied(disk, program.folder / "full"))
        assert len(held) == billed(simulator) < 200, "every answer that was paid for is kept"
        assert "disk is full" in stopped.err
        _fill(disk)
        refused = program(*RUN, code=CACHE_TROUBLE)
        assert "Free space" in refused.err
        assert billed(simulator) == len(held)
        (disk / "filler").unlink()
        finished = program(*RUN).json
        found = audit(_copied(disk, program.folder / "later"), simulator.ledger(), frozenset(held))
    found.holds()
    assert (found.questions, found.twice, found.doubts) == (200, 0, 0)
    assert finished["cache_hits"] == len(held)


# --- permissions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_cache_that_cannot_be_written_is_refused_before_anything_is_paid(forked: ForkedProgram, what: str) -> None:
    """Exit code 5 and words; not one request."""
    with running(Settings()) as simulator:
        cache = _answered(forked, simulator, 2)
        write_items(forked.folder, 4)
        target = cache if what == "file" else cache.parent
        target.chmod(0o555)
        try:
            refused = forked(*RUN, code=CACHE_TROUBLE, SABOTAGE="powerless")
            told = forked("status", "--json", SABOTAGE="powerless").json
        finally:
            target.chmod(0o755)
        assert requests(simulator) == 2
    assert told["replies"] == 2, "it can still be looked at"
    assert "cannot be written" in refused.err
    assert str(cache.parent) in refused.err


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_damaged_cache_is_found_and_its_readable_part_exported(forked: ForkedProgram) -> None:
    """`verify` says so, `export` writes what is left, `run` refuses; nothing is paid and the file stays as it is."""
    with running(Settings()) as simulator:
        cache = _answered(forked, simulator, 80)
        content = bytearray(cache.read_bytes())
        middle = len(content) // 2
        content[middle : middle + DAMAGE] = random.Random(3).randbytes(DAMAGE)
        cache.write_bytes(content)
        found = forked("cache", "verify", code=CACHE_TROUBLE)
        forked("cache", "export", "-o", "left.jsonl", code=0)
        write_items(forked.folder, 90)
        refused = forked(*RUN, code=CACHE_TROUBLE)
        assert requests(simulator) == 80
    assert "damaged" in found.said
    assert 0 < len((forked.folder / "left.jsonl").read_text().splitlines()) < 80
    assert "cache verify" in refused.err


@pytest.mark.parametrize("content", [b"", b"not a database " * 500, b"SQLite format 3\x00" + bytes(4000)])
def test_a_file_that_is_no_cache_is_left_as_it_is(forked: ForkedProgram, content: bytes) -> None:
    """A foreign file is refused with exit code 5, unharmed; an empty one becomes a cache."""
    write_items(forked.folder, 2)
    cache = cache_of(forked)
    cache.parent.mkdir()
    cache.write_bytes(content)
    with running(Settings()) as simulator:
        forked.configure(*small(simulator))
        forked(*RUN, code=CACHE_TROUBLE if content else 0)
        assert requests(simulator) == (0 if content else 2)
    assert not content or cache.read_bytes() == content


@pytest.mark.parametrize("command", [RUN, ("status",), ("cache", "verify")], ids=lambda one: one[0])
def test_what_can_be_no_cache_is_called_so(forked: ForkedProgram, command: tuple[str, ...]) -> None:
    """A folder is answered with the file in it; notes are not called a damaged cache."""
    write_items(forked.folder, 1)
    (forked.folder / "notes.txt").write_text("my notes\n")
    with running(Settings()) as simulator:
        forked.configure(*small(simulator))
        assert "--cache images/responses.db" in forked(*command, "--cache", "images", code=CACHE_TROUBLE).err
        assert "no cache of this program" in forked(*command, "--cache", "notes.txt", code=CACHE_TROUBLE).err
        assert "no regular file" in forked(*command, "--cache", "/dev/null", code=CACHE_TROUBLE).err
        assert requests(simulator) == 0
    assert (forked.folder / "notes.txt").read_text() == "my notes\n"


def test_a_cache_from_a_newer_version_is_refused_unharmed(forked: ForkedProgram) -> None:
    """It knows a migration that this version does not: not one byte of it changes, and nothing is sent."""
    with running(Settings()) as simulator:
        cache = _answered(forked, simulator, 2)
        with closing(sqlite3.connect(cache)) as connection:
            connection.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
                "VALUES ('orchestrator', '9999_newer', '')"
            )
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = cache.read_bytes()
        write_items(forked.folder, 4)
        for command in (RUN, ("status",), ("score", "items.jsonl", "-m", SMALL)):
            assert "newer version" in forked(*command, code=CACHE_TROUBLE).err
        assert requests(simulator) == 2
    assert cache.read_bytes() == before


# --- the clock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2])
def test_a_clock_that_is_set_back_neither_stops_a_run_nor_spends_more(forked: ForkedProgram, processes: int) -> None:
    """An hour back in the middle of a paced run: every question is asked once, within the cap."""
    write_items(forked.folder, 60)
    capped = (*RUN, "--budget", "1")
    back = {"SABOTAGE": f"clock_back:{time.monotonic() + 2.5}"}
    with ExitStack() as stack:
        simulator = stack.enter_context(running(Settings(rpm=900, latency_s=0.05)))
        forked.configure(*small(simulator, rpm=900))
        started = [stack.enter_context(forked.started(*capped, **back)) for _ in range(processes)]
        ledger_usd = max(one.finish().json["ledger_usd"] for one in started)
        found = audit(cache_of(forked), simulator.ledger())
        assert billed_usd(simulator) <= ledger_usd
    found.holds()
    assert (found.questions, found.twice) == (60, 0)
