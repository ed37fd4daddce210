"""What is told of a cache, and settling what was in doubt; what is known of pictures."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paid_fixtures import provider
from store_fixtures import NOW, memory

from orchestrator.dataset.facts import ImageFact
from orchestrator.records import Ending, Reply
from orchestrator.store import claims, ledger, processes, replies, runs, status
from orchestrator.store.claims import Ask, Policy
from orchestrator.store.database import Store
from orchestrator.store.ledger import Granted, Intent, Settlement, State
from orchestrator.store.pictures import KnownPictures
from orchestrator.store.status import Doubt, ModelProgress


@pytest.fixture
def cache() -> Iterator[sqlite3.Connection]:
    """Return a cache with two runs, in which four questions came to a reply, two failures and two doubts."""
    connection = memory()
    processes.register(connection, processes.myself(), time.time())
    runs.open_run(connection, runs.RunSpec("old", "/b.jsonl", "d"), None, NOW)
    runs.open_run(connection, runs.RunSpec("new", "/b.jsonl", "d"), 5000, NOW + 1)
    attempt(connection, 1, "a", "answered", Settlement(State.SETTLED, 60, NOW, reply=reply("answered")))
    attempt(connection, 2, "a", "lost", Settlement(State.DOUBT, None, NOW, reason="reset"))
    attempt(connection, 2, "a", "lost", Settlement(State.DOUBT, None, NOW, reason="reset"))
    attempt(connection, 2, "b", "down", Settlement(State.RELEASED, 0, NOW, 500, "HTTP 500"))
    attempt(connection, 2, "b", "answered", Settlement(State.RELEASED, 0, NOW, 429, "HTTP 429"))
    yield connection
    connection.close()


def reply(key: str) -> Reply:
    """Return a paid reply."""
    return Reply(key, "[A]", Ending.COMPLETE, "stop", None, 60, 0.1, "{}", NOW)


def attempt(connection: sqlite3.Connection, run_id: int, model: str, key: str, end: Settlement) -> int:
    """Ask an item named after its key in a run, and end the attempt so; return the attempt's id."""
    claims.claim(connection, Ask(run_id, 1, model, "", f"item-{key}", 0, 0, "w", key, "{}"), Policy())
    connection.execute("INSERT OR IGNORE INTO claims VALUES (?, 1)", (key,))
    intent = Intent(run_id, 1, model, f"item-{key}", key, 100, 1, 1, 1)
    verdict = ledger.begin(connection, intent, provider(), lambda pace, now: pace, lambda: NOW)
    assert isinstance(verdict, Granted)
    ledger.settle(connection, verdict.attempt_id, end)
    claims.unclaim(connection, key, 1)
    return verdict.attempt_id


def test_the_whole_cache_is_told(cache: sqlite3.Connection) -> None:
    """Runs with the latest first, their models, the spend, and what is in doubt."""
    found = status.read(cache)
    assert (found.replies, found.ledger_nanousd, found.providers) == (1, 260, (("sim-openai", 260),))
    new, old = found.runs
    assert (new.name, new.cap_nanousd, new.charged_nanousd, new.touched_at) == ("new", 5000, 200, NOW + 1)
    assert new.models == (
        ModelProgress("a", 1, 0, 0, charged_nanousd=200, in_doubt_nanousd=200, failures=(("reset", 2),)),
        ModelProgress("b", 2, 1, 0, charged_nanousd=0, in_doubt_nanousd=0, failures=(("HTTP 429", 1), ("HTTP 500", 1))),
    )
    assert (old.name, old.cap_nanousd, old.models[0].failures) == ("old", None, ())
    assert found.in_doubt == (
        Doubt(2, "new", "sim-openai", "a", "item-lost", 100, NOW, "reset"),
        Doubt(3, "new", "sim-openai", "a", "item-lost", 100, NOW, "reset"),
    )
    assert status.run_of(cache, 2) == new


def test_questions_that_waited_for_their_turn_are_told_apart_from_those_that_were_sent(
    cache: sqlite3.Connection,
) -> None:
    """An interrupted run had entered them; nobody sent them, so nobody can have billed them."""
    for key in ("waiting", "waiting too", "answered"):
        claims.claim(cache, Ask(2, 1, "a", "", f"item-{key}", 0, 0, "w", key, "{}"), Policy())
    asked = status.run_of(cache, 2).models[0]
    assert (asked.asked, asked.replied, asked.never_sent) == (4, 1, 2)


def test_an_empty_cache_is_told() -> None:
    """Nothing asked, nothing paid."""
    assert status.read(memory()) == status.Status(0, 0, (), (), ())


def charged(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return what is charged in all, to the new run, and to the provider."""
    found = status.read(connection)
    return found.ledger_nanousd, found.runs[0].charged_nanousd, found.providers[0][1]


def test_doubts_are_settled_as_the_bill_says(cache: sqlite3.Connection) -> None:
    """Billed ones stay charged, others are given back to the run and the provider; neither is in doubt any more."""
    assert status.resolve(cache, (2,), billed=True) == 1
    assert charged(cache) == (260, 200, 260)
    assert [doubt.attempt_id for doubt in status.read(cache).in_doubt] == [3]
    assert status.resolve(cache, (3,), billed=False) == 1
    assert charged(cache) == (160, 100, 160)
    assert status.read(cache).in_doubt == ()
    assert runs.money(cache, 2) == runs.Money(settled=100, reserved=0, in_doubt=0, attempts=4)


def test_all_doubts_are_settled_together(cache: sqlite3.Connection) -> None:
    """None named means all."""
    assert status.resolve(cache, None, billed=False) == 2
    assert charged(cache) == (60, 0, 60)
    assert status.resolve(cache, None, billed=False) == 0


@pytest.mark.parametrize("attempts", [(), (1,), (4,), (99,)])
def test_what_is_not_in_doubt_is_not_settled(cache: sqlite3.Connection, attempts: tuple[int, ...]) -> None:
    """Paid, failed and unknown attempts are left alone."""
    before = charged(cache)
    assert status.resolve(cache, attempts, billed=False) == 0
    assert charged(cache) == before


def test_a_question_paid_for_again_after_a_doubt_is_named(cache: sqlite3.Connection) -> None:
    """The old reservation and the new cost, for the replies since a moment."""
    since = replies.latest_reply_id(cache)
    attempt(cache, 2, "a", "lost", Settlement(State.SETTLED, 60, NOW, reply=reply("lost")))
    assert status.reasked(cache, 2, since) == (
        status.Reasked(2, "a", "item-lost", 100, 60),
        status.Reasked(3, "a", "item-lost", 100, 60),
    )
    assert status.reasked(cache, 2, replies.latest_reply_id(cache)) == ()
    assert status.reasked(cache, 1, since) == ()


def test_a_doubtful_answer_is_not_called_paid_twice(cache: sqlite3.Connection) -> None:
    """A reply whose own bill is unknown is one purchase."""
    since = replies.latest_reply_id(cache)
    attempt(cache, 2, "a", "odd", Settlement(State.DOUBT, None, NOW, reason="usage", reply=reply("odd")))
    assert status.reasked(cache, 2, since) == ()


def test_pictures_are_known_again(tmp_path: Path) -> None:
    """By their stamps, any number at once; a changed fact replaces the old one."""
    facts = {f"stamp-{number}": ImageFact(f"{number:064}", number + 1, 2) for number in range(1203)}

    async def main() -> None:
        async with Store(tmp_path / "responses.db") as store:
            pictures = KnownPictures(store)
            assert await pictures.known(list(facts)) == {}
            await pictures.learn(facts)
            await pictures.learn({})
            assert await pictures.known([*facts, "unknown"]) == facts
            assert await pictures.known([]) == {}
            await pictures.learn({"stamp-0": ImageFact("f" * 64, 9, 9)})
            assert await pictures.known(["stamp-0"]) == {"stamp-0": ImageFact("f" * 64, 9, 9)}

    asyncio.run(main())
