"""CSXA, the cervical spine X-ray atlas: side views graded by the shape of the neck.

`datasets-PNG/<case><suffix>.png`, `<case>` four digits (the rest of the name does not always agree with the table),
and `datasets.xlsx`, sheet `Sheet1`, column names in its second row. The names of coded columns explain their codes
("Curvature: 1.Lordotic, 2.Straight, ..."), so the codes are read from there. The landmarks are not needed.

Healthy is a case that the column with a healthy (asymptomatic) code marks as such and whose curve is lordotic, which
is the normal shape. A healthy case with another curve is ambiguous.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.construct.extras import load
from orchestrator.construct.findings import Dropped, Finding, Read, Rule
from orchestrator.construct.labels import HEALTHY, Vocabulary
from orchestrator.construct.sources.tables import need
from orchestrator.errors import BenchmarkError, Problem

SOURCE = "csxa"
VIEW = "cervical X-ray, side view"
NORMAL_CURVE = "Cervical lordosis"
_HEALTH = re.compile(r"\b(healthy|asymptomatic|normal)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Case:
    """One row of the table."""

    line: int
    curve: str | None
    """In standard words; None if the cell is blank."""
    healthy: bool


def read(folder: Path, vocabulary: Vocabulary) -> Iterator[Read]:
    """Yield every case of the atlas, or why it was left out."""
    need(folder / "datasets-PNG", "CSXA keeps its pictures there")
    images: dict[str, list[Path]] = defaultdict(list)
    for path in sorted((folder / "datasets-PNG").glob("*.png")):
        images[path.stem[:4]].append(path)
    cases = _cases(need(folder / "datasets.xlsx", "CSXA keeps its labels there"), vocabulary)
    for number in sorted(images.keys() | cases.keys()):
        subject = f"datasets-PNG/{images[number][0].name}" if images[number] else f"case {number}"
        yield _case(number, subject, images[number], cases.get(number, []))


def _case(number: str, subject: str, images: list[Path], rows: list[_Case]) -> Read:
    """Return the case's picture, or why it was left out."""
    why = _why_dropped(images, rows)
    if why is not None:
        return Dropped(SOURCE, subject, *why)
    curve, healthy = rows[0].curve or "", rows[0].healthy
    diseases, carried = ((HEALTHY,), (curve,)) if healthy else ((curve,), ())
    return Finding(SOURCE, images[0], subject, number, VIEW, diseases, carried)


def _why_dropped(images: list[Path], rows: list[_Case]) -> tuple[Rule, str] | None:
    """Return why a case is left out, or None if it stays."""
    if not images:
        return Rule.MISSING, "the table has the case, but there is no picture of it"
    if not rows or rows[0].curve is None:
        return Rule.UNLABELLED, "the curvature is blank" if rows else "the table has no such case"
    if len(images) > 1:
        return Rule.AMBIGUOUS, f"{len(images)} pictures have this case number"
    if len({(row.curve, row.healthy) for row in rows}) > 1:
        return Rule.AMBIGUOUS, f"rows {', '.join(str(row.line) for row in rows)} of the table disagree"
    if rows[0].healthy and rows[0].curve != NORMAL_CURVE:
        return Rule.AMBIGUOUS, f"marked healthy, but graded {rows[0].curve}"
    return None


def _cases(path: Path, vocabulary: Vocabulary) -> Mapping[str, list[_Case]]:
    """Return the rows of the table by case number; BenchmarkError for another table or an unknown code."""
    openpyxl = load("openpyxl", "build")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        raise BenchmarkError([Problem(str(path), 0, "", f"cannot be read as a spreadsheet: {error}")]) from error
    try:
        if "Sheet1" not in book.sheetnames:
            raise BenchmarkError([Problem(str(path), 0, "Sheet1", "no such sheet")])
        lines = [tuple(row) for row in book["Sheet1"].iter_rows(values_only=True)]
    finally:
        book.close()
    names = [str(cell or "").strip() for cell in (lines[1] if len(lines) > 1 else ())]
    number = _column(path, names, "Number")
    curve = _column(path, names, "Curvature")
    curves = _codes(names[curve])
    health, healthy = _health(names, {number, curve})
    cases: dict[str, list[_Case]] = defaultdict(list)
    for line, row in enumerate(lines[2:], start=3):
        case = _whole(row[number])
        if case is None:
            continue
        code = _whole(row[curve])
        label = None if row[curve] in (None, "") else curves.get(code or "", str(row[curve]))
        found = label and vocabulary.find(label, str(path), line, "Curvature")
        marked = health is not None and (_whole(row[health]) or str(row[health] or "").strip().casefold()) in healthy
        cases[case.zfill(4)].append(_Case(line, found or None, marked))
    return cases


def _column(path: Path, names: list[str], start: str) -> int:
    """Return the column whose name starts so; BenchmarkError if there is none."""
    for index, name in enumerate(names):
        if name.casefold().startswith(start.casefold()):
            return index
    raise BenchmarkError([Problem(str(path), 2, start, "no such column in the second row")])


def _codes(name: str) -> dict[str, str]:
    """Return the codes that a column's name explains, e.g. {"1": "Lordotic"}."""
    return {code: word.strip() for code, word in re.findall(r"(\d+)\s*[.:=]\s*([A-Za-z][A-Za-z0-9 ]*)", name)}


def _health(names: list[str], taken: set[int]) -> tuple[int | None, frozenset[str]]:
    """Return the column that tells healthy cases, if there is one, and the cell texts that do."""
    for index, name in enumerate(names):
        codes = {code for code, word in _codes(name).items() if _HEALTH.search(word)}
        if index not in taken and (codes or _HEALTH.search(name) or name.casefold().startswith("disease")):
            return index, frozenset(codes | {"healthy", "asymptomatic", "normal"})
    return None, frozenset()


def _whole(cell: object) -> str | None:
    """Return a cell that holds a whole number as its digits, or None."""
    text = str(cell if cell is not None else "").strip()
    found = re.fullmatch(r"(\d+)(\.0*)?", text)
    return found[1] if found else None
