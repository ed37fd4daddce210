"""From picture names to refs: what may be named, what is read, and what is remembered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from dataset_fixtures import Memory, picture
from PIL import Image

from orchestrator.dataset.facts import ImageFact
from orchestrator.dataset.images import digest_of
from orchestrator.dataset.pictures import Pictures, Unusable
from orchestrator.dataset.row import Slice, Source
from orchestrator.errors import BenchmarkError
from orchestrator.records import ImageRef


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A benchmark's folder with two pictures, and a secret beside it."""
    (tmp_path / "secret.png").write_bytes(picture())
    made = tmp_path / "bench"
    (made / "images").mkdir(parents=True)
    (made / "items.jsonl").write_text("{}")
    (made / "images" / "a.png").write_bytes(picture(shade=1))
    (made / "images" / "b.jpg").write_bytes(picture((20, 10), 2, "JPEG"))
    return made


def resolve(
    folder: Path, *sources: Source, facts: Memory | None = None, pixel_limit: int = 10_000
) -> list[ImageRef | Unusable]:
    """Return what the names come to."""
    pictures = Pictures(folder / "items.jsonl", facts or Memory(), pixel_limit)
    resolved = asyncio.run(pictures.resolve(sources))
    return [resolved[source] for source in sources]


def test_names_become_refs(folder: Path) -> None:
    """With digest and size, under the file's real path."""
    a, b = resolve(folder, "images/a.png", "./images//b.jpg")
    path = folder / "images" / "a.png"
    assert a == ImageRef(str(path.resolve()), digest_of(path.read_bytes()), 12, 8)
    assert isinstance(b, ImageRef)
    assert (b.width, b.height) == (20, 10)


def test_the_benchmarks_folder_may_be_a_symlink(folder: Path) -> None:
    """And pictures may be links to others within it."""
    (folder.parent / "link").symlink_to(folder)
    (folder / "c.png").symlink_to("images/a.png")
    for ref in resolve(folder.parent / "link", "images/a.png", "c.png"):
        assert isinstance(ref, ImageRef)
        assert ref.path == str((folder / "images" / "a.png").resolve())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("https://example.org/a.png", "is a URL; download the picture"),
        ("s3://bucket/a.png", "is a URL"),
        ("data:image/png;base64,AAAA", "is a URL"),
        ("/etc/passwd", "is an absolute path"),
        ("C:\\a.png", "is an absolute path"),
        ("../secret.png", "has '..' in it"),
        ("images/../../secret.png", "has '..' in it"),
        ("out.png", "leads out of the benchmark's folder, through a symlink"),
        ("outside/secret.png", "leads out of the benchmark's folder, through a symlink"),
        ("images", "is not a file"),
        ("images/", "is not a file"),
        ("images/.", "is not a file"),
        ("pipe", "is not a file"),
        ("gone.png", "does not exist"),
        ("gone/a.png", "does not exist"),
        ("dangling.png", "does not exist"),
        ("loop.png", "cannot be read"),
        ("x" * 300, "cannot be read"),
        ("items.jsonl", "is not a JPEG, PNG"),
        ("empty.png", "is empty"),
    ],
)
def test_what_may_not_be_named_or_is_no_picture(folder: Path, name: str, words: str) -> None:
    """Each in words that begin with the name."""
    (folder / "out.png").symlink_to(folder.parent / "secret.png")
    (folder / "outside").symlink_to(folder.parent)
    (folder / "dangling.png").symlink_to("nowhere.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "empty.png").touch()
    os.mkfifo(folder / "pipe")
    (found,) = resolve(folder, name)
    assert isinstance(found, Unusable)
    assert found.reason.startswith(repr(name)[:20])
    assert words in found.reason


def test_what_is_known_is_not_read_again(folder: Path) -> None:
    """Nor is one file twice under two names; known pictures are looked up together."""
    facts = Memory()
    first = resolve(folder, "images/a.png", "./images/a.png", "images/b.jpg", facts=facts)
    assert (facts.asked, facts.learnt) == (1, 2)
    assert first[0] == first[1]
    assert resolve(folder, "images/a.png", "images/b.jpg", facts=facts) == [first[0], first[2]]
    assert (facts.asked, facts.learnt) == (2, 2)


def test_a_changed_file_is_read_again(folder: Path) -> None:
    """A stamp changes with the file, even where size and time of change are put back."""
    facts = Memory()
    path = folder / "images" / "a.png"
    info = path.stat()
    (before,) = resolve(folder, "images/a.png", facts=facts)
    path.unlink()
    path.write_bytes(picture(shade=3))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    (after,) = resolve(folder, "images/a.png", facts=facts)
    assert isinstance(before, ImageRef)
    assert isinstance(after, ImageRef)
    assert before.digest != after.digest == digest_of(path.read_bytes())


def test_the_pixel_limit_holds_for_known_pictures_too(folder: Path) -> None:
    """It may have been lowered since; and what is refused is not learnt."""
    facts = Memory()
    (found,) = resolve(folder, "images/a.png", facts=facts, pixel_limit=95)
    assert found == Unusable("'images/a.png' has 12 x 8 pixels, over the limit of 95; make it smaller")
    assert facts.learnt == 0
    assert isinstance(resolve(folder, "images/a.png", facts=facts)[0], ImageRef)
    assert resolve(folder, "images/a.png", facts=facts, pixel_limit=95) == [found]


def test_rotation_counts_for_the_size(folder: Path) -> None:
    """A portrait stored lying down is a portrait."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (30, 20)).save(folder / "c.jpg", exif=exif)
    (ref,) = resolve(folder, "c.jpg")
    assert isinstance(ref, ImageRef)
    assert (ref.width, ref.height) == (20, 30)


def test_many_pictures_keep_their_names(folder: Path) -> None:
    """Read side by side, each fact goes to its own picture, and one that fails takes no other with it."""
    for shade in range(60):
        (folder / f"{shade}.png").write_bytes(picture((shade + 1, 2), shade))
    (folder / "30.png").write_bytes(b"junk")
    found = resolve(folder, *(f"{shade}.png" for shade in range(60)))
    widths = [ref.width if isinstance(ref, ImageRef) else 0 for ref in found]
    assert widths == [0 if shade == 30 else shade + 1 for shade in range(60)]


def test_a_file_that_changes_while_it_is_read_is_not_learnt(folder: Path) -> None:
    """What was decoded must be what the stamp stands for."""

    class Meddling(Memory):
        async def known(self, stamps: Sequence[str]) -> Mapping[str, ImageFact]:
            (folder / "images" / "a.png").write_bytes(picture((5, 5)))
            return {}

    facts = Meddling()
    (found,) = resolve(folder, "images/a.png", facts=facts)
    assert found == Unusable("'images/a.png' was changed while it was read; run the command again")
    assert facts.learnt == 0


def test_a_benchmark_that_disappears_is_said_so(folder: Path) -> None:
    """An embedded picture has no other place to be read from."""
    (folder / "items.jsonl").unlink()
    with pytest.raises(BenchmarkError, match="cannot be read any more"):
        resolve(folder, Slice(0, 10))
