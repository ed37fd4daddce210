"""Whether a label stands at a place, and whose option text stands beside it.

Always holds: an article, a pronoun or a symbol of a formula is no label; a letter beside another option's text is
reported as a clash and not resolved.
"""

from __future__ import annotations

import re

from orchestrator.grading.offered import whole
from orchestrator.grading.page import STOP, Page

SEPARATOR = re.compile(
    r"\s{0,2}(?:[.)]?,\s?(?:and/or|and|or|&|plus|as well as|along with|together with|followed by)?|;\s?(?:and)?|/|&"
    r"|\+|、"
    r"|(?:\.\s)?\b(?:and/or|and|or|as well as|plus|along with|together with|in addition to|followed by)\b"
    r"|与|和|及|或者?|以及)"
    r"\s{0,2}(?:(?:also|both|the|either|possibly|maybe|perhaps|levels?|at|with)\s){0,2}",
)
"""What joins a label, or an option's text, to the next of a list."""
CLOSING = re.compile(r"(?:[.,]?[\"']{1,2})?[)\]]?(?=[\s,;.)]|$)")
"""What may close a label or an option's text: quotes and a bracket."""

_NOUN = re.compile(r"\b(?:option|choice|letter|label)s?[\s:\"'(\[]{0,3}\Z")
_WORD = re.compile(r"\s+([A-Za-z][a-z']*)")
_FORMULA = re.compile(r"\s?(?:[=>≤≥≈∈|^_\\~]|<(?!/))| [+*/x-] (?!\w{4}|[a-z]{2,3}\b|a )| ?[+*/] ?\w|\(\w\)|[.:]\d")
_AFTER_LABEL = re.compile(
    r"(?:is|was|are|were|as|because|since|for|due|and|or|but|which|with|in|on|based|so|that|would|should|has|seems"
    r"|appears"
    r"|from|being|according|when|where|while|although|though|by|if|to|given|represents|stays|does|can|cannot|goes"
    r"|belongs|applies|fits|holds|alone)\Z"
)
_GLUE = re.compile(
    r"[\s\"']{0,3}(?:,? ?\b(?:i\.e\.,?|(?:for|namely|meaning|which (?:is|are|says|states|reads|represents"
    r"|corresponds to)"
    r"|(?:represent|indicat|denot)ing|corresponding to)\b)|[.):,;=|-]{0,2})[\s\"']{0,3}\(?[\s\"']{0,2}"
)
_LINE_END = re.compile(r"[.!\"')\s]{0,3}(?:\n|\Z)")
_SET_OFF = re.compile(r"[.):;=|-]")
_SAID = re.compile(r"[,;:-] ?[^()\n]{1,80}\)")


def stands(page: Page, item: re.Match[str], *, multi: bool) -> bool:
    """Return whether the label is one there, and no article, pronoun, initial or symbol."""
    text = page.offered.text_at(page.lower, item.start("label"))
    if text is not None and text[0] > item.end("label"):
        return False
    if item["close"].strip() or _NOUN.search(page.lower, max(0, item.start("label") - 12), item.start("label")):
        return True
    if multi and chained(page, item):
        return True
    if begins_formula(page, item):
        return False
    word = _WORD.match(page.text, item.end())
    article = multi and item["label"] == "A" and word is not None and word[1].islower()
    if (
        word is None
        or _AFTER_LABEL.match(word[1])
        or "\n" in word[0]
        or (page.offered.text_at(page.lower, word.start(1)) and not article)
    ):
        return True
    return not (item["label"] in {"A", "a", "i"} and word[1].islower()) and item["label"] != "I"


def begins_formula(page: Page, item: re.Match[str]) -> bool:
    """Return whether the label goes on as a symbol of a formula, and not as "C = text" with its own option's text."""
    if not _FORMULA.match(page.text, item.end("label")):
        return False
    return own_text(page, item.end(), page.offered.patterns.by_spelling[item["label"]])[0] == item.end()


def chained(page: Page, item: re.Match[str]) -> bool:
    """Return whether another label follows, so that a sign between them joins them and is no formula."""
    gap = SEPARATOR.match(page.lower, item.end("label"))
    return gap is not None and page.offered.patterns.item.match(page.text, gap.end()) is not None


def own_text(page: Page, at: int, label: str) -> tuple[int, tuple[str, ...]]:
    """Return where the label's own option text ends if it stands at `at`, and whose text stands there instead."""
    lower = page.lower
    glue = _GLUE.match(lower, at)
    begin = glue.end() if glue else at
    found = page.offered.text_at(lower, begin)
    if begin == at:
        return at, ()
    if found is None:
        return at, _of_all(page, begin, label)
    end, owners = found
    opened = "(" in lower[at:begin]
    letters = not _SET_OFF.search(lower, at, begin) and page.offered.patterns.several.fullmatch(page.text, begin, end)
    if letters or (label in owners and opened and _more_texts(page, end)):
        return at, ()
    if label in owners:
        closing = CLOSING.match(lower, end)
        said = _SAID.match(lower, end) if opened and not (closing and ")" in closing[0]) else None
        closing = said or closing
        return closing.end() if closing else end, ()
    other = lower[begin:end]
    if page.offered.texts[label].startswith(other) or len(other) < 2 or not _clashes(page, begin, end):
        return at, ()
    return at, owners


def _more_texts(page: Page, at: int) -> bool:
    """Return whether a text in brackets is the first of several: "C, D (L3/L4 and L4/L5)"."""
    gap = SEPARATOR.match(page.lower, at) if page.multi else None
    return gap is not None and page.offered.text_at(page.lower, gap.end()) is not None


def _clashes(page: Page, begin: int, end: int) -> bool:
    """Return whether another option's text ends at `end` as one of a list does, or as a sentence does."""
    if page.lower[begin - 1] == "\n":
        return _LINE_END.match(page.lower, end) is not None
    listed = page.multi and page.lower[begin - 1] != "(" and SEPARATOR.match(page.lower, end) is not None
    return listed or STOP.match(page.lower, end) is not None


def _of_all(page: Page, at: int, label: str) -> tuple[str, ...]:
    """Return the other labels where one verdict stands for an option that combines two: "A. True" for "True, False"."""
    if not page.offered.verdicts:
        return ()
    combined = page.offered.texts[label].split(", ")
    given = [part for part in page.offered.verdicts if page.lower.startswith(part, at)]
    if len(combined) == 1 or not any(whole(page.lower, at, at + len(part)) for part in given):
        return ()
    return tuple(one for one in page.offered.labels if one != label)
