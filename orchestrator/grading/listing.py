"""Reading the labels, or the option texts, that stand at one place: "B", "(B) text", "A, C and D", "ABD", "L4/L5".

Always holds: only offered labels are read; an option's text beside the label of another is reported as a clash and not
resolved.
"""

from __future__ import annotations

import re

from orchestrator.grading import cues, lexicon
from orchestrator.grading.label import CLOSING, SEPARATOR, begins_formula, chained, own_text, stands
from orchestrator.grading.page import STOP, Listed, Page

MOST = 26
"""Labels read in one list."""

_NEXT_LINE = re.compile(r"\s?\n\s{0,6}(?:[-+>]\s?|\d{1,2}[.)]\s)?(?=\S)")
_GLOSS = re.compile(r"\s?\([^()\n]{1,80}\)")
_PLACE_NOUN = re.compile(r"(?: (?:intervertebral|vertebral|disc|disk|level|segment|space)s?){0,3}")
_CLAUSE = re.compile(r"\s(?:is|was|has|does|did|would|can|cannot|states|says)\b")
_VERB = re.compile(
    r" (?:is|are|was|were|appears?|looks?|remains?|shows?|have|has|had|lacks?|do|does|belongs?|always|never)\b"
)
_ARTICLE = re.compile(r"(?:an?|the) ")
_GOES_ON = re.compile(r" (?!and\b|or\b)[a-z]")
_THROUGH = re.compile(r" (?:(?:all the way )?(?:down |up )?(?:on )?to|through(?: to)?|thru|until) (?:and including )?")
_QUOTES = re.compile(r"[\"']{1,2}(?=[\s,;\]])")
_TO_LABEL = re.compile(
    r"[\"']{0,2}[\s,:-]{0,3}(?:(?:listed|given|labell?ed|marked) as )?(?:\((?=option|choice))?(?=[(\[]|option|choice)"
)
_SEVERAL = re.compile(r"\s?:\s?(?:options|choices)\b")
_SMALL = re.compile(
    r"[\s\"']{0,2}(?:option |choice |answer )?"
    r"(?:[(\[](?P<bracketed>[a-z])[)\]]|(?P<bare>[a-z])(?=[.,;]?[\"']?\s{0,4}(?:\n|\Z)))"
)
_SMALL_LIST = re.compile(r"[\s\"']{0,2}(?P<first>[a-z])(?:, ?[a-z]\b){0,8},? (?:and|&) [a-z](?=[.,;:]|\s?\n|\s?\Z)")
_LONE = re.compile(r"\b[a-z]\b")
_BRACKET = re.compile(r"\s?\(\s?")
_OPENING = re.compile(r"[\s\"'(\[⟦]{0,6}")


def read_list(page: Page, at: int, *, multi: bool) -> Listed | None:
    """Return the labels listed right at `at`, or None where something else stands there.

    With `multi`, labels may also be written together, with spaces, or as a range.
    """
    patterns = page.offered.patterns
    item = patterns.item.match(page.text, at)
    if multi and page.multi and (spanned := _read_range(page, at)):
        return _and_more(page, spanned)
    if item is None or not stands(page, item, multi=multi):
        return _read_joined(page, at) if multi else None
    listed: Listed | None = None
    clause: Listed | None = None
    gap: re.Match[str] | None = None
    for _ in range(MOST):
        label = patterns.by_spelling[item["label"]]
        end, clash = own_text(page, item.end(), label)
        if listed and not listed.owned and not listed.clash:
            clash = ()
        listed = _joined(listed, label, item, end, gap, clash)
        gap = SEPARATOR.match(page.lower, end) or _after_gloss(page, end)
        if gap is None and not multi:
            break
        if gap and (spanned := _read_range(page, gap.end())):
            return _and_more(page, spanned._replace(letters=(*listed.letters, *spanned.letters), start=listed.start))
        following = patterns.item.match(page.text, gap.end() if gap else end)
        if following is None or not _continues(page, end, gap, following):
            listed = _unless_more(page, listed, gap)
            break
        if gap and gap[0].lstrip().startswith(";"):
            clause = listed
        item = following
    return clause if clause and _VERB.match(page.lower, end) else _glossed(page, listed) if multi else listed


def _glossed(page: Page, listed: Listed | None) -> Listed | None:
    """Return a list of letters with the option texts in brackets after it, a clash where they are those of others."""
    if listed is None or listed.owned or listed.clash or len(listed.letters) < 2:
        return listed
    opening = _BRACKET.match(page.lower, listed.end)
    words = read_text(page, opening.end(), multi=True, ends=False) if opening else None
    if words is None or not page.lower.startswith(")", words.end):
        return listed
    if words.letters == listed.letters:
        return listed._replace(end=words.end + 1)
    return listed._replace(clash=tuple(sorted({*words.letters} - {*listed.letters})) or words.letters)


def _unless_more(page: Page, listed: Listed, gap: re.Match[str] | None) -> Listed:
    """Return a list, without its letters where it goes on with one that was not offered: "A and F"."""
    more = read_unoffered(page, gap.end()) if gap else None
    joined = gap is not None and (page.multi or lexicon.JOINS.search(gap[0]) is not None)
    return listed._replace(letters=(), end=more.end) if more and joined and page.text[more.start] != "I" else listed


def _after_gloss(page: Page, at: int) -> re.Match[str] | None:
    """Return what joins a label to the next after words in brackets: "C (on the left), D (on the right)"."""
    gloss = _GLOSS.match(page.lower, at) if page.multi else None
    if gloss is None or lexicon.VERDICT.match(gloss[0]) or lexicon.UNFIT.search(gloss[0]):
        return None
    return SEPARATOR.match(page.lower, gloss.end())


def _and_more(page: Page, listed: Listed) -> Listed:
    """Return a list that ends with a range of labels, with those that go on after it: "A-C and E"."""
    gap = SEPARATOR.match(page.lower, listed.end)
    more = read_list(page, gap.end(), multi=True) if gap else None
    letters = tuple(sorted({*listed.letters, *(more.letters if more else ())}))
    if gap is None or more is None:
        return listed._replace(letters=letters)
    hedged = listed.hedged or more.hedged or lexicon.MAYBE.search(gap[0]) is not None
    return more._replace(letters=letters, start=listed.start, hedged=hedged)


def _joined(
    listed: Listed | None, label: str, item: re.Match[str], end: int, gap: re.Match[str] | None, clash: tuple[str, ...]
) -> Listed:
    """Return the list with one more label."""
    if listed is None:
        return Listed((label,), item.start("label"), end, False, clash, end > item.end())
    letters = tuple(sorted({*listed.letters, label}))
    hedged = listed.hedged or (gap is not None and lexicon.MAYBE.search(gap[0]) is not None)
    return Listed(letters, listed.start, end, hedged, listed.clash or clash, owned=end > item.end())


def _continues(page: Page, end: int, gap: re.Match[str] | None, item: re.Match[str]) -> bool:
    """Return whether the label after a gap belongs to the list, and does not begin a formula or a new clause."""
    if begins_formula(page, item) and not chained(page, item):
        return False
    between = page.text[end : item.start("label")]
    if page.text[end - 1] == "]" and "[" not in between:
        return False
    if gap is None:
        # "[B] [C - text]" goes on, "[B] (C is normal)" does not.
        bracketed = page.text[end - 1] in ")]}" and between.strip() in {"(", "[", "{"}
        bracketed = bracketed and ("[" in between or bool(item["close"].strip()))
        return (between.isspace() or bracketed) and "\n" not in between
    return not (gap[0].strip() in {",", ";"} and _CLAUSE.match(page.lower, item.end()))


def _read_range(page: Page, at: int) -> Listed | None:
    """Return the labels from one to another, as in "A through D", on an item with several answers."""
    span = page.offered.patterns.span.match(page.text, at) if page.multi else None
    if span is None:
        return None
    first, last = (page.offered.labels.index(page.offered.patterns.by_spelling[span[one]]) for one in ("from", "to"))
    letters = tuple(sorted(page.offered.labels[first : last + 1]))
    return Listed(letters, span.start("from"), span.end()) if len(letters) > 1 else None


def _read_joined(page: Page, at: int) -> Listed | None:
    """Return labels written together, as in ABD, each once."""
    patterns = page.offered.patterns
    joined = patterns.joined.match(page.text, at)
    if joined is None:
        return None
    spelled = tuple(joined["labels"])
    if len(set(spelled)) < len(spelled) or not all(one in patterns.by_spelling for one in spelled):
        return None
    letters = tuple(sorted(patterns.by_spelling[one] for one in spelled))
    return Listed(letters, joined.start("labels"), joined.end())


def read_text(page: Page, at: int, *, multi: bool, lines: bool = False, ends: bool = True) -> Listed | None:
    """Return the option text, or with `multi` the list of option texts, that stands at `at`.

    With `lines` they may stand one below the other; with `ends` the clause must end after them.
    """
    lower = page.lower
    begin = _text_start(page, at)
    owners: tuple[str, ...] = ()
    listed: Listed | None = None
    clause: Listed | None = None
    for _ in range(MOST):
        found = page.offered.text_at(lower, begin)
        if found is None and owners:
            found = page.offered.rest_at(lower, begin, owners[0])
        if found is None or len(found[1]) > 1:
            break
        owners = found[1]
        again = _again(page, found[0], (*(listed.letters if listed else ()), *owners)) if multi else None
        end, clash = (again, ()) if again else _labelled(page, found[0], owners)
        if multi and (down := _down_to(page, end, owners[0])):
            end, owners = down
        hedged = listed is not None and (listed.hedged or lexicon.MAYBE.search(lower, listed.end, begin) is not None)
        letters = tuple(sorted({*(listed.letters if listed else ()), *owners}))
        start, clash = (listed.start, listed.clash or clash) if listed else (begin, clash)
        listed = Listed(letters, start, end, hedged, clash, by_text=True)
        gap = SEPARATOR.match(lower, end) or _after_gloss(page, end) if multi else None
        gap = gap or (_NEXT_LINE.match(lower, end) if multi and lines else None)
        if gap is None:
            break
        if gap[0].lstrip().startswith(";"):
            clause = listed
        begin = _text_start(page, gap.end())
    if listed and clause and _GOES_ON.match(lower, listed.end):
        return clause
    return listed if listed and (not ends or STOP.match(lower, listed.end)) else None


def _again(page: Page, at: int, letters: tuple[str, ...]) -> int | None:
    """Return where letters end that say again what a list of texts before them says: "marathon, judo (B and C)"."""
    between = _TO_LABEL.match(page.lower, at) if len(letters) > 1 else None
    listed = read_list(page, between.end(), multi=True) if between else None
    if listed is None or listed.hedged or set(listed.letters) != set(letters):
        return None
    closing = CLOSING.match(page.lower, listed.end)
    return closing.end() if closing else listed.end


def _down_to(page: Page, at: int, label: str) -> tuple[int, tuple[str, ...]] | None:
    """Return where a range of levels ends, as in "L3/L4 down to L5/S1", and the labels from the first to the last."""
    through = _THROUGH.match(page.lower, at) if page.offered.levels else None
    last = page.offered.text_at(page.lower, through.end()) if through else None
    if last is None or not {label, last[1][0]} <= {*page.offered.levels}:
        return None
    first, to = sorted(map(page.offered.levels.index, (label, last[1][0])))
    return last[0], page.offered.levels[first : to + 1]


def _text_start(page: Page, at: int) -> int:
    """Return where an option's text would begin: after white space, quotes and brackets that are not its own."""
    opening = _OPENING.match(page.lower, at)
    begin = opening.end() if opening else at
    article = _ARTICLE.match(page.lower, begin)
    if article and not page.offered.text_at(page.lower, begin):
        begin = article.end()
    own = at + len(page.lower[at:begin]) - len(page.lower[at:begin].lstrip())
    return own if page.offered.text_at(page.lower, own) else begin


def _labelled(page: Page, end: int, owners: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Return where an option's text ends, its label after it included, and whose text it is if that is another's."""
    noun = _PLACE_NOUN.match(page.lower, end) if page.multi else None
    end = noun.end() if noun else end
    between = None if _SEVERAL.match(page.lower, end) else _TO_LABEL.match(page.lower, end)
    mark = page.offered.patterns.marked.match(page.text, between.end()) if between else None
    if between is None or mark is None:
        quotes = _QUOTES.match(page.lower, end) if page.multi else None
        return quotes.end() if quotes else end, ()
    label = page.offered.patterns.by_spelling[mark["a"] or mark["b"] or mark["c"]]
    closing = CLOSING.match(page.lower, mark.end())
    return closing.end() if closing else mark.end(), () if label in owners else owners


def read_small(page: Page, at: int) -> Listed | None:
    """Return a label written small, where it is declared in brackets, or stands alone up to a stop; or several.

    None where small labels were offered, or where a text without a stop breaks off after what may be an article.
    """
    spelled = page.offered.patterns.by_spelling
    if any(map(str.islower, spelled)):
        return None
    if page.multi and (several := _SMALL_LIST.match(page.text, at)):
        letters = {spelled.get(one.upper(), "") for one in _LONE.findall(several[0])}
        return None if "" in letters else Listed(tuple(sorted(letters)), several.start("first"), several.end())
    small = _SMALL.match(page.text, at)
    if small is None:
        return None
    broken_off = small["bare"] == "a" and small.end() == len(page.text) and ":" not in page.text[at - 2 : at]
    label = spelled.get((small["bracketed"] or small["bare"]).upper())
    return Listed((label,), small.end() - 1, small.end()) if label and not broken_off else None


def read_unoffered(page: Page, at: int) -> Listed | None:
    """Return an empty list where a letter is declared that was not offered."""
    found = cues.UNOFFERED.match(page.lower, at)
    if found is None:
        return None
    letter = page.text[found.start("label")]
    if not letter.isupper() or letter in page.offered.patterns.by_spelling:
        return None
    return Listed((), found.start("label"), found.end())
