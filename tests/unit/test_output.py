"""What a command's output file does to what already stands under its name."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from orchestrator.commands.output import replaced
from orchestrator.errors import ConfigError


def test_a_file_is_replaced_only_when_all_is_written(tmp_path: Path) -> None:
    """A failure midway leaves what was there, and no partial file."""
    out = tmp_path / "out.txt"
    with replaced(out) as file:
        file.write("first")
    with pytest.raises(UnicodeEncodeError), replaced(out) as file:
        file.write("second\ud800")
    assert out.read_text() == "first"
    assert [one.name for one in tmp_path.iterdir()] == ["out.txt"]


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path: Path) -> None:
    """So that a shared place keeps what is written there."""
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    with replaced(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """As a device is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with replaced(pipe) as file:
        file.write("through")
    reader.join(10)
    assert read == ["through"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", [".", "", ".."])
def test_a_folder_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """With what to do instead."""
    with pytest.raises(ConfigError, match="is a folder; name a file in it"), replaced(tmp_path / name):
        raise AssertionError


def test_what_is_read_and_any_cache_are_left_alone(tmp_path: Path) -> None:
    """Also through a link to it."""
    source, link, cache = tmp_path / "in.txt", tmp_path / "link.txt", tmp_path / "cache.db"
    source.write_text("input")
    link.symlink_to(source)
    cache.write_bytes(b"SQLite format 3\0...")
    for out in (source, link, cache):
        with pytest.raises(ConfigError, match="left alone"), replaced(out, source):
            raise AssertionError


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    """In words, with the file's name."""
    with pytest.raises(ConfigError, match="cannot be written"), replaced(tmp_path / "no" / "out.txt"):
        raise AssertionError


def test_a_link_to_a_file_that_is_not_there_yet_makes_it(tmp_path: Path) -> None:
    """Through several links, beside which nothing is left."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/target")
    (tmp_path / "further").symlink_to("link")
    with replaced(tmp_path / "further") as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink()
    assert [path.read_text() for path in (tmp_path / "folder").iterdir()] == ["new"]


def test_what_stdout_goes_to_is_written_on(tmp_path: Path) -> None:
    """What stands in it already stays, as with `>>`."""
    out = tmp_path / "out"
    out.write_text("of before\n")
    kept = os.dup(1)
    try:
        with out.open("a") as file:
            os.dup2(file.fileno(), 1)
            with replaced(out) as through:
                through.write("new\n")
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    assert out.read_text() == "of before\nnew\n"


@pytest.mark.parametrize("name", ["circle", "x" * 250])
def test_a_name_that_cannot_be_used_is_said(tmp_path: Path, name: str) -> None:
    """A link in a circle, a name that is too long."""
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ConfigError, match="cannot be written"), replaced(tmp_path / name):
        raise AssertionError
