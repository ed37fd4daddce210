"""Which options a sentence of free prose names, by their letters or in their own words, and where.

Always holds: a letter that is an article, a symbol, or the name of something else names no option, nor does a number of
a calculation.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from orchestrator.grading.listing import read_list, read_text
from orchestrator.grading.page import STOP, Listed
from orchestrator.grading.reading import Reading

MOST = 120
"""Sentences of an output, and options named in one of them, that are looked at."""
NEAR = 160
"""Characters before an option in which its clause is looked for."""

_SET_APART = re.compile(r"(?:[:：\n>]\s?|\A)\Z")
_LAST_WORD = re.compile(r"([a-z]+) {1,2}\Z")
_BEFORE_LETTERS = re.compile(
    r"options?|choices?|answers?|letters?|statements?|and|or|plus|also|both|only|just|is|are|was|were|be|stays?"
    r"|remains?"
    r"|select(?:ed)?|choos(?:e|ing)|chosen|pick|tick|mark|check|include|includes|with|to|as|us|me|for|than|not|no"
    r"|nor|so|but"
    r"|neither|either|except|that|this|levels?|therefore|thus|hence|then|of|at|by|makes|rejected?|excluded?"
    r"|eliminate[ds]?"
    r"|drop|out|s|while|whereas|because|since|final|go|say|think|believe|see|definitely|certainly|clearly|probably"
    r"|supports?|favou?rs?|confirms?|matches|fits|means"
)
_NAMED_BY_LETTER = re.compile(
    r"between|angles?|points?|lines?|segments?|triangles?|events?|sets?|vert(?:ex|ices)|sides?|lengths?|variables?"
    r"|matri\w+"
    r"|players?|teams?|groups?|boxes|circles?|functions?|vectors?|nodes?|towns?|cit(?:y|ies)|figures?"
)
"""What letters name that are no options."""
_OPERATOR = re.compile(r"[=+*/^√≈<>∠×÷≡|]")
_ARTICLE = re.compile(
    r"A (?!(?:is|are|was|and|or|because|as|since|only|both|for|in|at|on|with|seems|appears|holds|fits|applies|stays"
    r"|alone|does|has|can|would|should|will|goes|belongs|isn|doesn|won)\b)(?:[a-z]{2}|\d)"
)


def named(reading: Reading, start: int, end: int) -> list[Listed]:
    """Return the lists of letters or texts in a sentence, in order, none inside another."""
    found: list[Listed] = []
    done = start
    first = bisect_left(reading.named, (start, False))
    for at, by_letter in reading.named[first : bisect_left(reading.named, (end, False))][:MOST]:
        if at < done:
            continue
        listed = letters_at(reading, at) if by_letter else _texts(reading, at)
        if listed is not None:
            done = listed.end
            found += [listed] if listed.letters else []
    return found


def letters_at(reading: Reading, at: int) -> Listed | None:
    """Return the letters listed at `at`, none of them where one is an article, or names or stands for something."""
    begin = at - (reading.text[at - 1 : at] in {"(", "["})
    listed = read_list(reading, begin, multi=True)
    if listed is None or listed.owned:
        return listed
    joined = len(listed.letters) == listed.end - listed.start > 1
    nothing = listed._replace(letters=())
    if _ARTICLE.match(reading.text, at) or (joined and not _set_apart(reading, at, listed.end)):
        return nothing
    before = _LAST_WORD.search(reading.lower, max(0, begin - NEAR), begin)
    word = before[1] if before else ""
    if len(listed.letters) > 1:
        return nothing if _NAMED_BY_LETTER.fullmatch(word) else listed
    if begin < at and reading.text[begin - 1 : begin] in {"", " ", "\n"}:
        return listed
    symbol = _OPERATOR.search(reading.text, max(0, begin - 2), begin) is not None
    return nothing if symbol or (word and not _BEFORE_LETTERS.fullmatch(word)) else listed


def _set_apart(reading: Reading, start: int, end: int) -> bool:
    """Return whether letters written together stand alone after a colon or on their line."""
    before = _SET_APART.search(reading.text, max(0, start - 3), start)
    return before is not None and STOP.match(reading.text, end) is not None


def _texts(reading: Reading, at: int) -> Listed | None:
    """Return the option texts listed at `at`, unless a number there is one of a calculation."""
    listed = read_text(reading, at, multi=True, ends=False)
    if listed is None or not reading.lower[at].isdigit():
        return listed
    around = reading.lower[max(0, at - 2) : at] + reading.lower[listed.end : listed.end + 2]
    return None if _OPERATOR.search(around) else listed
