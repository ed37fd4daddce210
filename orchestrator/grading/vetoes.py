"""What speaks against a finding: small named checks that a rule's finding must pass.

A veto either ends the reading with a reason for abstaining, or only sets the rule aside so that the next is tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from orchestrator.grading import abstaining, lexicon, phrases
from orchestrator.grading.page import BULLET
from orchestrator.grading.reading import REFUSED_WITHIN, Found, Reading
from orchestrator.records import Abstained

MOST = 20
"""Places at which a text says that something cannot be told, looked at until one is about no option."""
NEAR = 32
"""Characters before an option's text in which its sentence says that it settles on it."""
SHORT = 40
"""Characters of a sentence that does nothing but add others."""
_SET_OFF = re.compile(r"\s?(?::|-)\s")
_BULLETS = ' -+>"('
WORDS = 4
"""Words of a last sentence without a stop up to which it may be a heading or a signature, and does not break off."""


@dataclass(frozen=True, slots=True)
class Veto:
    """A reason not to believe a finding."""

    name: str
    reason: Abstained | None
    """Why the parser then abstains; None where only this rule is set aside."""
    says: Callable[[Reading, Found], str]
    """What was noticed, in words; empty where nothing speaks against the finding."""
    multi: bool = False
    """Whether it is for items with several right options alone."""


def _unoffered(reading: Reading, seen: Found) -> str:
    return "" if seen.letters else "the letter declared was not offered"


def _several(reading: Reading, seen: Found) -> str:
    if len(seen.letters) > 1 and (seen.hedged or not reading.multi):
        return (
            f"{' '.join(seen.letters)} are alternatives" if seen.hedged else f"{' '.join(seen.letters)} for one answer"
        )
    return ""


def _clash(reading: Reading, seen: Found) -> str:
    return f"the letter {seen.letters[0]} stands beside the text of {' '.join(seen.clash)}" if seen.clash else ""


def _none(reading: Reading, seen: Found) -> str:
    later = None if reading.offered.escape else abstaining.NONE.search(reading.lower, seen.end + 1, reading.end)
    return "the text goes on to say that no option is right" if later else ""


def _none_at_all(reading: Reading, seen: Found) -> str:
    if reading.offered.escape:
        return ""
    found = islice(abstaining.NONE.finditer(reading.lower, seen.end + 1, reading.end), MOST)
    later = any(not abstaining.NOT_LISTED.match(one[0]) for one in found)
    return "the text goes on to say that no option is right" if later else ""


def _refused(reading: Reading, seen: Found) -> str:
    return "the text declines to answer" if reading.refused else ""


def _declined(reading: Reading, seen: Found) -> str:
    refusals = islice(abstaining.REFUSAL.finditer(reading.lower, 0, min(reading.end, REFUSED_WITHIN)), MOST)
    own = next(
        (one for one in refusals if not (abstaining.AS_MODEL.fullmatch(one[0]) or one[0].endswith("identify"))), None
    )
    goes_on = own and abstaining.YET.search(reading.lower, *reading.sentence(own.start()))
    return "the text declines to answer" if own and not goes_on else ""


def _unsure(reading: Reading, seen: Found) -> str:
    chosen = all(reading.offered.is_escape(letter) for letter in seen.letters)
    return "the text says that the answer cannot be told" if reading.unsure and not chosen else ""


def _untold(reading: Reading, seen: Found) -> str:
    for untold in islice(abstaining.UNTELLABLE.finditer(reading.lower, seen.end, reading.end), MOST):
        start, end = reading.sentence(untold.start())
        beyond = reading.lower.startswith("whether", start)
        if not beyond and not any(start <= at < end for at, _ in reading.named):
            return "the text goes on to say that the answer cannot be told"
    return ""


def _rivalled(reading: Reading, seen: Found) -> str:
    rival = lexicon.RIVAL.search(reading.lower, seen.end, reading.end)
    other = rival and any(_others(reading, mark, seen) for mark in reading.marks if mark.start() >= rival.end())
    return "the text goes on to another answer that may be right" if other else ""


def _added(reading: Reading, seen: Found) -> str:
    """Say whether a short sentence right after the finding adds other letters: "Also E."."""
    start, end = reading.sentence(seen.end + 1) if seen.end + 1 < reading.end else (0, 0)
    adds = start >= seen.end and end - start <= SHORT and phrases.ADDING.match(reading.lower, start)
    other = adds and any(_others(reading, mark, seen) for mark in reading.marks if start <= mark.start() < end)
    return "the text goes on to add others" if other else ""


def _miscounted(reading: Reading, seen: Found) -> str:
    """Say whether the sentence says before the finding that it names more options than were found."""
    count = phrases.COUNT.search(reading.lower, reading.sentence(seen.start)[0], seen.end)
    more = count and phrases.NUMBERS[count["number"]] > len(seen.letters)
    return f"the text says that it names {count['number']}" if count and more else ""


def _others(reading: Reading, mark: re.Match[str], seen: Found) -> bool:
    """Return whether a mark is of labels that a finding has not."""
    return not reading.offered.patterns.of(mark[0]) <= {*seen.letters}


def _broken(reading: Reading, seen: Found) -> str:
    cut = reading.text[seen.end - 1] != "]" and lexicon.BROKEN_OFF.fullmatch(reading.lower, seen.end) is not None
    return "the list breaks off" if cut else ""


def _unfinished(reading: Reading, seen: Found) -> str:
    start, end = reading.closing
    last = reading.text[start:end]
    # Lines without stops, one after another, are a list.
    listed = BULLET.match(last) or reading.text[:start].rstrip()[-1:].isalnum()
    long = len(last.split()) > WORDS and not listed
    rest = reading.text[max(start, seen.end) : end]
    goes_on = reading.text[:start].strip() and len(rest.split()) > WORDS and not listed and seen.end > start
    after = last[-1:].isalnum() and ((seen.end <= start and long) or goes_on)
    return "the text breaks off" if after or lexicon.DANGLING.search(reading.lower, seen.end, end) else ""


def _begun(reading: Reading, seen: Found) -> str:
    """Say whether the finding only begins a line that is one of several to come."""
    line = reading.lower.rfind("\n", 0, seen.start) + 1
    return _unfinished(reading, seen) if not reading.lower[line : seen.start].strip(' ->+(["') else ""


def _heads(reading: Reading, seen: Found) -> str:
    """Say whether the finding heads the last line of a list in which the line above is headed by another text."""
    line = reading.lower.rfind("\n", 0, seen.start) + 1
    heads = line and _SET_OFF.match(reading.lower, seen.end) and not reading.lower[line : seen.start].strip(_BULLETS)
    bullet = BULLET.match(reading.lower, reading.lower.rfind("\n", 0, line - 1) + 1) if heads else None
    return "it heads a line of a list" if bullet and reading.offered.text_at(reading.lower, bullet.end()) else ""


def _later(reading: Reading, seen: Found) -> str:
    lower, (start, end) = reading.lower, reading.closing
    if start < seen.end or lexicon.CONTRAST.search(lower, start, end):
        return ""
    opens = reading.offered.text_at(lower, start)
    if opens and lower[start : opens[0]] in {"yes", "no"} and not set(opens[1]) & set(seen.letters):
        return f"the last sentence begins with the text of {' '.join(opens[1])}"
    named = reading.texts_between(start, end)
    owners = {owner for *_, owners in named for owner in owners}
    if not named or len(owners) != 1 or owners <= set(seen.letters):
        return ""
    at = named[0][0]
    result = lower.endswith(": ", start, at) and not lower[named[-1][1] : end].strip(" .!")
    settles = lexicon.CONCLUDING.match(lower, start) or lexicon.SETTLING.search(lower, max(start, at - NEAR), end)
    denied = any(doubt.search(lower, start, at) for doubt in (lexicon.NEGATED, lexicon.LACKING, lexicon.CONDITION))
    return f"the last sentence settles on {' '.join(owners)}" if (settles or result) and not denied else ""


def _wrong(reading: Reading, seen: Found) -> str:
    verdict = lexicon.VERDICT.match(reading.lower, seen.end)
    no = verdict is not None and verdict["right"] is None and verdict["open"] is None
    # An option may itself begin with a word of denial.
    own = verdict is not None and reading.offered.texts[seen.letters[0]].startswith(verdict[0].lstrip(" .:)-,"))
    wrong = lexicon.WRONG.match(reading.lower, seen.end) is not None or (no and not own)
    return "what was found is called wrong" if wrong else ""


def _revised(reading: Reading, seen: Found) -> str:
    revision = lexicon.RETRACTED.search(reading.lower, seen.end, reading.end)
    if revision is None:
        return ""
    other = any(_others(reading, mark, seen) for mark in reading.marks if mark.start() > revision.end())
    return "the text takes it back and goes on to other letters" if other else ""


def _unread_after(reading: Reading, seen: Found) -> str:
    return "what follows it was not read" if seen.end <= reading.seam < reading.end else ""


def _unread(reading: Reading, seen: Found) -> str:
    return "not all of the text was read" if 0 < reading.seam < reading.end else ""


UNOFFERED = Veto("unoffered", Abstained.NONE_OF, _unoffered)
SEVERAL = Veto("several", Abstained.HEDGED, _several)
CLASH = Veto("clash", Abstained.CONFLICT, _clash)
NONE = Veto("none-of", Abstained.NONE_OF, _none)
REFUSED = Veto("refused", Abstained.REFUSED, _refused)
UNREAD_AFTER = Veto("unread-after", None, _unread_after)
UNREAD = Veto("unread", None, _unread)
UNSURE = Veto("unsure", None, _unsure)
UNTOLD = Veto("untold", None, _untold)
RIVALLED = Veto("rivalled", Abstained.HEDGED, _rivalled, multi=True)
MISCOUNTED = Veto("miscounted", None, _miscounted, multi=True)
ADDED = Veto("added", None, _added, multi=True)
BROKEN = Veto("broken", Abstained.TRUNCATED, _broken, multi=True)
UNFINISHED = Veto("unfinished", None, _unfinished)
BEGUN = Veto("begun", None, _begun)
HEADS = Veto("heads", None, _heads)
LATER = Veto("later", None, _later)
REVISED = Veto("revised", Abstained.CONFLICT, _revised)
NONE_AT_ALL = Veto("none-at-all", Abstained.NONE_OF, _none_at_all)
DECLINED = Veto("declined", Abstained.REFUSED, _declined)
WRONG = Veto("wrong", None, _wrong)
