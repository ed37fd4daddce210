"""From the words of a reply to letters, or to a reason for giving none.

Always holds: the same text and options give the same answer; only offered letters are returned; nothing is guessed;
the time is bounded by the window that `normalise` reads, plus a few searches for fixed strings.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.grading.normalise import normalise
from orchestrator.grading.offered import offered
from orchestrator.grading.rules import RULES, Found, Reading
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
    passage = normalise(output)
    reading = Reading(passage, offered(tuple(options.items())), multi)
    if passage.thinking:
        return Abstention(Abstained.TRUNCATED if truncated else Abstained.NOTHING)
    for rule in RULES:
        if truncated and not rule.firm:
            continue
        match rule.find(reading):
            case Found(letters, start, end, conflicts):
                return Answer(letters, rule.name, rule.confidence, passage.origin(start, end), conflicts)
            case Abstained() as reason:
                return Abstention(Abstained.TRUNCATED if truncated else reason)
            case None:
                pass
    return Abstention(Abstained.TRUNCATED if truncated else Abstained.NOTHING)
