"""Stored replies become grades: every outcome, every rotation, a judge's word, and the same on several processes."""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stored_fixtures import Archive, Said, row

from orchestrator.commands import grades
from orchestrator.commands.grades import Graded, Source, grade_chunk, graded_items
from orchestrator.errors import CacheError
from orchestrator.grading.judge import Heard
from orchestrator.records import Ending, Item, Outcome

VAGUE = "These measurements do not let me prefer one over the others."


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An archive of eight items that nobody was asked."""
    made = Archive(tmp_path)
    made.write([row(number) for number in range(8)])
    yield made
    made.close()


async def stream(items: tuple[Item, ...]) -> AsyncIterator[Item]:
    """Yield items one by one, as a benchmark does."""
    for item in items:
        yield item


def collect(source: Source, items: tuple[Item, ...]) -> list[Graded]:
    """Return everything `graded_items` yields."""

    async def run() -> list[Graded]:
        async with aclosing(graded_items(source, stream(items))) as found:
            return [one async for one in found]

    return asyncio.run(run())


def test_every_outcome_is_told_apart(archive: Archive) -> None:
    """By what is stored of the question: a reply and its ending, a failure, or nothing."""
    archive.keep("gpt", 0, "My final option: [A]")
    archive.keep("gpt", 1, Said("", Ending.REFUSED))
    archive.keep("gpt", 2, Said("", Ending.FILTERED))
    archive.keep("gpt", 3, Said("I think that", Ending.TRUNCATED))
    archive.keep("gpt", 4, VAGUE)
    archive.keep("gpt", 5, Said(None))
    found = collect(archive.choose().source, archive.items)
    assert [one.grades[0].outcome for one in found] == [
        *(Outcome.ANSWERED, Outcome.REFUSED, Outcome.FILTERED, Outcome.TRUNCATED, Outcome.UNPARSED),
        *(Outcome.FAILED, Outcome.UNSENT, Outcome.UNSENT),
    ]
    assert found[0].grades[0].correct
    assert found[0].grades[0].rule == "final-option"


def test_letters_of_a_rotated_item_are_those_it_was_shown_under(archive: Archive) -> None:
    """Rotated by one, the text of B stands beside A: so A is right."""
    for rotation, letter in enumerate("BADC"):
        archive.keep("gpt", 1, Said(f"My final option: [{letter}]", rotation=rotation))
    (found,) = collect(archive.choose().source, archive.items[1:2])
    assert [(one.rotation, one.gold, one.correct) for one in found.grades] == [
        (0, ("B",), True),
        (1, ("A",), True),
        (2, ("D",), True),
        (3, ("C",), True),
    ]
    assert [one.option_texts[0] for one in found.grades] == ["Healthy", "Osteophytes", "Scoliosis", "Fracture"]


def test_a_reply_to_another_wording_does_not_count(archive: Archive) -> None:
    """It is counted as reworded, and the item as never asked."""
    archive.keep("gpt", 0, "My final option: [A]")
    (found,) = collect(archive.choose().source, (replace(archive.items[0], question="What else?"),))
    assert (found.reworded, found.grades[0].outcome) == (1, Outcome.UNSENT)


def test_models_are_graded_side_by_side(archive: Archive) -> None:
    """Of each item every model, in the order asked for."""
    for model in ("a", "b"):
        archive.keep(model, 0, "My final option: [A]")
    found = collect(archive.choose("b", "a").source, archive.items)
    assert [(one.model, one.grades[0].item_id) for one in found[:4]] == [
        ("b", "q0"),
        ("a", "q0"),
        ("b", "q1"),
        ("a", "q1"),
    ]


# --- judges ----------------------------------------------------------------------------------------------------------


def verdict(letters: str, quote: str) -> str:
    """Return a judge's reply."""
    return json.dumps({"letters": list(letters), "quote": quote})


def judged(archive: Archive, text: str, reply: Said) -> tuple[Outcome, tuple[str, ...], str]:
    """Return what becomes, with a judge, of a text that is about the first item."""
    archive.keep("gpt", 0, text)
    archive.keep("judge", 0, replace(reply, judged="gpt"))
    (found,) = collect(archive.choose().source, archive.items[:1])
    (grade,) = found.judged["judge"]
    return grade.outcome, grade.letters, grade.rule


def test_a_judge_fills_in_what_the_rules_left(archive: Archive) -> None:
    """The grade by rules alone stays as it is."""
    text = f"{VAGUE} Were I to bet, bony spurs."
    assert judged(archive, text, Said(verdict("B", "Were I to bet, bony spurs"))) == (Outcome.ANSWERED, ("B",), "judge")
    (found,) = collect(archive.choose().source, archive.items[:1])
    assert found.grades[0].outcome is Outcome.UNPARSED


def test_a_judge_never_overrules_the_rules(archive: Archive) -> None:
    """Its reading of an answered reply is not even looked at."""
    said = Said(verdict("B", "There may be bony spurs."))
    assert judged(archive, "There may be bony spurs.\nMy final option: [A]", said)[1:] == (("A",), "final-option")


@pytest.mark.parametrize(
    "reply",
    [
        Said(verdict("B", "words that are not there")),
        Said(verdict("", "")),
        Said(verdict("B", VAGUE), Ending.TRUNCATED),
        Said(verdict("B", VAGUE), rotation=1),
        Said(verdict("B", VAGUE), sample=1),
        Said(None),
    ],
    ids=["quote", "none", "cut", "rotation", "sample", "failed"],
)
def test_a_judge_that_cannot_be_relied_on_changes_nothing(archive: Archive, reply: Said) -> None:
    """A false quote, no choice, a reply that was cut, one about another asking, or none at all."""
    assert judged(archive, VAGUE, reply)[0] is Outcome.UNPARSED


def test_a_judge_reads_the_letters_of_the_rotation(archive: Archive) -> None:
    """Its letters are those of the options as they were shown."""
    text = f"{VAGUE} Were I to bet, bony spurs."
    archive.keep("gpt", 1, Said(text, rotation=1))
    archive.keep("judge", 1, Said(verdict("A", "bony spurs"), rotation=1, judged="gpt"))
    (found,) = collect(archive.choose().source, archive.items[1:2])
    assert found.judged["judge"][0].correct


def test_a_verdict_on_another_runs_reply_is_none_on_this_one(archive: Archive) -> None:
    """Although item, sample and passage are the same, and the judge would be borne out: it was never asked."""
    text = "The measurements are listed below. Were I to bet, bony spurs stand out at the margins."
    sentence = "Were I to bet, bony spurs stand out at the margins."
    archive.keep("gpt", 0, text, run="judged")
    archive.keep("judge", 0, Said(verdict("B", sentence), judged="gpt"), run="judged")
    (before,) = collect(archive.choose().source, archive.items[:1])
    archive.keep("gpt", 0, f"At first glance only. {text}", run="later")
    (found,) = collect(archive.choose().source, archive.items[:1])
    assert before.verdicts["judge"] == (Heard.COUNTED,)
    assert before.judged["judge"][0].letters == ("B",)
    assert found.verdicts["judge"] == (Heard.UNSENT,)
    assert found.judged["judge"] == found.grades


def test_an_unasked_item_is_unsent_with_a_judge_too(archive: Archive) -> None:
    """With and without a judge the same items are counted."""
    judged(archive, VAGUE, Said(verdict("", "")))
    (found,) = collect(archive.choose().source, archive.items[5:6])
    assert found.judged["judge"] == found.grades


# --- processes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive that is graded by several processes, two items at a time, from the first on."""
    for number in range(8):
        archive.keep("gpt", number, f"My final option: [{'ABCD'[number % 3]}]")
    monkeypatch.setattr(grades, "CHUNK", 2)
    monkeypatch.setattr(grades, "ALONE", 1)
    monkeypatch.setattr(grades, "HELPERS", 2)
    monkeypatch.setattr(grades, "AT_HELPERS", 2)
    monkeypatch.setattr(grades, "AHEAD", 2)
    return archive


@pytest.mark.parametrize(("helpers", "sent"), [(1, 1), (2, 2), (1, 0)])
def test_several_processes_give_the_same_grades_in_the_same_order(
    many: Archive, monkeypatch: pytest.MonkeyPatch, helpers: int, sent: int
) -> None:
    """As one that does it alone, rotations, a judge's word and replies to another wording among them."""
    monkeypatch.setattr(grades, "HELPERS", helpers)
    monkeypatch.setattr(grades, "AT_HELPERS", sent)
    monkeypatch.setattr(grades, "AHEAD", 3)
    text = f"{VAGUE} Were I to bet, bony spurs."
    many.keep("gpt", 5, Said(text, rotation=1))
    many.keep("judge", 5, Said(verdict("A", "bony spurs"), rotation=1, judged="gpt"))
    many.write([row(number) | {"metadata": {"source": "x"}} for number in range(7)] + [row(7) | {"question": "Else?"}])
    source = many.choose().source
    found = grade_chunk(source, many.items)
    assert [len(one.grades) for one in found] == [1, 1, 1, 1, 1, 2, 1, 1]
    assert found[5].judged["judge"] != found[5].grades
    assert (found[0].grades[0].metadata, found[7].reworded) == ({"source": "x"}, 1)
    assert collect(source, many.items) == grade_chunk(source, many.items)


def test_grades_do_not_depend_on_helpers_that_die(many: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they were given is graded here instead."""
    monkeypatch.setattr(grades, "_begin_to_help", die)
    source = many.choose().source
    assert collect(source, many.items) == grade_chunk(source, many.items)


def die() -> None:
    """End this process as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_reader_that_stops_early_leaves_no_process(many: Archive) -> None:
    """The helpers are gone once the iterator is closed, and the collector is as it was."""
    source, before = many.choose().source, gc.get_threshold()
    gc.set_threshold(701, 11, 12)

    async def run() -> int:
        async with aclosing(graded_items(source, stream(many.items))) as found:
            await anext(found)
            await anext(found)
            await anext(found)
            assert gc.get_threshold() != (701, 11, 12)
            return len(multiprocessing.active_children())

    assert asyncio.run(run()) > 0
    assert not multiprocessing.active_children()
    assert not gc.get_freeze_count()
    assert gc.get_threshold() == (701, 11, 12)
    gc.set_threshold(*before)


def test_few_chunks_are_under_way_and_few_of_them_at_the_helpers(
    many: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While helpers are busy chunks are read here, up to a bound, and memory does not grow with the benchmark."""
    monkeypatch.setattr(grades, "AHEAD", 3)
    source, drawn, sent = many.choose().source, Counter[str](), list[Future[Any]]()
    here = grades._read_here

    def never(pool: object, source: Source, chunk: list[Item]) -> Future[Any]:
        sent.append(Future())
        return sent[-1]

    def read_here(source: Source, chunk: list[Item]) -> Future[Any]:
        drawn["here"] += 1
        return here(source, chunk)

    async def run() -> None:
        async def items() -> AsyncIterator[Item]:
            for item in many.items:
                drawn["items"] += 1
                yield item

        async with aclosing(graded_items(source, items())) as found:
            with suppress(TimeoutError):
                await asyncio.wait_for(anext(found), 0.2)

    monkeypatch.setattr(grades, "_sent", never)
    monkeypatch.setattr(grades, "_read_here", read_here)
    asyncio.run(run())
    assert (len(sent), drawn["here"], drawn["items"]) == (2, 1, 6)


def test_a_cache_that_is_gone_is_said_by_helpers_too(many: Archive) -> None:
    """The error crosses from one process to the other."""
    source = many.choose().source

    async def run() -> None:
        async with aclosing(graded_items(source, stream(many.items))) as found:
            async for one in found:
                if one.grades[0].item_id == "q0":
                    many.cache.rename(many.folder / "elsewhere.db")

    with pytest.raises(CacheError, match=many.cache.name):
        asyncio.run(run())
