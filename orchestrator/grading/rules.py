"""The ordered table of rules: from the most trusted to the least."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.grading import letters, prose, verdicts
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.vetoes import CLASH, NONE, REFUSED, SEVERAL, UNOFFERED, UNSURE, WRONG, Veto


@dataclass(frozen=True, slots=True)
class Rule:
    """A way in which an answer appears."""

    name: str
    confidence: float
    find: Callable[[Reading], Found | None]
    vetoes: tuple[Veto, ...]
    firm: bool = False
    """Whether it holds even in an output that was cut."""


STRONG = ("final", "stated", "chosen", "called", "zh", "concluded", "finding")
TOLD = (UNOFFERED, SEVERAL, CLASH)

RULES: tuple[Rule, ...] = (
    Rule("final-option", 0.999, letters.final_option, TOLD, firm=True),
    Rule("tag", 0.998, letters.tag, TOLD, firm=True),
    Rule("boxed", 0.998, letters.boxed, TOLD, firm=True),
    Rule("bare", 0.99, letters.bare, TOLD),
    Rule("last-line", 0.99, letters.last_line, TOLD),
    Rule("declared", 0.985, letters.declared(*STRONG), (*TOLD, NONE)),
    Rule("verdicts", 0.95, verdicts.right_set, (*TOLD, NONE)),
    Rule("only-texts", 0.97, prose.only_texts, (SEVERAL,)),
    Rule("choice-lines", 0.95, letters.choice_lines, (NONE,)),
    Rule("choice-line", 0.98, letters.choice_line, (*TOLD, WRONG, NONE)),
    Rule("first-line", 0.97, letters.first_line, (*TOLD, NONE)),
    Rule("lead-text", 0.98, prose.lead_text, (SEVERAL, WRONG)),
    Rule("named", 0.96, letters.declared("named"), (*TOLD, NONE, REFUSED)),
    Rule("judged", 0.95, letters.declared("judged"), (*TOLD, NONE, REFUSED)),
    Rule("odd-one", 0.93, verdicts.odd_one, TOLD),
    Rule("sole-mark", 0.95, letters.sole_mark, (*TOLD, REFUSED, UNSURE)),
    Rule("declared-text", 0.95, letters.declared(*STRONG, by_text=True), (*TOLD, NONE)),
    Rule("called-text", 0.93, prose.called_text, (WRONG,)),
    Rule("opening-text", 0.94, prose.opening_text, (UNSURE,)),
    Rule("opening-words", 0.92, prose.opening_words, (UNSURE,)),
    Rule("opening-set", 0.9, prose.opening_set, (UNSURE,)),
    Rule("closing-text", 0.91, prose.closing_text, (UNSURE,)),
)
