"""Writes files whole or not at all, and reads and writes JSON Lines."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator.records import Json


def write(path: Path, data: bytes) -> None:
    """Write a file under another name and rename it, unless it already holds just that."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def lines(objects: Iterable[dict[str, Json]]) -> bytes:
    """Return objects as JSON Lines, keys in the order given."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in objects)


def read_lines(path: Path) -> Iterator[dict[str, Json]]:
    """Yield the objects of a JSON Lines file; ValueError for anything else."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            one = json.loads(line)
            if not isinstance(one, dict):
                raise ValueError(f"{path.name}: a line is no JSON object")
            yield one


def digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
