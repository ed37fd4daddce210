"""One dispatcher a provider: lets attempts go in order of arrival, when money, pace and health allow.

A provider's first call leaves alone; a model starts slowly until its real usage is known, and falls back to one call at
a time while it only fails. The state that processes share (money, pace, places) lies in the store; asyncio-throttle
keeps this process's own share honest whatever the clock does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from asyncio_throttle import Throttler

from orchestrator.inference import limits
from orchestrator.inference.clock import Clock
from orchestrator.records import Provider
from orchestrator.store import ledger
from orchestrator.store.database import Store
from orchestrator.store.ledger import ClaimLost, Granted, Intent, OverBudget, Pace, Wait
from orchestrator.store.replies import KNOWN_AFTER

SUSPECT_AFTER = 5
"""Errors in a row after which a model is asked one call at a time."""
HOPELESS_AFTER = 20
"""Errors in a row after which a model is stopped."""


@dataclass(slots=True)
class Lane:
    """One model on its way through a run: how it fares, and whether it still goes."""

    alias: str
    halted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more may be sent to this model."""
    flying: int = 0
    successes: int = 0
    errors: int = 0
    """Errors in a row; those that were in flight together count once."""
    _last_error_at: float = 0.0

    @property
    def width(self) -> float:
        """How many calls may be in flight."""
        if self.errors >= SUSPECT_AFTER:
            return 1
        return float("inf") if self.successes >= KNOWN_AFTER else 1 + self.successes

    def succeeded(self) -> None:
        """Note a paid reply."""
        self.successes += 1
        self.errors = 0

    def erred(self, started_at: float, now: float) -> bool:
        """Note an error of an attempt begun at `started_at` (monotonic); return whether the model is hopeless."""
        if started_at >= self._last_error_at:
            self.errors += 1
            self._last_error_at = now
        return self.errors >= HOPELESS_AFTER


@dataclass(frozen=True, slots=True)
class Go:
    """The attempt is on record, with what was reserved for it: send it."""

    intent: Intent
    granted: Granted


@dataclass(frozen=True, slots=True)
class Halted:
    """The model or the run was stopped before this attempt's turn came."""


@dataclass(slots=True)
class _Turn:
    lane: Lane
    intent: Callable[[], Awaitable[Intent]]
    granted: asyncio.Future[Go | OverBudget | ClaimLost | Halted]


class Dispatcher:
    """The gate to one provider; `run` must be running for turns to come."""

    def __init__(self, provider: Provider, store: Store, clock: Clock) -> None:
        self.provider = provider
        self._store = store
        self._clock = clock
        self._turns: list[_Turn] = []
        self._due = asyncio.Event()
        """Set when a turn may have come: one arrived, or something changed."""
        self._changed = asyncio.Event()
        self._flying = 0
        self._proven = False
        per_second = max(1, provider.rpm // 60)
        self._throttler = Throttler(rate_limit=per_second, period=60.0 * per_second / provider.rpm)

    async def grant(self, lane: Lane, intent: Callable[[], Awaitable[Intent]]) -> Go | OverBudget | ClaimLost | Halted:
        """Wait for this attempt's turn; a granted attempt is on record and must be ended with `ended`.

        `intent` is called when the turn has come: what was learnt from bills meanwhile counts in its reservation.
        """
        turn = _Turn(lane, intent, asyncio.get_running_loop().create_future())
        self._turns.append(turn)
        self._due.set()
        try:
            return await turn.granted
        except asyncio.CancelledError:
            self._due.set()
            # Granted, and cancelled before that was heard of.
            if not turn.granted.cancelled() and isinstance(go := turn.granted.result(), Go):
                await self._take_back(turn, go.granted)
            raise

    def ended(self, lane: Lane, *, reached: bool) -> None:
        """Note that a granted attempt ended, and whether the provider answered it as it should."""
        self._flying -= 1
        lane.flying -= 1
        self._proven = self._proven or reached
        self.wake()

    def wake(self) -> None:
        """Look again: an attempt ended, or something was halted."""
        self._changed.set()
        self._due.set()

    async def run(self) -> None:
        """Serve turns for ever; cancel it when no more will come."""
        while True:
            turn = await self._next()
            verdict = await self._serve(turn)
            if turn.granted.cancelled():
                if isinstance(verdict, Go):
                    await self._take_back(turn, verdict.granted)
            else:
                turn.granted.set_result(verdict)

    async def _next(self) -> _Turn:
        """Wait for the first turn in order of arrival that may be served; a model held up holds up no other."""
        while True:
            self._due.clear()
            for index, turn in enumerate(self._turns):
                if self._may_go(turn):
                    return self._turns.pop(index)
            await self._due.wait()

    def _may_go(self, turn: _Turn) -> bool:
        lane = turn.lane
        if lane.halted.is_set() or turn.granted.cancelled():
            return True
        return lane.flying < lane.width and (self._proven or not self._flying)

    async def _serve(self, turn: _Turn) -> Go | OverBudget | ClaimLost | Halted:
        lane = turn.lane
        paced = False
        while not lane.halted.is_set() and not turn.granted.cancelled():
            self._changed.clear()
            if not paced:
                await self._throttler.acquire()
                paced = True
            intent = await turn.intent()
            verdict = await self._store.do(ledger.begin, intent, self.provider, self._pace(intent), self._clock.now)
            if isinstance(verdict, Wait):
                await self._clock.sleep_unless(verdict.seconds, self._changed)
                continue
            if isinstance(verdict, Granted):
                lane.flying += 1
                self._flying += 1
                return Go(intent, verdict)
            return verdict
        return Halted()

    def _pace(self, intent: Intent) -> Callable[[Pace, float], Pace | float]:
        return partial(limits.take, provider=self.provider, tokens=intent.tokens)

    async def _take_back(self, turn: _Turn, granted: Granted) -> None:
        self._flying -= 1
        turn.lane.flying -= 1
        nothing_sent = ledger.Settlement(ledger.State.RELEASED, 0, self._clock.now(), reason="cancelled before it left")
        await self._store.do(ledger.settle, granted.attempt_id, nothing_sent)
