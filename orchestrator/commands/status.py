"""`status`: what the cache holds, what it cost, what is in doubt, what failed and why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from orchestrator.commands.counting import counted
from orchestrator.errors import CacheError
from orchestrator.inference.pricing import usd
from orchestrator.records import Json
from orchestrator.reporting import results
from orchestrator.reporting.terminal import safe
from orchestrator.store import processes, status
from orchestrator.store.database import Store, open_reading, reading
from orchestrator.store.status import Doubt, ModelProgress, RunStatus, Status


async def read(cache: Path) -> Status:
    """Put in doubt what dead processes left open, and read the whole cache's status. Raises CacheError without one."""
    open_reading(cache).close()
    # What cannot be written can be read all the same; whoever writes to it next finds the dead.
    with suppress(CacheError):
        async with Store(cache) as store:
            await store.do(processes.reap, processes.myself().host, time.time())
    with reading(cache) as connection:
        # Sums of one moment, whoever is paying meanwhile.
        connection.execute("BEGIN")
        return status.read(connection)


async def resolve(cache: Path, attempts: tuple[int, ...] | None, *, billed: bool) -> int:
    """Settle attempts in doubt (None: all) as billed at their reservation, or as not billed; return how many."""
    async with Store(cache) as store:
        return await store.do(status.resolve, attempts, billed)


def to_json(found: Status) -> dict[str, Json]:
    """Return the object that `status --json` prints."""
    return {
        "replies": found.replies,
        "ledger_usd": results.usd(found.ledger_nanousd),
        "providers": {name: results.usd(charged) for name, charged in found.providers},
        "in_doubt": [
            {
                "attempt": doubt.attempt_id,
                "run": doubt.run,
                "provider": doubt.provider,
                "model": doubt.model,
                "item": doubt.item_id,
                "charged_usd": results.usd(doubt.charged_nanousd),
                "started_at": doubt.started_at,
                "reason": doubt.reason,
            }
            for doubt in found.in_doubt
        ],
        "runs": [_run_json(run) for run in found.runs],
    }


def _run_json(run: RunStatus) -> Json:
    return {
        "run": run.name,
        "benchmark": run.benchmark,
        "created_at": run.created_at,
        "touched_at": run.touched_at,
        "cap_usd": None if run.cap_nanousd is None else results.usd(run.cap_nanousd),
        "ledger_usd": results.usd(run.charged_nanousd),
        "models": {model.model: _model_json(model) for model in run.models if not model.judge},
        "judges": {model.model: _model_json(model) for model in run.models if model.judge},
    }


def _model_json(model: ModelProgress) -> Json:
    return {
        "asked": model.asked,
        "replied": model.replied,
        "never_sent": model.never_sent,
        "ledger_usd": results.usd(model.charged_nanousd),
        "in_doubt_usd": results.usd(model.in_doubt_nanousd),
        "failures": [{"reason": reason, "attempts": count} for reason, count in model.failures],
    }


def lines(cache: Path, found: Status) -> Iterator[str]:
    """Yield the status as lines for a reader."""
    yield f"cache: {cache}"
    yield f"{counted(found.replies, 'reply', 'replies')}, {usd(found.ledger_nanousd)} charged in all"
    for name, charged in found.providers:
        yield f"  {safe(name)}: {usd(charged)}"
    for run in found.runs:
        cap = "no cap" if run.cap_nanousd is None else f"cap {usd(run.cap_nanousd)}"
        yield ""
        yield f"run {safe(run.name)}: {usd(run.charged_nanousd)} charged, {cap}, last {_when(run.touched_at)}"
        if run.benchmark:
            yield f"  {safe(run.benchmark)}"
        for model in run.models:
            doubt = f", {usd(model.in_doubt_nanousd)} of it in doubt" if model.in_doubt_nanousd else ""
            name = f"{safe(model.model)} (judge)" if model.judge else safe(model.model)
            # How many questions the whole run has is not known here, so no share is shown.
            tried = model.asked - model.replied - model.never_sent
            without = f", {tried} tried without a reply" if tried else ""
            unsent = f", {model.never_sent} taken up and never sent" if model.never_sent else ""
            yield f"  {name}: {model.replied} replied{without}{unsent}, {usd(model.charged_nanousd)}{doubt}"
            for reason, count in model.failures:
                yield f"    {count} x {safe(reason)}"
    yield from _doubts(found.in_doubt)


SHOWN = 20


def _doubts(doubts: tuple[Doubt, ...]) -> Iterator[str]:
    if not doubts:
        return
    yield ""
    yield f"{counted(len(doubts), 'attempt')} in doubt (perhaps billed; charged at their reservation):"
    for doubt in doubts[:SHOWN]:
        yield (
            f"  #{doubt.attempt_id} {safe(doubt.model)} {safe(doubt.item_id)} {usd(doubt.charged_nanousd)} "
            f"{_when(doubt.started_at)}: {safe(doubt.reason)}"
        )
    if len(doubts) > SHOWN:
        yield f"  ... and {len(doubts) - SHOWN} more (--json lists all)"
    yield "Once the provider's bill tells: orchestrator status --resolve billed (or not-billed) [--attempt N ...]"


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M}"
