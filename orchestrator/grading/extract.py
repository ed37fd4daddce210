"""The parser on any answers: `{id, options, output, multi}` lines in, `{id, letters, rule, confidence, abstained}` out.

Always holds: one line is held at a time, and none longer than `LONGEST`, and of earlier ones their ids, in some 100
bytes each; a line that cannot be used is skipped and counted, and the first `BenchmarkError.SHOWN` of them are named by
line and field; what is written is ASCII JSON, one object a line, in the order read.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from orchestrator.errors import BenchmarkError, Problem
from orchestrator.grading.parse import parse
from orchestrator.records import Abstention, Answer, Json

LONGEST = 64 * 1024 * 1024
"""Bytes of the longest line that is read."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """How many lines were read from, abstained on and skipped."""

    answered: int = 0
    abstained: int = 0
    skipped: int = 0
    repeated: int = 0
    """Lines whose id an earlier line has; read all the same."""
    first_repeated: Problem | None = None
    """The first of them."""
    alike: int = 0
    """Lines in which two options have the same text, so that only letters tell them apart; read all the same."""
    first_alike: Problem | None = None
    """The first of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One usable line."""

    id: str | int
    options: dict[str, str]
    output: str
    multi: bool


def read_line(line: Line) -> tuple[Answer | Abstention, str]:
    """Return what is read from a line, and the JSON line (with its end) that says so."""
    answer = parse(line.output, line.options, multi=line.multi)
    body: dict[str, Json] = {"letters": [], "rule": "", "confidence": 0.0, "abstained": None}
    if isinstance(answer, Answer):
        body |= {"letters": list(answer.letters), "rule": answer.rule, "confidence": answer.confidence}
    else:
        body["abstained"] = str(answer.reason)
    return answer, json.dumps({"id": line.id, **body}) + "\n"


def extract(
    source: BinaryIO,
    name: str,
    write: Callable[[str], object],
    complain: Callable[[Problem], object],
    read: Callable[[Line], tuple[Answer | Abstention, str]] = read_line,
) -> Extracted:
    """Read answers from `source`, write what `read` says of each, and return the counts.

    `name` is what problems call the source; `complain` is handed the first `BenchmarkError.SHOWN` lines that are
    skipped. Raises BenchmarkError for UTF-16, of which no line could be read.
    """
    answered = abstained = skipped = repeated = alike = 0
    first_repeated: Problem | None = None
    first_alike: Problem | None = None
    lines: dict[int, int] = {}
    for number, raw in _lines(source):
        if number == 1 and raw is not None and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BenchmarkError((Problem(name, 0, "", "is UTF-16; save it as UTF-8"),))
        line = _read(raw, name, number)
        if line is None:
            continue
        if isinstance(line, Problem):
            skipped += 1
            if skipped <= BenchmarkError.SHOWN:
                complain(line)
            continue
        if (earlier := lines.setdefault(_short(line.id), number)) != number:
            repeated += 1
            first_repeated = first_repeated or Problem(name, number, "id", f"{line.id!r:.60} is also on line {earlier}")
        if same := _same_text(line.options):
            alike += 1
            first_alike = first_alike or Problem(name, number, "options", same)
        answer, said = read(line)
        write(said)
        answered += isinstance(answer, Answer)
        abstained += isinstance(answer, Abstention)
    return Extracted(answered, abstained, skipped, repeated, first_repeated, alike, first_alike)


def _same_text(options: dict[str, str]) -> str:
    """Say which two options have the same text, however it is spaced; empty where none have."""
    letters: dict[str, str] = {}
    for letter, text in options.items():
        words = " ".join(text.split()).casefold()
        if words and (other := letters.setdefault(words, letter)) != letter:
            return f"{other!r:.20} and {letter!r:.20} have the same text"
    return ""


def _short(id_: str | int) -> int:
    return int.from_bytes(hashlib.blake2b(json.dumps(id_).encode(), digest_size=8).digest())


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line's number and bytes; None in place of one that is too long, whose rest is read past."""
    number = 0
    while raw := source.readline(LONGEST + 1):
        number += 1
        whole = len(raw) <= LONGEST
        rest = raw
        while not whole and rest and not rest.endswith(b"\n"):
            rest = source.readline(LONGEST)
        yield number, raw if whole else None


def _read(raw: bytes | None, name: str, number: int) -> Line | Problem | None:
    """Return a usable line, what is wrong with it, or None for a blank one."""
    if raw is None:
        return Problem(name, number, "", f"is longer than {LONGEST // 2**20} MB")
    if not raw.strip(b" \t\r\n\xef\xbb\xbf"):
        return None
    try:
        row = json.loads(raw.decode("utf-8-sig").rstrip(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        return Problem(name, number, "", _why(error))
    return _line(row, name, number) if isinstance(row, dict) else Problem(name, number, "", "is not a JSON object")


def _why(error: ValueError | RecursionError) -> str:
    """Say why a line holds no JSON."""
    match error:
        case UnicodeDecodeError():
            return "is not UTF-8 text"
        case RecursionError():
            return "is nested too deeply"
        case _TwiceError():
            return str(error)
        case json.JSONDecodeError():
            return f"is not valid JSON: {error.msg} at column {error.colno}"
        case _:
            return f"is not valid JSON: {error}"


class _TwiceError(ValueError):
    """An object has a key twice: which of the two is meant cannot be known."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _TwiceError(f"{twice!r:.60} is given twice")
    return made


def _line(row: dict[str, Any], name: str, number: int) -> Line | Problem:
    """Return a JSON object as a usable line, or the first of its fields that cannot be used."""
    for field, sound, wanted in _FIELDS:
        if not sound(row.get(field)):
            missing = "" if field in row else "is missing; it "
            return Problem(name, number, field, f"{missing}must be {wanted}")
    return Line(row["id"], row["options"], row["output"], row["multi"])


def _is_id(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _is_options(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and all(key.strip() and isinstance(value[key], str) for key in value)


_FIELDS: tuple[tuple[str, Callable[[object], bool], str], ...] = (
    ("id", _is_id, "a text or a whole number"),
    ("options", _is_options, 'an object of letters and texts, as {"A": "..."}'),
    ("output", lambda value: isinstance(value, str), "the answer's text"),
    ("multi", lambda value: isinstance(value, bool), "true or false"),
)
