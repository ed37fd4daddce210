"""From a picture file's bytes to what is sent: the only module that knows Pillow.

Always: the size is checked against the limit before a decoder runs; the result is an upright 8-bit grey or RGB picture,
never enlarged, without EXIF, colour profile or comment; `prepare` yields exactly the size that `sent_size` foretells.
Colour profiles are dropped, not applied. Pure: bytes in, values out; raises `PictureError` for bytes it cannot use.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Image import Resampling, Transpose
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from orchestrator.dataset.containers import Container, Format, PictureError, read_container
from orchestrator.records import ImagePolicy

PIXEL_LIMIT = 80_000_000
"""Pixels of the largest picture accepted: a radiograph of 8000 x 10000, 240 MB decoded. It lies below Pillow's own
89 Mpx, so that Pillow never finds a reason to warn."""

# The classes are called directly: `Image.open` guesses formats, and warns on the way.
_DECODERS: dict[Format, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_DEEP = frozenset({"I", "I;16", "I;16B", "F"})
_COLOUR = frozenset({"P", "PA", "LA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_GREY = frozenset({"1", "L"})


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
    container = read_container(data)
    oversized = too_large(container.width, container.height, pixel_limit)
    if oversized:
        raise PictureError(oversized)
    _decode(container)
    return container.upright


def too_large(width: int, height: int, pixel_limit: int) -> str | None:
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
    container = read_container(data)
    picture = _decode(container)
    if container.orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[container.orientation])
    size = sent_size(picture.width, picture.height, policy)
    if size != picture.size:
        picture = picture.resize(size, Resampling.LANCZOS)
    picture.info = {}  # encoders copy profiles, comments and transparency from here
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


def _decode(container: Container) -> Image.Image:
    """Return the picture, not yet upright, in 8-bit grey or RGB."""
    try:
        picture = _DECODERS[container.format](io.BytesIO(container.pixels))
        if picture.size != (container.width, container.height):
            raise PictureError(f"is a damaged {container.format}")  # two headers that disagree
        picture.load()
        return _flat(picture)
    except PictureError:
        raise
    except Exception as error:  # a decoder fed hostile bytes may raise anything
        words = " ".join(str(error).split())[:100] or type(error).__name__
        raise PictureError(f"is a damaged {container.format} ({words})") from error


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
