"""The simulator's books: every request counted once, billed at most once, memory bounded."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.simulator.ledger import Ledger, body_digest, cost_nanousd, key_prefix


def test_a_request_is_counted_billed_and_closed() -> None:
    """One billed request shows in the total, under its key, under its body, and as an arrival."""
    ledger = Ledger()
    entry = ledger.arrive(1.5, "openai", "secret-key", "d1")
    assert ledger.view()["in_flight"] == 1
    assert ledger.view()["arrivals"][0]["status"] is None
    ledger.bill(entry, 100, 20, 450)
    ledger.status(entry, 200)
    ledger.leave(entry)
    view = ledger.view()
    assert view["total"] == {
        "requests": 1,
        "statuses": {"200": 1},
        "billed": 1,
        "input_tokens": 100,
        "output_tokens": 20,
        "nanousd": 450,
    }
    assert view["keys"] == {key_prefix("secret-key"): view["total"]}
    assert view["bodies"] == {"d1": {"received": 1, "billed": 1, "nanousd": 450}}
    assert (view["arrivals"][0]["at"], view["arrivals"][0]["status"], view["arrivals"][0]["billed"]) == (1.5, 200, True)
    assert (view["in_flight"], view["peak_concurrency"]) == (0, 1)
    assert "secret-key" not in repr(view)


def test_a_body_knows_how_often_it_came() -> None:
    """The second arrival of a body is told apart from the first, also when the first was never billed."""
    ledger = Ledger()
    assert [ledger.arrive(0, "openai", "k", "same").nth for _ in range(3)] == [0, 1, 2]
    assert ledger.view()["bodies"]["same"] == {"received": 3, "billed": 0, "nanousd": 0}
    assert ledger.view()["peak_concurrency"] == 3


def test_a_request_that_leaves_without_a_status_has_status_0() -> None:
    """A reset or a hang is visible as such."""
    ledger = Ledger()
    ledger.leave(ledger.arrive(0, "gemini", "k", "d"))
    assert ledger.view()["total"]["statuses"] == {"0": 1}


def test_a_view_is_a_copy() -> None:
    """What was looked at does not change when more arrives."""
    ledger = Ledger()
    view = ledger.view()
    ledger.status(ledger.arrive(0, "openai", "k", "d"), 429)
    assert view["total"]["requests"] == 0
    assert view["total"]["statuses"] == {}
    assert ledger.view()["rate_limited"] == 1


def test_memory_is_bounded_and_forgetting_is_stated() -> None:
    """Beyond its bounds the ledger forgets the oldest details, never a sum, and says how much it forgot."""
    ledger = Ledger(arrivals_kept=4, bodies_kept=3, keys_kept=2)
    for number in range(10):
        ledger.bill(ledger.arrive(number, "openai", f"key {number}", f"body {number}"), 1, 1, 7)
    view = ledger.view()
    assert view["total"]["nanousd"] == 70
    assert list(view["bodies"]) == ["body 7", "body 8", "body 9"]
    assert (view["bodies_forgotten"], view["arrivals_forgotten"], len(view["arrivals"])) == (7, 6, 4)
    assert view["keys"]["others"]["requests"] == 8
    assert sum(counters["nanousd"] for counters in view["keys"].values()) == 70


def test_the_body_digest_is_plain_sha256() -> None:
    """Anyone can recompute the digest: SHA-256 of path, a line feed and the raw body."""
    assert body_digest("/a", b"body") == hashlib.sha256(b"/a\nbody").hexdigest()
    assert body_digest("/a", b"body") != body_digest("/b", b"body")
    assert len(key_prefix("\udcff")) == 12


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 10**9))
def test_costs_are_rounded_up_to_a_nanodollar(tokens: int, out: int, price_in: int, price_out: int) -> None:
    """A price in pico-dollars a token gives whole nano-dollars, never too few and never a whole one too many."""
    exact = tokens * price_in + out * price_out
    assert 0 <= cost_nanousd(tokens, out, price_in, price_out) * 1000 - exact < 1000
