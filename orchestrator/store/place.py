"""Whether a folder can hold a cache that several processes share: locks must work, and be seen by all of them."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

import psutil

from orchestrator.errors import CacheError

REMOTE = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"),
        *("orangefs", "panfs", "smb3", "smbfs", "webdav"),
        *("fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)
"""File systems whose locks or shared memory SQLite's write-ahead log cannot rely on (sqlite.org/wal.html)."""


def check(folder: Path) -> None:
    """Raise CacheError if a cache in this folder could be written by two processes at once, or not be locked."""
    kind = file_system(folder)
    advice = "Put the cache on a local disk: --cache FILE or ORCHESTRATOR_CACHE."
    if kind in REMOTE:
        raise CacheError(f"{folder}: a {kind} file system does not lock files reliably. {advice}")
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            fcntl.lockf(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except PermissionError as error:
        raise CacheError(
            f"{folder}: the cache cannot be written here: {error.strerror}. Check the permissions, or name another "
            "with --cache FILE or ORCHESTRATOR_CACHE."
        ) from error
    except OSError as error:
        raise CacheError(f"{folder}: files cannot be locked here: {error.strerror}. {advice}") from error


def file_system(folder: Path) -> str:
    """Return the type of the file system that holds a folder; empty if it is not known."""
    real = os.path.realpath(folder)
    holding = [
        part
        for part in psutil.disk_partitions(all=True)
        if os.path.commonpath([real, part.mountpoint]) == part.mountpoint
    ]
    return max(holding, key=lambda part: len(part.mountpoint)).fstype if holding else ""
