"""Every expected failure, in one tree.

    OrchestratorError          exit 2 unless said otherwise; printed as one message, never as a traceback
      ConfigError              providers.toml, environment, flags that contradict one another
      BenchmarkError           a benchmark file; carries every problem found, not the first
      CacheError               exit 5: the cache cannot be read or written; nothing more is paid

Failures of single calls are no exceptions: they are values (`records.AttemptResult`) that flow into the ledger and
the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class OrchestratorError(Exception):
    """An expected failure, worded for a researcher: what happened, where, what to do next."""

    exit_code = 2


class ConfigError(OrchestratorError):
    """The configuration, the environment or the flags cannot be used as they are."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a benchmark file, at its place."""

    file: str
    line: int
    """1-based line (or row) of the file; 0 where the fault is the file's as a whole."""
    field: str
    message: str

    def __str__(self) -> str:
        """Return `file:line: field: message`, leaving out what is unknown."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class BenchmarkError(OrchestratorError):
    """A benchmark file cannot be used; every problem is listed at once."""

    SHOWN = 50

    def __init__(self, problems: Sequence[Problem], total: int | None = None, advice: str = "") -> None:
        self.problems = tuple(problems)
        self.total = len(self.problems) if total is None else total
        lines = [str(problem) for problem in self.problems[: self.SHOWN]]
        if self.total > len(lines):
            lines.append(f"... and {self.total - len(lines)} more")
        lines += [advice] if advice else []
        super().__init__("\n".join(lines))


class CacheError(OrchestratorError):
    """The cache cannot be read or written as it must be, so nothing more is sent."""

    exit_code = 5
