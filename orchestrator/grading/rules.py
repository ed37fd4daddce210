"""The table of rules: every way in which an answer is read, from the most trusted to the least.

Always holds: rules are tried in this order; the first whose finding no veto speaks against gives the answer; a veto
with a reason ends the reading there. A confidence is the precision measured on labelled outputs where the rule fires,
rounded down; for rules that fired too rarely to tell it is that of the nearest kin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.grading import affirmed, letters, prose, totals, verdicts
from orchestrator.grading.claims import SURE
from orchestrator.grading.declared import declared
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.vetoes import (
    ADDED,
    BROKEN,
    CLASH,
    DECLINED,
    LATER,
    MISCOUNTED,
    NONE,
    NONE_AT_ALL,
    REFUSED,
    REVISED,
    RIVALLED,
    SEVERAL,
    UNFINISHED,
    UNOFFERED,
    UNREAD,
    UNREAD_AFTER,
    UNSURE,
    UNTOLD,
    WRONG,
    Veto,
)

THRESHOLD = 0.9
"""Confidence below which an answer is not given."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A way in which an answer appears."""

    name: str
    confidence: float
    doc: str
    find: Callable[[Reading], Found | None]
    vetoes: tuple[Veto, ...]
    firm: bool = False
    """Whether it holds even in an output that was cut."""


_READ = (UNOFFERED, BROKEN, SEVERAL, CLASH)
_TOLD = (UNREAD_AFTER, *_READ, RIVALLED, ADDED, MISCOUNTED, REVISED, NONE)
_SAID = (UNREAD, *_READ, RIVALLED, NONE, REFUSED)
_WORDS = (UNREAD, UNSURE)

RULES: tuple[Rule, ...] = (
    # What exists to hold an answer.
    Rule("final-option", 0.999, "My final option: [X], the last one", letters.final_option, _READ, firm=True),
    Rule("tag", 0.998, "【答案】X, <answer>X</answer>, JSON, [[X]], the last one", letters.tag, _READ, firm=True),
    Rule("boxed", 0.998, r"\boxed{X}, the last one", letters.boxed, _READ, firm=True),
    # An output, or its last line, that is nothing but letters.
    Rule("bare", 0.99, "nothing but letters", letters.bare, _READ),
    Rule("last-line", 0.99, "a last line of nothing but letters", letters.last_line, _READ),
    # Words that declare: the last such claim that is neither denied nor conditional.
    Rule("declared", 0.985, "the answer is X; I choose X; X is the best answer", declared(*SURE), _TOLD),
    Rule("declared-text", 0.95, "the answer is <text>", declared(*SURE, by_text=True), _TOLD),
    # Multi-answer items only.
    Rule("all", 0.95, "all of the above; all but X", totals.all_of, (UNREAD, UNSURE)),
    Rule("rest", 0.95, "X is wrong, the other three are right", totals.the_rest, (UNREAD, UNSURE)),
    Rule(
        "verdicts",
        0.95,
        "a verdict on each option: A true, B false",
        verdicts.right_set,
        (UNREAD, *_READ, RIVALLED, NONE),
    ),
    Rule("only-texts", 0.97, "nothing but option texts", prose.only_texts, (SEVERAL,)),
    # A line or a beginning that names one option.
    Rule("choice-line", 0.98, "the one line that reads 'X. text'", letters.choice_line, (UNREAD, *_TOLD, WRONG)),
    Rule("first-line", 0.97, "a first line of nothing but letters", letters.first_line, (UNREAD, *_TOLD)),
    Rule(
        "lead-letter",
        0.97,
        "begins with a letter that is set off: X - ...",
        letters.lead_letter,
        (UNREAD, *_TOLD, WRONG),
    ),
    Rule(
        "text-line", 0.95, "the one line that is an option's text, after '... is:'", prose.text_line, (UNREAD, *_TOLD)
    ),
    Rule("lead-text", 0.98, "begins with an option's text", prose.lead_text, (UNREAD, SEVERAL, WRONG, LATER)),
    # Weaker words: several of them must agree.
    Rule("named", 0.96, "... is (X)", declared("named", agree=True), (*_SAID, UNTOLD)),
    Rule("odd", 0.95, "错误的是X", declared("odd"), (UNREAD, *_READ)),
    Rule("odd-one", 0.93, "all options judged, one unlike the others", verdicts.odd_one, (UNREAD, *_READ)),
    Rule("judged", 0.95, "X is correct", declared("judged", agree=True), (*_SAID, UNTOLD)),
    Rule("sole-mark", 0.95, "only one letter is marked as one: (X)", letters.sole_mark, (*_SAID, UNSURE, REVISED)),
    # The option's own words instead of its letter.
    Rule("called-text", 0.93, "<text> is the most likely", prose.called_text, (UNREAD, WRONG)),
    Rule("opening-text", 0.94, "the one text in the first sentence", prose.opening_text, (*_WORDS, LATER)),
    Rule(
        "opening-words",
        0.92,
        "the words of one text, in order, in the first sentence",
        prose.opening_words,
        (*_WORDS, LATER),
    ),
    Rule("denied", 0.93, "... is not ..., where yes or no was asked", prose.denied, _WORDS),
    Rule("closing-text", 0.91, "the one text in the last sentence", prose.closing_text, _WORDS),
    Rule(
        "concluded-text",
        0.9,
        "the one text that a concluding sentence affirms",
        affirmed.concluded_text,
        (UNREAD, UNTOLD, UNFINISHED, NONE_AT_ALL, DECLINED, REVISED),
    ),
    Rule(
        "affirmed",
        0.9,
        "what free prose affirms: in conclusion, or in all that it tells",
        affirmed.affirmed,
        (CLASH, UNREAD, UNTOLD, UNFINISHED, MISCOUNTED, NONE_AT_ALL, DECLINED, REVISED),
    ),
    # Too unsure to be shipped; shown when a reading is explained.
    Rule("sole-text", 0.6, "the one text anywhere", prose.sole_text, _WORDS),
)
