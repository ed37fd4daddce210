"""What the JSON object of a run says of each model beside its score; all of it by the rules alone."""

from __future__ import annotations

from orchestrator.grading.agreement import passes
from orchestrator.grading.analysis import Analysis
from orchestrator.grading.confusion import WITHOUT_LETTERS, Confusion
from orchestrator.grading.levels import Level, by_task
from orchestrator.grading.position import Positions
from orchestrator.grading.tally import ItemTable
from orchestrator.records import Json


def analysis_json(analysis: Analysis, table: ItemTable) -> dict[str, Json]:
    """Return the keys that an analysis adds to a model's object, ready for `json.dumps`."""
    return {
        "by_level": {
            task: {level.name: _level_json(level) for level in levels}
            for task, levels in by_task(analysis.levels).items()
        },
        "confusion": {one.task: _confusion_json(one) for one in analysis.confusions},
        "positions": {one.task: _positions_json(one) for one in analysis.positions},
        "agreement": {
            one.task: {"items": one.items, "pairwise": one.pairwise, "kappa": one.kappa} for one in analysis.agreements
        },
        "pass_at": {str(one.k): {"items": one.items, "value": one.value} for one in passes(table)},
    }


def _level_json(level: Level) -> Json:
    return {
        "gold": level.gold,
        "chosen": level.chosen,
        "hits": level.hits,
        "precision": level.precision,
        "recall": level.recall,
    }


def _confusion_json(confusion: Confusion) -> Json:
    return {
        "gold": list(confusion.gold),
        "chosen": list(confusion.chosen),
        "answered": [list(row) for row in confusion.answered],
        "outcomes": [str(outcome) for outcome in WITHOUT_LETTERS],
        "unanswered": [list(row) for row in confusion.unanswered],
    }


def _positions_json(positions: Positions) -> Json:
    return {
        "places": [
            {
                "offered": place.offered,
                "gold": place.gold,
                "picked": place.picked,
                "asked": place.asked,
                "right": place.right,
                "gold_rate": place.gold_rate,
                "pick_rate": place.pick_rate,
                "accuracy": place.accuracy,
            }
            for place in positions.places
        ],
        "circular_items": positions.circular_items,
        "circular_right": positions.circular_right,
        "circular_accuracy": positions.circular_accuracy,
    }
