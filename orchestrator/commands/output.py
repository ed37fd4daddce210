"""Files that a command writes: complete under their name, or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from orchestrator.errors import ConfigError


@contextmanager
def replaced(out: Path) -> Iterator[TextIO]:
    """Open a text file that takes the name `out` when the block ends without an error.

    Raises ConfigError if it cannot be written.
    """
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(out)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
