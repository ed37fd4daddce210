"""Threads and files: results in order, few at a time, and files that are whole or not there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.construct import files
from orchestrator.construct.parallel import ordered


def test_results_come_in_order_and_few_are_held() -> None:
    """A thousand things; no more than a few per thread are taken ahead of what was asked for."""
    taken = 0

    def things() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    results = ordered(lambda number: number * number, things())
    assert next(results) == 0
    assert taken <= 4 * min(8, os.cpu_count() or 1)
    assert list(results) == [number * number for number in range(1, 1000)]


def test_a_failure_ends_it_and_what_has_not_begun_is_given_up() -> None:
    """The error comes out where its result would have."""
    begun: list[int] = []
    failed = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            failed.set()
            raise ValueError("three")
        if number > 3:
            failed.wait(10)
        return number

    results = ordered(work, range(10_000))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(begun) < 100


def test_an_unchanged_file_is_not_written_again(tmp_path: Path) -> None:
    """Same bytes: same inode, same time; other bytes: replaced whole, nothing left over."""
    path = tmp_path / "deep" / "file.txt"
    files.write(path, b"one")
    before = path.stat().st_ino
    files.write(path, b"one")
    assert path.stat().st_ino == before
    files.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_json_lines_come_back_as_they_went(tmp_path: Path) -> None:
    """Any text; a line that is no object is an error."""
    path = tmp_path / "some.jsonl"
    path.write_bytes(files.lines([{"a": "ä\n\u2028"}, {"b": [1, None]}]))
    assert list(files.read_lines(path)) == [{"a": "ä\n\u2028"}, {"b": [1, None]}]
    path.write_text("[1]\n")
    with pytest.raises(ValueError, match="is no JSON object"):
        list(files.read_lines(path))
