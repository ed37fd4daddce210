"""Reads the sources' CSV files: rows with their line numbers, and a clear error for a file that is something else."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.errors import BenchmarkError, Problem


def need(path: Path, what: str) -> Path:
    """Return the path if it exists; BenchmarkError saying what was expected there otherwise."""
    if not path.exists():
        raise BenchmarkError([Problem(str(path), 0, "", f"not found; {what}")])
    return path


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield (line number, row) with blank cells as empty text; BenchmarkError if the file or a column is missing."""
    need(path, "the dataset's published layout has it")
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise BenchmarkError([Problem(str(path), 1, ", ".join(missing), "no such column in the header")])
        for row in reader:
            yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
