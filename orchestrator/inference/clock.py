"""Time as the paid path sees it, so that a test can hand in its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Wall time, monotonic time and sleep."""

    now: Callable[[], float] = time.time
    """Unix time: what is stored and what other processes compare with."""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def sleep_unless(self, seconds: float, event: asyncio.Event) -> None:
        """Sleep, but no longer than until `event` is set."""
        if event.is_set():
            return
        sleeping = asyncio.ensure_future(self.sleep(seconds))
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait({sleeping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waiting.cancel()
