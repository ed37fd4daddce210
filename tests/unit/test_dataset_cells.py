"""Lines and cells of a benchmark file, with their places."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dataset import lines as lines_module
from orchestrator.dataset.cells import Record, read_records
from orchestrator.dataset.lines import Line, decoded, read_lines
from orchestrator.errors import BenchmarkError


def lines(path: Path, longest: int = 1 << 20) -> list[Line]:
    """Return a file's lines."""

    async def drain() -> list[Line]:
        return [line async for line in read_lines(path, longest)]

    return asyncio.run(drain())


def records(path: Path) -> list[Record]:
    """Return a file's rows."""

    async def drain() -> list[Record]:
        return [record async for record in read_records(path)]

    return asyncio.run(drain())


def written(folder: Path, data: bytes) -> Path:
    """Write a file."""
    path = folder / "x.tsv"
    path.write_bytes(data)
    return path


def fed(data: bytes) -> list[Record]:
    """Return the records of physical lines, as the reader feeds them."""
    made: list[Record] = []
    record: Record | None = None
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        if record is None:
            record = Record(number, 0)
            made.append(record)
        if record.feed(line):
            record = None
    return made


def contents(record: Record) -> list[bytes]:
    """Return a record's cells."""
    return [record.content(cell) for cell in range(len(record.spans))]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("data", [b"a\nbb\r\n\nccc", b"a\n", b"\n\n", b"no end", b"", b"\xef\xbb\xbfa\nb"])
def test_lines_are_the_same_however_they_are_read(
    tmp_path: Path, chunk: int, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their numbers and byte offsets, and without a byte order mark."""
    monkeypatch.setattr(lines_module, "_CHUNK", chunk)
    got = lines(written(tmp_path, data))
    assert [line.number for line in got] == list(range(1, len(got) + 1))
    assert b"".join(line.data for line in got) == data.removeprefix(b"\xef\xbb\xbf")
    assert all(data[line.offset :].startswith(line.data) for line in got)
    assert all(line.data.count(b"\n") <= 1 for line in got)


def test_a_line_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a single endless line must not fill the memory; the line is named."""
    monkeypatch.setattr(lines_module, "_CHUNK", 1 << 16)
    path = written(tmp_path, b"one\ntwo\n" + b"x" * (3 << 20))
    with pytest.raises(BenchmarkError, match=r"x\.tsv:3: the line is over 1 MiB"):
        lines(path)


def test_a_file_that_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    """Missing, a folder, or another encoding."""
    with pytest.raises(BenchmarkError, match=r"gone\.tsv: does not exist"):
        lines(tmp_path / "gone.tsv")
    with pytest.raises(BenchmarkError, match="cannot be read"):
        lines(tmp_path)
    with pytest.raises(BenchmarkError, match="is UTF-16; save it as UTF-8"):
        lines(written(tmp_path, "index".encode("utf-16")))


def test_text_that_is_no_utf8_is_refused() -> None:
    """With the byte, so that it can be found."""
    assert decoded(Path("x"), 4, "é".encode()) == "é"
    with pytest.raises(BenchmarkError, match=r"x:4: is not UTF-8 \(byte 0xe9 at position 3\)"):
        decoded(Path("x"), 4, b"ab\xe9")


text = st.text(st.sampled_from('ab"\t\n,é '), max_size=8)


@given(st.lists(st.lists(text, min_size=2, max_size=4), min_size=1, max_size=4), st.sampled_from(["\n", "\r\n"]))
def test_cells_are_read_as_csv_writes_them(rows: list[list[str]], end: str) -> None:
    """Quotes, tabs and newlines in a cell come back, whatever ends the rows."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter="\t", lineterminator=end).writerows(rows)
    data = out.getvalue().encode()
    got: list[Record] = []
    record: Record | None = None
    for number, line in enumerate(data.split(b"\n"), 1):
        if record is None:
            record = Record(number, 0)
            got.append(record)
        if record.feed(line + b"\n"):
            record = None
    wanted = [[cell.encode() for cell in row] for row in rows]
    assert [contents(one) for one in got[: len(rows)]] == wanted
    assert not any(one.fault for one in got[: len(rows)])


def test_a_row_has_the_place_of_its_first_line(tmp_path: Path) -> None:
    """Also after rows that span several lines; its cells lie where their spans say."""
    data = b'\xef\xbb\xbfa\tb\n"one\ntwo"\tx\n\n"y ""q"""\t"z"\r\nlast\t'
    got = records(written(tmp_path, data))
    assert [one.line for one in got] == [1, 2, 5, 6]
    assert [contents(one) for one in got] == [[b"a", b"b"], [b"one\ntwo", b"x"], [b'y "q"', b"z"], [b"last", b""]]
    for one in got:
        for cell, (start, end) in enumerate(one.spans):
            assert data[one.offset + start : one.offset + end] == one.raw(cell)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'a\t"b"c\td\nnext\n', "column 2 has text after its closing quote"),
        (b'a\t"b\nc\n', "has a quote that is never closed"),
    ],
)
def test_quotes_that_do_not_pair_are_a_fault(tmp_path: Path, data: bytes, fault: str) -> None:
    """Read leniently, such a row would swallow its neighbours."""
    first, *rest = records(written(tmp_path, data))
    assert first.fault == fault
    assert [contents(one) for one in rest] in ([], [[b"next"]])


def test_a_quote_inside_a_bare_cell_is_text() -> None:
    """As csv and pandas read it."""
    assert contents(fed(b'5" disc\tb\n')[0]) == [b'5" disc', b"b"]


def test_a_row_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lines it is spread over."""
    monkeypatch.setattr("orchestrator.dataset.cells.LONGEST_ROW", 1 << 20)
    path = written(tmp_path, b'a\tb\n"' + (b"x" * 999 + b"\n") * 2000)
    with pytest.raises(BenchmarkError, match=r":2: the row is over 1 MiB"):
        records(path)
