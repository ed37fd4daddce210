"""`cache`: verify the file, and export what it holds."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path

from orchestrator.commands.output import replaced
from orchestrator.store.database import open_reading
from orchestrator.store.health import COLUMNS, Health, examine, replies_readable

FORMATS = ("jsonl", "csv")


def verify(cache: Path) -> Health:
    """Examine a cache, a damaged one as well. Raises CacheError where it cannot be opened at all."""
    with closing(open_reading(cache)) as connection:
        return examine(connection)


def export(cache: Path, out: Path, form: str, *kept: Path) -> int:
    """Write every reply that can be read to `out`, one a line, replacing the file as a whole; return how many.

    Raises ConfigError if `out` cannot be written or stands for one of the `kept` files, CacheError if the cache cannot
    be opened at all.
    """
    with closing(open_reading(cache)) as connection, replaced(out, *kept) as file:
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
