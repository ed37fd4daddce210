"""What a run is to do, how far it came, and why it did no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.inference.tokens import Calibration
from orchestrator.records import Model, Reply
from orchestrator.store.claims import Policy


class StopKind(StrEnum):
    """Why something was no longer asked."""

    INTERRUPTED = "interrupted"
    BUDGET = "budget"
    PROVIDER = "provider"
    MODEL = "model"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class Stop:
    """What was stopped, and what to do about it."""

    kind: StopKind
    name: str
    """The provider or model concerned; empty for the whole run."""
    reason: str


@dataclass(slots=True)
class Tally:
    """One model's counts in this invocation, for the progress display and the summary."""

    hits: int = 0
    calls: int = 0
    """Requests of which at least one attempt left."""
    attempts: int = 0
    replied: int = 0
    failed: int = 0
    held: int = 0
    unsent: int = 0
    spent_nanousd: int = 0
    """Charged in this invocation, reservations in doubt included."""
    quoted_nanousd: int = 0
    """Sum of the worst cases reserved."""
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def done(self) -> int:
        """Questions that need no more of this invocation."""
        return self.hits + self.replied + self.failed + self.held + self.unsent


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    run_id: int
    process_id: int
    models: tuple[Model, ...]
    hold_in_doubt: bool = False
    newer_than: int = 0
    """Replies with a higher id belong to this invocation and are never asked again."""

    def policy(self, again: Callable[[Reply], bool] | None) -> Policy:
        """Return which stored states of a question are asked again."""
        return Policy(self.hold_in_doubt, again, self.newer_than)
