"""The native format: JSON Lines, one item a line.

`{"id": "sdd-00001", "image": "images/0001.jpg", "task": "SDD", "question": "...", "options": {"A": "...", "B": "..."},
"answer": ["C"], "multi": false, "group": "patient-17", "metadata": {...}}`

Also read: `image` as a list, or absent; `options` as a list, lettered from A; options as fields of their own,
`option A`, `option_A`, `optionA` or `A`; `answer` as one letter; a whole number as `id`. `multi` is false where absent.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from string import ascii_uppercase

from orchestrator.dataset.lines import decoded, read_lines
from orchestrator.dataset.row import Fault, RawRow, plain, shown

LONGEST_LINE = 16 * 1024 * 1024
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_OPTION = re.compile(r"(?:option[ _]?)?([A-Z])")


async def rows(path: Path) -> AsyncGenerator[RawRow]:
    """Yield the rows of a JSON Lines file; blank lines are passed over."""
    async with aclosing(read_lines(path, LONGEST_LINE)) as lines:
        async for number, _, data in lines:
            text = decoded(path, number, data).strip()
            if text:
                yield parse(text, number)


def parse(text: str, line: int) -> RawRow:
    """Read one line; what is no JSON object becomes a fault."""

    def refused(why: str) -> RawRow:
        return RawRow(line, len(text), None, (Fault("", why),))

    try:
        fields, repeated = _decoded(text)
        if not isinstance(fields, dict):
            return refused(f"is not a JSON object but {shown(fields)}")
        foreign = [name for name, value in fields.items() if not _encodable(value)] if "\\u" in text else []
    except RecursionError:
        return refused("is nested too deeply")
    except json.JSONDecodeError as error:
        return refused(f"is not valid JSON: {error.msg} at column {error.colno}")
    except ValueError as error:
        return refused(f"is not valid JSON: {error}")
    fields = _with_options(fields)
    if isinstance(fields.get("answer"), str):
        fields["answer"] = [fields["answer"]]
    options = fields.get("options")
    letters = options if isinstance(options, dict) else {}
    faults = [Fault("options" if key in letters else plain(key), f"{shown(key)} is given twice") for key in repeated]
    faults += [Fault(plain(name), "is not valid Unicode") for name in foreign]
    return RawRow(line, len(text), {name: value for name, value in fields.items() if value is not None}, tuple(faults))


def _decoded(text: str) -> tuple[object, list[str]]:
    """Return what a line holds, and the keys that an object in it has twice."""
    try:
        return _STRICT.decode(text), []
    except _RepeatedError:
        repeated: list[str] = []

        def last(pairs: list[tuple[str, object]]) -> dict[str, object]:
            repeated.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            return dict(pairs)

        return _decoder(last).decode(text), repeated


class _RepeatedError(Exception):
    """An object has a key twice."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object whose keys are all different."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedError
    return found


def _decoder(make: Callable[[list[tuple[str, object]]], dict[str, object]]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=make, parse_constant=_no_number, parse_float=_finite)


def _with_options(fields: dict[str, object]) -> dict[str, object]:
    """Return the fields with the options, however they are written, as letter -> text."""
    options = fields.get("options")
    if isinstance(options, list) and len(options) <= len(ascii_uppercase):
        return fields | {"options": dict(zip(ascii_uppercase, options, strict=False))}
    if options is not None:
        return fields
    apart = {
        match[1]: value for name, value in fields.items() if (match := _OPTION.fullmatch(name)) and value is not None
    }
    return fields | {"options": apart} if apart else fields


def _encodable(value: object) -> bool:
    """Whether the value can be written as UTF-8; escapes can spell half a surrogate pair, which no request carries."""
    match value:
        case str():
            return _SURROGATE.search(value) is None
        case list():
            return all(map(_encodable, value))
        case dict():
            return all(_encodable(key) and _encodable(inner) for key, inner in value.items())
        case _:
            return True


def _finite(digits: str) -> float:
    """Read a number with a fraction or exponent, refusing what no float holds."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{shown(digits)} is too large a number")
    return number


def _no_number(name: str) -> float:
    """Refuse NaN and the infinities, which Python's reader would let pass."""
    raise ValueError(f"{name} is not a JSON number")


_STRICT = _decoder(_unique)
"""Made once, for that takes as long as reading a line."""
