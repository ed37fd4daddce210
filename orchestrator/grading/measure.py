"""How good the parser is on labelled answers: `python -m orchestrator.grading.measure FILE [--misses]`.

FILE holds JSON lines `{id, source, tier, kind, options, output, gold, tags}`; `gold` is empty where no answer can be
read. Always holds: an answer counts as right when its letters are exactly the gold letters, an abstention when there
are none; shares come with Wilson's 95 % interval; nothing is written but the report.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BenchmarkError, Problem
from orchestrator.grading.explain import printable
from orchestrator.grading.parse import SHIPPED, decide, read
from orchestrator.grading.rules import RULES, THRESHOLD, Rule
from orchestrator.grading.stats import wilson
from orchestrator.records import Answer

FIELDS = (
    "a line holds id, source, tier (strong or llm), kind (single or multi), options, output, gold, and perhaps tags"
)
"""What a file of labelled answers is made of."""
FEWEST = 5
"""Firings below which a rule's precision elsewhere says too little to set the rule aside."""

_TAGS = re.compile(r"【答案】|<answer>|boxed\{|final (?:option|answer)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One labelled output."""

    id: str
    source: str
    tier: str
    multi: bool
    options: dict[str, str]
    output: str
    gold: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the parser made of one labelled output."""

    row: Labelled
    letters: tuple[str, ...]
    why: str
    """The rule that answered, or the reason for abstaining."""

    @property
    def right(self) -> bool:
        """Whether the letters are the gold letters, none where there are none."""
        return self.letters == self.row.gold


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured share, and the target it is held to."""

    name: str
    hits: int
    of: int
    target: float | None = None

    def __str__(self) -> str:
        """Return one line of the report."""
        if not self.of:
            return f"{self.name:<44} {'-':>7}"
        share = self.hits / self.of
        low, high = wilson(share, self.of)
        held = (
            "" if self.target is None else f"  target {self.target:.1%}  {'met' if share >= self.target else 'MISSED'}"
        )
        return f"{self.name:<44} {share:>7.2%}  [{low:.2%}, {high:.2%}]  {self.hits}/{self.of}{held}"


def load(path: Path) -> tuple[Labelled, ...]:
    """Return the labelled outputs of a file, or raise BenchmarkError that names every line that cannot be used."""
    rows: list[Labelled] = []
    problems: list[Problem] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                tags = row.get("tags") or ()
                gold = tuple(sorted(row["gold"]))
                sort = (row["source"], row["tier"], row["kind"] == "multi")
                rows.append(
                    Labelled(str(row["id"]), *sort, dict(row["options"]), str(row["output"]), gold, tuple(tags))
                )
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                why = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
                problems.append(Problem(str(path), number, "", f"is no labelled answer: {why}; {FIELDS}"))
    if problems or not rows:
        raise BenchmarkError(problems or [Problem(str(path), 0, "", "holds no labelled answers")])
    return tuple(rows)


def measured(rows: Iterable[Labelled], rules: Mapping[bool, Sequence[Rule]] = SHIPPED) -> tuple[Measured, ...]:
    """Return what the rules, by whether several options may be right, make of each row."""

    def one(row: Labelled) -> Measured:
        answer = decide(*read(row.output, row.options, multi=row.multi), rules)
        if isinstance(answer, Answer):
            return Measured(row, answer.letters, answer.rule)
        return Measured(row, (), str(answer.reason))

    return tuple(one(row) for row in rows)


def targets(outcomes: Sequence[Measured]) -> Iterator[Figure]:
    """Yield the figures that the parser is held to."""
    single = [one for one in outcomes if not one.row.multi]
    strong = [one for one in single if one.row.tier == "strong"]
    yield _accuracy("single, strong labels: accuracy", strong, 0.985)
    yield _precision("single, strong labels: precision", strong, 0.993)
    yield _silence("single, strong labels: nothing where empty", strong, 0.96)
    yield _accuracy("single, labelled by models: accuracy", [one for one in single if one.row.tier == "llm"], 0.93)
    multi = [one for one in outcomes if one.row.multi]
    yield _accuracy("multi, tagged: exact set", [one for one in multi if _TAGS.search(one.row.output)], 0.98)
    yield _accuracy("multi, prose: exact set", [one for one in multi if not _TAGS.search(one.row.output)], 0.95)


def _accuracy(name: str, outcomes: Sequence[Measured], target: float | None = None) -> Figure:
    return Figure(name, sum(one.right for one in outcomes), len(outcomes), target)


def _precision(name: str, outcomes: Sequence[Measured], target: float | None = None) -> Figure:
    given = [one for one in outcomes if one.letters]
    return Figure(name, sum(one.right for one in given), len(given), target)


def _silence(name: str, outcomes: Sequence[Measured], target: float | None = None) -> Figure:
    empty = [one for one in outcomes if not one.row.gold]
    return Figure(name, sum(not one.letters for one in empty), len(empty), target)


def held_out(rows: Sequence[Labelled]) -> Iterator[Figure]:
    """Yield accuracy and precision on each source with the table that the other sources alone would have shipped.

    A rule that fires elsewhere at least `FEWEST` times with a precision below the threshold is left out.
    """
    outcomes = measured(rows)
    for source in sorted({row.source for row in rows}):
        elsewhere = _by(lambda one: one.why, [one for one in outcomes if one.row.source != source and one.letters])
        poor = {
            name
            for name, fired in elsewhere.items()
            if len(fired) >= FEWEST and sum(one.right for one in fired) < THRESHOLD * len(fired)
        }
        rules = {multi: [rule for rule in rules if rule.name not in poor] for multi, rules in SHIPPED.items()}
        there = measured([row for row in rows if row.source == source], rules)
        without = f" (without {', '.join(sorted(poor))})" if poor else ""
        yield _accuracy(f"{source}: accuracy{without}", there)
        yield _precision(f"{source}: precision{without}", there)


def _by(key: Callable[[Measured], str], outcomes: Iterable[Measured]) -> dict[str, list[Measured]]:
    groups: dict[str, list[Measured]] = defaultdict(list)
    for one in outcomes:
        groups[key(one)].append(one)
    return dict(sorted(groups.items()))


def misses(outcomes: Iterable[Measured]) -> Iterator[str]:
    """Yield the rows read wrongly, class by class: kind of miss, then the rule or reason behind it."""

    def sort(one: Measured) -> str:
        if not one.row.gold:
            return f"answer where there is none, by {one.why}"
        return f"wrong letters, by {one.why}" if one.letters else f"no answer: {one.why}"

    wrong = _by(sort, [one for one in outcomes if not one.right])
    for name, members in sorted(wrong.items(), key=lambda item: -len(item[1])):
        yield f"\n{len(members)} x {name}"
        for one in members:
            said = " ".join(one.row.output.split())
            text = said if len(said) <= 240 else f"{said[:110]} ... {said[-120:]}"
            yield printable(f"  {one.row.id} [{one.row.tier}] gold {' '.join(one.row.gold) or '-'}: {text}")


def report(rows: Sequence[Labelled], *, show_misses: bool = False) -> Iterator[str]:
    """Yield the lines of the report."""
    outcomes = measured(rows)
    yield f"{len(rows)} labelled answers, threshold {THRESHOLD}\n"
    yield from map(str, targets(outcomes))
    yield "\nby source"
    for source, members in _by(lambda one: f"{one.row.source} [{one.row.tier}]", outcomes).items():
        for figure in (_accuracy, _precision, _silence):
            yield str(figure(f"{source}: {figure.__name__.strip('_')}", members))
    yield "\nprecision by rule, strong labels and others"
    confidence = {rule.name: rule.confidence for rule in RULES}
    for name, members in _by(lambda one: one.why, [one for one in outcomes if one.letters]).items():
        for tier, there in _by(lambda one: one.row.tier, members).items():
            yield str(_precision(f"{name} [{tier}], shipped at {confidence[name]:g}", there))
    yield "\neach source with the table that the other sources alone would have shipped"
    yield from map(str, held_out(rows))
    reasons = Counter(one.why for one in outcomes if not one.letters)
    yield "\nabstentions: " + ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    if show_misses:
        yield from misses(outcomes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report on a file; 0 unless the file cannot be used."""
    parser = argparse.ArgumentParser(prog="measure", description="How good the answer parser is on labelled answers.")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--misses", action="store_true", help="list what was read wrongly, by class")
    chosen = parser.parse_args(arguments)
    try:
        rows = load(chosen.file)
    except (BenchmarkError, OSError) as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return 2
    for line in report(rows, show_misses=chosen.misses):
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
