"""`run`: check the benchmark, ask what is not yet answered, and grade what the cache then holds."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from orchestrator import config
from orchestrator.commands.closing import Account
from orchestrator.commands.counting import counted
from orchestrator.commands.grades import Source
from orchestrator.commands.judging import judged_questions
from orchestrator.commands.rotating import affordable
from orchestrator.commands.scoring import first, score, spend, spent_by_judge
from orchestrator.commands.workspace import Workspace
from orchestrator.dataset.images import ImageLoader
from orchestrator.dataset.load import Checked, check, read_items
from orchestrator.errors import BenchmarkError, ConfigError
from orchestrator.grading.grade import read
from orchestrator.grading.judge import Heard
from orchestrator.grading.parse import PARSER_VERSION
from orchestrator.inference import client, prompt
from orchestrator.inference.estimate import History, Load, history
from orchestrator.inference.executor import LocalExecutor
from orchestrator.inference.plan import Plan, Stop, StopKind
from orchestrator.inference.pricing import usd
from orchestrator.inference.questions import Asking, Question, questions
from orchestrator.inference.runner import Runner
from orchestrator.inference.tokens import Calibration
from orchestrator.records import Item, Json, Model, Outcome, Reply
from orchestrator.reporting import progress
from orchestrator.reporting.results import RunSummary
from orchestrator.store import processes, replies, runs, status
from orchestrator.store.database import Store, reading
from orchestrator.store.pictures import KnownPictures
from orchestrator.store.runs import RunRow, RunSpec
from orchestrator.store.status import Reasked


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `run` was asked for."""

    benchmark: Path
    models: tuple[str, ...]
    budget_nanousd: int | None = None
    limit: int | None = None
    samples: int = 1
    rotations: int | None = 1
    """Orders of its options in which an item is asked; None: as many as the budget covers."""
    name: str | None = None
    retry: frozenset[Outcome] = frozenset()
    hold_in_doubt: bool = False
    skip_bad: bool = False
    template: Path | None = None
    judge: str | None = None
    """Alias of the model that reads what the rules could not."""
    analysed: bool = False
    """Whether the results are looked at from every side, as the JSON object shows them."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to."""

    summary: RunSummary
    stops: tuple[Stop, ...]
    accounts: dict[str, Account] = field(default_factory=dict)
    reasked: tuple[Reasked, ...] = ()
    """Questions paid for in this invocation after an earlier attempt had been left in doubt."""
    judge: str | None = None
    """Alias of the model that was to read what the rules could not."""
    bad_rows: int = 0
    """Rows of the benchmark that were left out."""

    @property
    def exit_code(self) -> int:
        """The highest that applies."""
        incomplete = bool(self.bad_rows) or any(score.lost for score in self.summary.models.values())
        for verdicts in self.summary.verdicts.values():
            of_judge = verdicts.get(self.judge or "", {})
            incomplete |= any(of_judge.get(lost) for lost in (Heard.FAILED, Heard.UNSENT))
        return exit_code(self.stops, incomplete=incomplete)


def exit_code(stops: Sequence[Stop], *, incomplete: bool) -> int:
    """Return the highest exit code that applies."""
    codes = {
        StopKind.INTERRUPTED: 130,
        StopKind.CACHE: 5,
        StopKind.PROVIDER: 4,
        StopKind.BUDGET: 3,
        StopKind.MODEL: 1,
    }
    return max([codes[stop.kind] for stop in stops] + [int(incomplete)])


Say = Callable[[str], None]


async def run(options: RunOptions, workspace: Workspace, say: Say, console: Console) -> RunResult:
    """Run a benchmark; Ctrl-C once drains it, twice cancels it.

    Raises ConfigError, BenchmarkError or CacheError before anything is paid where something is wrong with what was
    given, and CacheError in the middle when the cache fails.
    """
    models = tuple(workspace.config.model(alias) for alias in dict.fromkeys(options.models))
    judge = workspace.config.model(options.judge) if options.judge else None
    called = models if judge is None else (*models, judge)
    keys = {model.provider.name: config.api_key(model.provider) for model in called}
    for model in called:
        client.route(model.litellm_model)
    template = prompt.load_template(options.template) if options.template else prompt.SHIPPED
    started = time.monotonic()
    async with Store(workspace.cache) as store:
        count = await store.do(replies.count_replies)
        say(f"cache: {workspace.cache} " + ("(new)" if store.created else f"({counted(count, 'reply', 'replies')})"))
        pictures = KnownPictures(store)
        checked = await check(options.benchmark, pictures)
        _refuse_bad(checked, options, say)

        def items() -> AsyncGenerator[Item, None]:
            return first(read_items(options.benchmark, pictures, lambda problem: None), options.limit)

        rotations = await _rotations(options, checked.most_options, items(), models, template, say)
        options = replace(options, rotations=rotations)
        spec = spec_of(options, checked, models, template)
        row = await store.do(runs.open_run, spec, options.budget_nanousd, time.time())
        async with registered(store) as process_id, client.Client() as calls:
            newest = await store.do(replies.latest_reply_id)
            for line in _opening(row, await store.do(runs.money, row.id), options):
                say(line)
            plan = Plan(row.id, process_id, models, options.hold_in_doubt, newest)
            executor = LocalExecutor(calls, ImageLoader(), keys)
            asking = Asking(template, options.samples, rotations, _again(options))
            runners = [Runner(plan, lambda model: questions(items(), model, asking), store, executor)]
            total = min(checked.items, options.limit or checked.items) * options.samples * rotations
            await carry_out(runners[0], total, say, console)
            if judge is not None and not runners[0].stops_all:
                aliases = [model.alias for model in models]

                def judged(model: Model) -> AsyncGenerator[Question, None]:
                    return judged_questions(items(), store, row.id, aliases, model)

                runners.append(Runner(replace(plan, models=(judge,)), judged, store, executor))
                total = sum([1 async for _ in judged(judge)])
                await carry_out(runners[1], total, say, console)
            left = await _left(runners, store)
        reasked = await store.do(status.reasked, row.id, newest)
        result = await _result(options, workspace, row, runners, left, items(), reasked, time.monotonic() - started)
        return replace(result, bad_rows=checked.bad_rows)


async def _rotations(
    options: RunOptions,
    most: int,
    items: AsyncGenerator[Item, None],
    models: Sequence[Model],
    template: prompt.Template,
    say: Say,
) -> int:
    if options.rotations is not None:
        # More would ask the same questions, under the name of another run.
        if options.rotations > most:
            say(f"rotations: {most}, no item has more options (--rotations {most} asks the same)")
        return min(options.rotations, most)
    if options.budget_nanousd is None:
        raise ConfigError("--rotations auto asks as often as the budget allows: give --budget as well.")
    found = await affordable(items, models, Asking(template, options.samples), options.budget_nanousd)
    say(f"rotations: {found}, by what the calls would cost at worst (--rotations {found} asks the same)")
    return found


async def _left(runners: Sequence[Runner], store: Store) -> dict[tuple[Runner, str], Load]:
    """Return what the next invocation would ask, by runner and model; nothing where no budget stopped this one."""
    if not any(stop.kind is StopKind.BUDGET for runner in runners for stop in runner.stops):
        return {}
    return {
        (runner, model.alias): await runner.remaining(model, await past_of(store, model.alias))
        for runner in runners
        for model in runner.models
    }


def _again(options: RunOptions) -> Callable[[Item, Reply], bool] | None:
    return partial(_asked_again, options.retry) if options.retry else None


async def carry_out(runner: Runner, total: int, say: Say, console: Console) -> None:
    """Run a runner with a display of `total` questions a model.

    Ctrl-C once drains it, twice cancels it. Raises CacheError when the cache fails.
    """
    with _draining(runner, say):
        async with progress.shown(runner.tallies, total, console):
            await runner.run()


def _opening(row: RunRow, money: runs.Money, options: RunOptions) -> Iterator[str]:
    continued = "" if row.is_new else f" (continued; {usd(row.charged_nanousd)} charged so far)"
    cap = "no cap: --budget USD sets one" if row.cap_nanousd is None else f"cap {usd(row.cap_nanousd)}"
    yield f"run: {row.name}{continued}, {cap}"
    if money.in_doubt:
        what = "are left unsent" if options.hold_in_doubt else "are asked again (--in-doubt hold leaves them)"
        yield (
            f"{usd(money.in_doubt)} is in doubt: attempts that may have been billed and brought no reply. It stays "
            f"charged, and their questions {what}; `orchestrator status` lists them"
        )


def _refuse_bad(checked: Checked, options: RunOptions, say: Say) -> None:
    if checked.total_problems and checked.items and not options.skip_bad:
        rows = counted(checked.bad_rows, "row")
        advice = f"{rows} of {checked.items + checked.bad_rows:,} cannot be asked: mend them, or add --skip-bad"
        raise BenchmarkError(checked.problems, checked.total_problems, advice)
    if not checked.items:
        raise BenchmarkError(checked.problems, checked.total_problems)
    if checked.total_problems:
        named = BenchmarkError(checked.problems, checked.total_problems)
        say(f"{options.benchmark}: bad rows left out (--skip-bad): {checked.bad_rows}\n{named}")


def spec_of(options: RunOptions, checked: Checked, models: Sequence[Model], template: prompt.Template) -> RunSpec:
    """Return what the run is: its name follows from its content unless the options give one."""
    asked: Json = {
        model.alias: {
            "model": model.litellm_model,
            "endpoint": model.provider.identity,
            "params": dict(model.params),
            "image": [model.image.max_side, model.image.detail, model.image.format, model.image.quality],
        }
        for model in sorted(models, key=lambda one: one.alias)
    }
    settings: dict[str, Json] = {
        "models": asked,
        "template": template.digest,
        "samples": options.samples,
        "rotations": options.rotations,
        "limit": options.limit,
    }
    content = json.dumps([checked.digest, settings], sort_keys=True)
    name = options.name or f"{options.benchmark.stem}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
    return RunSpec(name, str(options.benchmark.resolve()), checked.digest, settings)


def _asked_again(outcomes: frozenset[Outcome], shown: Item, reply: Reply) -> bool:
    return read(shown, reply.text, reply.ending)[0] in outcomes


@asynccontextmanager
async def registered(store: Store) -> AsyncIterator[int]:
    """Be known as a living process while the block runs; yields the process's id."""
    me = processes.myself()
    process_id = await store.do(processes.register, me, time.time())
    store.call_every(lambda connection: processes.beat(connection, process_id, me))
    try:
        yield process_id
    finally:
        store.call_every(None)
        await store.do(processes.leave, process_id)


async def past_of(store: Store, alias: str) -> History:
    """Return what the latest stored replies of a model say of its next ones."""
    bills = await store.do(replies.usage_history, alias, Calibration.WINDOW)
    return history(Calibration.learnt(bills), await store.do(replies.answer_history, alias, Calibration.WINDOW))


@contextmanager
def _draining(runner: Runner, say: Say) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a drain, the second into a cancellation; a SIGHUP only ever drains."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    interrupted = Stop(StopKind.INTERRUPTED, "", "interrupted")

    def interrupt() -> None:
        if interrupted in runner.stops:
            if main is not None:
                main.cancel()
            say("cancelling; what was in flight stays in doubt")
        else:
            runner.halt(interrupted)
            say("stopping: finishing what is in flight; press Ctrl-C again to cancel it")

    handlers: dict[signal.Signals, Callable[[], None]] = {signal.SIGINT: interrupt, signal.SIGTERM: interrupt}
    # A terminal that is closed says so more than once, and nobody is there to be told; `nohup` has it ignored.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handlers[signal.SIGHUP] = partial(runner.halt, interrupted)
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    except asyncio.CancelledError:
        if interrupted not in runner.stops or main is None:
            raise
        main.uncancel()
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


async def _result(
    options: RunOptions,
    workspace: Workspace,
    row: RunRow,
    runners: Sequence[Runner],
    left: Mapping[tuple[Runner, str], Load],
    items: AsyncGenerator[Item, None],
    reasked: tuple[Reasked, ...],
    wall_s: float,
) -> RunResult:
    asked, *judging = runners
    tallies = [tally for runner in runners for tally in runner.tallies.values()]
    with reading(workspace.cache) as connection:
        judges = runs.judges_of(connection, [row.id])
        money = runs.money(connection, row.id)
        cap = runs.named(connection, row.name).cap_nanousd
        if options.judge is not None:
            # Also where it had nothing to read: the figures with and without it stand side by side.
            known = {alias: dict.fromkeys((*judges.get(alias, ()), options.judge)) for alias in asked.tallies}
            judges |= {alias: tuple(names) for alias, names in known.items()}
        source = Source(workspace.cache, (row,), tuple(asked.tallies), judges)
        spent = spend(connection, source)
    scored = await score(source, items, analysed=options.analysed)
    summary = RunSummary(
        run=row.name,
        benchmark=str(options.benchmark),
        calls=sum(tally.calls for tally in tallies),
        cache_hits=sum(tally.hits for tally in tallies),
        attempts=sum(tally.attempts for tally in tallies),
        spent_nanousd=sum(tally.spent_nanousd for tally in tallies),
        ledger_nanousd=money.charged,
        in_doubt_nanousd=money.in_doubt,
        cap_nanousd=cap,
        wall_s=wall_s,
        models=scored.models,
        spent_by_model={alias: spent[alias].get("", runs.NOTHING).charged for alias in scored.models},
        spent_by_judge=spent_by_judge(spent, scored),
        parser_version=PARSER_VERSION,
        judged=scored.judged,
        verdicts=scored.verdicts,
        tables=scored.tables,
        analyses=scored.analyses,
    )
    accounts = {
        alias: Account(tally, spent[alias].get("", runs.NOTHING), left.get((asked, alias), Load()))
        for alias, tally in asked.tallies.items()
    }
    for runner in judging:
        for alias, tally in runner.tallies.items():
            judging_cost = runs.total([of for judged, of in spent[alias].items() if judged])
            accounts[f"{alias} (judge)"] = Account(tally, judging_cost, left.get((runner, alias), Load()))
    stops = tuple(dict.fromkeys(stop for runner in runners for stop in runner.stops))
    return RunResult(summary, stops, accounts, reasked, options.judge)
