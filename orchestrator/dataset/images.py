"""Pictures as a run needs them: read, known again by their digest, and encoded once for each setting.

Always: no bytes are sent whose SHA-256 is not the one the benchmark was checked with; memory is bounded by the cache's
size and by one decoded picture a processor; decoding and encoding never block the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import os
import stat
from collections import OrderedDict
from pathlib import Path

import aiofiles

from orchestrator.dataset.pixels import PIXEL_LIMIT, Encoded, PictureError, prepare, sent_size
from orchestrator.errors import OrchestratorError
from orchestrator.records import ImagePolicy, ImageRef

__all__ = [
    "PIXEL_LIMIT",
    "Encoded",
    "ImageChanged",
    "ImageLoader",
    "ImageUnreadable",
    "digest_of",
    "read_bytes",
    "sent_size",
]

MAX_BYTES = 256 * 1024 * 1024
"""Size of the largest picture file read."""
PROCESSORS = os.cpu_count() or 1


class ImageUnreadable(OrchestratorError):  # noqa: N818  named for what happened, as its callers read it
    """A picture is gone, cannot be read, or cannot be decoded."""


class ImageChanged(OrchestratorError):  # noqa: N818  named for what happened, as its callers read it
    """A picture is no longer the one that the benchmark was checked with."""


async def read_bytes(path: str, offset: int | None = None, length: int | None = None) -> bytes:
    """Return a picture file's bytes, or the decoded bytes of the base64 text at `offset` (of `length` bytes).

    Raises PictureError (its message follows the file's name) when there is nothing to read.
    """
    try:
        info = await asyncio.to_thread(os.stat, path)
        if not stat.S_ISREG(info.st_mode):  # opening a pipe would wait for ever
            raise PictureError("is not a file")
        if (info.st_size if length is None else length) > MAX_BYTES:
            raise PictureError(f"is over {MAX_BYTES // 2**20} MiB")
        async with aiofiles.open(path, "rb") as file:
            if offset is None or length is None:
                return await file.read()
            await file.seek(offset)
            text = await file.read(length)
    except FileNotFoundError:
        raise PictureError("does not exist") from None
    except OSError as error:
        raise PictureError(f"cannot be read ({error.strerror})") from error
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise PictureError("is not valid base64") from None


class ImageLoader:
    """Prepares pictures for sending and keeps the latest, up to `max_bytes`, by source digest and policy.

    Concurrent callers who want the same picture wait for one encoding. Bound to the event loop it is first used in.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, ImagePolicy], Encoded] = OrderedDict()
        self._pending: dict[tuple[ImageRef, ImagePolicy], asyncio.Task[Encoded]] = {}
        self._turns = asyncio.Semaphore(PROCESSORS)

    async def load(self, ref: ImageRef, policy: ImagePolicy) -> Encoded:
        """Return the picture as the policy sends it.

        Raises ImageChanged when the bytes found are not those of `ref.digest`, ImageUnreadable when there are none or
        they cannot be encoded.
        """
        kept = self._kept.get((ref.digest, policy))
        if kept is not None:
            self._kept.move_to_end((ref.digest, policy))
            return kept
        task = self._pending.get((ref, policy))
        if task is None:
            task = asyncio.create_task(self._encode(ref, policy))
            self._pending[ref, policy] = task
            task.add_done_callback(lambda done: self._settle(ref, policy, done))
        return await asyncio.shield(task)  # one caller's cancellation is not the others'

    async def _encode(self, ref: ImageRef, policy: ImagePolicy) -> Encoded:
        async with self._turns:
            try:
                data = await read_bytes(ref.path, ref.offset, ref.length)
                if await asyncio.to_thread(digest_of, data) != ref.digest:
                    raise ImageChanged(
                        f"{_named(ref)} has changed since the benchmark was checked; run the command again"
                    )
                return await asyncio.to_thread(prepare, data, policy)
            except PictureError as error:
                raise ImageUnreadable(f"{_named(ref)} {error}") from error

    def _settle(self, ref: ImageRef, policy: ImagePolicy, task: asyncio.Task[Encoded]) -> None:
        """Keep what a finished task made, and forget the least recently used beyond the limit."""
        del self._pending[ref, policy]
        if task.cancelled() or task.exception() is not None:
            return
        encoded = task.result()
        replaced = self._kept.pop((ref.digest, policy), None)
        self._kept[ref.digest, policy] = encoded
        self._bytes += len(encoded.data) - (len(replaced.data) if replaced else 0)
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.data)


def digest_of(data: bytes) -> str:
    """Return the SHA-256 (hex) by which a picture is known."""
    return hashlib.sha256(data).hexdigest()


def _named(ref: ImageRef) -> str:
    """Return how a message calls the picture."""
    return ref.path if ref.offset is None else f"the picture at byte {ref.offset} of {Path(ref.path).name}"
