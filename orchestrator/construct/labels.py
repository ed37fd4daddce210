"""The one table of diseases and vertebral levels, and how any source's label is brought to it.

Always holds: after this module a disease has one name. A label that is not in the table stops the build, since a
guess would put a wrong answer key into the benchmark.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.errors import BenchmarkError, ConfigError, Problem


@dataclass(frozen=True, slots=True)
class Disease:
    """One standard disease, or Healthy."""

    name: str
    abbreviation: str
    mesh: tuple[str, str] | None
    """MeSH 2025 descriptor (identifier, heading) the disease is, or falls under; None where MeSH has none."""
    aliases: tuple[str, ...] = ()


HEALTHY = "Healthy"

DISEASES = (
    Disease(
        "Cervical kyphosis",
        "CK",
        ("D007738", "Kyphosis"),
        ("kyphotic cervical vertebrae", "kyphotic", "kyphotic cervical curvature"),
    ),
    # Physiologic, and no disease; listed because the paper lists it.
    Disease(
        "Cervical lordosis",
        "CL",
        ("D008141", "Lordosis"),
        ("lordotic cervical vertebrae", "lordotic", "lordotic cervical curvature"),
    ),
    Disease(
        "Disc space narrowing",
        "DSN",
        None,
        (
            "disc space narrow",
            "disk space narrowing",
            "narrowed disc space",
            "intervertebral disc space narrowing",
            "decreased disc height",
        ),
    ),
    Disease(
        "Foraminal stenosis",
        "FS",
        None,
        (
            "neural foraminal narrowing",
            "neural foraminal stenosis",
            "foraminal narrowing",
            "neuroforaminal stenosis",
            "left neural foraminal narrowing",
            "right neural foraminal narrowing",
        ),
    ),
    Disease(
        "Osteophytes",
        "OP",
        ("D013128", "Spinal Osteophytosis"),
        ("osteophyte", "osteophytosis", "spinal osteophytosis", "bone spur", "bone spurs"),
    ),
    Disease(
        "Sigmoid cervical vertebrae",
        "SgCV",
        None,
        ("sigmoid", "sigmoid1", "sigmoid2", "sigmoid cervical curvature", "s-shaped cervical vertebrae"),
    ),
    Disease(
        "Spinal canal stenosis",
        "SCS",
        ("D013130", "Spinal Stenosis"),
        ("spinal stenosis", "canal stenosis", "central canal stenosis", "lumbar spinal stenosis"),
    ),
    Disease(
        "Spondylolisthesis",
        "SL",
        ("D013168", "Spondylolisthesis"),
        (
            "spondylolysthesis",
            "listhesis",
            "anterolisthesis",
            "retrolisthesis",
            "laterolisthesis",
            "left laterolisthesis",
            "right laterolisthesis",
        ),
    ),
    Disease(
        "Straight cervical vertebrae",
        "StCV",
        None,
        ("straight", "straightened cervical spine", "straight cervical curvature", "loss of cervical lordosis"),
    ),
    Disease(
        "Subarticular stenosis",
        "SS",
        None,
        (
            "left subarticular stenosis",
            "right subarticular stenosis",
            "lateral recess stenosis",
            "subarticular recess stenosis",
        ),
    ),
    Disease("Vertebral collapse", "VC", None, ("collapsed vertebra", "vertebral body collapse", "vertebra collapse")),
)
"""The paper's eleven, by name."""

_HEALTHY = Disease(HEALTHY, "H", None, ("normal", "no finding", "no findings", "asymptomatic", "no abnormality"))

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
"""The lumbar disc levels, from the head down."""


def _plain(label: str) -> str:
    """Return what two spellings of one label have in common: case, punctuation and repeated spaces do not count."""
    return " ".join(re.findall(r"\w+", label.casefold().replace("_", " ")))


class Vocabulary:
    """The standard diseases, the benchmark's own additions among them, looked up by any of their names."""

    def __init__(self, added: Iterable[Disease] = ()) -> None:
        """Raise ConfigError where two diseases claim one name."""
        self.diseases = tuple(sorted((*DISEASES, *added), key=lambda disease: disease.name))
        self._names: dict[str, str] = {}
        for disease in (_HEALTHY, *self.diseases):
            for name in dict.fromkeys(map(_plain, (disease.name, disease.abbreviation, *disease.aliases))):
                if self._names.setdefault(name, disease.name) != disease.name:
                    raise ConfigError(
                        f"two diseases are called {name!r}: {self._names[name]} and {disease.name}; rename one of them"
                    )

    def find(self, label: str, file: str, line: int, field: str) -> str:
        """Return the standard name of a source's label; BenchmarkError, with the nearest, if there is none."""
        name = self._names.get(_plain(label))
        if name is None:
            near = difflib.get_close_matches(_plain(label), self._names, n=1, cutoff=0.0)[0]
            problem = f"unknown label {label!r}; the nearest known is {near!r} ({self._names[near]})"
            raise BenchmarkError([Problem(file, line, field, f"{problem}. Correct it, or add a [[diseases]] entry")])
        return name


def find_level(label: str, file: str, line: int, field: str) -> str:
    """Return the standard name of a lumbar level written in any usual way; BenchmarkError if it is none of the five."""
    found = re.fullmatch(r"\s*L([1-5])\s*[-/_ ]?\s*([LS])?([1-5])\s*", label, re.IGNORECASE)
    if found:
        level = f"L{found[1]}/{(found[2] or ('S' if found[1] == '5' else 'L')).upper()}{found[3]}"
        if level in LEVELS:
            return level
    raise BenchmarkError(
        [
            Problem(
                file,
                line,
                field,
                f"unknown level {label!r}; known are {', '.join(LEVELS)}. Correct it or leave it blank",
            )
        ]
    )


def in_order(levels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct levels from the head down."""
    found = set(levels)
    return tuple(level for level in LEVELS if level in found)


def choose_gold(diseases: Sequence[str], images_of: dict[str, int], conflicts: str) -> str | None:
    """Return the one answer of an image's diagnosis item, or None if the image has none.

    One disease is its own answer. Healthy beside a disease is ambiguous: None. Of several diseases the one with the
    fewest images (`images_of`) is asked for, ties by name, under the rule "rarest"; under "drop" there is none. The
    others are never offered as wrong answers.
    """
    if len(diseases) == 1:
        return diseases[0]
    if not diseases or HEALTHY in diseases or conflicts == "drop":
        return None
    return min(diseases, key=lambda disease: (images_of[disease], disease))
