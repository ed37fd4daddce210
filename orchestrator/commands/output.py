"""Files that a command writes: complete under their name, or not there at all, and never in place of what it reads.

A symbolic link is followed. What stands there and is no file (a pipe, a terminal, a device) is written through, as is
what stdout or stderr already goes to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from orchestrator.errors import ConfigError

_DATABASE = b"SQLite format 3\0"


@contextmanager
def replaced(out: Path, *kept: Path) -> Iterator[TextIO]:
    """Open a text file that takes the name `out` when the block ends without an error.

    Raises ConfigError if it cannot be written, is a folder, or stands for one of the `kept` files or for any cache;
    BrokenPipeError where nobody reads any more what is written through.
    """
    try:
        through = _through(out, kept)
        if through is None:
            with _beside(Path(os.path.realpath(out))) as file:
                yield file
        else:
            with open(through, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor has no path
                yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error


@contextmanager
def _beside(target: Path) -> Iterator[TextIO]:
    """Open a file that replaces `target` as a whole at the end."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8", newline="") as file:
        try:
            yield file
            file.close()
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def _through(out: Path, kept: tuple[Path, ...]) -> Path | int | None:
    """Return the path or open descriptor to write through; None where a file is to be replaced, or made."""
    try:
        found = out.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{out}: is a folder; name a file in it.")
    is_file = stat.S_ISREG(found.st_mode)
    if is_file:
        _refuse(out, kept)
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.path.samestat(found, os.fstat(descriptor)):
                return os.dup(descriptor)
    return None if is_file else out


def _refuse(out: Path, kept: tuple[Path, ...]) -> None:
    with out.open("rb") as file:
        database = file.read(len(_DATABASE)) == _DATABASE
    if database or any(one.exists() and one.samefile(out) for one in kept):
        raise ConfigError(
            f"{out}: {'is a cache' if database else 'is read here'} and was left alone; name another file."
        )
