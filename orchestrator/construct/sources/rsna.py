"""RSNA 2024 lumbar: MRI studies graded at five levels, and the slices on which each grade was given.

`train.csv` holds 25 grades a study, `train_label_coordinates.csv` the slice for each, `train_series_descriptions.csv`
the kind of series, `train_images/<study>/<series>/<instance>.dcm` the slices. Only slices with a coordinate are used.

A slice shows a disease if a grade marked on it reaches the threshold. A slice without one is Healthy only if all 25
grades of its study are Normal/Mild. A sagittal slice shows all five levels, so its affected levels are the study's for
the marked conditions; an axial slice shows one disc, so only the levels marked on it count. Where one of the levels
that count is blank, or graded between normal and the threshold, the slice gets no localisation item.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.construct.findings import Dropped, Finding, Read, Rule
from orchestrator.construct.labels import HEALTHY, LEVELS, Vocabulary, find_level, in_order
from orchestrator.construct.sources.tables import rows
from orchestrator.errors import BenchmarkError, Problem

SOURCE = "rsna"
SEVERITIES = ("Normal/Mild", "Moderate", "Severe")
CONDITIONS = (
    "spinal_canal_stenosis",
    "left_neural_foraminal_narrowing",
    "right_neural_foraminal_narrowing",
    "left_subarticular_stenosis",
    "right_subarticular_stenosis",
)
GRADES = tuple(f"{condition}_{level.lower().replace('/', '_')}" for condition in CONDITIONS for level in LEVELS)
"""The 25 columns of train.csv."""


@dataclass(frozen=True, slots=True)
class _Study:
    """The grades of a study: (condition, level) -> place in SEVERITIES, None where blank."""

    grades: Mapping[tuple[str, str], int | None]
    threshold: int

    def affected(self, mark: tuple[str, str]) -> bool:
        """Whether the grade reaches the threshold."""
        grade = self.grades[mark]
        return grade is not None and grade >= self.threshold

    def clean(self, mark: tuple[str, str]) -> bool:
        """Whether the grade is beyond doubt: normal, or at the threshold."""
        return self.grades[mark] == 0 or self.affected(mark)


def read(folder: Path, vocabulary: Vocabulary, severity: str) -> Iterator[Read]:
    """Yield every marked slice of the dataset, or why it was left out; `severity` is the least grade that counts."""
    studies = _studies(folder / "train.csv", SEVERITIES.index(severity))
    views = {
        (row["study_id"], row["series_id"]): row["series_description"]
        for _, row in rows(folder / "train_series_descriptions.csv", ("study_id", "series_id", "series_description"))
    }
    slices, broken = _slices(folder / "train_label_coordinates.csv")
    yield from broken
    for study in sorted(studies.keys() - {key[0] for key in slices}, key=_number):
        yield Dropped(SOURCE, f"study {study}", Rule.UNLABELLED, "no slice of the study has a coordinate")
    for key in sorted(slices, key=lambda key: tuple(map(_number, key))):
        yield _slice(folder, key, slices[key], studies.get(key[0]), views.get(key[:2]), vocabulary)


def _slice(
    folder: Path,
    key: tuple[str, str, str],
    marks: set[tuple[str, str]],
    study: _Study | None,
    view: str | None,
    vocabulary: Vocabulary,
) -> Read:
    """Return one slice, or why it was left out."""
    subject = "/".join(("train_images", *key)) + ".dcm"
    path = folder / subject
    if study is None:
        return Dropped(SOURCE, subject, Rule.UNLABELLED, "the study is not in train.csv")
    if not view:
        return Dropped(SOURCE, subject, Rule.AMBIGUOUS, "the series has no description")
    if not path.is_file():
        return Dropped(SOURCE, subject, Rule.MISSING, "the slice has coordinates but is not there")
    disease_of = {mark: vocabulary.find(mark[0], str(folder / "train.csv"), 0, mark[0]) for mark in study.grades}
    shown = tuple(sorted({disease_of[mark] for mark in marks if study.affected(mark)}))
    carried = tuple(sorted({disease_of[mark] for mark, grade in study.grades.items() if grade != 0} - set(shown)))
    if not shown:
        why = _why_not_healthy(study, marks)
        if why is not None:
            return Dropped(SOURCE, subject, *why)
    axial = view.casefold().startswith("axial")
    levels = []
    for disease in shown:
        conditions = {mark[0] for mark in marks if disease_of[mark] == disease}
        counting = [mark for mark in study.grades if mark[0] in conditions and (mark in marks or not axial)]
        if all(study.clean(mark) for mark in counting):
            levels.append((disease, in_order(mark[1] for mark in counting if study.affected(mark))))
    return Finding(SOURCE, path, subject, key[0], f"lumbar MRI, {view}", shown or (HEALTHY,), carried, tuple(levels))


def _why_not_healthy(study: _Study, marks: set[tuple[str, str]]) -> tuple[Rule, str] | None:
    """Return why a slice without an affected mark is no healthy one, or None if it is."""
    if all(grade == 0 for grade in study.grades.values()):
        return None
    if any(study.grades[mark] is None for mark in marks):
        return Rule.UNLABELLED, "a grade marked on the slice is blank"
    if any(study.grades[mark] for mark in marks):
        return Rule.SEVERITY, "the grades marked on the slice stay below the threshold"
    return Rule.AMBIGUOUS, "normal on this slice, but the study is affected or not fully graded"


def _studies(path: Path, threshold: int) -> dict[str, _Study]:
    """Return the grades by study; BenchmarkError for a grade that is none of the three."""
    studies = {}
    for line, row in rows(path, ("study_id", *GRADES)):
        grades: dict[tuple[str, str], int | None] = {}
        for (condition, level), column in zip(((c, v) for c in CONDITIONS for v in LEVELS), GRADES, strict=True):
            value = row[column]
            if value and value not in SEVERITIES:
                known = ", ".join(SEVERITIES)
                raise BenchmarkError([Problem(str(path), line, column, f"unknown grade {value!r}; known are {known}")])
            grades[condition, level] = SEVERITIES.index(value) if value else None
        studies[row["study_id"]] = _Study(grades, threshold)
    return studies


def _slices(path: Path) -> tuple[dict[tuple[str, str, str], set[tuple[str, str]]], list[Dropped]]:
    """Return the (condition, level) marks by (study, series, instance), and the rows that cannot be read."""
    columns = ("study_id", "series_id", "instance_number", "condition", "level")
    slices: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    broken = []
    for line, row in rows(path, columns):
        key = (row["study_id"], row["series_id"], row["instance_number"].removesuffix(".0"))
        # The three become a path below train_images, so they must be plain numbers.
        if not all(part.isascii() and part.isdigit() for part in key):
            broken.append(Dropped(SOURCE, f"{path.name}:{line}", Rule.BROKEN, "study, series or instance is no number"))
            continue
        condition = row["condition"].lower().replace(" ", "_")
        if condition not in CONDITIONS:
            known = ", ".join(CONDITIONS)
            raise BenchmarkError(
                [Problem(str(path), line, "condition", f"unknown label {row['condition']!r}; known are {known}")]
            )
        slices[key].add((condition, find_level(row["level"], str(path), line, "level")))
    return slices, broken


def _number(text: str) -> tuple[int, str]:
    """Return a key that sorts numbers by value."""
    return (int(text) if text.isascii() and text.isdigit() else -1, text)
