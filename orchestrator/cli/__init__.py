"""The command line: parse, build, run, exit code. Everything it does lies in `commands`, imported when it is used.

Exit codes, the highest that applies: 130 interrupted, 5 cache trouble, 4 a provider was stopped, 3 stopped by the
budget, 2 usage, configuration or bad input, 1 done with failed, held or unsent items, 0 done.
"""

from __future__ import annotations

import errno
import os
import sys

import click

from orchestrator.cli.asking import estimate_command, models_command, run_command
from orchestrator.cli.building import build_command
from orchestrator.cli.grading import compare_command, extract_command, score_command
from orchestrator.cli.keeping import cache_group, status_command
from orchestrator.cli.printing import say
from orchestrator.cli.rehearsing import demo_command, simulate_command
from orchestrator.errors import ConfigError, OrchestratorError

INTERRUPTED = 130


def main() -> None:
    """Run the command line; expected trouble ends as one message and an exit code."""
    try:
        code = cli.main(standalone_mode=False) or 0
        sys.stdout.flush()
        sys.exit(code)
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
        if error.errno not in {errno.ENOSPC, errno.EIO}:
            raise
        # What is left of the output must not be flushed once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        say(f"error: the output cannot be written: {error.strerror}")
        sys.exit(ConfigError.exit_code)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
