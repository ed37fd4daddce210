"""What the clauses of free prose say of the options they name: that they are right, that they are not, or neither.

Always holds: what is said of an option is taken from its own clause; a sentence that asks or only announces says
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.grading import phrases
from orchestrator.grading.mentions import MOST, NEAR, named
from orchestrator.grading.normalise import CROSS
from orchestrator.grading.page import Listed
from orchestrator.grading.patterns import words
from orchestrator.grading.reading import Reading

_STOP = re.compile(r"[.!?。\n](?:(?<=[。\n])|(?<!\be\.g.)(?<!\bi\.e.)(?<!\n\d.)(?<!\n\d\d.)[\"')\]]{0,2}(?=\s|\Z))")
_COMMA = re.compile(r"(?s:.*),(?: (?!including|especially|namely)|\Z)")
_BOUNDARY = re.compile(
    r"[;()]|\s-\s|,? (?=(?:and |but |with )?(?:the |all |all the )?(?:others?|rest|remaining|nothing(?! to do))\b)"
    r"|, (?=(?:and"
    r"|but|while|so|which|where|with|because|since|as|though|although|without)\b)"
    r"|\b(?=(?:but|while|whereas|although|though|however|unlike|yet|rather than|instead of|because|since|except"
    r"|other than|apart from|excluding)\b)|(?=(?:,|\b(?:and|but)\b)?\s?\bnot (?:options? |at |in )?\Z)"
)
_ASIDE = re.compile(r",? (?:although|though|while|which|however|despite)\b[^,;.\n]{1,80},|, however,")
_SPLIT = re.compile(r",\s|\s(?=and\s)")
_ONLY = re.compile(
    r"\b(?<!not )(?:only|just|solely|exclusively)\b(?: (?:the|an?|at|in|of|by|with|for|to|options?|levels?|choices?"
    r"|answers?|findings?"
    r"|ones?|is|are|see|correct|right|affected|visible|abnormal\w*|that|i|can|would|select|choose|pick)){0,6}\W{0,3}\Z"
    r"|\bthe one \w+(?: \w+)? is\W{0,3}\Z"
)
_ALONE = re.compile(
    r"(?: \([^()\n]{1,80}\))?[\s)]{0,2}(?:only(?=\W{0,3}\Z)|alone|and nothing else|(?:is|are) the (?:only|sole))\b"
)
_LEFT_BEHIND = re.compile(
    r"\b(?:they|these|those) (?:are|were|do|have)(?: not|n't)\b|"
    r"(?:not|n't) [^.;]{0,12}?(?:includ|select|choos|count|pick|tick)[a-z]* (?:either of |both of |any of )?"
    r"(?:it|them|that|those|this|these)\b"
    r"|\bneither (?:is|was|of|has|does|did|belongs|counts)\b"
    r"|\b(?:leav(?:e|es|ing)|left) (?:it|them|that|those|this|these|both)\b[^.;]{0,20}"
    r"\b(?:out|off|blank|un(?:marked|ticked|selected|checked))\b"
    r"|\b(?:they|these|those|it|this|that|both|which)(?:'re|'s)? [^.;]{0,60}?(?:not|n't) [^.;]{0,20}?"
    r"(?:belong|count|apply|qualify|answer|select|choos|chosen|includ)"
)
"""What says of all options before it that they are not meant."""
_DISMISSED = re.compile(
    r"(?:\s-\s|->|→|[:;])\s?(?:not [a-z]+|no|excluded?|rejected|out|normal|negative|absent)\W*\Z"
    r"|(?:not|n't) (?:belong|fit|qualify|count)\b|\bleav(?:e|es|ing) [^.;]{0,20}\bout\b(?! (?:the )?(?:others?|rest"
    r"|remaining))"
)
"""What says so of those right before it."""
_CROSSED = re.compile(rf"{CROSS}\s*\Z")
_RELATIVE = re.compile(
    r"\b(?:without|with no|lacking|that (?:do|does|are|is|have|has)(?: not|n't| no))\b[^,;]{1,50}(?=\b(?:are|is"
    r"|include)\b)"
)
_CONDITION = re.compile(
    r"\b(?:if(?! the (?:question|aim|goal|point|task)| we| asked| i had to| i have to| you)|unless"
    r"|assuming(?! (?:\w+[ -]){0,4}(?:lumbar|vertebra[el]?|numbering|segmentation|anatomy|sacrum|segments?)\b)"
    r"|supposing)\b[^;.]*\Z"
)
_THAN = re.compile(r"(?:\bthan|\A\s?over)(?: (?:at|in|the|an?|level|option|those of)){0,2}\W{0,3}\Z")
_CAVEAT = re.compile(r"[^.;]{0,80}?\bbut (?:it|this|these|they) (?:does|do|is|are)(?:n't| not)\b")
_NEXT_TO = re.compile(r"\b(?:below|above|beneath|under)(?: the)?\W{0,3}\Z")
_BELOW = re.compile(
    r"[\s)]{0,2}(?:,? and (?:the|all) levels?|and) (?:immediately |directly |just )?(?:below|above|beneath)\b"
)
_OR_BEFORE = re.compile(r"(?:\bor\b|或)(?: (?:the|an?|at|in|options?|levels?)){0,2}\W{0,3}\Z")
_OR_AFTER = re.compile(r"[\s)]{0,2}(?:or\b|或)")
_PICKED = re.compile(r"\b(?:pick|choose|select|tick|mark|include|go with) (?:those|these|them|both|it|that one)\b")
_SO = re.compile(r", (?:so|therefore|hence|thus)\b")
_SO_IS = re.compile(r"\bso (?:is|are|does|do|has|have)\W*(?:the )?\Z")
_BAR = (
    r"(?:(?:except(?:ing)?(?: for)?|other than|apart from|aside from|save for|besides|with the exception of)"
    r"(?: [a-z]{1,12}){0,3}|but(?: (?:for|at|in|the)){0,2})"
)
_FEW = r"\W{0,3}\Z"
_FINE_BUT = re.compile(rf"\b(?:{phrases.FINE}|healthy|clear|no(?:thing|ne|body)?)\b[^.;:]{{0,60}} {_BAR}{_FEW}")
"""What stands before options of which alone something is found: "normal except for", "no level but"."""
_ALL_BUT = re.compile(rf"(?:\W*|[^.;]{{0,60}}\b(?:all|every|each)\b[^,.;:]{{0,40}} ){_BAR}{_FEW}")
"""What stands before those that are set apart from others: "apart from", "every disc but"."""
_BESIDES = re.compile(r"\W*(?:apart from|aside from|besides|in addition to|as well as)(?: (?:the|an?)){0,2}\W{0,3}")
"""What begins a sentence that goes on to more of the same."""
_MORE = re.compile(r"[^,;]{0,40}, (?:there(?:'s| is| are)|(?:i|we) (?:can )?(?:also )?(?:see|note|find|notice)|also)\b")
"""How it goes on."""
_LEFT_OUT = re.compile(r"\b(?:everything|anything|all)(?: [a-z]{1,12}){0,2} but\W{0,3}\Z")
"""What stands before options that are left out of all."""
_OTHERS_FINE = re.compile(
    rf"(?!,? which)[^.;]{{0,80}}?(?:,|\b(?:is|are|looks?|appears?|seems?)\b)[^.;]{{0,80}}?\b(?:{phrases.FINE}|healthy"
    r"|nothing|no (?:other|further|additional))\b"
)
"""What stands after them where nothing is found of the others."""
_FINE = re.compile(words(phrases.FINE))
_HEALTHY = re.compile(r"\b(?:healthy|normal|unremarkable|no (?:abnormal|finding|patholog))")
_BUT = re.compile(r", but (?!not\b)")
_NORMAL = re.compile(
    r",? which (?:is|are) (?:[a-z]+ )?(?:normal|within|physiolog|acceptable|unremarkable|expected|fine)"
)
"""What says of the options before it that nothing is found of them."""
_LABELLED = re.compile(r"[^:\n]{1,60}:\s")


@dataclass(frozen=True, slots=True)
class Clause:
    """What one clause says of the options it names."""

    letters: tuple[str, ...]
    right: bool | None
    """None where it leaves them open."""
    start: int
    end: int
    by_letter: bool
    only: bool
    """Whether it says that there are no others."""
    faint: bool = False
    """Whether only a low degree leaves them open, which a conclusion does not mind."""
    told: bool = False
    """Whether the options are what it says of something, and not what it says something of."""
    whole: bool = False
    """Whether their text is the whole sentence."""


def sentences(reading: Reading) -> list[tuple[int, int]]:
    """Return start and end of each sentence; the stop after a label before its text ends none."""
    found: list[tuple[int, int]] = []
    start = reading.start
    for stop in _STOP.finditer(reading.lower, reading.start, reading.end):
        label = reading.text[stop.start() - 1 : stop.start()]
        owner = reading.offered.patterns.by_spelling.get(label)
        text = reading.offered.text_at(reading.lower, stop.end() + 1) if owner else None
        if text and owner in text[1]:
            continue
        found.append((start, stop.end()))
        start = stop.end()
    return [*found, (start, reading.end)][-MOST:]


def clauses_of(reading: Reading, start: int, end: int, *, general: bool) -> list[Clause]:
    """Return what a sentence says of each list of options it names; without `general`, not what is so in general."""
    lower = reading.lower
    if phrases.GENERAL.match(lower, start, end):
        return []
    options, restated = _restated(lower, named(reading, start, end))
    asks = reading.lower[start:end].rstrip(" \n\"')").endswith("?")
    if not options or asks or reading.text[start:end].lstrip().startswith("|"):
        return []
    clauses: list[Clause] = []
    left = start
    levels = bool(reading.offered.levels)
    against = False
    heading = _LABELLED.match(lower, start, options[0].start)
    excluded = heading is not None and phrases.EXCLUDING.search(heading[0]) is not None
    excluded = excluded or _LEFT_BEHIND.search(lower, options[-1].end, end) is not None
    meant = _PICKED.search(lower, options[-1].end, end) is not None
    for listed, following in zip(options, [*(one.start for one in options[1:]), end], strict=True):
        cut = _cut(lower, listed.end, following, last=following == end)
        before = _from_boundary(lower[max(left, listed.start - NEAR) : listed.start], levels=levels)
        after = _of_these(reading, listed, lower[listed.end : cut])
        caveat = _CAVEAT.match(lower, listed.end, following) is not None
        unsure = (
            listed.hedged
            or caveat
            or bool(listed.clash)
            or (not clauses and _beside_unnamed(lower, start, listed))
            or _CONDITION.search(lower, left, listed.start) is not None
        )
        sure = listed in restated
        crossed = listed is options[-1] and _CROSSED.search(lower, listed.end, end) is not None
        dismissed = (
            crossed or excluded or (listed is options[-1] and _DISMISSED.search(lower, listed.end, end) is not None)
        )
        exempt = not unsure and _exempt(lower, start, listed)
        dismissed = dismissed or _NORMAL.match(lower, cut) is not None
        dismissed = dismissed or _LEFT_OUT.search(lower, left, listed.start) is not None
        beside = not unsure and _BESIDES.fullmatch(lower, start, listed.start) and _MORE.match(lower, listed.end)
        right = bool(exempt or beside) or (False if dismissed else _verdict(before, after, hedged=unsure, sure=sure))
        between = lower[left : listed.start]
        if clauses:
            against = against or bool(
                clauses[0].right
                and phrases.AGAINST.search(between)
                and not phrases.DEGREE.search(lower, start, listed.start)
            )
            verdict = _beside(clauses[-1], between, after, right=right, against=against)
            # What is set against holds on, until a clause is excluded in its own words.
            against, right = against and right is True and verdict is False, verdict
        silent = not (meant or sure) and _announces(before, general=general)
        if silent and listed is options[0] and not _BUT.search(lower, listed.end, following):
            return []
        again = any(one.right is False and {*listed.letters} <= {*one.letters} for one in clauses)
        faint = right is True and (phrases.FAINT.search(before) or phrases.FAINT.search(after)) is not None
        right = None if faint else right
        if right and clauses and _SO.search(between) and (not listed.by_text or len(listed.letters) > 1):
            clauses = [one for one in clauses if not one.right or {*one.letters} <= {*listed.letters}]
        if not again and (meant or sure or not (silent or _announces(after, general=general))):
            only = exempt or _ONLY.search(before) is not None or _ALONE.match(after) is not None
            around = lower[start : listed.start] + lower[listed.end : end]
            whole = listed.by_text and not around.strip(" .!\n")
            clauses.append(
                Clause(listed.letters, right, listed.start, listed.end, not listed.by_text, only, faint, whole=whole)
            )
        left = cut if cut < following else listed.end
    return clauses


def _exempt(lower: str, start: int, listed: Listed) -> bool:
    """Return whether a sentence sets options apart from all others, of which nothing is found."""
    if _FINE_BUT.search(lower, start, listed.start):
        return True
    fine = _OTHERS_FINE.match(lower, listed.end) if _ALL_BUT.fullmatch(lower, start, listed.start) else None
    return fine is not None and phrases.NOT.search(fine[0]) is None


def _of_these(reading: Reading, listed: Listed, after: str) -> str:
    """Return what is said of options after them; after a colon what is normal explains one that says the same."""
    healthy = listed.by_text and all(_HEALTHY.search(reading.offered.texts[label]) for label in listed.letters)
    return after.partition(":")[0] if healthy else after


def _beside_unnamed(lower: str, start: int, listed: Listed) -> bool:
    """Return whether a sentence names options only beside something that it names in other words."""
    return listed.by_text and phrases.ALONG_WITH.match(lower, start, listed.start) is not None


def _announces(said: str, *, general: bool) -> bool:
    return any(one.search(said) for one in (phrases.ANNOUNCING, *(() if general else (phrases.IN_GENERAL,))))


def _restated(lower: str, options: list[Listed]) -> tuple[list[Listed], list[Listed]]:
    """Return lists of options without letters that only say again what stands before in words, and those that did."""
    first: list[Listed] = []
    again: list[Listed] = []
    for listed in options:
        if first and _says_again(lower, first[-1], listed):
            first[-1] = first[-1]._replace(end=listed.end, hedged=listed.hedged, by_text=False)
            again.append(first[-1])
        else:
            first.append(listed)
    return first, again


def _says_again(lower: str, words: Listed, letters: Listed) -> bool:
    """Return whether letters name what words before them name, nothing between them excluding or doubting it."""
    if len(letters.letters) < 2 or letters.letters != words.letters or letters.by_text or not words.by_text:
        return False
    between = lower[words.end : letters.start]
    doubts = (phrases.EXCLUDED_AFTER, phrases.DOUBTING, phrases.FAINT)
    return not any(doubt.search(between) for doubt in doubts)


def _cut(lower: str, at: int, following: int, *, last: bool) -> int:
    """Return where the clause that goes on at `at` ends, before the next option or the end of the sentence."""
    at += lower.startswith((")", "]"), at)
    aside = _ASIDE.match(lower, at, following)
    bound = _BOUNDARY.search(lower[:following], aside.end() if aside else at)
    if bound is not None:
        return bound.start()
    splits = [] if last else [split.start() for split in _SPLIT.finditer(lower, at, following)]
    return splits[-1] if splits else following


def _from_boundary(before: str, *, levels: bool) -> str:
    """Return the end of a stretch from its last boundary on; what defines levels is kept: "the levels without ..."."""
    before = before.rstrip(" ([")
    before = before if levels else _RELATIVE.sub("", before)
    bounds = [bound.start() for bound in _BOUNDARY.finditer(before)]
    before = before[bounds[-1] :] if bounds else before
    comma = _COMMA.match(before)
    return before[comma.end() :] if comma else before


def _beside(earlier: Clause, between: str, after: str, *, right: bool | None, against: bool) -> bool | None:
    """Return the verdict on options beside the one before: "..., and so is D", "no C or D", "whereas D is ..."."""
    if _SO_IS.search(between) or (_OR_AFTER.match(between) and earlier.right is False):
        return earlier.right
    return False if right and against and not phrases.ALSO.search(after) else right


def _verdict(before: str, after: str, *, hedged: bool, sure: bool) -> bool | None:
    """Return whether a clause affirms the options between two stretches; None where it leaves it open.

    Where it is `sure` of them, having named them twice, no word of doubt counts.
    """
    before, after = phrases.LOST.sub("", before), phrases.LOST.sub("", after)
    before = _FINE.sub("", before) if phrases.SIGN_OF.search(before) else before
    if _THAN.search(before) or phrases.EXCLUDING.search(before) or phrases.EXCLUDED_AFTER.search(after):
        return False
    if sure and not hedged:
        return True
    doubted = (
        hedged or _NEXT_TO.search(before) or _BELOW.match(after) or _OR_BEFORE.search(before) or _OR_AFTER.match(after)
    )
    return None if doubted or phrases.DOUBTING.search(before) or phrases.DOUBTING.search(after) else True
