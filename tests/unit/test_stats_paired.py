"""The paired tests of `grading.paired`, against scipy, statsmodels, enumeration and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, permutation_test, t
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels

from orchestrator.grading.paired import Difference, detectable, mcnemar, sign_flip, weighted_difference
from orchestrator.grading.stats import group_sums

sums = st.lists(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 1 / 3]), min_size=1, max_size=10)


@given(sums)
def test_sign_flip_is_the_full_enumeration(values: list[float]) -> None:
    """The p value equals the share of all sign assignments that are as extreme."""
    signs = np.array(list(itertools.product([-1, 1], repeat=len(values))))
    totals = np.abs(signs @ np.array(values))
    expected = np.mean(totals >= abs(sum(values)) - 1e-9)
    found = sign_flip(np.array(values))
    assert found.exact
    assert found.p == pytest.approx(expected)


def test_sign_flip_is_that_of_scipy() -> None:
    """The p value equals scipy's permutation test on paired sums that are all different."""
    values = np.random.default_rng(5).normal(0.4, 1, 12)
    expected = permutation_test(
        (values, np.zeros(12)), lambda x, y: np.sum(x - y), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(values).p == pytest.approx(expected.pvalue)


@given(st.integers(0, 60), st.integers(0, 60))
def test_sign_flip_of_single_questions_is_mcnemar(only_a: int, only_b: int) -> None:
    """Where every group is one question, both tests are the binomial one."""
    flipped = sign_flip(np.array([1.0] * only_a + [-1.0] * only_b))
    assert flipped.exact
    assert flipped.p == pytest.approx(mcnemar(only_a, only_b))
    assert mcnemar(only_a, only_b) == pytest.approx(
        mcnemar_of_statsmodels([[0, only_a], [only_b, 0]], exact=True).pvalue
    )


def test_mcnemar_holds_for_large_counts() -> None:
    """Thousands of discordant items keep nine digits."""
    assert mcnemar(9000, 9400) == pytest.approx(binomtest(9000, 18400).pvalue, rel=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40))
def test_p_values_lie_above_0_and_up_to_1_and_ignore_the_direction(values: list[float]) -> None:
    """A p value is in (0, 1], and swapping the models leaves it as it is."""
    there, back = sign_flip(np.array(values)), sign_flip(-np.array(values))
    assert 0 < there.p <= 1
    assert there == back


def test_overwhelming_evidence_is_still_not_zero() -> None:
    """Five thousand groups in one direction give the smallest positive number, not 0."""
    assert 0 < sign_flip(np.ones(5000)).p < 1e-300
    assert 0 < mcnemar(5000, 0) < 1e-300


def test_many_different_sums_are_drawn_with_a_seed() -> None:
    """Beyond the enumeration the p value is drawn, the same each time, and at least 1 / 10,001."""
    values = np.random.default_rng(2).random(60) + 0.1
    first = sign_flip(values)
    assert not first.exact
    assert first == sign_flip(values)
    assert first.p == pytest.approx(1 / 10_001)


def test_drawn_p_values_are_near_the_normal_ones() -> None:
    """Sixty different sums without a clear direction agree with a normal approximation."""
    values = np.random.default_rng(4).normal(0, 1, 60)
    z = abs(values.sum()) / np.sqrt(np.square(values).sum())
    assert sign_flip(values).p == pytest.approx(2 * norm.sf(z), abs=0.02)


def test_equal_models_are_rarely_told_apart() -> None:
    """Of 600 pairs of equal models on 30 images of 4 questions, the test calls 3 to 7.5 % different at .05."""
    rng = np.random.default_rng(8)
    found = 0
    for _ in range(600):
        of_image = rng.beta(0.7, 1.6, (30, 1))
        a, b = (rng.random((2, 30, 4)) < of_image).astype(np.float64)
        found += sign_flip((a - b).sum(axis=1)).p <= 0.05
    assert 0.03 <= found / 600 <= 0.075


def plain(differences: list[float], groups: list[int] | None = None) -> Difference:
    """Return the difference of one task whose items weigh the same."""
    values = np.array(differences)
    numbers = np.arange(len(values)) if groups is None else np.unique(groups, return_inverse=True)[1]
    return weighted_difference(
        values, numbers, np.full(len(values), 1 / len(values)), np.zeros(len(values), dtype=np.int64)
    )


@given(st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 1.0, 0.5]), st.integers(0, 5)), min_size=1, max_size=30))
@example([(-1.0, 0)] * 9)
def test_the_interval_holds_the_difference_and_turns_with_the_models(pairs: list[tuple[float, int]]) -> None:
    """The interval holds the difference within -1 and 1; swapping the models negates both."""
    differences, groups = [d for d, _ in pairs], [g for _, g in pairs]
    there, back = plain(differences, groups), plain([-d for d in differences], groups)
    assert -1 <= there.interval.low <= there.value <= there.interval.high <= 1
    assert back.value == pytest.approx(-there.value)
    assert back.interval == pytest.approx((-there.interval.high, -there.interval.low))
    assert back.error == pytest.approx(there.error)


def test_models_that_agree_everywhere_may_still_differ() -> None:
    """No discordant item among 20 does not prove a difference of exactly 0."""
    low, high = plain([0.0] * 20).interval
    assert low < -0.05
    assert high > 0.05


def test_tasks_weigh_the_same() -> None:
    """With weights by task, 2 items of one task count as much as 100 of another."""
    differences = np.array([1.0, 1.0, *[0.0] * 100])
    strata = np.array([0, 0, *[1] * 100])
    weights = np.where(strata == 0, 1 / 4, 1 / 200)
    assert weighted_difference(differences, np.arange(102), weights, strata).value == pytest.approx(0.5)


@pytest.mark.parametrize(("groups", "alike"), [(10, 0.3), (40, 0.3), (40, 0.6)])
def test_intervals_of_a_difference_cover_the_truth(groups: int, alike: float) -> None:
    """Over 1,000 simulated pairs with 4 questions an image, the 95 % interval holds the truth in 93 to 99.5 %."""
    rng = np.random.default_rng(6)
    scale = (1 - alike) / alike
    numbers = np.repeat(np.arange(groups), 4)
    covered = 0
    for _ in range(1000):
        of_a, of_b = rng.beta(0.3 * scale, 0.7 * scale, groups), rng.beta(0.4 * scale, 0.6 * scale, groups)
        a, b = rng.random(4 * groups) < of_a[numbers], rng.random(4 * groups) < of_b[numbers]
        low, high = plain(list(a.astype(float) - b.astype(float)), list(numbers)).interval
        covered += low <= -0.1 <= high
    assert 0.93 <= covered / 1000 <= 0.995


SKEWED = [200, *[1] * 19]
"""One group of 200 items and 19 of one."""


def skewed_pair(
    rng: np.random.Generator, sizes: list[int], ahead: float, alike: float
) -> tuple[list[float], list[int]]:
    """Return differences and groups of two models, one ahead by so much on average, by more or less in each group."""
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    by_group = np.clip(ahead + rng.normal(0, alike, len(sizes)), ahead - 0.5, ahead + 0.5) / 2
    a, b = (rng.random(len(numbers)) < 0.5 + sign * by_group[numbers] for sign in (1, -1))
    return list(a.astype(float) - b.astype(float)), list(numbers)


@pytest.mark.parametrize("sizes", [[300, 300, *[3] * 100], [100, *[5] * 19], [60, *[5] * 49], [80, 40, 20, 10, 5]])
def test_intervals_of_a_difference_cover_the_truth_where_few_groups_hold_most_items(sizes: list[int]) -> None:
    """Over 500 simulated pairs whose largest groups pull the difference to themselves, it holds the truth in 93 %."""
    rng = np.random.default_rng(14)
    covered = 0
    for _ in range(500):
        low, high = plain(*skewed_pair(rng, sizes, 0.1, 0.25)).interval
        covered += low <= 0.1 <= high
    assert covered / 500 >= 0.93


def test_the_interval_agrees_with_the_test_where_one_group_holds_most_items() -> None:
    """Of 200 pairs of equal models the interval leaves out 0 in 10 % or fewer, and never where p is .5 or more."""
    rng = np.random.default_rng(15)
    left_out = []
    for _ in range(200):
        differences, groups = skewed_pair(rng, SKEWED, 0, 0.25)
        low, high = plain(differences, groups).interval
        if not low <= 0 <= high:
            left_out.append(sign_flip(group_sums(np.array(differences), np.array(groups), 20)).p)
    assert len(left_out) <= 20
    assert max(left_out, default=0) < 0.5


@pytest.mark.parametrize(("groups", "each"), [(6, 5), (20, 1), (30, 4)])
def test_groups_of_one_size_have_the_usual_clustered_interval_of_a_difference(groups: int, each: int) -> None:
    """The groups' means and two imagined ones have the t interval of their mean: leverage changes nothing there."""
    values = np.random.default_rng(16).integers(-1, 2, (groups, each)).astype(np.float64)
    means = [*values.mean(axis=1), 1 / each, -1 / each]
    half = t.ppf(0.975, groups + 1) * np.std(means, ddof=1) / np.sqrt(groups + 2)
    found = plain(list(values.ravel()), list(np.repeat(np.arange(groups), each)))
    assert found.interval == pytest.approx((np.mean(means) - half, np.mean(means) + half), abs=0.001)


def test_a_difference_has_the_degrees_of_freedom_of_its_effective_groups() -> None:
    """Equal groups and two imagined ones have one less than their number; one large group never has fewer than 1."""
    assert plain([0.0, 1.0] * 10, list(range(10)) * 2).freedom == pytest.approx(11)
    assert plain(*skewed_pair(np.random.default_rng(1), SKEWED, 0, 0.25)).freedom == 1


def test_a_task_on_a_single_image_is_not_taken_for_known() -> None:
    """Apart by 1 on the one image of a task, equal on the 20 of the other, two models may be equal on the whole."""
    differences = np.array([*[1.0, -1.0] * 20, *[1.0] * 30])
    groups = np.array([*np.repeat(np.arange(20), 2), *[0] * 30])
    strata = np.array([*[0] * 40, *[1] * 30])
    found = weighted_difference(differences, groups, np.where(strata == 0, 1 / 80, 1 / 60), strata)
    assert found.value == pytest.approx(0.5)
    assert found.interval.low < 0


def test_detectable_difference_has_the_power_it_claims() -> None:
    """A true difference of the stated size is found in about 80 % of the samples."""
    rng = np.random.default_rng(9)
    size = detectable(1 / np.sqrt(400), 399)
    found = [abs(rng.normal(size, 1, 400).mean()) * 20 > 1.96 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)
    assert detectable(5.0, 399) == 1.0


def test_what_a_large_group_hides_is_not_called_detectable() -> None:
    """Where one group holds most items, .3 is found in fewer than 80 % of 100 samples, and none calls it detectable."""
    rng = np.random.default_rng(17)
    found, called = 0, []
    for _ in range(100):
        differences, groups = skewed_pair(rng, SKEWED, 0.3, 0.1)
        found += sign_flip(group_sums(np.array(differences), np.array(groups), 20)).p < 0.05
        difference = plain(differences, groups)
        called.append(detectable(difference.error, difference.freedom))
    assert found < 80
    assert np.median(called) > 0.3
