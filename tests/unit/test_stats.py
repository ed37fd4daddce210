"""The formulas of `grading.stats`, against scipy, statsmodels and the laws they must obey."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from orchestrator.grading.stats import (
    Z_95,
    Z_POWER_80,
    Interval,
    average_interval,
    benjamini_hochberg,
    chance,
    clustered_covariance,
    correlation,
    effective_groups,
    effective_size,
    group_influence,
    group_sums,
    holm,
    mean_interval,
    pass_at_k,
    t_975,
    wilson,
)

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)
shares = st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0])
grouped = st.lists(st.tuples(shares, st.integers(0, 8)), min_size=1, max_size=40)


def arrays(pairs: list[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return values and groups as arrays."""
    return np.array([v for v, _ in pairs], dtype=np.float64), np.array([g for _, g in pairs], dtype=np.int64)


def test_quantiles_are_those_of_the_normal_distribution() -> None:
    """The two constants are the 0.975 and the 0.8 quantile."""
    assert pytest.approx(norm.ppf(0.975), abs=1e-12) == Z_95
    assert pytest.approx(norm.ppf(0.8), abs=1e-12) == Z_POWER_80


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_that_of_statsmodels(right_of: tuple[int, int]) -> None:
    """Wilson's interval equals the reference and holds its estimate."""
    right, n = right_of
    low, high = wilson(right / n, n)
    expected = proportion_confint(right, n, method="wilson")
    assert (low, high) == pytest.approx(expected, abs=1e-9)
    assert 0 <= low <= right / n <= high <= 1


@pytest.mark.parametrize("freedom", [1, 1.18, 1.5, 2, 2.5, 3, 4, 5, 10, 30, 1000])
def test_t_quantiles_are_those_of_scipy(freedom: float) -> None:
    """The expansion is within 0.2 %."""
    assert t_975(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=0.002)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_alone_standing_items_give_plain_wilson(right: list[bool]) -> None:
    """Where every group is one item, the clustered interval is Wilson's on n."""
    values = np.array(right, dtype=np.float64)
    expected = proportion_confint(sum(right), len(right), method="wilson")
    assert mean_interval(values, np.arange(len(right))) == pytest.approx(expected, abs=1e-9)


def test_clustered_variance_of_equal_groups_is_that_of_a_cluster_robust_regression() -> None:
    """With groups of one size the variance of a mean is statsmodels' cluster-robust one of an intercept."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(25), 8)
    values = (rng.random(200) < 0.2 + 0.6 * rng.random(25)[groups]).astype(np.float64)
    fit = OLS(values, np.ones(200)).fit()
    robust = fit.get_robustcov_results("cluster", groups=groups, use_correction=False, df_correction=False)
    influence = group_influence(values, groups, 25)
    expected = float(robust.cov_params()[0, 0]) * 25 / 24
    assert clustered_covariance(influence, influence, 25) == pytest.approx(expected)


def test_clustered_variance_of_unequal_groups_is_the_jackknife() -> None:
    """The variance of a mean is (G-1)/G of the squared moves of statsmodels' intercept as each group is left out."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(12), [90, 30, *[4] * 10])
    values = (rng.random(len(groups)) < 0.2 + 0.6 * rng.random(12)[groups]).astype(np.float64)
    left_out = [OLS(values[groups != one], np.ones((groups != one).sum())).fit().params[0] for one in range(12)]
    influence = group_influence(values, groups, 12)
    assert influence == pytest.approx(values.mean() - np.array(left_out))
    expected = 11 / 12 * np.square(np.array(left_out) - values.mean()).sum()
    assert clustered_covariance(influence, influence, 12) == pytest.approx(expected)


@pytest.mark.parametrize(("groups", "each"), [(3, 7), (10, 4), (40, 2)])
def test_groups_of_one_size_have_the_usual_clustered_interval(groups: int, each: int) -> None:
    """Wilson on n / deff with the G/(G-1) variance and Student's quantile for G-1: leverage changes nothing there."""
    rng = np.random.default_rng(12)
    values = (rng.random((groups, each)) < rng.random((groups, 1))).astype(np.float64)
    deff = (values.mean(axis=1).var(ddof=1) / groups) / (values.var(ddof=1) / values.size)
    expected = wilson(float(values.mean()), values.size / max(1.0, deff), float(t.ppf(0.975, groups - 1)))
    found = mean_interval(values.ravel(), np.repeat(np.arange(groups), each))
    assert found == pytest.approx(expected, abs=0.002)


def test_groups_count_by_their_weight() -> None:
    """Equal groups are as many as they are; one that holds nearly everything is little more than one."""
    assert effective_groups(np.full(17, 0.3)) == pytest.approx(17)
    assert effective_groups(np.array([200, *[1] * 19])) == pytest.approx(1.2, abs=0.01)


def test_what_cancels_but_for_rounding_is_nothing() -> None:
    """0.1 + 0.2 - 0.3 is 0 within its group, also beside a group that does not cancel, and small sums are kept."""
    values, groups = np.array([0.1, 0.2, -0.3, 0.5, 1e-9]), np.array([0, 0, 0, 1, 2])
    assert list(group_sums(values, groups, 4)) == [0.0, 0.5, 1e-9, 0.0]


@given(grouped)
def test_mean_interval_holds_its_estimate(pairs: list[tuple[float, int]]) -> None:
    """The interval holds the mean and stays within 0 and 1, whatever the groups."""
    values, groups = arrays(pairs)
    low, high = mean_interval(values, groups)
    assert 0 <= low <= values.mean() + 1e-12
    assert values.mean() - 1e-12 <= high <= 1


@given(grouped)
def test_items_know_no_more_than_their_number_when_right_or_wrong(pairs: list[tuple[float, int]]) -> None:
    """Clusters never make a sample of right-or-wrong items larger than it is."""
    values, groups = arrays([(round(value), group) for value, group in pairs])
    assert 0 < effective_size(values, groups) <= len(values) + 1e-9


def test_copies_of_an_item_add_nothing() -> None:
    """Four copies of every item in one group know as much as the items themselves."""
    once = np.array([1, 0, 0, 1, 1, 0, 0, 0, 1, 0], dtype=np.float64)
    copied = effective_size(np.repeat(once, 4), np.repeat(np.arange(10), 4))
    assert copied == pytest.approx(10, rel=0.12)


def test_groups_count_where_nothing_varies() -> None:
    """All right in 3 groups of 4 is known like 3 trials, for how alike a group is cannot be seen."""
    assert effective_size(np.ones(12), np.repeat(np.arange(3), 4)) == 3


def test_one_group_counts_as_one_trial() -> None:
    """With one group nothing is known of how groups vary."""
    assert effective_size(np.array([1.0, 0.0, 1.0]), np.zeros(3, dtype=np.int64)) == 1
    assert clustered_covariance(np.ones(1), np.ones(1), 1) == 0


def test_means_over_samples_know_more_than_single_replies() -> None:
    """Items whose value is a mean over samples have a narrower interval than right-or-wrong ones with the same mean."""
    halves = np.tile([0.4, 0.6], 20)
    assert effective_size(halves, np.arange(40), 200) > 40


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_items_asked_several_times_know_no_more_than_all_their_replies(right: list[int]) -> None:
    """However much alike the items came out."""
    values = np.array(right) / 3
    assert effective_size(values, np.arange(len(right)), 3 * len(right)) <= 3 * len(right)


@pytest.mark.parametrize("images", [5, 10, 20])
@pytest.mark.parametrize("samples", [2, 3, 5])
@pytest.mark.parametrize(("a", "b"), [(0.7, 1.6), (20, 20), (0.5, 0.5)])
def test_intervals_of_items_asked_several_times_cover_the_truth(images: int, samples: int, a: float, b: float) -> None:
    """Over 1,000 simulated benchmarks of 5 to 20 questions with 2 to 5 replies, it holds the truth in 94 % or more."""
    rng = np.random.default_rng(17)
    covered = 0
    for _ in range(1000):
        values = rng.binomial(samples, rng.beta(a, b, images)) / samples
        low, high = mean_interval(values, np.arange(images), images * samples)
        covered += low <= a / (a + b) <= high
    assert covered / 1000 >= 0.94


@pytest.mark.parametrize(
    ("groups", "share", "alike"), [(12, 0.3, 0.3), (40, 0.02, 0.3), (40, 0.5, 0.1), (150, 0.9, 0.5)]
)
def test_intervals_cover_the_truth_at_their_nominal_rate(groups: int, share: float, alike: float) -> None:
    """Over 1,500 simulated benchmarks of 4 questions an image, the 95 % interval holds the truth in 92 to 99 %."""
    rng = np.random.default_rng(11)
    number = np.repeat(np.arange(groups), 4)
    scale = (1 - alike) / alike
    covered = 0
    for _ in range(1500):
        of_group = rng.beta(share * scale, (1 - share) * scale, groups)
        low, high = mean_interval((rng.random(4 * groups) < of_group[number]).astype(np.float64), number)
        covered += low <= share <= high
    assert 0.92 <= covered / 1500 <= 0.99


@pytest.mark.parametrize("groups", [5, 10, 20])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.74])
@pytest.mark.parametrize(("each", "alike"), [(4, 0.3), (20, 0.1), (20, 0.3)])
def test_intervals_of_few_groups_cover_the_truth(groups: int, share: float, each: int, alike: float) -> None:
    """Over 1,000 simulated benchmarks of 5 to 20 images, the 95 % interval holds the truth in 93 % or more."""
    rng = np.random.default_rng(11)
    number = np.repeat(np.arange(groups), each)
    scale = (1 - alike) / alike
    covered = 0
    for _ in range(1000):
        of_group = rng.beta(share * scale, (1 - share) * scale, groups)
        low, high = mean_interval((rng.random(each * groups) < of_group[number]).astype(np.float64), number)
        covered += low <= share <= high
    assert covered / 1000 >= 0.93


@pytest.mark.parametrize(
    "sizes", [[200, *[1] * 19], [300, 300, *[3] * 100], [100, *[5] * 19], [60, *[5] * 49], [80, 40, 20, 10, 5]]
)
@pytest.mark.parametrize(("share", "alike"), [(0.5, 0.3), (0.3, 0.5), (0.74, 0.1)])
def test_intervals_cover_the_truth_where_few_groups_hold_most_items(
    sizes: list[int], share: float, alike: float
) -> None:
    """Over 500 simulated benchmarks whose largest groups pull the mean to themselves, it holds the truth in 93 %."""
    rng = np.random.default_rng(13)
    number = np.repeat(np.arange(len(sizes)), sizes)
    scale = (1 - alike) / alike
    covered = 0
    for _ in range(500):
        of_group = rng.beta(share * scale, (1 - share) * scale, len(sizes))
        low, high = mean_interval((rng.random(len(number)) < of_group[number]).astype(np.float64), number)
        covered += low <= share <= high
    assert covered / 500 >= 0.93


def test_independent_means_average_like_independent_estimates() -> None:
    """Two uncorrelated means with symmetric intervals of half-width h give h / sqrt(2)."""
    interval = average_interval([0.4, 0.6], [Interval(0.3, 0.5), Interval(0.5, 0.7)], np.eye(2))
    assert interval == pytest.approx((0.5 - 0.1 / math.sqrt(2), 0.5 + 0.1 / math.sqrt(2)))


def test_equal_means_average_to_themselves() -> None:
    """Two fully correlated means give the interval of either."""
    interval = average_interval([0.4, 0.4], [Interval(0.3, 0.55)] * 2, np.ones((2, 2)))
    assert interval == pytest.approx((0.3, 0.55))


@given(st.lists(st.lists(st.floats(-1, 1), min_size=5, max_size=5), min_size=1, max_size=4))
def test_correlations_lie_within_one(influences: list[list[float]]) -> None:
    """A correlation matrix is symmetric, within -1 and 1, with ones on the diagonal."""
    related = correlation(np.array(influences), np.ones((len(influences), 5), dtype=np.bool_))
    assert np.allclose(related, related.T)
    assert np.all(np.abs(related) <= 1 + 1e-9)
    assert np.all(np.diag(related) == 1)


def test_estimates_that_do_not_vary_go_together_as_far_as_they_share_groups() -> None:
    """All right on the same images is known no better for being known twice; on others it is."""
    held = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0]], dtype=np.bool_)
    related = correlation(np.zeros((4, 4)), held)
    assert list(related[0]) == pytest.approx([1, 1, 0, 0.5])


@settings(max_examples=25)
@given(p_values)
def test_holm_is_that_of_statsmodels(p: list[float]) -> None:
    """Holm's adjusted p values equal the reference."""
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


@given(p_values)
def test_benjamini_hochberg_is_that_of_statsmodels(p: list[float]) -> None:
    """Benjamini and Hochberg's adjusted p values equal the reference."""
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


@given(p_values)
def test_corrections_keep_the_order_and_never_help(p: list[float]) -> None:
    """Adjusted p values rise with the raw ones, never fall below them and never pass 1."""
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p)
        assert all(raw <= after + 1e-15 and after <= 1 for raw, after in zip(p, adjusted, strict=True))
        ordered = [after for _, after in sorted(zip(p, adjusted, strict=True))]
        assert ordered == sorted(ordered)


def test_corrections_of_nothing_are_nothing() -> None:
    """No test, no p value."""
    assert holm([]) == benjamini_hochberg([]) == ()


@pytest.mark.parametrize("options", range(1, 7))
def test_chance_is_what_guessing_gets(options: int) -> None:
    """Enumerating every guess gives the stated chance, for one letter and for a set."""
    letters = range(options)
    subsets = [s for size in range(1, options + 1) for s in itertools.combinations(letters, size)]
    assert chance(options, multi=False) == pytest.approx(sum(guess == 0 for guess in letters) / options)
    assert chance(options, multi=True) == pytest.approx(sum(guess == (0,) for guess in subsets) / len(subsets))


def test_chance_needs_an_option() -> None:
    """A question without options is a fault, not a chance of infinity."""
    with pytest.raises(ValueError, match="at least one option"):
        chance(0, multi=False)


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(drawn: tuple[int, int, int]) -> None:
    """The estimate equals the enumeration of every draw of k samples out of n."""
    n, right, k = drawn
    draws = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(("n", "right", "k"), [(2, 1, 3), (2, 1, 0), (2, 3, 1), (2, -1, 1)])
def test_pass_at_k_refuses_what_cannot_be(n: int, right: int, k: int) -> None:
    """More samples than there are, or more right than samples, raise."""
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(n, right, k)
