"""From measurements to a preference among option texts.

Two small sets of rules for spines seen from the side: linear evidence for what happens to single levels, nearest
prototype for the curvature of the neck. Any other text is preferred by a fixed but arbitrary function of the picture
and the text. Options are never told apart by their letter or place.
"""

from __future__ import annotations

import hashlib
import re
import statistics
from collections.abc import Callable, Mapping, Sequence

from .vision import Findings

LEVEL = re.compile(r"\bL([1-5])\s*[-/–]\s*(?:L\s*)?(?:[2-5]|S\s*1)\b", re.IGNORECASE)
LUMBAR_DISCS = 5
"""Of discs, and of bodies with a gap on either side, the lowest five are the lumbar ones."""

Evidence = Callable[[Findings], float]
"""How far a finding is beyond what is usual in a healthy spine, in units of its own uncertainty."""


def preferences(texts: Sequence[str], seen: Sequence[Findings]) -> list[float]:
    """Return a score for each option text, the greater the better; above 0 speaks for it on its own."""
    spines = [one for one in seen if one.discs]
    if not spines:
        return [_arbitrary(text, seen) for text in texts]
    spine = spines[0]
    neck = any(_prototype(text) and not _is_healthy(text) for text in texts)
    return [_score(text, spine, seen, neck=neck) for text in texts]


def _score(text: str, spine: Findings, seen: Sequence[Findings], *, neck: bool) -> float:
    if level := LEVEL.search(text):
        return _level(spine, int(level.group(1)))
    if neck and (prototype := _prototype(text)):
        return -_distance(spine, *prototype)
    if _is_healthy(text):
        return 0.0
    for word, evidence in SIGNS.items():
        if word in text.casefold():
            return evidence(spine)
    return _arbitrary(text, seen)


# --- single levels ---------------------------------------------------------------------------------------------------


def _slips(spine: Findings) -> list[float]:
    return [(abs(disc.slip) - 0.12) / 0.055 for disc in spine.discs[-LUMBAR_DISCS:]]


def _narrowings(spine: Findings) -> list[float]:
    gaps = [disc.gap for disc in spine.discs[-LUMBAR_DISCS:]]
    usual = max(statistics.median(gaps), 0.01)
    return [(1 - gap / usual - 0.26) / 0.06 for gap in gaps]


def _spurs(spine: Findings) -> list[float]:
    return [(disc.spur - 0.29) / 0.06 for disc in spine.discs[-LUMBAR_DISCS:]]


def _collapse(spine: Findings) -> float:
    fronts = [front for front, _ in spine.heights[-LUMBAR_DISCS:]]
    return (1 - min(fronts) / max(statistics.median(fronts), 0.01) - 0.11) / 0.035


SIGNS: Mapping[str, Evidence] = {
    "listhesis": lambda spine: max(_slips(spine)),
    "disc space narrow": lambda spine: max(_narrowings(spine)),
    "osteophyte": lambda spine: max(_spurs(spine)),
    "vertebral collapse": _collapse,
}
"""Word in an option text -> evidence for it."""


def _level(spine: Findings, upper: int) -> float:
    """Return the strongest evidence at the disc below lumbar vertebra `upper`: the lowest disc seen is L5/S1."""
    rank = upper - LUMBAR_DISCS - 1
    signs = [_slips(spine), _narrowings(spine), _spurs(spine)]
    return max(sign[rank] for sign in signs) if len(spine.discs) >= -rank else -1.0


# --- the neck --------------------------------------------------------------------------------------------------------

PROTOTYPES: Mapping[str, tuple[float, float]] = {
    "cervical lordosis": (32.0, 0.0),
    "straight cervical": (0.0, 0.0),
    "cervical kyphosis": (-16.0, 0.0),
    "sigmoid cervical": (0.0, 10.0),
    "healthy": (16.0, 0.0),
}
"""Word in an option text -> bend and swing in degrees; a healthy neck bulges gently to the front."""


def _prototype(text: str) -> tuple[float, float] | None:
    return next((place for word, place in PROTOTYPES.items() if word in text.casefold()), None)


def _distance(spine: Findings, bend: float, swing: float) -> float:
    """Return how far the neck's curvature is from a prototype, in units of their spread."""
    return ((spine.bend - bend) / 6) ** 2 + ((abs(spine.swing) - swing) / 3.5) ** 2


# --- all else --------------------------------------------------------------------------------------------------------


def _is_healthy(text: str) -> bool:
    return "healthy" in text.casefold()


def _arbitrary(text: str, seen: Sequence[Findings]) -> float:
    """Return a number in -1..1, fixed by the picture's signature and the text."""
    pixels = repr([one.grid for one in seen])
    digest = hashlib.sha256(f"{pixels}\n{text.casefold()}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4]) / 2**31 - 1
