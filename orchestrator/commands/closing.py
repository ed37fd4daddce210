"""What a run says when it ends: the money by model, what was asked twice and why, what stopped it, how to go on.

`score` says as well what has no reply, and how to go on.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from orchestrator.commands.counting import counted
from orchestrator.commands.scoring import Chosen
from orchestrator.grading.score import ModelScore
from orchestrator.inference import prompt
from orchestrator.inference.estimate import Load
from orchestrator.inference.plan import Stop, StopKind, Tally
from orchestrator.inference.pricing import usd
from orchestrator.records import NANO_PER_USD
from orchestrator.reporting.results import RunSummary
from orchestrator.reporting.terminal import safe
from orchestrator.store.runs import Money, RunRow
from orchestrator.store.status import Reasked

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Account:
    """One model's money: in this invocation, and in the run, ever."""

    tally: Tally
    money: Money
    left: Load = field(default_factory=Load)
    """What the next invocation would ask; looked up where a budget stopped this one."""


def money_lines(accounts: dict[str, Account]) -> Iterator[str]:
    """Yield a line a model that was asked something in this invocation."""
    for alias, one in accounts.items():
        if not one.tally.attempts:
            continue
        money, calibration = one.money, one.tally.calibration
        error = "" if calibration.mean is None else f"; input billed at {calibration.mean:.2f} of the estimate"
        attempts = counted(one.tally.attempts, "attempt")
        yield (
            f"{safe(alias)}: {attempts} quoted at {usd(one.tally.quoted_nanousd)} at worst; in the "
            f"run so far {usd(money.settled)} settled, {usd(money.reserved)} reserved, {usd(money.in_doubt)} in doubt"
            f"{error}"
        )


def reasked_lines(reasked: tuple[Reasked, ...]) -> Iterator[str]:
    """Yield what was asked again although an earlier attempt may have been billed, both charges named."""
    for one in reasked[:SHOWN]:
        yield (
            f"asked again: {safe(one.item_id)} at {safe(one.model)}: {usd(one.doubt_nanousd)} in doubt from before "
            f"(attempt {one.attempt_id}), {usd(one.paid_nanousd)} now"
        )
    if len(reasked) > SHOWN:
        yield f"... and {len(reasked) - SHOWN} more were asked again"


def lost_lines(models: Mapping[str, ModelScore], command: Sequence[str]) -> Iterator[str]:
    """Yield how many questions to which model have no reply, and the command that asks them; nothing if none is."""
    if lost := [f"{score.lost:,} to {safe(alias)}" for alias, score in models.items() if score.lost]:
        yield f"questions without a reply: {', '.join(lost)} (`orchestrator status` tells what was tried). To ask them:"
        yield f"  {re.sub(' --in-doubt[ =]hold', '', shlex.join(command))}"


def unanswered_lines(chosen: Chosen, models: Mapping[str, ModelScore], where: Sequence[str] = ()) -> Iterator[str]:
    """Yield the same of what is graded, with a command for each run that was the last to ask some of the models.

    `where` are the flags that name the configuration and the cache.
    """
    for run in chosen.runs:
        of_run = {alias: score for alias, score in models.items() if chosen.source.run_of(alias, ()) == run}
        yield from lost_lines(of_run, (*_asking(run, chosen, tuple(of_run)), *where))


def _asking(run: RunRow, chosen: Chosen, aliases: Sequence[str]) -> tuple[str, ...]:
    """Return the command that goes on with a run; where more items are graded than it asks, one that asks those."""
    whole = run.limit == chosen.limit
    flags = (
        *(("-m", alias) for alias in (run.models if whole and run.models else aliases)),
        ("--limit", chosen.limit),
        ("--samples", run.samples if run.samples > 1 else None),
        ("--rotations", run.rotations if run.rotations > 1 else None),
        ("--prompt", None if run.template in (None, prompt.SHIPPED.digest) else "FILE"),
        ("--run", run.name if whole else None),
    )
    words = (str(word) for flag in flags if flag[1] for word in flag)
    return ("orchestrator", "run", str(chosen.benchmark), *words)


def stop_lines(
    stops: tuple[Stop, ...], summary: RunSummary, accounts: dict[str, Account], command: Sequence[str]
) -> Iterator[str]:
    """Yield what stopped the run and the command that goes on: the given one, with a cap that will do."""
    for stop in stops:
        again = tuple(command)
        match stop.kind:
            case StopKind.INTERRUPTED:
                yield "interrupted: what was in flight is kept, the rest was not asked. To go on:"
            case StopKind.BUDGET:
                yield from _budget_lines(stop, summary, accounts)
                if not stop.name:
                    again = _raised(again, summary, accounts)
            case StopKind.PROVIDER:
                yield f"provider {safe(stop.name)} was stopped: {safe(stop.reason)}"
                yield "Once that is mended, go on with:"
            case StopKind.MODEL:
                yield f"model {safe(stop.name)} was stopped: {safe(stop.reason)}"
                yield "Once that is mended, go on with:"
            case StopKind.CACHE:
                yield f"the cache is in trouble: {safe(stop.reason)}"
                yield "Every paid reply was kept. Once that is mended, go on with:"
        yield f"  {shlex.join(again)}"


def _budget_lines(stop: Stop, summary: RunSummary, accounts: dict[str, Account]) -> Iterator[str]:
    settled = sum(one.money.settled for one in accounts.values())
    reserved = sum(one.money.reserved for one in accounts.values())
    doubt = sum(one.money.in_doubt for one in accounts.values())
    left = sum((one.left for one in accounts.values()), Load())
    if stop.name:
        yield f"stopped by the lifetime budget of provider {safe(stop.name)} ([budget] in providers.toml)."
    else:
        yield f"stopped by the cap {usd(summary.cap_nanousd or 0)}: {stop.reason}."
    questions = counted(left.calls, "question")
    yield f"{usd(settled)} settled, {usd(reserved)} reserved, {usd(doubt)} in doubt; {questions} left."
    if left.calls:
        yield f"Asking those would cost about {usd(left.expected_nanousd)} (at worst {usd(left.worst_nanousd)}) more."
    yield "To go on, raise the budget:"


def _raised(command: tuple[str, ...], summary: RunSummary, accounts: dict[str, Account]) -> tuple[str, ...]:
    """Return the command with a cap under which what is left fits even at worst, in whole cents."""
    worst = sum(one.left.worst_nanousd for one in accounts.values())
    if not worst:
        return command
    cent = NANO_PER_USD // 100
    enough = f"{Decimal(-(-(summary.ledger_nanousd + worst) // cent)) / 100:.2f}"
    for at, word in enumerate(command):
        if word == "--budget":
            return (*command[: at + 1], enough, *command[at + 2 :])
        if word.startswith("--budget="):
            return (*command[:at], f"--budget={enough}", *command[at + 1 :])
    return (*command, "--budget", enough)
