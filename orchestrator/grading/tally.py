"""One model's grades, folded in a single pass into a compact table with a row per item.

The item is the unit: its replies (samples, rotations) are summed in its row, and everything that is computed of a
model (scores, slices, comparisons) is computed from the columns. A row costs about 300 bytes, whatever the replies.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from orchestrator.grading.stats import Floats, Ints, chance
from orchestrator.records import PAID, Grade, Outcome

MOST_SLICES = 64
"""More names than this in a task are no categories (every item may have its own) and are not sliced by."""
OUTCOMES = tuple(Outcome)
_COLUMN = {outcome: index for index, outcome in enumerate(OUTCOMES)}
_IS_PAID = np.array([outcome in PAID for outcome in OUTCOMES])
_WIDTH = len(OUTCOMES)


# Without a repr of its own: when a task ends asyncio asks for its result's repr, twice, and drops it.
@dataclass(frozen=True, slots=True, repr=False)
class ItemTable:
    """The columns, one entry per item in the order of first appearance."""

    rows: dict[tuple[str, str], int]
    """(task, item id) -> row."""
    tasks: tuple[str, ...]
    """Names of the tasks, in the order of first appearance."""
    task: Ints
    """Index into `tasks`."""
    group: Ints
    """Number of the item's group; groups may span tasks."""
    diseases: tuple[str, ...]
    disease: Ints
    """Index into `diseases`; -1 where it is not known."""
    sources: tuple[str, ...]
    source: Ints
    """Index into `sources`; -1 where it is not known."""
    multi: NDArray[np.bool_]
    chance: Floats
    """Probability that a blind guess is right."""
    replies: Ints
    """Grades by outcome, shape (items, outcomes), columns as in `OUTCOMES`."""
    right: Ints
    """Replies that are exactly right."""
    paid: Ints
    """Replies that were paid for."""
    missing: Ints
    """Replies that never came: failed or unsent."""
    answered: Ints
    """Replies that gave letters."""
    outcome: Ints
    """Column of the item's own outcome: the most frequent of its paid replies, or of the others if none was paid; a tie
    goes to the outcome that `OUTCOMES` names first."""
    letters: Ints
    """Letters of the paid replies to a multi item, shape (items, 3): chosen and right, chosen, right."""


def tabulate(grades: Iterable[Grade]) -> ItemTable:
    """Return the table of one model's grades."""
    tally = Tally()
    for grade in grades:
        tally.add(grade)
    return tally.table()


class Tally:
    """The fold itself: grades go in one at a time, in any order; the table comes out at the end."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], int] = {}
        self._tasks: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._diseases: dict[str, int] = {}
        self._sources: dict[str, int] = {}
        self._task, self._group, self._disease, self._source = array("q"), array("q"), array("q"), array("q")
        self._multi, self._chance = array("b"), array("d")
        self._replies, self._right, self._letters = array("q"), array("q"), array("q")

    def add(self, grade: Grade) -> None:
        """Count one grade."""
        row = self._rows.get((grade.task, grade.item_id))
        if row is None:
            row = self._open(grade)
        self._replies[row * _WIDTH + _COLUMN[grade.outcome]] += 1
        self._right[row] += grade.correct
        if grade.multi and grade.outcome in PAID:
            self._letters[row * 3] += len(set(grade.letters).intersection(grade.gold))
            self._letters[row * 3 + 1] += len(grade.letters)
            self._letters[row * 3 + 2] += len(grade.gold)

    def _open(self, grade: Grade) -> int:
        """Add the row of an item that is seen for the first time."""
        row = len(self._rows)
        self._rows[sys.intern(grade.task), sys.intern(grade.item_id)] = row
        self._task.append(_number(self._tasks, grade.task))
        self._group.append(_number(self._groups, grade.group))
        self._disease.append(_number(self._diseases, disease_of(grade)))
        self._source.append(_number(self._sources, source_of(grade)))
        self._multi.append(grade.multi)
        self._chance.append(chance(len(grade.options), grade.multi))
        self._replies.extend([0] * _WIDTH)
        self._right.append(0)
        self._letters.extend([0] * 3)
        return row

    def table(self) -> ItemTable:
        """Return what has been counted so far."""
        replies = _ints(self._replies).reshape(-1, _WIDTH)
        paid = replies @ _IS_PAID
        telling = np.where((paid > 0)[:, None] & ~_IS_PAID, 0, replies)
        return ItemTable(
            rows=dict(self._rows),
            tasks=tuple(self._tasks),
            task=_ints(self._task),
            group=_ints(self._group),
            diseases=tuple(self._diseases),
            disease=_ints(self._disease),
            sources=tuple(self._sources),
            source=_ints(self._source),
            multi=_ints(self._multi).astype(np.bool_),
            chance=np.array(self._chance, dtype=np.float64),
            replies=replies,
            right=_ints(self._right),
            paid=paid,
            missing=replies @ ~_IS_PAID,
            answered=replies[:, _COLUMN[Outcome.ANSWERED]],
            outcome=telling.argmax(axis=1),
            letters=_ints(self._letters).reshape(-1, 3),
        )


def by_item(grades: Iterable[Grade]) -> Iterator[tuple[Grade, ...]]:
    """Yield the grades of each item, which stand together."""
    for _, of_item in groupby(grades, attrgetter("task", "item_id")):
        yield tuple(of_item)


def disease_of(grade: Grade) -> str | None:
    """Return the metadata's `disease`, or else the text of the one right option; None where neither is given."""
    named = grade.metadata.get("disease")
    if isinstance(named, str) and named.strip():
        return " ".join(named.split())
    if grade.multi or len(grade.gold) != 1:
        return None
    return option_text(grade, grade.gold[0]) if grade.option_texts else None


def source_of(grade: Grade) -> str | None:
    """Return the metadata's `source`; None where it is not given."""
    named = grade.metadata.get("source")
    return " ".join(named.split()) if isinstance(named, str) and named.strip() else None


def option_text(grade: Grade, letter: str) -> str:
    """Return the text shown beside a letter, or the letter itself where no texts are kept."""
    for offered, text in zip(grade.options, grade.option_texts, strict=False):
        if offered == letter:
            return " ".join(text.split())
    return letter


def _number(names: dict[str, int], name: str | None) -> int:
    """Return the number of a name, giving new names the next one; -1 for no name."""
    return -1 if name is None else names.setdefault(name, len(names))


def _ints(column: array[int]) -> Ints:
    """Return a column as an array of its own."""
    return np.array(column, dtype=np.int64)
