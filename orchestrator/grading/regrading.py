"""How a grading differs from an earlier one of the same replies: which letters changed, and what became of the scores.

Pure; letters are those of the options as they were shown. Scores before and after count only the replies that both
gradings read, with the right letters of now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.grading.parse import PARSER_VERSION
from orchestrator.grading.score import ModelScore, score_table
from orchestrator.grading.tally import Tally
from orchestrator.records import PAID, Grade, Outcome


@dataclass(frozen=True, slots=True)
class Said:
    """What was read from one reply."""

    letters: tuple[str, ...]
    rule: str
    outcome: Outcome
    parser_version: str


@dataclass(frozen=True, slots=True)
class Change:
    """One reply that is read differently now."""

    item_id: str
    model: str
    sample: int
    rotation: int
    gold: tuple[str, ...]
    """The right letters, as the item was shown."""
    before: Said
    now: Said

    @property
    def gain(self) -> int:
        """1 where it is right only now, -1 where it was right only before, else 0."""
        return _right(self.now, self.gold) - _right(self.before, self.gold)


@dataclass(frozen=True, slots=True)
class Regraded:
    """A grading beside an earlier one."""

    before: Mapping[str, ModelScore]
    now: Mapping[str, ModelScore]
    """By model."""
    changes: tuple[Change, ...]
    """Where letters or outcome of a reply differ, in the order in which they went by."""
    only_before: int
    only_now: int
    """Questions that only one of the two holds."""
    others: int
    """Questions whose reply is another one than then."""
    versions: tuple[str, ...]
    """Parser versions of the earlier one."""
    other_runs: tuple[str, ...] = ()
    """Its runs, where they are not those of now and it does not tell one reply from another."""


class Regrading:
    """Sets every grade beside the earlier one, one at a time."""

    def __init__(self, models: Sequence[str]) -> None:
        self._before = {model: Tally() for model in models}
        self._now = {model: Tally() for model in models}
        self._changes: list[Change] = []
        self._shared = self._only_now = self._others = 0

    def add(self, model: str, grade: Grade, before: Said | None, *, same_reply: bool = True) -> None:
        """Compare one grade with what was read before; None if the earlier grading does not hold it."""
        if before is None:
            self._only_now += 1
            return
        self._shared += 1
        if not same_reply:
            self._others += 1
            return
        self._now[model].add(grade)
        self._before[model].add(grade._replace(letters=before.letters, outcome=before.outcome, rule=before.rule))
        replied = before.outcome in PAID or grade.outcome in PAID
        if replied and (before.letters, before.outcome) != (grade.letters, grade.outcome):
            now = Said(grade.letters, grade.rule, grade.outcome, PARSER_VERSION)
            self._changes.append(Change(grade.item_id, model, grade.sample, grade.rotation, grade.gold, before, now))

    def regraded(self, held: int, versions: tuple[str, ...], other_runs: tuple[str, ...] = ()) -> Regraded:
        """Return the comparison so far with an earlier grading that holds `held` questions to these models."""
        return Regraded(
            before={model: score_table(tally.table()) for model, tally in self._before.items()},
            now={model: score_table(tally.table()) for model, tally in self._now.items()},
            changes=tuple(self._changes),
            only_before=held - self._shared,
            only_now=self._only_now,
            others=self._others,
            versions=versions,
            other_runs=other_runs,
        )


def _right(said: Said, gold: tuple[str, ...]) -> bool:
    return said.outcome is Outcome.ANSWERED and said.letters == gold
