"""The stored replies of a benchmark as grades, item by item in the benchmark's order, from the cache alone.

Always holds: the grades do not depend on how many processes read them; at most `AHEAD` chunks of items are under way,
so that memory does not grow with the benchmark.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from orchestrator.errors import CacheError
from orchestrator.grading import judge
from orchestrator.grading.grade import digest, graded, read
from orchestrator.grading.judge import Heard
from orchestrator.records import Answer, Ending, Grade, Item, Outcome
from orchestrator.store import runs
from orchestrator.store.database import Connection, reading
from orchestrator.store.runs import Asked, Replied, RunRow

CHUNK = 400
"""Items the cache is asked for at once."""
ALONE = 4_000
"""Questions asked whose replies this process grades by itself: others called to help would hardly have begun."""
HELPERS = min(4, (os.cpu_count() or 1) - 1)
"""Processes that read replies beside this one, which has its own work with what they read."""
AT_HELPERS = 4 * HELPERS
"""Most chunks given to the helpers at once; more are read here. Each has one in hand and one at hand, and the others
bridge the time in which this process is busy and hands out none."""
AHEAD = AT_HELPERS + 12
"""Most chunks under way: enough to read here while the helpers start."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which stored replies are graded."""

    cache: Path
    runs: tuple[RunRow, ...]
    """Of several runs the first that asked an item speaks for it."""
    aliases: tuple[str, ...]
    judges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By alias the models whose reading of what the rules left is filled in, each by itself."""

    @property
    def run_ids(self) -> tuple[int, ...]:
        """The runs' ids, in the same order."""
        return tuple(run.id for run in self.runs)

    def run_of(self, alias: str, held: Sequence[Asked]) -> RunRow:
        """Return the run that speaks for an item at a model; where none asked it, the first that was to."""
        if held:
            return next(run for run in self.runs if run.id == held[0].run_id)
        return next((run for run in self.runs if alias in run.models), self.runs[0])


class Graded(NamedTuple):
    """One item at one model."""

    model: str
    grades: tuple[Grade, ...]
    """By the rules alone: one for each question of the run, whether it was asked or not."""
    judged: Mapping[str, tuple[Grade, ...]]
    """By judge: the same grades, with its answer where the rules gave none and its word can be relied on."""
    verdicts: Mapping[str, tuple[Heard, ...]]
    """By judge: for each reply that the rules could not read, what became of its verdict."""
    reworded: int
    """Stored replies to a question or options that read differently now: left out."""
    run: str
    """Name of the run that speaks for it."""
    aside: int
    """Stored replies to it of other runs, which are left out."""


# What travels between processes is plain tuples, and of an item only what reading needs: to pickle whole items and
# grades takes longer than to look them up in the cache.
_Bare: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...], bool]
"""The id, question, options and `multi` of an item."""
_Read: TypeAlias = tuple[Outcome, tuple[str, ...], str, float, int, int, str]
"""The outcome, letters, rule, confidence, sample, rotation and reply of a grade: what its item does not say."""
_Readings: TypeAlias = tuple[list[_Read], dict[str, list[_Read]], dict[str, tuple[Heard, ...]], int, str, int]
"""What was read of one item at one model by the rules alone, the same by judge, what became of each verdict, how many
replies were reworded, which run speaks, and how many replies of others were set aside."""
_Chunk: TypeAlias = Future[list[list[_Readings]]]
"""What was read, or will be, of a chunk: for every model, of each item."""


async def graded_items(source: Source, items: AsyncIterator[Item]) -> AsyncGenerator[Graded, None]:
    """Yield the grades of these items, of each item for every model.

    The parsing of a large benchmark is spread over processes. Raises CacheError where the cache cannot be read.
    """
    with reading(source.cache) as connection:
        questions = sum(runs.asked_count(connection, source.run_ids, alias) for alias in source.aliases)
    grade_all = _helped if questions > ALONE and HELPERS > 0 else _alone
    async with aclosing(chunks(items)) as chunked, aclosing(grade_all(source, chunked)) as graded_ones:
        async for one in graded_ones:
            yield one


async def _alone(source: Source, chunked: AsyncIterator[list[Item]]) -> AsyncGenerator[Graded, None]:
    """Yield what `grade_chunk` gives for each of the chunks."""
    async for chunk in chunked:
        for one in grade_chunk(source, chunk):
            yield one


async def _helped(source: Source, chunked: AsyncIterator[list[Item]]) -> AsyncGenerator[Graded, None]:
    """Yield what `grade_chunk` gives for each of the chunks, in order, from processes that grade several at once."""
    pool: ProcessPoolExecutor | None = None
    waiting: deque[tuple[list[Item], _Chunk]] = deque()
    with _seldom_collecting():
        try:
            async for chunk in chunked:
                # Spawned, for a fork would take the cache's thread and the loop with it.
                pool = pool or ProcessPoolExecutor(HELPERS, multiprocessing.get_context("spawn"), _begin_to_help)
                busy = sum(not sent.done() for _, sent in waiting)
                waiting.append((chunk, _sent(pool, source, chunk) if busy < AT_HELPERS else _read_here(source, chunk)))
                while len(waiting) >= AHEAD or (waiting and waiting[0][1].done()):
                    items, sent = waiting.popleft()
                    for one in _graded(source, items, await _received(source, items, sent)):
                        yield one
            while waiting:
                items, sent = waiting.popleft()
                for one in _graded(source, items, await _received(source, items, sent)):
                    yield one
        finally:
            if pool is not None:
                pool.shutdown(cancel_futures=True)


def _sent(pool: ProcessPoolExecutor, source: Source, chunk: list[Item]) -> _Chunk:
    """Send a chunk to the helpers; read it here where they died."""
    bare: list[_Bare] = [(item.id, item.question, item.options, item.multi) for item in chunk]
    try:
        return pool.submit(_read_bare, source, bare)
    except BrokenProcessPool:
        return _read_here(source, chunk)


def _read_here(source: Source, chunk: list[Item]) -> _Chunk:
    """Return `_read_chunk` of a chunk as if it had been sent; what goes wrong is raised when its turn comes."""
    done: _Chunk = Future()
    try:
        done.set_result(_read_chunk(source, chunk))
    except CacheError as error:
        done.set_exception(error)
    return done


async def _received(source: Source, chunk: list[Item], sent: _Chunk) -> list[list[_Readings]]:
    """Return `_read_chunk` of a chunk, done here where the helpers died."""
    try:
        return await asyncio.wrap_future(sent)
    except BrokenProcessPool:
        return _read_chunk(source, chunk)


def _read_bare(source: Source, bare: Sequence[_Bare]) -> list[list[_Readings]]:
    items = [Item(id_, "", question, options, (), multi, (), "") for id_, question, options, multi in bare]
    return _read_chunk(source, items)


def _begin_to_help() -> None:
    # Ctrl-C reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _seldom_collect()


def _seldom_collect() -> None:
    """Let the collector look seldom, and not at what every import made.

    Reading and grading make no cycles, so that it would look in vain; not never, for they may come to make some.
    """
    gc.freeze()
    gc.set_threshold(100_000)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Do so for the length of a block, of which there may be one at a time."""
    before = gc.get_threshold()
    _seldom_collect()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def chunks(items: AsyncIterator[Item]) -> AsyncGenerator[list[Item], None]:
    """Gather items into lists of up to `CHUNK`, so that the cache is asked once for many."""
    chunk: list[Item] = []
    async for item in items:
        chunk.append(item)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


# --- one chunk -------------------------------------------------------------------------------------------------------


def grade_chunk(source: Source, items: Sequence[Item]) -> list[Graded]:
    """Return the grades of some items, of each item for every model."""
    return list(_graded(source, items, _read_chunk(source, items)))


def _graded(source: Source, items: Sequence[Item], columns: Sequence[Sequence[_Readings]]) -> Iterator[Graded]:
    """Yield what was read of each item for every model, by model and item, as grades: by item and model."""
    for item, *of_item in zip(items, *columns, strict=True):
        for alias, (readings, judged, verdicts, reworded, run, aside) in zip(source.aliases, of_item, strict=True):
            by_judge = {name: _grades(item, said) for name, said in judged.items()}
            yield Graded(alias, _grades(item, readings), by_judge, verdicts, reworded, run, aside)


def _grades(item: Item, readings: Sequence[_Read]) -> tuple[Grade, ...]:
    return tuple([graded(item.rotated(one[5]), *one) for one in readings])


def _read_chunk(source: Source, items: Sequence[Item]) -> list[list[_Readings]]:
    """Return what the cache holds of some items, read: for every model, of each item."""
    with reading(source.cache) as connection:
        return [_of_model(connection, source, alias, items) for alias in source.aliases]


def _of_model(connection: Connection, source: Source, alias: str, items: Sequence[Item]) -> list[_Readings]:
    ids = [item.id for item in items]
    held = runs.asked(connection, source.run_ids, alias, ids)
    judges = source.judges.get(alias, ())
    verdicts = {name: runs.verdicts(connection, source.run_ids, name, alias, ids) for name in judges}
    aside = _set_aside(connection, source, alias, held)
    return [_of_item(source, alias, item, held.get(item.id, []), verdicts, len(aside[item.id])) for item in items]


def _set_aside(
    connection: Connection, source: Source, alias: str, held: Mapping[str, Sequence[Asked]]
) -> defaultdict[str, set[str]]:
    """Return by item the keys of the replies that other runs than the one that speaks for it hold."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for run_id in source.run_ids[1:]:
        for item_id, asked in runs.asked(connection, [run_id], alias, list(held)).items():
            found[item_id].update(one.key for one in asked if one.text is not None)
    for item_id, counting in held.items():
        found[item_id].difference_update(one.key for one in counting)
    return found


def _of_item(
    source: Source,
    alias: str,
    item: Item,
    held: Sequence[Asked],
    verdicts: Mapping[str, Mapping[Replied, Asked]],
    aside: int,
) -> _Readings:
    wording = item.wording if held else ""
    asked = [one for one in held if one.wording == wording]
    run = source.run_of(alias, held)
    missing = list(_never_asked(item, run, asked))
    readings = [_read(item, one) for one in asked]
    left = [at for at, by_rules in enumerate(readings) if by_rules[0] is Outcome.UNPARSED]
    judged, became = {}, {}
    for name, said in verdicts.items():
        found = {at: _with_judge(item, asked[at], readings[at], said.get(asked[at].replied)) for at in left}
        judged[name] = [*(found[at][0] if at in found else one for at, one in enumerate(readings)), *missing]
        became[name] = tuple(heard for _, heard in found.values())
    reworded = sum(one.text is not None for one in held if one.wording != wording) if len(asked) < len(held) else 0
    return [*readings, *missing], judged, became, reworded, run.name, aside


def _never_asked(item: Item, run: RunRow, asked: Sequence[Asked]) -> Iterator[_Read]:
    """Yield a reading for every sample of every rotation that the run was to ask and did not."""
    there = {(one.rotation, one.sample) for one in asked}
    for rotation in range(min(run.rotations, len(item.options))):
        for sample in range(run.samples):
            if (rotation, sample) not in there:
                yield Outcome.UNSENT, (), "", 0.0, sample, rotation, ""


def _read(item: Item, asked: Asked) -> _Read:
    if asked.text is None or asked.ending is None:
        return _said(asked, Outcome.FAILED if asked.failure else Outcome.UNSENT, None)
    return _said(asked, *read(item.rotated(asked.rotation), asked.text, Ending(asked.ending)))


def _said(asked: Asked, outcome: Outcome, answer: Answer | None) -> _Read:
    reply = "" if asked.text is None or asked.ending is None else digest(asked.text, Ending(asked.ending))
    if answer is None:
        return outcome, (), "", 0.0, asked.sample, asked.rotation, reply
    return outcome, answer.letters, answer.rule, answer.confidence, asked.sample, asked.rotation, reply


def _with_judge(item: Item, asked: Asked, by_rules: _Read, verdict: Asked | None) -> tuple[_Read, Heard]:
    """Return what the rules left, with the judge's answer filled in if its word counts, and what became of its word."""
    if verdict is None or verdict.text is None or verdict.ending is None or asked.text is None:
        return by_rules, Heard.FAILED if verdict is not None and verdict.failure else Heard.UNSENT
    said = judge.read(verdict.text, Ending(verdict.ending), item.rotated(asked.rotation), asked.text)
    filled = _said(asked, Outcome.ANSWERED, said) if isinstance(said, Answer) else by_rules
    return filled, judge.heard(said)
