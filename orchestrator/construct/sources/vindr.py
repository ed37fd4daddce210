"""VinDr-SpineXR: spine X-rays with boxed lesions, in DICOM.

`annotations/{train,test}.csv`, a row a lesion, and `{train,test}_images/<image_id>.dicom`. It has no vertebral levels,
so its pictures get diagnosis items only.

"Other lesions" are left out row by row: the picture stays if another label is left. A picture with a surgical implant
is left out whole, since the implant is what it shows. "No finding" beside a lesion is ambiguous.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from orchestrator.construct.findings import Dropped, Finding, Read, Rule
from orchestrator.construct.labels import HEALTHY, Vocabulary
from orchestrator.construct.sources.tables import rows
from orchestrator.errors import BenchmarkError, Problem

SOURCE = "vindr"
VIEW = "spine X-ray"
SPLITS = ("train", "test")
OTHER = "Other lesions"
IMPLANT = "Surgical implant"
_NAME = re.compile(r"[\w-]+", re.ASCII)


def read(folder: Path, vocabulary: Vocabulary) -> Iterator[Read]:
    """Yield every picture of both splits, or why it was left out."""
    splits = [split for split in SPLITS if (folder / "annotations" / f"{split}.csv").is_file()]
    if not splits:
        problem = "is not VinDr-SpineXR: no annotations/train.csv or test.csv in it"
        raise BenchmarkError([Problem(str(folder), 0, "", problem)])
    for split in splits:
        yield from _split(folder, split, vocabulary)


def _split(folder: Path, split: str, vocabulary: Vocabulary) -> Iterator[Read]:
    """Yield the pictures of one split."""
    table = folder / "annotations" / f"{split}.csv"
    labels: dict[str, set[str]] = defaultdict(set)
    study_of: dict[str, str] = {}
    of_study: dict[str, set[str]] = defaultdict(set)
    for line, row in rows(table, ("study_id", "image_id", "lesion_type")):
        image, study, lesion = row["image_id"], row["study_id"], row["lesion_type"]
        # The name becomes a path, so it may hold nothing but letters, digits and dashes.
        if not _NAME.fullmatch(image) or not study:
            yield Dropped(SOURCE, f"{table.name}:{line}", Rule.BROKEN, "the image or study identifier is not one")
            continue
        study_of[image] = study
        found = labels[image]
        if lesion == OTHER:
            found.add(OTHER)
            yield Dropped(SOURCE, f"{table.name}:{line}", Rule.OTHER_LESION, f"a lesion of {image}")
        elif lesion == IMPLANT:
            found.add(IMPLANT)
        elif lesion:
            name = vocabulary.find(lesion, str(table), line, "lesion_type")
            found.add(name)
            of_study[study].add(name)
    pictures = {path.stem for path in (folder / f"{split}_images").glob("*.dicom")}
    for image in sorted(labels.keys() | pictures):
        subject = f"{split}_images/{image}.dicom"
        why = _why_dropped(labels.get(image, set()), image in pictures)
        if why is not None:
            yield Dropped(SOURCE, subject, *why)
            continue
        shown = tuple(sorted(labels[image] - {OTHER}))
        carried = tuple(sorted(of_study[study_of[image]] - {HEALTHY, *shown}))
        yield Finding(SOURCE, folder / subject, subject, study_of[image], VIEW, shown, carried)


def _why_dropped(labels: set[str], present: bool) -> tuple[Rule, str] | None:
    """Return why a picture is left out, or None if it stays."""
    if not present:
        return Rule.MISSING, "annotated, but not there"
    if not labels:
        return Rule.UNLABELLED, "not annotated"
    if IMPLANT in labels:
        return Rule.IMPLANT, "shows a surgical implant"
    if labels == {OTHER}:
        return Rule.OTHER_LESION, "shows nothing but other lesions"
    if HEALTHY in labels and len(labels) > 1:
        return Rule.AMBIGUOUS, "both a lesion and no finding"
    return None
