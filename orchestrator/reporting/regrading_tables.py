"""A grading beside an earlier one: the scores of both, and every reply that is read differently now."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.grading.parse import PARSER_VERSION
from orchestrator.grading.regrading import Change, Regraded, Said
from orchestrator.grading.score import ModelScore
from orchestrator.records import Json
from orchestrator.reporting.tables import Cell, Column, Percent, Row, Table

_SCORES = (
    Column("accuracy", "before", limits=True),
    Column("accuracy", "now", limits=True),
    Column("replies", "changed"),
    Column("replies", "right only now"),
    Column("replies", "right only before"),
)
_PLACE = (Column("", "model"), Column("", "sample"), Column("", "rotation"))
_READ = (
    Column("before", "letters"),
    Column("before", "rule"),
    Column("before", "parser"),
    Column("now", "letters"),
    Column("now", "rule"),
    Column("now", "parser"),
    Column("", "right"),
)
_ROTATED = (
    "Letters as they were shown: under rotation r the one at place n stands for the option at place n + r of the "
    "benchmark, counted round."
)


def regrading_tables(regraded: Regraded) -> Iterator[Table]:
    """Yield the scores before and now, and the list of changes if there are any."""
    versions = ", ".join(regraded.versions) or "none"
    notes = [
        f"Before: parser {versions}; now: parser {PARSER_VERSION}. Percent; in brackets the 95 % interval, "
        "rounded outward. Both on the replies that both gradings read, with the benchmark's right letters of now."
    ]
    if regraded.only_before or regraded.only_now:
        notes.append(
            f"In neither score: {regraded.only_before} questions held only before, {regraded.only_now} only now."
        )
    if regraded.others:
        notes.append(
            f"{regraded.others} replies are other ones than then (another run, or asked again): in neither score."
        )
    if regraded.other_runs:
        notes.append(
            f"The earlier grading is of other runs ({', '.join(regraded.other_runs)}) and does not tell replies apart: "
            "what is listed may be another reply, not another reading."
        )
    yield Table(
        "Model",
        _SCORES,
        tuple(Row(model, _score_cells(regraded, model)) for model in regraded.now),
        tuple(notes),
        "Against the earlier grading",
    )
    if regraded.changes:
        several = any(one.sample or one.rotation for one in regraded.changes)
        place = _PLACE if several else _PLACE[:1]
        rows = tuple(Row(one.item_id, _change_cells(one, len(place))) for one in regraded.changes)
        turned = any(one.rotation for one in regraded.changes)
        yield Table("Item", (*place, *_READ), rows, (_ROTATED,) if turned else (), "Read differently")


def _score_cells(regraded: Regraded, model: str) -> tuple[Cell, ...]:
    accuracies = (_accuracy(scores[model]) for scores in (regraded.before, regraded.now))
    return (*accuracies, *_changed(regraded, model))


def _changed(regraded: Regraded, model: str) -> tuple[int, int, int]:
    """Return how many replies are read differently, and of them are right only now and only before."""
    gains = [one.gain for one in regraded.changes if one.model == model]
    return len(gains), gains.count(1), gains.count(-1)


def _accuracy(score: ModelScore) -> Percent:
    return Percent(None) if score.interval is None else Percent(score.accuracy, *score.interval)


def _change_cells(change: Change, places: int) -> tuple[Cell, ...]:
    place: tuple[Cell, ...] = (change.model, change.sample, change.rotation)
    return (*place[:places], *_said_cells(change.before), *_said_cells(change.now), " ".join(change.gold))


def _said_cells(said: Said) -> tuple[Cell, ...]:
    return " ".join(said.letters) or f"({said.outcome})", said.rule or None, said.parser_version


def regrading_json(regraded: Regraded) -> dict[str, Json]:
    """Return the object of `score --against`, ready for `json.dumps`."""
    return {
        "parser_versions": list(regraded.versions),
        "only_before": regraded.only_before,
        "only_now": regraded.only_now,
        "other_replies": regraded.others,
        "other_runs": list(regraded.other_runs),
        "models": {model: _model_json(regraded, model) for model in regraded.now},
        "changes": [
            {
                "item_id": one.item_id,
                "model": one.model,
                "sample": one.sample,
                "rotation": one.rotation,
                "gold": list(one.gold),
                "before": _said_json(one.before),
                "now": _said_json(one.now),
            }
            for one in regraded.changes
        ],
    }


def _model_json(regraded: Regraded, model: str) -> Json:
    body: dict[str, Json] = {}
    for when, score in (("before", regraded.before[model]), ("now", regraded.now[model])):
        body[f"accuracy_{when}"] = score.accuracy
        body[f"accuracy_{when}_low"] = score.interval.low if score.interval else None
        body[f"accuracy_{when}_high"] = score.interval.high if score.interval else None
    names = ("changed", "right_only_now", "right_only_before")
    return body | dict(zip(names, _changed(regraded, model), strict=True))


def _said_json(said: Said) -> Json:
    return {
        "letters": list(said.letters),
        "rule": said.rule,
        "outcome": str(said.outcome),
        "parser_version": said.parser_version,
    }
