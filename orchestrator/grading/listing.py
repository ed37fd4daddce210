"""Reading the labels, or the option text, that stand at one place: "B", "(B) text", "A, C and D", "ABD", "L4/L5".

Always holds: only offered labels are read; an article, a pronoun or a symbol of a formula is no label; a letter beside
another option's text is reported as a clash and not resolved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.grading import cues, lexicon
from orchestrator.grading.offered import Offered

MOST = 26
"""Labels read in one list."""

_SEPARATOR = re.compile(
    r"\s{0,2}(?:,\s?(?:and/or|and|or|&)?|;\s?(?:and)?|/|&|\+|、|\band/or\b|\band\b|\bor\b|\bas well as\b|\bplus\b|与|和|及|或者?|以及|;)"
    r"\s{0,2}(?:(?:also|both|the|either|possibly|maybe|perhaps)\s)?",
)
_NEXT_LINE = re.compile(r"\n\s{0,6}(?:[-+>]\s?|\d{1,2}[.)]\s)?(?=\S)")
_CLAUSE = re.compile(r"\s(?:is|was|has|does|did|would|can|cannot|states|says)\b")
_WORD = re.compile(r"\s+([A-Za-z][a-z']*)")
_FORMULA = re.compile(r"\s?(?:[=>≤≥≈∈|^_\\~]|<(?!/))|\s[+*/x-]\s|\s?[+*/]\s?\w|\(\w\)")
_AFTER_LABEL = frozenset(
    "is was are were as because since for due and or but which with in on based so that would should"
    " has seems appears from being according when where while although though by if to given represents".split()
)
_GLUE = re.compile(r"[\s\"']{0,3}[.):,;-]{0,2}[\s\"']{0,3}\(?[\s\"']{0,2}")
_CLOSING = re.compile(r"(?:[.,]?[\"']{1,2})?[)\]]?(?=[\s,;.)]|$)")
STOP = re.compile(r"\s{0,2}(?:[.)\],;:!\n\"⟧]|$)")
"""What may follow a declaration that ends there."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Labels as they stand at one place."""

    letters: tuple[str, ...]
    """Sorted; empty where a letter that was not offered is declared."""
    start: int
    end: int
    hedged: bool = False
    """Whether they are alternatives ("B or C")."""
    clash: tuple[str, ...] = ()
    """Labels of another option whose text stands beside the letter."""
    owned: bool = False
    """Whether the last letter's own option text follows it."""
    by_text: bool = False
    """Whether the option's text, not its letter, was given."""


def read_list(text: str, lower: str, at: int, offered: Offered, *, multi: bool, lines: bool = False) -> Listed | None:
    """Return the labels listed right at `at`, or None where something else stands there.

    With `multi`, labels may also be written together or with spaces; with `lines`, one below the other.
    """
    patterns = offered.patterns
    first = patterns.item.match(text, at)
    if first is None or not _stands(text, lower, first, offered, multi=multi):
        return _read_joined(text, at, offered) if multi else None
    letters = [patterns.by_spelling[first["label"]]]
    end, clash = own_text(lower, first.end(), letters[0], offered)
    hedged = False
    while len(letters) < MOST:
        gap = _SEPARATOR.match(lower, end) or (_NEXT_LINE.match(lower, end) if lines else None)
        item = patterns.item.match(text, gap.end() if gap else end) if gap or multi else None
        if item is None or (_FORMULA.match(text, item.end("label")) and not _chained(text, lower, item, offered)):
            break
        between = text[end : item.start("label")]
        if gap is None and (not between.isspace() or "\n" in between):
            break
        if gap and gap[0].strip() in {",", ";"} and _CLAUSE.match(lower, item.end()):
            break
        letters.append(patterns.by_spelling[item["label"]])
        hedged = hedged or (gap is not None and lexicon.MAYBE.search(gap[0]) is not None)
        end, other = own_text(lower, item.end(), letters[-1], offered)
        clash = clash or other
    owned = lower[end - 1 : end].isalnum() and not text[end - 1 : end] == letters[-1]
    return Listed(tuple(sorted(set(letters))), first.start("label"), end, hedged, clash, owned)


def _read_joined(text: str, at: int, offered: Offered) -> Listed | None:
    joined = offered.patterns.joined.match(text, at)
    if joined is None:
        return None
    spelled = tuple(joined["labels"])
    if len(set(spelled)) < len(spelled) or not all(one in offered.patterns.by_spelling for one in spelled):
        return None
    letters = tuple(sorted(offered.patterns.by_spelling[one] for one in spelled))
    return Listed(letters, joined.start("labels"), joined.end())


def _stands(text: str, lower: str, item: re.Match[str], offered: Offered, *, multi: bool) -> bool:
    """Return whether the label is one there, and no article, pronoun, initial or symbol."""
    end = item.end()
    label = item["label"]
    if item["close"].strip():
        return True
    if _FORMULA.match(text, item.end("label")) or (
        text[end : end + 1] in {".", ":"} and text[end + 1 : end + 2].isdigit()
    ):
        return False
    word = _WORD.match(text, end)
    if word is None or word[1] in _AFTER_LABEL or "\n" in word[0] or offered.text_at(lower, word.start(1)):
        return True
    return not (label in {"A", "I", "a", "i"} and word[1].islower()) and label != "I"


def _chained(text: str, lower: str, item: re.Match[str], offered: Offered) -> bool:
    """Return whether another label follows, so that a sign between them joins them and is no formula."""
    joined = _SEPARATOR.match(lower, item.end("label"))
    return joined is not None and offered.patterns.item.match(text, joined.end()) is not None


def own_text(lower: str, at: int, label: str, offered: Offered) -> tuple[int, tuple[str, ...]]:
    """Return where the label's own option text ends if it stands at `at`, and whose text stands there instead."""
    glue = _GLUE.match(lower, at)
    begin = glue.end() if glue else at
    found = offered.text_at(lower, begin)
    if found is None or begin == at:
        return at, ()
    end, owners = found
    if label in owners:
        closing = _CLOSING.match(lower, end)
        return closing.end() if closing else end, ()
    other = lower[begin:end]
    if offered.texts[label].startswith(other) or len(other) < 2 or not STOP.match(lower, end):
        return at, ()
    return at, owners


def read_text(lower: str, at: int, offered: Offered, *, multi: bool, lines: bool = False) -> Listed | None:
    """Return the option text, or with `multi` the list of option texts, that stands at `at` and ends the clause."""
    begin = at
    while lower[begin : begin + 1] in {" ", '"', "'", "(", "[", "\n", "⟦"} and begin < at + 6:
        begin += 1
    letters: set[str] = set()
    hedged = False
    end = start = begin
    while found := offered.text_at(lower, begin):
        end, owners = found
        if len(owners) > 1:
            return None
        letters.update(owners)
        gap = (_SEPARATOR.match(lower, end) or (_NEXT_LINE.match(lower, end) if lines else None)) if multi else None
        if gap is None or offered.text_at(lower, gap.end()) is None:
            break
        hedged = hedged or lexicon.MAYBE.search(gap[0]) is not None
        begin = gap.end()
    if not letters or not STOP.match(lower, end):
        return None
    return Listed(tuple(sorted(letters)), start, end, hedged, by_text=True)


def read_unoffered(text: str, lower: str, at: int, offered: Offered) -> Listed | None:
    """Return an empty list where a letter is declared that was not offered."""
    found = cues.UNOFFERED.match(lower, at)
    if found is None:
        return None
    letter = text[found.start("label")]
    if not letter.isupper() or letter in offered.patterns.by_spelling:
        return None
    return Listed((), found.start("label"), found.end())
