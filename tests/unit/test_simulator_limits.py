"""Token buckets of the simulator, with injected time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.simulator.limits import Admitted, KeyLimits, Limited, Rate, Rates


def test_requests_refill_at_rpm_over_sixty_with_that_burst() -> None:
    """600 RPM admits ten at once and then one every tenth of a second."""
    limits = KeyLimits(600, None, 0.0)
    assert [isinstance(limits.admit(1, 0.0), Admitted) for _ in range(11)] == [True] * 10 + [False]
    assert limits.admit(1, 0.05) == Limited(wait_s=0.05, scope="requests", limit=600, asked=1)
    assert limits.admit(1, 0.1) == Admitted()


def test_a_slow_limit_still_admits_one_at_once() -> None:
    """Below 60 RPM the burst is one whole request."""
    limits = KeyLimits(6, None, 100.0)
    assert limits.admit(1, 100.0) == Admitted()
    refused = limits.admit(1, 101.0)
    assert isinstance(refused, Limited)
    assert round(refused.wait_s, 6) == 9
    assert limits.admit(1, 110.0) == Admitted()


def test_tokens_are_counted_and_a_refused_request_takes_nothing() -> None:
    """A request over the tokens a minute leaves both buckets as they were."""
    limits = KeyLimits(60_000, 6_000, 0.0)
    assert limits.admit(5_000, 0.0) == Admitted()
    assert limits.admit(1_500, 0.0) == Limited(wait_s=5.0, scope="tokens", limit=6_000, asked=1_500)
    assert limits.rates(0.0) == Rates(Rate(60_000, 999, 0.001), Rate(6_000, 1_000, 50.0))
    assert limits.admit(1_500, 5.0) == Admitted()


def test_a_request_larger_than_the_bucket_is_never_admitted() -> None:
    """More tokens than a minute's worth are refused as such, however long one waits."""
    limits = KeyLimits(None, 100, 0.0)
    verdict = limits.admit(101, 1e6)
    assert isinstance(verdict, Limited)
    assert verdict.never
    assert limits.admit(100, 1e6) == Admitted()


def test_without_limits_nothing_is_refused_or_stated() -> None:
    """None means unlimited."""
    limits = KeyLimits(None, None, 0.0)
    assert all(limits.admit(10**9, 0.0) == Admitted() for _ in range(1_000))
    assert limits.rates(0.0) == Rates(None, None)


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    """Time that runs backwards neither refills nor empties a bucket."""
    limits = KeyLimits(60, None, 10.0)
    assert limits.admit(1, 10.0) == Admitted()
    assert isinstance(limits.admit(1, 9.0), Limited)
    assert isinstance(limits.admit(1, 10.9), Limited)
    assert limits.admit(1, 11.0) == Admitted()


@given(
    st.integers(1, 5_000),
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 900)), min_size=1, max_size=60),
)
def test_never_more_than_burst_plus_rate(rpm: int, steps: list[tuple[float, int]]) -> None:
    """In any stretch of time no more is admitted than the full buckets plus what flowed in, and a wait is enough."""
    limits = KeyLimits(rpm, 6_000, 0.0)
    now, tokens = 0.0, 0
    for requests, (pause, size) in enumerate(steps, start=1):
        now += pause
        verdict = limits.admit(size, now)
        if isinstance(verdict, Limited):
            now += verdict.wait_s
            verdict = limits.admit(size, now)
            if isinstance(verdict, Limited):
                now += verdict.wait_s
                verdict = limits.admit(size, now)
        assert verdict == Admitted()
        tokens += size
        assert requests <= max(1, rpm / 60) + now * rpm / 60 + 1e-3
        assert tokens <= 6_000 + now * 100 + 1e-3
