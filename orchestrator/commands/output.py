"""Files that a command writes: complete under their name, or not there at all, and never in place of what it reads.

Always holds: what is no regular file (a pipe, a device) is written to and never replaced; a link stays a link.
"""

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
    try:
        target = out.resolve(strict=False)
        if target.is_dir():
            raise ConfigError(f"{out}: is a folder; name a file in it.")
        _refuse(out, target, kept)
        with _through(target) if target.exists() and not target.is_file() else _instead(target) as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error


@contextmanager
def _instead(target: Path) -> Iterator[TextIO]:
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _through(target: Path) -> Iterator[TextIO]:
    with target.open("w", encoding="utf-8", newline="") as file:
        yield file


def _refuse(out: Path, target: Path, kept: tuple[Path, ...]) -> None:
    if not target.is_file():
        return
    with target.open("rb") as file:
        database = file.read(len(_DATABASE)) == _DATABASE
    if database or any(one.exists() and one.samefile(target) for one in kept):
        raise ConfigError(
            f"{out}: {'is a cache' if database else 'is read here'} and was left alone; name another file."
        )
