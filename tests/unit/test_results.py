"""The JSON object of a run: its keys, its money, its honesty about what is not known."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.grading.judge import Heard
from orchestrator.grading.score import score_model
from orchestrator.records import Grade, Outcome
from orchestrator.reporting.results import RunSummary, judge_lines, to_json, usd

RUN_KEYS = {
    *("run", "benchmark", "calls", "cache_hits", "attempts", "spent_usd", "ledger_usd", "in_doubt_usd", "cap_usd"),
    *("wall_s", "models"),
}
SCORE_KEYS = {
    *("items", "answered", "refused", "filtered", "truncated", "unparsed", "failed", "unsent", "correct"),
    *("accuracy", "accuracy_low", "accuracy_high", "bound_low", "bound_high", "precision", "recall", "chance"),
}


def summary(cap: int | None = 5_000_000_000) -> RunSummary:
    """Return the summary of a run of two models, one of them without any reply."""
    grades = [
        Grade("1", "SDD", "g", False, ("A", "B"), ("A",), ("A",), Outcome.ANSWERED, metadata={"disease": "Healthy"}),
        Grade("2", "SDD", "g", False, ("A", "B"), ("A",), (), Outcome.REFUSED),
        Grade("3", "SLL", "h", True, ("A", "B"), ("A", "B"), ("A",), Outcome.ANSWERED),
    ]
    lost = [Grade("1", "SDD", "g", False, ("A", "B"), ("A",), (), Outcome.UNSENT)]
    return RunSummary(
        run="abc",
        benchmark="bench.jsonl",
        calls=3,
        cache_hits=1,
        attempts=4,
        spent_nanousd=1,
        ledger_nanousd=123_456_789,
        in_doubt_nanousd=0,
        cap_nanousd=cap,
        wall_s=1.23456,
        models={"gpt": score_model(grades), "mute": score_model(lost)},
        spent_by_model={"gpt": 123_456_789},
        parser_version="1",
    )


def test_the_object_has_every_promised_key() -> None:
    """No key of the contract is missing, for the run, each model and each task."""
    found = json.loads(json.dumps(to_json(summary()), allow_nan=False))
    assert set(found) >= RUN_KEYS
    for model in found["models"].values():
        assert SCORE_KEYS | {"tasks"} <= set(model)
        for task in model["tasks"].values():
            assert set(task) >= SCORE_KEYS


def test_numbers_are_those_of_the_score() -> None:
    """Counts are whole numbers, accuracies shares, slices by task and name."""
    found = json.loads(json.dumps(to_json(summary())))
    gpt = found["models"]["gpt"]
    assert (gpt["items"], gpt["answered"], gpt["refused"], gpt["correct"]) == (3, 2, 1, 1)
    assert isinstance(gpt["correct"], int)
    assert gpt["accuracy"] == 0.25
    assert gpt["tasks"]["SLL"]["recall"] == 0.5
    assert gpt["accuracy_low"] <= 0.25 <= gpt["accuracy_high"]
    assert gpt["by_disease"]["SDD"]["Healthy"]["accuracy"] == 1
    assert gpt["by_source"] == {}
    assert gpt["replies"]["answered"] == 2
    assert found["wall_s"] == 1.235
    assert (found["calls"], found["cache_hits"], found["attempts"]) == (3, 1, 4)


def test_what_is_not_known_is_null() -> None:
    """A model without replies has null accuracies and full bounds; a run without a cap has a null cap."""
    found = json.loads(json.dumps(to_json(summary(cap=None))))
    mute = found["models"]["mute"]
    assert [mute[key] for key in ("accuracy", "accuracy_low", "accuracy_high", "answered_accuracy")] == [None] * 4
    assert (mute["bound_low"], mute["bound_high"], mute["coverage"]) == (0, 1, 0)
    assert mute["ledger_usd"] is None
    assert found["cap_usd"] is None
    assert to_json(summary())["cap_usd"] == 5


def test_money_is_exact_to_the_nano_dollar() -> None:
    """One nano-dollar is not nothing, and a ledger keeps nine decimals."""
    found = to_json(summary())
    assert found["spent_usd"] == 1e-9
    assert found["ledger_usd"] == 0.123456789


@given(st.integers(0, 10**22))
def test_money_never_reads_as_less_than_was_spent(nanousd: int) -> None:
    """The shortest text of the float is at least the exact amount, and equal to it below a million dollars."""
    shown, exact = Decimal(repr(usd(nanousd))), Decimal(nanousd).scaleb(-9)
    assert shown >= exact
    assert nanousd > 10**15 or shown == exact


def test_what_became_of_a_judges_calls_is_said_by_model() -> None:
    """That it had nothing to read; or how much it read, how often its word counted, and what was lost."""
    became = {
        "none": {"judge": Counter[Heard]()},
        "lost": {"judge": Counter({Heard.COUNTED: 1, Heard.FAILED: 1, Heard.UNSENT: 2})},
        "well": {"judge": Counter({Heard.COUNTED: 1, Heard.NONE: 2})},
    }
    models = {alias: score_model([]) for alias in became}
    more = score_model([])
    judged = {alias: {"judge": replace(more, replies={**more.replies, Outcome.ANSWERED: 1})} for alias in became}
    summary = RunSummary("run", "bench.jsonl", 0, 0, 0, 0, 0, 0, None, 0.0, models, judged=judged, verdicts=became)
    nothing, lost, well = judge_lines(summary)
    assert "nothing to read of none" in nothing
    told = "Judge judge read {} replies of {} that the rules could not; 1 of its verdicts counted"
    assert lost.startswith(told.format("1 of the 4", "lost") + ". Of the rest 1 calls failed, 2 were not sent.")
    assert well == told.format("3 of the 3", "well") + ", 2 said that nothing is chosen."
