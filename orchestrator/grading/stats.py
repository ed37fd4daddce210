"""The formulas behind every number of a table: intervals, corrections for many tests, chance, pass@k.

Pure functions of numbers; nothing here knows a model or a file. Questions that share an image or a patient are not
independent, so every variance is summed over groups first (Miller 2024, "Adding Error Bars to Evals",
arXiv 2411.00640). No function returns NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

Z_95 = 1.959963984540054
"""0.975 quantile of the normal distribution."""
Z_POWER_80 = 0.8416212335729143
"""0.8 quantile of the normal distribution."""


class Interval(NamedTuple):
    """A lower and an upper limit."""

    low: float
    high: float


# --- one mean --------------------------------------------------------------------------------------------------------


def wilson(share: float, n: float, z: float = Z_95) -> Interval:
    """Return the score interval of a share of `n` trials; `n` may be an effective, fractional number above 0.

    Source: Wilson 1927, JASA 22:209.
    """
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def t_975(freedom: float) -> float:
    """Return the 0.975 quantile of Student's t for 1 or more degrees of freedom, also broken ones, within 0.2 %.

    Source: Abramowitz and Stegun 1964, 26.7.5; the last term is fitted to make it exact for 1 and 2.
    """
    z, n = Z_95, freedom
    return (
        z
        + (z**3 + z) / 4 / n
        + (5 * z**5 + 16 * z**3 + 3 * z) / 96 / n**2
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384 / n**3
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160 / n**4
        + 1.4061 / math.pow(n, 5.453)
    )


def group_sums(values: Floats, groups: Ints, size: int) -> Floats:
    """Return the sum of the values in each group; `groups` numbers the group of every value, below `size`.

    A sum that is 0 but for rounding is 0: a group where everything cancels tells nothing, whatever floats make of it.
    """
    sums = np.asarray(np.bincount(groups, values, size), dtype=np.float64)
    sums[np.abs(sums) < 1e-12 * np.bincount(groups, np.abs(values), size)] = 0.0
    return sums


def group_influence(values: Floats, groups: Ints, size: int) -> Floats:
    """Return how far the mean of `values` moves when a group is left out, for each group; 0 for one that holds all.

    A group's deviations over n, corrected for its leverage: a large group pulls the mean towards itself, and would seem
    to deviate little. Source: the jackknife, or CR3, of Bell and McCaffrey 2002, Survey Methodology 28:169; Cameron and
    Miller 2015, Journal of Human Resources 50:317, section VI.
    """
    count = len(values)
    others = count - np.bincount(groups, minlength=size)
    return group_sums(values - values.mean(), groups, size) / np.where(others > 0, others, count)


def clustered_covariance(left: Floats, right: Floats, groups: int) -> float:
    """Return the covariance of two estimates from their influences by group, with the jackknife's (G-1)/G.

    `groups` is the number G of groups that hold any value; with one group nothing can be known and 0 is returned. Where
    groups are of one size, this is the usual clustered covariance with its G/(G-1).
    Source: Bell and McCaffrey 2002; Liang and Zeger 1986, Biometrika 73:13; Miller 2024, section 2.2.
    """
    return float(left @ right) * ((groups - 1) / groups)


def effective_groups(weights: Floats | Ints) -> float:
    """Return how many groups of one weight would know as much as groups of these weights: G where they are equal.

    A degree of freedom less is what a variance over unequal groups has.
    Source: Kish 1965, "Survey Sampling"; Carter, Schnepel and Steigerwald 2017, Rev. Econ. Statist. 99:698.
    """
    return float(weights.sum() ** 2 / np.square(weights).sum())


def effective_size(values: Floats, groups: Ints, trials: float | None = None) -> float:
    """Return the number of independent right-or-wrong trials that would know the mean of `values` as well.

    n / deff with deff = max(1, clustered variance / naive variance); both carry their small-sample correction, so that
    groups of one give exactly n. Where the values do not vary, or share one group, deff cannot be estimated and every
    group counts as one trial. Values between 0 and 1 are means of several trials: they may know more than one each, but
    no more than all `trials` together (None: one a value).
    Source: Kish 1965; Miller 2024.
    """
    count, held = len(values), int(np.count_nonzero(np.bincount(groups)))
    mean = float(values.mean())
    spread = float(np.square(values - mean).mean())
    if held < 2 or spread < 1e-12:
        return float(held)
    influence = group_influence(values, groups, int(groups.max()) + 1)
    deff = max(1.0, clustered_covariance(influence, influence, held) / (spread / (count - 1)))
    more = mean * (1 - mean) / (spread * count / (count - 1))
    return min(count if trials is None else trials, count / deff * max(1.0, more))


def mean_interval(values: Floats, groups: Ints, trials: float | None = None) -> Interval:
    """Return the 95 % interval of the mean of one or more values in 0..1: Wilson's on the effective size.

    Where groups hold several values, or values are means of several of all `trials`, the quantile is Student's with a
    degree of freedom less than there are effective groups: their variance is estimated from few of them. One group is
    taken for one trial.
    """
    sizes = np.bincount(groups)
    held = int(np.count_nonzero(sizes))
    several = held < max(len(values), trials or 0)
    quantile = t_975(max(1.0, effective_groups(sizes) - 1)) if several and held > 1 else Z_95
    return wilson(min(1.0, float(values.mean())), effective_size(values, groups, trials), quantile)


def average_interval(means: Sequence[float], intervals: Sequence[Interval], correlation: Floats) -> Interval:
    """Return the 95 % interval of the unweighted average of several means from their own intervals.

    `correlation` is that of the means, shape (k, k). The method of variance estimates recovery: the squared distances
    from the means to their limits stand for variances. Source: Zou and Donner 2008, Statistics in Medicine 27:1693.
    """
    centre = sum(means) / len(means)
    below = np.array([mean - interval.low for mean, interval in zip(means, intervals, strict=True)])
    above = np.array([interval.high - mean for mean, interval in zip(means, intervals, strict=True)])
    down, up = (math.sqrt(max(0.0, float(side @ correlation @ side))) / len(means) for side in (below, above))
    return Interval(max(0.0, centre - down), min(1.0, centre + up))


def correlation(influences: Floats, held: NDArray[np.bool_]) -> Floats:
    """Return the correlation of several estimates from their influences by group, shapes (k, groups) -> (k, k).

    `held` tells which groups each of them stands on. How an estimate that does not vary goes with another cannot be
    seen: their common share of groups is taken, 1 where they stand on the same.
    """
    covariance = influences @ influences.T
    scale = np.sqrt(np.diag(covariance))
    flat = scale < 1e-12
    scale[flat] = 1.0
    common = held.astype(np.float64) @ held.T / np.sqrt(np.outer(held.sum(axis=1), held.sum(axis=1)))
    related = np.asarray(np.where(flat | flat[:, None], common, covariance / np.outer(scale, scale)), dtype=np.float64)
    np.fill_diagonal(related, 1.0)
    return related


# --- many tests ------------------------------------------------------------------------------------------------------


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return Holm's adjusted p values, in the order given: the chance of any false positive stays below the level.

    Source: Holm 1979, Scandinavian Journal of Statistics 6:65.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return tuple(adjusted)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return the adjusted p values that bound the share of false discoveries, in the order given.

    Source: Benjamini and Hochberg 1995, JRSS B 57:289.
    """
    adjusted = [0.0] * len(p_values)
    smallest = 1.0
    count = len(p_values)
    for rank, index in enumerate(sorted(range(count), key=lambda i: -p_values[i])):
        smallest = min(smallest, p_values[index] * count / (count - rank))
        adjusted[index] = smallest
    return tuple(adjusted)


# --- guessing and repeating ------------------------------------------------------------------------------------------


def chance(options: int, multi: bool) -> float:
    """Return the probability that a blind guess is right.

    Single: 1/k. Multi, exact set: 1/(2^k - 1), every non-empty subset being equally likely. Raises ValueError where
    there is no option.
    """
    if options < 1:
        raise ValueError("a question needs at least one option")
    return 1 / (2**options - 1) if multi else 1 / options


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Return the unbiased estimate that at least one of `k` samples is right, from `right` out of `samples`.

    Raises ValueError unless 1 <= k <= samples and 0 <= right <= samples.
    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", arXiv 2107.03374.
    """
    if not (1 <= k <= samples and 0 <= right <= samples):
        raise ValueError(f"pass@{k} needs {k} samples or more: there are {samples}, of which {right} are right")
    return 1 - math.comb(samples - right, k) / math.comb(samples, k)
