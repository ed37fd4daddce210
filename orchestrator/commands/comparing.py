"""`compare`: models on the same items, from the cache alone."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.commands.scoring import Chosen, ScoreResult, score_benchmark
from orchestrator.errors import ConfigError
from orchestrator.grading.compare import By, Comparison, SliceComparison, compare_all, compare_slices
from orchestrator.reporting.analysis_tables import unsliced_lines

FEWEST = 2


@dataclass(frozen=True, slots=True)
class Compared:
    """Every pair of models, and two models slice by slice."""

    result: ScoreResult
    pairs: tuple[Comparison, ...]
    slices: tuple[SliceComparison, ...]
    """Empty unless asked for."""
    unsliced: tuple[str, ...] = ()
    """Which tasks have no slices although they were asked for, why, and what to do."""


async def compare_benchmark(chosen: Chosen, by: By | None) -> Compared:
    """Compare every pair of the models; `by` slices a single pair further.

    Raises ConfigError for fewer than two models, for slices of more than two, or where nothing can be sliced.
    """
    models = chosen.source.aliases
    if len(models) < FEWEST:
        raise ConfigError(f"{chosen.benchmark}: two models are needed to compare, and here is only {models[0]}.")
    if by is not None and len(models) > FEWEST:
        raise ConfigError(f"--by {by} compares two models: name them, of {', '.join(models)}.")
    result = await score_benchmark(chosen)
    tables = result.scored.tables
    if by is None:
        return Compared(result, compare_all(tables), ())
    slices = compare_slices(tables[models[0]], tables[models[1]], by)
    lines = tuple(unsliced_lines(tables[models[0]], by))
    if lines and not slices:
        raise ConfigError(f"{chosen.benchmark}: nothing to compare by {by}. {' '.join(lines)}")
    return Compared(result, compare_all(tables), slices, lines)
