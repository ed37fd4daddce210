"""Why the parser read what it read: every rule of the table with what it found and what spoke against it.

Always holds: the answer shown is the one `parse` gives; the text for a terminal holds no control sequence of the
output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.grading.parse import objection, parse, read
from orchestrator.grading.rules import RULES, THRESHOLD, for_items
from orchestrator.records import Abstention, Answer

SHOWN = 600
"""Characters of the output shown on either side of the passage relied on."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Trial:
    """One rule of the table, tried on one output."""

    rule: str
    confidence: float
    doc: str
    letters: tuple[str, ...] = ()
    """What it found, before any veto; empty where it found nothing or a letter that was not offered."""
    span: tuple[int, int] | None = None
    """Where, in the output; None where it found nothing."""
    veto: str = ""
    """Name of the veto that spoke against it."""
    note: str = ""
    """What the veto says, or why the rule was left out."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """An output, what was read from it, and the trial of every rule in order."""

    output: str
    answer: Answer | Abstention
    trials: tuple[Trial, ...]


def explain(output: str, options: Mapping[str, str], *, multi: bool, truncated: bool = False) -> Explanation:
    """Return what each rule finds in an output, and the answer that comes of it; arguments are those of `parse`."""
    answer = parse(output, options, multi=multi, truncated=truncated)
    if not options or not output.strip():
        return Explanation(output, answer, ())
    passage, reading = read(output, options, multi=multi)
    fitting = {rule.name: rule for rule in for_items(RULES, multi=multi)}
    trials = []
    for rule in RULES:
        own = None if passage.thinking else fitting.get(rule.name)
        seen = own.finder(reading) if own else None
        if own is None or seen is None:
            trials.append(Trial(rule.name, rule.confidence, rule.doc))
            continue
        veto, note = objection(own, reading, seen)
        if veto is None and rule.confidence < THRESHOLD:
            note = f"left out: its confidence is below {THRESHOLD}"
        elif veto is None and truncated and not rule.firm:
            note = "left out: the output was cut, and this is no firm declaration"
        span = passage.origin(seen.start, seen.end)
        name = veto.name if veto else ""
        trials.append(Trial(rule.name, rule.confidence, rule.doc, seen.letters, span, name, note))
    return Explanation(output, answer, tuple(trials))


def render(explanation: Explanation) -> str:
    """Return the explanation as plain text: the passage between >>> and <<<, the answer, and a line a rule."""
    answer = explanation.answer
    if isinstance(answer, Answer):
        head = f"{', '.join(answer.letters)} by rule {answer.rule} (confidence {answer.confidence:g})"
        head += "".join(f"; {note}" for note in answer.conflicts)
        text = _excerpt(explanation.output, *answer.span)
    else:
        head = f"no answer: {answer.reason}" + "".join(f"; {note}" for note in answer.conflicts)
        text = _excerpt(explanation.output, 0, 0)
    lines = [printable(text), "", printable(head), ""]
    for trial in explanation.trials:
        found = ", ".join(trial.letters) or ("nothing" if trial.span is None else "a letter not offered")
        against = f"; {trial.veto or 'not used'}: {trial.note}" if trial.note else ""
        lines.append(f"{trial.confidence:.3f}  {trial.rule:<14} {printable(found)}{printable(against)}  [{trial.doc}]")
    return "\n".join(lines)


def printable(text: str) -> str:
    """Return the text without control characters (escape sequences lose their effect), line ends and tabs kept."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def _excerpt(output: str, start: int, end: int) -> str:
    """Return what surrounds a passage, the passage marked; the beginning where there is none."""
    if end == 0:
        return output[: 2 * SHOWN] + ("..." if len(output) > 2 * SHOWN else "")
    before, after = output[max(0, start - SHOWN) : start], output[end : end + SHOWN]
    return (
        f"{'...' if start > SHOWN else ''}{before}>>>{output[start:end]}<<<{after}"
        f"{'...' if len(output) > end + SHOWN else ''}"
    )
