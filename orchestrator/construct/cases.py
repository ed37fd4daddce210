"""Brings findings and pictures of all sources together: unclear and repeated pictures out, one answer each, groups.

Always holds: a case's `carried` names every disease that anything of its group carries, so that none of them can
become a wrong answer; the same file under two patients makes the two one group; group names tell nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.construct.findings import Dropped, Finding, Rule
from orchestrator.construct.labels import HEALTHY, choose_gold
from orchestrator.construct.prepare import Prepared

Group = tuple[str, str]
"""(source, group within it)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One picture that may become items."""

    finding: Finding
    prepared: Prepared
    gold: str
    """The one answer of its diagnosis item."""
    carried: frozenset[str]
    """Diseases of the picture, its study and its group."""
    group: str

    @property
    def stem(self) -> str:
        """What the picture's items are named after."""
        return self.prepared.name.removesuffix(".png")


def integrate(pictures: Sequence[tuple[Finding, Prepared]], conflicts: str) -> tuple[tuple[Case, ...], list[Dropped]]:
    """Return the cases, by picture name, and what was left out on the way."""
    groups = _groups(pictures)
    carried: dict[Group, set[str]] = defaultdict(set)
    for finding, _ in pictures:
        own = carried[groups[finding.source, finding.group]]
        own.update(disease for disease in (*finding.diseases, *finding.carried) if disease != HEALTHY)
    kept, dropped = _distinct(pictures)
    images_of = Counter(disease for finding, _ in kept for disease in finding.diseases)
    numbers = {root: index for index, root in enumerate(sorted(set(groups.values())), start=1)}
    cases = []
    for finding, prepared in kept:
        gold = choose_gold(finding.diseases, images_of, conflicts)
        if gold is None:
            detail = f"shows {' and '.join(finding.diseases)}"
            dropped.append(Dropped(finding.source, finding.subject, Rule.AMBIGUOUS, detail))
            continue
        root = groups[finding.source, finding.group]
        cases.append(Case(finding, prepared, gold, frozenset(carried[root]), f"{root[0]}-{numbers[root]:05d}"))
    return tuple(sorted(cases, key=lambda case: case.prepared.name)), dropped


def _groups(pictures: Sequence[tuple[Finding, Prepared]]) -> dict[Group, Group]:
    """Return each group's representative, the least of those that share a file with it."""
    parent: dict[Group, Group] = {}

    def root(group: Group) -> Group:
        parent.setdefault(group, group)
        while parent[group] != group:
            parent[group] = group = parent[parent[group]]
        return group

    first: dict[str, Group] = {}
    for finding, prepared in pictures:
        here = root((finding.source, finding.group))
        there = root(first.setdefault(prepared.name, here))
        parent[max(here, there)] = min(here, there)
    return {group: root(group) for group in list(parent)}


def _distinct(
    pictures: Sequence[tuple[Finding, Prepared]],
) -> tuple[list[tuple[Finding, Prepared]], list[Dropped]]:
    """Return one finding a file, without the unclear; of files labelled in two ways none is kept."""
    by_name: dict[str, list[tuple[Finding, Prepared]]] = defaultdict(list)
    dropped = []
    for finding, prepared in pictures:
        if prepared.picture:
            by_name[prepared.name].append((finding, prepared))
        else:
            detail = f"{prepared.width} x {prepared.height} pixels, contrast {prepared.contrast}"
            dropped.append(Dropped(finding.source, finding.subject, Rule.UNCLEAR, detail))
    kept = []
    for same in by_name.values():
        first, prepared = same[0]
        if len({finding.diseases for finding, _ in same}) > 1:
            detail = "the same file is labelled in two ways"
            dropped.extend(Dropped(one.source, one.subject, Rule.AMBIGUOUS, detail) for one, _ in same)
            continue
        if len({finding.levels for finding, _ in same}) > 1:
            first = replace(first, levels=())
        kept.append((first, prepared))
        detail = f"the same file as {first.source}: {first.subject}"
        dropped.extend(Dropped(one.source, one.subject, Rule.DUPLICATE, detail) for one, _ in same[1:])
    return kept, dropped
