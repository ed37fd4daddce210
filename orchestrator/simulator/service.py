"""What the provider decides about one request: admit or refuse, bill, answer. No network and no waiting here.

The order is a real provider's: key, body, model, limits, then the fault that may be due. A request is billed when it
is accepted, before its answer is on the wire: a client that leaves has bought it all the same. A response the client
can have seen is always in the ledger already.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from random import Random
from typing import assert_never

from . import answer
from .dialects import Dialect
from .exchange import Ask, Completion, End, Kind, MalformedError, Problem, Tokens, obj, text
from .faults import (
    BAD_GATEWAY,
    CHARACTERS_A_TOKEN,
    ERRORS,
    MANNERS,
    Manner,
    drawn,
    encoded,
    output_tokens,
    padded,
    reported,
    spoken,
)
from .ledger import NO_STATUS, Entry, Ledger, LedgerView, body_digest, cost_nanousd
from .limits import Admitted, KeyLimits, Limited
from .settings import Fault, RetryAfterForm, Settings
from .sight import Seen, Sight

ACCOUNTS_KEPT = 1_024
NAME_SHOWN = 120
JSON_TYPE = {"Content-Type": "application/json"}
HTML_TYPE = {"Content-Type": "text/html"}


@dataclass(frozen=True, slots=True)
class Call:
    """One generation request as it came off the wire."""

    dialect: Dialect
    path: str
    model: str | None
    """The model's name, where the path holds it."""
    headers: Mapping[str, str]
    body: bytes | None
    """None if it was larger than the server reads."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What to put on the wire, and how; status 0 and no body where nothing is ever answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    manner: Manner = Manner.WHOLE
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Order:
    """A request that was understood, before limits and faults."""

    ask: Ask
    name: str
    """The model's name as asked for."""
    model: str
    """The simulated model behind it."""
    seen: tuple[Seen, ...]
    text_input: int
    image_input: int
    max_output: int

    @property
    def tokens(self) -> int:
        """What counts against the tokens a minute: input + requested output."""
        return self.text_input + self.image_input + self.max_output


class Service:
    """One simulated provider: its settings, its books, its limits and its eyes.

    Every public method may be called from any thread: tests look at the books while the server's thread writes them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ledger = Ledger()
        self._sight = Sight()
        self._limits: dict[tuple[str, str], KeyLimits] = {}
        self._scripted = 0
        self._lock = threading.Lock()

    def change(self, change: Mapping[str, object]) -> None:
        """Change some settings; limits start afresh if they change, a new script starts at the next request."""
        with self._lock:
            settings = self.settings.changed(change)
            if (settings.rpm, settings.tpm) != (self.settings.rpm, self.settings.tpm):
                self._limits.clear()
            if "script" in change:
                self._scripted = 0
            self.settings = settings

    def view(self) -> LedgerView:
        """Return a copy of the books."""
        with self._lock:
            return self._ledger.view()

    def leave(self, entry: Entry) -> None:
        """Note that a request is no longer being served."""
        with self._lock:
            self._ledger.leave(entry)

    def receive(self, call: Call, at: float, unix: float) -> tuple[Entry, Delivery]:
        """Decide one request that was read at `at` (steady seconds since the start) and Unix time `unix`."""
        with self._lock:
            return self._received(call, at, unix)

    def _received(self, call: Call, at: float, unix: float) -> tuple[Entry, Delivery]:
        digest = body_digest(call.path, call.body or b"")
        key = call.dialect.key(call.headers)
        entry = self._ledger.arrive(at, call.dialect.name, key, digest)
        chance = Random(f"{self.settings.seed}:{digest}:{entry.nth}")
        fault = self._due(chance)
        order = self._turned_away(call, key) or self._understood(call, entry)
        if isinstance(order, Problem):
            return entry, self._refused(call.dialect, entry, order, {}, unix)
        limits = self._limits_of(call.dialect, key, at)
        verdict = limits.admit(order.tokens, at)
        rates = call.dialect.rate_headers(limits.rates(at), unix)
        match verdict:
            case Limited():
                kind = Kind.NEVER_FITS if verdict.never else Kind.RATE_LIMITED
                detail = f"Limit {verdict.limit}, Requested {verdict.asked}" if verdict.never else verdict.scope
                problem = Problem(kind, detail, None if verdict.never else verdict.wait_s)
                return entry, self._refused(call.dialect, entry, problem, rates, unix)
            case Admitted():
                pass
            case _:
                assert_never(verdict)
        entry.arrival["fault"] = fault
        if fault in ERRORS:
            return entry, self._failed(call.dialect, entry, fault, rates, unix)
        return entry, self._answered(call.dialect, entry, order, (fault, chance), rates, unix)

    def _due(self, chance: Random) -> Fault | None:
        """Return the fault due to the next request, from the script while it lasts, else by probability."""
        by_chance = drawn(self.settings.faults, chance)
        if self._scripted < len(self.settings.script):
            self._scripted += 1
            return self.settings.script[self._scripted - 1]
        return by_chance

    def _turned_away(self, call: Call, key: str) -> Problem | None:
        """Return why a request is refused before its body is looked at."""
        if call.body is None:
            return Problem(Kind.TOO_LARGE)
        if not key:
            return Problem(Kind.NO_KEY)
        if self.settings.keys and key not in self.settings.keys:
            return Problem(Kind.WRONG_KEY)
        return None

    def _understood(self, call: Call, entry: Entry) -> Order | Problem:
        """Return what is asked, or why it is refused before any limit counts."""
        try:
            body = obj(json.loads(call.body or b""), "the body")
            name = call.model if call.model is not None else text(body.get("model"), "model")
            entry.arrival["model"] = name[:NAME_SHOWN]
            model = self.settings.model(name)
            if model is None:
                return Problem(Kind.UNKNOWN_MODEL, name[:NAME_SHOWN])
            return self._ordered(call.dialect, call.dialect.read(body, call.headers), name, model)
        except MalformedError as why:
            return Problem(Kind.BAD_REQUEST, str(why))
        except (ValueError, RecursionError):
            return Problem(Kind.BAD_REQUEST, "We could not parse the JSON body of your request.")

    def _ordered(self, dialect: Dialect, ask: Ask, name: str, model: str) -> Order:
        cap = self.settings.output_cap
        if ask.max_output is not None and ask.max_output > cap:
            raise MalformedError(f"max_tokens is too large: this model supports at most {cap} completion tokens")
        seen = tuple(self._sight.look(picture, model) for picture in ask.pictures)
        image_input = sum(
            dialect.image_tokens(one.width, one.height, picture.low_detail)
            for one, picture in zip(seen, ask.pictures, strict=True)
        )
        return Order(
            ask=ask,
            name=name,
            model=model,
            seen=seen,
            text_input=-(-ask.characters // CHARACTERS_A_TOKEN),
            image_input=math.ceil(image_input * self.settings.image_token_factor),
            max_output=ask.max_output or cap,
        )

    def _limits_of(self, dialect: Dialect, key: str, now: float) -> KeyLimits:
        account = (dialect.name, key)
        if account not in self._limits:
            if len(self._limits) >= ACCOUNTS_KEPT:
                del self._limits[next(iter(self._limits))]
            self._limits[account] = KeyLimits(self.settings.rpm, self.settings.tpm, now)
        return self._limits[account]

    def _failed(self, dialect: Dialect, entry: Entry, fault: Fault, rates: Mapping[str, str], unix: float) -> Delivery:
        """Return the HTTP error of a fault."""
        if fault is Fault.BAD_GATEWAY:
            self._ledger.status(entry, 502)
            return Delivery(502, HTML_TYPE, BAD_GATEWAY)
        problem = ERRORS[fault]
        if fault in {Fault.RATE_LIMITED, Fault.OVERLOADED}:
            problem = Problem(problem.kind, problem.detail, self.settings.retry_after_s)
        return self._refused(dialect, entry, problem, rates, unix)

    def _refused(
        self, dialect: Dialect, entry: Entry, problem: Problem, rates: Mapping[str, str], unix: float
    ) -> Delivery:
        """Return an HTTP error, its wait in the form set."""
        headers = {**JSON_TYPE, **rates}
        if problem.wait_s is not None:
            headers |= self._retry_after(dialect, problem.wait_s, unix)
        native = self.settings.retry_after_form is RetryAfterForm.NATIVE
        status, body = dialect.problem(problem if native else Problem(problem.kind, problem.detail))
        self._ledger.status(entry, status)
        return Delivery(status, headers, json.dumps(body).encode())

    def _retry_after(self, dialect: Dialect, wait_s: float, unix: float) -> dict[str, str]:
        match self.settings.retry_after_form:
            case RetryAfterForm.NATIVE:
                return dialect.retry_headers(wait_s)
            case RetryAfterForm.SECONDS:
                return {"retry-after": str(math.ceil(wait_s))}
            case RetryAfterForm.MS:
                return {"retry-after-ms": str(math.ceil(wait_s * 1000))}
            case RetryAfterForm.DATE:
                return {"retry-after": formatdate(math.ceil(unix + wait_s), usegmt=True)}
            case form:
                assert_never(form)

    def _answered(
        self,
        dialect: Dialect,
        entry: Entry,
        order: Order,
        luck: tuple[Fault | None, Random],
        rates: Mapping[str, str],
        unix: float,
    ) -> Delivery:
        """Generate and bill an answer, and return it as the fault leaves it."""
        fault, chance = luck
        findings = tuple(one.findings for one in order.seen)
        good = Completion(
            id=f"{entry.arrival['body'][:20]}{entry.nth:04x}",
            model=order.name,
            created=int(unix),
            text=answer.compose(order.ask.text, findings),
            end=End.COMPLETE,
            tokens=None,
        )
        said = _capped(spoken(fault, good, answer.undecided(findings)), order.max_output)
        true = Tokens(order.text_input, order.image_input, output_tokens(said.text))
        self._bill(entry, order.name, true)
        shown = padded(said.text, self.settings.huge_bytes) if fault is Fault.HUGE else said.text
        body = dialect.reply(Completion(said.id, said.model, said.created, shown, said.end, reported(fault, true)))
        manner = Manner.WHOLE if fault is None else MANNERS.get(fault, Manner.WHOLE)
        jitter = self.settings.latency_jitter * (2 * chance.random() - 1)
        status = NO_STATUS if manner in {Manner.RESET, Manner.HANG} else 200
        self._ledger.status(entry, status)
        kind = HTML_TYPE if fault is Fault.HTML_200 else JSON_TYPE
        return Delivery(status, {**kind, **rates}, encoded(fault, body), manner, self.settings.latency_s * (1 + jitter))

    def _bill(self, entry: Entry, name: str, true: Tokens) -> None:
        price = self.settings.price(name)
        prompt = true.text_input + true.image_input
        self._ledger.bill(entry, prompt, true.output, cost_nanousd(prompt, true.output, price.input, price.output))


def _capped(said: Completion, max_output: int) -> Completion:
    """Return an answer cut at the output tokens asked for."""
    if output_tokens(said.text) <= max_output:
        return said
    text_kept = said.text[: max_output * CHARACTERS_A_TOKEN]
    return Completion(said.id, said.model, said.created, text_kept, End.LENGTH, said.tokens)
