"""The arithmetic of an estimate: what is reserved, what is expected, how long it takes, and what a pilot foretells."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paid_fixtures import model, provider, request
from scipy import stats

from orchestrator.inference.estimate import (
    ASSUMED_OUTPUT,
    Bound,
    History,
    Load,
    expected_usage,
    history,
    load_of,
    picture_settings,
    picture_tokens,
    predict,
    spread,
    student_t,
    wall,
)
from orchestrator.inference.pricing import cost, worst_case
from orchestrator.inference.tokens import IMAGE_FORMULAS, Calibration, TokenEstimate, estimate
from orchestrator.records import ImagePolicy, ImageRef, Price, Usage

MODEL = replace(model(provider()), params={"max_tokens": 1024})
TIERED = Price(2_500_000, 1_250_000, 10_000_000, "2026-11-01", "", 1.0, 1000, 5_000_000, 5_000_000, 15_000_000)
NEW = History(Calibration())

ratios = st.lists(st.floats(0.05, 6.0), max_size=40)
answers = st.lists(st.tuples(st.integers(0, 3000), st.floats(0.0, 60.0)), max_size=40)
calls = st.dictionaries(st.integers(1, 5000), st.integers(1, 9), max_size=4)


def learnt(ratios: list[float]) -> Calibration:
    """Return what replies billed at these ratios teach."""
    calibration = Calibration()
    for ratio in ratios:
        calibration = calibration.observe(TokenEstimate(1000, 0), round(1000 * ratio))
    return calibration


# --- calls -----------------------------------------------------------------------------------------------------------


def test_two_calls_without_a_reply_to_learn_from() -> None:
    """The formulas stand as they are, the answer is assumed, and the worst answer takes the whole limit."""
    assert load_of({800: 2}, MODEL, NEW) == Load(
        calls=2,
        input_tokens=1600,
        output_tokens=2 * ASSUMED_OUTPUT,
        worst_input_tokens=1600,
        worst_output_tokens=2048,
        expected_nanousd=2 * (800 * 2500 + 300 * 10_000),
        worst_nanousd=2 * (800 * 2500 + 1024 * 10_000),
    )


def test_replies_set_the_expectation() -> None:
    """The mean ratio and the mean answer are expected, rounded up; their waiting adds up."""
    past = history(learnt([0.5, 0.7]), [(100, 2.0), (101, 4.0)])
    load = load_of({1000: 3}, MODEL, past)
    assert (load.input_tokens, load.output_tokens, load.busy_s) == (1800, 303, 9.0)
    assert past.answers == 2


def test_an_answer_is_never_expected_beyond_its_limit() -> None:
    """A small max_tokens bounds the assumption, and also what replies under a larger one teach."""
    short = replace(MODEL, params={"max_tokens": 64})
    assert expected_usage(800, short, NEW) == Usage(800, 0, 64)
    assert expected_usage(800, short, history(Calibration(), [(900, 1.0)])).output_tokens == 64


@given(calls, ratios, answers, st.sampled_from([MODEL.price, TIERED]))
def test_the_worst_case_is_what_the_runner_reserves(
    calls: dict[int, int], ratios: list[float], answers: list[tuple[int, float]], price: Price
) -> None:
    """Call by call: the calibrated input and the whole output limit, at list price; never less than is expected."""
    priced = replace(MODEL, price=price)
    past = history(learnt(ratios), answers)
    load = load_of(calls, priced, past)
    reserved = [worst_case(past.calibration.apply(one), 1024, price) for one in Counter(calls).elements()]
    expected = [cost(expected_usage(one, priced, past), price) for one in Counter(calls).elements()]
    assert (load.worst_nanousd, load.expected_nanousd) == (sum(reserved), sum(expected))
    assert load.calls == len(reserved)
    assert load.expected_nanousd <= load.worst_nanousd
    assert load.input_tokens <= load.worst_input_tokens
    assert load.output_tokens <= load.worst_output_tokens


def test_a_call_beyond_the_threshold_costs_the_long_rates() -> None:
    """Only the call above it, not those below."""
    load = load_of({1000: 1, 1001: 1}, replace(MODEL, price=TIERED), NEW)
    assert load.expected_nanousd == (1000 * 2500 + 300 * 10_000) + (1001 * 5000 + 300 * 15_000)


@given(calls, calls)
def test_loads_add_up(some: dict[int, int], more: dict[int, int]) -> None:
    """Counting apart and adding is counting together."""
    past = History(Calibration(), 4, 99.5, 2.0)
    together = load_of(Counter(some) + Counter(more), MODEL, past)
    assert load_of(some, MODEL, past) + load_of(more, MODEL, past) == together
    assert together + Load() == together


# --- pictures --------------------------------------------------------------------------------------------------------


def test_other_settings_start_with_the_models_own() -> None:
    """Then come the other sides, the full size and, where the formula tells them apart, the details; none twice."""
    own = ImagePolicy(max_side=768, detail="high")
    shown = picture_settings(replace(MODEL, image=own))
    assert [(one.max_side, one.detail) for one in shown] == [
        (768, "high"),
        (512, "high"),
        (1024, "high"),
        (None, "high"),
        (768, "low"),
    ]


@pytest.mark.parametrize(("formula", "knows"), [("openai-tiles", True), ("gemini3", True), ("claude", False)])
def test_details_are_compared_where_they_count(formula: str, knows: bool) -> None:
    """A formula that counts every detail alike gives no rows for them."""
    details = {one.detail for one in picture_settings(replace(MODEL, image=ImagePolicy(), image_tokens=formula))}
    assert details == ({None, "low", "high"} if knows else {None})


@settings(deadline=None)  # the first one loads the tokenizer
@given(
    st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), max_size=3),
    st.sampled_from([None, 16, 512, 1024]),
    st.sampled_from([None, "low", "high"]),
    st.sampled_from(sorted(IMAGE_FORMULAS)),
)
def test_pictures_count_as_in_the_estimate_of_the_call(
    sizes: list[tuple[int, int]], side: int | None, detail: str | None, formula: str
) -> None:
    """The tokens of the pictures alone are those that the runner's estimate finds in the request."""
    images = tuple(ImageRef("x.png", f"{index:064}", *size) for index, size in enumerate(sizes))
    policy = ImagePolicy(max_side=side, detail=detail)
    sent = request(images=images, policy=policy)
    assert picture_tokens(request(images=images), policy, formula) == estimate(sent, formula).image


# --- time ------------------------------------------------------------------------------------------------------------

SLOW = replace(provider(), rpm=60, tpm=60_000, max_concurrency=4)


@pytest.mark.parametrize(
    ("load", "seconds", "bound", "soonest"),
    [
        (Load(calls=90), 90.0, Bound.REQUESTS, 90.0),
        (Load(calls=9, worst_input_tokens=70_000, worst_output_tokens=20_000), 90.0, Bound.TOKENS, 9.0),
        (Load(calls=9, input_tokens=40_000, output_tokens=10_000, worst_input_tokens=90_000), 90.0, Bound.TOKENS, 50.0),
        (Load(calls=9, busy_s=360.0), 90.0, Bound.CONCURRENCY, 90.0),
        (Load(), 0.0, Bound.REQUESTS, 0.0),
    ],
)
def test_the_tightest_limit_sets_the_time(load: Load, seconds: float, bound: Bound, soonest: float) -> None:
    """Requests, tokens as they are taken, or places: the slowest counts; sooner if unused tokens come back."""
    time = wall(load, SLOW)
    assert (time.seconds, time.bound, time.soonest_s) == (seconds, bound, soonest)


# --- a pilot ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 2000), st.integers(1, 300), st.integers())
def test_a_pilot_is_spread_evenly(total: int, count: int, seed: int) -> None:
    """One item out of each stretch, the same for the same seed; all of a small benchmark."""
    chosen = spread(total, count, seed)
    assert chosen == spread(total, count, seed)
    assert len(chosen) == min(total, count)
    assert all(0 <= one < total for one in chosen)
    if count <= total:
        gaps = [after - before for before, after in zip(sorted(chosen), sorted(chosen)[1:], strict=False)]
        assert all(gap < 2 * total / count + 1 for gap in gaps)


def test_a_pilot_is_not_the_first_items() -> None:
    """Of a thousand items ten reach into every hundred, and another seed chooses others."""
    assert {one // 100 for one in spread(1000, 10, 0)} == set(range(10))
    assert spread(1000, 10, 0) != spread(1000, 10, 1)


@pytest.mark.parametrize("freedom", [*range(1, 40), 99, 100, 1001, 4998])
def test_the_quantile_is_students(freedom: int) -> None:
    """It agrees with scipy to nine digits."""
    assert math.isclose(student_t(freedom), stats.t.ppf(0.975, freedom), rel_tol=1e-9)


def test_a_prediction_by_hand() -> None:
    """Costs 1, 2, 3 and six more calls: 12 +- 4.303 * 1 * sqrt(36 / 3 + 6), and never below nothing."""
    found = predict([1_000, 2_000, 3_000], 6)
    assert found is not None
    assert (found.sample, found.mean_nanousd, found.expected_nanousd) == (3, 2000, 12_000)
    assert found.high_nanousd == math.ceil(12_000 + 4.302652729749462 * 1000 * math.sqrt(18))
    assert found.low_nanousd == 0


def test_equal_costs_foretell_exactly() -> None:
    """Without any spread the limits are the expectation."""
    found = predict([500] * 5, 10)
    assert found is not None
    assert (found.low_nanousd, found.expected_nanousd, found.high_nanousd) == (5000, 5000, 5000)


def test_nothing_left_costs_nothing() -> None:
    """With no call to make the interval is zero."""
    found = predict([400, 600], 0)
    assert found is not None
    assert (found.expected_nanousd, found.low_nanousd, found.high_nanousd) == (0, 0, 0)


@pytest.mark.parametrize("costs", [[], [7]])
def test_fewer_than_two_replies_foretell_nothing(costs: list[int]) -> None:
    """One cost says nothing of how costs vary."""
    assert predict(costs, 100) is None


def test_the_interval_holds_what_it_promises() -> None:
    """Of 2,000 simulated pilots of 20 on right-skewed costs, 92 to 97 % hold the sum of the remaining calls."""
    random = Random(1)
    held = 0
    for _ in range(2000):
        costs = [round(1e6 * (1 + random.lognormvariate(0, 0.6))) for _ in range(120)]
        found = predict(costs[:20], 100)
        assert found is not None
        held += found.low_nanousd <= sum(costs[20:]) <= found.high_nanousd
    assert 0.92 <= held / 2000 <= 0.97
