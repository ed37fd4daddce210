"""What calls that are not made yet will cost, and how long they will take: arithmetic on token estimates.

Always holds: a load's worst case is what the runner would reserve for the same calls, and no less than what is expected
of them; money is never rounded in our favour; a benchmark of any size is a few hundred numbers, since calls are counted
by their estimated input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import atan2, ceil, cos, floor, pi, sin, sqrt
from random import Random
from statistics import fmean, variance

from orchestrator.dataset.images import sent_size
from orchestrator.inference.pricing import cost, worst_case
from orchestrator.inference.tokens import IMAGE_FORMULAS, Calibration
from orchestrator.records import ImagePolicy, Model, Provider, Request, Usage

ASSUMED_OUTPUT = 300
"""Output tokens of an answer while no reply of the model is known: a few sentences of reasoning and the last line."""
OTHER_SIDES = (512, 768, 1024, None)
OTHER_DETAILS = ("low", "high")


# --- calls -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class History:
    """What a model's stored replies say of its next ones."""

    calibration: Calibration
    answers: int = 0
    """Replies of which the next two are the means."""
    output_tokens: float = 0.0
    latency_s: float = 0.0


def history(calibration: Calibration, answers: Sequence[tuple[int, float]]) -> History:
    """Return what a calibration and the (output tokens, seconds) of the latest replies say."""
    if not answers:
        return History(calibration)
    return History(calibration, len(answers), fmean(one[0] for one in answers), fmean(one[1] for one in answers))


@dataclass(frozen=True, slots=True)
class Load:
    """Some calls, added up."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    """Tokens as expected."""
    worst_input_tokens: int = 0
    worst_output_tokens: int = 0
    """Tokens as reserved: what they take of the tokens a minute."""
    expected_nanousd: int = 0
    worst_nanousd: int = 0
    busy_s: float = 0.0
    """Seconds spent on waiting for the answers, one after the other; 0 where no reply of the model is known."""

    def __add__(self, other: Load) -> Load:
        """Return both together."""
        return Load(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.worst_input_tokens + other.worst_input_tokens,
            self.worst_output_tokens + other.worst_output_tokens,
            self.expected_nanousd + other.expected_nanousd,
            self.worst_nanousd + other.worst_nanousd,
            self.busy_s + other.busy_s,
        )


def load_of(calls: Mapping[int, int], model: Model, past: History) -> Load:
    """Return the load of some calls, counted by their input tokens as the formulas (uncalibrated) estimate them."""
    return sum((_alike(count, estimated, model, past) for estimated, count in calls.items()), Load())


def _alike(count: int, estimated: int, model: Model, past: History) -> Load:
    usage = expected_usage(estimated, model, past)
    worst_input, worst_output = past.calibration.apply(estimated), model.max_output_tokens
    return Load(
        calls=count,
        input_tokens=count * usage.input_tokens,
        output_tokens=count * usage.output_tokens,
        worst_input_tokens=count * worst_input,
        worst_output_tokens=count * worst_output,
        expected_nanousd=count * cost(usage, model.price),
        worst_nanousd=count * worst_case(worst_input, worst_output, model.price),
        busy_s=count * past.latency_s,
    )


def expected_usage(estimated: int, model: Model, past: History) -> Usage:
    """Return what one call is expected to use: the mean ratio billed / estimated, and the mean answer.

    Without a reply to learn from: the estimate as it is, and `ASSUMED_OUTPUT` within the model's limit. No cached input
    is counted on.
    """
    ratio = past.calibration.mean
    billed = estimated if ratio is None else ceil(estimated * ratio)
    return Usage(billed, 0, answer_tokens(model, past))


def answer_tokens(model: Model, past: History) -> int:
    """Return the output tokens expected of one answer."""
    return min(ceil(past.output_tokens) if past.answers else ASSUMED_OUTPUT, model.max_output_tokens)


def picture_settings(model: Model) -> tuple[ImagePolicy, ...]:
    """Return the model's own picture settings, then those worth comparing: other sides, and other details.

    A detail is only varied where the model's token formula knows it.
    """
    formula = IMAGE_FORMULAS[model.image_tokens]
    own = model.image
    others = [replace(own, max_side=side) for side in OTHER_SIDES]
    if formula(2048, 2048, "low") != formula(2048, 2048, "high"):
        others += [replace(own, detail=detail) for detail in OTHER_DETAILS]
    return tuple(dict.fromkeys([own, *others]))


def picture_tokens(request: Request, policy: ImagePolicy, formula: str) -> int:
    """Return the input tokens of a request's pictures, were they sent so."""
    count = IMAGE_FORMULAS[formula]
    return sum(count(*sent_size(one.width, one.height, policy), policy.detail) for one in request.images)


# --- time ------------------------------------------------------------------------------------------------------------


class Bound(StrEnum):
    """Which of a provider's limits the time comes from."""

    REQUESTS = "requests a minute"
    TOKENS = "tokens a minute"
    CONCURRENCY = "calls at once"


@dataclass(frozen=True, slots=True)
class Wall:
    """How long some calls take at a provider's limits."""

    seconds: float
    """With every call taking its input and its whole output limit of the tokens a minute."""
    bound: Bound
    soonest_s: float
    """With what the answers leave of their output limit given back."""


def wall(load: Load, provider: Provider) -> Wall:
    """Return the time of these calls at a provider that serves nothing else."""
    requests = 60 * load.calls / provider.rpm
    waiting = load.busy_s / provider.max_concurrency
    taken = 60 * (load.worst_input_tokens + load.worst_output_tokens) / provider.tpm
    used = 60 * (load.input_tokens + load.output_tokens) / provider.tpm
    limits = {Bound.REQUESTS: requests, Bound.TOKENS: taken, Bound.CONCURRENCY: waiting}
    bound = max(limits, key=lambda one: limits[one])
    return Wall(limits[bound], bound, max(requests, used, waiting))


# --- a pilot ---------------------------------------------------------------------------------------------------------


def spread(total: int, count: int, seed: int) -> frozenset[int]:
    """Return `count` of the positions 0..total-1, one drawn from each of as many equal stretches; or all there are."""
    if count >= total:
        return frozenset(range(total))
    random = Random(seed)
    edges = [position * total // count for position in range(count + 1)]
    return frozenset(random.randrange(edges[one], edges[one + 1]) for one in range(count))


@dataclass(frozen=True, slots=True)
class Prediction:
    """What calls will cost, going by a sample of such calls; nano-dollars."""

    sample: int
    mean_nanousd: int
    expected_nanousd: int
    low_nanousd: int
    high_nanousd: int
    """The 95 % prediction interval of the sum, rounded outward."""


def predict(costs: Sequence[int], calls: int) -> Prediction | None:
    """Return what `calls` further calls will cost in sum, or None for a sample of fewer than two.

    A t-interval on the cost of a call, for the sum of new ones: calls * mean +- t * s * sqrt(calls**2 / n + calls).
    Source: any text on prediction intervals, such as Hahn and Meeker 1991, Statistical Intervals, section 4.5.
    """
    if len(costs) < 2:
        return None
    average = fmean(costs)
    deviation = sqrt(variance(costs) * (calls**2 / len(costs) + calls))
    half = student_t(len(costs) - 1) * deviation
    return Prediction(
        sample=len(costs),
        mean_nanousd=ceil(average),
        expected_nanousd=ceil(calls * average),
        low_nanousd=max(0, floor(calls * average - half)),
        high_nanousd=ceil(calls * average + half),
    )


def student_t(freedom: int) -> float:
    """Return the 0.975 quantile of Student's t with a whole number of degrees of freedom, by bisection."""
    low, high = 1.9, 12.8
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if _within(middle, freedom) > 0.95 else (middle, high)
    return high


def _within(t: float, freedom: int) -> float:
    """P(|T| < t). Source: Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = atan2(t, sqrt(freedom))
    term, series = (cos(angle), 0.0) if freedom % 2 else (1.0, 0.0)
    for step in range(1 + freedom % 2, freedom, 2):
        series += term
        term *= cos(angle) ** 2 * step / (step + 1)
    return 2 / pi * (angle + sin(angle) * series) if freedom % 2 else sin(angle) * series
