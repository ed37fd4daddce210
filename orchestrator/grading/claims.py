"""Where an output says which letters it chooses: every declaration, in order, with what speaks against it.

Always holds: a claim names offered labels only (or none, where a letter not offered is declared); each was read right
after a cue, or right before a word that calls it correct; the work is one search for cues, one for labels, and a
bounded look around each of the first and last `MOST`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.grading import cues, lexicon
from orchestrator.grading.listing import STOP, Listed, read_list, read_text, read_unoffered
from orchestrator.grading.offered import Offered

LOOK = 160
"""Characters of the sentence examined before and after a claim."""
MOST = 100
"""Cues, and labels, examined at either end of one output."""

_SENTENCE_END = re.compile(r"[.!?\n。]")
_LISTED_OPTIONS = re.compile(r"(?:options|choices|statements)\b(?!\()")
_PLURAL = re.compile(r"\b(?:options|choices|answers)\s*$")
_PLACED = re.compile(r" (?:in|on|of|at) the ")
_TOUCHING = frozenset("_'\\^/=+-∠△°√#")


_Place = TypeVar("_Place")


@dataclass(frozen=True, slots=True)
class Claim:
    """Labels declared at a place."""

    kind: str
    """final, stated, chosen, concluded, zh (after such a cue), called (definitely right), judged (right), named."""
    listed: Listed
    start: int
    end: int
    conditional: bool = False
    """Whether it holds only under a condition or for somebody else."""

    @property
    def letters(self) -> tuple[str, ...]:
        """The labels declared."""
        return self.listed.letters


def scan(text: str, lower: str, offered: Offered, *, multi: bool) -> tuple[Claim, ...]:
    """Return every claim of the text, in order of where it begins, those that are denied left out."""
    found = [*_cued(text, lower, offered, multi=multi), *_called(text, lower, offered)]
    return tuple(sorted(found, key=lambda claim: (claim.start, claim.end)))


def _ends(places: list[_Place]) -> list[_Place]:
    """Return the first `MOST` and the last `MOST` places: an answer stands at an end."""
    return places if len(places) <= 2 * MOST else places[:MOST] + places[-MOST:]


def _before(lower: str, at: int) -> str:
    """Return the part of the sentence that stands before `at`, at most `LOOK` characters."""
    window = lower[max(0, at - LOOK) : at]
    cut = max(window.rfind(mark) for mark in ("\n", ". ", "? ", "! ", "。", "; "))
    return window[cut + 1 :]


def _question(text: str, at: int) -> bool:
    """Return whether the sentence that holds `at` ends with a question mark."""
    end = _SENTENCE_END.search(text, at, at + LOOK)
    return end is not None and end[0] == "?"


def _continuation(lower: str, at: int, kind: str) -> tuple[str, re.Match[str]] | None:
    """Return the kind of declaration that an anchor begins and the stretch up to where letters should stand."""
    cue = cues.CUES[kind].match(lower, at)
    if cue is None:
        return None
    if kind == "noun":
        if _LISTED_OPTIONS.match(cue[0]) and not cues.ADJECTIVE.search(lower, max(0, at - 24), at):
            return None
        final = ":" in cue[0] and lower.startswith("final ", max(0, at - 6))
        return ("final" if final else "stated"), cue
    if kind == "verb":
        return ("chosen", cue) if cues.SUBJECT.search(lower, max(0, at - 60), at) else None
    if kind == "finding" and cues.UNAFFECTED.search(lower, max(0, at - 24), at):
        return None
    return _KINDS.get(kind, kind), cue


_KINDS = {"so": "concluded", "be": "named"}


def _cued(text: str, lower: str, offered: Offered, *, multi: bool) -> list[Claim]:
    claims: list[Claim] = []
    done = 0
    for at, anchor in _ends(cues.anchors(lower)):
        continued = _continuation(lower, at, anchor) if at >= done else None
        if continued is None:
            continue
        kind, cue = continued
        listed = _declared_at(kind, text, lower, cue.end(), offered, multi=multi)
        if listed is None or not _firm(kind, cue, listed, text, lower, multi=multi):
            continue
        done = listed.end
        if (
            (kind != "odd" and lexicon.NEGATED.search(cue[0]))
            or lexicon.WRONG.match(lower, listed.end)
            or _question(text, listed.end)
        ):
            continue
        conditional = kind != "final" and lexicon.CONDITION.search(_before(lower, cue.start()) + cue[0]) is not None
        claims.append(Claim(kind, listed, cue.start(), listed.end, conditional))
    return claims


def _declared_at(kind: str, text: str, lower: str, at: int, offered: Offered, *, multi: bool) -> Listed | None:
    """Return what is declared at `at`: letters, and after the surest cues an option's text or a letter not offered."""
    listed = read_list(text, lower, at, offered, multi=multi, lines=multi)
    if listed is None and kind in {"stated", "final", "zh", "finding"}:
        listed = read_text(lower, at, offered, multi=multi) or read_unoffered(text, lower, at, offered)
    return listed


def _firm(kind: str, cue: re.Match[str], listed: Listed, text: str, lower: str, *, multi: bool) -> bool:
    """Return whether the letters are what the cue declares, and not the beginning of something else."""
    if kind not in {"concluded", "named"}:
        return True
    cut = _PLURAL.search(cue[0]) is not None and (len(listed.letters) == 1 or not multi)
    placed = kind == "named" and _PLACED.match(lower, listed.end) is not None
    return (listed.owned or placed or STOP.match(text, listed.end) is not None) and not cut


def free_marks(text: str, offered: Offered) -> list[re.Match[str]]:
    """Return the labels that stand free of any word, number or symbol, at either end of the text."""

    def free(mark: re.Match[str]) -> bool:
        before = text[mark.start() - 1 : mark.start()]
        return before not in _TOUCHING and not (before.isascii() and before.isalnum())

    return _ends([mark for mark in offered.patterns.mark.finditer(text) if free(mark)])


def _called(text: str, lower: str, offered: Offered) -> list[Claim]:
    """Return the claims that name labels first and then call them right."""
    claims: list[Claim] = []
    done = 0
    if not any(word in lower for word in lexicon.RIGHT_WORDS):
        return claims
    for mark in free_marks(text, offered):
        at = mark.start()
        if at < done:
            continue
        begin = at - (text[at - 1 : at] in {"(", "["})
        listed = read_list(text, lower, begin, offered, multi=True)
        if listed is None:
            continue
        done = listed.end
        end = listed.end + (text[listed.end : listed.end + 1] in {")", ".", ":"})
        right = lexicon.RIGHT.match(lower, end)
        if right is None or right["neg"] or lexicon.WRONG.match(lower, end) or _question(text, right.end() - 1):
            continue
        if offered.patterns.mark.search(text, end, right.end()):
            continue
        kind = "called" if lexicon.DEFINITE.search(right[0]) else "judged"
        claims.append(Claim(kind, listed, begin, right.end(), lexicon.CONDITION.search(_before(lower, at)) is not None))
    return claims
