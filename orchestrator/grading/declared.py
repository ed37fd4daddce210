"""What the declarations of an output choose together: the last of them, with those that it says it adds to.

Always holds: declarations under a condition count only where there are no others; on a multi-answer item nothing is
found where declarations of another kind choose more.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from orchestrator.grading import lexicon, phrases
from orchestrator.grading.claims import Claim, Kind
from orchestrator.grading.reading import Found, Reading, found
from orchestrator.grading.sentences import sentence_before

_OR_ELSE = re.compile(r"\bor (?:else |maybe |perhaps |possibly )?(?:that |the |it |my |option )?\Z")
_STOP = re.compile(r"[.;!?]\s|[\n。]")


def declared(*kinds: Kind, by_text: bool = False, agree: bool = False) -> Callable[[Reading], Found | None]:
    """Return the finder of the last claim of some kinds, by letter or by text, with those that it says it adds to.

    With `agree` all of them must name the same letters. Claims under a condition count only where there are no others,
    and must agree too. A claim that lists all that was offered on a single-answer item is an echo and does not count.
    """

    def counts(claim: Claim, reading: Reading) -> bool:
        if claim.kind not in kinds or claim.listed.by_text != by_text:
            return False
        if reading.multi:
            return not _recites(claim, reading)
        return not len(claim.letters) == len(reading.offered.labels) > 1

    def find(reading: Reading) -> Found | None:
        # Most outputs claim nothing, and five rules ask.
        if not reading.claims:
            return None
        claims = [claim for claim in reading.claims if counts(claim, reading)]
        if not claims or (reading.multi and _say_more(reading, claims[-1], agree=agree)):
            return None
        firm = [claim for claim in claims if not claim.conditional]
        if (agree or not firm) and len({claim.letters for claim in firm or claims}) > 1:
            return None
        last, before = (firm or claims)[-1], (firm or claims)[:-1]
        if before and _OR_ELSE.search(reading.lower, before[-1].end, last.start):
            letters = tuple(sorted({*before[-1].letters, *last.letters}))
            return Found(letters, before[-1].start, last.end, hedged=True)
        return (
            _with_those_added_to(reading, before, last) if reading.multi else found(last.listed, last.start, last.end)
        )

    return find


def _with_those_added_to(reading: Reading, before: list[Claim], last: Claim) -> Found | None:
    """Find what the last claim of a multi-answer item declares, and those before it that it adds to.

    Nothing where it says that it adds and there is none.
    """
    if before and last.letters != before[-1].letters and all(map(reading.bulleted, (before[-1].start, last.start))):
        return None
    together = [last]
    for earlier in reversed(before):
        if not (_goes_on_to(reading, earlier, together[0]) or _one_by_one(reading, earlier, together[0])):
            break
        together.insert(0, earlier)
    if len(together) == 1:
        return None if not before and _adds(reading, last) else found(last.listed, last.start, last.end)
    letters = tuple(sorted({letter for claim in together for letter in claim.letters}))
    clash = next((claim.listed.clash for claim in together if claim.listed.clash), ())
    return Found(letters, together[0].start, last.end, any(claim.listed.hedged for claim in together), clash)


def _say_more(reading: Reading, last: Claim, *, agree: bool) -> bool:
    """Return whether claims of other kinds choose more: the latest in words after letters, or one that adds to these.

    With `agree` any claim of other letters does.
    """
    latest = reading.claims[-1]
    unlike = (latest.kind, latest.listed.by_text) != (last.kind, last.listed.by_text)
    adds = unlike and _adds(reading, latest) and not {*latest.letters} <= {*last.letters}
    words = latest.listed.by_text and not last.listed.by_text
    return words or adds or (agree and any(not {*one.letters} <= {*last.letters} for one in reading.claims))


def _one_by_one(reading: Reading, claim: Claim, last: Claim) -> bool:
    """Return whether two claims each conclude on a letter of their own: "so B is right. ... so C is right"."""
    single = len(claim.letters) == len(last.letters) == 1 and claim.letters != last.letters
    both = {claim.kind, last.kind} <= {"concluded", "called", "chosen"} and claim.kind == last.kind
    return single and both and lexicon.REVISED.search(reading.lower, claim.end, last.start) is None


def _adds(reading: Reading, claim: Claim) -> bool:
    """Return whether a claim says that it adds to others."""
    before = sentence_before(reading.lower, claim.start)
    start = claim.start - len(before.rpartition(",")[2])
    beside = phrases.ALSO.search(reading.lower, start, min(reading.end, claim.end + len(" as well")))
    return beside is not None or phrases.ADDING.match(before) is not None


def _goes_on_to(reading: Reading, claim: Claim, last: Claim) -> bool:
    """Return whether a claim only adds to the one before: "option C fits. Option A also holds"."""
    same = claim.kind == last.kind and _STOP.search(reading.lower, claim.end, last.start) is None
    joined = same and lexicon.JOINS.search(reading.lower, claim.end, last.start) is not None
    revised = lexicon.REVISED.search(reading.lower, claim.end, last.start) is not None
    return (joined or _adds(reading, last)) and not revised


def _recites(claim: Claim, reading: Reading) -> bool:
    """Return whether a claim only recites what is offered: "The levels are L1/L2, ..." with all of them."""
    every = claim.kind == "finding" and len(claim.letters) == len(reading.offered.labels)
    said = sentence_before(reading.lower, claim.start).strip()
    recited = said in {"", "the"} or said.endswith(("available", "possible", "listed", "given", "offered"))
    return every and recited and claim.listed.by_text
