"""What is known of pictures from one reading to the next, so that an unchanged file is not decoded again.

A fact is kept under a stamp of its file: real path, size, both times and inode, and for an embedded picture its place
in the file. As long as the stamp stands, the file is taken to be the same; the bytes are digested again before they are
sent, so a stamp that deceives costs an error and never a wrong picture.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ImageFact:
    """What is known of a picture that was decoded in full."""

    digest: str
    """SHA-256 (hex) of its own bytes."""
    width: int
    height: int
    """Pixels, after EXIF rotation."""


class ImageFacts(Protocol):
    """Knowledge of pictures that outlives a process; a stamp is an opaque string of up to a few thousand characters."""

    async def known(self, stamps: Sequence[str]) -> Mapping[str, ImageFact]:
        """Return the facts known under these stamps; unknown ones are left out."""
        ...

    async def learn(self, facts: Mapping[str, ImageFact]) -> None:
        """Keep these facts by stamp."""
        ...


def file_stamp(path: str, info: os.stat_result) -> str:
    """Return what changes whenever the file does."""
    return f"{path}|{info.st_size}|{info.st_mtime_ns}|{info.st_ctime_ns}|{info.st_ino}"
