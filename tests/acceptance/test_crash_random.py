"""kill -9 at random points with up to 200 requests in flight: what is paid twice was in flight, and is listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks import FLYING, Killed, kill_at_random
from forked import Zygote


def _holds(killed: Killed) -> None:
    for audit in killed.audits:
        audit.holds()
        assert audit.twice <= audit.doubts
    assert killed.most_flying <= FLYING


def test_a_few_kills_lose_nothing(zygote: Zygote, tmp_path: Path) -> None:
    """Every extra bill is an attempt in doubt, every stored reply stays, and the ledger covers the bill."""
    _holds(kill_at_random(zygote, tmp_path, kills=5, seed=1, items=200, flying=60))


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_five_hundred_kills_lose_nothing(zygote: Zygote, tmp_path: Path) -> None:
    """The same at full size."""
    killed = kill_at_random(zygote, tmp_path, kills=500, seed=2)
    _holds(killed)
    assert killed.most_flying > FLYING // 2
