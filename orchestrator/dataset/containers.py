"""What a picture file says of itself, read before any decoder sees it.

Each reader walks one container format by its published layout and yields the size and the EXIF orientation, together
with bytes that hold the pixels but no metadata. So the pixel limit is applied before memory is allocated, nothing
hidden in EXIF, text or profile blocks reaches a decoder, and Pillow has nothing left to warn about: its warnings,
which no thread can silence for itself alone, all concern metadata or sizes refused here.
Pure: bytes in, values out; damage raises `PictureError` and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF"]


class PictureError(ValueError):
    """The bytes are no picture that can be used; the message says why, in words that follow a file's name."""


@dataclass(frozen=True, slots=True)
class Container:
    """One picture file, taken apart."""

    format: Format
    width: int
    height: int
    """Pixels as stored, before rotation."""
    orientation: int
    """EXIF orientation, 1..8; 1 where there is none."""
    pixels: bytes
    """The same picture in the same format without its metadata."""

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height after EXIF rotation."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_container(data: bytes) -> Container:
    """Take a JPEG, PNG, WebP, GIF, BMP or TIFF file apart; raises PictureError for anything else or for damage."""
    for magic, read in _READERS:
        if data.startswith(magic):
            try:
                return read(data)
            except (struct.error, IndexError):
                raise PictureError("is cut short") from None
    if not data:
        raise PictureError("is empty")
    raise PictureError("is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture; convert it to PNG or JPEG")


# --- JPEG (ITU T.81, Annex B) ----------------------------------------------------------------------------------------

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SOS, _COM, _JFIF, _EXIF, _ADOBE = 0xDA, 0xFE, 0xE0, 0xE1, 0xEE


def _jpeg(data: bytes) -> Container:
    """Keep every segment but comments and application data; JFIF and Adobe stay, they tell the colour space."""
    kept = [data[:2]]
    at, size, orientation = 2, None, 1
    while True:
        if data[at] != 0xFF:
            raise PictureError("is a damaged JPEG")
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _NO_LENGTH:
            at += 2
            continue
        end = at + 2 + _at(">H", data, at + 2)
        if marker in _SOF:
            size = (_at(">H", data, at + 7), _at(">H", data, at + 5))
        if marker == _SOS:
            break
        if end > len(data):
            raise PictureError("is cut short")
        if marker == _EXIF and data.startswith(b"Exif\0\0", at + 4):
            orientation = _exif_orientation(data[at + 10 : end])
        if marker in (_JFIF, _ADOBE) or not (0xE0 <= marker <= 0xEF or marker == _COM):
            kept.append(data[at:end])
        at = end
    if size is None:
        raise PictureError("is a damaged JPEG")
    kept.append(data[at:])
    return Container("JPEG", *size, orientation, b"".join(kept))


# --- PNG (W3C PNG, third edition) ------------------------------------------------------------------------------------

_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def _png(data: bytes) -> Container:
    """Keep the critical chunks and transparency; of an animation that is the default picture."""
    kept = [data[:8]]
    at, orientation, kind = 8, 1, b""
    if data[12:16] != b"IHDR":
        raise PictureError("is a damaged PNG")
    while kind != b"IEND":
        kind = data[at + 4 : at + 8]
        end = at + 12 + _at(">I", data, at)
        if end > len(data):
            raise PictureError("is cut short")
        if kind == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : end - 4])
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        at = end
    return Container("PNG", _at(">I", data, 16), _at(">I", data, 20), orientation, b"".join(kept))


# --- WebP (Google, WebP container specification) ---------------------------------------------------------------------


def _webp(data: bytes) -> Container:
    """Read the canvas size; the metadata chunks stay, for the decoder hands them on unread."""
    if data[8:12] != b"WEBP":
        raise PictureError("is not a WebP picture")
    end = 8 + _at("<I", data, 4)
    if end > len(data):
        raise PictureError("is cut short")
    match data[12:16]:
        case b"VP8X":
            size = (1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
        case b"VP8L":
            bits = _at("<I", data, 21)
            size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        case b"VP8 ":
            size = (_at("<H", data, 26) & 0x3FFF, _at("<H", data, 28) & 0x3FFF)
        case _:
            raise PictureError("is a damaged WebP")
    orientation, at = 1, 12
    while at + 8 <= end:
        length = _at("<I", data, at + 4)
        if data[at : at + 4] == b"EXIF":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
        at += 8 + length + (length & 1)
    return Container("WebP", *size, orientation, data)


# --- GIF (GIF89a) and BMP --------------------------------------------------------------------------------------------


def _gif(data: bytes) -> Container:
    """Read the screen, enlarged by the first frame where that reaches beyond it, as decoders do."""
    width, height = _at("<H", data, 6), _at("<H", data, 8)
    flags = data[10]
    at = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    while data[at] == 0x21:  # an extension: two bytes, then blocks up to an empty one
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    if data[at] != 0x2C:
        raise PictureError("is a GIF without a picture")
    left, top, wide, high = struct.unpack_from("<4H", data, at + 1)
    return Container("GIF", max(width, left + wide), max(height, top + high), 1, data)


def _bmp(data: bytes) -> Container:
    """Read the size from either generation of the header; a negative height means top-down rows."""
    if _at("<I", data, 14) == 12:
        return Container("BMP", _at("<H", data, 18), _at("<H", data, 20), 1, data)
    return Container("BMP", _at("<i", data, 18), abs(_at("<i", data, 22)), 1, data)


# --- TIFF (TIFF 6.0), also the layout of EXIF ------------------------------------------------------------------------

_UNIT = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_ORIENTATION = 274
_ONE_VALUE = frozenset({256, 257, 259, 262, 266, 277, 278, 284, 292, 293, 317, 322, 323})
_MANY_VALUES = frozenset({258, 273, 279, 320, 324, 325, 338, 339, 347, 529, 530, 531, 532})


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a TIFF directory."""

    tag: int
    kind: int
    count: int
    raw: bytes
    """The 12 bytes as stored."""
    value: int
    """The first value, where it is a short or a long in the entry itself; else the value's offset."""

    @property
    def outside(self) -> int:
        """Bytes that the value takes outside the entry."""
        size = _UNIT.get(self.kind, 0) * self.count
        return size if size > 4 else 0


def _tiff(data: bytes) -> Container:
    """Append a directory that lists only what the pixels need, and point the header at it."""
    order = _byte_order(data)
    if order is None or _at(order + "H", data, 2) != 42:
        raise PictureError("is a TIFF of a kind that is not supported (BigTIFF, or damaged)")
    first: dict[int, _Entry] = {}
    orientation = 1
    for entry in _directory(data, order):
        if entry.tag == _ORIENTATION:
            orientation = _valid_orientation(entry)
        elif entry.tag in _ONE_VALUE | _MANY_VALUES:
            first.setdefault(entry.tag, entry)
    for entry in first.values():
        single = entry.tag not in _ONE_VALUE or (entry.count == 1 and entry.kind in (1, 3, 4))
        if entry.kind not in _UNIT or not entry.count or not single:
            raise PictureError("is a damaged TIFF")
        if entry.outside and entry.value + entry.outside > len(data):
            raise PictureError("is cut short")
    if sum(entry.outside for entry in first.values()) > len(data) or not {256, 257} <= first.keys():
        raise PictureError("is a damaged TIFF")
    clean = b"".join(entry.raw for entry in first.values())
    start = len(data) + len(data) % 2
    header = data[:4] + struct.pack(order + "I", start)
    body = struct.pack(order + "H", len(first)) + clean + bytes(4)
    pixels = b"".join((header, data[8:], bytes(start - len(data)), body))
    return Container("TIFF", first[256].value, first[257].value, orientation, pixels)


def _directory(data: bytes, order: str) -> Iterator[_Entry]:
    """Yield the entries of the first directory; struct.error where it is cut short."""
    at = _at(order + "I", data, 4)
    for index in range(_at(order + "H", data, at)):
        here = at + 2 + 12 * index
        tag, kind, count = struct.unpack_from(order + "HHI4x", data, here)
        raw = data[here : here + 12]
        short = kind == 3 and count <= 2
        value = _at(order + ("H" if short else "I"), raw, 8)
        yield _Entry(tag, kind, count, raw, raw[8] if kind == 1 and count == 1 else value)


def _byte_order(data: bytes) -> str | None:
    """Return the struct prefix of a TIFF header's byte order."""
    return {b"II": "<", b"MM": ">"}.get(data[:2])


def _valid_orientation(entry: _Entry) -> int:
    """Return the entry's orientation, or 1 where it is none of the eight."""
    return entry.value if entry.kind == 3 and 1 <= entry.value <= 8 else 1


def _exif_orientation(exif: bytes) -> int:
    """Return the orientation of an EXIF block, or 1 where the block is damaged: viewers ignore it too."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = _byte_order(exif)
    if order is None:
        return 1
    try:
        for entry in _directory(exif, order):
            if entry.tag == _ORIENTATION:
                return _valid_orientation(entry)
    except struct.error:
        return 1
    return 1


def _at(layout: str, data: bytes, offset: int) -> int:
    """Return the integer of that struct layout at the offset."""
    (value,) = struct.unpack_from(layout, data, offset)
    return int(value)


_READERS: tuple[tuple[bytes, Callable[[bytes], Container]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"RIFF", _webp),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"BM", _bmp),
    (b"II", _tiff),
    (b"MM", _tiff),
)
