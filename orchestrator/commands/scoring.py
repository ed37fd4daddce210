"""Grading from the cache alone: no network, no key, no picture."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from orchestrator.commands.grades import CHUNK, Graded, Source, graded_items
from orchestrator.dataset.load import read_items
from orchestrator.errors import BenchmarkError, ConfigError, Problem
from orchestrator.grading.analysis import Analysis, AnalysisTally
from orchestrator.grading.judge import Heard
from orchestrator.grading.parse import PARSER_VERSION
from orchestrator.grading.score import ModelScore, score_table
from orchestrator.grading.tally import ItemTable, Tally
from orchestrator.records import PAID, Item
from orchestrator.reporting.results import RunSummary
from orchestrator.store import runs
from orchestrator.store.database import Connection, reading


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores by model, and what could not be used."""

    tables: dict[str, ItemTable]
    """By the rules alone: what scores and comparisons start from."""
    models: dict[str, ModelScore]
    """By the rules alone."""
    judged: dict[str, dict[str, ModelScore]]
    """The same with what a judge read where the rules could not, by judge; only of models that it was asked about."""
    verdicts: dict[str, dict[str, Counter[Heard]]]
    """For the same: how many replies that the rules could not read the judge has replied to, or failed, or not seen."""
    reworded: int
    """Stored replies to a question or options that read differently now: counted as unsent."""
    used: Counter[str]
    """Paid replies that are read, by the name of their run."""
    aside: int
    """Stored replies to the same items of other runs than the one that speaks for each."""
    analyses: dict[str, Analysis]
    """By the rules alone; empty unless asked for."""


async def score(
    source: Source, items: AsyncIterator[Item], *watchers: Callable[[Graded], object], analysed: bool = False
) -> Scored:
    """Grade what the cache holds of these items, for each model, in one pass; watchers see every item go by."""
    analyses = {alias: AnalysisTally() for alias in source.aliases if analysed}
    tallies = {alias: Tally() for alias in source.aliases}
    judged = {alias: {judge: Tally() for judge in source.judges.get(alias, ())} for alias in source.aliases}
    verdicts = {alias: {judge: Counter[Heard]() for judge in by} for alias, by in judged.items() if by}
    used = Counter[str]()
    reworded = aside = 0
    async with aclosing(graded_items(source, items)) as graded:
        async for one in graded:
            reworded += one.reworded
            aside += one.aside
            for grade in one.grades:
                tallies[one.model].add(grade)
                used[one.run] += grade.outcome in PAID
            if analysed:
                analyses[one.model].add(one.grades)
            for judge, grades in one.judged.items():
                for grade in grades:
                    judged[one.model][judge].add(grade)
                verdicts[one.model][judge].update(one.verdicts[judge])
            for watch in watchers:
                watch(one)
    tables = {alias: tally.table() for alias, tally in tallies.items()}
    return Scored(
        tables,
        {alias: score_table(table) for alias, table in tables.items()},
        {alias: {judge: score_table(one.table()) for judge, one in by.items()} for alias, by in judged.items() if by},
        verdicts,
        reworded,
        used,
        aside,
        {alias: tally.analysis() for alias, tally in analyses.items()},
    )


async def first(items: AsyncGenerator[Item, None], limit: int | None) -> AsyncGenerator[Item, None]:
    """Yield the first `limit` items (None: all)."""
    count = 0
    async with aclosing(items):
        async for item in items:
            if count == limit:
                return
            count += 1
            yield item


# --- a benchmark -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which stored replies answer for a benchmark."""

    benchmark: Path
    source: Source
    runs: tuple[runs.RunRow, ...]
    """The latest first."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the runs that are read."""
        return tuple(row.name for row in self.runs)

    @property
    def limit(self) -> int | None:
        """How many items these runs ask, from the first on; None: all."""
        limits = [row.limit for row in self.runs]
        return None if None in limits else max(one for one in limits if one is not None)

    def items(self, report: Callable[[Problem], None]) -> AsyncGenerator[Item, None]:
        """Return the items that these runs ask, without their pictures; bad rows are reported and left out."""
        return first(read_items(self.benchmark, None, report), self.limit)


async def choose(benchmark: Path, cache: Path, aliases: Sequence[str], run: str | None) -> Chosen:
    """Find the latest runs on a benchmark, or the named one; no aliases: every model they asked.

    Raises ConfigError when the cache holds no run on this benchmark, or none that asked one of the models.
    """
    with reading(cache) as connection:
        found = await _runs_on(connection, benchmark, run)
        if not found:
            raise ConfigError(
                f"{cache}: no run on {benchmark} in this cache. `orchestrator run` asks it, `orchestrator status` "
                "lists what was asked, --cache FILE names another cache."
            )
        known = runs.models_of(connection, [row.id for row in found])
        if missing := [alias for alias in aliases if alias not in known]:
            raise ConfigError(f"{cache}: no run on {benchmark} asked {missing[0]!r}; it asked {', '.join(known)}.")
        wanted = tuple(dict.fromkeys(aliases or known))
        using = tuple(row for row in found if set(wanted) & set(runs.models_of(connection, [row.id])))
        judges = runs.judges_of(connection, [row.id for row in using])
    return Chosen(benchmark, Source(cache, using, wanted, judges), using)


async def _runs_on(connection: Connection, benchmark: Path, name: str | None) -> list[runs.RunRow]:
    """Return the runs on a benchmark, the latest first: by path or content, or, if it was moved, by its questions."""
    if name is not None:
        return [runs.named(connection, name)]
    if found := runs.runs_of(connection, os.path.realpath(benchmark)):
        return found
    async with aclosing(first(read_items(benchmark, None, lambda problem: None), CHUNK)) as items:
        return runs.runs_asking(connection, [(item.id, item.wording) async for item in items])


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """What `score` found."""

    summary: RunSummary
    scored: Scored
    runs: tuple[str, ...]
    """Names of the runs that were read, the latest first."""
    problems: tuple[Problem, ...]
    """The first `BenchmarkError.SHOWN` faults of rows of the benchmark, which are left out."""
    total_problems: int
    gone: int
    """Stored replies to items that are in no good row of the benchmark any more: left out."""
    replaced: int
    """Questions that were asked again although they had a reply, whose latest reply is read."""


async def score_benchmark(chosen: Chosen, *watchers: Callable[[Graded], object], analysed: bool = False) -> ScoreResult:
    """Grade a benchmark from the cache. Raises BenchmarkError or CacheError for a file that cannot be read."""
    problems: list[Problem] = []
    total = 0
    there: set[int] = set()

    def report(problem: Problem) -> None:
        nonlocal total
        total += 1
        if total <= BenchmarkError.SHOWN:
            problems.append(problem)

    def note(one: Graded) -> None:
        there.add(hash(one.grades[0].item_id))

    scored = await score(chosen.source, chosen.items(report), note, *watchers, analysed=analysed)
    with reading(chosen.source.cache) as connection:
        summary = _summary(connection, chosen, scored)
        gone = _gone(connection, chosen.source, there)
        replaced = runs.replaced(connection, chosen.source.run_ids, chosen.source.aliases)
    return ScoreResult(summary, scored, chosen.names, tuple(problems), total, gone, replaced)


def _gone(connection: Connection, source: Source, there: Set[int]) -> int:
    """Return how many replies the cache holds to items whose ids have none of these hashes."""
    count = 0
    for alias in source.aliases:
        gone = [one for one in runs.items_of(connection, source.run_ids, alias) if hash(one) not in there]
        for start in range(0, len(gone), CHUNK):
            held = runs.asked(connection, source.run_ids, alias, gone[start : start + CHUNK])
            count += sum(one.text is not None for asked in held.values() for one in asked)
    return count


Spend: TypeAlias = Mapping[str, Mapping[str, runs.Money]]
"""By alias, and by the alias of the model whose replies it judged, empty for its own questions."""


def spend(connection: Connection, source: Source) -> Spend:
    """Return what each model and each judge was charged in the runs that are graded."""
    names = {*source.aliases, *(judge for judges in source.judges.values() for judge in judges)}
    return {name: runs.money_by_judged(connection, source.run_ids, name) for name in names}


def spent_by_judge(spent: Spend, scored: Scored) -> dict[str, dict[str, int]]:
    """Return by model and judge what the judge was charged for reading that model's replies."""
    return {
        alias: {judge: spent[judge].get(alias, runs.NOTHING).charged for judge in by_judge}
        for alias, by_judge in scored.judged.items()
    }


def _summary(connection: Connection, chosen: Chosen, scored: Scored) -> RunSummary:
    money = runs.total([runs.money(connection, row.id) for row in chosen.runs])
    spent = spend(connection, chosen.source)
    # A name and a cap belong to one run; the money of several is no one run's.
    one = chosen.runs[0] if len(chosen.runs) == 1 else None
    return RunSummary(
        run=one.name if one else None,
        benchmark=str(chosen.benchmark),
        calls=0,
        cache_hits=sum(model.replies[outcome] for model in scored.models.values() for outcome in PAID),
        attempts=0,
        spent_nanousd=0,
        ledger_nanousd=money.charged,
        in_doubt_nanousd=money.in_doubt,
        cap_nanousd=one.cap_nanousd if one else None,
        wall_s=0.0,
        models=scored.models,
        spent_by_model={alias: spent[alias].get("", runs.NOTHING).charged for alias in scored.models},
        spent_by_judge=spent_by_judge(spent, scored),
        parser_version=PARSER_VERSION,
        judged=scored.judged,
        verdicts=scored.verdicts,
        tables=scored.tables,
        analyses=scored.analyses,
        several=() if one else chosen.names,
    )
