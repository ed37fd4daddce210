"""Commands that look after the cache: status, cache verify, cache export."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from orchestrator.cli.parameters import FILE, json_option, or_stdout, workspace_options
from orchestrator.cli.printing import print_lines, safe_lines, say
from orchestrator.commands.counting import counted


@click.command("status")
@click.option(
    "--resolve", type=click.Choice(["billed", "not-billed"]), help="Settle attempts in doubt as the bill says."
)
@click.option("--attempt", "attempts", type=int, multiple=True, metavar="N", help="Which ones; by default all.")
@workspace_options
@json_option
def status_command(
    resolve: str | None, attempts: tuple[int, ...], providers: Path | None, cache: Path | None, as_json: bool
) -> int:
    """Show what the cache holds: runs, replies, spend, attempts in doubt, failures with reasons.

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
        say(f"{counted(count, 'attempt')} settled as {resolve}")
    shown = asyncio.run(status.read(found.cache))
    print_lines(status.to_json(shown), status.lines(found.cache, shown), as_json)
    return 0


@click.group("cache")
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
    verdict = "sound" if found.sound else "DAMAGED"
    lines = [f"{path}: {counted(found.replies, 'reply', 'replies')} readable, {verdict}", *found.findings]
    body = {"cache": str(path), "replies": found.replies, "sound": found.sound, "findings": list(found.findings)}
    print_lines(body, (safe_lines(line) for line in lines), as_json)
    if not found.sound:
        say("Keep the file as it is. What can be read: orchestrator cache export -o replies.jsonl")
    return 0 if found.sound else 5


@cache_group.command("export")
@click.option(
    "-o", "--out", type=FILE, callback=or_stdout, required=True, metavar="FILE", help="File to write; -: stdout."
)
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@workspace_options
def cache_export_command(out: Path, form: str, providers: Path | None, cache: Path | None) -> int:
    """Write every reply that can be read, with its request, also out of a damaged cache.

    \b
    Example:
      orchestrator cache export -o replies.jsonl
    """
    from orchestrator.commands import caching, workspace

    found = workspace.find(providers, cache)
    count = caching.export(found.cache, out, form, found.config.path)
    say(f"{counted(count, 'reply', 'replies')} written to {out}")
    return 0
