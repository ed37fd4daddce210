"""A cache with one answer to each item of a large benchmark, and how much memory the processes that read it hold."""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
from cli_program import row, write_rows

from orchestrator.dataset.native import parse
from orchestrator.dataset.row import read_row
from orchestrator.store.database import open_database

FULL = 100_000
"""Answers that are to be graded in little time and memory."""
DECLARED = 0.7
"""Share of the answers that end as they were told to."""
REASONS = (
    "The vertebral bodies keep their height and the cortical outlines are smooth.",
    "There is a step of a few millimetres between neighbouring bodies at the lower levels.",
    "The disc spaces look narrower towards the sacrum than above.",
    "Small bony outgrowths stand at the front corners; option texts differ in what they make of that.",
)


def store(folder: Path, count: int) -> None:
    """Write a benchmark and a cache with one answer to each item."""
    dice = random.Random(1)
    texts = ["Healthy", "Osteophytes", "Disc space narrowing", "Spondylolisthesis"]
    path = write_rows(
        folder,
        [row(number, options=dict(zip("ABCD", dice.sample(texts, 4), strict=True))) for number in range(count)],
    )
    connection = open_database(folder / "full.db").conn
    connection.execute(
        "INSERT INTO runs (name, benchmark, benchmark_digest, settings, created_at, touched_at) "
        "VALUES ('full', ?, 'digest', '{}', 1, 1)",
        (str(path.resolve()),),
    )
    for number, line in enumerate(path.read_text().splitlines()):
        item = read_row(parse(line, number), "items").item
        assert item is not None
        key = hashlib.sha256(item.id.encode()).hexdigest()
        connection.execute(
            "INSERT INTO replies (key, attempt_id, text, ending, finish_reason, cost_nanousd, latency_s, raw, "
            "created_at) VALUES (?, 1, ?, 'complete', 'stop', 1, 1.0, '{}', 1.0)",
            (key, answer(dice, dict(item.options))),
        )
        connection.execute("INSERT INTO run_items VALUES (1, 'gpt', '', ?, 0, 0, ?, ?)", (item.id, key, item.wording))
    connection.commit()
    connection.close()


def answer(dice: random.Random, options: dict[str, str]) -> str:
    """Return what a model may say: reasons, then mostly the last line it was asked for."""
    letter = dice.choice(list(options))
    reasons = " ".join(dice.choice(REASONS) for _ in range(dice.randrange(1, 6)))
    asked_for = f"\n\nMy final option: [{letter}]"
    other = (
        f" Therefore the answer is {letter}.",
        f" I would choose **{letter}. {options[letter]}**.",
        f" This is most consistent with {options[letter].lower()}.",
        " It cannot be told from this view.",
    )
    return reasons + (asked_for if dice.random() < DECLARED else dice.choice(other))


def peak(process: subprocess.Popen[bytes]) -> int:
    """Wait for a command's end, at most 300 seconds; return the most memory (bytes) it and its helpers held at once."""
    most = 0
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(psutil.Error):
            alive = psutil.Process(process.pid)
            most = max(most, sum(map(held, (alive, *alive.children(recursive=True)))))
        time.sleep(0.1)
    return most


def held(process: psutil.Process) -> int:
    """Return a process's memory, what it shares with others in parts; 0 once it has ended."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return getattr(memory, "pss", memory.uss)
