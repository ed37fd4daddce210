"""Checks a built benchmark from its folder alone: nothing is believed that can be computed again.

A problem is something that must not be (a file changed, an answer that is no option, a leak, a wrong answer that is
not among the nearest); a remark is something to know (letters out of balance, pictures of two groups that look alike).
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.construct import files
from orchestrator.construct.embed import GRID
from orchestrator.construct.labels import HEALTHY, LEVELS, Vocabulary
from orchestrator.construct.negatives import Library, eligible, nearest, similarities, wanted
from orchestrator.construct.output import FORMAT, IMAGE_NAME
from orchestrator.construct.prepare import Progress
from orchestrator.construct.questions import SDD, SLL
from orchestrator.construct.settings import BuildConfig, DiseaseSettings, NegativeSettings
from orchestrator.errors import BenchmarkError, Problem
from orchestrator.records import Json

ALIKE = 6
"""Bits of 256 in which the fingerprints of two pictures that look the same may differ."""
UNBALANCED = 4.0
"""Standard deviations from its expected share at which a letter is called out of balance."""
SHOWN = 20
_PNG_CHUNKS = frozenset({b"IHDR", b"IDAT", b"IEND"})


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found in a folder."""

    items: int
    pictures: int
    problems: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Json]:
        """Return what `build --verify --json` prints."""
        return {
            "ok": self.ok,
            "items": self.items,
            "pictures": self.pictures,
            "problems": [*self.problems],
            "remarks": [*self.remarks],
        }


@dataclass(frozen=True, slots=True)
class _Folder:
    """The benchmark as its files tell it."""

    path: Path
    manifest: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]]
    pictures: Sequence[Mapping[str, Any]]
    names: Mapping[str, tuple[str, ...]]
    """Disease -> every way to write it that could give it away, in lower case."""


def verify(folder: Path, progress: Progress = lambda *_: None) -> VerifyReport:
    """Check a built benchmark; BenchmarkError if the folder holds no finished one."""
    told = _read(folder)
    try:
        picture_of = {str(picture["image"]): picture for picture in told.pictures}
        problems = [
            *_changed(told),
            *_repeated(told),
            *(problem for item in told.items for problem in _item(told, item, picture_of)),
            *_pictures(told, progress),
            *_wrong_negatives(told),
        ]
        remarks = (*_balance(told.items), *_alike(told))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Whoever edited the files by hand may have left out any field, or put anything in it.
        raise BenchmarkError(
            [Problem(str(folder), 0, "", f"its files are not as a build writes: {error!r}")]
        ) from error
    return VerifyReport(len(told.items), len(told.pictures), tuple(problems), remarks)


def _read(folder: Path) -> _Folder:
    """Read the folder; BenchmarkError if it is no finished benchmark."""
    try:
        manifest = json.loads((folder / "build.json").read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise BenchmarkError(
                [
                    Problem(
                        str(folder / "build.json"), 0, "format", f"is {manifest['format']}, this version reads {FORMAT}"
                    )
                ]
            )
        items = tuple(files.read_lines(folder / "items.jsonl"))
        pictures = tuple(files.read_lines(folder / "provenance.jsonl"))
        added = tuple(DiseaseSettings.model_validate(one) for one in manifest["config"]["diseases"])
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise BenchmarkError(
            [Problem(str(folder), 0, missing, "not found: no finished build; run the build again to finish it")]
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BenchmarkError([Problem(str(folder), 0, "", f"cannot be read as a build: {error!r}")]) from error
    sources = [{"kind": "generic", "path": "."}]
    words = Vocabulary(BuildConfig.model_validate({"sources": sources, "diseases": added}).added_diseases)
    names = {one.name: tuple(name.casefold() for name in (one.name, *one.aliases)) for one in words.diseases}
    return _Folder(folder, manifest, items, pictures, names)


def _changed(told: _Folder) -> Iterator[str]:
    """Name files that are gone or not what the build wrote."""
    for name, digest in told.manifest["files"].items():
        path = told.path / name
        if not path.is_file():
            yield f"{name}: is gone"
        elif files.digest(path) != digest:
            yield f"{name}: was changed since the build"


def _repeated(told: _Folder) -> Iterator[str]:
    """Name ids used twice."""
    for name, count in Counter(str(item.get("id")) for item in told.items).items():
        if count > 1:
            yield f"{name}: {count} items have this id"


def _item(told: _Folder, item: Mapping[str, Any], picture_of: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Name what is wrong with one item, but for its choice of wrong answers."""
    name = item["id"]
    options: Mapping[str, str] = item["options"]
    gold = {options.get(letter) for letter in item["answer"]}
    image = str(item["image"]).removeprefix("images/")
    picture = picture_of.get(image)
    if None in gold or not gold:
        yield f"{name}: the answer {item['answer']} is not among the options"
    if len(options) != 5 or len(set(options.values())) != 5:
        yield f"{name}: there are not five different options"
    if picture is None or not IMAGE_NAME.fullmatch(image):
        yield f"{name}: its picture {image!r} is none of the build's"
        return
    if item["group"] != picture["group"]:
        yield f"{name}: its group is not its picture's"
    if item["task"] == SDD:
        if HEALTHY not in options.values() or gold != {picture["answer"]} or item["multi"]:
            yield f"{name}: does not ask for {picture['answer']} with {HEALTHY} among the options"
    else:
        levels = picture["levels"].get(item["metadata"].get("disease"))
        if set(options.values()) != set(LEVELS) or gold != set(levels or ()) or not item["multi"]:
            yield f"{name}: does not ask for the levels {levels} among the five"
    yield from _leaks(told, item)


def _leaks(told: _Folder, item: Mapping[str, Any]) -> Iterator[str]:
    """Name texts that come with the question and give the answer away."""
    metadata = " ".join(str(value) for value in item["metadata"].values())
    texts = {"id": str(item["id"]), "group": str(item["group"]), "question": item["question"], "metadata": metadata}
    gold = [item["options"].get(letter, "") for letter in item["answer"]]
    for field, text in texts.items():
        plain = text.casefold().replace("-", " ").replace("_", " ")
        for answer in gold:
            given = (*told.names.get(answer, ()), answer.casefold())
            if any(f" {one} " in f" {plain.strip('?. ')} " for one in given if one):
                yield f"{item['id']}: its {field} gives the answer away"


def _pictures(told: _Folder, progress: Progress) -> Iterator[str]:
    """Name pictures that are gone, changed, hold more than pixels, or belong to no item."""
    used = {str(item["image"]).removeprefix("images/") for item in told.items}
    known = {str(picture["image"]): str(picture["sha256"]) for picture in told.pictures}
    for done, name in enumerate(sorted(used & known.keys()), start=1):
        path = told.path / "images" / name
        if not path.is_file():
            yield f"images/{name}: is gone"
        elif files.digest(path) != known[name]:
            yield f"images/{name}: was changed since the build"
        elif extra := _chunks(path.read_bytes()) - _PNG_CHUNKS:
            yield f"images/{name}: holds {sorted(extra)} besides its pixels"
        progress("pictures", done, len(used))
    for path in sorted((told.path / "images").glob("*")):
        if path.name not in used:
            yield f"images/{path.name}: belongs to no item"


def _chunks(data: bytes) -> set[bytes]:
    """Return the kinds of chunk in a PNG file."""
    kinds, at = set(), 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        kinds.add(kind)
        at += 12 + length
    return kinds


def _wrong_negatives(told: _Folder) -> Iterator[str]:
    """Name diagnosis items whose wrong answers are not the nearest, computed again from the embeddings."""
    path = told.path / "embeddings.npy"
    if not path.is_file():
        return
    vectors = np.load(path, allow_pickle=False, mmap_mode="r")
    if vectors.shape[:1] != (len(told.pictures),) or any(((row * np.float32(GRID)) % 1).any() for row in vectors):
        yield "embeddings.npy: has not one vector a picture, on the grid of the build"
        return
    row_of = {str(picture["image"]): row for row, picture in enumerate(told.pictures)}
    chosen: Mapping[str, Sequence[str]] = told.manifest["library"]
    try:
        library = Library(tuple(chosen), tuple(tuple(row_of[name] for name in names) for names in chosen.values()))
    except KeyError as error:
        yield f"build.json: the library names {error}, which is no picture of the build"
        return
    groups = np.unique([str(picture["group"]) for picture in told.pictures], return_inverse=True)[1].astype(np.int64)
    settings = NegativeSettings.model_validate(told.manifest["config"]["negatives"])
    table = similarities(vectors, groups, library, settings.reduce)
    for item in told.items:
        row = row_of.get(str(item["image"]).removeprefix("images/"))
        if item["task"] == SLL or row is None:
            continue
        picture = told.pictures[row]
        similarity = eligible(table[row], library.diseases, frozenset(picture["carried"]))
        expected = {picture["answer"], HEALTHY, *nearest(similarity, wanted(picture["answer"]))}
        offered = set(item["options"].values())
        if offered != expected:
            yield f"{item['id']}: offers {sorted(offered - expected)} where {sorted(expected - offered)} are nearer"


def _balance(items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Remark on letters that are right more or less often than chance would have it."""
    for task in (SDD, SLL):
        answers = [item["answer"] for item in items if item["task"] == task]
        counts = Counter(letter for answer in answers for letter in answer)
        share = sum(counts.values()) / (5 * len(answers)) if answers else 0.0
        if not 0 < share < 1:
            continue
        spread = math.sqrt(len(answers) * share * (1 - share))
        for letter in "ABCDE":
            off = (counts[letter] - len(answers) * share) / spread
            if abs(off) > UNBALANCED:
                yield f"{task}: {letter} is right {counts[letter]} times, {off:+.1f} standard deviations from its share"


def _alike(told: _Folder) -> Iterator[str]:
    """Remark on pictures of different groups that look the same: one patient may be two groups."""
    marks = np.array([list(bytes.fromhex(str(picture["fingerprint"]))) for picture in told.pictures], np.uint8)
    groups = np.unique([str(picture["group"]) for picture in told.pictures], return_inverse=True)[1]
    pairs = alike(marks, groups)
    for one, other in pairs[:SHOWN]:
        first, second = told.pictures[one], told.pictures[other]
        yield (
            f"images/{first['image']} ({first['group']}) and images/{second['image']} ({second['group']}) "
            f"look alike; are they of one patient?"
        )
    if len(pairs) > SHOWN:
        yield f"{len(pairs) - SHOWN} more pairs of pictures in different groups look alike"


def alike(marks: NDArray[np.uint8], groups: NDArray[Any]) -> list[tuple[int, int]]:
    """Return the pairs of rows, of different groups, whose fingerprints (32 bytes) differ in at most ALIKE bits.

    Compares all pairs, in blocks. Fingerprints that are all alike, as of plain ground, say nothing and are left out.
    """
    words = np.ascontiguousarray(marks).view(np.uint64).reshape(len(marks), -1)
    telling = np.bitwise_count(words).sum(axis=1) > 2 * ALIKE
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(words), 256):
        block = words[start : start + 256]
        distance = np.zeros((len(block), len(words) - start), np.uint16)
        for word in range(words.shape[1]):
            distance += np.bitwise_count(block[:, word, None] ^ words[None, start:, word])
        near = (distance <= ALIKE) & (groups[start : start + 256, None] != groups[None, start:])
        near &= telling[start : start + 256, None] & telling[None, start:]
        pairs.extend((start + int(i), start + int(j)) for i, j in zip(*np.nonzero(near), strict=True) if i < j)
    return pairs
