"""The simulator's own books: who asked what, when, and what it cost, in whole nano-dollars.

Written by its own arithmetic, so that it can contradict the package's ledger. Memory is bounded: counters never grow,
arrivals and bodies forget the oldest beyond a stated number and say how many were forgotten.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TypedDict

ARRIVALS_KEPT = 65_536
BODIES_KEPT = 131_072
KEYS_KEPT = 1_024
NO_STATUS = 0
"""Status of a request that never got one: its connection was reset, or it hangs."""


class Counters(TypedDict):
    """Sums over some requests; money in nano-dollars."""

    requests: int
    statuses: dict[str, int]
    """By HTTP status; `0` where none was sent."""
    billed: int
    input_tokens: int
    output_tokens: int
    nanousd: int


class BodyCounters(TypedDict):
    """One request body (and path), however often it came."""

    received: int
    billed: int
    nanousd: int


class Arrival(TypedDict):
    """One generation request."""

    at: float
    """Seconds since the simulator started, on its steady clock, when the request had been read."""
    dialect: str
    model: str
    status: int | None
    """None while it is being served; 0 if no status was ever sent."""
    fault: str | None
    billed: bool
    body: str


class LedgerView(TypedDict):
    """The books as `GET /ledger` gives them."""

    total: Counters
    keys: dict[str, Counters]
    """By the first 12 hex digits of the key's SHA-256."""
    bodies: dict[str, BodyCounters]
    """By SHA-256 of path, a line feed and the raw body."""
    bodies_forgotten: int
    arrivals: list[Arrival]
    arrivals_forgotten: int
    rate_limited: int
    """Answers with status 429."""
    in_flight: int
    peak_concurrency: int


def body_digest(path: str, body: bytes) -> str:
    """Return the name under which the ledger keeps a request body: SHA-256 (hex) of path, a line feed and the body."""
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape") + b"\n")
    digest.update(body)
    return digest.hexdigest()


def key_prefix(key: str) -> str:
    """Return the name under which the ledger shows an API key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def cost_nanousd(input_tokens: int, output_tokens: int, input_pico: int, output_pico: int) -> int:
    """Return a call's price in nano-dollars, rounded up; prices are pico-dollars a token."""
    return -((input_tokens * input_pico + output_tokens * output_pico) // -1000)


def _zero() -> Counters:
    return Counters(requests=0, statuses={}, billed=0, input_tokens=0, output_tokens=0, nanousd=0)


@dataclass(slots=True)
class Entry:
    """One request being served; hand it back to `Ledger.bill`, `status` and `leave`."""

    arrival: Arrival
    account: Counters
    body: BodyCounters
    nth: int
    """How often this very body had come before (0 = never)."""


@dataclass(slots=True)
class Ledger:
    """Counts every generation request once, bills it at most once, and gives it one status."""

    arrivals_kept: int = ARRIVALS_KEPT
    bodies_kept: int = BODIES_KEPT
    keys_kept: int = KEYS_KEPT
    total: Counters = field(default_factory=_zero)
    _keys: dict[str, Counters] = field(default_factory=dict)
    _bodies: OrderedDict[str, BodyCounters] = field(default_factory=OrderedDict)
    _arrivals: deque[Arrival] = field(default_factory=deque)
    _bodies_seen: int = 0
    _in_flight: int = 0
    _peak: int = 0

    def arrive(self, at: float, dialect: str, key: str, digest: str) -> Entry:
        """Open the books for one request read at `at`."""
        if digest not in self._bodies:
            self._bodies_seen += 1
            self._bodies[digest] = BodyCounters(received=0, billed=0, nanousd=0)
            if len(self._bodies) > self.bodies_kept:
                self._bodies.popitem(last=False)
        body = self._bodies[digest]
        prefix = key_prefix(key)
        account = self._keys.get(prefix)
        if account is None:
            account = self._keys.setdefault(prefix if len(self._keys) < self.keys_kept else "others", _zero())
        arrival = Arrival(at=at, dialect=dialect, model="", status=None, fault=None, billed=False, body=digest)
        self._arrivals.append(arrival)
        if len(self._arrivals) > self.arrivals_kept:
            self._arrivals.popleft()
        nth = body["received"]
        body["received"] += 1
        for counters in (self.total, account):
            counters["requests"] += 1
        self._in_flight += 1
        self._peak = max(self._peak, self._in_flight)
        return Entry(arrival, account, body, nth)

    def bill(self, entry: Entry, input_tokens: int, output_tokens: int, nanousd: int) -> None:
        """Charge a request for what it made the model do."""
        entry.arrival["billed"] = True
        entry.body["billed"] += 1
        entry.body["nanousd"] += nanousd
        for counters in (self.total, entry.account):
            counters["billed"] += 1
            counters["input_tokens"] += input_tokens
            counters["output_tokens"] += output_tokens
            counters["nanousd"] += nanousd

    def status(self, entry: Entry, status: int) -> None:
        """Note the HTTP status a request is given."""
        entry.arrival["status"] = status
        for counters in (self.total, entry.account):
            counters["statuses"][str(status)] = counters["statuses"].get(str(status), 0) + 1

    def leave(self, entry: Entry) -> None:
        """Note that a request is no longer being served."""
        if entry.arrival["status"] is None:
            self.status(entry, NO_STATUS)
        self._in_flight -= 1

    def view(self) -> LedgerView:
        """Return a copy of the books."""
        return LedgerView(
            total=_copy(self.total),
            keys={prefix: _copy(counters) for prefix, counters in self._keys.items()},
            bodies={digest: body.copy() for digest, body in self._bodies.items()},
            bodies_forgotten=self._bodies_seen - len(self._bodies),
            arrivals=[arrival.copy() for arrival in self._arrivals],
            arrivals_forgotten=self.total["requests"] - len(self._arrivals),
            rate_limited=self.total["statuses"].get("429", 0),
            in_flight=self._in_flight,
            peak_concurrency=self._peak,
        )


def _copy(counters: Counters) -> Counters:
    return Counters(**{**counters, "statuses": dict(counters["statuses"])})
