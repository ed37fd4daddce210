"""The table of rules: every way in which an answer is read, from the most trusted to the least.

Always holds: rules are tried in this order; the first whose finding no veto speaks against gives the answer; a veto
with a reason ends the reading there. A confidence is the precision measured on labelled outputs where the rule fires,
rounded down; for rules that fired too rarely to tell it is that of the nearest kin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from orchestrator.grading import affirmed, letters, prose, totals, verdicts, vetoes
from orchestrator.grading.claims import SURE
from orchestrator.grading.declared import declared
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.vetoes import Veto

THRESHOLD = 0.9
"""Confidence below which an answer is not given."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A way in which an answer appears."""

    name: str
    confidence: float
    doc: str
    finder: Callable[[Reading], Found | None]
    vetoes: tuple[Veto, ...]
    firm: bool = False
    """Whether it holds even in an output that was cut."""
    multi: bool | None = None
    """Whether it is for items with several right options, or for those with one; None: for both."""


def for_items(rules: Iterable[Rule], *, multi: bool) -> tuple[Rule, ...]:
    """Return the rules that are for items with several right options, or with one, each with its vetoes for these."""
    return tuple(
        replace(rule, vetoes=tuple(veto for veto in rule.vetoes if multi or not veto.multi))
        for rule in rules
        if rule.multi is None or rule.multi is multi
    )


_LETTERS = (vetoes.UNOFFERED, vetoes.BROKEN, vetoes.SEVERAL, vetoes.CLASH)
"""What speaks against any letters, wherever they stand."""
_DECLARED = (
    vetoes.UNREAD_AFTER,
    *_LETTERS,
    vetoes.RIVALLED,
    vetoes.ADDED,
    vetoes.MISCOUNTED,
    vetoes.REVISED,
    vetoes.NONE,
)
"""What speaks against letters that are declared in so many words."""
_SUGGESTED = (vetoes.UNREAD, *_LETTERS, vetoes.RIVALLED, vetoes.NONE, vetoes.REFUSED)
"""What speaks against letters that are only named or called right."""
_IN_WORDS = (vetoes.UNREAD, vetoes.UNSURE)
"""What speaks against an option's own words."""

RULES: tuple[Rule, ...] = (
    # What exists to hold an answer.
    Rule("final-option", 0.999, "My final option: [X], the last one", letters.final_option, _LETTERS, firm=True),
    Rule("tag", 0.998, "【答案】X, <answer>X</answer>, JSON, [[X]], the last one", letters.tag, _LETTERS, firm=True),
    Rule("boxed", 0.998, r"\boxed{X}, the last one", letters.boxed, _LETTERS, firm=True),
    # An output, or its last line, that is nothing but letters.
    Rule("bare", 0.99, "nothing but letters", letters.bare, _LETTERS),
    Rule("last-line", 0.99, "a last line of nothing but letters", letters.last_line, _LETTERS),
    # Words that declare: the last such claim that is neither denied nor conditional.
    Rule("declared", 0.985, "the answer is X; I choose X; X is the best answer", declared(*SURE), _DECLARED),
    # Above texts, for "all are present" may be followed by some of them.
    Rule("all", 0.95, "all of the above; all but X", totals.all_of, (vetoes.UNREAD, vetoes.UNSURE), multi=True),
    Rule("declared-text", 0.95, "the answer is <text>", declared(*SURE, by_text=True), _DECLARED),
    # Multi-answer items only.
    Rule(
        "rest",
        0.95,
        "X is wrong, the other three are right",
        totals.the_rest,
        (vetoes.UNREAD, vetoes.UNSURE),
        multi=True,
    ),
    Rule(
        "verdicts",
        0.95,
        "a verdict on each option: A true, B false",
        verdicts.right_set,
        (vetoes.UNREAD, vetoes.BROKEN, vetoes.RIVALLED, vetoes.NONE),
        multi=True,
    ),
    Rule("only-texts", 0.97, "nothing but option texts", prose.only_texts, (vetoes.SEVERAL,), multi=True),
    # A line or a beginning that names one option.
    Rule(
        "choice-line",
        0.98,
        "the one line that reads 'X. text'",
        letters.choice_line,
        (vetoes.UNREAD, *_DECLARED, vetoes.WRONG),
        multi=False,
    ),
    Rule("first-line", 0.97, "a first line of nothing but letters", letters.first_line, (vetoes.UNREAD, *_DECLARED)),
    Rule(
        "lead-letter",
        0.97,
        "begins with a letter that is set off: X - ...",
        letters.lead_letter,
        (vetoes.UNREAD, *_DECLARED, vetoes.WRONG),
        multi=False,
    ),
    Rule(
        "text-line",
        0.95,
        "the one line that is an option's text, after '... is:'",
        prose.text_line,
        (vetoes.UNREAD, *_DECLARED),
        multi=False,
    ),
    Rule(
        "lead-text",
        0.98,
        "begins with an option's text",
        prose.lead_text,
        (vetoes.UNREAD, vetoes.SEVERAL, vetoes.WRONG, vetoes.LATER),
        multi=False,
    ),
    # Weaker words: several of them must agree.
    Rule("named", 0.96, "... is (X)", declared("named", agree=True), (*_SUGGESTED, vetoes.UNTOLD)),
    Rule("odd", 0.95, "错误的是X", declared("odd"), (vetoes.UNREAD, *_LETTERS), multi=False),
    Rule(
        "odd-one",
        0.93,
        "all options judged, one unlike the others",
        verdicts.odd_one,
        (vetoes.UNREAD,),
        multi=False,
    ),
    Rule("judged", 0.95, "X is correct", declared("judged", agree=True), (*_SUGGESTED, vetoes.UNTOLD)),
    Rule(
        "sole-mark",
        0.95,
        "only one letter is marked as one: (X)",
        letters.sole_mark,
        (*_SUGGESTED, vetoes.UNSURE, vetoes.REVISED, vetoes.BEGUN),
        multi=False,
    ),
    # The option's own words instead of its letter.
    Rule(
        "called-text", 0.93, "<text> is the most likely", prose.called_text, (vetoes.UNREAD, vetoes.WRONG), multi=False
    ),
    Rule(
        "opening-text",
        0.94,
        "the one text in the first sentence",
        prose.opening_text,
        (*_IN_WORDS, vetoes.LATER),
        multi=False,
    ),
    Rule(
        "opening-words",
        0.92,
        "the words of one text, in order, in the first sentence",
        prose.opening_words,
        (*_IN_WORDS, vetoes.LATER),
        multi=False,
    ),
    Rule(
        "by-place",
        0.93,
        "the first two are correct, and no option is named",
        totals.by_place,
        (vetoes.UNREAD, vetoes.SEVERAL, vetoes.UNSURE),
    ),
    Rule("denied", 0.93, "... is not ..., where yes or no was asked", prose.denied, _IN_WORDS, multi=False),
    Rule(
        "closing-text",
        0.91,
        "the one text in the last sentence",
        prose.closing_text,
        (*_IN_WORDS, vetoes.HEADS),
        multi=False,
    ),
    Rule(
        "concluded-text",
        0.9,
        "the one text that a concluding sentence affirms",
        affirmed.concluded_text,
        (
            vetoes.UNREAD,
            vetoes.HEADS,
            vetoes.UNTOLD,
            vetoes.UNFINISHED,
            vetoes.NONE_AT_ALL,
            vetoes.DECLINED,
            vetoes.REVISED,
        ),
        multi=False,
    ),
    Rule(
        "affirmed",
        0.9,
        "what free prose affirms: in conclusion, or in all that it tells",
        affirmed.affirmed,
        (
            vetoes.CLASH,
            vetoes.UNREAD,
            vetoes.UNTOLD,
            vetoes.UNFINISHED,
            vetoes.MISCOUNTED,
            vetoes.NONE_AT_ALL,
            vetoes.DECLINED,
            vetoes.REVISED,
        ),
        multi=True,
    ),
    # Too unsure to be shipped; shown when a reading is explained.
    Rule("sole-text", 0.6, "the one text anywhere", prose.sole_text, _IN_WORDS, multi=False),
)
