"""Commands that need no key and no network: demo, simulate."""

from __future__ import annotations

import asyncio
import errno
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.parameters import FILE, Listing, Usd, json_option, not_stdout
from orchestrator.cli.printing import print_closing, print_summary, say, stderr
from orchestrator.errors import ConfigError


@click.command("demo")
@click.option("--folder", type=FILE, metavar="DIR", help="Where to put it; by default `demo` beside the cache.")
@click.option("--budget", type=Usd(), default="1", show_default=True, help="Cap on its simulated dollars.")
@json_option
def demo_command(folder: Path | None, budget: int, as_json: bool) -> int:
    """Run the whole thing on a built-in synthetic benchmark against a simulated provider: no key, no network.

    \b
    Example:
      orchestrator demo
    """
    from orchestrator.commands import rehearsal, workspace

    target = folder or rehearsal.home(workspace.find(None, None))
    say("synthetic pictures, simulated models: this shows how the program works, nothing about real ones")
    shown = asyncio.run(rehearsal.demo(target, budget, say, stderr()))
    print_summary(shown.result.summary, as_json)
    say(f"\nThe benchmark, its providers.toml and the cache lie in {target}. From the cache alone:")
    say(
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
    command = ("orchestrator", *sys.argv[1:])
    if shown.result.stops:
        print_closing(shown.result, command)
    else:
        say(f"Again, which makes no call:\n  {shlex.join(command)}")
    return shown.result.exit_code


def _kinds() -> str:
    from orchestrator.simulator import Fault

    return f"Kinds of faults: {', '.join(Fault)}."


@click.command("simulate", cls=Listing, listing=_kinds)
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
@click.option(
    "--write-providers",
    type=FILE,
    callback=not_stdout,
    metavar="FILE",
    help="Write a providers.toml that points here.",
)
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
    from orchestrator.commands.output import replaced
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
        raise click.UsageError(f"{error}. {_kinds()}") from error

    def started(simulator: Any) -> None:  # noqa: ANN401 - the server's type would import the server
        if write_providers is not None:
            with replaced(write_providers) as file:
                file.write(rehearsal.providers_toml(simulator.url, settings))
            click.echo(f"wrote {write_providers}")
        click.echo(f"simulated provider at {simulator.url} (its bill: {simulator.url}/ledger); Ctrl-C stops it")

    try:
        asyncio.run(serve(settings, port, started=started))
    except OSError as error:
        # Other trouble is not the port's: that of stdout, perhaps.
        if error.errno not in {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}:
            raise
        raise ConfigError(f"port {port} cannot be used: {error.strerror}. Try --port 0.") from error
    return 0


def _pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is not NAME=VALUE")
        yield name, value
