"""The physical lines of a text file, read in chunks, with their byte offsets.

Always: memory is bounded by the longest line, which is limited; every fault of the file as a whole is a
`BenchmarkError`; a byte order mark is skipped; line numbers start at 1.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

import aiofiles

from orchestrator.errors import BenchmarkError, Problem

_CHUNK = 1 << 20
_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One physical line."""

    number: int
    offset: int
    """Byte offset of its first byte in the file."""
    data: bytes
    """With its line end, which the last line may lack."""


async def read_lines(path: Path, longest: int) -> AsyncGenerator[Line]:
    """Yield the file's lines; a line over `longest` bytes, or a file that cannot be read, is a BenchmarkError."""
    number, offset = 1, 0
    async for data in _pieces(path, longest):
        body = data.removeprefix(_BOM) if number == 1 else data
        if number == 1 and data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise whole_file(path, "is UTF-16; save it as UTF-8")
        yield Line(number, offset + len(data) - len(body), body)
        number += 1
        offset += len(data)


def whole_file(path: Path, message: str, line: int = 0) -> BenchmarkError:
    """Return the error for a fault that ends the reading of the file."""
    return BenchmarkError((Problem(str(path), line, "", message),))


def decoded(path: Path, line: int, data: bytes) -> str:
    """Return the text, or raise BenchmarkError where it is not UTF-8: then no later line can be trusted either."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        byte = f"byte 0x{data[error.start]:02x} at position {error.start + 1}"
        raise whole_file(path, f"is not UTF-8 ({byte}); save the file as UTF-8", line) from None


async def _pieces(path: Path, longest: int) -> AsyncGenerator[bytes]:
    """Yield the file cut after each newline."""
    number = 1
    try:
        async with aiofiles.open(path, "rb") as file:
            parts: list[bytes] = []
            size = 0
            while chunk := await file.read(_CHUNK):
                whole, newline, rest = chunk.rpartition(b"\n")
                if newline:
                    lines = b"".join((*parts, whole)).split(b"\n")
                    parts, size = [], 0
                    for line in lines:
                        yield line + b"\n"
                    number += len(lines)
                parts.append(rest)
                size += len(rest)
                if size > longest:
                    raise whole_file(path, f"the line is over {longest // 2**20} MiB", number)
            if size:
                yield b"".join(parts)
    except FileNotFoundError:
        raise whole_file(path, "does not exist") from None
    except OSError as error:
        raise whole_file(path, f"cannot be read ({error.strerror})") from error
