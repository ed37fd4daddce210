"""BUU-LSPINE: lumbar X-rays, front (AP) and side (LA), one endplate CSV beside each picture.

`<NNNN>-<F|M>-<age>Y<0|1>.jpg|.csv`; rows `x1,y1,x2,y2,class`: superior and inferior endplate of L1 to L5, and for the
side view the superior endplate of S1. A class other than 0 is a listhesis; on the inferior endplate of Lk it belongs to
the level below Lk. On a superior endplate its level would be a guess: such a picture gets a diagnosis item only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.construct.findings import Dropped, Finding, Read, Rule
from orchestrator.construct.labels import HEALTHY, LEVELS
from orchestrator.errors import BenchmarkError, Problem

SOURCE = "buu"
VIEWS = {"AP": ("0", "lumbar X-ray, front view", 10), "LA": ("1", "lumbar X-ray, side view", 11)}
"""Folder -> (digit after Y, view, rows of the CSV)."""
_NAME = re.compile(r"(\d{4})-[FM]-\d{3}Y([01])")
_DISEASE = "Spondylolisthesis"


def read(folder: Path) -> Iterator[Read]:
    """Yield every picture of the dataset, or why it was left out."""
    if not any((folder / view).is_dir() for view in VIEWS):
        raise BenchmarkError([Problem(str(folder), 0, "", "is not BUU-LSPINE: neither a folder AP nor LA in it")])
    for view in VIEWS:
        names = {path.stem for path in (folder / view).glob("*") if path.suffix.lower() in (".jpg", ".csv")}
        for name in sorted(names):
            yield _picture(folder, view, name)


def _picture(folder: Path, view: str, name: str) -> Read:
    """Return the picture of that name, or why it was left out."""
    digit, description, expected = VIEWS[view]
    subject = f"{view}/{name}.jpg"
    match = _NAME.fullmatch(name)
    if match is None or match[2] != digit:
        return Dropped(SOURCE, subject, Rule.AMBIGUOUS, f"the name is not <number>-<F|M>-<age>Y{digit}")
    images = sorted(path for path in (folder / view).glob(f"{name}.*") if path.suffix.lower() == ".jpg")
    table = folder / view / f"{name}.csv"
    if not images:
        return Dropped(SOURCE, subject, Rule.MISSING, "there is a CSV but no picture")
    if not table.is_file():
        return Dropped(SOURCE, subject, Rule.UNLABELLED, "there is no CSV beside the picture")
    classes = _classes(table)
    if isinstance(classes, str):
        return Dropped(SOURCE, subject, Rule.BROKEN, classes)
    if len(classes) != expected:
        return Dropped(SOURCE, subject, Rule.AMBIGUOUS, f"the CSV has {len(classes)} rows, not {expected}")
    affected = tuple(level for level, value in zip(LEVELS, classes[1:10:2], strict=True) if value)
    diseases = (_DISEASE,) if any(classes) else (HEALTHY,)
    levels = ((_DISEASE, affected),) if affected and not any(classes[0::2]) else ()
    return Finding(SOURCE, images[0], subject, match[1], description, diseases, levels=levels)


def _classes(table: Path) -> tuple[float, ...] | str:
    """Return the class of each row, or what is wrong with the file."""
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        found = []
        for row in csv.reader(file):
            if not any(cell.strip() for cell in row):
                continue
            try:
                found.append([float(cell) for cell in row][4])
            except (ValueError, IndexError):
                return f"row {len(found) + 1} of the CSV is not x1,y1,x2,y2,class"
    return tuple(found)
