"""Reading labels that stand one below the other: "C. L3/L4" above "D. L4/L5", bare, or each with what is said of it.

Always holds: a block that cannot be read to its end (a line that is cut, or that speaks against its own option) is not
read at all; a line that begins a sentence of its own ends the block before it.
"""

from __future__ import annotations

import re

from orchestrator.grading import lexicon
from orchestrator.grading.listing import MOST, read_list, read_text
from orchestrator.grading.page import BULLET, STOP, Listed, Page

LONGEST = 240
"""Characters of a line that may be said of an option."""

_EDGES = " .,;:)]}⟧\"'!。|-"
_LINE_START = re.compile(r"(?:\n|\A)\s{0,6}(?:[-+>|]\s?|\d{1,2}[.)]\s)?[\s\"'(\[⟦]{0,3}(?:option |choice )?\Z")
_BREAK = re.compile(r"\n\s{0,6}(?=\S)")
_SET_OFF = re.compile(r"\s{0,2}(?:[.):,;\]|⟧-]|\n|\Z)")
_SENTENCE = re.compile(r"\s(?:is|are|was|were|has|have|does|did|would|can|cannot|shows?|states|says)\b")


def read_block(page: Page, at: int, *, described: bool = False, texts: bool = False) -> Listed | None:
    """Return the labels at `at`, those of the lines below them included.

    With `described`, words may follow the labels on each line of a block that begins a line itself; with `texts`, an
    option's text may stand for its label.
    """
    first = _item(page, at, texts=texts)
    if first is None:
        return None
    rows = [first]
    told = False
    for _ in range(MOST):
        said = _rest(page.lower, rows[-1].end)
        row = _row(page, rows[-1].end + len(said), texts=texts)
        if said.strip(_EDGES):
            if len(rows) == 1 and (row is None or not (described and _begins_line(page, first))):
                return first if not first.by_text or STOP.match(page.lower, first.end) else None
            if not (described and _begins_line(page, first)) or lexicon.UNFIT.search(said) or len(said) > LONGEST:
                return None
            told = True
        if row is None or (said.strip() and not rows[-1].owned and not _begins_line(page, first)):
            break
        rows.append(row)
    return _joined(page, rows, told=told)


def _begins_line(page: Page, listed: Listed) -> bool:
    return _LINE_START.search(page.lower, max(0, listed.start - 24), listed.start) is not None


def _rest(lower: str, at: int) -> str:
    """Return what follows on the same line."""
    stop = lower.find("\n", at)
    return lower[at:] if stop < 0 else lower[at:stop]


def _item(page: Page, at: int, *, texts: bool) -> Listed | None:
    """Return the labels, or the option texts, at `at` or after the bullet that stands there."""
    bullet = BULLET.match(page.lower, at)
    for place in (at, bullet.end()) if bullet else (at,):
        listed = read_list(page, place, multi=True)
        listed = listed or (read_text(page, place, multi=True, ends=False) if texts else None)
        if listed is not None:
            return listed
    return None


def _row(page: Page, at: int, *, texts: bool) -> Listed | None:
    """Return the labels with which the next line begins, unless it is a sentence about them."""
    below = _BREAK.match(page.lower, at)
    row = _item(page, below.end(), texts=texts) if below else None
    if row is None or _SENTENCE.match(page.lower, row.end):
        return None
    return row if row.owned or _SET_OFF.match(page.lower, row.end) else None


def _joined(page: Page, rows: list[Listed], *, told: bool) -> Listed | None:
    """Return the rows as one list, or None where the last was cut or all that was offered is gone through."""
    last = rows[-1]
    letters = tuple(sorted({letter for row in rows for letter in row.letters}))
    if len(rows) == 1:
        return last
    if not all(row.letters for row in rows):
        return rows[0]._replace(letters=(), end=last.end)
    left = page.lower[last.end :].strip(_EDGES + "\n")
    if rows[0].owned and not last.owned and page.offered.texts[last.letters[-1]].startswith(left):
        return None
    if told and len(letters) == len(page.offered.labels):
        return None
    hedged = any(row.hedged for row in rows)
    clash = next((row.clash for row in rows if row.clash), ())
    return rows[0]._replace(letters=letters, end=last.end, hedged=hedged, clash=clash, owned=last.owned)
