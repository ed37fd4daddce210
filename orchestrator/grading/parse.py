"""From the words of a reply to letters, or to a reason for giving none.

Always holds: the same text and options give the same answer; only offered letters are returned; nothing is guessed;
the time is bounded by the window that `normalise` reads, plus a few searches for fixed strings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.grading import lexicon
from orchestrator.grading.normalise import normalise
from orchestrator.grading.offered import offered
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.rules import RULES, Rule
from orchestrator.records import Abstained, Abstention, Answer

PARSER_VERSION = "1"
THRESHOLD = 0.9
"""Confidence below which an answer is not given."""


def parse(output: str, options: Mapping[str, str], *, multi: bool, truncated: bool = False) -> Answer | Abstention:
    """Return the letters that an output chooses, or why none can be read.

    `options` maps the offered letters to their texts; `multi` allows several letters; `truncated` says that the
    provider cut the output, so that only a firm declaration counts.
    """
    if not output.strip() or not options:
        return Abstention(Abstained.NOTHING)
    reading = Reading(normalise(output), offered(tuple(options.items())), multi)
    if reading.passage.thinking:
        return Abstention(Abstained.TRUNCATED if truncated else Abstained.NOTHING)
    for trial in trials(reading, firm=truncated):
        if trial.found is None or (trial.note and trial.reason is None):
            continue
        if trial.note:
            return Abstention(Abstained.TRUNCATED if truncated else trial.reason or Abstained.NOTHING, (trial.note,))
        if trial.rule.confidence < THRESHOLD:
            continue
        span = reading.passage.origin(trial.found.start, trial.found.end)
        return Answer(trial.found.letters, trial.rule.name, trial.rule.confidence, span)
    return Abstention(Abstained.TRUNCATED if truncated else _why(reading))


@dataclass(frozen=True, slots=True)
class Trial:
    """What one rule found, and what spoke against it."""

    rule: Rule
    found: Found | None = None
    veto: str = ""
    note: str = ""
    reason: Abstained | None = None


def trials(reading: Reading, *, firm: bool = False) -> Iterator[Trial]:
    """Yield what each rule of the table finds, in its order; only the firm ones where asked."""
    for rule in RULES:
        if firm and not rule.firm:
            continue
        seen = rule.find(reading)
        if seen is None:
            yield Trial(rule)
            continue
        for veto in rule.vetoes:
            note = veto.says(reading, seen)
            if note:
                yield Trial(rule, seen, veto.name, note, veto.reason)
                break
        else:
            yield Trial(rule, seen)


def _why(reading: Reading) -> Abstained:
    """Return why an output in which no rule found an answer holds none."""
    if reading.refused:
        return Abstained.REFUSED
    if reading.none_at >= 0:
        return Abstained.NONE_OF
    if len({head.label for head in reading.heads if head.listed}) > 1:
        return Abstained.ECHOED
    if len({claim.letters for claim in reading.claims}) > 1 or lexicon.UNKNOWN.search(reading.lower, 0, reading.end):
        return Abstained.HEDGED
    return Abstained.NOTHING
