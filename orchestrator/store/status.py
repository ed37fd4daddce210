"""What there is to tell about a cache: runs, spend, attempts in doubt, failures, and settling what was in doubt."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from orchestrator.store.ledger import State
from orchestrator.store.runs import BY_JUDGED


@dataclass(frozen=True, slots=True)
class ModelProgress:
    """How far one model of a run is."""

    model: str
    asked: int
    """Questions begun; those that the run has not come to are not known here."""
    replied: int
    never_sent: int
    """Those of the others at which no attempt was ever made: nothing of them can have been billed."""
    charged_nanousd: int
    in_doubt_nanousd: int
    failures: tuple[tuple[str, int], ...]
    """(reason, attempts), the most frequent first."""
    judge: bool = False
    """Whether this is what it was asked as a judge, which is told apart from its own questions."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run: its cap, its spend, its models."""

    name: str
    benchmark: str
    created_at: float
    touched_at: float
    cap_nanousd: int | None
    charged_nanousd: int
    models: tuple[ModelProgress, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """An attempt that was perhaps billed: it left, and no usable answer came."""

    attempt_id: int
    run: str
    provider: str
    model: str
    item_id: str
    charged_nanousd: int
    started_at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """The whole cache at a glance."""

    replies: int
    ledger_nanousd: int
    providers: tuple[tuple[str, int], ...]
    """(name, charged nano-dollars over the cache's lifetime)."""
    runs: tuple[RunStatus, ...]
    in_doubt: tuple[Doubt, ...]


def read(connection: sqlite3.Connection) -> Status:
    """Read the status of the whole cache."""
    runs = connection.execute("SELECT * FROM runs ORDER BY touched_at DESC, id DESC").fetchall()
    providers = connection.execute("SELECT name, charged_nanousd FROM providers ORDER BY name").fetchall()
    return Status(
        replies=connection.execute("SELECT count(*) FROM replies").fetchone()[0],
        ledger_nanousd=connection.execute("SELECT coalesce(sum(charged_nanousd), 0) FROM attempts").fetchone()[0],
        providers=tuple((row["name"], row["charged_nanousd"]) for row in providers),
        runs=tuple(_run(connection, row) for row in runs),
        in_doubt=tuple(_doubts(connection)),
    )


def run_of(connection: sqlite3.Connection, run_id: int) -> RunStatus:
    """Read one run's status."""
    return _run(connection, connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone())


def _run(connection: sqlite3.Connection, run: sqlite3.Row) -> RunStatus:
    rows = connection.execute(
        "SELECT model, judge, count(*) AS asked, sum(replied) AS replied, "
        "sum(NOT replied AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.key = i.key)) AS never_sent "
        "FROM (SELECT *, judged <> '' AS judge, EXISTS (SELECT 1 FROM replies r WHERE r.key = q.key) AS replied "
        "FROM run_items q WHERE run_id = ?) i GROUP BY model, judge ORDER BY model, judge",
        (run["id"],),
    ).fetchall()
    return RunStatus(
        name=run["name"],
        benchmark=run["benchmark"],
        created_at=run["created_at"],
        touched_at=run["touched_at"],
        cap_nanousd=run["cap_nanousd"],
        charged_nanousd=run["charged_nanousd"],
        models=tuple(_model(connection, run["id"], row) for row in rows),
    )


def _model(connection: sqlite3.Connection, run_id: int, row: sqlite3.Row) -> ModelProgress:
    attempts = f"FROM ({BY_JUDGED}) WHERE (judged <> '') = :judge"
    of = {"run": run_id, "model": row["model"], "judge": row["judge"]}
    charged, doubtful = connection.execute(
        "SELECT coalesce(sum(charged_nanousd), 0), coalesce(sum(charged_nanousd) FILTER (WHERE state = 'doubt'), 0) "
        f"{attempts}",
        of,
    ).fetchone()
    failures = connection.execute(
        f"SELECT reason, count(*) {attempts} AND reason <> '' GROUP BY reason ORDER BY 2 DESC, 1 LIMIT 10", of
    ).fetchall()
    return ModelProgress(
        model=row["model"],
        asked=row["asked"],
        replied=row["replied"],
        never_sent=row["never_sent"],
        charged_nanousd=charged,
        in_doubt_nanousd=doubtful,
        failures=tuple((reason, count) for reason, count in failures),
        judge=bool(row["judge"]),
    )


def _doubts(connection: sqlite3.Connection) -> list[Doubt]:
    rows = connection.execute(
        "SELECT a.*, r.name AS run FROM attempts a JOIN runs r ON r.id = a.run_id WHERE a.state = 'doubt' ORDER BY a.id"
    )
    return [
        Doubt(
            attempt_id=row["id"],
            run=row["run"],
            provider=row["provider"],
            model=row["model"],
            item_id=row["item_id"],
            charged_nanousd=row["charged_nanousd"],
            started_at=row["started_at"],
            reason=row["reason"],
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Reasked:
    """A question that was paid for after an attempt at it had been left in doubt."""

    attempt_id: int
    model: str
    item_id: str
    doubt_nanousd: int
    paid_nanousd: int


def reasked(connection: sqlite3.Connection, run_id: int, since: int) -> tuple[Reasked, ...]:
    """Return a run's attempts in doubt whose question got a reply with an id above `since`."""
    rows = connection.execute(
        "SELECT a.id, a.model, a.item_id, a.charged_nanousd, r.cost_nanousd FROM attempts a JOIN replies r "
        "ON r.key = a.key AND r.id > ? AND r.attempt_id <> a.id "
        "WHERE a.run_id = ? AND a.state = 'doubt' ORDER BY a.id",
        (since, run_id),
    )
    return tuple(Reasked(*row) for row in rows)


def resolve(connection: sqlite3.Connection, attempt_ids: tuple[int, ...] | None, billed: bool) -> int:
    """Settle attempts in doubt (None: all) as billed at their reservation or not at all; return how many there were."""
    chosen = [doubt for doubt in _doubts(connection) if attempt_ids is None or doubt.attempt_id in attempt_ids]
    for doubt in chosen:
        connection.execute(
            "UPDATE attempts SET state = ?, charged_nanousd = ? WHERE id = ?",
            (State.RESOLVED, doubt.charged_nanousd if billed else 0, doubt.attempt_id),
        )
        if not billed:
            connection.execute(
                "UPDATE runs SET charged_nanousd = charged_nanousd - ? WHERE name = ?",
                (doubt.charged_nanousd, doubt.run),
            )
            connection.execute(
                "UPDATE providers SET charged_nanousd = charged_nanousd - ? WHERE name = ?",
                (doubt.charged_nanousd, doubt.provider),
            )
    return len(chosen)
