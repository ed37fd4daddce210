"""How the rules find an answer in an option's words, where no letter declares one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from orchestrator.grading import abstaining, lexicon
from orchestrator.grading.listing import read_text
from orchestrator.grading.page import MOST
from orchestrator.grading.patterns import words
from orchestrator.grading.reading import Found, Reading, found
from orchestrator.grading.sentences import is_question, sentence_before

_CLAUSE_END = re.compile(r"\s{0,2}(?:[,.;:!\n]|$)")
_JOINED = re.compile(r"\s{0,2}(?:,|\n|/)?\s{0,2}(?:or|and)?\s{1,2}")
_CLAUSE = re.compile(r"(?:if|when|since|because|given|as|while|although|assuming|in|from|based)\b[^,.\n]{1,300},\s")
_SUBORDINATE = re.compile(
    r",? (?:as|because|since|which|where|while|whereas|rather than|compared (?:to|with)|instead of)\b"
)
_OPPOSED = re.compile(r",? as opposed to\b")
_WORD = re.compile(r"[a-z0-9]+")
_ENDING = re.compile(r"(?:ing|ed|es|s|e)\Z")
_DOUBLED = re.compile(r"([b-df-hj-np-tv-z])\1\Z")
_TELLING = re.compile(r"(?!true|false|yes|none|same\Z)[a-z]{3,}\Z")
_EMPTY = re.compile(
    r"(?:an?|the|is|are|was|were|be|been|its?|of|to|in|on|at|by|for|and|or|as|that|this|with|from|would|will|their"
    r"|his|also|still|likely|probably"
    r"|her)\Z"
)
_LEAD = re.compile(r"\s{0,4}(?:[-+>]\s|\d{1,2}[.)]\s)?(?:(?:only|just|both)\s)?")
_ANNOUNCED = re.compile(
    r":(?:(?<=is:)|(?<=are:)|(?<=be:)|(?<=was:)|(?<=answer:)|(?<=option:)|(?<=choice:)|(?<=select:)|(?<=choose:))"
    r"\s{0,3}\n\s{0,4}"
)
_ARROW = re.compile(r"\s{0,4}(?:[-=]+>|[→⇒⟹∴])\s{0,2}")
_MUSED = re.compile(
    r"(?:,? right)?\?|, (?:maybe|perhaps|possibly)\b|\s(?:means|refers?|would|could|might|can|vs\b|versus"
    r"|individuals|[-:] (?:no|not|absent|unlikely|excluded)\b|(?:is|are) (?:defined"
    r"|one (?:of|possibility)|a possibility|unlikely|less)|(?:seems?|appears?|looks?) (?:less\b|un\w+)"
    r"|(?:do|does|did)(?:n't| not)\b|(?:is|are) the least\b|(?:is|are|was|were) my first\b|(?:un|less )likely\b)"
)
"""What stands after an option's text that is asked about, explained or weighed, and not chosen."""
_EDGES = " .,;!\"')]"
_COURTESY = re.compile(r"(?:sure|certainly|of course|absolutely|okay|great|thank)\b[^.!:\n]{0,80}[.!]\s{1,3}(?=\S)")
_NEXT_LINE = re.compile(r"[^\n]{0,6}\n\s{0,4}(?:[-+>]\s|\d{1,2}[.)]\s)?[\"'(]{0,2}")
SHORT = 400
"""Characters of an output whose first sentence is its answer and no premise."""

_PAUSE = re.compile(r"[,:;] ")
_RESULT = re.compile(
    r"(?:\b(?:is|are|was|were|equals?|gives?|giving|yields?|called|named|makes?|measures|remains|becomes)|[=≈→]|->)"
    r"(?: (?:the|an?|called|about|approximately|therefore|thus|then)){0,2} ?\Z"
)
"""What stands before an option's text with which a sentence ends, as with its result."""
_STOPS = (".", "!", "。", ")", '"')
_DISBELIEF = re.compile(
    words(
        r"asked whether|unlikely|hardly|lacks?(?! of)|lacking|nothing|nobody|none of|anything but|far from",
        r"fail(?:s|ed)? to|mimics?|argues? against|speaks? against|evidence against|points? against",
        r"less likely|least likely",
    )
)
"""Words with which a sentence takes something for not the case."""
_DISBELIEVED = re.compile(rf"(?:{_DISBELIEF.pattern}|\bwhether\b)[^,.;:]{{0,30}}\Z")
"""Before an option's text in its sentence: it is taken for not the case."""
_GOES_ON = re.compile(
    r", (?:so|therefore|hence|thus) (?!i\b|it is the\b)"
    r"|(?<!i )\b(?:would|could|might) (?:show|be(?! (?:my|the|most|best)\b)|have|look|appear|present|cause|involve)\b"
)
"""After an option's text in the last sentence: it is compared with, or a premise, and not the conclusion."""
_MOST_LIKE = re.compile(
    r"(?:\b(?:most|best) (?:consistent|compatible|in keeping|in line) with|\bmost suggestive of|\b(?:all|these|this)"
    r"(?: of this| findings| features)? points? to|\b(?:diagnostic|pathognomonic) (?:of|for)"
    r"|\bthese (?:[a-z]+ ){0,2}are (?:characteristic|typical|classic) (?:of|for)"
    r"|\b(?:essential|main|primary|principal|key|dominant|predominant|most (?:prominent|important|striking"
    r"|significant))"
    r" (?:abnormality|finding|problem|diagnosis|pathology) is|\bgoes by the name(?: of)?)"
    r"(?: likely| probably| clearly)?(?: an?| the)?\W{0,3}\Z"
)
"""What stands before an option's text that is what was found."""
_BESIDE = re.compile(
    r"(?:(?:(?:lateral|medial|posterior|anterior|superior|inferior|adjacent|next|close|relative|similar) to"
    r"|above|below|beneath|behind|beside|near|in front of|underneath|between|unlike))"
    r"(?: the| an?)?\W{0,2}\Z"
)
"""What stands before an option's text by which something else is placed or compared."""
_NOT_SO = re.compile(r"\s?(?:[:?]|\s-)\s(?:no|not|none|absent|negative|excluded|ruled out|unlikely)\b")
"""A verdict against an option that stands right after its text."""
_DOUBTS = (
    lexicon.NEGATED,
    abstaining.UNKNOWN,
    abstaining.REFUSAL,
    lexicon.OR,
    abstaining.NONE,
    lexicon.LACKING,
    _DISBELIEVED,
    _BESIDE,
)


def lead_text(reading: Reading) -> Found | None:
    """Find an option's text with which the output begins."""
    lower, offered = reading.lower, reading.offered
    start = reading.start
    if courtesy := _COURTESY.match(lower, start, reading.end):
        start = courtesy.end()
    at = offered.text_at(lower, start)
    if at is None and lower.startswith("the ", start):
        at = offered.text_at(lower, start + 4)
    if at is None or len(at[1]) > 1:
        return None
    end, owners = at
    words = lower[start:end]
    if _MUSED.match(lower, end):
        return None
    if (words == "no" or len(words) < 2) and not (end >= reading.end or _CLAUSE_END.match(lower, end)):
        return None
    joined = _JOINED.match(lower, end)
    other = offered.text_at(lower, joined.end()) if joined else None
    letters = tuple(sorted({*owners, *(other[1] if other else ())}))
    return Found(letters, start, end, hedged=len(letters) > 1)


def text_line(reading: Reading) -> Found | None:
    """Find the line that is nothing but an option's text, after a line that ends with a colon, or after an arrow."""
    if pointed := _pointed(reading):
        return pointed
    lines: list[Found] = []
    for line in _ANNOUNCED.finditer(reading.lower, reading.start, reading.end):
        listed = read_text(reading, line.end(), multi=False)
        if listed and reading.lower[listed.end : _line_end(reading, listed.end)].strip(_EDGES) == "":
            lines.append(Found(listed.letters, listed.start, listed.end))
    if len(lines) != 1 or _listed_on(reading, lines[0].end):
        return None
    return lines[0]


def _pointed(reading: Reading) -> Found | None:
    """Find an option's text that alone makes up the last line, after an arrow."""
    arrow = _ARROW.match(reading.lower, reading.lower.rfind("\n", 0, reading.end) + 1)
    listed = read_text(reading, arrow.end(), multi=False) if arrow else None
    if listed is None or reading.lower[listed.end : reading.end].strip(_EDGES):
        return None
    return Found(listed.letters, listed.start, listed.end)


def _listed_on(reading: Reading, at: int) -> bool:
    """Return whether the next line begins with another option's text, so that they are listed."""
    below = _NEXT_LINE.match(reading.lower, at)
    return below is not None and reading.offered.text_at(reading.lower, below.end()) is not None


def _line_end(reading: Reading, at: int) -> int:
    stop = reading.lower.find("\n", at, reading.end)
    return reading.end if stop < 0 else stop


def opening_text(reading: Reading) -> Found | None:
    """Find the one option whose text the first sentence holds, nothing in it denied or doubted."""
    if not reading.texts or reading.opens_with_list:
        return None
    start, end = _after_clause(reading, *reading.opening)
    if lexicon.TENTATIVE.search(reading.lower, reading.start, end):
        return None
    main = _SUBORDINATE.search(reading.lower, start, end)
    seen = _one(reading, start, end) or (_one(reading, start, main.start()) if main else None)
    if seen and (_MUSED.match(reading.lower, seen.end) or _listed_on(reading, _line_end(reading, seen.end))):
        return None
    concluded = seen and reading.closing[0] >= end and lexicon.CONCLUDING.match(reading.lower, reading.closing[0])
    last = _one(reading, *reading.closing) if concluded else _result(reading)
    return None if seen and last and last.letters != seen.letters else seen


def _result(reading: Reading) -> Found | None:
    """Find the option's text with which the last sentence ends, as with its result."""
    start, end = reading.closing
    texts = reading.texts_between(start, end)
    if not texts or reading.lower[texts[-1][1] : end].strip(" .!\"')⟧$\n"):
        return None
    first, last, owners = texts[-1]
    comma = max(start, reading.lower.rfind(",", start, first))
    if _RESULT.search(reading.lower, comma, first) is None or lexicon.NEGATED.search(reading.lower, comma, first):
        return None
    return Found(owners, first, last)


def closing_text(reading: Reading) -> Found | None:
    """Find the one option whose text the last sentence holds, nothing in it denied or doubted."""
    if whole := _whole(reading, *reading.closing):
        return whole
    if not reading.texts or not reading.text.endswith(_STOPS, 0, reading.end):
        return None
    start, end = _main_clause(reading, *reading.closing)
    if any(doubt.search(reading.lower, start, end) for doubt in (lexicon.CONTRAST, lexicon.TENTATIVE)):
        return None
    seen = _one(reading, start, end)
    after = (lexicon.CONDITION, _DISBELIEF, _GOES_ON)
    return None if seen and any(one.search(reading.lower, seen.end, reading.end) for one in after) else seen


def _whole(reading: Reading, start: int, end: int) -> Found | None:
    """Find the option whose text is all of a sentence, as in "Yes."."""
    at = reading.offered.text_at(reading.lower, start) if start > reading.start else None
    if at is None or len(at[1]) > 1 or reading.lower[at[0] : end].strip(_EDGES):
        return None
    if any(head.start <= start <= head.end + 1 for head in reading.heads):
        return None
    return Found(at[1], start, at[0])


def sole_text(reading: Reading) -> Found | None:
    """Find the one option whose text stands anywhere in the output, nothing in it denied or doubted."""
    return _one(reading, reading.start, reading.end)


def only_texts(reading: Reading) -> Found | None:
    """Find, on a multi-answer item, an output that is nothing but a list of option texts."""
    lead = _LEAD.match(reading.lower, 0)
    listed = read_text(reading, lead.end() if lead else 0, multi=True, lines=True)
    if listed is None or reading.text[listed.end : reading.end].strip(" .,;!\n\"'") not in {"", "only"}:
        return None
    echo = "\n" in reading.text[listed.start : listed.end] and len(listed.letters) == len(reading.offered.labels)
    return None if echo else found(listed, listed.start, listed.end)


def _one(reading: Reading, start: int, end: int) -> Found | None:
    """Find the one option whose text stands in a stretch in which nothing, those texts aside, denies or doubts."""
    texts = reading.texts_between(start, end)
    owners = {owner for *_, owners in texts for owner in owners}
    if len(owners) != 1:
        return None
    around = start
    for first, last, _ in (*texts, (end, end, ())):
        if any(doubt.search(reading.lower, around, first) for doubt in _DOUBTS):
            return None
        around = last
        if _NOT_SO.match(reading.lower, last):
            return None
        if len(texts) == 1 and _PAUSE.search(reading.lower, last, end):
            break
    return Found(tuple(owners), texts[-1][0], texts[-1][1])


def denied(reading: Reading) -> Found | None:
    """Find "no", where only yes and no are offered, in a short output that begins by plainly denying what was asked."""
    if reading.offered.yes_no is None or reading.end - reading.start > SHORT:
        return None
    start, end = _after_clause(reading, *reading.opening)
    denials = list(lexicon.DENIAL.finditer(reading.lower, start, end))
    doubtful = any(
        doubt.search(reading.lower, start, end) for doubt in (lexicon.ASIDE, abstaining.UNKNOWN, abstaining.NONE)
    )
    if len(denials) != 1 or doubtful or is_question(reading.text, start) or lexicon.AFFIRMED.search(reading.lower, end):
        return None
    return Found((reading.offered.yes_no[1],), start, end)


def opening_words(reading: Reading) -> Found | None:
    """Find the one option whose words of content the first sentence holds, in whatever form."""
    if reading.opens_with_list:
        return None
    start, end = _after_clause(reading, *reading.opening)
    doubts = (*_DOUBTS, lexicon.TENTATIVE, _DISBELIEF)
    if any(doubt.search(reading.lower, start, end) for doubt in doubts) or is_question(reading.text, end - 1):
        return None
    if any(_BESIDE.search(reading.lower, start, first) for first, *_ in reading.texts_between(start, end)):
        return None
    said = _stems(reading.lower[start:end])
    options = _contents(tuple(reading.offered.texts.items()))
    full = [label for label, content in options.items() if _in_order(content.words, said)]
    if not any(len(options[label].words) > 1 for label in full):
        full = _told_apart(options, frozenset(said))
        others = [content.words for label, content in options.items() if label not in full]
        if full and _said_later(reading, others, end):
            return None
    return Found((full[0],), start, end) if len(full) == 1 else None


class Content(NamedTuple):
    """The words of content of an option's text, without their endings."""

    words: tuple[str, ...]
    """In order."""
    telling: frozenset[str]
    """Those that not every option has."""


@lru_cache(maxsize=4096)
def _contents(texts: tuple[tuple[str, str], ...]) -> dict[str, Content]:
    """Return label -> the words of content of its text, for (label, text) pairs."""
    words = {label: _stems(text) for label, text in texts}
    shared = frozenset[str]().union(*words.values()).intersection(*words.values())
    return {
        label: Content(stems, frozenset(stem for stem in stems if _TELLING.match(stem)) - shared)
        for label, stems in words.items()
    }


def _said_later(reading: Reading, others: list[tuple[str, ...]], at: int) -> bool:
    """Return whether a later sentence, in which nothing is denied, says what another option says."""
    for sentence in reading.lower[at : reading.end].split(". ")[:MOST]:
        said = _stems(sentence)
        if any(_in_order(words, said) for words in others) and not any(doubt.search(sentence) for doubt in _DOUBTS):
            return True
    return False


def _told_apart(options: dict[str, Content], said: frozenset[str]) -> list[str]:
    """Return the option of which a sentence holds most words and all that tell it apart, if none of another's."""
    touched = [label for label, content in options.items() if not content.telling.isdisjoint(said)]
    if len(touched) != 1 or not all(content.telling for content in options.values()):
        return []
    words, telling = options[touched[0]]
    return touched if telling <= said and 2 * len(said.intersection(words)) > len(words) else []


def _in_order(words: tuple[str, ...], said: tuple[str, ...]) -> bool:
    """Return whether all the words stand in what was said, in their order."""
    rest = iter(said)
    return bool(words) and all(word in rest for word in words)


def _after_clause(reading: Reading, start: int, end: int) -> tuple[int, int]:
    clause = _CLAUSE.match(reading.lower, start, end)
    return (clause.end() if clause else start), end


def _main_clause(reading: Reading, start: int, end: int) -> tuple[int, int]:
    """Return a sentence without what it opens with, and without what it sets its end against where that names no text.

    So of "although it is blurred, the spine looks healthy" and of "it could be a hall, but it is a beach".
    """
    start, end = _after_clause(reading, start, end)
    opposed = _OPPOSED.search(reading.lower, start, end)
    end = opposed.start() if opposed and reading.texts_between(start, opposed.start()) else end
    but = reading.lower.rfind(", but ", start, end)
    return (but + len(", but ") if but >= 0 and not reading.texts_between(start, but) else start), end


def _stems(text: str) -> tuple[str, ...]:
    """Return the words of content of lower-case text, without their endings."""
    return tuple([stem for word in _WORD.findall(text) if (stem := _stem(word))])


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    """Return a word without its ending; nothing of a word without content."""
    if _EMPTY.match(word):
        return ""
    return _DOUBLED.sub(r"\1", _ENDING.sub("", word)) if len(word) > 3 else word


def _most_like(reading: Reading, at: int) -> bool:
    """Return whether a sentence says what stands at a place is what it sees most signs of."""
    before = sentence_before(reading.lower, at)
    return _MOST_LIKE.search(before) is not None and lexicon.NEGATED.search(before) is None


def called_text(reading: Reading) -> Found | None:
    """Find the last option whose text is called the best, the most likely or the right one."""
    for first, last, owners in reversed(reading.texts[-MOST:]):
        right = lexicon.RIGHT.match(reading.lower, last)
        if _most_like(reading, first) and len(owners) == 1:
            return Found(owners, first, last)
        if right and len(owners) == 1 and not right["neg"] and lexicon.DEFINITE.search(right[0]):
            return Found(owners, first, right.end())
    return None
