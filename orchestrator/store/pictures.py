"""Known pictures: digest and size by a stamp that changes with the file, so that nothing unchanged is read twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from orchestrator.dataset.facts import ImageFact
from orchestrator.store.database import Store

_AT_ONCE = 500


class KnownPictures:
    """The cache's memory of pictures, as the dataset readers ask for it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def known(self, stamps: Sequence[str]) -> Mapping[str, ImageFact]:
        """Return what is known of these stamps."""
        return await self._store.do(_known, stamps)

    async def learn(self, facts: Mapping[str, ImageFact]) -> None:
        """Remember these pictures."""
        await self._store.do(_learn, facts)


def _known(connection: sqlite3.Connection, stamps: Sequence[str]) -> dict[str, ImageFact]:
    found: dict[str, ImageFact] = {}
    for start in range(0, len(stamps), _AT_ONCE):
        some = stamps[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT * FROM pictures WHERE stamp IN ({marks})", some)  # noqa: S608 - only marks
        found |= {row["stamp"]: ImageFact(row["digest"], row["width"], row["height"]) for row in rows}
    return found


def _learn(connection: sqlite3.Connection, facts: Mapping[str, ImageFact]) -> None:
    connection.executemany(
        "INSERT INTO pictures (stamp, digest, width, height) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
        "SET digest = excluded.digest, width = excluded.width, height = excluded.height",
        [(stamp, fact.digest, fact.width, fact.height) for stamp, fact in facts.items()],
    )
