"""The command line: parse, build, run, exit code. Everything it does lies in `commands`, imported when it is used.

Exit codes, the highest that applies: 130 interrupted, 5 cache trouble, 4 a provider was stopped, 3 stopped by the
budget, 2 usage, configuration or bad input, 1 done with failed, held or unsent items, 0 done. Where nobody reads the
output any more: 141, as of any Unix tool.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

import click

from orchestrator.cli.asking import estimate_command, models_command, run_command
from orchestrator.cli.building import build_command
from orchestrator.cli.grading import compare_command, extract_command, score_command
from orchestrator.cli.keeping import cache_group, status_command
from orchestrator.cli.printing import escape_unencodable, say
from orchestrator.cli.rehearsing import demo_command, simulate_command
from orchestrator.cli.streams import stand_in
from orchestrator.errors import OrchestratorError

INTERRUPTED = 130
CLOSED_PIPE = 141
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a device says that takes no more."""


def main() -> None:
    """Run the command line; expected trouble ends as one message and an exit code."""
    stand_in()
    try:
        escape_unencodable()
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except OrchestratorError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in FULL:
            raise
        say(f"error: the output cannot be written: {error.strerror}")
        _end_unread(OrchestratorError.exit_code)


def _end_unread(code: int) -> NoReturn:
    """End, and leave what stdout still holds unwritten: Python would try once more, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


class Program(click.Group):
    """The program, which ends as Unix tools do where nobody reads its output any more."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """Understand the command line; `--help` and `--version` print here."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError:
            _end_unread(CLOSED_PIPE)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was given, and see its output out."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _end_unread(CLOSED_PIPE)
        return code


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mcq-orchestrator", prog_name="orchestrator")
def cli() -> None:
    """Evaluate multimodal models on multiple-choice image benchmarks.

    Every paid reply is kept, so the same command again pays for nothing twice; a budget is a cap.

    \b
    Try it without a key:   orchestrator demo
    A first real run:       orchestrator run items.jsonl -m gpt-4o --limit 20 --budget 1
    """


for command in (
    run_command,
    estimate_command,
    demo_command,
    score_command,
    compare_command,
    extract_command,
    status_command,
    models_command,
    build_command,
    cache_group,
    simulate_command,
):
    cli.add_command(command)
