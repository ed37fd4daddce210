"""From a picture file's bytes to what is sent: the only module that knows Pillow.

Always: the size is checked against the limit before pixels are decoded; the result is an upright 8-bit grey or RGB
picture, never enlarged, without EXIF, colour profile or comment; `prepare` yields exactly the size that `sent_size`
foretells. Colour profiles are dropped, not applied. Pure: bytes in, values out; raises `PictureError` for bytes it
cannot use.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import warnings
import zlib
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.Image import Resampling

from orchestrator.records import ImagePolicy

PIXEL_LIMIT = 80_000_000
"""Pixels of the largest picture accepted: a radiograph of 8000 x 10000, 240 MB decoded. It lies below the 179 Mpx at
which Pillow refuses to open a picture: a few formats allocate while they are opened, and that bounds them."""

# Pillow warns of damaged metadata, which is not used, and of sizes, which are checked here. Pictures are decoded in
# threads, and `warnings.catch_warnings` changes the filters of all of them; so the one filter stands for the process.
warnings.filterwarnings("ignore", module=r"PIL\.")

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_BROKEN = (OSError, EOFError, SyntaxError, struct.error, zlib.error)
_CONFUSED = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, RuntimeError)
_DAMAGE = (*_BROKEN, *_CONFUSED, MemoryError)
"""What Pillow's readers raise on hostile bytes."""
_DEEP = frozenset({"I", "I;16", "I;16B", "F"})
_COLOUR = frozenset({"P", "PA", "LA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_GREY = frozenset({"1", "L"})


class PictureError(ValueError):
    """The bytes are no picture that can be used; the message says why, in words that follow a file's name."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as it is sent."""

    data: bytes
    media_type: str
    """`image/jpeg` or `image/png`."""
    width: int
    height: int

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the bytes sent."""
        return hashlib.sha256(self.data).hexdigest()


def sent_size(width: int, height: int, policy: ImagePolicy) -> tuple[int, int]:
    """Return the size at which a picture of that upright size is sent: scaled to `max_side`, never enlarged."""
    longest = max(width, height)
    if policy.max_side is None or longest <= policy.max_side:
        return width, height

    def scaled(side: int) -> int:
        return max(1, (2 * side * policy.max_side + longest) // (2 * longest)) if policy.max_side else side

    return scaled(width), scaled(height)


def inspect(data: bytes, pixel_limit: int = PIXEL_LIMIT) -> tuple[int, int]:
    """Decode the picture in full and return its upright width and height, so that preparing it later cannot fail.

    Raises PictureError for a foreign format, a picture over `pixel_limit` pixels (before decoding), and any damage.
    """
    return _decode(data, pixel_limit).size


def too_large(width: int, height: int, pixel_limit: float) -> str | None:
    """Return what is wrong with a picture of that size, or None."""
    if width * height <= pixel_limit:
        return None
    return f"has {width} x {height} pixels, over the limit of {pixel_limit:,}; make it smaller"


def prepare(data: bytes, policy: ImagePolicy) -> Encoded:
    """Encode the picture as the policy says; the same bytes and policy give the same result.

    Deep pictures (16-bit, 32-bit, float) are windowed linearly from their own least to their greatest value: medical
    data seldom fills the range, and a fixed window would send black. Transparency is laid over white, as a page shows
    it: black ink on nothing stays legible. Only the first frame of an animation is sent.
    """
    picture = _decode(data)
    size = sent_size(picture.width, picture.height, policy)
    if size != picture.size:
        picture = picture.resize(size, Resampling.LANCZOS)
    out = io.BytesIO()
    match policy.format:
        case "jpeg":
            if max(size) > 65_500:
                raise PictureError(f"has {size[0]} x {size[1]} pixels, too long for a JPEG; set max_side or send PNG")
            picture.save(out, "JPEG", quality=policy.quality)
        case "png":
            picture.save(out, "PNG")
        case _:
            raise ValueError(f"an image policy says format {policy.format!r}, not jpeg or png")
    return Encoded(out.getvalue(), f"image/{policy.format}", *size)


def _decode(data: bytes, pixel_limit: float = math.inf) -> Image.Image:
    """Return the picture upright, in 8-bit grey or RGB, with nothing but its pixels."""
    if not data:
        raise PictureError("is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            oversized = too_large(*picture.size, pixel_limit)
            if oversized:
                raise PictureError(oversized)
            picture.load()
            flat = _flat(picture)
            flat.info = {}  # encoders copy profiles, comments and transparency from here
            orientation = _orientation(picture)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(
            "is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture, or its header is damaged; convert it to PNG or JPEG"
        ) from None
    except Image.DecompressionBombError:
        raise PictureError("has more pixels than can be decoded safely; make it smaller") from None
    except _DAMAGE as error:
        words = " ".join(str(error).split())[:100] or type(error).__name__
        raise PictureError("is cut short" if "runcated" in words else f"is damaged ({words})") from error
    if orientation != 1:
        flat.getexif()[ExifTags.Base.Orientation] = orientation
        ImageOps.exif_transpose(flat, in_place=True)
    return flat


def _orientation(picture: Image.Image) -> int:
    """Return the picture's EXIF orientation, or 1 where EXIF is damaged: viewers ignore it then, too."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:
        return 1


def _flat(picture: Image.Image) -> Image.Image:
    """Return the picture in 8-bit grey or RGB."""
    if picture.mode in _DEEP:
        return _windowed(picture)
    if picture.mode not in _GREY | _COLOUR:
        raise PictureError(f"has {picture.mode} pixels, which are not supported; convert it to RGB or grey")
    if picture.has_transparency_data:
        ink = picture.convert("RGBA")
        paper = Image.new("RGB", ink.size, "white")
        paper.paste(ink, mask=ink)
        return paper
    return picture.convert("L" if picture.mode in _GREY else "RGB")


def _windowed(picture: Image.Image) -> Image.Image:
    """Return a deep picture stretched to 0..255; one without contrast becomes black."""
    deep = picture if picture.mode == "F" else picture.convert("I").convert("F")
    low, high = (float(value) for value in deep.getextrema() if isinstance(value, int | float))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PictureError("holds values that are not numbers")
    if low == high:
        return Image.new("L", picture.size, 0)
    scale = 255 / (high - low)
    return deep.point(lambda value: value * scale + (0.5 - low * scale)).convert("L")
