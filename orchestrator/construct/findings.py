"""What the sources' readers yield: a picture with its labels, or what was left out and by which rule.

Always holds: a Finding carries nothing read from a DICOM header, and a reader never stays silent about something it
left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias


class Rule(StrEnum):
    """Why something was left out: a closed set, counted in the datasheet."""

    UNCLEAR = "unclear"
    AMBIGUOUS = "ambiguous"
    OTHER_LESION = "other lesions"
    IMPLANT = "surgical implant"
    SEVERITY = "below the severity threshold"
    UNLABELLED = "no label"
    MISSING = "missing file"
    BROKEN = "broken"
    DUPLICATE = "duplicate image"
    FEW_NEGATIVES = "too few negatives"


@dataclass(frozen=True, slots=True)
class Finding:
    """One picture of a source with its labels, in standard names."""

    source: str
    path: Path
    subject: str
    """The picture's path below the source, for people: it never reaches an item."""
    group: str
    """The patient or study, unique within the source."""
    view: str
    diseases: tuple[str, ...]
    """Diseases the picture shows, by name; Healthy alone if none."""
    carried: tuple[str, ...] = ()
    """Diseases the study is known to have, or may have, besides: never offered as wrong answers."""
    levels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(disease, all affected lumbar levels), for the diseases whose affected levels are known completely."""
    frame: int | None = None
    """0-based frame of a multi-frame file; None takes the middle one."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something left out, by which rule, and the detail in words."""

    source: str
    subject: str
    rule: Rule
    detail: str


Read: TypeAlias = Finding | Dropped
