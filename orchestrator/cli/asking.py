"""Commands that ask models, or say what asking would cost: run, estimate, models."""

from __future__ import annotations

import asyncio
import shlex
import sys
from datetime import datetime
from pathlib import Path

import click

from orchestrator.cli.parameters import (
    FILE,
    RETRIABLE,
    Outcomes,
    Rotations,
    Usd,
    json_option,
    models_option,
    where,
    workspace_options,
)
from orchestrator.cli.printing import print_closing, print_lines, print_summary, safe_lines, say, stderr


@click.command("run")
@click.argument("benchmark", type=FILE)
@click.option("-m", "--model", "models", multiple=True, required=True, metavar="MODEL", help="Model alias; repeatable.")
@click.option("--budget", type=Usd(), help="Cap on everything this run is ever charged, e.g. 5 or 0.50.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N items.")
@click.option("--samples", type=click.IntRange(1, 100), default=1, metavar="K", help="Ask every item K times.")
@click.option(
    "--rotations",
    type=Rotations(),
    metavar=Rotations.name,
    default="1",
    show_default=True,
    help="Ask every item under K cyclic orders of its options; auto: as many as --budget covers at worst.",
)
@click.option("--run", "name", metavar="NAME", help="Name of the run; by default it follows from its content.")
@click.option("--retry", type=Outcomes(), default="", help=f"Ask these again and pay anew: {','.join(RETRIABLE)}.")
@click.option(
    "--in-doubt",
    type=click.Choice(["ask", "hold"]),
    default="ask",
    help="Items whose earlier attempt may have been billed: ask again, or leave unsent.",
)
@click.option("--skip-bad", is_flag=True, help="Name bad rows and go on without them; then the exit code is 1.")
@click.option("--judge", metavar="MODEL", help="Have this model read the replies that the rules cannot.")
@click.option("--prompt", "template", type=FILE, metavar="FILE", help="Prompt template (TOML: system, single, multi).")
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
    result = asyncio.run(running.run(options, found, say, stderr()))
    print_summary(result.summary, as_json)
    if (samples > 1 or rotations != 1) and not as_json:
        of_run = ("--run", str(result.summary.run), *where(providers, cache))
        say("accuracy by place, circular accuracy and pass@k:")
        say(f"  {shlex.join(['orchestrator', 'score', str(benchmark), '--slices', *of_run])}")
    print_closing(result, ("orchestrator", *sys.argv[1:]))
    return result.exit_code


@click.command("estimate")
@click.argument("benchmark", type=FILE)
@click.option("-m", "--model", "models", multiple=True, required=True, metavar="MODEL", help="Model alias; repeatable.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N items.")
@click.option("--samples", type=click.IntRange(1, 100), default=1, metavar="K", help="Every item K times.")
@click.option("--prompt", "template", type=FILE, metavar="FILE", help="Prompt template (TOML: system, single, multi).")
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
    Bad rows are named and left out; then the exit code is 1.

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
    found = asyncio.run(estimating.estimated(options, workspace.find(providers, cache), say, stderr()))
    print_lines(quoting.to_json(found), quoting.lines(found), as_json)
    return max(found.pilot.exit_code if found.pilot else 0, int(found.problems > 0))


@click.command("models")
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
        print_lines(body, listing.lines(found.config, models, today), as_json)
        return 0
    if not models:
        raise click.UsageError("--check sends paid calls: name the models, -m MODEL")
    checked = asyncio.run(checking.check(found, models, budget))
    body = {one.model: {"ok": one.ok, "spent_usd": one.spent_nanousd / 1e9, "reason": one.reason} for one in checked}
    lines = (
        f"{one.model}: {'works' if one.ok else 'FAILED: ' + one.reason} ({usd(one.spent_nanousd)})" for one in checked
    )
    print_lines(body, (safe_lines(line) for line in lines), as_json)
    return 0 if all(one.ok for one in checked) else 4
