"""What the tests of grading share: a benchmark file, and a cache that holds what models said of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paid_fixtures import provider

from orchestrator.commands.scoring import Chosen, choose
from orchestrator.dataset.load import read_items
from orchestrator.records import Ending, Item, Json, Reply, Usage
from orchestrator.store import claims, ledger, processes, runs
from orchestrator.store.database import Connection, open_database
from orchestrator.store.ledger import Pace

NOW = 1_790_000_000.0
OPTIONS = {"A": "Healthy", "B": "Osteophytes", "C": "Scoliosis", "D": "Fracture"}
SOURCES = ("BUU", "RSNA")


def row(number: int, **changes: object) -> dict[str, object]:
    """Return an item of a benchmark: every fourth has several right letters, every two share a patient."""
    multi = number % 4 == 3
    item: dict[str, object] = {
        "id": f"q{number}",
        "image": f"images/{number}.png",
        "task": "SLL" if multi else "SDD",
        "question": f"What does picture {number} show?",
        "options": OPTIONS,
        "answer": ["B", "C"] if multi else ["ABCD"[number % 4]],
        "multi": multi,
        "group": f"patient-{number // 2}",
        "metadata": {"source": SOURCES[number % 2]},
    }
    return item | changes


@dataclass(frozen=True, slots=True)
class Said:
    """A reply as a test tells it; without a text the attempt failed."""

    text: str | None
    ending: Ending = Ending.COMPLETE
    sample: int = 0
    rotation: int = 0
    judged: str = ""


@dataclass(slots=True)
class Archive:
    """A folder with `items.jsonl` and a cache of runs on it."""

    folder: Path
    items: tuple[Item, ...] = ()
    _connection: Connection = field(init=False)
    _process: int = field(init=False)
    _runs: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        connection = open_database(self.cache).conn
        assert connection is not None
        self._connection = connection
        self._process = processes.register(connection, processes.myself(), NOW)

    @property
    def benchmark(self) -> Path:
        return self.folder / "items.jsonl"

    @property
    def cache(self) -> Path:
        return self.folder / "responses.db"

    def write(self, rows: Sequence[dict[str, object]]) -> None:
        """Write the benchmark."""
        self.benchmark.write_text("".join(json.dumps(one) + "\n" for one in rows))
        self.items = asyncio.run(_items(self.benchmark))

    def open_run(
        self, name: str = "first", limit: int | None = None, cap_nanousd: int | None = None, **settings: Json
    ) -> int:
        """Open a run, or go on with it; the last to be opened is the latest."""
        if name not in self._runs:
            spec = runs.RunSpec(name, str(self.benchmark.resolve()), "digest", {"limit": limit, **settings})
            self._runs[name] = runs.open_run(self._connection, spec, cap_nanousd, NOW + len(self._runs)).id
        return self._runs[name]

    def keep(self, model: str, number: int, said: Said | str, run: str = "first") -> None:
        """Store what a model said of an item, as a run does."""
        one = Said(said) if isinstance(said, str) else said
        item, run_id, connection = self.items[number], self.open_run(run), self._connection
        asked = (model, one.judged, item.id, one.sample, one.rotation)
        key = hashlib.sha256(json.dumps([run, *asked]).encode()).hexdigest()
        ask = claims.Ask(run_id, self._process, *asked, item.wording, key, "{}")
        if claims.claim(connection, ask, claims.Policy(again=lambda reply: True)) is claims.Claim.BUSY:
            raise AssertionError("nobody else asks")
        intent = ledger.Intent(run_id, self._process, model, item.id, key, 1000, 10, 5, 5)
        begun = ledger.begin(connection, intent, provider(), lambda pace, now: Pace(now, 0.0, now), lambda: NOW)
        assert isinstance(begun, ledger.Granted)
        if one.text is None:
            end = ledger.Settlement(ledger.State.RELEASED, 0, NOW, 500, "server error")
        else:
            reply = Reply(key, one.text, one.ending, "stop", Usage(10, 0, 5), 100, 0.1, "{}", NOW)
            end = ledger.Settlement(ledger.State.SETTLED, 100, NOW, 200, reply=reply)
        ledger.settle(connection, begun.attempt_id, end)
        claims.unclaim(connection, key, self._process)

    def again(self, model: str, number: int, text: str, run: str = "first") -> None:
        """Store a later reply to a question that has one, as `run --retry` does."""
        columns = "attempt_id, ending, finish_reason, cost_nanousd, latency_s, raw, created_at"
        self._connection.execute(
            f"INSERT INTO replies (text, key, {columns}) SELECT ?, key, {columns} FROM replies "
            "WHERE key = (SELECT key FROM run_items WHERE run_id = ? AND model = ? AND item_id = ?) LIMIT 1",
            (text, self._runs[run], model, f"q{number}"),
        )

    def share(self, model: str, number: int, run: str, other: str) -> None:
        """Have a run ask what another one asked before, and so find its reply."""
        self._connection.execute(
            "UPDATE run_items SET key = (SELECT key FROM run_items WHERE run_id = ? AND model = ? AND item_id = ?) "
            "WHERE run_id = ? AND model = ? AND item_id = ?",
            (self._runs[run], model, f"q{number}", self._runs[other], model, f"q{number}"),
        )

    def choose(self, *models: str, run: str | None = None) -> Chosen:
        """Return which replies answer for the benchmark, once everything is on disk."""
        self._connection.commit()
        return asyncio.run(choose(self.benchmark, self.cache, models, run))

    def close(self) -> None:
        """Close the cache."""
        self._connection.close()


async def _items(benchmark: Path) -> tuple[Item, ...]:
    return tuple([item async for item in read_items(benchmark, None, _refuse)])


def _refuse(problem: object) -> None:
    raise AssertionError(problem)
