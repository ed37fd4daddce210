"""Reading "all of the above", "all but C", "the other three" and "the first two": options meant, and not named.

Always holds: "all" counts only where a sentence begins with it or a declaration ends with it, and only if the sentence
ends there or goes on to call them right; places in the list count only where they are called right.
"""

from __future__ import annotations

import re
from itertools import islice

from orchestrator.grading import lexicon, phrases
from orchestrator.grading.listing import read_list, read_text
from orchestrator.grading.page import MOST
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.sentences import is_question, sentence_before

PAIR = 2
"""Options of which "both" are all."""
_NOUN = (
    r"(?:options?|choices?|answers?|statements?|items?|levels?|dis[ck]s?|segments?|findings?|conditions?|diseases?|diagnoses"
    r"|abnormalities)"
)
_GLOSS = r"(?: \([^()\n]{0,100}\))?"
_ALL = re.compile(
    rf"all(?<!\wall)(?: of)?(?: (?:the|these|those)\b)?"
    rf"(?: (?:above|listed|given|offered|provided|following|lumbar|disc|two|three|four|five|six|seven|\d)){{0,3}}"
    rf"(?: (?:them|above|these|those|{_NOUN}))?(?: (?:above|listed|given|offered|provided|shown))?{_GLOSS}"
    rf"|every(?<!\wevery)(?:thing| one of (?:the|these|those) \w{{1,16}}| (?:listed |offered )?{_NOUN})"
    rf"(?: (?:above|listed|given|offered|provided|shown))?{_GLOSS}"
    rf"|both(?<!\wboth)(?: of (?:them|these|those|the))?(?: {_NOUN})?"
    r"|(?:以上|所有|全部|各|[三四五六]个)(?:的)?(?:选项|说法|答案|项)?(?=[都均皆全正对])|全部?[选对]|全部(?=正确)"
)
_BUT = re.compile(
    r",?\s(?:except(?: for)?|but(?: not)?|other than|excluding|apart from|aside from|with the exception of|save"
    r"(?: for)?)\s|,?除了?"
)
_LED = re.compile(
    r"(?:(?:(?:.*, )?(?:therefore|thus|hence|so)|overall|yes|in conclusion|in summary|in short|it appears that"
    r"|i (?:think|believe|select|choose)(?: that)?"
    r"|i(?:'d| would|'ll| will) (?:mark|select|choose|pick|tick|go with|say|include)|honestly|clearly|indeed|in fact"
    r"|in other words|actually|因此|所以|故"
    r"|综上(?:所述)?)[\s,:]{1,3})?[\s\"'(\[>+-]{0,4}\Z"
)
_DECLARED = re.compile(
    r"(?:(?:answers?|options?|choices?|selections?)(?: (?:is|are|would be))?\s?:?|答案(?:是|为)?:?|选"
    r"|\bi(?:'d| would|'ll| will)? (?:mark|select|choose|pick|tick|include))"
    r"[\s\"'(\[⟦]{0,4}\Z"
)
_END = re.compile(r"[\s\"')\]⟧]{0,3}(?:[.!;,。\n]|\Z)")
_CALLED = re.compile(r"[都均皆全]?是?对的?(?=[\s,.。!]|\Z)")
_SEEN = re.compile(
    r"\s(?:can (?:all )?be|are|is|were)(?: all| clearly)? (?:seen|visible|identified|found|noted|observed|recogni[sz]ed"
    r"|demonstrated|confirmed|shown|depicted)\b"
)
"""What goes on to say of all that they are there."""
_ARE = re.compile(
    r"\s(?:holds?|appl(?:y|ies)|fits?|qualif(?:y|ies)|counts?)\b"
    r"|\s(?:therefore |thus |then |also )?(?:are|is|were|have|has|shows?|exhibits?|demonstrates?)"
    r"\s(?!not|in|wrong|false|normal|excluded|ruled|un)[a-z]"
)
"""What goes on to say of all but some what holds for them."""
_SOME = re.compile(r",?\s(?:below|above|from|between|up to|down to|beneath|under)\b")
"""What says of all options that only some are meant."""
_REST = re.compile(
    r"\bthe (?:remaining|other|rest) (?P<number>two|three|four|five)(?: [a-z]{3,16})? (?:(?:do and )?are|all)"
    r"(?: (?:all|indeed|both|the|ones?|to|matched|with|fine|stated))* "
    r"(?:correct(?:ly)?|right|true|accurate|valid|tick|select|choose|apply|hold|fit|qualify)\b"
)
_PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "last")
_BY_PLACE = re.compile(
    rf"the (?<!\wthe )(?P<place>{'|'.join(_PLACES)})(?: (?P<number>two|three|four))?"
    r"(?: (?:ones?|options?|choices?|answers?|statements?|alternatives?))?"
    r"(?: (?:listed|offered|given|on the list))?(?= (?:is|are|was|were|hold|appl|fit|qualif))"
)
_OWN = re.compile(r"\ball\b|\bevery|以上")


def the_rest(reading: Reading) -> Found | None:
    """Find the options that are called right as "the other three", where the text before names all but those."""
    for rest in islice(_REST.finditer(reading.lower, 0, reading.end), MOST):
        spelled = reading.offered.patterns.by_spelling
        named = {spelled[mark[0]] for mark in reading.marks if mark.end() <= rest.start() and mark[0] in spelled}
        named.update(owner for _, end, owners in reading.texts if end <= rest.start() for owner in owners)
        letters = tuple(label for label in reading.offered.labels if label not in named)
        if named and len(letters) == phrases.NUMBERS[rest["number"]]:
            return Found(letters, rest.start(), rest.end())
    return None


def by_place(reading: Reading) -> Found | None:
    """Find the options that are called right by their place in the list: "the first two are correct"."""
    labels = reading.offered.labels
    for placed in islice(_BY_PLACE.finditer(reading.lower, reading.start, reading.end), MOST):
        right = lexicon.RIGHT.match(reading.lower, placed.end())
        count = phrases.NUMBERS.get(placed["number"] or "", 1)
        at = _PLACES.index(placed["place"]) if placed["place"] != "last" else len(labels) - count
        plain = lexicon.NEGATED.search(sentence_before(reading.lower, placed.start())) is None
        if right and not right["neg"] and plain and 0 <= at <= len(labels) - count and not reading.named:
            return Found(tuple(sorted(labels[at : at + count])), placed.start(), right.end())
    return None


def all_of(reading: Reading) -> Found | None:
    """Find the last place where all options, or all but some, are chosen."""
    lower = reading.lower
    if any(_OWN.search(text) for text in reading.offered.texts.values()):
        return None
    for whole in reversed(list(_ALL.finditer(lower, 0, reading.end))[-MOST:]):
        of_more = whole[0].startswith("both") and len(reading.offered.labels) > PAIR
        if of_more or _SOME.match(lower, whole.end()):
            continue
        before = sentence_before(lower, whole.start())
        declared = _DECLARED.search(before) is not None
        if not declared and not _LED.match(before):
            continue
        seen = _chosen(reading, whole, alone=declared or before == lower[: whole.start()])
        if seen and not is_question(lower, seen.end - 1):
            return seen
    return None


def _chosen(reading: Reading, whole: re.Match[str], *, alone: bool) -> Found | None:
    """Find what is chosen of all: with `alone` nothing need call it right."""
    lower, end = reading.lower, whole.end()
    left_out: set[str] = set()
    right = False
    for _ in range(3):
        if but := _BUT.match(lower, end):
            at = but.end()
            listed = read_list(reading, at, multi=True) or read_text(reading, at, multi=True, ends=False)
            if listed is None or listed.hedged:
                return None
            left_out, end = set(listed.letters), listed.end
        elif calls := lexicon.RIGHT.match(lower, end) or _CALLED.match(lower, end) or _SEEN.match(lower, end):
            if calls.groupdict().get("neg"):
                return None
            right, end = True, calls.end()
    letters = tuple(sorted(set(reading.offered.labels) - left_out))
    right = right or (bool(left_out) and _ARE.match(lower, end) is not None)
    fits = letters and (right or ((alone or left_out) and _END.match(lower, end)))
    return Found(letters, whole.start(), end) if fits else None
