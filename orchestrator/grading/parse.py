"""From the words of a reply to letters, or to a reason for giving none.

Always holds: the same text and options give the same answer; only offered letters are returned; nothing is guessed,
drawn or evaluated; the time is bounded by the window that `normalise` reads, plus a few searches for fixed strings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.grading import abstaining
from orchestrator.grading.disputes import disputes
from orchestrator.grading.normalise import Passage, normalise
from orchestrator.grading.offered import offered
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.rules import RULES, THRESHOLD, Rule, for_items
from orchestrator.grading.vetoes import Veto
from orchestrator.records import Abstained, Abstention, Answer

PARSER_VERSION = "6"
"""Changes whenever the parser may read an output differently than before."""

SHIPPED = {
    multi: for_items((rule for rule in RULES if rule.confidence >= THRESHOLD), multi=multi) for multi in (False, True)
}
"""Whether several options may be right -> the rules that give answers then."""
FIRM = {multi: tuple(rule for rule in rules if rule.firm) for multi, rules in SHIPPED.items()}
"""The same -> those of them that give an answer even in an output that was cut."""


def parse(output: str, options: Mapping[str, str], *, multi: bool, truncated: bool = False) -> Answer | Abstention:
    """Return the letters that an output chooses, or why none can be read.

    `options` maps the offered letters to their texts; `multi` allows several letters; `truncated` says that the
    provider cut the output, so that only a firm declaration counts. The span is in `output`.
    """
    if not options or not output or output.isspace():
        return Abstention(Abstained.TRUNCATED if truncated else Abstained.NOTHING)
    passage, reading = read(output, options, multi=multi)
    answer = decide(passage, reading, FIRM if truncated else SHIPPED, cut=truncated)
    return Abstention(Abstained.TRUNCATED) if truncated and isinstance(answer, Abstention) else answer


def read(output: str, options: Mapping[str, str], *, multi: bool) -> tuple[Passage, Reading]:
    """Return what the rules see of an output, and the way back from it."""
    passage = normalise(output)
    return passage, Reading(passage.text, passage.lower, passage.seam, offered(tuple(options.items())), multi)


def decide(
    passage: Passage, reading: Reading, rules: Mapping[bool, Sequence[Rule]], *, cut: bool = False
) -> Answer | Abstention:
    """Return what the first of some rules finds that no veto speaks against, or why there is no answer.

    `rules` maps whether several options may be right to the rules for such items.
    """
    if passage.thinking:
        return Abstention(Abstained.NOTHING)
    set_aside: list[tuple[str, Found, str]] = []
    for rule in rules[reading.multi]:
        seen = rule.finder(reading)
        if seen is None or (cut and _open(reading, seen)):
            continue
        veto, note = objection(rule, reading, seen)
        if veto is None:
            span = passage.origin(seen.start, seen.end)
            return Answer(seen.letters, rule.name, rule.confidence, span, disputes(reading, rule, seen, set_aside))
        if veto.reason is not None:
            return Abstention(veto.reason, (note,))
        set_aside.append((rule.name, seen, note))
    return Abstention(_why(reading))


def objection(rule: Rule, reading: Reading, seen: Found) -> tuple[Veto | None, str]:
    """Return the first veto of a rule that speaks against its finding, and what it says."""
    for veto in rule.vetoes:
        note = veto.says(reading, seen)
        if note:
            return veto, note
    return None, ""


def _open(reading: Reading, seen: Found) -> bool:
    """Return whether a cut output ends in the middle of the finding, so that more letters may have followed."""
    return seen.end >= reading.end and reading.text[seen.end - 1].isalnum()


def _why(reading: Reading) -> Abstained:
    """Return why an output in which no rule found an answer holds none."""
    if reading.refused:
        return Abstained.REFUSED
    if reading.none:
        return Abstained.NONE_OF
    if len({head.label for head in reading.heads if head.listed}) > 1:
        return Abstained.ECHOED
    if len({claim.letters for claim in reading.claims}) > 1 or abstaining.UNKNOWN.search(reading.lower, 0, reading.end):
        return Abstained.HEDGED
    return Abstained.NOTHING
