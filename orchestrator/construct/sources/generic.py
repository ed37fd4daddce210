"""Any other dataset: a folder with a subfolder a label, or a CSV of `image,label` and, if known, `level,group,frame`.

Frames count from 0. In a CSV a picture may have several rows, and `level` several levels parted by `;`; a disease with
a row whose level is blank gets no localisation item. Rows without a group stand for a patient each. Paths are relative
to the CSV and may not leave its folder. In a folder every picture stands alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.construct.findings import Dropped, Finding, Read, Rule
from orchestrator.construct.labels import HEALTHY, Vocabulary, find_level, in_order
from orchestrator.construct.sources.tables import need, rows

SOURCE = "generic"
VIEW = "spine image"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".dcm", ".dicom"})


@dataclass(slots=True)
class _Rows:
    """What the rows of one picture say."""

    levels: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Disease -> levels, an empty text for a row without one."""
    groups: set[str] = field(default_factory=set)


def read(path: Path, vocabulary: Vocabulary) -> Iterator[Read]:
    """Yield every picture of the folder or CSV, or why it was left out."""
    need(path, "it was given as a generic source")
    return _table(path, vocabulary) if path.is_file() else _folder(path, vocabulary)


def _folder(folder: Path, vocabulary: Vocabulary) -> Iterator[Read]:
    """Yield the pictures of a folder; the first subfolder's name is the label."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        subject = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in SUFFIXES:
            yield Dropped(SOURCE, subject, Rule.BROKEN, f"not a picture: files ending in {path.suffix!r} are not read")
        elif "/" not in subject:
            yield Dropped(SOURCE, subject, Rule.UNLABELLED, "not in a subfolder named after a label")
        else:
            disease = vocabulary.find(subject.partition("/")[0], str(folder), 0, "subfolder")
            yield Finding(SOURCE, path, subject, subject, VIEW, (disease,))


def _table(table: Path, vocabulary: Vocabulary) -> Iterator[Read]:
    """Yield the pictures of a CSV."""
    pictures: dict[tuple[str, int | None], _Rows] = defaultdict(_Rows)
    for line, row in rows(table, ("image", "label")):
        number = row.get("frame", "")
        if not row["image"] or not row["label"] or (number and not (number.isascii() and number.isdigit())):
            why = "the row needs an image, a label, and a whole number as its frame if it has one"
            yield Dropped(SOURCE, f"{table.name}:{line}", Rule.BROKEN, why)
            continue
        found = pictures[row["image"], int(number) if number else None]
        disease = vocabulary.find(row["label"], str(table), line, "label")
        levels = [find_level(level, str(table), line, "level") for level in row.get("level", "").split(";") if level]
        found.levels[disease].extend(levels or [""])
        found.groups.add(row.get("group", ""))
    for (image, frame), found in sorted(pictures.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
        yield _picture(table, image, frame, found)


def _picture(table: Path, image: str, frame: int | None, found: _Rows) -> Read:
    """Return one picture, or why it was left out."""
    root = table.parent.resolve()
    path = (root / image).resolve()
    if not path.is_relative_to(root):
        return Dropped(SOURCE, image, Rule.BROKEN, "the path leaves the folder of the CSV")
    if not path.is_file():
        return Dropped(SOURCE, image, Rule.MISSING, "there is no such file")
    if len(found.groups) > 1:
        return Dropped(SOURCE, image, Rule.AMBIGUOUS, "its rows name different groups")
    diseases = tuple(sorted(found.levels))
    if HEALTHY in diseases and len(diseases) > 1:
        return Dropped(SOURCE, image, Rule.AMBIGUOUS, f"both {HEALTHY} and a disease")
    levels = tuple(
        (disease, in_order(named)) for disease in diseases if disease != HEALTHY and all(named := found.levels[disease])
    )
    group = min(found.groups) or image
    return Finding(SOURCE, path, image, group, VIEW, diseases, levels=levels, frame=frame)
