"""Where an output says which letters it chooses: every declaration, in order, with what speaks against it.

Always holds: a claim names offered labels only (or none, where a letter not offered is declared); each was read right
after a cue, or right before a word that calls it correct; the work is one search for cues, one for labels, and a
bounded look around each of the first and last `page.MOST`.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from orchestrator.grading import cues, lexicon
from orchestrator.grading.blocks import read_block
from orchestrator.grading.label import own_text
from orchestrator.grading.listing import read_list, read_small, read_text, read_unoffered
from orchestrator.grading.page import STOP, Listed, Page, ends
from orchestrator.grading.patterns import words
from orchestrator.grading.sentences import is_question, sentence_before, sentence_end

_LISTED_OPTIONS = re.compile(r"(?:options|choices|statements)\b(?!\()")
_OFFERED = re.compile(
    f"(?:{words('possible|given|available|other|wrong|incorrect|remaining|preliminary|tentative|initial')}) \\Z"
)
_DENYING = words(
    "could|might|considered|considering|inclined to|tempted to|refuse to|hesitate to|reluctant to|avoid",
    "not|never|cannot|than",
)
_DENIED_VERB = re.compile(rf"(?:{_DENYING}|n't)(?: (?:really|simply|just|be able to|want to|have to))? \Z")
_REJECTED = re.compile(
    words(r"reject(?:ed)?|exclude[ds]?|rule[ds]? out|discard(?:ed)?|leave out|left out|cross(?:ed)? out|eliminate[ds]?")
)
"""Words between "option" and "is" that say it is none."""
_DECIDING = re.compile(r"(?:going with|opting for|sticking with|staying with|leaning toward|settling on)")
_NAMED_AFTER = re.compile(r"\s?[,:-]\s?[\"'(]{0,2}")
_UNFIT = re.compile(r"(?:not|n't) (?:belong|apply|fit|qualify)\b")
_TENTATIVE = re.compile(r"\b(?:could|might|may|neither|nor) \Z")
_FALSE = re.compile(r"\b(?:false|untrue|inaccurate|incorrect|wrong|normal) (?:\w{1,12} )?\Z")
_AND_SOME = re.compile(
    r"[\s)\]]{0,2}(?:,(?: and)?|;| and)"
    r"(?: (?!(?:while|whereas|but|not|no|nor|without|which|as|because|since|so|though|is|are|rather|instead)\b)"
    r"[a-z-]{1,16}){0,3} \Z"
)
"""Between the texts of a list: it goes on to another."""
_EITHER = re.compile(r"either\W{0,3}\Z")
_TO_CHOOSE = re.compile(r" to (?:select|choose|mark|pick|tick)")
_PLURAL = re.compile(r"\b(?:options|choices|answers)\s*$")
_NOT_ONLY = ("not only ", "not just ", "not merely ")
_LAST_NOT = ("not ", "not\n")
_PLACED = re.compile(r" (?:in|on|of|at) the ")
_STATES = ("is", "be", "label", "circle", "correspond")
Kind: TypeAlias = Literal["stated", "chosen", "concluded", "zh", "finding", "odd", "called", "judged", "named"]
"""After which cue, in which language, or (called, judged) before which word letters are declared."""
SURE: tuple[Kind, ...] = ("stated", "chosen", "called", "concluded", "zh", "finding")
"""Kinds of claim that declare an answer; the others only suggest one."""
_SUREST: frozenset[Kind] = frozenset({"stated", "chosen", "zh", "finding"})
_KINDS: dict[str, Kind] = {
    "noun": "stated",
    "verb": "chosen",
    "so": "concluded",
    "left": "concluded",
    "be": "named",
    "finding": "finding",
    "heading": "finding",
    "zh": "zh",
    "odd": "odd",
}
_NOTHING = re.compile(r"\b(?:nothing|none|neither|nobody)\b[^,;]{0,40}\Z")
_APPOSED = re.compile(r"levels?\s{1,2}")
_OF_OTHERS = re.compile(
    r"\.\s{1,3}(?:the (?:others?|remaining|rest)|more than one|several|one or more|at least one|any of|some|multiple)\b"
)
_BULLETS = " \"'+>-"


LONGEST_MARK = 10
"""Characters of a letter in brackets, or of one with "option" before it."""


class Claim(NamedTuple):
    """Labels declared at a place."""

    kind: Kind
    listed: Listed
    start: int
    end: int
    conditional: bool = False
    """Whether it holds only under a condition."""

    @property
    def letters(self) -> tuple[str, ...]:
        """The labels declared."""
        return self.listed.letters


def scan(page: Page) -> tuple[Claim, ...]:
    """Return every claim of the text, in order of where it begins, those that are denied left out."""
    cued = _cued(page)
    claims = [*cued, *_called(page, cued)]
    return tuple(sorted(claims, key=lambda claim: (claim.start, claim.end)) if len(claims) > 1 else claims)


# --- letters after a cue ---------------------------------------------------------------------------------------------


def _cued(page: Page) -> list[Claim]:
    claims: list[Claim] = []
    done = 0
    for at, anchor in ends(cues.anchors(page.lower)):
        cue = _cue(page.lower, at, anchor) if at >= done else None
        if cue is None:
            continue
        kind = _kind(page.lower, cue, anchor)
        listed, denied = _declared_at(page, kind, cue)
        if listed is None or _open(page, cue, listed) or not _ends_there(page, kind, cue, listed):
            continue
        done = listed.end
        said = sentence_before(page.lower, cue.start()) + cue[0]
        unchosen = kind == "zh" and lexicon.UNCHOSEN.search(said, 0, len(said) - len(cue[0])) is not None
        if denied or unchosen or lexicon.WRONG.match(page.lower, done) or is_question(page.text, done):
            continue
        if not lexicon.FOREIGN.search(said) and not _unbelieved(said, len(said) - len(cue[0])):
            claims.append(Claim(kind, listed, cue.start(), done, lexicon.CONDITION.search(said) is not None))
    return claims


def _unbelieved(said: str, at: int) -> bool:
    """Return whether the clause before a place denies or doubts what follows, or gives it to others."""
    return lexicon.UNBELIEVED.search(said, said.rfind(",", 0, at) + 1, at) is not None


def _open(page: Page, cue: re.Match[str], listed: Listed) -> bool:
    """Return whether a cue leaves open what is chosen: "either C...", on a multi-answer item "the false one is C"."""
    wrong = page.multi and _FALSE.search(sentence_before(page.lower, cue.start())) is not None
    return wrong or (len(listed.letters) == 1 and "either" in cue[0] and _EITHER.search(cue[0]) is not None)


def _cue(lower: str, at: int, anchor: str) -> re.Match[str] | None:
    """Return the stretch from an anchor up to where letters should stand, if it reads as a declaration."""
    cue = cues.CUES[anchor].match(lower, at)
    fits = _FITS.get(anchor)
    return cue if cue and (fits is None or fits(lower, at, cue[0])) else None


def _noun_fits(lower: str, at: int, cue: str) -> bool:
    if _OFFERED.search(lower, max(0, at - 24), at) or _REJECTED.search(cue):
        return False
    if not _LISTED_OPTIONS.match(cue) or _TO_CHOOSE.search(cue):
        return True
    chosen = cues.ADJECTIVE.search(lower, max(0, at - 24), at) is not None
    return chosen and cues.OTHERS.search(sentence_before(lower, at)) is None


def _verb_fits(lower: str, at: int, cue: str) -> bool:
    denied = _DENIED_VERB.search(lower, max(0, at - 24), at) is not None
    own = cues.SUBJECT.search(lower, max(0, at - 60), at) or (
        _DECIDING.match(cue) and not sentence_before(lower, at).strip(_BULLETS)
    )
    return bool(own) and not denied


def _be_fits(lower: str, at: int, cue: str) -> bool:
    return _TENTATIVE.search(lower, max(0, at - 12), at) is None


def _heading_fits(lower: str, at: int, cue: str) -> bool:
    return not sentence_before(lower, at).strip(_BULLETS)


def _finding_fits(lower: str, at: int, cue: str) -> bool:
    before = sentence_before(lower, at)
    survey = lexicon.SURVEY.search(before) or lexicon.SURVEY.search(cue)
    if _UNFIT.search(before) or (cue.startswith("following") and lexicon.NEGATED.search(before)):
        return False
    return survey is None and cues.UNAFFECTED.search(lower, max(0, at - 24), at) is None


_FITS = {"noun": _noun_fits, "verb": _verb_fits, "be": _be_fits, "heading": _heading_fits, "finding": _finding_fits}
"""Kind of anchor -> whether what stands around a cue of this kind lets it declare something."""


def _kind(lower: str, cue: re.Match[str], anchor: str) -> Kind:
    """Return the kind of claim that a cue makes."""
    if anchor == "be" and lexicon.CONCLUDING.match(sentence_before(lower, cue.start())):
        return "concluded"
    return _KINDS[anchor]


def _declared_at(page: Page, kind: Kind, cue: re.Match[str]) -> tuple[Listed | None, bool]:
    """Return what is declared after a cue, and whether it is denied; of "not B but C" it is C that is declared."""
    if cue[0].endswith(_LAST_NOT) and kind in _SUREST:
        last = cue[0].rindex("not")
        own = read_text(page, cue.start() + last, multi=page.multi)
        if own is not None:
            return own, lexicon.NEGATED.search(cue[0], 0, last) is not None
    if cue[0].endswith(_NOT_ONLY):
        return None, False
    listed = _read(page, kind, cue.end())
    denied = kind != "odd" and lexicon.NEGATED.search(cue[0]) is not None
    instead = lexicon.INSTEAD.match(page.lower, listed.end) if listed and denied else None
    return (_read(page, kind, instead.end()), False) if instead else (listed, denied)


def _read(page: Page, kind: Kind, at: int) -> Listed | None:
    """Return the letters at `at`, and after the surest cues an option's text or a letter that was not offered."""
    sure = kind in _SUREST
    listed = read_block(page, at, described=True, texts=sure) if page.multi else read_list(page, at, multi=False)
    if listed is None and sure:
        listed = None if page.multi else read_text(page, at, multi=False)
        listed = listed or read_small(page, at) or read_unoffered(page, at)
    elif listed is None and kind == "concluded":
        listed = read_small(page, at)
    return listed


def _ends_there(page: Page, kind: Kind, cue: re.Match[str], listed: Listed) -> bool:
    """Return whether the letters are all that the cue declares, and not the beginning of something else."""
    if (kind == "finding" and _apposed(page, cue[0], listed)) or _list_goes_on(page, listed):
        return False
    if kind not in {"concluded", "named"}:
        return True
    if kind == "named" and page.multi and len(listed.letters) == 1 and _more_letters(page, listed.end):
        return False
    if kind == "named" and page.multi and lexicon.NEGATED.search(sentence_before(page.lower, cue.start())):
        return False
    if kind == "named" and _NOTHING.search(sentence_before(page.lower, cue.start())):
        return False
    cut = _PLURAL.search(cue[0]) is not None and (len(listed.letters) == 1 or not page.multi)
    placed = cue[0].startswith(_STATES) and _PLACED.match(page.lower, listed.end) is not None
    return (listed.owned or placed or STOP.match(page.text, listed.end) is not None) and not cut


def _apposed(page: Page, cue: str, listed: Listed) -> bool:
    """Return whether a noun only stands beside options: "the level L4/L5", "the levels (L4/L5)", at a line's end."""
    bracketed = listed.by_text and page.text[listed.start - 1] == "("
    below = "\n" in cue and ":" not in cue
    return bracketed or below or (page.multi and listed.by_text and _APPOSED.fullmatch(cue) is not None)


def _list_goes_on(page: Page, listed: Listed) -> bool:
    """Return whether a list of texts goes on to more, with words before them that are none of the option's."""
    if not page.multi or not listed.by_text:
        return False
    last = sentence_end(page.text, listed.end)
    texts = page.offered.texts_in(page.lower, listed.end, last)
    start, _, owners = next(texts, (last, last, ()))
    return not {*owners} <= {*listed.letters} and _AND_SOME.match(page.lower, listed.end, start) is not None


def _more_letters(page: Page, at: int) -> bool:
    """Return whether letters in brackets stand before, or the sentence goes on to such, or to letters with a text."""
    last = sentence_end(page.text, at)
    marked = page.offered.patterns.marked
    if marked.search(page.text, at, last) or marked.search(page.text, 0, max(0, at - LONGEST_MARK)):
        return True
    spelled = page.offered.patterns.by_spelling
    marks = [mark for mark in page.marks if at <= mark.start() < last and mark[0] in spelled]
    if any(page.lower.endswith(", and ", at, mark.start()) for mark in marks):
        return True
    return any(own_text(page, mark.end(), spelled[mark[0]])[0] > mark.end() for mark in marks)


def _more_marks(page: Page, at: int) -> bool:
    """Return whether the sentence goes on to other labels."""
    last = sentence_end(page.text, at)
    return any(at <= mark.start() < last for mark in page.marks)


# --- letters that are called right -----------------------------------------------------------------------------------


def _called(page: Page, cued: list[Claim]) -> list[Claim]:
    """Return the claims that name labels first and then call them right, other labels than a cue declares."""
    claims: list[Claim] = []
    text, lower = page.text, page.lower
    done = 0
    taken = [(claim.listed.start, claim.listed.end) for claim in cued]
    marks = [mark for mark in page.marks if not any(start <= mark.start() < end for start, end in taken)]
    if not marks or not any(map(lower.__contains__, lexicon.RIGHT_WORDS)):
        return claims
    for mark in marks:
        at = mark.start()
        begin = at - (text[at - 1 : at] in {"(", "["})
        listed = read_list(page, begin, multi=True) if at >= done else None
        if listed is None or _OF_OTHERS.match(lower, listed.end):
            continue
        done = listed.end
        end = done + (text[done : done + 1] in {")", ".", ":"})
        right = lexicon.RIGHT.match(lower, end)
        if right is None or right["neg"] or lexicon.WRONG.match(lower, end) or is_question(text, right.end() - 1):
            continue
        if page.multi and len(listed.letters) == 1 and _more_marks(page, right.end()):
            continue
        if page.multi and " - " in lower[end : right.end()]:
            continue
        before = sentence_before(lower, at)
        if any(
            one.search(before)
            for one in (
                lexicon.DENIED_THOUGHT,
                lexicon.LEFT_OUT,
                lexicon.LEFT_OPEN,
                lexicon.MIGHT,
                lexicon.UNBELIEVED,
            )
        ):
            continue
        if not page.offered.patterns.mark.search(text, end, right.end()) and not lexicon.FOREIGN.search(before):
            kind: Kind = "called" if lexicon.DEFINITE.search(right[0]) else "judged"
            listed = listed._replace(clash=listed.clash or _unlike(page, right.end(), listed.letters))
            claims.append(Claim(kind, listed, begin, right.end(), lexicon.CONDITION.search(before) is not None))
    return claims


def _unlike(page: Page, at: int, letters: tuple[str, ...]) -> tuple[str, ...]:
    """Return the owners of another option's text that is all that follows: "B is my choice: <text of D>."."""
    after = _NAMED_AFTER.match(page.lower, at)
    named = page.offered.text_at(page.lower, after.end()) if after else None
    if named is None or len(letters) > 1 or letters[0] in named[1] or not STOP.match(page.text, named[0]):
        return ()
    return named[1]
