"""Room kept on the disk for replies that are already paid for when it fills up.

A file of `SIZE` bytes lies beside the cache while a process writes to it. When the disk is full it is removed, and
what is in flight can still be stored; nothing new is begun.
"""

from __future__ import annotations

import os
from glob import escape
from pathlib import Path

import psutil

SIZE = 16 * 2**20
"""Bytes: several hundred replies in flight, with what SQLite's log needs for them."""
_MARK = "-reserve-"


class Ballast:
    """The reserve that this process keeps beside one cache file."""

    def __init__(self, cache: Path) -> None:
        self._path = cache.with_name(f"{cache.name}{_MARK}{os.getpid()}")

    def take(self) -> None:
        """Reserve the room, and remove what dead processes left. Raises OSError when there is not enough."""
        for left in self._path.parent.glob(f"{escape(self._path.name.rpartition(_MARK)[0])}{_MARK}*"):
            pid = left.name.rpartition(_MARK)[2]
            if pid.isdecimal() and not psutil.pid_exists(int(pid)):
                left.unlink(missing_ok=True)
        try:
            with self._path.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, SIZE)
                else:
                    file.write(bytes(SIZE))
        except OSError:
            self.drop()
            raise

    def drop(self) -> bool:
        """Give the room back; return whether there was any."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
