"""Reading a verdict on each option: "A. ... correct", "B ✗", "选项C错误", "B and D apply; A does not".

Always holds: a later verdict on the same option replaces an earlier one; an option without a verdict has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.grading import lexicon
from orchestrator.grading.listing import read_list
from orchestrator.grading.normalise import CROSS, TICK
from orchestrator.grading.page import Listed
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.sentences import is_question, sentence_before

_TOO = re.compile(r"[\s)]{1,2}(?:(?:is|are|does) )?(?:too|as well|likewise)\b")
LONGEST = 800
"""Characters after a label in which its verdict is looked for."""

_ROW = re.compile(
    rf"[ )]{{0,3}}\|(?:[^|\n]{{0,200}}\|){{1,6}} ?(?:(?P<right>yes|affected|true|correct|present|{TICK})"
    rf"|no|not affected|unaffected|normal|false|incorrect|absent|{CROSS}) ?\|? ?(?=\n|\Z)"
)
"""What stands in a row of a table after its option, up to a verdict in the last cell."""
_SET_OFF = re.compile(rf"[\"')\]]{{0,2}}\s?[:|=(→{TICK}{CROSS}-]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one option, and where."""

    right: bool | None
    """None where it leaves the option open."""
    start: int
    end: int


def verdicts(reading: Reading) -> dict[str, Verdict]:
    """Return label -> the last verdict on it."""
    found: dict[str, Verdict] = {}
    text, lower = reading.text, reading.lower
    marks = [mark for mark in reading.marks if mark.start() < reading.end]
    heads = {head.start for head in reading.heads}
    done = 0
    for number, mark in enumerate(marks):
        at = mark.start()
        if at < done:
            continue
        listed = read_list(reading, at - (text[at - 1 : at] in {"(", "["}), multi=True)
        label = reading.offered.patterns.by_spelling.get(mark[0])
        if listed is None and label and lexicon.VERDICT.match(lower, mark.end()):
            listed = Listed((label,), at, mark.end())
        if listed is None or listed.hedged or lexicon.LEFT_OUT.search(lower, max(0, at - 60), at):
            continue
        done = listed.end
        following = next((one.start() for one in marks[number + 1 :] if one.start() >= done), reading.end)
        left_open = lexicon.VERDICT.match(lower, done)
        if left_open and left_open["open"]:
            found.update(dict.fromkeys(listed.letters, Verdict(None, listed.start, done)))
            continue
        right = _adjacent(reading, listed.start, done)
        if right is None and found and _TOO.match(lower, done):
            right = next(reversed(found.values())).right
        if right is None and not heads.isdisjoint(range(at - 12, at + 1)):
            right = _of_line(lower, done, min(following, reading.end, done + LONGEST))
        before = sentence_before(lower, listed.start)
        if right and (
            lexicon.DENIED_THOUGHT.search(before)
            or is_question(text, done)
            or lexicon.LEFT_OPEN.search(before)
            or lexicon.FOREIGN.search(before)
        ):
            continue
        if right is not None:
            found.update(dict.fromkeys(listed.letters, Verdict(right, listed.start, done)))
    return {**_by_text(reading), **found}


def _by_text(reading: Reading) -> dict[str, Verdict]:
    """Return label -> the last verdict that is set off from its option's text, as in "L4/L5: normal"."""
    found: dict[str, Verdict] = {}
    for start, end, owners in reading.texts:
        sign = lexicon.SIGN_BEFORE.search(reading.lower, max(0, start - 6), start)
        if sign and not reading.lower[reading.lower.rfind("\n", 0, start) + 1 : sign.start()].strip(" ->+"):
            found.update(dict.fromkeys(owners, Verdict(TICK in sign[0], start, end)))
        elif row := _ROW.match(reading.lower, end):
            found.update(dict.fromkeys(owners, Verdict(row["right"] is not None, start, end)))
        elif _SET_OFF.match(reading.lower, end) and (verdict := lexicon.VERDICT.match(reading.lower, end)):
            right = None if verdict["open"] else verdict["right"] is not None
            found.update(dict.fromkeys(owners, Verdict(right, start, end)))
    return found


def _adjacent(reading: Reading, start: int, end: int) -> bool | None:
    """Return the verdict that stands right beside the labels: a mark, or "is correct"."""
    lower = reading.lower
    sign = lexicon.SIGN_BEFORE.search(lower, max(0, start - 6), start)
    if sign and not (lexicon.SIGN_AFTER.match(lower, end) and _sign_last(reading)):
        return sign[0].strip(" ([") == TICK
    if sign := lexicon.VERDICT.match(lower, end):
        return sign["right"] is not None
    if lexicon.WRONG.match(lower, end):
        return False
    right = lexicon.RIGHT.match(lower, end)
    return None if right is None else right["neg"] is None


def _sign_last(reading: Reading) -> bool:
    """Return whether ticks and crosses stand after their labels: a label stands before the first of them."""
    signs = [at for sign in (TICK, CROSS) if (at := reading.text.find(sign)) >= 0]
    return bool(reading.marks) and reading.marks[0].start() < min(signs)


def _of_line(lower: str, start: int, end: int) -> bool | None:
    """Return the last verdict in the rest of a labelled line."""
    stop = lower.find("\n", start, end)
    words = list(lexicon.RULING.finditer(lower, start, end if stop < 0 else stop))
    return None if not words else words[-1]["right"] is not None


def right_set(reading: Reading) -> Found | None:
    """Find the options called right, where several have a verdict."""
    found = verdicts(reading)
    right = sorted(label for label, verdict in found.items() if verdict.right)
    if any(verdict.right is None for verdict in found.values()):
        return None
    if not right or len(found) < 2 or any(_named(reading, mark, found) for mark in reading.marks):
        return None
    places = [found[label] for label in right]
    return Found(tuple(right), min(one.start for one in places), max(one.end for one in places))


def _named(reading: Reading, mark: re.Match[str], found: dict[str, Verdict]) -> bool:
    """Return whether a label without a verdict stands in brackets at a mark."""
    around = reading.text[mark.start() - 1 : mark.start()] + reading.text[mark.end() : mark.end() + 1]
    return around == "()" and reading.offered.patterns.by_spelling.get(mark[0], "") not in {"", *found}


def odd_one(reading: Reading) -> Found | None:
    """Find the one option of a single-answer item whose verdict is unlike that of all others."""
    # Two verdicts that differ stand at two places.
    found = verdicts(reading) if len(reading.marks) + len(reading.texts) > 1 else {}
    if len(found) < len(reading.offered.labels) or len(found) < 3:
        return None
    for side in (True, False):
        alone = [label for label, verdict in found.items() if verdict.right is side]
        if len(alone) == 1:
            return Found((alone[0],), found[alone[0]].start, found[alone[0]].end)
    return None
