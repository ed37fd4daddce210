"""`extract`: the parser on answers from anywhere, one JSON line for each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from orchestrator.commands.output import replaced
from orchestrator.errors import BenchmarkError, ConfigError, Problem
from orchestrator.grading.explain import explain, printable, render
from orchestrator.grading.extract import Extracted, Line, extract, read_line
from orchestrator.records import Abstention, Answer

STANDARD = Path("-")
"""Standard input, or output."""


def extract_file(
    source: Path, out: Path | None, complain: Callable[[Problem], object], *, explained: bool = False
) -> Extracted:
    """Read answers from a file (`-`: stdin) and write what they say to `out` (None, `-`: stdout), replaced as a whole.

    `complain` is handed the first `BenchmarkError.SHOWN` lines that are skipped. Raises ConfigError for a file that
    cannot be read or written and BenchmarkError for one of which no line can be used; then nothing is written.
    """
    with ExitStack() as open_files:
        if source == STANDARD:
            if sys.stdin is None:
                raise ConfigError("stdin: cannot be read: it is closed")
            answers, name = sys.stdin.buffer, "stdin"
        else:
            try:
                answers, name = open_files.enter_context(source.open("rb")), str(source)
            except OSError as error:
                raise ConfigError(f"{source}: cannot be read: {error.strerror}") from error
        target = sys.stdout if out in {None, STANDARD} else open_files.enter_context(replaced(out, source))
        found = extract(answers, name, target.write, complain, _explain if explained else read_line)
        if not found.answered + found.abstained:
            lines = f"bad lines: {found.skipped:,}" if found.skipped else "it is empty"
            raise BenchmarkError((Problem(name, 0, "", f"has no answers in it that can be used ({lines})"),))
        return found


def _explain(line: Line) -> tuple[Answer | Abstention, str]:
    explanation = explain(line.output, line.options, multi=line.multi)
    options = "\n".join(f"{letter}. {text}" for letter, text in line.options.items())
    return explanation.answer, f"=== {printable(str(line.id))}\n{printable(options)}\n\n{render(explanation)}\n\n"
