"""Picture files taken apart before a decoder sees them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from orchestrator.dataset.containers import PictureError, read_container

SECRET = b"patient name"


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    """Return the image as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    """Return EXIF data with an orientation and a name in it."""
    made = Image.Exif()
    made[0x010E] = SECRET.decode()
    made[0x0112] = orientation
    return made


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """Return a JPEG with further segments at its head."""
    data = encoded(Image.new("RGB", (12, 8)), "JPEG")
    extra = b"".join(bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return data[:2] + extra + data[2:]


def tiff(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    """Return a TIFF that is nothing but a directory."""
    body = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIH", 42, 8, len(entries)) + body + bytes(4)


SIZE = (256, 4, 1, 12), (257, 4, 1, 8)
PHOTO = Image.new("RGB", (12, 8))
WRITERS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(PHOTO, "JPEG", exif=exif(6), comment=SECRET, icc_profile=SECRET),
    "PNG": lambda: encoded(PHOTO, "PNG", exif=exif(6)),
    "WebP": lambda: encoded(PHOTO, "WEBP", exif=exif(6)),
    "TIFF": lambda: encoded(PHOTO, "TIFF", exif=exif(6)),
}


@pytest.mark.parametrize("form", WRITERS)
def test_size_and_rotation_are_read(form: str) -> None:
    """From each format that can carry EXIF."""
    container = read_container(WRITERS[form]())
    assert (container.format, container.width, container.height) == (form, 12, 8)
    assert (container.orientation, container.upright) == (6, (8, 12))


@pytest.mark.parametrize(
    ("form", "options"),
    [("WEBP", {"lossless": True}), ("WEBP", {}), ("GIF", {}), ("BMP", {}), ("JPEG", {}), ("PNG", {})],
)
def test_a_file_without_exif_stands_upright(form: str, options: dict[str, object]) -> None:
    """The size is as stored."""
    container = read_container(encoded(PHOTO, form, **options))
    assert (container.width, container.height, container.orientation) == (12, 8, 1)
    assert container.upright == (12, 8)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_metadata_does_not_reach_the_decoder(form: str) -> None:
    """What is handed on decodes to the same pixels and holds no comment, profile or EXIF."""
    whole = WRITERS[form]()
    assert SECRET in whole
    pixels = read_container(whole).pixels
    assert SECRET not in pixels
    assert Image.open(io.BytesIO(pixels)).tobytes() == Image.open(io.BytesIO(whole)).tobytes()


def test_a_tiff_directory_is_replaced_by_one_of_what_the_pixels_need() -> None:
    """Its description is no longer reachable."""
    opened = Image.open(io.BytesIO(read_container(WRITERS["TIFF"]()).pixels))
    assert opened.size == (12, 8)
    assert {270, 274}.isdisjoint(getattr(opened, "tag_v2", {}))


def test_the_second_header_of_a_bmp_is_read_too() -> None:
    """OS/2's short one, and rows stored from the top."""
    core = b"BM" + bytes(12) + struct.pack("<IHH", 12, 30, 20)
    assert read_container(core).upright == (30, 20)
    top_down = b"BM" + bytes(12) + struct.pack("<Iii", 40, 30, -20)
    assert read_container(top_down).upright == (30, 20)


def test_a_gif_is_as_large_as_its_first_frame() -> None:
    """Where that reaches beyond the screen, decoders enlarge it."""
    frame = b"\x21\xf9\x04\0\0\0\0\0" + b"\x2c" + struct.pack("<4H", 5, 0, 3000, 2000) + b"\0"
    assert read_container(b"GIF89a" + struct.pack("<HH", 10, 10) + b"\0\0\0" + frame).upright == (3005, 2000)


def test_a_big_endian_tiff_is_read() -> None:
    """Shorts in an entry stand at its left."""
    data = tiff((256, 3, 1, 12 << 16), (257, 3, 1, 8 << 16), (274, 3, 1, 8 << 16), order=">")
    container = read_container(data)
    assert (container.width, container.height, container.orientation) == (12, 8, 8)


def test_a_size_stored_in_one_byte_is_read() -> None:
    """Small TIFFs may use the smallest type."""
    assert read_container(tiff((256, 1, 1, 12), (257, 1, 1, 8))).upright == (12, 8)


@pytest.mark.parametrize(
    "block",
    [b"", b"XX", b"II*\0", b"II*\0\x08\0\0\0\x09\0", tiff((274, 3, 1, 9)), tiff((274, 4, 1, 6)), tiff((256, 3, 1, 6))],
)
def test_damaged_exif_is_ignored(block: bytes) -> None:
    """As viewers do: the picture is shown as stored."""
    assert read_container(jpeg((0xE1, b"Exif\0\0" + block))).orientation == 1


def test_padding_and_lone_markers_in_a_jpeg_are_passed_over() -> None:
    """Both are allowed between segments."""
    data = jpeg()
    assert read_container(data[:2] + b"\xff\xff\xff\x01" + data[2:]).upright == (12, 8)


def _png_without_header() -> bytes:
    data = encoded(PHOTO, "PNG")
    return data[:8] + data[33:]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"),
        (b"%PDF-1.7", "is not a JPEG"),
        (jpeg()[:40], "is cut short"),
        (jpeg()[:200], "is cut short"),
        (b"\xff\xd8\xff", "is cut short"),
        (b"\xff\xd8\xff\xfe\0\x02junk", "is a damaged JPEG"),
        (b"\xff\xd8\xff\xda\0\x02", "is a damaged JPEG"),
        (encoded(PHOTO, "PNG")[:-12], "is cut short"),
        (encoded(PHOTO, "PNG")[:-15], "is cut short"),
        (_png_without_header(), "is a damaged PNG"),
        (encoded(PHOTO, "WEBP")[:-2], "is cut short"),
        (b"RIFF\x04\0\0\0AVI ", "is not a WebP picture"),
        (b"RIFF\x0c\0\0\0WEBPJUNK\0\0\0\0", "is a damaged WebP"),
        (b"GIF89a\x01\0\x01\0\0\0\0;", "is a GIF without a picture"),
        (b"GIF89a\x01\0\x01\0\0\0\0!", "is cut short"),
        (b"BM" + bytes(12), "is cut short"),
        (b"II+\0\x08\0\0\0", "is a TIFF of a kind that is not supported"),
        (b"MMxx", "is a TIFF of a kind that is not supported"),
        (tiff(*SIZE)[:20], "is cut short"),
        (tiff(SIZE[0]), "is a damaged TIFF"),
        (tiff(*SIZE, (277, 3, 2, 1)), "is a damaged TIFF"),
        (tiff(*SIZE, (277, 5, 1, 1)), "is a damaged TIFF"),
        (tiff(*SIZE, (273, 99, 1, 1)), "is a damaged TIFF"),
        (tiff(*SIZE, (273, 4, 0, 1)), "is a damaged TIFF"),
        (tiff(*SIZE, (273, 4, 9, 8), (279, 4, 9, 8)), "is a damaged TIFF"),
        (tiff(*SIZE, (273, 4, 9, 4000)), "is cut short"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(data: bytes, words: str) -> None:
    """A foreign format, and every kind of damage to a header."""
    with pytest.raises(PictureError, match=words):
        read_container(data)


@settings(max_examples=300)
@given(st.sampled_from([*WRITERS]), st.data())
def test_no_damage_raises_anything_else(form: str, data: st.DataObject) -> None:
    """Any bytes are a container or a PictureError."""
    broken = bytearray(WRITERS[form]())
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)))
    for candidate in (bytes(broken), bytes(broken[:cut])):
        with suppress(PictureError):
            assert read_container(candidate).orientation in range(1, 9)
