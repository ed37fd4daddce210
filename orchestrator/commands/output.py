"""Files that a command writes: complete under their name, or not there at all, and never in place of what it reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from orchestrator.errors import ConfigError

_DATABASE = b"SQLite format 3\0"


@contextmanager
def replaced(out: Path, *kept: Path) -> Iterator[TextIO]:
    """Open a text file that takes the name `out` when the block ends without an error.

    Raises ConfigError if it cannot be written, or stands for one of the `kept` files or for any cache.
    """
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        _refuse(out, kept)
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(out)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _refuse(out: Path, kept: tuple[Path, ...]) -> None:
    if not out.is_file():
        return
    with out.open("rb") as file:
        database = file.read(len(_DATABASE)) == _DATABASE
    if database or any(one.exists() and one.samefile(out) for one in kept):
        raise ConfigError(
            f"{out}: {'is a cache' if database else 'is read here'} and was left alone; name another file."
        )
