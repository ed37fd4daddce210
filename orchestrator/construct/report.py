"""What a build came to: the record behind `--json`, the datasheet and the terminal's summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.construct.cases import Case
from orchestrator.construct.findings import Dropped
from orchestrator.construct.hardness import Hardness
from orchestrator.construct.items import located
from orchestrator.records import Json

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Work:
    """What was done anew, and what earlier builds had done."""

    prepared: int
    prepared_before: int
    embedded: int
    embedded_before: int


@dataclass(frozen=True, slots=True)
class BuildReport:
    """A finished build."""

    out: Path
    items: Counts
    """Items a task."""
    subset: Counts
    """Items of the subset a task; empty if none was asked for."""
    kept: Mapping[str, Mapping[str, Counts]]
    """SDD items by "source", "disease" and "view"; SLL items by "source", "disease" and "level"."""
    dropped: Mapping[str, Counts]
    """Source -> rule -> how many."""
    hardness: Hardness | None
    work: Work

    def as_json(self) -> dict[str, Json]:
        """Return what `build --json` prints."""
        return {
            "out": str(self.out),
            "items": dict(self.items),
            "subset": dict(self.subset),
            "kept": {task: {key: dict(counts) for key, counts in by.items()} for task, by in self.kept.items()},
            "dropped": {source: dict(counts) for source, counts in self.dropped.items()},
            "hardness": None if self.hardness is None else asdict(self.hardness),
            "work": asdict(self.work),
        }


def count_items(items: Iterable[Mapping[str, Json]]) -> Counts:
    """Return how many items each task has."""
    return dict(sorted(Counter(str(item["task"]) for item in items).items()))


def count_dropped(dropped: Iterable[Dropped]) -> Mapping[str, Counts]:
    """Return how much each source lost to each rule."""
    counts: dict[str, Counter[str]] = {}
    for one in dropped:
        counts.setdefault(one.source, Counter())[one.rule] += 1
    return {source: dict(sorted(counts[source].items())) for source in sorted(counts)}


def count_kept(diagnosed: Sequence[Case], localised: Sequence[Case]) -> Mapping[str, Mapping[str, Counts]]:
    """Return the cases of each task by source, disease, view and level."""
    levels: Counter[str] = Counter()
    for case in localised:
        levels.update(dict(case.finding.levels)[located(case) or ""])
    return {
        "SDD": {
            "source": _counts(case.finding.source for case in diagnosed),
            "disease": _counts(case.gold for case in diagnosed),
            "view": _counts(case.finding.view for case in diagnosed),
        },
        "SLL": {
            "source": _counts(case.finding.source for case in localised),
            "disease": _counts(located(case) or "" for case in localised),
            "level": dict(sorted(levels.items())),
        },
    }


def _counts(names: Iterable[str]) -> Counts:
    """Return how often each name occurs, by name."""
    return dict(sorted(Counter(names).items()))
