"""Whether a passage that somebody quotes from an output says what they say it does.

Always holds: a quote counts only where it stands in the part of the output that the rules read, and only if the whole
sentences it stands in bear it out and nothing after them takes them back; the time is linear in that part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.grading import lexicon, phrases
from orchestrator.grading.claims import SURE
from orchestrator.grading.clauses import Clause, clauses_of, sentences
from orchestrator.grading.mentions import named
from orchestrator.grading.normalise import Passage, plain
from orchestrator.grading.offered import whole
from orchestrator.grading.parse import SHIPPED, decide
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.vetoes import LATER, NONE, UNTOLD
from orchestrator.records import Abstained, Answer

LONGEST = 2_000
"""Characters of a quote that is looked for."""
FEWEST = 3
"""Words of a passage that names no option and answers all the same."""

_MARKUP = frozenset('()[]⟦⟧"`*_#>|-')
"""Signs that a copy of a passage may lack."""
_WORD = re.compile(r"[\u3040-\u9fff]|[^\W_\u3040-\u9fff]+")
_STOPS = (".", "!", "?", "。")
_CONDITION = (
    rf"{lexicon.CONDITION.pattern}|(?:\A|[,.;:]\s)(?:but |and |so )?(?:had|were|should) "
    r"(?:there|it|this|that|the|these|those|they)\b|\bhad (?:there|it) been\b|\b(?:would|could) have been\b"
    r"|\b(?:provided|providing) that\b|\b(?:as|so) long as\b|\bonly (?:when|where)\b|\botherwise\b"
)
_UNMEANT = re.compile(f"{_CONDITION}|{lexicon.DOUBT}|{lexicon.OTHERS_SAY}")
"""Words of a passage that sets a condition, denies or doubts what it goes on to say, or tells what others say."""
_RULES_OUT = re.compile(
    r"\b(?:rul(?:e|es|ed|ing) out|reject\w*|exclud\w*|eliminat\w*|dismiss\w*|discard\w*|cross\w* (?:off|out)|drop\w*)\b"
    r"|排除"
)
"""Words that exclude options, perhaps the one quoted."""
_UNSETTLED = re.compile(
    rf"{lexicon.MAYBE.pattern}|\b(?:might|may|could|unclear)\b|可能|{lexicon.FOREIGN.pattern}|{lexicon.SURVEY.pattern}|\?"
)
"""Words of a passage that leaves the answer open, where no letter declares one."""
_EVASIVE = re.compile(
    r"\b(?:first|second|third|fourth|fifth|last|former|latter|both|neither|either|none|nothing|everything|any of"
    r"|all of|know|knowing|idea|give up|gave up|abstain\w*|unanswered|torn|(?:it|this|that|question) open|sorry|thanks?"
    r"|thank you|quality|blurr\w*|too (?:poor|dark|bright|small|low|noisy)|determin\w*|decide|help|guess\w*"
    r"|answer(?:ed|ing)?|ordinary|unremarkable)\b"
    r"|\bno (?:s[eé]|puedo)\b|无法|不清|不能|不知|质量|谢谢"
)
"""Words of a passage that names no option, or of what follows it, that point elsewhere or say that nothing is known."""
_BY_WORDS = frozenset({"lead-text", "opening-text", "opening-words", "closing-text"})
"""Rules that trust an option's words because the output begins or ends with them; a passage need not be either."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a quote does not bear out what it is quoted for."""

    note: str


def borne_out(
    quote: str, letters: tuple[str, ...], passage: Passage, reading: Reading, question: str
) -> tuple[int, int] | Objection:
    """Return where in the output the quote stands, if its sentences choose exactly these letters, or why not."""
    span = find(quote, reading)
    if span is None:
        return Objection("the judge's quote does not stand as a passage in the part of the output that is its answer")
    around = widened(reading, *span)
    if around is None:
        return Objection("the judge's quote stands too far from the end of the output")
    part = reading.excerpt(*around)
    if _echoes(part, question):
        return Objection("the judge's quote repeats the question")
    note = _against(passage, part, letters) or _taken_back(reading, around, letters)
    return Objection(note) if note else passage.origin(*span)


# --- where the quote stands ------------------------------------------------------------------------------------------


def shown(reading: Reading) -> tuple[tuple[int, int], ...]:
    """Return start and end of the stretches of the text that are the model's own answer."""
    if 0 < reading.seam < reading.end:
        return (0, reading.seam), (reading.seam, reading.end)
    return ((0, reading.end),) if reading.end else ()


def find(quote: str, reading: Reading) -> tuple[int, int] | None:
    """Return where a quote last stands as whole words, markup, white space and case aside; None if nowhere.

    What stands before a middle that was left out is not searched: what took it back may have been left out.
    """
    wanted = _sought(quote) if len(quote) <= LONGEST else ""
    words = len(_WORD.findall(wanted))
    if not words or (words == 1 and not _names(wanted, reading)):
        return None
    first = reading.seam if reading.seam < reading.end else 0
    text, places = _folded(reading.lower, first, reading.end)
    last: tuple[int, int] | None = None
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        span = places[at], places[end - 1] + 1
        if whole(reading.lower, *span):
            last = span
        at = text.find(wanted, end)
    return last


def _names(word: str, reading: Reading) -> bool:
    """Return whether a word is an option's label or text."""
    return word in reading.offered.owners or word in {label.lower() for label in reading.offered.patterns.by_spelling}


def _sought(quote: str) -> str:
    lower = plain(quote).lower()
    text, _ = _folded(lower, 0, len(lower))
    return text.strip(" '").removesuffix("...").strip(" '")


def _folded(lower: str, start: int, end: int) -> tuple[str, list[int]]:
    """Return a stretch without markup, white space folded, and where in the whole each of its characters stands."""
    kept: list[str] = []
    places: list[int] = []
    for at in range(start, end):
        char = " " if lower[at].isspace() else lower[at]
        if char not in _MARKUP and not (char == " " and kept[-1:] == [" "]):
            kept.append(char)
            places.append(at)
    return "".join(kept), places


def widened(reading: Reading, start: int, end: int) -> tuple[int, int] | None:
    """Return the sentences that a stretch touches, lines that run into each other, and lists, as one.

    None where it stands before the sentences that are looked at.
    """
    text = reading.text
    listed = [head for head in reading.heads if head.listed]
    found = [(first, last) for first, last in sentences(reading) if text[first:last].strip()]
    touched = [number for number, (first, last) in enumerate(found) if first < end and start < last]
    if not touched or found[touched[0]][0] > start:
        return None
    first, last = touched[0], touched[-1]
    while first and _runs_on(text, *found[first - 1], found[first][0]):
        first -= 1
    while last + 1 < len(found) and _runs_on(text, *found[last], found[last + 1][0]):
        last += 1
    start, end = found[first][0], found[last][1]
    if any(start <= head.start < end for head in listed):
        after = text.find("\n", listed[-1].end, reading.end)
        start, end = min(start, listed[0].start), max(end, reading.end if after < 0 else after)
    return start, end


def _runs_on(text: str, start: int, end: int, following: int) -> bool:
    """Return whether a sentence goes on in the next: it ends with a colon, or on the line before without a stop."""
    said = text[start:end].rstrip()
    if said.endswith((":", ",", ";")):
        return True
    gap = text[start + len(said) : following] + text[following : following + 2]
    return not said.rstrip("\"')]").endswith(_STOPS) and "\n\n" not in gap


def _echoes(part: Reading, question: str) -> bool:
    """Return whether a passage of several words is words of the question."""
    words = _sought(part.text).rstrip(".:")
    return len(_WORD.findall(words)) >= FEWEST and words in _sought(question)


# --- what its sentences say ------------------------------------------------------------------------------------------


def _against(passage: Passage, part: Reading, letters: tuple[str, ...]) -> str:
    """Return what speaks against taking a part of a passage for a choice of these letters; empty where nothing does."""
    if part.text.rstrip(" \n\"')").endswith("?"):
        return "the judge's quote is a question"
    if _UNMEANT.search(part.lower):
        return "the judge's quote holds only under a condition, is denied or doubted, or is what others say"
    said = decide(passage, part, SHIPPED)
    if isinstance(said, Answer):
        if said.letters != letters:
            return f"the judge's quote speaks for {' '.join(said.letters)}"
        if said.rule in _BY_WORDS and _UNSETTLED.search(part.lower):
            return "the judge's quote leaves the answer open"
        ruled = _RULES_OUT.search(part.lower) is not None and not _affirms(_clauses(part), letters)
        return "the judge's quote rules options out" if ruled else ""
    return (
        f"the judge's quote is read as {said.reason}"
        if said.reason is not Abstained.NOTHING
        else _unread(part, letters)
    )


def _unread(part: Reading, letters: tuple[str, ...]) -> str:
    """Return what speaks against a part in which no rule finds an answer or a reason for giving none."""
    if not _names_none(part):
        affirmed = _affirms(_clauses(part), letters) and not lexicon.FOREIGN.search(part.lower)
        return "" if affirmed else "the judge's quote does not affirm exactly the options it is quoted for"
    return "" if _implies(part, letters) else "the judge's quote chooses none of the options"


def _names_none(part: Reading) -> bool:
    return not any(named(part, *sentence) for sentence in sentences(part))


def _clauses(part: Reading) -> list[Clause]:
    return [clause for sentence in sentences(part) for clause in clauses_of(part, *sentence, general=False)]


def _affirms(clauses: list[Clause], letters: tuple[str, ...]) -> bool:
    """Return whether clauses affirm exactly these letters, leave none open and exclude none of them."""
    right = {letter for one in clauses if one.right for letter in one.letters}
    wrong = {letter for one in clauses if one.right is False for letter in one.letters}
    return right == set(letters) and not right & wrong and all(one.right is not None for one in clauses)


def _implies(part: Reading, letters: tuple[str, ...]) -> bool:
    """Return whether a passage that names no option may answer a question that has one answer all the same."""
    if part.multi or len(_WORD.findall(part.lower)) < FEWEST or _UNSETTLED.search(part.lower):
        return False
    if _EVASIVE.search(part.lower) or (part.offered.yes_no is None and phrases.EXCLUDING.search(part.lower)):
        return False
    for spelling, owners in part.offered.owners.items():
        inside, stands = _occurs(part.lower, spelling)
        own = letters[0] in owners
        if stands and (not own or lexicon.NEGATED.search(part.lower)):
            return False
        if inside and own and not (spelling.isalpha() and len(spelling) < 4):
            return False
    return True


def _occurs(lower: str, spelling: str) -> tuple[bool, bool]:
    """Return whether a spelling stands inside a longer word, and whether it stands as a word of its own."""
    inside = stands = False
    at = lower.find(spelling)
    while at >= 0:
        end = at + len(spelling)
        free = whole(lower, at, end)
        inside, stands = inside or not free, stands or free
        at = lower.find(spelling, end)
    return inside, stands


# --- what comes after them -------------------------------------------------------------------------------------------


def _taken_back(reading: Reading, around: tuple[int, int], letters: tuple[str, ...]) -> str:
    """Return how what follows a passage takes it back; empty where nothing does."""
    end = around[1]
    for claim in reading.claims:
        other = claim.letters != letters if claim.kind in SURE else not set(claim.letters) <= set(letters)
        if claim.start >= end and other:
            return "the output goes on to declare other letters"
    if _EVASIVE.search(reading.lower, end, reading.end) and _names_none(reading.excerpt(*around)):
        return "the output goes on without settling what it implied"
    if lexicon.RETRACTED.search(reading.lower, end, reading.end):
        return "the output goes on to take it back"
    later = _clauses(reading.excerpt(end, reading.end))
    if any(one.right is False and set(one.letters) & set(letters) for one in later):
        return "the output goes on to exclude it"
    seen = Found(letters, *around)
    return next((note for veto in (NONE, UNTOLD, LATER) if (note := veto.says(reading, seen))), "")
