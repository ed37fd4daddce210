"""The command line: parse, build, run, exit code. Everything it does lies in `commands`, imported when it is used.

Exit codes, the highest that applies: 130 interrupted, 5 cache trouble, 4 a provider was stopped, 3 stopped by the
budget, 2 usage, configuration or bad input, 1 done with failed, held or unsent items, 0 done.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.commands.analysing import Analysed
    from orchestrator.commands.running import RunResult
    from orchestrator.commands.scoring import ScoreResult
    from orchestrator.reporting.results import RunSummary
    from orchestrator.reporting.tables import Table

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130
RETRIABLE = ("refused", "filtered", "truncated", "unparsed")


def main() -> None:
    """Run the command line; expected trouble ends as one message and an exit code."""
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except OrchestratorError as error:
        _say(f"error: {error}")
        sys.exit(error.exit_code)


def _safe_lines(text: str) -> str:
    from orchestrator.reporting.terminal import safe

    return "\n".join(line[: len(line) - len(line.lstrip(" "))] + safe(line) for line in text.split("\n"))


class Usd(click.ParamType[int]):
    """A positive amount in dollars, as integer nano-dollars."""

    name = "USD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return nano-dollars; fails for anything that is not a positive amount with at most nine decimals."""
        if isinstance(value, int):
            return value
        try:
            amount = Decimal(str(value).removeprefix("$")).scaleb(9)
        except InvalidOperation:
            self.fail(f"{value!r} is no amount in dollars", param, ctx)
        if not amount.is_finite() or not 0 < amount <= 10**18 or amount != amount.to_integral_value():
            self.fail(f"{value!r} is no positive amount in dollars with at most nine decimals", param, ctx)
        return int(amount)


class Rotations(click.ParamType[int | None]):
    """A number of rotations, or `auto` (None)."""

    name = "K|auto"
    MOST = 26

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Return the number; fails for one that no item can have."""
        if value == "auto":
            return None
        if not str(value).isdecimal() or not 1 <= int(str(value)) <= self.MOST:
            self.fail(f"{value!r} is neither auto nor a number from 1 to {self.MOST}", param, ctx)
        return int(str(value))


class Outcomes(click.ParamType[frozenset[str]]):
    """A comma-separated list of outcomes that may be asked again."""

    name = "OUTCOMES"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        """Return the names; fails for one that cannot be asked again."""
        if isinstance(value, frozenset):
            return value
        names = frozenset(name.strip() for name in str(value).split(",") if name.strip())
        if unknown := sorted(names - set(RETRIABLE)):
            self.fail(f"{unknown[0]!r} cannot be asked again; choose from {', '.join(RETRIABLE)}", param, ctx)
        return names


def _together(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_FILE = click.Path(path_type=Path)
workspace_options = _together(
    click.option("--providers", type=_FILE, metavar="FILE", help="providers.toml to use instead of the one found."),
    click.option("--cache", type=_FILE, metavar="FILE", help="Cache to use instead of the one beside providers.toml."),
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "latex", "csv"]),
    default="terminal",
    show_default=True,
    help="Form of the tables.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
models_option = click.option("-m", "--model", "models", multiple=True, metavar="MODEL", help="Model alias; repeatable.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mcq-orchestrator", prog_name="orchestrator")
def cli() -> None:
    """Evaluate multimodal models on multiple-choice image benchmarks.

    Every paid reply is kept, so the same command again pays for nothing twice; a budget is a cap.

    \b
    Try it without a key:   orchestrator demo
    A first real run:       orchestrator run items.jsonl -m gpt-4o --limit 20 --budget 1
    """


# --- asking ----------------------------------------------------------------------------------------------------------


@cli.command("run")
@click.argument("benchmark", type=_FILE)
@click.option("-m", "--model", "models", multiple=True, required=True, metavar="MODEL", help="Model alias; repeatable.")
@click.option("--budget", type=Usd(), help="Cap on everything this run is ever charged, e.g. 5 or 0.50.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N items.")
@click.option("--samples", type=click.IntRange(1, 100), default=1, metavar="K", help="Ask every item K times.")
@click.option(
    "--rotations",
    type=Rotations(),
    default="1",
    show_default=True,
    help="Ask every item under K cyclic orders of its options; auto: as many as --budget covers at worst.",
)
@click.option("--run", "name", metavar="NAME", help="Name of the run; by default it follows from its content.")
@click.option("--retry", type=Outcomes(), default="", help="Ask these again and pay anew: refused,filtered,truncated.")
@click.option(
    "--in-doubt",
    type=click.Choice(["ask", "hold"]),
    default="ask",
    help="Items whose earlier attempt may have been billed: ask again, or leave unsent.",
)
@click.option("--skip-bad", is_flag=True, help="Go on without bad rows instead of stopping before anything is paid.")
@click.option("--judge", metavar="MODEL", help="Have this model read the replies that the rules cannot.")
@click.option("--prompt", "template", type=_FILE, metavar="FILE", help="Prompt template (TOML: system, single, multi).")
@workspace_options
@json_option
def run_command(
    benchmark: Path,
    models: tuple[str, ...],
    budget: int | None,
    limit: int | None,
    samples: int,
    rotations: int | None,
    name: str | None,
    retry: frozenset[str],
    in_doubt: str,
    skip_bad: bool,
    judge: str | None,
    template: Path | None,
    providers: Path | None,
    cache: Path | None,
    as_json: bool,
) -> int:
    """Ask MODELs every question of BENCHMARK, keep every reply, and print the results.

    Run the same command again to continue: what was answered is not asked again. Ctrl-C finishes what is in flight;
    a second Ctrl-C cancels it.

    \b
    Example:
      orchestrator run spine/items.jsonl -m gpt-4o -m gemini-2.5-pro --budget 5
    """
    from orchestrator.commands import running, workspace
    from orchestrator.records import Outcome

    options = running.RunOptions(
        benchmark=benchmark,
        models=models,
        budget_nanousd=budget,
        limit=limit,
        samples=samples,
        rotations=rotations,
        name=name,
        retry=frozenset(Outcome(one) for one in retry),
        hold_in_doubt=in_doubt == "hold",
        skip_bad=skip_bad,
        template=template,
        judge=judge,
        analysed=as_json,
    )
    found = workspace.find(providers, cache)
    result = asyncio.run(running.run(options, found, _say, _stderr()))
    _print_summary(result.summary, as_json)
    _print_closing(result, shlex.join(["orchestrator", *sys.argv[1:]]))
    return result.exit_code


@cli.command("estimate")
@click.argument("benchmark", type=_FILE)
@click.option("-m", "--model", "models", multiple=True, required=True, metavar="MODEL", help="Model alias; repeatable.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N items.")
@click.option("--samples", type=click.IntRange(1, 100), default=1, metavar="K", help="Every item K times.")
@click.option("--prompt", "template", type=_FILE, metavar="FILE", help="Prompt template (TOML: system, single, multi).")
@click.option("--pilot", type=click.IntRange(min=2), metavar="N", help="First ask N items, and go by what they cost.")
@click.option("--budget", type=Usd(), help="Cap on what the pilot is ever charged.")
@workspace_options
@json_option
def estimate_command(
    benchmark: Path,
    models: tuple[str, ...],
    limit: int | None,
    samples: int,
    template: Path | None,
    pilot: int | None,
    budget: int | None,
    providers: Path | None,
    cache: Path | None,
    as_json: bool,
) -> int:
    """Say what a run would cost, expected and at worst, how long it would take, and what the cache already holds.

    Sends nothing and needs no key. A pilot is paid for; a later run finds its replies and does not pay for them again.

    \b
    Examples:
      orchestrator estimate spine/items.jsonl -m gpt-4o
      orchestrator estimate spine/items.jsonl -m gpt-4o --pilot 20 --budget 1
    """
    from orchestrator.commands import estimating, quoting, workspace
    from orchestrator.commands.piloting import PilotSpec

    if pilot is not None and budget is None:
        raise click.UsageError("--pilot sends paid calls: say what they may cost, --budget USD")
    if budget is not None and pilot is None:
        raise click.UsageError("--budget caps a pilot: say how many items it asks, --pilot N")
    options = estimating.EstimateOptions(
        benchmark=benchmark,
        models=models,
        limit=limit,
        samples=samples,
        template=template,
        pilot=PilotSpec(pilot, budget) if pilot is not None and budget is not None else None,
    )
    found = asyncio.run(estimating.estimated(options, workspace.find(providers, cache), _say, _stderr()))
    _print(quoting.to_json(found), quoting.lines(found), as_json)
    return found.pilot.exit_code if found.pilot else 0


@cli.command("demo")
@click.option("--folder", type=_FILE, metavar="DIR", help="Where to put it; by default `demo` beside the cache.")
@json_option
def demo_command(folder: Path | None, as_json: bool) -> int:
    """Run the whole thing on a built-in synthetic benchmark against a simulated provider: no key, no network.

    \b
    Example:
      orchestrator demo
    """
    from orchestrator.commands import rehearsal, workspace

    target = folder or workspace.find(None, None).cache.parent / "demo"
    _say("synthetic pictures, simulated models: this shows how the program works, nothing about real ones")
    shown = asyncio.run(rehearsal.demo(target, 1_000_000_000, _say, _stderr()))
    _print_summary(shown.result.summary, as_json)
    _say(f"\nThe benchmark, its providers.toml and the cache lie in {target}.")
    _say("Again: `orchestrator demo` makes no call. From the cache alone:")
    _say(
        "  "
        + shlex.join(
            [
                "orchestrator",
                "score",
                str(shown.benchmark),
                "--providers",
                str(shown.providers),
                "--cache",
                str(shown.cache),
            ]
        )
    )
    return shown.result.exit_code


# --- looking ---------------------------------------------------------------------------------------------------------


@cli.command("score")
@click.argument("benchmark", type=_FILE)
@models_option
@click.option("--run", "name", metavar="NAME", help="Grade this run instead of the latest ones on the benchmark.")
@click.option(
    "--slices", is_flag=True, help="Also by disease, source and option; confusions, places, repeated questions."
)
@click.option("--published", is_flag=True, help="Print the SpineBench paper's rows below, which are not re-measured.")
@click.option("--save", type=_FILE, metavar="FILE", help="Write what was read from every reply, to compare with later.")
@click.option("--against", type=_FILE, metavar="FILE", help="List every reply that is read differently than in FILE.")
@format_option
@workspace_options
@json_option
def score_command(
    benchmark: Path,
    models: tuple[str, ...],
    name: str | None,
    slices: bool,
    published: bool,
    save: Path | None,
    against: Path | None,
    form: str,
    providers: Path | None,
    cache: Path | None,
    as_json: bool,
) -> int:
    """Grade BENCHMARK from the cache alone: no network, no key, no picture.

    \b
    Examples:
      orchestrator score spine/items.jsonl -m gpt-4o
      orchestrator score spine/items.jsonl --slices --published --format latex
      orchestrator score spine/items.jsonl --save before.jsonl
      orchestrator score spine/items.jsonl --against before.jsonl
    """
    from orchestrator.commands import analysing, scoring, workspace

    found = workspace.find(providers, cache)
    chosen = asyncio.run(scoring.choose(benchmark, found.cache, models, name))
    wanted = analysing.Wanted(slices or as_json, save, against)
    analysed = asyncio.run(analysing.analyse_benchmark(chosen, wanted))
    result = analysed.result
    _say_read(found.cache, result)
    _print_analysed(analysed, slices, published, form, as_json)
    incomplete = any(score.paid < score.items for score in result.summary.models.values())
    return int(incomplete)


@cli.command("compare")
@click.argument("benchmark", type=_FILE)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--by", type=click.Choice(["disease", "source"]), help="Also compare two models within each.")
@click.option("--run", "name", metavar="NAME", help="Read this run instead of the latest ones on the benchmark.")
@format_option
@workspace_options
@json_option
def compare_command(
    benchmark: Path,
    models: tuple[str, ...],
    by: Literal["disease", "source"] | None,
    name: str | None,
    form: str,
    providers: Path | None,
    cache: Path | None,
    as_json: bool,
) -> int:
    """Compare MODELs on the same items of BENCHMARK, from the cache alone; by default all that were asked.

    Paired permutation test by image or patient, difference with its 95 % interval, and the smallest difference that
    these items could have shown. Of several pairs the p values are corrected (Holm).

    \b
    Examples:
      orchestrator compare spine/items.jsonl gpt-4o gemini-2.5-pro --by disease
      orchestrator compare spine/items.jsonl
    """
    from orchestrator.commands import comparing, scoring, workspace
    from orchestrator.reporting import comparison

    found = workspace.find(providers, cache)
    chosen = asyncio.run(scoring.choose(benchmark, found.cache, models, name))
    compared = asyncio.run(comparing.compare_benchmark(chosen, by))
    _say_read(found.cache, compared.result)
    version = compared.result.summary.parser_version
    tables = [comparison.comparison_table(compared.pairs, version)]
    body: dict[str, Any] = {
        "benchmark": str(benchmark),
        "runs": list(chosen.names),
        "parser_version": version,
        "pairs": [comparison.comparison_json(pair) for pair in compared.pairs],
    }
    if by is not None:
        a, b = chosen.source.aliases
        tables.append(comparison.slice_table(a, b, by, compared.slices))
        body["slices"] = {"by": by, "rows": [comparison.slice_json(one) for one in compared.slices]}
    _print_tables(body, tables, form, as_json)
    return 0


@cli.command("extract")
@click.argument("answers", type=_FILE)
@click.option("-o", "--out", type=_FILE, metavar="FILE", help="File to write; by default stdout.")
@click.option("--explain", "explained", is_flag=True, help="Show each text with what every rule found in it instead.")
def extract_command(answers: Path, out: Path | None, explained: bool) -> int:
    """Read the letters out of answers from anywhere: no benchmark, no cache, no key.

    ANSWERS (-: stdin) holds JSON lines {"id", "options": {"A": "...", ...}, "output", "multi": true or false}. For each
    a line {"id", "letters", "rule", "confidence", "abstained"} is written; letters is empty where none can be read for
    sure. Bad lines are named and skipped; then the exit code is 1.

    \b
    Examples:
      orchestrator extract answers.jsonl -o letters.jsonl
      orchestrator extract --explain answers.jsonl | less
    """
    from orchestrator.commands import extracting
    from orchestrator.grading.parse import PARSER_VERSION

    found = extracting.extract_file(answers, out, lambda problem: _say(f"skipped: {problem}"), explained=explained)
    _say(
        f"parser {PARSER_VERSION}: {found.answered:,} answered, {found.abstained:,} without an answer, "
        f"{found.skipped:,} bad lines skipped"
    )
    return int(found.skipped > 0)


@cli.command("status")
@click.option(
    "--resolve", type=click.Choice(["billed", "not-billed"]), help="Settle attempts in doubt as the bill says."
)
@click.option("--attempt", "attempts", type=int, multiple=True, metavar="N", help="Which ones; by default all.")
@workspace_options
@json_option
def status_command(
    resolve: str | None, attempts: tuple[int, ...], providers: Path | None, cache: Path | None, as_json: bool
) -> int:
    """Show what the cache holds: runs, coverage, spend, attempts in doubt, failures with reasons.

    \b
    Examples:
      orchestrator status
      orchestrator status --resolve not-billed --attempt 17
    """
    from orchestrator.commands import status, workspace

    if attempts and resolve is None:
        raise click.UsageError("--attempt says which attempts to settle: give --resolve billed or not-billed as well")
    found = workspace.find(providers, cache)
    if resolve is not None:
        held = asyncio.run(status.read(found.cache))
        if unknown := sorted(set(attempts) - {doubt.attempt_id for doubt in held.in_doubt}):
            raise click.UsageError(f"attempt {unknown[0]} is not in doubt; `orchestrator status` lists those that are")
        count = asyncio.run(status.resolve(found.cache, attempts or None, billed=resolve == "billed"))
        _say(f"{count} attempts settled as {resolve}")
    shown = asyncio.run(status.read(found.cache))
    _print(status.to_json(shown), status.lines(found.cache, shown), as_json)
    return 0


@cli.command("models")
@models_option
@click.option("--check", is_flag=True, help="Send one cheap call to each -m MODEL, within --budget.")
@click.option("--budget", type=Usd(), default="0.10", show_default=True, help="Cap on what --check may cost.")
@workspace_options
@json_option
def models_command(
    models: tuple[str, ...], check: bool, budget: int, providers: Path | None, cache: Path | None, as_json: bool
) -> int:
    """Show providers.toml as it is understood: limits, prices and their age, whether each key is set.

    Of a model named with -m everything is shown; of one that is refused, the lines to add.

    \b
    Examples:
      orchestrator models
      orchestrator models -m gemini-2.5-pro
      orchestrator models --check -m gpt-4o -m gemini-2.5-flash
    """
    from orchestrator.commands import checking, workspace
    from orchestrator.commands import models as listing
    from orchestrator.inference.pricing import usd

    found = workspace.find(providers, cache)
    if not check:
        today = datetime.now().astimezone().date()
        body = listing.to_json(found.config, models, today)
        _print(body, listing.lines(found.config, models, today), as_json)
        return 0
    if not models:
        raise click.UsageError("--check sends paid calls: name the models, -m MODEL")
    checked = asyncio.run(checking.check(found, models, budget))
    body = {one.model: {"ok": one.ok, "spent_usd": one.spent_nanousd / 1e9, "reason": one.reason} for one in checked}
    lines = (
        f"{one.model}: {'works' if one.ok else 'FAILED: ' + one.reason} ({usd(one.spent_nanousd)})" for one in checked
    )
    _print(body, (_safe_lines(line) for line in lines), as_json)
    return 0 if all(one.ok for one in checked) else 4


@cli.command("build")
@click.argument("config", type=_FILE, required=False)
@click.option("--source", "sources", multiple=True, metavar="KIND=PATH", help="buu, csxa, rsna, vindr or generic.")
@click.option("-o", "--out", type=_FILE, metavar="DIR", help="Folder to build into, or to verify.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every choice.")
@click.option("--subset", is_flag=True, help="Draw a balanced sample as well (the paper's size unless configured).")
@click.option("--paraphrase", metavar="MODEL", help="Ask a model for more wordings first, within --budget.")
@click.option("--budget", type=Usd(), help="Cap on what --paraphrase may ever cost.")
@click.option("--verify", "verify_only", is_flag=True, help="Check the benchmark built in --out instead of building.")
@click.option("--example", is_flag=True, help="Print an example configuration and stop.")
@workspace_options
@json_option
def build_command(
    config: Path | None,
    sources: tuple[str, ...],
    out: Path | None,
    seed: int,
    subset: bool,
    paraphrase: str | None,
    budget: int | None,
    verify_only: bool,
    example: bool,
    providers: Path | None,
    cache: Path | None,
    as_json: bool,
) -> int:
    """Build a benchmark from source datasets, with hard negatives chosen by visual similarity.

    CONFIG is a TOML file; --source builds without one. A build that was interrupted goes on where it stopped.

    \b
    Examples:
      orchestrator build --example > build.toml
      orchestrator build build.toml -o spinebench --seed 1
      orchestrator build --source vindr=vindr-spinexr -o spinebench
      orchestrator build --verify -o spinebench
    """
    from orchestrator.construct import settings

    if example:
        click.echo(settings.example_config(), nl=False)
        return 0
    if out is None:
        raise click.UsageError("-o DIR says where to build, or what to verify")
    from orchestrator.commands import building, workspace

    if verify_only:
        checked = building.verified(out, _stderr())
        _print(checked.as_json(), building.verify_lines(out, checked), as_json)
        return 0 if checked.ok else 1
    if (config is None) == (not sources):
        raise click.UsageError("give either a CONFIG file or --source KIND=PATH")
    read = settings.load_config(config) if config is not None else settings.config_of_sources(sources)
    chosen = read.with_subset() if subset else read
    found = None
    if paraphrase is not None:
        if budget is None:
            raise click.UsageError("--paraphrase sends paid calls: give --budget USD")
        found = asyncio.run(building.wordings(chosen, workspace.find(providers, cache), paraphrase, budget))
        for line in building.wording_lines(found):
            _say(line)
    report = building.built(chosen, out, seed, found, _stderr())
    _print(report.as_json(), building.build_lines(report), as_json)
    return 0


@cli.group("cache")
def cache_group() -> None:
    """Look after the cache: verify it, export what it holds.

    \b
    Examples:
      orchestrator cache verify
      orchestrator cache export -o replies.jsonl
    """


@cache_group.command("verify")
@workspace_options
@json_option
def cache_verify_command(providers: Path | None, cache: Path | None, as_json: bool) -> int:
    """Check every page, every key and every sum of money; a damaged cache is exit code 5.

    \b
    Example:
      orchestrator cache verify --cache cache/responses.db
    """
    from orchestrator.commands import caching, workspace

    path = workspace.find(providers, cache).cache
    found = caching.verify(path)
    lines = [f"{path}: {found.replies:,} replies readable, {'sound' if found.sound else 'DAMAGED'}", *found.findings]
    body = {"cache": str(path), "replies": found.replies, "sound": found.sound, "findings": list(found.findings)}
    _print(body, (_safe_lines(line) for line in lines), as_json)
    if not found.sound:
        _say("Keep the file as it is. What can be read: orchestrator cache export -o replies.jsonl")
    return 0 if found.sound else 5


@cache_group.command("export")
@click.option("-o", "--out", type=_FILE, required=True, metavar="FILE", help="File to write.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@workspace_options
def cache_export_command(out: Path, form: str, providers: Path | None, cache: Path | None) -> int:
    """Write every reply that can be read, with its request, also out of a damaged cache.

    \b
    Example:
      orchestrator cache export -o replies.jsonl
    """
    from orchestrator.commands import caching, workspace

    count = caching.export(workspace.find(providers, cache).cache, out, form)
    _say(f"{count:,} replies written to {out}")
    return 0


# --- rehearsing ------------------------------------------------------------------------------------------------------


@cli.command("simulate")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any free port.")
@click.option(
    "--rpm", type=click.FloatRange(min=0, min_open=True), help="Requests a minute and key; default: no limit."
)
@click.option("--tpm", type=click.FloatRange(min=0, min_open=True), help="Tokens a minute and key; default: no limit.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.2, show_default=True, help="Seconds to an answer.")
@click.option(
    "--fault", "faults", multiple=True, metavar="KIND=SHARE", help="Faults to inject, e.g. server_error=0.05."
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Accept only this key; repeatable. Default: any.")
@click.option("--alias", "aliases", multiple=True, metavar="NAME=MODEL", help="Answer to a real model's name as well.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of faults and latencies.")
@click.option("--write-providers", type=_FILE, metavar="FILE", help="Write a providers.toml that points here.")
def simulate_command(
    port: int,
    rpm: float | None,
    tpm: float | None,
    latency: float,
    faults: tuple[str, ...],
    keys: tuple[str, ...],
    aliases: tuple[str, ...],
    seed: int,
    write_providers: Path | None,
) -> int:
    """Serve a simulated provider on this machine, to rehearse a run at real limits before paying.

    It speaks the OpenAI, Anthropic and Gemini dialects and keeps its own bill at /ledger. Ctrl-C stops it.

    \b
    Examples:
      orchestrator simulate --rpm 600 --write-providers sim.toml
      orchestrator run items.jsonl -m sim-spine-large --providers sim.toml
    """
    from orchestrator.commands import rehearsal
    from orchestrator.simulator import Fault, Settings, serve

    try:
        settings = Settings(
            keys=keys,
            rpm=rpm,
            tpm=tpm,
            latency_s=latency,
            seed=seed,
            faults={Fault(kind): float(share) for kind, share in _pairs(faults)},
            aliases=dict(_pairs(aliases)),
        )
    except ValueError as error:
        kinds = ", ".join(kind.value for kind in Fault)
        raise click.UsageError(f"{error}. Faults: {kinds}") from error

    def started(simulator: Any) -> None:  # noqa: ANN401 - the server's type would import the server
        if write_providers is not None:
            write_providers.write_text(rehearsal.providers_toml(simulator.url, settings), encoding="utf-8")
            click.echo(f"wrote {write_providers}")
        click.echo(f"simulated provider at {simulator.url} (its bill: {simulator.url}/ledger); Ctrl-C stops it")

    try:
        asyncio.run(serve(settings, port, started=started))
    except OSError as error:
        raise click.ClickException(f"port {port} cannot be used: {error.strerror}. Try --port 0.") from error
    return 0


def _pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is not NAME=VALUE")
        yield name, value


# --- printing --------------------------------------------------------------------------------------------------------


def _say(text: str) -> None:
    click.echo(_safe_lines(text), err=True)


def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def _print(body: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(body, ensure_ascii=False, allow_nan=False))
    else:
        for line in lines:
            click.echo(line)


def _say_read(cache: Path, result: ScoreResult) -> None:
    version = result.summary.parser_version
    _say(f"cache: {cache}; runs read: {', '.join(result.runs)}; parser version {version}")
    for problem in result.problems:
        _say(f"left out: {problem}")
    if count := result.scored.reworded:
        _say(f"{count} stored replies answer a question or options that read differently now: not counted")


def _print_tables(body: Mapping[str, Any], tables: Iterable[Table], form: str, as_json: bool) -> None:
    from rich.console import Console

    from orchestrator.reporting.formats import Format, render

    if as_json:
        _print(body, (), as_json)
    else:
        console = Console()
        click.echo(render(tuple(tables), Format(form), console.width, console.is_terminal))


def _print_analysed(analysed: Analysed, slices: bool, published: bool, form: str, as_json: bool) -> None:
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
    _print_tables(body, tables, form, as_json)
    _say_totals(summary)


def _print_summary(summary: RunSummary, as_json: bool) -> None:
    from orchestrator.reporting.leaderboard import leaderboard
    from orchestrator.reporting.results import to_json

    _print_tables(to_json(summary), [leaderboard(summary)], "terminal", as_json)
    _say_totals(summary)


def _say_totals(summary: RunSummary) -> None:
    from orchestrator.inference.pricing import usd

    doubt = f", {usd(summary.in_doubt_nanousd)} of it in doubt" if summary.in_doubt_nanousd else ""
    cap = "" if summary.cap_nanousd is None else f" of the cap {usd(summary.cap_nanousd)}"
    _say(
        f"run {summary.run}: {summary.calls} calls, {summary.cache_hits} from the cache, "
        f"{usd(summary.spent_nanousd)} now; {usd(summary.ledger_nanousd)}{cap} in all{doubt}"
    )


def _print_closing(result: RunResult, command: str) -> None:
    from orchestrator.commands import closing

    for line in (
        *closing.money_lines(result.accounts),
        *closing.reasked_lines(result.reasked),
        *closing.stop_lines(result.stops, result.summary, result.accounts, command),
    ):
        _say(line)
