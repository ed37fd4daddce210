"""Runs: their name, their cap, what they asked, and the stored replies they are graded from."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    is_new: bool = False


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
    return RunRow(opened["id"], opened["name"], opened["cap_nanousd"], opened["charged_nanousd"], row is None)


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


def money(connection: sqlite3.Connection, run_id: int, model: str | None = None) -> Money:
    """Add up a run's attempts, or one model's of them."""
    row = connection.execute(
        "SELECT coalesce(sum(charged_nanousd) FILTER (WHERE state IN ('settled', 'resolved', 'released')), 0), "
        "coalesce(sum(charged_nanousd) FILTER (WHERE state = 'open'), 0), "
        "coalesce(sum(charged_nanousd) FILTER (WHERE state = 'doubt'), 0), count(*) "
        "FROM attempts WHERE run_id = ? AND (? IS NULL OR model = ?)",
        (run_id, model, model),
    ).fetchone()
    return Money(*row)


@dataclass(frozen=True, slots=True)
class Asked:
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


def runs_of(connection: sqlite3.Connection, benchmark: str, digest: str, name: str | None) -> list[int]:
    """Return the ids of the runs on this benchmark (by path or content), the latest first.

    Raises ConfigError when `name` is given and no run has it.
    """
    if name is not None:
        row = connection.execute("SELECT id FROM runs WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise ConfigError(f"no run named {name!r} in this cache; `orchestrator status` lists them.")
        return [row["id"]]
    rows = connection.execute(
        "SELECT id FROM runs WHERE benchmark = ? OR benchmark_digest = ? ORDER BY touched_at DESC, id DESC",
        (benchmark, digest),
    )
    return [row["id"] for row in rows]


def models_of(connection: sqlite3.Connection, run_ids: Sequence[int]) -> list[str]:
    """Return the aliases of the models these runs asked, in alphabetical order."""
    marks = ",".join("?" * len(run_ids))
    rows = connection.execute(
        f"SELECT DISTINCT model FROM run_items WHERE run_id IN ({marks}) ORDER BY model",  # noqa: S608 - only marks
        tuple(run_ids),
    )
    return [row["model"] for row in rows]


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
        for row in connection.execute(_ASKED.format(marks=",".join("?" * len(missing))), (run_id, model, *missing)):
            found.setdefault(row["item_id"], []).append(
                Asked(
                    item_id=row["item_id"],
                    sample=row["sample"],
                    rotation=row["rotation"],
                    wording=row["wording"],
                    text=row["text"],
                    ending=row["ending"],
                    failure=row["failure"],
                )
            )
    return found


_ASKED = f"""
SELECT i.item_id, i.sample, i.rotation, i.wording, r.text, r.ending,
       CASE WHEN r.id IS NULL THEN (
           SELECT a.reason FROM attempts a
           WHERE a.key = i.key AND a.run_id = i.run_id AND a.state <> '{State.OPEN}' ORDER BY a.id DESC LIMIT 1
       ) END AS failure
FROM run_items i
LEFT JOIN replies r ON r.id = (SELECT max(id) FROM replies WHERE key = i.key)
WHERE i.run_id = ? AND i.model = ? AND i.item_id IN ({{marks}})
ORDER BY i.item_id, i.rotation, i.sample
"""  # noqa: S608 - filled with marks only
