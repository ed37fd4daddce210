"""A run: every question of a benchmark to every model, each paid for once.

    items -> request -> claim (a hit ends here) -> prepare -> grant -> attempt -> settle -> next

A few workers a model pull from one stream; providers go on independently of one another. The runner alone decides;
the store alone remembers; the executor alone touches the network. Nothing here grows with the number of items.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import assert_never

from orchestrator.inference.clock import Clock
from orchestrator.inference.dispatch import HOPELESS_AFTER, Dispatcher, Go, Halted, Lane
from orchestrator.inference.estimate import History, Load
from orchestrator.inference.executor import Executor, Tried
from orchestrator.inference.plan import Plan, Stop, StopKind, Tally
from orchestrator.inference.pricing import worst_case
from orchestrator.inference.questions import Question
from orchestrator.inference.remaining import remaining
from orchestrator.inference.retry import (
    Again,
    Done,
    GiveUp,
    Meaning,
    StopModel,
    StopProvider,
    TryAgain,
    classify,
    retrying,
)
from orchestrator.inference.settling import settlement
from orchestrator.inference.tokens import Calibration, TokenEstimate, estimate
from orchestrator.records import (
    AttemptResult,
    Model,
    NotSent,
    Replied,
    Request,
    canonical,
)
from orchestrator.store import claims, ledger, replies
from orchestrator.store.claims import Ask, Claim
from orchestrator.store.database import Store
from orchestrator.store.ledger import ClaimLost, Granted, Intent, OverBudget, Settlement, State
from orchestrator.store.replies import KNOWN_AFTER

BUSY_S = 0.2
"""How often to look whether another process has finished a question."""
STALE_GRANT_S = 20.0
"""A grant older than this (the process slept) is checked against the claim before anything is sent."""


@dataclass(slots=True)
class _Track:
    """One model under way: its lane, its gate, its stream of questions."""

    model: Model
    lane: Lane
    dispatcher: Dispatcher
    tally: Tally
    questions: AsyncGenerator[Question, None]
    known: int = 0
    """Replies that the model is known to have given, to whichever process, `KNOWN_AFTER` at most."""
    pulling: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _Purchase:
    """One request on its way to a reply."""

    item_id: str
    request: Request
    estimated: TokenEstimate
    """Input tokens by the formulas, uncalibrated."""
    left: bool = False


class _Moved(Exception):  # noqa: N818 - a signal, not an error
    """The key's claim went to another process: look the question up again."""


class _Dropped(Exception):  # noqa: N818 - a signal, not an error
    """The run, the provider or the model was stopped: the question stays unsent."""


class Runner:
    """Runs one plan once; `halt` may be called at any time from the same loop."""

    def __init__(
        self,
        plan: Plan,
        questions: Callable[[Model], AsyncGenerator[Question, None]],
        store: Store,
        executor: Executor,
        clock: Clock | None = None,
    ) -> None:
        self._plan = plan
        self._questions = questions
        self._store = store
        self._executor = executor
        self._clock = clock or Clock()
        self.tallies = {model.alias: Tally() for model in plan.models}
        self.stops: list[Stop] = []
        providers = {model.provider.name: model.provider for model in plan.models}
        self._dispatchers = {name: Dispatcher(one, store, self._clock) for name, one in providers.items()}
        self._tracks = [
            _Track(
                model,
                Lane(model.alias),
                self._dispatchers[model.provider.name],
                self.tallies[model.alias],
                questions(model),
            )
            for model in plan.models
        ]

    @property
    def models(self) -> tuple[Model, ...]:
        """The models it asks."""
        return self._plan.models

    async def remaining(self, model: Model, past: History) -> Load:
        """Return the load of what the plan's next invocation would ask a model, whose replies so far are `past`."""
        return await remaining(self._questions(model), model, self._plan, past, self._store)

    @property
    def stops_all(self) -> bool:
        """Whether the whole run was halted, not only a provider or model."""
        return any(not stop.name for stop in self.stops)

    async def run(self) -> None:
        """Ask everything that can be asked; return when nothing is left or all is halted.

        Raises CacheError when the cache cannot be used any more; cancelling it leaves what is in flight in doubt.
        """
        try:
            async with asyncio.TaskGroup() as gates:
                serving = [gates.create_task(one.run()) for one in self._dispatchers.values()]
                async with asyncio.TaskGroup() as workers:
                    for track in self._tracks:
                        for _ in range(track.model.provider.max_concurrency):
                            workers.create_task(self._work(track))
                for task in serving:
                    task.cancel()
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            for track in self._tracks:
                await track.questions.aclose()

    def halt(self, stop: Stop) -> None:
        """Hand out nothing more where `stop` applies; what is in flight is finished."""
        if stop in self.stops:
            return
        self.stops.append(stop)
        for track in self._tracks:
            one = track.model.alias if stop.kind is StopKind.MODEL else track.model.provider.name
            if stop.name in {"", one}:
                track.lane.halted.set()
                track.dispatcher.wake()

    async def _work(self, track: _Track) -> None:
        while not self._halted(track):
            async with track.pulling:
                question = await anext(track.questions, None)
            if question is None:
                return
            await self._ask(track, question)

    def _halted(self, track: _Track) -> bool:
        if self._store.trouble is not None:
            self.halt(Stop(StopKind.CACHE, "", str(self._store.trouble)))
        return track.lane.halted.is_set()

    async def _ask(self, track: _Track, question: Question) -> None:
        request = question.request
        ask = Ask(
            run_id=self._plan.run_id,
            process_id=self._plan.process_id,
            model=track.model.alias,
            judged=question.judged,
            item_id=question.item_id,
            sample=question.sample,
            rotation=question.rotation,
            wording=question.wording,
            key=request.key,
            canonical=canonical(request),
        )
        policy = self._plan.policy(question.again)
        while not self._halted(track):
            match await self._store.do(claims.claim, ask, policy):
                case Claim.HIT:
                    track.tally.hits += 1
                    return
                case Claim.HELD:
                    track.tally.held += 1
                    return
                case Claim.BUSY:
                    await self._clock.sleep_unless(BUSY_S, track.lane.halted)
                case Claim.MINE:
                    if await self._buy(track, question.item_id, request, ask.key):
                        return
        track.tally.unsent += 1

    async def _buy(self, track: _Track, item_id: str, request: Request, key: str) -> bool:
        """Pay for one claimed request; return False if the claim was lost and the question is to be looked up again."""
        purchase = _Purchase(item_id, request, estimate(request, track.model.image_tokens))
        try:
            await self._pay(track, purchase)
        except _Moved:
            return False
        except _Dropped:
            track.tally.unsent += 1
        finally:
            await self._store.do(claims.unclaim, key, self._plan.process_id)
        return True

    async def _pay(self, track: _Track, purchase: _Purchase) -> None:
        provider = track.model.provider
        unsendable = await self._executor.prepare(purchase.request)
        if unsendable is not None:
            intent = self._intent(track, purchase)
            await self._store.do(ledger.record_unsent, intent, provider.name, unsendable.reason, self._clock.now())
            track.tally.failed += 1
            return

        async def pause(seconds: float) -> None:
            await self._clock.sleep_unless(seconds, track.lane.halted)

        try:
            await retrying(provider, pause, self._clock.monotonic)(self._try, track, purchase)
        except TryAgain as last:
            track.tally.failed += 1
            if last.again.after_s is not None:
                self.halt(Stop(StopKind.PROVIDER, provider.name, self._come_back(last.again, last.again.after_s)))

    def _come_back(self, again: Again, after_s: float) -> str:
        when = datetime.fromtimestamp(self._clock.now() + after_s).astimezone()
        return f"{again.reason}. It asks to come back in {after_s:.0f} s; run again after {when:%Y-%m-%d %H:%M:%S}."

    def _intent(self, track: _Track, purchase: _Purchase) -> Intent:
        model = track.model
        tokens = track.tally.calibration.apply(purchase.estimated.total)
        return Intent(
            run_id=self._plan.run_id,
            process_id=self._plan.process_id,
            model=model.alias,
            item_id=purchase.item_id,
            key=purchase.request.key,
            reserve_nanousd=worst_case(tokens, model.max_output_tokens, model.price),
            tokens=tokens + model.max_output_tokens,
            estimated_text_tokens=purchase.estimated.text,
            estimated_image_tokens=purchase.estimated.image,
            known=track.known,
        )

    async def _learnt_intent(self, track: _Track, purchase: _Purchase) -> Intent:
        """Return the intent by what the model's bills say; while they are few, by those of other processes as well."""
        if track.known < KNOWN_AFTER:
            track.known, bills = await self._store.do(replies.learnt, track.model.alias, Calibration.WINDOW)
            track.tally.calibration = Calibration.learnt(bills)
        return self._intent(track, purchase)

    async def _try(self, track: _Track, purchase: _Purchase) -> None:
        """Make one attempt; raises TryAgain, _Dropped or _Moved where that is not the end of it."""
        match await track.dispatcher.grant(track.lane, partial(self._learnt_intent, track, purchase)):
            case Halted():
                raise _Dropped
            case ClaimLost():
                raise _Moved
            case OverBudget(provider):
                self.halt(Stop(StopKind.BUDGET, provider, "the next call's worst case does not fit under the cap"))
                raise _Dropped
            case Go(intent, granted):
                started = self._clock.monotonic()
                meaning = await self._attempt(track, purchase, intent, granted)
                self._act(track, meaning, started)

    def _act(self, track: _Track, meaning: Meaning, started: float) -> None:
        model, tally = track.model, track.tally
        asked_to_wait = isinstance(meaning, Again) and meaning.after_s is not None
        if (
            isinstance(meaning, Again | GiveUp)
            and not asked_to_wait
            and track.lane.erred(started, self._clock.monotonic())
        ):
            reason = f"{HOPELESS_AFTER} errors in a row, the last: {meaning.reason}"
            self.halt(Stop(StopKind.MODEL, model.alias, reason))
        match meaning:
            case Done():
                tally.replied += 1
            case Again():
                raise TryAgain(meaning)
            case GiveUp():
                tally.failed += 1
            case StopModel(reason):
                tally.failed += 1
                self.halt(Stop(StopKind.MODEL, model.alias, reason))
            case StopProvider(reason):
                tally.failed += 1
                self.halt(Stop(StopKind.PROVIDER, model.provider.name, reason))
            case _:
                assert_never(meaning)

    async def _attempt(self, track: _Track, purchase: _Purchase, intent: Intent, granted: Granted) -> Meaning:
        reached = False
        track.tally.attempts += 1
        track.tally.quoted_nanousd += intent.reserve_nanousd
        try:
            await self._still_mine(intent, granted)
            tried = await self._send(track.model, purchase, granted)
            now = self._clock.now()
            meaning = classify(tried.result, now)
            end = settlement(track.model, intent, tried, meaning, now)
            await self._store.do(ledger.settle, granted.attempt_id, end)
            reached = isinstance(tried.result, Replied)
        finally:
            track.dispatcher.ended(track.lane, reached=reached)
        self._count(track, purchase, intent, tried.result, end)
        return meaning

    async def _send(self, model: Model, purchase: _Purchase, granted: Granted) -> Tried:
        try:
            return await self._executor.attempt(purchase.request, model.provider)
        except asyncio.CancelledError:
            cut = Settlement(State.DOUBT, None, self._clock.now(), reason="interrupted before the reply came")
            await self._store.do(ledger.settle, granted.attempt_id, cut)
            raise

    async def _still_mine(self, intent: Intent, granted: Granted) -> None:
        # A process that slept since the grant may have been given up for dead, and its question asked by another.
        if abs(self._clock.now() - granted.committed_at) < STALE_GRANT_S:
            return
        if not await self._store.do(claims.holds, intent.key, intent.process_id):
            gone = Settlement(State.RELEASED, 0, self._clock.now(), reason="not sent: another process took it over")
            await self._store.do(ledger.settle, granted.attempt_id, gone)
            raise _Moved

    def _count(
        self, track: _Track, purchase: _Purchase, intent: Intent, result: AttemptResult, end: Settlement
    ) -> None:
        tally = track.tally
        tally.spent_nanousd += intent.reserve_nanousd if end.charge_nanousd is None else end.charge_nanousd
        if not isinstance(result, NotSent) and not purchase.left:
            purchase.left = True
            tally.calls += 1
        if isinstance(result, Replied):
            track.lane.succeeded()
            if result.usage is not None and end.state is State.SETTLED:
                tally.calibration = tally.calibration.observe(purchase.estimated, result.usage.input_tokens)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that tells most: the first that is no cancellation."""
    leaves: list[BaseException] = []
    for one in group.exceptions:
        leaves.append(_first(one) if isinstance(one, BaseExceptionGroup) else one)
    return next((one for one in leaves if not isinstance(one, asyncio.CancelledError)), leaves[0])
