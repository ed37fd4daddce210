"""Pictures read from disk and encoded once for a run."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from dataset_fixtures import picture

from orchestrator.dataset import images
from orchestrator.dataset.images import Encoded, ImageChanged, ImageLoader, ImageUnreadable, digest_of, read_bytes
from orchestrator.dataset.pixels import PictureError
from orchestrator.records import ImagePolicy, ImageRef

T = TypeVar("T")
POLICY = ImagePolicy(max_side=10)


def stored(folder: Path, name: str = "a.png", shade: int = 90) -> ImageRef:
    """Write a picture and return its ref."""
    data = picture(shade=shade)
    (folder / name).write_bytes(data)
    return ImageRef(str(folder / name), digest_of(data), 12, 8)


def with_loader(work: Callable[[ImageLoader], Awaitable[T]], max_bytes: int = 1 << 20) -> T:
    """Run the work with a fresh loader in an event loop."""

    async def run() -> T:
        return await work(ImageLoader(max_bytes))

    return asyncio.run(run())


def test_a_picture_is_read_as_it_lies(tmp_path: Path) -> None:
    """From a file of its own, or from base64 inside another, broken over lines or not."""
    data = picture()
    (tmp_path / "a.png").write_bytes(data)
    assert asyncio.run(read_bytes(str(tmp_path / "a.png"))) == data
    text = base64.encodebytes(data)
    (tmp_path / "x.tsv").write_bytes(b"head" + text + b"tail")
    assert asyncio.run(read_bytes(str(tmp_path / "x.tsv"), 4, len(text))) == data


def test_what_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe, no permission, and text that is no base64."""
    (tmp_path / "x.tsv").write_text("no base64 here!")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, place, words in (
        ("gone.png", (), "does not exist"),
        (".", (), "is not a file"),
        ("pipe", (), "is not a file"),
        ("loop", (), "cannot be read"),
        ("x.tsv", (0, 15), "is not valid base64"),
        ("x.tsv", (0, images.MAX_BYTES + 1), "is over 256 MiB"),
    ):
        with pytest.raises(PictureError, match=words):
            asyncio.run(read_bytes(str(tmp_path / name), *place))


def test_a_picture_is_prepared_as_the_policy_says(tmp_path: Path) -> None:
    """Size and format are the policy's."""
    ref = stored(tmp_path)
    sent = with_loader(lambda loader: loader.load(ref, replace(POLICY, format="png")))
    assert (sent.width, sent.height, sent.media_type) == (10, 7, "image/png")


def test_an_embedded_picture_is_prepared_too(tmp_path: Path) -> None:
    """By its place in the benchmark file."""
    text = base64.b64encode(picture())
    (tmp_path / "x.tsv").write_bytes(b"index\t" + text)
    ref = ImageRef(str(tmp_path / "x.tsv"), digest_of(picture()), 12, 8, 6, len(text))
    assert with_loader(lambda loader: loader.load(ref, POLICY)).width == 10


def test_a_changed_picture_is_never_sent(tmp_path: Path) -> None:
    """Its name and what to do are in the message."""
    ref = stored(tmp_path)
    (tmp_path / "a.png").write_bytes(picture(shade=91))
    with pytest.raises(ImageChanged, match=r"a\.png has changed since .*; run the command again"):
        with_loader(lambda loader: loader.load(ref, POLICY))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ref: replace(ref, path=ref.path + "x"), r"a\.pngx does not exist"),
        (lambda ref: replace(ref, offset=3, length=9), r"the picture at byte 3 of a\.png is not valid base64"),
    ],
)
def test_an_unreadable_picture_is_named(tmp_path: Path, change: Callable[[ImageRef], ImageRef], words: str) -> None:
    """By its file, or by its place in the benchmark."""
    ref = change(stored(tmp_path))
    with pytest.raises(ImageUnreadable, match=words):
        with_loader(lambda loader: loader.load(ref, POLICY))


def test_a_picture_that_was_never_one_is_unreadable(tmp_path: Path) -> None:
    """The digest may be right and the bytes still no picture."""
    (tmp_path / "a.png").write_bytes(b"junk")
    ref = ImageRef(str(tmp_path / "a.png"), digest_of(b"junk"), 1, 1)
    with pytest.raises(ImageUnreadable, match="is not a JPEG, PNG"):
        with_loader(lambda loader: loader.load(ref, POLICY))


def test_a_picture_is_encoded_once_for_concurrent_callers(tmp_path: Path) -> None:
    """They all get the same object; another setting is another encoding."""
    ref = stored(tmp_path)

    async def work(loader: ImageLoader) -> list[Encoded]:
        many = await asyncio.gather(*(loader.load(ref, POLICY) for _ in range(20)))
        return [*many, await loader.load(ref, replace(POLICY, quality=50))]

    *same, other = with_loader(work)
    assert all(one is same[0] for one in same)
    assert other != same[0]


def test_a_kept_picture_is_not_read_again(tmp_path: Path) -> None:
    """Also under another name: what counts is the digest."""
    ref = stored(tmp_path)

    async def work(loader: ImageLoader) -> bool:
        first = await loader.load(ref, POLICY)
        Path(ref.path).unlink()
        return await loader.load(replace(ref, path="elsewhere.png"), POLICY) is first

    assert with_loader(work)


def test_the_least_recently_used_pictures_are_forgotten_first(tmp_path: Path) -> None:
    """The cache is bounded by bytes, and a use renews."""
    refs = [stored(tmp_path, f"{shade}.png", shade) for shade in (10, 100, 200)]

    async def work(loader: ImageLoader) -> list[bool]:
        first = [await loader.load(ref, POLICY) for ref in refs[:2]]
        assert await loader.load(refs[0], POLICY) is first[0]
        await loader.load(refs[2], POLICY)
        return [await loader.load(ref, POLICY) is kept for ref, kept in zip(refs[:2], first, strict=True)]

    room = 2 * len(with_loader(lambda loader: loader.load(refs[0], POLICY)).data) + 40
    assert with_loader(work, max_bytes=room) == [True, False]


def test_a_picture_larger_than_the_cache_is_still_sent(tmp_path: Path) -> None:
    """It is only not kept."""
    ref = stored(tmp_path)
    assert with_loader(lambda loader: loader.load(ref, POLICY), max_bytes=1).width == 10


def test_one_name_failing_does_not_fail_another(tmp_path: Path) -> None:
    """Two names of one picture are told apart until it is known."""
    ref = stored(tmp_path)

    async def work(loader: ImageLoader) -> list[Encoded | BaseException]:
        gone = replace(ref, path="gone.png")
        return [*await asyncio.gather(loader.load(gone, POLICY), loader.load(ref, POLICY), return_exceptions=True)]

    failed, sent = with_loader(work)
    assert isinstance(failed, ImageUnreadable)
    assert isinstance(sent, Encoded)


def test_two_names_of_one_picture_are_kept_once(tmp_path: Path) -> None:
    """Encoded at the same time, the bytes are counted once, so nothing is pushed out early."""
    refs = [stored(tmp_path, "a.png"), stored(tmp_path, "b.png")]

    async def work(loader: ImageLoader) -> bool:
        await asyncio.gather(*(loader.load(ref, POLICY) for ref in refs))
        kept = await loader.load(refs[0], POLICY)
        return await loader.load(refs[1], POLICY) is kept

    size = len(with_loader(lambda loader: loader.load(refs[0], POLICY)).data)
    assert with_loader(work, max_bytes=size)


def test_cancelling_one_caller_leaves_the_others_their_picture(tmp_path: Path) -> None:
    """A second Ctrl-C on one call does not spoil another."""
    ref = stored(tmp_path)

    async def work(loader: ImageLoader) -> Encoded:
        first, second = (asyncio.create_task(loader.load(ref, POLICY)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert with_loader(work).width == 10


def test_stopping_in_the_middle_of_an_encoding_is_quiet(tmp_path: Path) -> None:
    """A loop that ends cancels the work and nothing complains."""
    ref = stored(tmp_path)

    async def work(loader: ImageLoader) -> None:
        asyncio.create_task(loader.load(ref, POLICY))  # noqa: RUF006  abandoned on purpose
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with_loader(work)


def test_a_failure_nobody_waits_for_is_not_kept(tmp_path: Path) -> None:
    """A picture that is repaired can be sent."""
    ref = stored(tmp_path)
    data = Path(ref.path).read_bytes()
    Path(ref.path).write_bytes(b"junk")

    async def work(loader: ImageLoader) -> Encoded:
        with pytest.raises(ImageChanged):
            await loader.load(ref, POLICY)
        Path(ref.path).write_bytes(data)
        return await loader.load(ref, POLICY)

    assert with_loader(work).width == 10


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A sparse file of any size costs nothing."""
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(images.MAX_BYTES + 1)
    with pytest.raises(PictureError, match="is over 256 MiB"):
        asyncio.run(read_bytes(str(path)))
