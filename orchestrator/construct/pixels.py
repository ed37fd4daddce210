"""Turns a source's picture file into an 8-bit RGB picture: DICOM of any usual kind, and everything Pillow reads.

Always holds: only pixels come out, nothing of a header; a file that cannot be read, however badly it is broken, raises
UnreadableError with the reason; the same file always gives the same pixels.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from orchestrator.construct.extras import load

MAX_PIXELS = 120_000_000
"""Larger pictures are refused: no radiograph is, and a hostile header could claim any size."""
_DICOM_MARK = slice(128, 132)
_JPEG_CODECS = {
    "1.2.840.10008.1.2.4.51": "jpeg8_decode",
    "1.2.840.10008.1.2.4.57": "jpegsof3_decode",
    "1.2.840.10008.1.2.4.70": "jpegsof3_decode",
}
"""Kinds of JPEG (12 bits, lossless) for which pydicom has but GPL-licensed plugins: transfer syntax -> imagecodecs."""


class UnreadableError(Exception):
    """A picture file that cannot be turned into a picture; the message says why."""


def decode(data: bytes, frame: int | None) -> Image.Image:
    """Return the picture in the bytes of a file, 8-bit RGB; UnreadableError if there is none.

    `frame` is the 0-based frame of a multi-frame file; None takes the middle one.
    """
    if not data:
        raise UnreadableError("the file is empty")
    try:
        return _dicom(data, frame) if data[_DICOM_MARK] == b"DICM" else _plain(data, frame)
    except UnreadableError:
        raise
    # Decoders raise anything at all on a damaged file: struct.error, KeyError, RuntimeError out of a C library.
    except Exception as error:
        raise UnreadableError(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from error


def _chosen(frame: int | None, count: int) -> int:
    """Return the frame to take of `count`."""
    if frame is None:
        return count // 2
    if frame >= count:
        raise UnreadableError(f"there is no frame {frame}; the file has {count}")
    return frame


def _check_size(width: int, height: int) -> None:
    """Refuse sizes that no picture has."""
    if not 0 < width * height <= MAX_PIXELS:
        raise UnreadableError(f"{width} x {height} pixels; up to {MAX_PIXELS} are read")


def _plain(data: bytes, frame: int | None) -> Image.Image:
    """Return a PNG, JPEG, TIFF or the like as 8-bit RGB, upright, transparency over black."""
    with Image.open(io.BytesIO(data)) as opened:
        _check_size(*opened.size)
        count = getattr(opened, "n_frames", 1)
        if count > 1:
            opened.seek(_chosen(frame, count))
        upright = ImageOps.exif_transpose(opened)
        if upright.mode.startswith("I") or upright.mode == "F":
            grey = np.asarray(upright, np.float64)
            return _grey(_stretch(grey, float(grey.min()), float(grey.max())))
        if upright.has_transparency_data:
            rgba = upright.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba).convert("RGB")
        return upright.convert("RGB")


def _dicom(data: bytes, frame: int | None) -> Image.Image:
    """Return one frame of a DICOM file as it is meant to be seen: rescaled, windowed, upright in brightness."""
    dataset = load("pydicom", "build").dcmread(io.BytesIO(data))
    _check_size(int(dataset.Columns), int(dataset.Rows))
    index = _chosen(frame, int(dataset.get("NumberOfFrames") or 1))
    pixels = load("pydicom.pixels", "build")
    codec = _JPEG_CODECS.get(dataset.file_meta.TransferSyntaxUID)
    values = _jpeg(dataset, index, codec) if codec else pixels.pixel_array(dataset, index=index)
    kind = dataset.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        colours = pixels.apply_color_lut(values, dataset)
        return Image.fromarray((colours >> (8 * (colours.dtype.itemsize - 1))).astype(np.uint8), "RGB")
    if int(dataset.SamplesPerPixel) == 3:
        return Image.fromarray((values >> max(0, int(dataset.BitsStored) - 8)).astype(np.uint8), "RGB")
    shown = _window(dataset, values)
    return _grey(1.0 - shown if kind == "MONOCHROME1" else shown)


def _jpeg(dataset: Any, index: int, codec: str) -> NDArray[Any]:  # noqa: ANN401 - pydicom's datasets are untyped here
    """Return the stored values of a frame that pydicom cannot decode by itself."""
    count = int(dataset.get("NumberOfFrames") or 1)
    frame = load("pydicom.encaps", "build").get_frame(dataset.PixelData, index, number_of_frames=count)
    values: NDArray[Any] = getattr(load("imagecodecs", "build"), codec)(frame)
    if values.shape[:2] != (dataset.Rows, dataset.Columns):
        raise UnreadableError(f"the header says {dataset.Columns} x {dataset.Rows} pixels, the JPEG {values.shape}")
    return values.view(f"i{values.itemsize}") if dataset.PixelRepresentation else values


def _window(dataset: Any, stored: NDArray[Any]) -> NDArray[np.float64]:  # noqa: ANN401 - pydicom's datasets are untyped here
    """Return stored values as brightness in 0..1: modality LUT, then VOI LUT or window (DICOM PS3.3 C.11.2).

    Without either, the 0.1 and 99.9 percentiles of the pixels that are no padding become black and white.
    """
    pixels = load("pydicom.pixels", "build")
    values = np.asarray(pixels.apply_modality_lut(stored, dataset), np.float64)
    table = dataset.get("VOILUTSequence")
    if table:
        entries = np.asarray(pixels.apply_voi_lut(values.astype(np.int64), dataset, prefer_lut=True), np.float64)
        data = np.frombuffer(table[0].LUTData, "<u2") if isinstance(table[0].LUTData, bytes) else table[0].LUTData
        return _stretch(entries, float(np.min(data)), float(np.max(data)))
    centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if centre is None or width is None or width <= 0:
        padding = _first(dataset.get("PixelPaddingValue"))
        seen = values if padding is None else values[stored != padding]
        low, high = np.percentile(seen if seen.size else values, (0.1, 99.9))
        return _stretch(values, float(low), float(high))
    match str(dataset.get("VOILUTFunction") or "LINEAR").upper():
        case "SIGMOID":
            return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700, 700))))
        case "LINEAR_EXACT":
            return _stretch(values, centre - width / 2, centre + width / 2)
        case _:
            # C.11.2.1.2.1: a LINEAR window of width w covers w - 1 steps around centre - 0.5; of width 1 it is a step.
            return _stretch(values, centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def _first(value: Any) -> float | None:  # noqa: ANN401 - a DICOM value is one, several or none
    """Return the first of a value that may be several, or None."""
    if value is None or value == "":
        return None
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return float(value)
    return float(value[0]) if len(value) else None


def _stretch(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return values with low..high brought to 0..1; a step where the two are equal."""
    if high <= low:
        return (values > low).astype(np.float64)
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def _grey(brightness: NDArray[np.float64]) -> Image.Image:
    """Return brightness in 0..1 as a grey RGB picture."""
    return Image.fromarray(np.rint(brightness * 255).astype(np.uint8), "L").convert("RGB")
