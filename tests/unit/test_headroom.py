"""What a provider's rate headers ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.inference.headroom import pause

NOW = 1_800_000_000.0


def openai(remaining: int, reset: str, name: str = "tokens", limit: int = 60_000) -> dict[str, str]:
    """Return OpenAI's three headers of one limit."""
    return {
        f"x-ratelimit-limit-{name}": str(limit),
        f"x-ratelimit-remaining-{name}": str(remaining),
        f"x-ratelimit-reset-{name}": reset,
    }


def test_room_enough_asks_for_nothing() -> None:
    """Neither do headers that are not there."""
    assert pause(openai(2000, "58s"), 2000, NOW) == 0.0
    assert pause({}, 2000, NOW) == 0.0


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("6m0s", 1.0), ("120ms", 0.12), ("0.5s", 0.5), ("1h2m", 1.0), ("soon", 1.0), ("", 1.0), ("500", 1.0)],
)
def test_missing_tokens_are_waited_for_as_they_refill_but_no_longer_than_the_reset(reset: str, seconds: float) -> None:
    """1,000 of 60,000 a minute come back in a second."""
    assert pause(openai(1000, reset), 2000, NOW) == pytest.approx(seconds)


def test_without_a_reset_the_refill_alone_counts() -> None:
    """Limit and remaining are enough."""
    headers = openai(1000, "")
    del headers["x-ratelimit-reset-tokens"]
    assert pause(headers, 2000, NOW) == pytest.approx(1.0)


def test_the_last_request_is_followed_by_a_pause() -> None:
    """One of 600 a minute comes back in a tenth of a second."""
    assert pause(openai(0, "1s", "requests", 600), 10, NOW) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("2027-01-15T08:00:10Z", 2.0), ("2027-01-15T08:00:01Z", 1.0), ("2027-01-15T07:00:00Z", 0.0), ("2027-01-15", 2.0)],
)
def test_anthropics_resets_are_times(reset: str, seconds: float) -> None:
    """A time that has passed asks for nothing; one without a zone is not a time."""
    headers = {
        "anthropic-ratelimit-tokens-limit": "30000",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": reset,
    }
    assert pause(headers, 1000, NOW) == pytest.approx(seconds)


def test_a_request_larger_than_the_limit_waits_for_the_whole_limit() -> None:
    """More than all of it never comes."""
    assert pause(openai(0, "9m0s", limit=1000), 5000, NOW) == pytest.approx(60.0)


@given(
    st.dictionaries(
        st.sampled_from([f"x-ratelimit-{part}-tokens" for part in ("limit", "remaining", "reset")]),
        st.text(max_size=12),
    ),
    st.integers(0, 10**6),
)
def test_no_header_breaks_it_or_asks_for_more_than_a_minute(headers: dict[str, str], tokens: int) -> None:
    """Headers are hostile as well."""
    assert 0.0 <= pause(headers, tokens, NOW) <= 60.0
