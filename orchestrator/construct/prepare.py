"""Prepares pictures: decode, measure, reduce, write as PNG; and remembers what is done, so that a build resumes.

Always holds: `images/<SHA-256 of the source file>[-f<frame>].png` is whole or absent, holds 8-bit RGB pixels and
nothing else, and is the same for the same source file and settings. The ledger (`.build/ledger.jsonl`) gets a line
after the picture is in place; a line cut short by a kill is passed over, and its picture made again.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from orchestrator.construct.clarity import fingerprint, measure
from orchestrator.construct.files import write
from orchestrator.construct.findings import Finding
from orchestrator.construct.parallel import ordered
from orchestrator.construct.pixels import UnreadableError, decode
from orchestrator.construct.settings import ImageSettings

VERSION = 1
"""Raised when the same source file would give another picture, so that ledgers of older versions are not believed."""
Progress: TypeAlias = Callable[[str, int, int], None]
"""Told (stage, done, total)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture that was decoded."""

    name: str
    """File name below images/, made of the source file's digest."""
    picture: str
    """SHA-256 (hex) of the PNG; empty if the picture is unclear and was not written."""
    size: int
    """Bytes of the PNG."""
    width: int
    height: int
    contrast: float
    sharpness: float
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read, and why."""

    reason: str


class Ledger:
    """What earlier builds into the same folder have prepared."""

    def __init__(self, path: Path, settings: ImageSettings) -> None:
        recipe = f"{VERSION} {settings.max_side} {settings.min_side} {settings.min_contrast}"
        self._recipe = hashlib.sha256(recipe.encode()).hexdigest()[:16]
        self._path = path
        self._done: dict[str, Prepared] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                # A kill may have cut the last line short; what it said is done again.
                with suppress(ValueError, TypeError, KeyError):
                    entry = json.loads(line)
                    self._done[entry["key"]] = Prepared(**entry["prepared"])

    def key(self, finding: Finding) -> str:
        """Return what must be unchanged for an entry to count: the file's path, size and time, frame and settings."""
        stat = finding.path.stat()
        place = f"{finding.path.resolve()}\0{finding.frame}\0{stat.st_size}\0{stat.st_mtime_ns}\0{self._recipe}"
        return hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()

    def find(self, key: str, images: Path) -> Prepared | None:
        """Return the entry if its picture is still in place, or was never written."""
        done = self._done.get(key)
        if done and done.picture:
            path = images / done.name
            if not path.is_file() or path.stat().st_size != done.size:
                return None
        return done

    def add(self, key: str, prepared: Prepared) -> None:
        """Remember an entry."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            # After a line that was cut short, a new one begins.
            if file.tell() and (file.seek(-1, 2), file.read(1))[1] != b"\n":
                file.write(b"\n")
            file.write(json.dumps({"key": key, "prepared": asdict(prepared)}).encode() + b"\n")


def prepare_all(
    findings: Sequence[Finding], out: Path, settings: ImageSettings, progress: Progress
) -> tuple[list[Prepared | Unreadable], int]:
    """Prepare the picture of every finding; return the results in order, and how many had been prepared before."""
    ledger = Ledger(out / ".build" / "ledger.jsonl", settings)
    images = out / "images"

    def one(finding: Finding) -> tuple[str, Prepared | Unreadable, bool]:
        try:
            key = ledger.key(finding)
            done = ledger.find(key, images)
            if done:
                return key, done, True
            return key, prepare(finding.path.read_bytes(), finding.frame, images, settings), False
        except (OSError, UnreadableError) as error:
            return "", Unreadable(str(error)), False

    results: list[Prepared | Unreadable] = []
    known = 0
    with warnings.catch_warnings():
        # Headers out of standard are common, and of no interest while the pixels can be read.
        warnings.simplefilter("ignore")
        for key, result, before in ordered(one, findings):
            if isinstance(result, Prepared) and not before:
                ledger.add(key, result)
            known += before
            results.append(result)
            progress("pictures", len(results), len(findings))
    return results, known


def prepare(data: bytes, frame: int | None, images: Path, settings: ImageSettings) -> Prepared:
    """Decode a source file, measure it, and write its PNG unless it is unclear; UnreadableError if it is broken."""
    picture = decode(data, frame)
    clarity = measure(picture)
    mark = fingerprint(picture)
    clear = min(picture.size) >= settings.min_side and clarity.contrast >= settings.min_contrast
    picture.thumbnail((settings.max_side, settings.max_side), Image.Resampling.LANCZOS)
    name = hashlib.sha256(data).hexdigest() + ("" if frame is None else f"-f{frame}") + ".png"
    encoded = b""
    if clear:
        out = io.BytesIO()
        # A fresh picture of the bare pixels: no profile, no comment, no date can come along.
        Image.frombytes("RGB", picture.size, picture.tobytes()).save(out, "png", compress_level=6)
        encoded = out.getvalue()
        write(images / name, encoded)
    return Prepared(
        name,
        hashlib.sha256(encoded).hexdigest() if clear else "",
        len(encoded),
        *picture.size,
        clarity.contrast,
        clarity.sharpness,
        mark,
    )
