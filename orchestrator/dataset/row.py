"""One row of a benchmark, whatever its format, and the one place where it is judged.

A format is an async generator of `RawRow`s; `read_row` turns each into an Item without pictures, the names of its
pictures, and every fault it has. Always: an Item made here has an id, a task and a group fit to be printed, a
question, at least two options under letters of their own, and gold letters among them.

Limits, also on hostile rows: an id, task or group has at most 256 characters, a picture's path at most 1024, none of
them a control character.
"""

from __future__ import annotations

import difflib
import os.path
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Annotated, NamedTuple, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from orchestrator.records import Item

NAME_LIMIT = 256
PATH_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Slice:
    """A picture embedded in the benchmark file: where its base64 text lies, in bytes."""

    offset: int
    length: int


Source: TypeAlias = str | Slice
"""A picture as a row names it: a path relative to the benchmark's folder, or a place in the file itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of a row."""

    field: str
    message: str


class RawRow(NamedTuple):
    """One row as its format module read it, under the field names of the native format."""

    line: int
    """First physical line of the row, from 1."""
    size: int
    """Bytes of text held, so that whoever gathers rows can bound them."""
    fields: Mapping[str, object] | None
    """None where the row could not be taken apart."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with the row's form."""
    group: str | None = None
    """The group where the row names none and shows a picture that is no file."""


class ReadRow(NamedTuple):
    """What one row came to."""

    line: int
    id: str | None
    """The id, where there is a usable one, also of a row with other faults."""
    item: Item | None
    """Without pictures; None where the row has a fault."""
    sources: tuple[Source, ...]
    faults: tuple[Fault, ...]


def shown(value: object) -> str:
    """Return a hostile value for a message: quoted, escaped, and shortened."""
    return _SHORT.repr(value)


def plain(name: str) -> str:
    """Return a hostile field name for a message: as `shown`, without the quotes."""
    return shown(name)[1:-1]


def _name(value: object) -> str:
    """Accept a name that can be printed in a table; whole numbers are made text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {shown(value)}")
    if not value.strip():
        raise ValueError("is empty")
    if len(value) > NAME_LIMIT:
        raise ValueError(f"has {len(value)} characters, over the limit of {NAME_LIMIT}")
    if _UNPRINTABLE.search(value):
        raise ValueError(f"has a control character in it: {shown(value)}")
    return value


def _sources(value: object) -> tuple[Source, ...]:
    """Accept one picture or a list of them."""
    if isinstance(value, str | Slice):
        value = [value]
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a file name or a list of file names, not {shown(value)}")
    for one in value:
        if not isinstance(one, str | Slice) or not one:
            raise ValueError(f"must be a file name, not {shown(one)}")
        if isinstance(one, str) and (len(one) > PATH_LIMIT or _UNPRINTABLE.search(one)):
            raise ValueError(f"is no usable file name: {shown(one)}")
    return tuple(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
# Controls, line separators, direction overrides, and halves of surrogate pairs.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_LETTERS = frozenset(ascii_uppercase)

Name = Annotated[str, BeforeValidator(_name)]


class Row(BaseModel):
    """The fields of a row in the order in which they are judged; further fields are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    id: Name
    image: Annotated[tuple[Source, ...], BeforeValidator(_sources)] = ()
    task: Name | None = None
    question: str
    options: dict[str, str]
    multi: bool = False
    answer: list[str]
    group: Name | None = None
    metadata: Annotated[dict[str, JsonValue], Field(default_factory=dict)]

    @field_validator("question")
    @classmethod
    def _asks(cls, question: str) -> str:
        if not question.strip():
            raise ValueError("is empty")
        return question

    @field_validator("options")
    @classmethod
    def _offers(cls, options: dict[str, str]) -> dict[str, str]:
        wrong = [letter for letter in options if letter not in _LETTERS]
        if wrong:
            raise ValueError(f"{shown(wrong[0])} is not a letter from A to Z")
        if len(options) < 2:
            raise ValueError(f"needs at least two options, has {len(options)}")
        empty = [letter for letter, text in options.items() if not text.strip()]
        if empty:
            raise ValueError(f"option {empty[0]} has no text")
        return options

    @field_validator("answer")
    @classmethod
    def _is_offered(cls, answer: list[str], info: ValidationInfo) -> list[str]:
        faults = []
        if not answer:
            faults.append("names no letter")
        if len(set(answer)) < len(answer):
            faults.append(f"names a letter twice: {shown(answer)}")
        options = info.data.get("options")
        if options is not None:
            faults += [
                f"{shown(letter)} is not among the options {', '.join(options)}"
                for letter in answer
                if letter not in options
            ]
        if len(answer) > 1 and info.data.get("multi") is False:
            faults.append('several letters on an item that is not marked "multi": true')
        if faults:
            raise ValueError("; ".join(faults))
        return sorted(answer)


def read_row(raw: RawRow, default_task: str) -> ReadRow:
    """Judge a row: an Item without pictures, or every fault found.

    A row without a group belongs to that of its first picture, as the row names it; so questions about one picture
    stay together, and the group is the same whether pictures are read or not. Without a picture it stands alone.
    """
    if raw.fields is None:
        return ReadRow(raw.line, None, None, (), raw.faults)
    try:
        row = Row.model_validate(raw.fields)
    except ValidationError as error:
        details = error.errors(include_url=False)
        failed = {detail["loc"][0] for detail in details}
        broken = {fault.field for fault in raw.faults}
        faults = (*raw.faults, *(_fault(detail, raw.fields) for detail in details if detail["loc"][0] not in broken))
        return ReadRow(
            raw.line,
            None if "id" in failed else _name(raw.fields["id"]),
            None,
            () if "image" in failed else _sources(raw.fields.get("image", ())),
            faults,
        )
    if raw.faults:
        return ReadRow(raw.line, row.id, None, row.image, raw.faults)
    first = row.image[0] if row.image else None
    item = Item(
        id=row.id,
        task=row.task or default_task,
        question=row.question,
        options=tuple(row.options.items()),
        gold=tuple(row.answer),
        multi=row.multi,
        images=(),
        group=row.group or raw.group or (os.path.normpath(first) if isinstance(first, str) else row.id),
        metadata=row.metadata,
        line=raw.line,
    )
    return ReadRow(raw.line, row.id, item, row.image, ())


def _fault(detail: ErrorDetails, fields: Mapping[str, object]) -> Fault:
    """Put one of pydantic's findings in our words."""
    name = ".".join(plain(str(part)) for part in detail["loc"] if part != "[key]")
    match detail["type"]:
        case "missing":
            close = difflib.get_close_matches(name, [plain(key) for key in fields if key not in Row.model_fields], n=1)
            return Fault(name, f"is missing; is {close[0]!r} meant for it?" if close else "is missing")
        case "value_error":
            return Fault(name, detail["msg"].removeprefix("Value error, "))
        case _:
            wanted = detail["msg"].removeprefix("Input ").replace("dictionary", "object")
            return Fault(name, f"{wanted}, not {shown(detail['input'])}")
