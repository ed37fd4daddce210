"""How the rules find letters: one small function for each way in which an answer by letter appears."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.grading import cues, lexicon
from orchestrator.grading.blocks import read_block
from orchestrator.grading.label import own_text
from orchestrator.grading.listing import MOST, read_list, read_text, read_unoffered
from orchestrator.grading.normalise import CROSS, OPEN_BOX, TICK
from orchestrator.grading.offered import Offered
from orchestrator.grading.page import Listed
from orchestrator.grading.reading import Found, Head, Reading, found
from orchestrator.grading.sentences import is_question, sentence_before

_WORD = re.compile(r"[^\W_]+|[✓✗]")
_WORD_BEFORE = re.compile(r"(?!(?i:answer|option|choice|chosen|correct) )[A-Za-z]{2,} \Z")
TRIED = 20
"""Declared lines, tags, boxes and marks tried in one output."""

LONGEST_TAG = 80
"""Characters of a tag or box before another, and of the words that announce what was offered."""
LONGEST_SIGNED = 24
"""Characters from an arrow to the end of the output, where it points to letters."""
LONGEST_LIST = 120
"""Characters of a list of labels in lower case, to the end of its line."""
LONGEST_LINE = 300
"""Characters between a labelled line and one that goes on with its list."""

_TAG_BEFORE = re.compile(
    r"<(?:final_?)?(?:answer|choice|option)>(?P<held>[^<>\n]{1,60})</?[a-z_]{1,14}>[\s,;&、]{0,3}(?:and)?\s?\Z"
)
_BOX_BEFORE = re.compile(
    rf"{OPEN_BOX}(?P<held>[^{OPEN_BOX}\n]{{1,60}})⟧[\s,;&、.$]{{0,3}}(?:and|和)?[\s$]{{0,3}}{OPEN_BOX}?\Z"
)
_LEAD = re.compile(
    r"\s{0,4}(?:[-+>]\s|\d{1,2}[.)]\s)?"
    r"(?:on reflection,?\s)?"
    r"(?:(?:most likely|probably|definitely|certainly|clearly),?\s)?"
    r"(?:(?:only|just|both|i (?:think|believe|say|choose|select|pick))\s(?:options?\s|levels?\s)?)?"
)
_OFFERING = re.compile(r"\b(?:(?<!correct )(?<!right )options?|(?<!correct )choices?)\b[^\n.]{0,30}:\s{0,4}\Z")
_GOES_ON = re.compile(r"\s?(?:,|;|/|\band\b|\bor\b)\s?[^\]\n\s][^\]\n]{0,60}\]")
_PROMISED = re.compile(r"(?:form|format|example|respond with|reply with|answer with)\b[^.\n]{0,40}\Z")
_SIGN = re.compile(rf"[>→⇒⟹∴{TICK}](?:(?<!>)|(?<=[-=]>))\s?(?=[^→⇒⟹>]{{1,20}}\Z)")
_LED = re.compile(r"(?: - |, )(?!(?i:and|or|but|too)\b)(?=[A-Za-z]{2}|[aA] )")
_TAKEN_BACK = re.compile(r"\b(?:preliminary|(?:initial|first) (?:guess|instinct|impression|thought|answer)|at first)\b")
_NUMBER = re.compile(r"\s{0,4}\d{1,2}[.)]\s")
_UNCHOSEN = re.compile(
    r"\b(?:not|anything but|(?:reject|dismiss|discard|exclud|eliminat)\w*|ruled? out|ruling out)\b"
    r"[\s(\[]{0,3}(?:option |choice )?\Z"
)
_UNFIT = re.compile(
    r"[^.\n]{0,40}?(?:(?:do|does|did)(?:n't| not)\b|\bmakes no sense"
    r"|\b(?:is|looks|seems) (?:an? |the )?(?:distractor|trap|tempting|unlikely|contradicted))"
)
_AROUND = " .,:;)]}⟧\"'!。\n*"


def final_option(reading: Reading) -> Found | None:
    """Find the last `My final option: [X]` (or answer, or choice), by letter or by text."""
    lower, offered = reading.lower, reading.offered
    for cue in _finals(lower, reading.end):
        before = lower[max(0, cue.start() - LONGEST_TAG) : cue.start()]
        if ("form" in before or "example" in before or " with" in before) and _PROMISED.search(before):
            continue
        at = cue.end()
        listed = _listed(reading, at)
        listed = listed or _lower_case(lower, at, offered) or read_unoffered(reading, at)
        more = listed is not None and listed.end + 1 < reading.end
        if listed and more and lexicon.WRONG.match(lower, listed.end + (lower[listed.end] == "]")):
            continue
        if listed is not None:
            goes_on = "[" in reading.text[at : listed.start] and _goes_on(reading, listed.end)
            return found(listed._replace(letters=()) if goes_on else listed, cue.start(), listed.end)
        if cues.NOTHING.match(lower, at):
            return Found((), cue.start(), at)
    return None


def _finals(lower: str, end: int) -> Iterator[re.Match[str]]:
    """Yield the last declared lines' beginnings, from the end on."""
    at = end
    for _ in range(TRIED):
        cue = None
        while cue is None:
            at = max(lower.rfind("final ", 0, at), lower.rfind("最终", 0, at))
            if at < 0:
                return
            cue = cues.FINAL.match(lower, at, end)
        yield cue


def _goes_on(reading: Reading, at: int) -> bool:
    """Return whether a bracket that holds a list goes on with something else that is listed."""
    end = reading.text.find("]", at, at + LONGEST_LINE)
    if reading.text[at - 1] == "]" or end < 0 or not reading.text[at:end].strip() or "[" in reading.text[at:end]:
        return False
    more = reading.offered.patterns.mark.search(reading.text, at, end) is not None
    return more or _GOES_ON.match(reading.lower, at) is not None


def _listed(reading: Reading, at: int) -> Listed | None:
    """Return the letters or option texts at `at`; on a multi-answer item those on the lines below them, too."""
    if reading.multi:
        return read_block(reading, at, described=True, texts=True)
    return read_list(reading, at, multi=True) or read_text(reading, at, multi=True)


def _lower_case(lower: str, at: int, offered: Offered) -> Listed | None:
    """Return the labels where the rest of a declared line is nothing but labels in lower case."""
    stop = lower.find("\n", at)
    stop = len(lower) if stop < 0 else stop
    if stop - at > LONGEST_LIST:
        return None
    words = _WORD.findall(lower, at, stop)
    letters = {word: label for spelling, label in offered.patterns.by_spelling.items() if (word := spelling.lower())}
    if len(words) == 1 and words[0] not in letters and len(set(words[0])) == len(words[0]):
        words = list(words[0])
    if not words or not all(word in letters or word == "and" for word in words):
        return None
    return Listed(tuple(sorted({letters[word] for word in words if word != "and"})), at, stop)


def tag(reading: Reading) -> Found | None:
    """Find the last letter in a tag: 【答案】, <answer>, JSON, [[...]]."""
    if not any(map(reading.lower.__contains__, cues.TAG_SIGNS)):
        return None
    for cue in reversed(list(cues.TAG.finditer(reading.lower, 0, reading.end))[-TRIED:]):
        listed = _listed(reading, cue.end())
        if listed:
            return _with_earlier(reading, found(listed, cue.start(), listed.end), _TAG_BEFORE)
    return None


def _with_earlier(reading: Reading, last: Found, before: re.Pattern[str]) -> Found:
    """Return, on a multi-answer item, one finding of the last tag or box and those that stand right before it."""
    for _ in range(TRIED if reading.multi else 0):
        earlier = before.search(reading.text, max(0, last.start - LONGEST_TAG), last.start)
        listed = read_list(reading, earlier.start("held"), multi=True) if earlier else None
        if earlier is None or listed is None or reading.text[listed.end : earlier.end("held")].strip():
            break
        letters = tuple(sorted({*listed.letters, *last.letters}))
        last = Found(letters, earlier.start(), last.end, last.hedged or listed.hedged, last.clash or listed.clash)
    return last


def boxed(reading: Reading) -> Found | None:
    r"""Find the letter in the last \boxed{}."""
    at = reading.end
    for _ in range(TRIED):
        at = reading.text.rfind(OPEN_BOX, 0, at)
        if at < 0:
            break
        listed = read_list(reading, at, multi=True)
        listed = listed or read_text(reading, at, multi=reading.multi)
        if listed:
            return _with_earlier(reading, found(listed, at, listed.end), _BOX_BEFORE)
    return None


def _only(reading: Reading, start: int, stop: int) -> Found | None:
    """Find letters that fill `text[start:stop]`, their own option text allowed.

    On a multi-answer item lines below may go on with more; a list of all that was offered, with its texts, is an echo.
    """
    lead = _LEAD.match(reading.lower, start)
    for at in (start, lead.end()) if lead and lead.end() > start else (start,):
        below = reading.multi and (stop == reading.end or start == reading.start)
        listed = read_block(reading, at) if below else read_list(reading, at, multi=True)
        if listed is not None:
            break
    if listed is None or reading.text[listed.end : stop].strip(_AROUND) not in {"", "only"}:
        return None
    echo = listed.owned and not lexicon.JOINS.search(reading.lower, listed.start, listed.end)
    if echo and len(listed.letters) == len(reading.offered.labels):
        return None
    return found(listed, listed.start, listed.end)


def bare(reading: Reading) -> Found | None:
    """Find an output that is nothing but letters, in lower case also."""
    seen = _only(reading, 0, reading.end)
    if seen:
        return seen
    word = reading.text[: reading.end].strip(" ()[].,:;\"'\n")
    if len(word) == 1 and word.upper() in reading.offered.patterns.by_spelling:
        return Found((reading.offered.patterns.by_spelling[word.upper()],), reading.start, reading.end)
    small = _lower_case(reading.lower, reading.start, reading.offered) if reading.multi else None
    return found(small, reading.start, reading.end) if small and small.end >= reading.end else None


def last_line(reading: Reading) -> Found | None:
    """Find a last line that is nothing but letters and does not continue a list.

    On a multi-answer item the lines before it that are nothing but letters are part of it.
    """
    start = reading.text.rfind("\n", 0, reading.end) + 1
    seen = _only(reading, start, reading.end) if start else None
    if seen and reading.multi:
        return _last_lines(reading, start)
    if seen is None and not reading.multi:
        return _last_words(reading, start)
    if seen is None or any(head.start == start and head.listed for head in reading.heads):
        return None
    if _NUMBER.match(reading.text, start):
        return _with_line_above(reading, seen, start)
    return seen


def _with_line_above(reading: Reading, seen: Found, start: int) -> Found:
    """Return the letters of a numbered last line; alternatives, if the line above is nothing but other letters."""
    above = _only(reading, reading.text.rfind("\n", 0, start - 1) + 1, start - 1)
    if above is None or above.letters == seen.letters:
        return seen
    return seen._replace(letters=tuple(sorted({*seen.letters, *above.letters})), hedged=True)


def _last_words(reading: Reading, line: int) -> Found | None:
    """Find letters that are the last sentence, or to which an arrow or a tick in the last line points."""
    start = reading.closing[0]
    short = reading.end - start <= LONGEST_TAG
    if short and max(start, line) > reading.start and (seen := _only(reading, start, reading.end)):
        return seen
    sign = _SIGN.search(reading.text, max(line, reading.end - LONGEST_SIGNED), reading.end)
    return _only(reading, sign.end(), reading.end) if sign and CROSS not in reading.text else None


def _last_lines(reading: Reading, start: int) -> Found | None:
    """Find the letters of the last lines, the last of them at `start`, unless they are some of a longer list."""
    for _ in range(MOST):
        above = reading.text[:start].rstrip()
        line = above.rfind("\n") + 1
        if not above or _only(reading, line, len(above)) is None:
            break
        start = line
    seen = _only(reading, start, reading.end)
    if seen is None or _offers(reading, start):
        return None
    near = [head for head in reading.heads if head.listed and start - head.start < LONGEST_LINE]
    return None if any(head.start < start or head.label not in seen.letters for head in near) else seen


def first_line(reading: Reading) -> Found | None:
    """Find a first line that is nothing but letters, and on a multi-answer item those below it, then something else."""
    stop = reading.text.find("\n", reading.start, reading.end)
    if stop < 0 or (not reading.multi and any(head.listed for head in reading.heads[:1])):
        return None
    seen = _only(reading, reading.start, stop) or _described_lines(reading)
    return None if seen and any(head.start >= seen.end and head.listed for head in reading.heads) else seen


def _described_lines(reading: Reading) -> Found | None:
    """Find, on a multi-answer item, several labelled lines at the beginning with words after each, not from the first.

    From the first label on they may be the beginning of a discussion of all.
    """
    listed = read_block(reading, reading.start, described=True) if reading.multi else None
    if listed is None or len(listed.letters) < 2 or listed.letters[0] == min(reading.offered.labels):
        return None
    return found(listed, listed.start, listed.end)


def choice_line(reading: Reading) -> Found | None:
    """Find the one line that begins with a label, as "B. text", where no list of labelled lines stands."""
    single = [head for head in reading.heads if not head.listed and not reading.text.startswith("|", head.start)]
    if not single or len({head.label for head in single}) > 1 or reading.opens_with_list:
        return None
    head = single[0]
    if _offers(reading, head.start) or _rated(reading, head):
        return None
    several = read_list(reading, head.start, multi=True)
    if several and len(several.letters) > 1:
        return found(several, several.start, several.end)
    end, clash = own_text(reading, head.end - 1, head.label)
    return Found((head.label,), head.start, max(head.end, end), clash=clash)


def _rated(reading: Reading, head: Head) -> bool:
    """Return whether the line gives every label something of its own: "A: 20%, B: 60%"."""
    stop = reading.text.find("\n", head.end, reading.end)
    others = reading.offered.patterns.mark.finditer(reading.text, head.end, reading.end if stop < 0 else stop)
    return reading.text[head.end - 1] == ":" and any(reading.text.startswith(":", mark.end()) for mark in others)


def _offers(reading: Reading, at: int) -> bool:
    """Return whether the words before a place announce what was offered, and no answer."""
    return _OFFERING.search(reading.lower, max(0, at - LONGEST_TAG), at) is not None


def lead_letter(reading: Reading) -> Found | None:
    """Find, on a single-answer item, a letter with which the output begins, set off by a dash or a comma."""
    mark = reading.offered.patterns.mark.match(reading.text, reading.start)
    if mark is None or not _LED.match(reading.text, mark.end()) or reading.opens_with_list:
        return None
    return Found((reading.offered.patterns.by_spelling[mark[0]],), mark.start(), mark.end())


def sole_mark(reading: Reading) -> Found | None:
    """Find the one label that the whole text marks as such: "(B)", "option B"."""
    seen: Found | None = None
    if not reading.marks:
        return None
    for number, mark in enumerate(reading.offered.patterns.marked.finditer(reading.text, 0, reading.end)):
        if _abbreviates(reading, mark):
            continue
        listed = read_list(reading, mark.start(), multi=True)
        label = reading.offered.patterns.by_spelling[mark["a"] or mark["b"] or mark["c"]]
        if _offers(reading, max(map(mark.start, "abc"))):
            continue
        if number >= TRIED or (listed and len(listed.letters) > 1) or (seen and seen.letters != (label,)):
            return None
        after = mark.end() + reading.lower.startswith((")", "]"), mark.end())
        if lexicon.WRONG.match(reading.lower, after) or is_question(reading.text, mark.end()):
            return None
        before = sentence_before(reading.lower, mark.start())
        if _TAKEN_BACK.search(before) or _UNCHOSEN.search(before) or _UNFIT.match(reading.lower, after):
            return None
        end, clash = own_text(reading, mark.end(), label)
        seen = Found((label,), mark.start(), end, clash=clash)
    return seen


def _abbreviates(reading: Reading, mark: re.Match[str]) -> bool:
    """Return whether a letter in brackets only shortens the word before it, as in "Carbon (C)"."""
    word = _WORD_BEFORE.search(reading.text, max(0, mark.start() - 30), mark.start())
    return mark["b"] is not None and word is not None and word[0][0].upper() == mark["b"].upper()
