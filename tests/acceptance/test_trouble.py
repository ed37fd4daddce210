"""Trouble at the provider: limits, requests to wait, faults of every kind and refused keys."""

from __future__ import annotations

from collections import Counter

import pytest
from cli_program import (
    SMALL,
    Program,
    billed_usd,
    model,
    paid_twice,
    provider,
    requests,
    small,
    write_items,
)

from orchestrator.simulator import Fault, RetryAfterForm, Settings, running

RUN = ("run", "items.jsonl", "-m", SMALL, "--json")
LOST = {Fault.RESET, Fault.BAD_JSON, Fault.HANG}
"""Faults after which nobody but the provider knows whether the call was served."""


def _paced(program: Program, items: int, rpm: int) -> None:
    """Ask at a limit that the provider enforces with a burst of one second's requests, and hold the run to it."""
    write_items(program.folder, items)
    with running(Settings(rpm=rpm, latency_s=0.2, latency_jitter=0.5)) as simulator:
        program.configure(*small(simulator, rpm=rpm, max_concurrency=32))
        result = program(*RUN).json
        books = simulator.ledger()
    assert result["models"][SMALL]["items"] == items
    assert result["calls"] == items
    assert books["total"]["billed"] == items
    assert books["rate_limited"] <= items // 100
    assert result["attempts"] == books["total"]["requests"]


def test_at_an_enforced_limit_no_request_is_turned_away(program: Program) -> None:
    """At most one 429 in a hundred requests, and every item answered."""
    _paced(program, 120, rpm=1800)


@pytest.mark.nightly
def test_at_an_enforced_limit_of_600_a_minute_300_items_are_answered(program: Program) -> None:
    """The same at full size: a burst of ten, then ten a second."""
    _paced(program, 300, rpm=600)


def test_a_date_in_retry_after_is_waited_for_by_everyone(program: Program) -> None:
    """Nothing is sent between a 429 and the date it names, whether it meets the first call or one of many."""
    write_items(program.folder, 24)
    script = (Fault.RATE_LIMITED, *[None] * 12, Fault.RATE_LIMITED)
    settings = Settings(script=script, retry_after_s=2, retry_after_form=RetryAfterForm.DATE, latency_s=0.05)
    with running(settings) as simulator:
        program.configure(*small(simulator))
        result = program(*RUN).json
        arrivals = simulator.ledger()["arrivals"]
    limited = [one["at"] for one in arrivals if one["status"] == 429]
    assert len(limited) == 2
    for at in limited:
        # A date counts whole seconds, so it lies up to a second before or after the wait that was meant.
        later = [one["at"] - at for one in arrivals if one["at"] > at + 0.5]
        assert min(later) >= settings.retry_after_s - 1
    assert arrivals[1]["at"] - arrivals[0]["at"] >= settings.retry_after_s - 1
    assert result["models"][SMALL]["failed"] == 0
    assert result["attempts"] == len(arrivals) == 24 + 2
    assert result["in_doubt_usd"] == 0


def test_through_faults_of_every_kind_every_item_is_answered_and_every_attempt_is_on_record(program: Program) -> None:
    """A twentieth each of errors, resets, broken bodies and hangs: as many attempts kept as requests seen."""
    write_items(program.folder, 60)
    kinds = (Fault.SERVER_ERROR, *sorted(LOST))
    script = tuple(fault for kind in kinds * 3 for fault in (None, None, None, None, kind))
    with running(Settings(script=script, latency_s=0.02)) as simulator:
        program.configure(*small(simulator, timeout_s=2))
        result = program(*RUN).json
        status = program("status", "--json").json
        books = simulator.ledger()
        assert Counter(one["fault"] for one in books["arrivals"] if one["fault"]) == dict.fromkeys(kinds, 3)
        assert result["attempts"] == books["total"]["requests"] > result["calls"] == status["replies"] == 60
        assert result["models"][SMALL]["failed"] == result["models"][SMALL]["unsent"] == 0
        # On a busy machine a good answer may come too late as well.
        assert len(status["in_doubt"]) >= sum(one["fault"] in LOST for one in books["arrivals"])
        assert result["ledger_usd"] == status["ledger_usd"] >= billed_usd(simulator)


def test_a_wrong_key_stops_its_provider_after_one_call_and_no_other(program: Program) -> None:
    """One request with the wrong key; the other provider answers everything; words say what to do."""
    write_items(program.folder, 8)
    with running(Settings()) as simulator:
        program.configure(
            provider(simulator, "openai", key="WRONG_KEY"),
            provider(simulator, "gemini"),
            model("sim-spine-small", "openai"),
            model("sim-spine-large", "openai"),
            model("sim-spine-small", "gemini"),
        )
        asked = ("-m", SMALL, "-m", "sim-spine-large-openai", "-m", "sim-spine-small-gemini")
        ended = program("run", "items.jsonl", *asked, "--json", code=4, WRONG_KEY="sk-of-somebody-else-0123456789")
        books = simulator.ledger()
    dialects = [one["dialect"] for one in books["arrivals"]]
    assert dialects.count("openai") == 1
    assert dialects.count("gemini") == books["total"]["billed"] == 8
    models = ended.json["models"]
    assert models["sim-spine-small-gemini"]["failed"] == models["sim-spine-small-gemini"]["unsent"] == 0
    assert models[SMALL]["failed"] + models[SMALL]["unsent"] == 8
    assert "sim-openai" in ended.err
    assert "401" in ended.err
    assert "key" in ended.err
    assert "sk-of-somebody-else" not in ended.said


def test_a_model_the_provider_does_not_know_stops_that_model_alone(program: Program) -> None:
    """One request finds out; the other model of the same provider answers everything."""
    write_items(program.folder, 6)
    with running(Settings()) as simulator:
        unknown = model("sim-spine-large", "openai").replace('"openai/sim-spine-large"', '"openai/sim-spine-huge"')
        program.configure(*small(simulator), unknown)
        ended = program("run", "items.jsonl", "-m", "sim-spine-large-openai", "-m", SMALL, "--json", code=1)
        statuses = simulator.ledger()["total"]["statuses"]
    assert statuses == {"404": 1, "200": 6}
    assert "litellm_model" in ended.err


def test_refused_filtered_and_truncated_are_kept_and_asked_again_only_on_demand(program: Program) -> None:
    """They were paid for: counted apart, never asked again by themselves, and once more with `--retry`."""
    write_items(program.folder, 4)
    script = (Fault.REFUSAL, Fault.TRUNCATION, Fault.SAFETY)
    with running(Settings(script=script)) as simulator:
        program.configure(provider(simulator, "anthropic"), model("sim-spine-small", "anthropic"))
        run = ("run", "items.jsonl", "-m", "sim-spine-small-anthropic", "--json")
        first = program(*run).json["models"]["sim-spine-small-anthropic"]
        again = program(*run, "--retry", "refused,filtered,truncated").json
        assert requests(simulator) == 7
        assert first["refused"] + first["filtered"] + first["truncated"] == 3
        assert first["answered"] == 1
        assert again["calls"] == 3
        assert again["models"]["sim-spine-small-anthropic"]["answered"] == 4
        assert len(paid_twice(simulator)) == 3
        assert "3 questions were asked again after a reply" in program("score", "items.jsonl").err
