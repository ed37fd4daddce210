"""`compare`: models on the same items, from the cache alone."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.commands.scoring import Chosen, ScoreResult, score_benchmark
from orchestrator.errors import ConfigError
from orchestrator.grading.compare import By, Comparison, SliceComparison, compare_all, compare_slices

FEWEST = 2


@dataclass(frozen=True, slots=True)
class Compared:
    """Every pair of models, and two models slice by slice."""

    result: ScoreResult
    pairs: tuple[Comparison, ...]
    slices: tuple[SliceComparison, ...]
    """Empty unless asked for."""


async def compare_benchmark(chosen: Chosen, by: By | None) -> Compared:
    """Compare every pair of the models; `by` slices a single pair further.

    Raises ConfigError for fewer than two models, or for slices of more than two.
    """
    models = chosen.source.aliases
    if len(models) < FEWEST:
        raise ConfigError(f"{chosen.benchmark}: two models are needed to compare, and here is only {models[0]}.")
    if by is not None and len(models) > FEWEST:
        raise ConfigError(f"--by {by} compares two models: name them, of {', '.join(models)}.")
    result = await score_benchmark(chosen)
    tables = result.scored.tables
    return Compared(
        result,
        compare_all(tables),
        () if by is None else compare_slices(tables[models[0]], tables[models[1]], by),
    )
