"""Live progress of a run: a display that rewrites itself on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table

from orchestrator.inference.plan import Tally
from orchestrator.inference.pricing import usd
from orchestrator.reporting.terminal import safe

LIVE_S = 0.25
PLAIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """One model's progress in words and numbers."""

    model: str
    done: int
    total: int
    hits: int
    problems: int
    spent: str
    rate: float
    """Replies a second since the start."""
    eta_s: float | None

    @classmethod
    def of(cls, model: str, tally: Tally, total: int, elapsed_s: float) -> Line:
        """Return the line of a model that has been under way for `elapsed_s` seconds."""
        rate = tally.replied / elapsed_s if elapsed_s > 0 else 0.0
        left = max(0, total - tally.done)
        return cls(
            model=safe(model),
            done=tally.done,
            total=total,
            hits=tally.hits,
            problems=tally.failed + tally.held + tally.unsent,
            spent=usd(tally.spent_nanousd),
            rate=rate,
            eta_s=left / rate if rate > 0 else (0.0 if left == 0 else None),
        )

    def __str__(self) -> str:
        """Return the line as plain text."""
        problems = f", {self.problems} without reply" if self.problems else ""
        return (
            f"{self.model}: {self.done}/{self.total} items, {self.hits} from the cache{problems}, {self.spent}, "
            f"{self.rate:.1f}/s, {duration(self.eta_s)} left"
        )


def duration(seconds: float | None) -> str:
    """Return a duration as `42s`, `3m10s`, `2h05m` or `?`."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


@asynccontextmanager
async def shown(tallies: Mapping[str, Tally], total: int, console: Console) -> AsyncIterator[None]:
    """Show the tallies while the block runs; `total` is the number of questions a model is asked."""
    showing = asyncio.create_task(_show(tallies, total, console))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


async def _show(tallies: Mapping[str, Tally], total: int, console: Console) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()

    def lines() -> list[Line]:
        return [Line.of(name, tally, total, loop.time() - started) for name, tally in tallies.items()]

    if not console.is_terminal:
        while True:
            await asyncio.sleep(PLAIN_S)
            for line in lines():
                console.print(str(line), markup=False, highlight=False, soft_wrap=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        try:
            while True:
                live.update(_table(lines(), console.width), refresh=True)
                await asyncio.sleep(LIVE_S)
        finally:
            live.update(_table(lines(), console.width), refresh=True)


def _table(lines: list[Line], width: int) -> Table:
    table = Table(box=None, pad_edge=False)
    wide = width >= 90
    for heading in ("model", "items", "cached", "spent", *(("no reply", "rate") if wide else ()), "left"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=heading != "model")
    for line in lines:
        extra = (str(line.problems), f"{line.rate:.1f}/s") if wide else ()
        table.add_row(line.model, f"{line.done}/{line.total}", str(line.hits), line.spent, *extra, duration(line.eta_s))
    return table
