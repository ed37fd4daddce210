"""What reaches the terminal: results on stdout, everything said about them on stderr, nothing of it unescaped."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.commands.counting import counted

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.commands.analysing import Analysed
    from orchestrator.commands.running import RunResult
    from orchestrator.commands.scoring import ScoreResult
    from orchestrator.reporting.results import RunSummary
    from orchestrator.reporting.tables import Table


def escape_unencodable() -> None:
    """Have stdout write what its encoding lacks as the escapes of JSON, so that JSON stays what it was."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("orchestrator", _escaped)
        sys.stdout.reconfigure(errors="orchestrator")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def safe_lines(text: str) -> str:
    """Return a text without control sequences, its lines and their indentation kept."""
    from orchestrator.reporting.terminal import safe

    return "\n".join(line[: len(line) - len(line.lstrip(" "))] + safe(line) for line in text.split("\n"))


def say(text: str) -> None:
    """Tell the user something on stderr."""
    click.echo(safe_lines(text), err=True)


def stderr() -> Console:
    """Return the console that progress is drawn on."""
    from rich.console import Console

    return Console(stderr=True)


def print_lines(body: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """Print one JSON object, or these lines."""
    if as_json:
        click.echo(json.dumps(body, ensure_ascii=False, allow_nan=False))
    else:
        for line in lines:
            click.echo(line)


def say_read(cache: Path, result: ScoreResult) -> None:
    """Say what was graded, and what was left out of it."""
    version = result.summary.parser_version
    used = [name for name in result.runs if result.scored.used[name]]
    say(f"cache: {cache}; replies of: {', '.join(used) or 'no run'}; parser version {version}")
    if count := result.scored.aside:
        say(f"{count:,} replies of other runs set aside: of an item the latest run counts (--run NAME reads one run)")
    if count := result.replaced:
        questions = counted(count, "question was", "questions were")
        say(f"{questions} asked again after a reply (`run --retry`): the latest counts, so these are no first tries")
    for problem in result.problems:
        say(f"left out: {problem}")
    if more := result.total_problems - len(result.problems):
        say(f"left out: {more:,} more")
    stored = ("stored reply", "stored replies")
    if count := result.scored.reworded:
        say(f"{counted(count, *stored)} to a question or options that read differently now: not counted")
    if count := result.gone:
        say(f"{counted(count, *stored)} to items that are in no good row of the benchmark any more: not counted")


def print_tables(body: Mapping[str, Any], tables: Iterable[Table], form: str, as_json: bool) -> None:
    """Print one JSON object, or these tables in a form (terminal, markdown, latex, csv)."""
    from rich.console import Console

    from orchestrator.reporting.formats import Format, render

    if as_json:
        print_lines(body, (), as_json)
    else:
        console = Console()
        click.echo(render(tuple(tables), Format(form), console.width, console.is_terminal))


def print_analysed(analysed: Analysed, slices: bool, published: bool, form: str, as_json: bool) -> None:
    """Print what `score` found."""
    from orchestrator.reporting import analysis_tables, regrading_tables
    from orchestrator.reporting.leaderboard import leaderboard
    from orchestrator.reporting.paper import PUBLISHED, published_json
    from orchestrator.reporting.results import to_json

    summary = analysed.result.summary
    tables = [leaderboard(summary, PUBLISHED if published else ())]
    body = to_json(summary)
    if slices:
        tables += analysis_tables.analysis_tables(summary)
    if published:
        body["published"] = published_json()
    if analysed.regraded is not None:
        tables += regrading_tables.regrading_tables(analysed.regraded)
        body["against"] = regrading_tables.regrading_json(analysed.regraded)
    print_tables(body, tables, form, as_json)
    for line in analysis_tables.left_out_lines(summary) if slices else ():
        say(line)
    _say_totals(summary)


def print_summary(summary: RunSummary, as_json: bool) -> None:
    """Print a run's table."""
    from orchestrator.reporting.leaderboard import leaderboard
    from orchestrator.reporting.results import judge_lines, to_json

    print_tables(to_json(summary), [leaderboard(summary)], "terminal", as_json)
    for line in judge_lines(summary) if as_json else ():
        say(line)
    _say_totals(summary)


def _say_totals(summary: RunSummary) -> None:
    from orchestrator.inference.pricing import usd

    doubt = f", {usd(summary.in_doubt_nanousd)} of it in doubt" if summary.in_doubt_nanousd else ""
    cap = "" if summary.cap_nanousd is None else f" of the cap {usd(summary.cap_nanousd)}"
    what = f"the {len(summary.several)} runs on this benchmark" if summary.run is None else f"run {summary.run}"
    say(
        f"{what}: {counted(summary.calls, 'call')}, {summary.cache_hits:,} from the cache, "
        f"{usd(summary.spent_nanousd)} now; {usd(summary.ledger_nanousd)}{cap} in all{doubt}"
    )


def print_closing(result: RunResult, command: Sequence[str]) -> None:
    """Say what a run's money came to, why it stopped, and the command that goes on."""
    from orchestrator.commands import closing

    for line in (
        *closing.money_lines(result.accounts),
        *closing.reasked_lines(result.reasked),
        *(() if result.stops else closing.lost_lines(result.summary.models, command)),
        *closing.stop_lines(result.stops, result.summary, result.accounts, command),
    ):
        say(line)
