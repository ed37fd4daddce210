"""What an accepted answer overrode: other letters that the same output declares, and findings that were set aside.

Always holds: a note never changes the answer; it names letters that differ from the answer's, and where they came from.
"""

from __future__ import annotations

from orchestrator.grading.claims import SURE
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.rules import Rule

FORM = 6
"""Characters with which a firm declaration begins, by which one of the same form is told."""
_SIGNS = ("answer", "option", "choice", "choose", "答案", "选")
"""What stands in most texts that declare; without it, what stands before a last line is not searched."""
MOST = 3
"""Notes kept of one answer."""


def disputes(reading: Reading, rule: Rule, seen: Found, set_aside: list[tuple[str, Found, str]]) -> tuple[str, ...]:
    """Return what speaks against an accepted finding, in words.

    `set_aside` holds name, finding and objection of the rules that a veto passed over. Of a firm declaration only an
    earlier one of its own form is looked for, since it stands above all others.
    """
    notes = [
        f"{name} found {' '.join(found.letters)}, set aside: {note}"
        for name, found, note in set_aside
        if found.letters and found.letters != seen.letters
    ]
    if rule.firm:
        notes += _firmly(reading, rule, seen)
    elif _may_declare(reading, seen):
        notes += _declared(reading, seen)
    return tuple(dict.fromkeys(notes))[:MOST]


def _firmly(reading: Reading, rule: Rule, seen: Found) -> list[str]:
    """Return a note on the declaration of the same form before the one that counts, if it chose other letters."""
    if reading.lower.find(reading.lower[seen.start : seen.start + FORM], 0, seen.start) < 0:
        return []
    earlier = rule.find(reading.until(seen.start))
    if earlier is None or earlier.letters == seen.letters:
        return []
    return [f"an earlier one chose {' '.join(earlier.letters) or 'none'}"]


def _may_declare(reading: Reading, seen: Found) -> bool:
    """Return whether anything stands outside the finding, and, before a last line, a word that may declare."""
    if seen.end < reading.end - 1:
        return True
    line = reading.lower.rfind("\n", 0, seen.start) + 1
    return line > 0 and any(reading.lower.find(sign, 0, line) >= 0 for sign in _SIGNS)


def _declared(reading: Reading, seen: Found) -> list[str]:
    """Return a note on each sure declaration of other letters, those under a condition left out."""
    return [
        f"{'an earlier' if claim.start < seen.start else 'a later'} one chose {' '.join(claim.letters) or 'none'}"
        for claim in reading.claims
        if claim.kind in SURE and not claim.conditional and claim.letters != seen.letters
        if not seen.start <= claim.listed.start < seen.end
    ]
