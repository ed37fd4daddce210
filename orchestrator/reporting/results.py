"""The JSON object that `run --json` and `score --json` print, and the record it is built from.

The object's keys are a contract: keys are added, never renamed or removed. It holds no NaN and no infinity, and its
money never reads as less than was spent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from orchestrator.grading.analysis import Analysis
from orchestrator.grading.judge import Heard
from orchestrator.grading.score import ModelScore, Score, missing_tasks
from orchestrator.grading.stats import Interval
from orchestrator.grading.tally import ItemTable
from orchestrator.records import Json, Outcome
from orchestrator.reporting.analysis_json import analysis_json


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one invocation did, and what its run has come to; money in nano-dollars."""

    run: str | None
    """None where the replies of several runs are read."""
    benchmark: str
    calls: int
    cache_hits: int
    attempts: int
    """Calls, hits and attempts of this invocation."""
    spent_nanousd: int
    """Charged by this invocation."""
    ledger_nanousd: int
    """Charged to the run, ever; to all of several."""
    in_doubt_nanousd: int
    """The part of the ledger that is charged at its reservation."""
    cap_nanousd: int | None
    wall_s: float
    models: Mapping[str, ModelScore]
    """By alias, in the order of the command line."""
    spent_by_model: Mapping[str, int] = field(default_factory=dict)
    """Charged to the run, ever, for each model's own answers; a model that is missing is not shown with a spend."""
    spent_by_judge: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """alias -> judge's alias -> charged to the run, ever, for the judge's reading of that model's replies."""
    parser_version: str = ""
    judged: Mapping[str, Mapping[str, ModelScore]] = field(default_factory=dict)
    """alias -> judge's alias -> the score with the judge's reading of what the rules left."""
    verdicts: Mapping[str, Mapping[str, Mapping[Heard, int]]] = field(default_factory=dict)
    """alias -> judge's alias -> replies that the rules left, by what became of the judge's verdict."""
    tables: Mapping[str, ItemTable] = field(default_factory=dict)
    """By alias: what the scores were computed from."""
    analyses: Mapping[str, Analysis] = field(default_factory=dict)
    """By alias; a model that is missing was not analysed."""
    several: tuple[str, ...] = ()
    """The names of the runs that are read, where they are several; such a summary has no cap."""


def to_json(summary: RunSummary) -> dict[str, Json]:
    """Return the object, ready for `json.dumps`."""
    return {
        "run": summary.run,
        "runs": [summary.run] if summary.run is not None else list(summary.several),
        "benchmark": summary.benchmark,
        "calls": summary.calls,
        "cache_hits": summary.cache_hits,
        "attempts": summary.attempts,
        "spent_usd": usd(summary.spent_nanousd),
        "ledger_usd": usd(summary.ledger_nanousd),
        "in_doubt_usd": usd(summary.in_doubt_nanousd),
        "cap_usd": _usd_or_none(summary.cap_nanousd),
        "wall_s": round(summary.wall_s, 3),
        "parser_version": summary.parser_version,
        "models": {alias: _model(summary, alias, score) for alias, score in summary.models.items()},
    }


def usd(nanousd: int) -> float:
    """Return dollars as the float whose shortest text is exact to the nano-dollar, or the next one above it."""
    exact = Decimal(nanousd).scaleb(-9)
    dollars = float(exact)
    return dollars if Decimal(repr(dollars)) >= exact else math.nextafter(dollars, math.inf)


def _usd_or_none(nanousd: int | None) -> float | None:
    return None if nanousd is None else usd(nanousd)


def _model(summary: RunSummary, alias: str, score: ModelScore) -> dict[str, Json]:
    """Return the object of one model."""
    spent = summary.spent_by_model.get(alias)
    spent_on = summary.spent_by_judge.get(alias, {})
    judged = summary.judged.get(alias, {})
    missing = missing_tasks(summary.models)[alias]
    return {
        **_model_score(score, missing),
        "ledger_usd": _usd_or_none(spent),
        "with_judge": {
            judge: {
                **_model_score(with_judge, missing),
                "ledger_usd": _usd_or_none(spent_on.get(judge)),
                "verdicts": _verdicts(summary, alias, judge),
            }
            for judge, with_judge in judged.items()
        },
        **(analysis_json(summary.analyses[alias], summary.tables[alias]) if alias in summary.analyses else {}),
    }


_UNCOUNTED = {
    Heard.NONE: "said that nothing is chosen",
    Heard.REJECTED: "were not borne out by what they quote",
    Heard.FORMLESS: "were not in the form asked for",
}


def judge_lines(summary: RunSummary) -> Iterator[str]:
    """Yield how much each judge read of what the rules left of a model's replies, and how often its word counted."""
    for alias, by_judge in summary.verdicts.items():
        for judge, became in by_judge.items():
            failed, unsent = became.get(Heard.FAILED, 0), became.get(Heard.UNSENT, 0)
            left = sum(became.values())
            if not left:
                yield f"Judge {judge} had nothing to read of {alias}: the rules left no reply unread."
                continue
            lost = (
                f" Of the rest {failed:,} calls failed, {unsent:,} were not sent. These replies stay unparsed; "
                "`orchestrator status` says why, and the same `run` asks again."
            )
            yield (
                f"Judge {judge} read {left - failed - unsent:,} of the {left:,} replies of {alias} that the rules "
                f"could not; {became.get(Heard.COUNTED, 0):,} of its verdicts counted"
                f"{''.join(f', {became[why]:,} {said}' for why, said in _UNCOUNTED.items() if became.get(why))}."
                f"{lost if failed or unsent else ''}"
            )


def _verdicts(summary: RunSummary, alias: str, judge: str) -> dict[str, Json]:
    """Return how many of the replies that the rules left a judge replied to, and how many of its verdicts counted."""
    became = summary.verdicts.get(alias, {}).get(judge, {})
    return {
        "replied": sum(count for heard, count in became.items() if heard not in (Heard.FAILED, Heard.UNSENT)),
        **{str(heard): became.get(heard, 0) for heard in Heard},
    }


def overall_answered(score: ModelScore, missing: Sequence[str]) -> tuple[float | None, Interval | None]:
    """Return the overall accuracy among answered replies and its interval; nothing where a task has no such reply.

    It would be a mean of fewer tasks than its name says.
    """
    if missing or any(task.answered_accuracy is None for task in score.tasks.values()):
        return None, None
    return score.answered_accuracy, score.answered_interval


def _model_score(score: ModelScore, missing: Sequence[str]) -> dict[str, Json]:
    """Return the numbers of a model, with or without a judge."""
    answered, interval = overall_answered(score, missing)
    return {
        **_score(replace(score, answered_accuracy=answered, answered_interval=interval)),
        "tasks": {name: _score(of_task) for name, of_task in score.tasks.items()},
        "tasks_missing": list(missing),
        "by_disease": _slices(score.by_disease),
        "by_source": _slices(score.by_source),
    }


def _slices(slices: Mapping[str, Mapping[str, Score]]) -> Json:
    """Return task -> name -> score, without the tasks that have no slices."""
    return {
        task: {name: _score(score) for name, score in by_name.items()} for task, by_name in slices.items() if by_name
    }


def _score(score: Score) -> dict[str, Json]:
    """Return the numbers every score has."""
    return {
        "items": score.items,
        **{str(outcome): score.outcomes[outcome] for outcome in Outcome},
        "correct": score.correct,
        "accuracy": score.accuracy,
        "accuracy_low": score.interval.low if score.interval else None,
        "accuracy_high": score.interval.high if score.interval else None,
        "bound_low": score.bounds.low,
        "bound_high": score.bounds.high,
        "answered_accuracy": score.answered_accuracy,
        "answered_low": score.answered_interval.low if score.answered_interval else None,
        "answered_high": score.answered_interval.high if score.answered_interval else None,
        "coverage": score.coverage,
        "precision": score.precision,
        "recall": score.recall,
        "chance": score.chance,
        "replies": {str(outcome): count for outcome, count in score.replies.items()},
    }
