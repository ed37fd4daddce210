"""`score` with everything that can be asked of it, still in one pass over the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.commands.grades import Graded
from orchestrator.commands.gradings import Earlier, saver
from orchestrator.commands.output import replaced
from orchestrator.commands.scoring import Chosen, ScoreResult, score_benchmark
from orchestrator.grading.regrading import Regraded, Regrading


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked beside the scores."""

    analysed: bool = False
    save: Path | None = None
    """Where the grading is written."""
    against: Path | None = None
    """An earlier grading to set it beside."""
    kept: tuple[Path, ...] = ()
    """Files in use, beside the benchmark, that are never written over."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What was found."""

    result: ScoreResult
    regraded: Regraded | None


async def analyse_benchmark(chosen: Chosen, wanted: Wanted) -> Analysed:
    """Grade a benchmark from the cache, and do what is wanted on the way.

    Raises BenchmarkError, CacheError or ConfigError for a file that cannot be read or written.
    """
    watchers: list[Callable[[Graded], object]] = []
    earlier = None if wanted.against is None else Earlier(wanted.against)
    regrading = Regrading(chosen.source.aliases)
    if earlier is not None:
        watchers.append(partial(_regrade, earlier, regrading))
    with ExitStack() as files:
        if wanted.save is not None:
            file = files.enter_context(replaced(wanted.save, chosen.benchmark, *wanted.kept))
            watchers.append(saver(file, str(chosen.benchmark), chosen.names))
        result = await score_benchmark(chosen, *watchers, analysed=wanted.analysed)
    if earlier is None:
        return Analysed(result, None)
    unknown = not earlier.tells_replies and set(earlier.runs) != set(chosen.names)
    held = earlier.held(chosen.source.aliases)
    return Analysed(result, regrading.regraded(held, earlier.versions, earlier.runs if unknown else ()))


def _regrade(earlier: Earlier, regrading: Regrading, graded: Graded) -> None:
    for grade in graded.grades:
        before, same_reply = earlier.said(graded.model, grade)
        regrading.add(graded.model, grade, before, same_reply=same_reply)
