"""Grading from the cache alone: no network, no key, no picture."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.dataset.load import check, read_items
from orchestrator.errors import ConfigError, Problem
from orchestrator.grading import judge
from orchestrator.grading.grade import graded, read, unsent
from orchestrator.grading.parse import PARSER_VERSION
from orchestrator.grading.score import ModelScore, score_table
from orchestrator.grading.tally import Tally
from orchestrator.records import Answer, Ending, Grade, Item, Outcome
from orchestrator.reporting.results import RunSummary
from orchestrator.store import runs
from orchestrator.store.database import Connection, reading

CHUNK = 400


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores by model, and what could not be used."""

    models: dict[str, ModelScore]
    """By the rules alone."""
    judged: dict[str, dict[str, ModelScore]]
    """The same with what a judge read where the rules could not, by judge; empty where these runs had no judge."""
    reworded: int
    """Stored replies to a question or options that read differently now: counted as unsent."""


async def score(
    connection: Connection, items: AsyncIterator[Item], run_ids: Sequence[int], aliases: Sequence[str]
) -> Scored:
    """Grade what the cache holds of these items, for each model, in one pass over the items.

    Of several runs the first in `run_ids` that asked an item speaks for it.
    """
    judges = runs.judges_of(connection, run_ids)
    tallies = {alias: Tally() for alias in aliases}
    judged = {alias: {name: Tally() for name in judges} for alias in aliases}
    reworded = 0
    async for chunk in chunks(items):
        ids = [item.id for item in chunk]
        for alias, tally in tallies.items():
            held = runs.asked(connection, run_ids, alias, ids)
            verdicts = {name: runs.asked(connection, run_ids, name, ids, judged=alias) for name in judges}
            for item in chunk:
                asked = held.get(item.id, [])
                fitting = [one for one in asked if one.wording == item.wording]
                reworded += len(asked) - len(fitting)
                grades = [_grade(item, one) for one in fitting] or [unsent(item)]
                for grade in grades:
                    tally.add(grade)
                for name, with_judge in judged[alias].items():
                    found = verdicts[name].get(item.id, [])
                    for grade in [_with_judge(item, one, found) for one in fitting] or grades:
                        with_judge.add(grade)
    return Scored(
        {alias: score_table(tally.table()) for alias, tally in tallies.items()},
        {alias: {name: score_table(one.table()) for name, one in by.items()} for alias, by in judged.items() if by},
        reworded,
    )


def _with_judge(item: Item, asked: runs.Asked, verdicts: Sequence[runs.Asked]) -> Grade:
    """Return the grade with the judge's answer filled in where the rules gave none and its word can be relied on."""
    grade = _grade(item, asked)
    place = (asked.sample, asked.rotation, asked.wording)
    if grade.outcome is Outcome.UNPARSED and asked.text:
        for verdict in verdicts:
            if (verdict.sample, verdict.rotation, verdict.wording) == place and verdict.text and verdict.ending:
                shown = item.rotated(asked.rotation)
                said = judge.read(verdict.text, Ending(verdict.ending), shown, asked.text)
                if isinstance(said, Answer):
                    return graded(shown, Outcome.ANSWERED, said, sample=asked.sample, rotation=asked.rotation)
    return grade


def _grade(item: Item, asked: runs.Asked) -> Grade:
    shown = item.rotated(asked.rotation)
    if asked.text is None or asked.ending is None:
        outcome, answer = (Outcome.FAILED if asked.failure else Outcome.UNSENT), None
    else:
        outcome, answer = read(shown, asked.text, Ending(asked.ending))
    return graded(shown, outcome, answer, sample=asked.sample, rotation=asked.rotation)


async def chunks(items: AsyncIterator[Item]) -> AsyncIterator[list[Item]]:
    """Gather items into lists of up to `CHUNK`, so that the cache is asked once for many."""
    chunk: list[Item] = []
    async for item in items:
        chunk.append(item)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def first(items: AsyncGenerator[Item, None], limit: int | None) -> AsyncGenerator[Item, None]:
    """Yield the first `limit` items (None: all)."""
    count = 0
    async with aclosing(items):
        async for item in items:
            if count == limit:
                return
            count += 1
            yield item


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """What `score` found."""

    summary: RunSummary
    runs: tuple[str, ...]
    """Names of the runs that were read, the latest first."""
    reworded: int
    problems: tuple[Problem, ...]
    """Rows of the benchmark that could not be read and are left out."""


async def score_benchmark(benchmark: Path, cache: Path, aliases: Sequence[str], run: str | None) -> ScoreResult:
    """Grade a benchmark from the cache: the latest runs on it, or the named one; no aliases: every model they asked.

    Raises ConfigError when the cache holds no run on this benchmark, or none that asked one of the models.
    """
    with reading(cache) as connection:
        checked = await check(benchmark, None)
        chosen = await _runs_on(connection, benchmark, run)
        if not chosen:
            raise ConfigError(
                f"{cache}: no run on {benchmark} in this cache. `orchestrator run` asks it, `orchestrator status` "
                "lists what was asked, --cache FILE names another cache."
            )
        known = runs.models_of(connection, [row.id for row in chosen])
        if missing := [alias for alias in aliases if alias not in known]:
            raise ConfigError(f"{cache}: no run on {benchmark} asked {missing[0]!r}; it asked {', '.join(known)}.")
        wanted = list(aliases or known)
        using = [row for row in chosen if set(wanted) & set(runs.models_of(connection, [row.id]))]
        scored = await score(connection, _asked_items(benchmark, using), [row.id for row in using], wanted)
        summary = _summary(connection, benchmark, using, scored)
    return ScoreResult(summary, tuple(row.name for row in using), scored.reworded, checked.problems)


async def _runs_on(connection: Connection, benchmark: Path, name: str | None) -> list[runs.RunRow]:
    """Return the runs on a benchmark, the latest first: by path or content, or, if it was moved, by its questions."""
    if name is not None:
        return [runs.named(connection, name)]
    if found := runs.runs_of(connection, os.path.realpath(benchmark)):
        return found
    async with aclosing(first(read_items(benchmark, None, lambda problem: None), CHUNK)) as items:
        return runs.runs_asking(connection, [(item.id, item.wording) async for item in items])


def _asked_items(benchmark: Path, using: Sequence[runs.RunRow]) -> AsyncGenerator[Item, None]:
    limits = [row.limit for row in using]
    limit = None if None in limits else max(one for one in limits if one is not None)
    return first(read_items(benchmark, None, lambda problem: None), limit)


def _summary(connection: Connection, benchmark: Path, using: Sequence[runs.RunRow], scored: Scored) -> RunSummary:
    money = runs.total([runs.money(connection, row.id) for row in using])
    return RunSummary(
        run=using[0].name,
        benchmark=str(benchmark),
        calls=0,
        cache_hits=sum(model.paid for model in scored.models.values()),
        attempts=0,
        spent_nanousd=0,
        ledger_nanousd=money.charged,
        in_doubt_nanousd=money.in_doubt,
        cap_nanousd=using[0].cap_nanousd,
        wall_s=0.0,
        models=scored.models,
        spent_by_model={
            alias: runs.total([runs.money(connection, row.id, alias) for row in using]).charged
            for alias in scored.models
        },
        parser_version=PARSER_VERSION,
        judged=scored.judged,
    )
