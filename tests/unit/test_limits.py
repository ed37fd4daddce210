"""The pace: at a stated limit the rate is used in full, and no provider has cause for a 429."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paid_fixtures import provider

from orchestrator.inference.limits import BUCKET_S, LONGEST_WAIT_S, take
from orchestrator.records import Provider
from orchestrator.store.ledger import Pace

START = 1_790_000_000.0
UNTOUCHED = Pace(0.0, None, 0.0)
TICK = 1e-6
"""The least by which time goes on between two looks, as on a real machine."""
UNBOUND = 10**12
"""Tokens a minute that never bind."""


def limited(rpm: int = 60, tpm: int = UNBOUND, deadline_s: float = 900.0) -> Provider:
    """Return a provider with these limits."""
    return replace(provider(), rpm=rpm, tpm=tpm, deadline_s=deadline_s)


def granted(pace: Pace, now: float, at: Provider, tokens: int = 1) -> tuple[float, Pace]:
    """Wait as `take` says; return the time at which the request left, and the pace after it."""
    for _ in range(1000):
        after = take(pace, now, at, tokens)
        if isinstance(after, Pace):
            return now, after
        assert after > 0
        now += max(after, TICK)
    raise AssertionError("waits for ever")


def departures(at: Provider, arrivals: list[float], tokens: list[int]) -> list[float]:
    """Return when requests that arrive at these times leave, in order."""
    pace, left, now = UNTOUCHED, [], START
    for arrival, count in zip(arrivals, tokens, strict=True):
        now, pace = granted(pace, max(now, START + arrival), at, count)
        left.append(now)
    return left


def most_within(left: list[float], seconds: float) -> int:
    """Return the most departures in any half-open window of so many seconds, give or take the float of a Unix time."""
    first, most = 0, 0
    for last, time in enumerate(left):
        while left[first] <= time - seconds + 1e-4:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("rpm", [1, 7, 60, 61, 90, 500, 3000])
def test_steady_demand_uses_the_rate_in_full_and_never_passes_it(rpm: int) -> None:
    """With requests always waiting, every minute carries the stated number: no more, and in the long run no fewer."""
    count = 3 * rpm + 2
    left = departures(limited(rpm), [0.0] * count, [1] * count)
    assert most_within(left, 60.0) <= rpm
    assert most_within(left, 1.0) <= max(1, rpm // 60 + 1)
    assert left[-1] - left[0] == pytest.approx((count - 1) * 60.0 / rpm, rel=1e-4)


@given(
    rpm=st.sampled_from([3, 60, 75, 600, 6000]),
    bursts=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 30)), min_size=1, max_size=6),
)
def test_no_demand_is_let_through_faster_than_a_provider_grants_it(rpm: int, bursts: list[tuple[float, int]]) -> None:
    """Whenever requests come, in any window at most one second's worth leaves beyond the stated rate."""
    times = accumulate(gap for gap, _ in bursts)
    arrivals = [time for time, (_, count) in zip(times, bursts, strict=True) for _ in range(count)]
    left = departures(limited(rpm), arrivals, [1] * len(arrivals))
    burst = max(1.0, rpm / 60)
    for index, start in enumerate(left):
        for later in range(index, len(left)):
            assert later - index + 1 <= burst + (left[later] - start) * rpm / 60 + 1e-3


@given(rpm=st.integers(1, 6000), ahead=st.floats(0.001, 900))
def test_a_pause_is_kept_to_the_moment(rpm: int, ahead: float) -> None:
    """A provider that asked to be left alone is asked again at the very time, and at its pace from there."""
    at = limited(rpm)
    first, pace = granted(Pace(START + ahead, 5.0, START - 1), START, at)
    second, _ = granted(pace, first, at)
    assert first == pytest.approx(START + ahead, abs=1e-5)
    assert second - first == pytest.approx(60.0 / rpm, abs=1e-5)


def test_the_longest_pause_that_a_request_waits_for_is_kept_to() -> None:
    """A pause as long as the deadline holds for all requests, not only for the one that was told."""
    assert take(Pace(START + 1200.0, None, 0.0), START, limited(deadline_s=1200.0), 1) == 1200.0


@pytest.mark.parametrize("back", [3600.0, 86_400.0 * 365])
def test_a_clock_set_back_does_not_stop_the_run(back: float) -> None:
    """What lies further ahead than any pause comes from another clock: requests and tokens start afresh."""
    at = limited(rpm=60, tpm=6000)
    later = Pace(START + back, 0.0, START + back)
    first, pace = granted(later, START, at, 100)
    assert first == START
    assert pace == Pace(START + 1.0, 500.0, START)


@given(back=st.floats(0, 2000), tokens=st.integers(1, 700))
def test_the_wait_after_a_clock_was_set_back_is_bounded(back: float, tokens: int) -> None:
    """However far the clock was set back, the pace is found again within the longest wait."""
    at = limited(rpm=60, tpm=6000, deadline_s=400.0)
    _, before = granted(UNTOUCHED, START + back, at, 600)
    first, _ = granted(before, START, at, tokens)
    assert first - START <= max(LONGEST_WAIT_S, at.deadline_s) + 2 * BUCKET_S


def test_the_first_request_leaves_at_once() -> None:
    """Nothing was ever sent, so nothing is waited for."""
    assert take(UNTOUCHED, START, limited(60, 6000), 100) == Pace(START + 1.0, 500.0, START)


@given(
    tpm=st.sampled_from([600, 6000, 60_000]),
    shares=st.lists(st.floats(0.001, 1.0), min_size=2, max_size=60),
    gaps=st.lists(st.floats(0, 4), min_size=60, max_size=60),
)
def test_tokens_never_leave_faster_than_the_bucket_refills(tpm: int, shares: list[float], gaps: list[float]) -> None:
    """In any window the tokens sent are at most its share of a minute's, and one bucket."""
    capacity = tpm / 60 * BUCKET_S
    tokens = [max(1, int(share * capacity)) for share in shares]
    arrivals = list(accumulate(gaps[: len(tokens)]))
    left = departures(limited(600_000, tpm), arrivals, tokens)
    for index, start in enumerate(left):
        sent = 0
        for later in range(index, len(left)):
            sent += tokens[later]
            assert sent <= capacity + (left[later] - start) * tpm / 60 + 1e-3 * capacity


@pytest.mark.parametrize("tokens", [37, 599, 600, 601, 5000])
def test_the_token_rate_is_used_in_full(tokens: int) -> None:
    """In the long run the stated tokens a minute leave, also in requests larger than the bucket."""
    count = 200
    left = departures(limited(600_000, 6000), [0.0] * (count + 1), [tokens] * (count + 1))
    held_back = max(0, BUCKET_S * 100 - tokens) / 100
    assert left[-1] - left[0] == pytest.approx(count * tokens / 100 - held_back, abs=1e-2, rel=1e-3)


@pytest.mark.parametrize("late", [0.0, 0.1, 0.44])
def test_lateness_is_caught_up(late: float) -> None:
    """A loop that is held up for a moment sends what was due then, so that the rate is still used in full."""
    at = limited(600)
    _, pace = granted(UNTOUCHED, START, at)
    for _ in range(20):
        _, pace = granted(pace, pace.next_at + late, at)
    assert pace.next_at == pytest.approx(START + 21 * 0.1, abs=1e-4)


def test_idleness_is_not_caught_up() -> None:
    """Requests that come after a rest leave as evenly as any others."""
    left = departures(limited(600), [0.0] + [50.0] * 20, [1] * 21)
    assert left[1] == START + 50.0
    assert most_within(left[1:], 1.0) <= 10
    assert left[2] - left[1] == pytest.approx(0.1, abs=1e-4)


def test_an_oversized_request_waits_for_a_full_bucket_and_leaves_it_in_debt() -> None:
    """A request larger than the bucket is not refused: it goes from a full bucket, and the next waits it off."""
    at = limited(600_000, 6000)
    first, pace = granted(Pace(0.0, 500.0, START), START, at, 1600)
    assert first == pytest.approx(START + 1.0)
    assert pace.tokens == pytest.approx(-1000.0)
    second, _ = granted(pace, first, at, 100)
    assert second - first == pytest.approx(11.0, rel=1e-6)


def test_a_bucket_holds_no_more_than_it_can() -> None:
    """Neither a long rest nor refunds beyond it fill the bucket further."""
    at = limited(600_000, 6000)
    for rested in (Pace(0.0, 0.0, START - 10_000), Pace(0.0, 99_999.0, START)):
        after = take(rested, START, at, 100)
        assert isinstance(after, Pace)
        assert after.tokens == 500.0


def test_a_request_that_waits_for_tokens_does_not_use_up_its_place() -> None:
    """While tokens are lacking nothing is taken: the wait is told and the pace stays as it was."""
    empty = Pace(START - 5, 0.0, START)
    assert take(empty, START, limited(60, 6000), 100) == 1.0
