"""What is sent of a picture, and what is refused."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import subprocess
import sys
import warnings
import zlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps

from orchestrator.dataset.pixels import PIXEL_LIMIT, Encoded, PictureError, inspect, prepare, sent_size, too_large
from orchestrator.records import ImagePolicy

# pytest gives every test filters of its own; this is the one that the module sets for the process.
pytestmark = pytest.mark.filterwarnings(r"ignore::Warning:PIL\.")

PNG = ImagePolicy(format="png")
JPEG = ImagePolicy()


def gradient(mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    """Return a picture that differs at every corner."""
    across = Image.linear_gradient("L").resize(size)
    down = Image.linear_gradient("L").rotate(90).resize(size)
    return Image.merge("RGB", (across, down, ImageChops.invert(across))).convert(mode)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    """Return the image as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def opened(sent: Encoded) -> Image.Image:
    """Return what a provider would see."""
    image = Image.open(io.BytesIO(sent.data))
    image.load()
    return image


@pytest.mark.parametrize("policy", [JPEG, PNG])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "GIF"])
def test_no_metadata_is_sent(form: str, policy: ImagePolicy) -> None:
    """EXIF, colour profile, comment and text stay behind, whatever carried them in."""
    exif = Image.Exif()
    exif[0x010E] = "Jane Doe, born 1950"
    options: dict[str, object] = {"exif": exif, "icc_profile": b"Jane Doe's scanner", "comment": b"Jane Doe"}
    source = encoded(gradient(), form, **({"comment": b"Jane Doe"} if form == "GIF" else options))
    assert b"Jane Doe" in source
    sent = prepare(source, policy)
    assert b"Jane Doe" not in sent.data
    image = opened(sent)
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
    if policy is JPEG:
        assert not any(marker in sent.data for marker in (b"\xff\xe1", b"\xff\xe2", b"\xff\xfe", b"Exif"))


def jpeg_with_exif(block: bytes) -> bytes:
    """Return a JPEG of 40 x 24 that carries the block as its EXIF."""
    data = encoded(gradient(), "JPEG")
    body = b"Exif\0\0" + block
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def orientation_of(value: int, kind: int = 3) -> bytes:
    """Return an EXIF block with one entry, the orientation."""
    return b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, kind, 1, value) + bytes(4)


def resized(png: bytes, width: int, height: int) -> bytes:
    """Return a PNG whose header claims another size."""
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + zlib.crc32(header).to_bytes(4) + png[33:]


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_sent_upright(orientation: int, form: str) -> None:
    """All eight EXIF orientations are undone, as Pillow's own transposition does it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = encoded(gradient(), form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(source)))
    sent = prepare(source, PNG)
    assert (sent.width, sent.height) == wanted.size == inspect(source)
    assert opened(sent).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_windowed_to_what_the_picture_holds(form: str) -> None:
    """Twelve-bit radiographs in sixteen-bit files would be sent nearly black otherwise."""
    deep = Image.new("I;16", (3, 1))
    for x, value in enumerate((1000, 2000, 3000)):
        deep.putpixel((x, 0), value)
    sent = opened(prepare(encoded(deep, form), PNG))
    assert sent.mode == "L"
    assert sent.tobytes() == bytes((0, 128, 255))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_deeper_pictures_are_windowed_too(mode: str) -> None:
    """Signed 32-bit and float values below zero included."""
    deep = Image.new(mode, (3, 1))
    for x, value in enumerate((-70_000, 0, 70_000)):
        deep.putpixel((x, 0), value)
    assert opened(prepare(encoded(deep, "TIFF"), PNG)).tobytes() == bytes((0, 128, 255))


def test_a_big_endian_deep_picture_is_windowed() -> None:
    """Byte order does not change what is seen."""
    values = b"".join(value.to_bytes(2, "big") for value in (0, 40_000))
    deep = Image.frombytes("I;16B", (2, 1), values)
    assert opened(prepare(encoded(deep, "TIFF"), PNG)).tobytes() == bytes((0, 255))


def test_a_deep_picture_without_contrast_is_black() -> None:
    """There is nothing to stretch."""
    assert opened(prepare(encoded(Image.new("I;16", (2, 1), 700)), PNG)).tobytes() == bytes(2)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    """No window fits them."""
    with pytest.raises(PictureError, match="not numbers"):
        inspect(encoded(Image.new("F", (2, 1), value), "TIFF"))


def test_transparency_is_laid_over_white() -> None:
    """Black ink on nothing stays legible, in alpha, grey-alpha, palette and colour-key pictures."""
    for source in (
        encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 0))),
        encoded(Image.new("LA", (2, 2), (0, 0))),
        encoded(Image.new("L", (2, 2), 0), transparency=0),
        encoded(Image.new("RGB", (2, 2)), transparency=(0, 0, 0)),
        encoded(Image.new("P", (2, 2), 0), transparency=0),
        encoded(Image.new("P", (2, 2), 0), transparency=b"\0"),
        encoded(Image.new("P", (2, 2), 0), "GIF", transparency=0),
    ):
        assert opened(prepare(source, PNG)).convert("RGB").tobytes() == b"\xff" * 12
    half = opened(prepare(encoded(Image.new("RGBA", (1, 1), (255, 0, 0, 128))), PNG))
    assert half.getpixel((0, 0)) == (255, 127, 127)


@pytest.mark.parametrize(
    ("source", "mode"),
    [
        (encoded(gradient("1")), "L"),
        (encoded(gradient("L")), "L"),
        (encoded(gradient("P")), "RGB"),
        (encoded(gradient("CMYK"), "JPEG"), "RGB"),
        (encoded(gradient("CMYK"), "TIFF"), "RGB"),
        (encoded(gradient("YCbCr"), "TIFF"), "RGB"),
        (encoded(gradient("RGB"), "BMP"), "RGB"),
        (encoded(gradient("RGB"), "WEBP"), "RGB"),
        (encoded(gradient("L"), "TIFF", compression="tiff_lzw"), "L"),
        (encoded(gradient("RGB"), "TIFF", compression="jpeg"), "RGB"),
        (encoded(gradient("1"), "TIFF", compression="group4"), "L"),
    ],
)
@pytest.mark.parametrize("policy", [JPEG, PNG])
def test_every_kind_of_pixel_becomes_grey_or_rgb(source: bytes, mode: str, policy: ImagePolicy) -> None:
    """Nothing else is understood by every provider."""
    sent = prepare(source, policy)
    image = opened(sent)
    assert (image.mode, image.size) == (mode, (40, 24))
    assert sent.media_type == {"jpeg": "image/jpeg", "png": "image/png"}[policy.format]


def test_colours_survive() -> None:
    """A lossless source sent as PNG arrives pixel for pixel."""
    assert opened(prepare(encoded(gradient()), PNG)).tobytes() == gradient().tobytes()


def test_only_the_first_frame_is_sent() -> None:
    """Of an animated GIF, PNG or WebP."""
    frames = {"save_all": True, "append_images": [Image.new("RGB", (4, 4), "blue")]}
    for form in ("GIF", "PNG", "WEBP"):
        source = encoded(Image.new("RGB", (4, 4), "red"), form, **frames)
        red, _, blue = opened(prepare(source, PNG)).convert("RGB").tobytes()[:3]
        assert red > 240
        assert blue < 20


def test_quality_is_used() -> None:
    """The policy's JPEG quality changes what is sent."""
    source = encoded(gradient(size=(200, 200)).effect_spread(20))
    assert len(prepare(source, replace(JPEG, quality=95)).data) > 2 * len(
        prepare(source, replace(JPEG, quality=30)).data
    )


def test_the_digest_is_of_what_is_sent() -> None:
    """And the same picture and policy give the same bytes."""
    sent = prepare(encoded(gradient()), JPEG)
    assert sent.digest == hashlib.sha256(sent.data).hexdigest()
    assert sent == prepare(encoded(gradient()), JPEG)


def test_an_unknown_format_in_a_policy_is_a_programming_error() -> None:
    """The configuration lets none pass."""
    with pytest.raises(ValueError, match="not jpeg or png"):
        prepare(encoded(gradient()), replace(PNG, format="webp"))


def test_a_picture_too_long_for_a_jpeg_is_refused_in_words() -> None:
    """The way out is named."""
    source = encoded(Image.new("1", (66_000, 1)))
    with pytest.raises(PictureError, match="set max_side or send PNG"):
        prepare(source, JPEG)
    assert prepare(source, PNG).width == 66_000
    assert prepare(source, replace(JPEG, max_side=1000)).width == 1000


@given(st.integers(1, 300), st.integers(1, 300), st.none() | st.integers(1, 320))
def test_what_is_sent_has_the_size_foretold(width: int, height: int, max_side: int | None) -> None:
    """Token estimates rest on it; and no side is enlarged, none vanishes, the longest is exactly `max_side`."""
    policy = ImagePolicy(max_side=max_side, format="png")
    sent = prepare(encoded(Image.new("L", (width, height))), policy)
    assert (sent.width, sent.height) == opened(sent).size == sent_size(width, height, policy)
    assert 1 <= sent.width <= width
    assert 1 <= sent.height <= height
    assert max(sent.width, sent.height) == min(max(width, height), max_side or 300)


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 4096))
def test_downscaling_keeps_the_shape(width: int, height: int, max_side: int) -> None:
    """Each side is within half a pixel of its exact share."""
    made = sent_size(width, height, ImagePolicy(max_side=max_side))
    factor = min(1, max_side / max(width, height))
    for got, side in zip(made, (width, height), strict=True):
        assert got == 1 or abs(got - side * factor) <= 0.5 + 1e-9


def test_the_pixel_limit_is_applied_before_decoding() -> None:
    """The header alone is enough, and says so even of a file that holds nothing else."""
    source = encoded(Image.new("1", (3000, 2000)))
    assert inspect(source, 6_000_000) == (3000, 2000)
    with pytest.raises(PictureError, match=r"has 3000 x 2000 pixels, over the limit of 5,999,999"):
        inspect(source, 5_999_999)
    with pytest.raises(PictureError, match=r"has 12000 x 12000 pixels, over the limit of 80,000,000"):
        inspect(resized(source, 12_000, 12_000))
    with pytest.raises(PictureError, match=r"more pixels than can be decoded safely; make it smaller"):
        inspect(resized(source, 2**31 - 1, 2**31 - 1))
    assert too_large(8000, 10_000, PIXEL_LIMIT) is None
    assert too_large(8001, 10_000, PIXEL_LIMIT) is not None


def test_opening_a_bomb_takes_no_memory() -> None:
    """A GIF frame that is to be wiped out is allocated on opening, unless Pillow's own limit stands."""
    frame = b"\x21\xf9\x04\x08\0\0\0\0\x2c" + struct.pack("<4H", 0, 0, 40_000, 40_000) + b"\0\x02\x02L\x01\0;"
    with pytest.raises(PictureError, match="more pixels than can be decoded safely"):
        inspect(b"GIF89a" + struct.pack("<HH", 10, 10) + bytes(3) + frame)


def test_headers_that_disagree_pass_no_limit() -> None:
    """A second frame header, which a decoder would believe over the one that was checked."""
    source = encoded(gradient(size=(40, 24)), "JPEG")
    at = source.index(b"\xff\xc0")
    other = source[at : at + 5] + b"\x00\x08\x00\x08" + source[at + 9 : at + 19]
    with pytest.raises(PictureError, match="is damaged"):
        inspect(source[:at] + other + source[at:])
    small = encoded(Image.new("RGB", (8, 8)))
    large = resized(small, 40, 24)[8:33]
    with pytest.raises(PictureError, match="has 40 x 24 pixels"):
        inspect(small[:33] + large + small[33:], 900)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"", "is empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"),
        (b"%PDF-1.7", "is not a JPEG"),
        (encoded(gradient(), "PPM"), "is not a JPEG"),
        (encoded(gradient())[:20] + bytes(20), "is not a JPEG.*, or its header is damaged"),
        (encoded(gradient())[:-40], "is cut short"),
        (encoded(gradient(), "JPEG")[:-40], "is cut short"),
        (encoded(gradient(), "WEBP")[:-2], r"is damaged \(.+\)$"),
        (b"GIF89a\x01\0\x01\0\0\0\0;", "is not a JPEG|is damaged"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(source: bytes, words: str) -> None:
    """A foreign format, a broken header, and pixels that are missing."""
    with pytest.raises(PictureError, match=words):
        inspect(source)


@pytest.mark.parametrize(
    ("block", "size"),
    [
        (orientation_of(6), (24, 40)),
        (orientation_of(1), (40, 24)),
        (orientation_of(9), (40, 24)),
        (orientation_of(6, kind=2), (40, 24)),
        (b"", (40, 24)),
        (b"XX", (40, 24)),
        (b"II*\0", (40, 24)),
        (b"II*\0\x08\0\0\0\x09\0", (40, 24)),
    ],
)
def test_damaged_exif_is_ignored(block: bytes, size: tuple[int, int]) -> None:
    """As viewers do: the picture is shown as stored."""
    source = jpeg_with_exif(block)
    sent = prepare(source, PNG)
    assert inspect(source) == size == (sent.width, sent.height)


def test_damaged_metadata_warns_nobody() -> None:
    """Where every warning is an error, what Pillow would warn of passes in silence."""
    source = jpeg_with_exif(orientation_of(6)[:-4].replace(b"\x01\0\x12", b"\x09\0\x12"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(source)).getexif().get(0x0112)
    assert caught
    script = "import sys; from orchestrator.dataset.pixels import inspect; print(inspect(sys.stdin.buffer.read()))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], input=source, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"(24, 40)\n", b"")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_file_cut_short_is_refused(form: str) -> None:
    """Wherever the cut is."""
    source = encoded(gradient(size=(200, 150)).effect_spread(9), form)
    for share in (0.0, 0.01, 0.1, 0.5, 0.9):
        with pytest.raises(PictureError):
            inspect(source[: int(len(source) * share)])


def test_pixels_that_cannot_be_converted_are_refused() -> None:
    """At the check, not when the call is about to be made."""
    lab = Image.merge("LAB", (gradient("L"), gradient("L"), gradient("L")))
    with pytest.raises(PictureError, match="has LAB pixels"):
        inspect(encoded(lab, "TIFF"))


def test_damaged_pictures_raise_one_error() -> None:
    """A decoder fed hostile bytes may fail in any way; whoever reads a benchmark sees a PictureError, nothing else."""
    rng = random.Random(7)
    exif = Image.Exif()
    exif[0x0112], exif[0x011A], exif[0x0128] = 6, 72.0, 2
    forms = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
    seeds = [encoded(gradient(), form, **({"exif": exif} if form in ("JPEG", "PNG", "WEBP") else {})) for form in forms]
    seeds += [encoded(gradient(), "TIFF", exif=exif), encoded(gradient("P")), encoded(gradient("I;16"))]
    seeds.append(encoded(gradient(), save_all=True, append_images=[gradient().rotate(180)]))
    survived = 0
    for _ in range(1500):
        broken = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 3, 9))):
            broken[rng.randrange(min(len(broken), 400))] = rng.choice((0, 1, 127, 255, rng.randrange(256)))
        cut = rng.choice((len(broken), len(broken), rng.randrange(len(broken))))
        with suppress(PictureError):
            size = inspect(bytes(broken[:cut]), 2_000_000)
            survived += 1
            sent = prepare(bytes(broken[:cut]), ImagePolicy(max_side=20))
            assert (sent.width, sent.height) == sent_size(*size, ImagePolicy(max_side=20))
    assert 0 < survived < 1500


def test_what_was_inspected_can_be_prepared() -> None:
    """A picture without the palette it needs fails at the check."""
    source = encoded(gradient("P"))
    at = source.index(b"PLTE") - 4
    end = at + 12 + int.from_bytes(source[at : at + 4])
    with pytest.raises(PictureError, match="is damaged"):
        inspect(source[:at] + source[end:])
