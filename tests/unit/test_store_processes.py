"""Who is alive: the dead are found at once, sleepers after a minute, and whoever wakes loses nothing."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from paid_fixtures import provider
from store_fixtures import NOW, memory

from orchestrator.store import claims, ledger, processes, runs
from orchestrator.store.claims import Ask, Claim, Policy
from orchestrator.store.database import open_database
from orchestrator.store.ledger import Granted, Intent
from orchestrator.store.processes import STALE_S, Identity


@pytest.fixture
def cache() -> Iterator[sqlite3.Connection]:
    """Return a cache with one run."""
    connection = memory()
    runs.open_run(connection, runs.RunSpec("run", "/b.jsonl", "d"), None, NOW)
    yield connection
    connection.close()


def asleep() -> subprocess.Popen[bytes]:
    """Start a process that waits until it is ended."""
    return subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a process started by `asleep`."""
    process.communicate()


def busy(connection: sqlite3.Connection, process_id: int, key: str = "k") -> int:
    """Let a process claim a key and begin an attempt at it; return the attempt's id."""
    assert claims.claim(connection, Ask(1, process_id, "m", "", "i", 0, 0, "w", key, "{}"), Policy()) is Claim.MINE
    verdict = ledger.begin(
        connection, Intent(1, process_id, "m", "i", key, 100, 1, 1, 1), provider(), lambda pace, now: pace, lambda: NOW
    )
    assert isinstance(verdict, Granted)
    return verdict.attempt_id


def state_of(connection: sqlite3.Connection, attempt_id: int) -> tuple[str, int]:
    """Return an attempt's state and charge."""
    row = connection.execute("SELECT state, charged_nanousd FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
    return row[0], row[1]


def listed(connection: sqlite3.Connection) -> list[int]:
    """Return the processes on the list."""
    return [row[0] for row in connection.execute("SELECT id FROM processes ORDER BY id")]


def test_a_process_knows_itself() -> None:
    """By host, pid namespace, pid and start, so that others can check it."""
    me = processes.myself()
    assert me.pid == os.getpid()
    assert "/" in me.host
    assert processes.myself() == me
    code = f"from orchestrator.store import processes; print(processes.identify({os.getpid()}).start)"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert float(seen.stdout) == me.start


def test_a_dead_process_is_found_at_once(cache: sqlite3.Connection) -> None:
    """Its pid is gone: claims are free and attempts in doubt, charged, however fresh its heartbeat."""
    process = asleep()
    number = processes.register(cache, processes.identify(process.pid), time.time())
    attempt_id = busy(cache, number)
    me = processes.register(cache, processes.myself(), time.time())
    assert listed(cache) == [number, me]
    ended(process)
    processes.beat(cache, me, processes.myself())
    assert listed(cache) == [me]
    assert state_of(cache, attempt_id) == ("doubt", 100)
    busy(cache, me)


def test_a_killed_process_that_nobody_waited_for_is_dead(cache: sqlite3.Connection) -> None:
    """In a container without an init process it stays listed as a zombie: its claims are free all the same."""
    process = asleep()
    who = processes.identify(process.pid)
    processes.register(cache, who, time.time())
    process.kill()
    deadline = time.monotonic() + 10
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        pass
    assert processes.reap(cache, who.host, time.time()) == 1
    ended(process)


def test_a_pid_given_to_another_process_is_a_dead_one(cache: sqlite3.Connection) -> None:
    """The same pid with another start time is somebody else."""
    process = asleep()
    who = replace(processes.identify(process.pid), start=processes.myself().start)
    number = processes.register(cache, who, time.time())
    assert processes.reap(cache, who.host, time.time()) == 1
    assert number not in listed(cache)
    ended(process)


def test_another_hosts_pids_are_not_judged(cache: sqlite3.Connection) -> None:
    """On another machine, or in another container, the same number means another process: only the heartbeat tells."""
    who = Identity("elsewhere/1", 2**22 + 7, 0.0)
    number = processes.register(cache, who, NOW)
    assert processes.reap(cache, "here/1", NOW + STALE_S) == 0
    assert listed(cache) == [number]
    assert processes.reap(cache, "here/1", NOW + STALE_S + 0.1) == 1
    assert listed(cache) == []


def test_a_stale_heartbeat_frees_even_what_a_living_process_held(cache: sqlite3.Connection) -> None:
    """A stopped process of this host is given up after a minute, like any other."""
    me, steady = processes.myself(), time.monotonic()
    number = processes.register(cache, me, NOW, steady)
    attempt_id = busy(cache, number)
    assert processes.reap(cache, me.host, NOW, steady + STALE_S - 1) == 0
    assert processes.reap(cache, me.host, NOW, steady + STALE_S + 1) == 1
    assert state_of(cache, attempt_id) == ("doubt", 100)


@pytest.mark.parametrize("set_by", [-3600.0, 3600.0])
def test_setting_the_clock_buries_nobody_of_this_host(
    cache: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_by: float
) -> None:
    """Linux moves the time of its start with the clock, and so everybody's create time; a heartbeat looks old."""
    me = processes.myself()
    number = processes.register(cache, me, time.time())
    (tmp_path / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    booted = int(psutil.boot_time())
    stat = Path("/proc/stat").read_text().replace(f"btime {booted}", f"btime {booted + int(set_by)}")
    (tmp_path / "stat").write_text(stat)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert psutil.Process().create_time() > psutil.boot_time() == booted + set_by
    assert processes.reap(cache, me.host, time.time() + set_by) == 0
    assert listed(cache) == [number]


def test_a_heartbeat_from_the_future_is_no_sign_of_life(cache: sqlite3.Connection) -> None:
    """The clock was wrong when it was made, here or elsewhere: nobody waits until it is right again."""
    processes.register(cache, Identity("elsewhere/1", 1, 0.0), NOW)
    assert processes.reap(cache, "here", NOW - STALE_S - 1) == 1
    me = processes.myself()
    processes.register(cache, me, NOW, 1e9)
    assert processes.reap(cache, me.host, NOW, 10.0) == 1


def test_a_process_of_an_older_version_is_judged_by_its_heartbeat(cache: sqlite3.Connection) -> None:
    """It wrote nothing of the steady clock, and knew itself by its create time."""
    me = processes.myself()
    cache.execute("INSERT INTO processes (host, pid, started_at, heartbeat_at) VALUES (?, 1, 2.0, ?)", (me.host, NOW))
    assert processes.reap(cache, me.host, NOW + STALE_S) == 0
    assert processes.reap(cache, me.host, NOW + STALE_S + 1) == 1


def test_whoever_wakes_is_on_the_list_again(cache: sqlite3.Connection) -> None:
    """It had been given up; what it claims from now on is freed again when it dies."""
    process = asleep()
    who = processes.identify(process.pid)
    number = processes.register(cache, who, NOW)
    processes.reap(cache, "elsewhere", NOW + STALE_S + 1)
    assert listed(cache) == []
    processes.beat(cache, number, who)
    assert listed(cache) == [number]
    busy(cache, number)
    ended(process)
    assert processes.reap(cache, who.host, time.time()) == 1
    assert cache.execute("SELECT count(*) FROM claims").fetchone()[0] == 0


def test_those_who_wake_together_do_not_bury_one_another(cache: sqlite3.Connection) -> None:
    """After a laptop slept every heartbeat is old: the first to wake gives the others a round."""
    who = [replace(processes.myself(), host=f"host-{number}/1") for number in range(2)]
    slept = time.time() - 3600
    first, second = (processes.register(cache, one, slept) for one in who)
    processes.beat(cache, first, who[0])
    assert listed(cache) == [first, second]
    processes.beat(cache, first, who[0])
    assert listed(cache) == [first]


def test_what_nobody_on_the_list_holds_is_freed(cache: sqlite3.Connection) -> None:
    """Whatever a crash at an odd moment left behind does not stay for ever."""
    number = processes.register(cache, Identity("elsewhere/1", 1, 0.0), time.time())
    attempt_id = busy(cache, number)
    cache.execute("DELETE FROM processes")
    assert processes.reap(cache, "here", time.time()) == 1
    assert state_of(cache, attempt_id) == ("doubt", 100)
    assert not claims.holds(cache, "k", number)


def test_no_process_gets_the_number_of_another(cache: sqlite3.Connection) -> None:
    """Whoever wakes late must not take the claims of its successor for its own."""
    sleeper = processes.register(cache, Identity("a/1", 1, 0.0), NOW)
    processes.reap(cache, "elsewhere", NOW + STALE_S + 1)
    successor = processes.register(cache, Identity("b/1", 1, 0.0), NOW + STALE_S + 2)
    assert successor != sleeper
    busy(cache, successor)
    assert not claims.holds(cache, "k", sleeper)


def test_a_heartbeat_keeps_a_process_on_the_list(cache: sqlite3.Connection) -> None:
    """As long as it beats it is alive, wherever it runs."""
    number = processes.register(cache, Identity("elsewhere/1", 1, 0.0), time.time() - STALE_S + 5)
    processes.beat(cache, number, Identity("elsewhere/1", os.getpid(), 0.0))
    assert processes.reap(cache, "here", time.time() + STALE_S - 5) == 0


def test_leaving_gives_everything_back(cache: sqlite3.Connection) -> None:
    """What is still open at the end was cut: in doubt, charged; the claims are free."""
    number = processes.register(cache, processes.myself(), time.time())
    attempt_id = busy(cache, number)
    processes.leave(cache, number)
    assert listed(cache) == []
    assert state_of(cache, attempt_id) == ("doubt", 100)
    row = cache.execute("SELECT reason, ended_at FROM attempts").fetchone()
    assert row["reason"] == "the process ended before the reply came"


def test_registering_frees_what_the_dead_held(cache: sqlite3.Connection) -> None:
    """The next invocation after a crash can ask everything again at once."""
    process = asleep()
    number = processes.register(cache, processes.identify(process.pid), time.time())
    busy(cache, number)
    ended(process)
    me = processes.register(cache, processes.myself(), time.time())
    assert listed(cache) == [me]
    busy(cache, me)


class _Forbidden:
    def __init__(self, pid: int) -> None:
        raise psutil.AccessDenied(pid)


def test_a_process_that_cannot_be_looked_at_is_alive(
    cache: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system tells nothing of other users' processes, only the heartbeat counts."""
    me = processes.myself()
    number = processes.register(cache, replace(me, pid=1), time.time())
    monkeypatch.setattr(psutil, "Process", _Forbidden)
    assert processes.reap(cache, me.host, time.time()) == 0
    assert listed(cache) == [number]


def test_a_host_without_pid_namespaces_has_a_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux the host's name stands alone."""
    monkeypatch.setattr(Path, "stat", _missing)
    assert processes.myself().host.endswith("/0")


def _missing(path: Path) -> os.stat_result:
    raise FileNotFoundError(path)


def _race(path: str, start: float, won: multiprocessing.Queue[list[str]]) -> None:
    connection = open_database(Path(path)).conn
    connection.isolation_level = None
    me = processes.myself()
    connection.execute("BEGIN IMMEDIATE")
    number = processes.register(connection, me, time.time())
    connection.execute("COMMIT")
    mine = []
    while time.time() < start:
        pass
    for key in range(200):
        connection.execute("BEGIN IMMEDIATE")
        ask = Ask(1, number, "m", "", f"i{key}", 0, 0, "w", f"k{key}", "{}")
        if claims.claim(connection, ask, Policy()) is Claim.MINE:
            mine.append(f"k{key}")
        connection.execute("COMMIT")
    won.put(mine)
    connection.close()


def test_two_processes_never_claim_one_key(tmp_path: Path) -> None:
    """Racing for two hundred keys, each key goes to exactly one of them."""
    path = tmp_path / "responses.db"
    with open_database(path).conn as connection:
        runs.open_run(connection, runs.RunSpec("run", "/b", "d"), None, NOW)
    connection.close()
    context = multiprocessing.get_context("spawn")
    won: multiprocessing.Queue[list[str]] = context.Queue()
    start = time.time() + 2.5
    racers = [context.Process(target=_race, args=(str(path), start, won)) for _ in range(2)]
    for racer in racers:
        racer.start()
    claimed = [won.get(timeout=30) for _ in racers]
    for racer in racers:
        racer.join()
    assert sorted(claimed[0] + claimed[1]) == sorted(f"k{key}" for key in range(200))
