"""The command that builds benchmarks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from orchestrator.cli.parameters import FILE, Usd, json_option, workspace_options
from orchestrator.cli.printing import print_lines, say, stderr


@click.command("build")
@click.argument("config", type=FILE, required=False)
@click.option("--source", "sources", multiple=True, metavar="KIND=PATH", help="buu, csxa, rsna, vindr or generic.")
@click.option("-o", "--out", type=FILE, metavar="DIR", help="Folder to build into, or to verify.")
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
        checked = building.verified(out, stderr())
        print_lines(checked.as_json(), building.verify_lines(out, checked), as_json)
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
            say(line)
    report = building.built(chosen, out, seed, found, stderr())
    print_lines(report.as_json(), building.build_lines(report), as_json)
    return 0
