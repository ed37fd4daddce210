"""Runs: their name, their cap, what they asked, and the stored replies they are graded from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from orchestrator.errors import ConfigError
from orchestrator.records import Json
from orchestrator.store.ledger import State


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run is; two commands with equal content continue the same run."""

    name: str
    benchmark: str
    """Absolute path of the benchmark file."""
    benchmark_digest: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    """What shapes its requests: models, parameters, template, samples, limit."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the cache knows it."""

    id: int
    name: str
    cap_nanousd: int | None
    charged_nanousd: int
    limit: int | None = None
    """Items of the benchmark it asks, from the first on; None: all."""
    is_new: bool = False
    models: tuple[str, ...] = ()
    samples: int = 1
    rotations: int = 1
    """What it set out to ask of whom: every sample of every rotation of an item."""
    template: str | None = None
    """Digest of its prompt template."""


def open_run(connection: sqlite3.Connection, spec: RunSpec, cap_nanousd: int | None, now: float) -> RunRow:
    """Create or continue the run of that name; a cap given now replaces the stored one.

    Raises ConfigError when a run of that name stands for another benchmark or other settings.
    """
    settings = json.dumps(dict(spec.settings), sort_keys=True)
    row = connection.execute("SELECT * FROM runs WHERE name = ?", (spec.name,)).fetchone()
    if row is not None and (row["benchmark_digest"], row["settings"]) != (spec.benchmark_digest, settings):
        what = "another benchmark" if row["benchmark_digest"] != spec.benchmark_digest else "other settings"
        raise ConfigError(
            f"the run {spec.name!r} exists with {what} (started on {row['benchmark']}). "
            "Give this one a name of its own with --run NAME, or leave --run away."
        )
    if row is None:
        connection.execute(
            "INSERT INTO runs (name, benchmark, benchmark_digest, settings, cap_nanousd, created_at, touched_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (spec.name, spec.benchmark, spec.benchmark_digest, settings, cap_nanousd, now, now),
        )
    else:
        connection.execute(
            "UPDATE runs SET benchmark = ?, touched_at = ?, cap_nanousd = coalesce(?, cap_nanousd) WHERE name = ?",
            (spec.benchmark, now, cap_nanousd, spec.name),
        )
    opened = connection.execute("SELECT * FROM runs WHERE name = ?", (spec.name,)).fetchone()
    return replace(_run(opened), is_new=row is None)


@dataclass(frozen=True, slots=True)
class Money:
    """What a run, or one model of it, has been charged, by what is known of it; nano-dollars."""

    settled: int
    reserved: int
    in_doubt: int
    attempts: int

    @property
    def charged(self) -> int:
        """Everything the cap counts."""
        return self.settled + self.reserved + self.in_doubt


NOTHING = Money(0, 0, 0, 0)

_SUMS = (
    "coalesce(sum(charged_nanousd) FILTER (WHERE state IN ('settled', 'resolved', 'released')), 0), "
    "coalesce(sum(charged_nanousd) FILTER (WHERE state = 'open'), 0), "
    "coalesce(sum(charged_nanousd) FILTER (WHERE state = 'doubt'), 0), count(*)"
)
# A question that was put in other words since has left no row: then whether the model was asked anything itself tells.
BY_JUDGED = """
SELECT a.state, a.charged_nanousd, a.reason, coalesce(
    k.judged, (SELECT min(judged) FROM run_items WHERE run_id = :run AND model = :model), ''
) AS judged
FROM attempts a LEFT JOIN (
    SELECT key, min(judged) AS judged FROM run_items WHERE run_id = :run AND model = :model AND judged > '' GROUP BY key
) k ON k.key = a.key
WHERE a.run_id = :run AND a.model = :model
"""
"""A model's attempts in a run, with the alias whose reply each was to judge, empty for the model's own questions."""


def money(connection: sqlite3.Connection, run_id: int) -> Money:
    """Add up a run's attempts."""
    row = connection.execute(f"SELECT {_SUMS} FROM attempts WHERE run_id = ?", (run_id,)).fetchone()  # noqa: S608
    return Money(*row)


def money_by_judged(connection: sqlite3.Connection, run_ids: Sequence[int], model: str) -> dict[str, Money]:
    """Add up a model's attempts in some runs by the alias whose replies they judged, empty for its own questions.

    Two models' equal replies are judged by one call, which is the first's in alphabetical order.
    """
    found: dict[str, Money] = {}
    for run_id in run_ids:
        query = f"SELECT judged, {_SUMS} FROM ({BY_JUDGED}) GROUP BY judged"  # noqa: S608 - nothing foreign in it
        for judged, *sums in connection.execute(query, {"run": run_id, "model": model}):
            found[judged] = total([found.get(judged, NOTHING), Money(*sums)])
    return found


def total(parts: Sequence[Money]) -> Money:
    """Add up the money of several runs or models."""
    return Money(
        sum(part.settled for part in parts),
        sum(part.reserved for part in parts),
        sum(part.in_doubt for part in parts),
        sum(part.attempts for part in parts),
    )


Replied: TypeAlias = tuple[str, int, int, str, str]
"""A reply by its item, sample and rotation, and the wording and key of its question."""


class Asked(NamedTuple):
    """One question of a run as the cache holds it: its reply, or why there is none."""

    item_id: str
    sample: int
    rotation: int
    wording: str
    text: str | None
    """None without a reply."""
    ending: str | None
    failure: str | None
    """Why the latest attempt brought no reply; None if none was made."""
    run_id: int
    key: str
    """Of the question; of a judge's, the key of the question whose reply it is to read."""

    @property
    def replied(self) -> Replied:
        """The reply this is about: the same in every run that asked the same."""
        return self.item_id, self.sample, self.rotation, self.wording, self.key


def named(connection: sqlite3.Connection, name: str) -> RunRow:
    """Return the run of that name; ConfigError if there is none."""
    row = connection.execute("SELECT * FROM runs WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise ConfigError(f"no run named {name!r} in this cache; `orchestrator status` lists them.")
    return _run(row)


def runs_of(connection: sqlite3.Connection, benchmark: str) -> list[RunRow]:
    """Return the runs on this benchmark file, or on one with the same content, the latest first."""
    rows = connection.execute(
        "SELECT * FROM runs WHERE benchmark = ? OR benchmark_digest IN "
        "(SELECT benchmark_digest FROM runs WHERE benchmark = ?) ORDER BY touched_at DESC, id DESC",
        (benchmark, benchmark),
    )
    return [_run(row) for row in rows]


def runs_asking(connection: sqlite3.Connection, questions: Sequence[tuple[str, str]]) -> list[RunRow]:
    """Return the runs that asked any of these (item id, wording) questions, the latest first."""
    rows = connection.execute("SELECT * FROM runs ORDER BY touched_at DESC, id DESC").fetchall()
    return [_run(row) for row in rows if _asks(connection, row["id"], dict(questions))]


def _asks(connection: sqlite3.Connection, run_id: int, wordings: Mapping[str, str]) -> bool:
    for model in models_of(connection, [run_id]):
        held = asked(connection, [run_id], model, list(wordings))
        if any(one.wording == wordings[one.item_id] for several in held.values() for one in several):
            return True
    return False


def _run(row: sqlite3.Row) -> RunRow:
    settings = json.loads(row["settings"])
    return RunRow(
        row["id"],
        row["name"],
        row["cap_nanousd"],
        row["charged_nanousd"],
        settings.get("limit"),
        models=tuple(settings.get("models") or ()),
        samples=settings.get("samples") or 1,
        rotations=settings.get("rotations") or 1,
        template=settings.get("template"),
    )


def models_of(connection: sqlite3.Connection, run_ids: Sequence[int]) -> list[str]:
    """Return the aliases of the models these runs asked, judges apart, in alphabetical order."""
    found: set[str] = set()
    for run_id in run_ids:
        rows = connection.execute("SELECT DISTINCT model FROM run_items WHERE run_id = ? AND judged = ''", (run_id,))
        found.update(row["model"] for row in rows)
    return sorted(found)


def items_of(connection: sqlite3.Connection, run_ids: Sequence[int], model: str) -> set[str]:
    """Return the ids of the items these runs asked a model."""
    query = "SELECT DISTINCT item_id FROM run_items WHERE run_id = ? AND model = ? AND judged = ''"
    return {row[0] for run_id in run_ids for row in connection.execute(query, (run_id, model))}


def asked_count(connection: sqlite3.Connection, run_ids: Sequence[int], model: str) -> int:
    """Return how many questions these runs asked a model, those of judges left out."""
    query = "SELECT count(*) FROM run_items WHERE run_id = ? AND model = ? AND judged = ''"
    return sum(connection.execute(query, (run_id, model)).fetchone()[0] for run_id in run_ids)


def replaced(connection: sqlite3.Connection, run_ids: Sequence[int], models: Sequence[str]) -> int:
    """Return how many questions that these runs asked these models hold several replies, of which the latest counts."""
    query = (
        "SELECT i.key FROM run_items i JOIN (SELECT key FROM replies GROUP BY key HAVING count(*) > 1) r "
        "ON r.key = i.key WHERE i.run_id = ? AND i.model = ? AND i.judged = ''"
    )
    pairs = ((run_id, model) for run_id in run_ids for model in models)
    return len({row[0] for pair in pairs for row in connection.execute(query, pair)})


def judges_of(connection: sqlite3.Connection, run_ids: Sequence[int]) -> dict[str, tuple[str, ...]]:
    """Return by model the aliases of those that were asked to judge its replies, in alphabetical order."""
    found: set[tuple[str, str]] = set()
    for run_id in run_ids:
        query = "SELECT DISTINCT judged, model FROM run_items WHERE run_id = ? AND judged <> ''"
        found.update((row["judged"], row["model"]) for row in connection.execute(query, (run_id,)))
    return {alias: tuple(judge for of, judge in sorted(found) if of == alias) for alias, _ in sorted(found)}


def asked(
    connection: sqlite3.Connection, run_ids: Sequence[int], model: str, item_ids: Sequence[str]
) -> dict[str, list[Asked]]:
    """Return what the cache holds for these items at one model, by item id.

    Of several runs the first in `run_ids` that asked an item speaks for it, with all its samples and rotations.
    """
    found: dict[str, list[Asked]] = {}
    for run_id in run_ids:
        missing = [item_id for item_id in item_ids if item_id not in found]
        if not missing:
            break
        for one in _select(connection, _ASKED, (run_id, model, ""), missing):
            found.setdefault(one.item_id, []).append(one)
    return found


def verdicts(
    connection: sqlite3.Connection, run_ids: Sequence[int], judge: str, judged: str, item_ids: Sequence[str]
) -> dict[Replied, Asked]:
    """Return what a judge was asked about the replies of `judged` to these items, by the reply.

    Of several runs that had it read the same reply the first in `run_ids` speaks for it.
    """
    found: dict[Replied, Asked] = {}
    for run_id in run_ids:
        for one in _select(connection, _VERDICTS, (run_id, judge, judged), item_ids):
            found.setdefault(one.replied, one)
    return found


def _select(
    connection: sqlite3.Connection, statement: str, of: tuple[int, str, str], item_ids: Sequence[str]
) -> Iterator[Asked]:
    cursor = connection.cursor()
    # Plain tuples: no column is looked up by name.
    cursor.row_factory = None
    cursor.execute(statement.format(marks=",".join("?" * len(item_ids))), (*of, *item_ids))
    return map(Asked._make, cursor)


# The plus keeps SQLite from going through all attempts of the run, by their index, for each question without a reply.
_SELECT = f"""
SELECT i.item_id, i.sample, i.rotation, i.wording, r.text, r.ending,
       CASE WHEN r.id IS NULL THEN (
           SELECT a.reason FROM attempts a
           WHERE a.key = i.key AND +a.run_id = i.run_id AND a.state <> '{State.OPEN}' ORDER BY a.id DESC LIMIT 1
       ) END AS failure, i.run_id, {{key}}
FROM run_items i
LEFT JOIN replies r ON r.id = (SELECT max(id) FROM replies WHERE key = i.key)
WHERE i.run_id = ? AND i.model = ? AND i.judged = ? AND i.item_id IN ({{marks}})
ORDER BY i.item_id, i.rotation, i.sample
"""  # noqa: S608 - filled with what stands below, and with marks
_ASKED = _SELECT.replace("{key}", "i.key")
_VERDICTS = _SELECT.replace(
    "{key}",
    "coalesce((SELECT q.key FROM run_items q WHERE q.run_id = i.run_id AND q.model = i.judged AND q.judged = '' "
    "AND q.item_id = i.item_id AND q.sample = i.sample AND q.rotation = i.rotation), '')",
)
