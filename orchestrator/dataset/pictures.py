"""From the picture names of a benchmark to `ImageRef`s, with as little reading as can be.

Always: a picture lies within the benchmark's folder, symlinks followed; what is known already is looked up, a batch at
a time; a fact is learnt only from a picture that was decoded in full and whose stamp was the same before and after.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from orchestrator.dataset.facts import ImageFact, ImageFacts, file_stamp
from orchestrator.dataset.images import PROCESSORS, digest_of, read_bytes
from orchestrator.dataset.lines import whole_file
from orchestrator.dataset.pixels import PictureError, inspect, too_large
from orchestrator.dataset.row import Source, shown
from orchestrator.records import ImageRef


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a picture cannot be used, in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A picture found on disk, not yet read."""

    path: str
    stamp: str
    name: str
    offset: int | None = None
    length: int | None = None


Resolved: TypeAlias = Mapping[Source, ImageRef | Unusable]


class Pictures:
    """The pictures of one benchmark file."""

    def __init__(self, benchmark: Path, facts: ImageFacts, pixel_limit: int) -> None:
        self._benchmark = benchmark.resolve()
        self._root = os.path.realpath(benchmark.parent)
        self._inside = self._root.rstrip("/") + "/"
        self._facts = facts
        self._pixel_limit = pixel_limit

    async def resolve(self, sources: Iterable[Source]) -> Resolved:
        """Find and, where nothing is known of them, read and decode the pictures, a few at a time."""
        places = await asyncio.to_thread(self._locate, tuple(dict.fromkeys(sources)))
        found = {source: place for source, place in places.items() if isinstance(place, _Place)}
        stamps = {place.stamp: place for place in found.values()}
        facts: dict[str, ImageFact | Unusable] = dict(await self._facts.known(tuple(stamps)))
        unread = [place for stamp, place in stamps.items() if stamp not in facts]
        if unread:
            learnt = await self._read(unread)
            facts |= learnt
            await self._facts.learn({stamp: fact for stamp, fact in learnt.items() if isinstance(fact, ImageFact)})
        return {
            source: self._ref(place, facts[place.stamp]) if isinstance(place, _Place) else place
            for source, place in places.items()
        }

    def _locate(self, sources: Sequence[Source]) -> dict[Source, _Place | Unusable]:
        """Find the files, stamped."""
        try:
            base = file_stamp(str(self._benchmark), self._benchmark.stat())
        except OSError as error:
            raise whole_file(self._benchmark, f"cannot be read any more ({error.strerror})") from error
        folders: dict[str, str] = {}
        places: dict[Source, _Place | Unusable] = {}
        for source in sources:
            if isinstance(source, str):
                try:
                    places[source] = self._locate_file(source, folders)
                except PictureError as error:
                    places[source] = Unusable(f"{shown(source)} {error}")
            else:
                stamp = f"{base}|{source.offset}|{source.length}"
                places[source] = _Place(str(self._benchmark), stamp, "the picture", source.offset, source.length)
        return places

    def _locate_file(self, name: str, folders: dict[str, str]) -> _Place:
        """Find one file within the benchmark's folder; raises PictureError.

        `folders` keeps the real paths of folders met: to resolve every file from the root up takes most of the time.
        """
        if _URL.match(name):
            raise PictureError("is a URL; download the picture and name the file")
        if name.startswith("/") or _WINDOWS_DRIVE.match(name):
            raise PictureError("is an absolute path; name the file relative to the benchmark's folder")
        if ".." in name.split("/"):
            raise PictureError("has '..' in it; a picture lies in the benchmark's folder or below")
        try:
            above, _, last = name.rpartition("/")
            if above not in folders:
                folders[above] = os.path.realpath(f"{self._root}/{above}")
            real = f"{folders[above]}/{last}"
            info = Path(real).lstat()
            if stat.S_ISLNK(info.st_mode):
                real = os.path.realpath(real)
                info = Path(real).stat()
        except FileNotFoundError:
            raise PictureError("does not exist") from None
        except OSError as error:
            raise PictureError(f"cannot be read ({error.strerror})") from None
        if not real.startswith(self._inside):
            raise PictureError("leads out of the benchmark's folder, through a symlink")
        if not stat.S_ISREG(info.st_mode):
            raise PictureError("is not a file")
        return _Place(real, file_stamp(real, info), shown(name))

    async def _read(self, places: Sequence[_Place]) -> dict[str, ImageFact | Unusable]:
        """Read and decode pictures, as many at once as there are processors."""
        learnt: dict[str, ImageFact | Unusable] = {}
        todo = iter(places)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(PROCESSORS, len(places))):
                group.create_task(self._work(todo, learnt))
        return learnt

    async def _work(self, todo: Iterator[_Place], learnt: dict[str, ImageFact | Unusable]) -> None:
        for place in todo:
            try:
                data = await read_bytes(place.path, place.offset, place.length)
                learnt[place.stamp] = await asyncio.to_thread(self._examine, data, place)
            except PictureError as error:
                learnt[place.stamp] = Unusable(f"{place.name} {error}")

    def _examine(self, data: bytes, place: _Place) -> ImageFact:
        """Decode and digest; raises PictureError."""
        width, height = inspect(data, self._pixel_limit)
        if not place.stamp.startswith(file_stamp(place.path, Path(place.path).stat())):
            raise PictureError("was changed while it was read; run the command again")
        return ImageFact(digest_of(data), width, height)

    def _ref(self, place: _Place, fact: ImageFact | Unusable) -> ImageRef | Unusable:
        """Return the picture as an item carries it."""
        if isinstance(fact, Unusable):
            return fact
        oversized = too_large(fact.width, fact.height, self._pixel_limit)
        if oversized:
            return Unusable(f"{place.name} {oversized}")
        return ImageRef(place.path, fact.digest, fact.width, fact.height, place.offset, place.length)


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|data:", re.ASCII)
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]", re.ASCII)
