"""What an accepted answer overrode: other letters that the same output declares, and findings that were set aside.

Always holds: a note never changes the answer; it names letters that differ from the answer's, and where they came from.
"""

from __future__ import annotations

from orchestrator.grading.claims import SURE, Claim
from orchestrator.grading.reading import Found, Reading
from orchestrator.grading.rules import Rule

FORM = 6
"""Characters with which a firm declaration begins, by which one of the same form is told."""
NEAR = 120
"""Characters before the word "answer" that are read with it."""
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
    elif "claims" in vars(reading):
        notes += _declared(reading.claims, seen)
    else:
        notes += _shortly_before(reading, seen)
    return tuple(dict.fromkeys(notes))[:MOST] if notes else ()


def _firmly(reading: Reading, rule: Rule, seen: Found) -> list[str]:
    """Return a note on the declaration of the same form before the one that counts, if it chose other letters."""
    if reading.lower.find(reading.lower[seen.start : seen.start + FORM], 0, seen.start) < 0:
        return []
    earlier = rule.finder(reading.excerpt(0, seen.start))
    if earlier is None or earlier.letters == seen.letters:
        return []
    return [f"an earlier one chose {' '.join(earlier.letters) or 'none'}"]


def _shortly_before(reading: Reading, seen: Found) -> list[str]:
    """Return a note on the last declaration before a last line, which is found before any claim is looked for."""
    line = reading.lower.rfind("\n", 0, seen.start) + 1
    said = max(reading.lower.rfind(word, 0, line) for word in ("answer", "答案"))
    if said < 0:
        return []
    return _declared(reading.excerpt(max(0, said - NEAR), line).claims, seen)


def _declared(claims: tuple[Claim, ...], seen: Found) -> list[str]:
    """Return a note on each sure declaration of other letters, those under a condition left out."""
    return [
        f"{'an earlier' if claim.start < seen.start else 'a later'} one chose {' '.join(claim.letters) or 'none'}"
        for claim in claims
        if claim.kind in SURE and not claim.conditional and claim.letters != seen.letters
        if not seen.start <= claim.listed.start < seen.end
    ]
