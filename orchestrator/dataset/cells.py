"""The rows of a tab-separated file as cells with their byte offsets, quoted as csv and pandas write them (RFC 4180).

Always: one row is held at a time, limited to `LONGEST_ROW` bytes; a row's line is its first physical line, for a quoted
cell may hold newlines; text after a closing quote, or a quote never closed, is a fault of the row and never repaired:
where quotes do not pair, neighbouring rows would be swallowed unseen.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.dataset.lines import read_lines, whole_file

LONGEST_ROW = 256 * 1024 * 1024


@dataclass(slots=True)
class Record:
    """One row, gathered from as many physical lines as its quoted cells span."""

    line: int
    offset: int
    """Byte offset of the row in the file."""
    data: bytearray = field(default_factory=bytearray)
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where the contents of the cells lie in `data`, without their quotes."""
    fault: str = ""
    """Why the cells cannot be trusted."""
    _quoted: set[int] = field(default_factory=set)
    _at: int = 0
    """Where the next cell begins, or the search for the end of an open one goes on."""
    _open: int | None = None
    """Where the contents of the quoted cell begin that is not yet closed."""

    def feed(self, line: bytes) -> bool:
        """Take one more physical line; True when the row is complete."""
        self.data += line
        end = len(self.data) - len(line) + len(line.rstrip(b"\r\n"))
        while True:
            if self._open is None:
                if self.data.startswith(b'"', self._at):
                    self._open = self._at = self._at + 1
                    continue
                stop = self.data.find(b"\t", self._at, end)
                self.spans.append((self._at, stop if stop >= 0 else end))
                if stop < 0:
                    return True
            else:
                quote = self._closing_quote()
                if quote < 0:
                    return False
                self._quoted.add(len(self.spans))
                self.spans.append((self._open, quote))
                self._open = None
                stop = quote + 1
                if stop >= end:
                    return True
                if not self.data.startswith(b"\t", stop):
                    self.fault = f"column {len(self.spans)} has text after its closing quote"
                    return True
            self._at = stop + 1

    def _closing_quote(self) -> int:
        """Return where the open cell ends; -1 if not yet, remembering how far was searched."""
        while (quote := self.data.find(b'"', self._at)) >= 0:
            if not self.data.startswith(b'"', quote + 1):
                return quote
            self._at = quote + 2
        self._at = len(self.data)
        return -1

    def raw(self, cell: int) -> bytes:
        """Return a cell's bytes as they stand in the file."""
        start, end = self.spans[cell]
        return bytes(self.data[start:end])

    def content(self, cell: int) -> bytes:
        """Return a cell's content."""
        return self.raw(cell).replace(b'""', b'"') if cell in self._quoted else self.raw(cell)


async def read_records(path: Path) -> AsyncGenerator[Record]:
    """Yield the rows, the header among them; blank lines between rows are passed over. Raises as `read_lines` does."""
    record: Record | None = None
    async with aclosing(read_lines(path, LONGEST_ROW)) as lines:
        async for number, offset, data in lines:
            if record is None:
                if not data.strip():
                    continue
                record = Record(number, offset)
            complete = record.feed(data)
            if len(record.data) > LONGEST_ROW:
                raise whole_file(path, f"the row is over {LONGEST_ROW // 2**20} MiB", record.line)
            if complete:
                yield record
                record = None
    if record is not None:
        record.fault = "has a quote that is never closed"
        yield record
