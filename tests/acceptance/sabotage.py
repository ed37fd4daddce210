"""What is done to a forked command before it runs: a death at a step of the paid path, or a clock that jumps.

The product has no hooks for this: its functions are replaced in the child alone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from orchestrator.inference import runner
from orchestrator.inference.clock import Clock
from orchestrator.store import claims, ledger, processes, replies
from orchestrator.store.database import Store

AFTER = {"claimed": "claim", "granted": "begin", "settled": "settle"}
"""Step -> the work that has just been made durable."""
BEFORE = {"answered": "settle", "unclaiming": "unclaim"}
"""Step -> the work that is about to be handed to the store."""
INSIDE = {
    "claiming": (claims, "claim"),
    "reserving": (ledger, "begin"),
    "settling": (ledger, "settle"),
    "keeping": (replies, "keep"),
}
"""Step -> module and name of the work that was done inside a transaction which is not committed yet."""
STEPS = (*AFTER, *BEFORE, *INSIDE)


def apply(order: str) -> None:
    """Do what `name:value,name:value` says; nothing if it is empty."""
    for one in filter(None, order.split(",")):
        name, _, value = one.partition(":")
        if name in STEPS:
            _die_at(name, int(value))
        else:
            _OTHERS[name](float(value or 0))


def _die_at(step: str, nth: int) -> None:
    """Kill this process as `kill -9` does when it reaches a step for the nth time."""
    left = [nth]

    def reached() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    if step in INSIDE:
        module, name = INSIDE[step]
        original = getattr(module, name)

        @wraps(original)
        def inside(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - stands for any function
            result = original(*args, **kwargs)
            if _counts(result):
                reached()
            return result

        setattr(module, name, inside)
        return

    do: Callable[..., Any] = Store.do

    async def watched(self: Store, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        done = getattr(work, "__name__", "")
        if done == BEFORE.get(step):
            reached()
        result = await do(self, work, *args, **kwargs)
        if done == AFTER.get(step) and _counts(result):
            reached()
        return result

    Store.do = watched  # type: ignore[method-assign] # the child alone sees it


def _counts(result: object) -> bool:
    """Whether this is the step itself, and not only an attempt at it (a place waited for, a question answered)."""
    return result is None or result is claims.Claim.MINE or isinstance(result, ledger.Granted)


def _stale_after(seconds: float) -> None:
    """Have processes be given up for dead after so long, with heartbeats that are faster in proportion."""
    interval = 5.0 * seconds / processes.STALE_S
    processes.STALE_S = seconds
    Store.__init__.__defaults__ = (None, interval)


def _clock_set(by: float, moment: float) -> None:
    """Set the wall clock by so many seconds at a moment of the steady clock, which all processes share."""
    real = time.time

    def now() -> float:
        return real() + (by if time.monotonic() > moment else 0.0)

    time.time = now
    setattr(runner, "Clock", partial(Clock, now))  # noqa: B010 - the child alone sees it


def _powerless(_: float) -> None:
    """Give up the superuser's right to write where the permissions forbid it (capset(2)); others have none."""
    header = struct.pack("Ii", 0x20080522, 0)
    ctypes.CDLL(None).capset(header, bytes(24))


_OTHERS: dict[str, Callable[[float], None]] = {
    "stale_after": _stale_after,
    "clock_back": partial(_clock_set, -3600.0),
    "clock_ahead": partial(_clock_set, 3600.0),
    "powerless": _powerless,
}
