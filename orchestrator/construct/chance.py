"""Seeded choice that never changes: everything random is an order by SHA-256 of seed, purpose and name.

Always holds: the choice for one name does not depend on which other names there are, nor on the Python or numpy in
use, so adding images to a source moves as little as possible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def rank(seed: int, purpose: str, name: str) -> bytes:
    """Return the place of a name in the seeded order."""
    return hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest()


def shuffled(seed: int, purpose: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names in the seeded order."""
    return tuple(sorted(names, key=lambda name: (rank(seed, purpose, name), name)))


def pick(seed: int, purpose: str, count: int) -> int:
    """Return a seeded number from 0 to `count` - 1."""
    return int.from_bytes(rank(seed, purpose, ""), "big") % count
