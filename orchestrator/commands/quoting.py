"""What `estimate` says: lines that fit 60 columns, and one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.commands.counting import counted
from orchestrator.commands.estimating import Estimate, Survey
from orchestrator.commands.piloting import Pilot
from orchestrator.inference.estimate import Load, Prediction, answer_tokens, predict, wall
from orchestrator.inference.pricing import usd
from orchestrator.records import ImagePolicy, Json, Provider
from orchestrator.reporting import results
from orchestrator.reporting.progress import duration
from orchestrator.reporting.terminal import safe


def providers(found: Estimate) -> Mapping[Provider, Load]:
    """Return the calls to make by provider, whose limits its models share."""
    loads: dict[Provider, Load] = {}
    for survey in found.surveys:
        loads[survey.model.provider] = loads.get(survey.model.provider, Load()) + survey.load
    return loads


def prediction(found: Estimate, survey: Survey) -> Prediction | None:
    """Return what the model's remaining calls will cost by the pilot; None without one, or with too few replies."""
    return predict(found.pilot.costs[survey.model.alias], survey.load.calls) if found.pilot else None


def wall_s(found: Estimate) -> float:
    """Return the time of all calls: the providers go on side by side."""
    return max(wall(load, provider).seconds for provider, load in providers(found).items())


# --- lines -----------------------------------------------------------------------------------------------------------


def lines(found: Estimate) -> Iterator[str]:
    """Yield the estimate for a reader."""
    samples = f", {found.samples} times each" if found.samples > 1 else ""
    yield f"{safe(str(found.benchmark))}: {counted(found.items, 'item')}{samples}"
    for survey in found.surveys:
        yield from ("", safe(survey.model.alias))
        yield from _model_lines(survey)
        if found.pilot:
            yield from _pilot_lines(prediction(found, survey), survey.load.calls)
        if survey.pictures:
            yield from _setting_lines(survey)
    for provider, load in providers(found).items():
        sharing = sum(survey.model.provider == provider for survey in found.surveys)
        if sharing > 1:
            yield from ("", f"{safe(provider.name)}: its {sharing} models share its limits")
            yield from _total_lines(load)
            yield from _time_lines(load, provider)
    if len(found.surveys) > 1:
        yield from ("", "all models, providers side by side")
        yield from _total_lines(found.load)
        yield _line("time", duration(wall_s(found)))
    yield ""
    if found.pilot is None:
        yield "Nothing was sent."
    else:
        calls = counted(found.pilot.calls, "call")
        yield f"The pilot made {calls} for {usd(found.pilot.spent_nanousd)}; what came back is kept."


def _line(name: str, text: str) -> str:
    return f"  {name:<14}{text}"


def _model_lines(survey: Survey) -> Iterator[str]:
    yield _line("questions", f"{survey.questions:,}")
    yield _line("", f"{survey.held:,} answered by the cache")
    if survey.repeated:
        yield _line("", f"{survey.repeated:,} the same as an earlier one, asked once")
    yield _line("", f"{counted(survey.load.calls, 'call')} to make")
    if survey.load.calls:
        yield from _total_lines(survey.load)
        yield from _time_lines(survey.load, survey.model.provider)
        yield from _basis_lines(survey)


def _total_lines(load: Load) -> Iterator[str]:
    rows = (
        ("", "expected", "at worst"),
        ("input tokens", f"{load.input_tokens:,}", f"{load.worst_input_tokens:,}"),
        ("output tokens", f"{load.output_tokens:,}", f"{load.worst_output_tokens:,}"),
        ("cost", usd(load.expected_nanousd), usd(load.worst_nanousd)),
    )
    for name, expected, worst in rows:
        yield _line(name, f"{expected:>16}{worst:>18}")


def _time_lines(load: Load, provider: Provider) -> Iterator[str]:
    time = wall(load, provider)
    yield _line("time", f"{duration(time.seconds)} at the limits ({time.bound})")
    if time.soonest_s < 0.9 * time.seconds:
        yield _line("", f"{duration(time.soonest_s)} if unused output is given back")


def _basis_lines(survey: Survey) -> Iterator[str]:
    past = survey.past
    if past.calibration.mean is None:
        yield _line("input", "by the formulas: no reply to learn from yet")
    else:
        yield _line("input", f"{past.calibration.mean:.2f} of the formulas, {_mean_of(past.calibration.replies)}")
    tokens = answer_tokens(survey.model, past)
    if past.answers:
        yield _line("output", f"{counted(tokens, 'token')} each, {_mean_of(past.answers)}")
    else:
        yield _line("output", f"{counted(tokens, 'token')} each, assumed; models that reason")
        yield _line("", "take more: --pilot N --budget USD tells")


def _mean_of(replies: int) -> str:
    return "by one reply" if replies == 1 else f"mean of {replies} replies"


def _pilot_lines(predicted: Prediction | None, calls: int) -> Iterator[str]:
    if predicted is None:
        yield _line("pilot", "brought too few replies to tell")
        return
    yield _line("pilot", f"{counted(predicted.sample, 'reply', 'replies')}, {usd(predicted.mean_nanousd)} each")
    if calls:
        low, high = usd(predicted.low_nanousd), usd(predicted.high_nanousd)
        yield _line("", f"remaining calls: {usd(predicted.expected_nanousd)}")
        yield _line("", f"95 % interval: {low} to {high}")
        yield _line("", "(t-interval on the cost of a call)")


def _setting_lines(survey: Survey) -> Iterator[str]:
    yield "  all of it anew, with pictures sent otherwise:"
    yield f"    {'max_side':>8}  {'detail':<6}{'expected':>18}"
    for policy, nanousd in survey.settings.items():
        own = "  (as it is)" if policy == survey.model.image else ""
        yield f"    {policy.max_side or 'none':>8}  {policy.detail or '-':<6}{usd(nanousd):>18}{own}"


# --- JSON ------------------------------------------------------------------------------------------------------------


def to_json(found: Estimate) -> dict[str, Json]:
    """Return the object that `estimate --json` prints."""
    return {
        "benchmark": str(found.benchmark),
        "cache": str(found.cache),
        "items": found.items,
        "samples": found.samples,
        "problems": found.problems,
        **_load_json(found.load),
        "wall_s": wall_s(found),
        "pilot": _pilot_json(found.pilot) if found.pilot else None,
        "providers": {
            provider.name: {**_load_json(load), **_wall_json(load, provider)}
            for provider, load in providers(found).items()
        },
        "models": {survey.model.alias: _survey_json(found, survey) for survey in found.surveys},
    }


def _load_json(load: Load) -> dict[str, Json]:
    return {
        "calls": load.calls,
        "input_tokens": {"expected": load.input_tokens, "worst": load.worst_input_tokens},
        "output_tokens": {"expected": load.output_tokens, "worst": load.worst_output_tokens},
        "expected_usd": results.usd(load.expected_nanousd),
        "worst_usd": results.usd(load.worst_nanousd),
    }


def _wall_json(load: Load, provider: Provider) -> dict[str, Json]:
    time = wall(load, provider)
    return {"wall_s": time.seconds, "wall_bound": time.bound.value, "wall_soonest_s": time.soonest_s}


def _survey_json(found: Estimate, survey: Survey) -> Json:
    past, predicted = survey.past, prediction(found, survey)
    return {
        "provider": survey.model.provider.name,
        "litellm_model": survey.model.litellm_model,
        "questions": survey.questions,
        "cached": survey.held,
        "repeated": survey.repeated,
        **_load_json(survey.load),
        **_wall_json(survey.load, survey.model.provider),
        "basis": {
            "input_ratio": past.calibration.mean,
            "input_replies": past.calibration.replies,
            "output_tokens_each": answer_tokens(survey.model, past),
            "output_replies": past.answers,
            "latency_s": past.latency_s if past.answers else None,
        },
        "pilot": _prediction_json(predicted) if predicted else None,
        "picture_settings": [
            _setting_json(policy, nanousd, policy == survey.model.image) for policy, nanousd in survey.settings.items()
        ]
        if survey.pictures
        else [],
    }


def _pilot_json(pilot: Pilot) -> Json:
    return {
        "run": pilot.run,
        "items": pilot.items,
        "calls": pilot.calls,
        "spent_usd": results.usd(pilot.spent_nanousd),
        "stops": [{"kind": stop.kind.value, "name": stop.name, "reason": stop.reason} for stop in pilot.stops],
    }


def _prediction_json(predicted: Prediction) -> Json:
    return {
        "replies": predicted.sample,
        "mean_usd": results.usd(predicted.mean_nanousd),
        "expected_usd": results.usd(predicted.expected_nanousd),
        "low_usd": results.usd(predicted.low_nanousd),
        "high_usd": results.usd(predicted.high_nanousd),
        "method": "95 % t-interval on the cost of a call, for the sum of the remaining calls",
    }


def _setting_json(policy: ImagePolicy, nanousd: int, own: bool) -> Json:
    return {"max_side": policy.max_side, "detail": policy.detail, "own": own, "expected_usd": results.usd(nanousd)}
