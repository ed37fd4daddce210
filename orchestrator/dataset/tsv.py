"""VLMEvalKit's TSV: tab-separated rows with a header, pictures embedded as base64.

| column | becomes |
|---|---|
| `index` | the id |
| `image` | the picture: base64, a list literal of several, or (up to 64 bytes) the `index` of the row that has it |
| `image_path` | where there is no `image`: a file name, or a list literal of them, relative to the TSV's folder |
| `hint`, `question` | the question; a hint goes before it, on a line `Hint: ...` |
| `A` ... `Z` | the options; an empty cell, or `nan` as pandas writes it, is no option |
| `answer` | the gold letters: `C`, `A,C`, `AC` or `['A', 'C']` |
| `multi` | whether several letters may be right; without the column, whether several are |
| `task`, `group` | as in the native format; without the column the task is the file's name |
| any other | metadata, under the column's name (`category`, `l2-category`, `split`, ...) |

`<image 1>` in a text stays as it is. Always: pictures are kept as offsets, never as text; a row may refer to one that
stands before or after it, for which a file with embedded pictures is read once beforehand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import TypeAlias, assert_never

from orchestrator.dataset.cells import Record, read_records
from orchestrator.dataset.lines import decoded, whole_file
from orchestrator.dataset.row import Fault, RawRow, Slice, Source, shown

REFERENCE = 64
"""Bytes of an `image` cell up to which VLMEvalKit takes it for another row's index."""

_PICTURE = re.compile(rb"[A-Za-z0-9+/=]+")
_PICTURES = re.compile(rb"""\s*\[[\s,'"A-Za-z0-9+/=]*\]\s*""")
_NAMES = re.compile(r"""\[\s*(?:(?:'[^']*'|"[^"]*")\s*,?\s*)*\]""")
_NAME = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_LETTERS = re.compile(r"""[A-Z\s,;'"\[\]]*""")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_MEANT = frozenset(
    ("index", "image", "image_path", "hint", "question", "answer", "multi", "task", "group", *ascii_uppercase)
)

_Columns: TypeAlias = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The pictures in one row's `image` cell."""

    slices: tuple[Slice, ...]
    group: str
    """Rows that embed or name the same first picture share it."""


@dataclass(frozen=True, slots=True)
class _Reference:
    """An `image` cell that names the row which holds the pictures."""

    index: str


async def rows(path: Path) -> AsyncGenerator[RawRow]:
    """Yield the rows of a TSV file; raises BenchmarkError where the header is not one of these files."""
    held = await _referenced(path)
    async with aclosing(_body(path)) as body:
        async for columns, record in body:
            yield _row(path, columns, record, held)


async def _body(path: Path) -> AsyncGenerator[tuple[_Columns, Record]]:
    """Yield the rows below the header, each with the header's columns."""
    columns: _Columns | None = None
    async with aclosing(read_records(path)) as records:
        async for record in records:
            if columns is None:
                columns = _header(path, record)
                continue
            if not record.fault and len(record.spans) != len(columns):
                record.fault = f"has {len(record.spans)} columns, the header has {len(columns)}"
            yield columns, record


def _header(path: Path, record: Record) -> _Columns:
    """Return the columns by name, or raise BenchmarkError where no item could be made of them."""
    if record.fault:
        raise whole_file(path, f"the header {record.fault}", record.line)
    names = [decoded(path, record.line, record.content(cell)).strip() for cell in range(len(record.spans))]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise whole_file(path, f"the header has the column {shown(twice[0])} twice", record.line)
    missing = [name for name in ("index", "question", "A", "B", "answer") if name not in names]
    if missing:
        raise whole_file(path, f"the header lacks {', '.join(missing)}; is this VLMEvalKit's TSV?", record.line)
    return {name: position for position, name in enumerate(names)}


# --- rows ------------------------------------------------------------------------------------------------------------


def _row(path: Path, columns: _Columns, record: Record, held: Mapping[bytes, _Embedded]) -> RawRow:
    """Bring one row under the native field names."""
    if record.fault:
        return RawRow(record.line, 0, None, (Fault("", record.fault),))
    texts = {
        name: decoded(path, record.line, record.content(cell)).strip()
        for name, cell in columns.items()
        if name != "image"
    }
    texts = {name: text for name, text in texts.items() if not _absent(text)}
    answer = _letters(texts.get("answer", ""))
    multi = texts.get("multi")
    fields: dict[str, object] = {
        "id": texts.get("index", ""),
        "question": _question(texts),
        "options": {letter: texts[letter] for letter in ascii_uppercase if letter in texts},
        "multi": len(answer) > 1 if multi is None else _TRUTH.get(multi.lower(), multi),
        "answer": answer,
        "metadata": {name: text for name, text in texts.items() if name not in _MEANT},
    }
    fields |= {name: texts[name] for name in ("task", "group") if name in texts}
    images, group, faults = _images(record, columns, texts, held)
    return RawRow(record.line, sum(map(len, texts.values())), fields | {"image": images}, faults, group)


def _question(texts: Mapping[str, str]) -> str:
    """Return the question with its hint before it."""
    question = texts.get("question", "")
    return f"Hint: {texts['hint']}\n{question}" if "hint" in texts and question else question


def _letters(text: str) -> list[str]:
    """Return the letters of an answer cell, or the cell itself where it holds anything else."""
    return re.findall("[A-Z]", text) if _LETTERS.fullmatch(text) else [text]


def _absent(text: str) -> bool:
    """Whether a cell holds nothing: empty, or the `nan` that pandas writes for that."""
    return not text or text.lower() == "nan"


# --- pictures --------------------------------------------------------------------------------------------------------


def _images(
    record: Record, columns: _Columns, texts: Mapping[str, str], held: Mapping[bytes, _Embedded]
) -> tuple[tuple[Source, ...], str | None, tuple[Fault, ...]]:
    """Return a row's pictures, the group they make, and what is wrong with them."""
    match _cell(record, columns):
        case _Embedded(slices, group):
            return slices, group, ()
        case _Reference(index):
            holder = held.get(_short(index.encode()))
            if holder is None:
                return (), None, (Fault("image", f"no row {shown(index)} holds a picture of its own"),)
            return holder.slices, holder.group, ()
        case None:
            if "image_path" in texts:
                return _named(texts["image_path"]), None, ()
            if "image" in columns or "image_path" in columns:
                return (), None, (Fault("image", "is empty"),)
            return (), None, ()
        case never:
            assert_never(never)


def _named(text: str) -> tuple[str, ...]:
    """Return the file names of an `image_path` cell."""
    if _NAMES.fullmatch(text):
        return tuple(single or double for single, double in _NAME.findall(text))
    return (text,)


def _cell(record: Record, columns: _Columns) -> _Embedded | _Reference | None:
    """Return what the row's `image` cell holds; None for no column, an empty cell or an empty list."""
    if "image" not in columns:
        return None
    cell = columns["image"]
    raw = record.raw(cell)
    if len(raw) <= REFERENCE:
        index = record.content(cell).decode(errors="replace").strip()
        return None if _absent(index) else _Reference(index)
    start = record.offset + record.spans[cell][0]
    found: Sequence[tuple[int, bytes]] = [(0, raw)]
    if _PICTURES.fullmatch(raw):
        found = [(one.start(), one[0]) for one in _PICTURE.finditer(raw)]
    if not found:
        return None
    slices = tuple(Slice(start + at, len(text)) for at, text in found)
    return _Embedded(slices, f"sha256:{hashlib.sha256(found[0][1]).hexdigest()}")


async def _referenced(path: Path) -> Mapping[bytes, _Embedded]:
    """Return the pictures that other rows refer to, by the short digest of their row's index."""
    held: dict[bytes, _Embedded] = {}
    wanted: set[bytes] = set()
    async with aclosing(_body(path)) as body:
        async for columns, record in body:
            if "image" not in columns:
                break
            if record.fault:
                continue
            match _cell(record, columns):
                case _Embedded() as embedded:
                    held.setdefault(_short(record.content(columns["index"])), embedded)
                case _Reference(index):
                    wanted.add(_short(index.encode()))
                case None:
                    pass
    return {short: held[short] for short in wanted & held.keys()}


def _short(index: bytes) -> bytes:
    """Return 8 bytes that stand for a row's index, so that memory stays small whatever the indices are."""
    return hashlib.blake2b(index.strip(), digest_size=8).digest()
