"""`cache`: verify the file, and export what it holds."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from orchestrator.errors import ConfigError
from orchestrator.store.database import open_reading
from orchestrator.store.health import COLUMNS, Health, examine, replies_readable

FORMATS = ("jsonl", "csv")


def verify(cache: Path) -> Health:
    """Examine a cache, a damaged one as well. Raises CacheError where it cannot be opened at all."""
    with closing(open_reading(cache)) as connection:
        return examine(connection)


def export(cache: Path, out: Path, form: str) -> int:
    """Write every reply that can be read to `out`, one a line, replacing the file as a whole; return how many.

    Raises ConfigError if `out` cannot be written, CacheError if the cache cannot be opened at all.
    """
    with closing(open_reading(cache)) as connection, _replaced(out) as file:
        count = 0
        fields = (*COLUMNS, "request")
        table = csv.DictWriter(file, fields) if form == "csv" else None
        if table is not None:
            table.writeheader()
        for reply in replies_readable(connection):
            count += 1
            if table is not None:
                table.writerow(reply)
            else:
                file.write(json.dumps(reply, ensure_ascii=False) + "\n")
    return count


@contextmanager
def _replaced(out: Path) -> Iterator[TextIO]:
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(out)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
