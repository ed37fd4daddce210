"""Reading a benchmark: the items in their order, and every fault by file, line and field.

`check` and a run read through the same function, so what was checked is what is asked. Always: items and pictures are
streamed, `BATCH` rows at a time; per row only 8 bytes of its id's digest and its line stay in memory, because ids
must be unique and 65,000 of them at full length need not be kept for that (two of a million ids meet by chance once in
10**7 benchmarks). A row with any fault is reported and left out, never repaired. Without `facts` no picture is touched
and items differ in nothing but their empty `images`.

A further format is one more module with an async generator of `RawRow`s, entered in `FORMATS`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.dataset import native, tsv
from orchestrator.dataset.facts import ImageFact, ImageFacts
from orchestrator.dataset.images import PIXEL_LIMIT
from orchestrator.dataset.lines import whole_file
from orchestrator.dataset.pictures import Pictures, Unusable
from orchestrator.dataset.row import Fault, RawRow, ReadRow, read_row, shown
from orchestrator.errors import Problem
from orchestrator.records import ImageRef, Item

__all__ = ["Checked", "ImageFact", "ImageFacts", "check", "read_items"]

BATCH = 256
"""Rows whose pictures are looked up together."""
BATCH_BYTES = 16 * 1024 * 1024
"""Text at which a batch is closed early."""
PROBLEMS_KEPT = 1000

FORMATS: Mapping[str, Callable[[Path], AsyncGenerator[RawRow]]] = {".jsonl": native.rows, ".tsv": tsv.rows}
"""Format modules by file name suffix."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a benchmark holds."""

    items: int
    """Good items."""
    multi: int
    """How many of them may have several right letters."""
    tasks: tuple[tuple[str, int], ...]
    """Good items by task, in order of first appearance."""
    most_options: int
    """Options of the good item that has the most; 0 without one."""
    digest: str
    """SHA-256 (hex) over the content of the good items in order, their pictures' digests included; paths, file names
    and layout do not count."""
    problems: tuple[Problem, ...]
    """The first `PROBLEMS_KEPT`, in the order of the file."""
    total_problems: int
    bad_rows: int
    """Rows with a problem, each of which is left out."""


async def check(path: Path, facts: ImageFacts | None, *, pixel_limit: int = PIXEL_LIMIT) -> Checked:
    """Read the whole benchmark once and say what it holds; raises as `read_items` does."""
    problems: list[Problem] = []
    total = bad_rows = last = 0

    def report(problem: Problem) -> None:
        nonlocal total, bad_rows, last
        total += 1
        # The faults of a row are reported one after another.
        bad_rows += problem.line != last
        last = problem.line
        if total <= PROBLEMS_KEPT:
            problems.append(problem)

    digest = hashlib.sha256()
    tasks: Counter[str] = Counter()
    multi = most = 0
    async with aclosing(read_items(path, facts, report, pixel_limit=pixel_limit)) as items:
        async for item in items:
            digest.update(canonical(item).encode())
            tasks[item.task] += 1
            multi += item.multi
            most = max(most, len(item.options))
    by_task = tuple(tasks.items())
    return Checked(tasks.total(), multi, by_task, most, digest.hexdigest(), tuple(problems), total, bad_rows)


async def read_items(
    path: Path,
    facts: ImageFacts | None,
    report: Callable[[Problem], None],
    *,
    pixel_limit: int = PIXEL_LIMIT,
) -> AsyncGenerator[Item]:
    """Yield the good items in the file's order and report each fault of the others.

    `facts` remembers pictures from one reading to the next; None reads the questions alone, for scoring. Whoever stops
    early closes the iterator (`contextlib.aclosing`). Raises BenchmarkError for a fault of the file as a whole: an
    unknown suffix, no such file, not UTF-8, no row in it. That every row was bad is not raised but reported.
    """
    rows = FORMATS.get(path.suffix.lower())
    if rows is None:
        raise whole_file(path, f"is of an unknown format; supported are {', '.join(FORMATS)}")
    task = path.stem
    pictures = None if facts is None else Pictures(path, facts, pixel_limit)
    lines: dict[int, int] = {}
    empty = True
    async with aclosing(_batches(rows(path))) as batches:
        async for batch in batches:
            empty = False
            read = [read_row(raw, task) for raw in batch]
            resolved = None if pictures is None else await pictures.resolve(one for row in read for one in row.sources)
            for row in read:
                refs = () if resolved is None else tuple(resolved[source] for source in row.sources)
                unusable = [Fault("image", ref.reason) for ref in refs if isinstance(ref, Unusable)]
                faults = (*row.faults, *_repeated(row, lines), *unusable)
                for fault in faults:
                    report(Problem(str(path), row.line, fault.field, fault.message))
                if row.item is not None and not faults:
                    found = tuple(ref for ref in refs if isinstance(ref, ImageRef))
                    yield replace(row.item, images=found) if found else row.item
    if empty:
        raise whole_file(path, "has no items in it")


def canonical(item: Item) -> str:
    """Return an item's content as one line of JSON, with its pictures' digests instead of their places."""
    content = {
        "id": item.id,
        "task": item.task,
        "question": item.question,
        "options": item.options,
        "gold": item.gold,
        "multi": item.multi,
        "group": item.group,
        "images": [ref.digest for ref in item.images],
        "metadata": dict(item.metadata),
    }
    return _CANONICAL.encode(content) + "\n"


def _repeated(row: ReadRow, lines: dict[int, int]) -> tuple[Fault, ...]:
    """Return the fault of an id that an earlier row has, and remember the row's line."""
    if row.id is None:
        return ()
    short = int.from_bytes(hashlib.blake2b(row.id.encode(), digest_size=8).digest())
    first = lines.setdefault(short, row.line)
    return () if first == row.line else (Fault("id", f"{shown(row.id)} is also on line {first}"),)


async def _batches(rows: AsyncGenerator[RawRow]) -> AsyncGenerator[list[RawRow]]:
    """Gather rows into batches bounded by number and by text; the last may be short, none is empty."""
    batch: list[RawRow] = []
    size = 0
    async for raw in rows:
        batch.append(raw)
        size += raw.size
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
