"""Pixels: every usual DICOM gives the picture it is meant to, and a broken file says why it does not."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from orchestrator.construct.clarity import fingerprint, measure
from orchestrator.construct.pixels import UnreadableError, decode

RAMP = (np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)) * 5


def dicom(pixels: NDArray[Any], syntax: UID = ExplicitVRLittleEndian, **elements: object) -> bytes:
    """Return a DICOM file of the pixels; `elements` override tags."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = UID("1.2.3")
    dataset.file_meta.TransferSyntaxUID = syntax
    colour = pixels.ndim > 2 and pixels.shape[-1] == 3
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    for name, value in elements.items():
        setattr(dataset, name, value)
    if syntax == JPEGBaseline8Bit:
        coded = io.BytesIO()
        Image.fromarray(pixels).save(coded, "jpeg", quality=95)
        dataset.PixelData = encapsulate([coded.getvalue()])
        dataset["PixelData"].VR = "OB"
    elif syntax in (JPEGLossless, JPEGLosslessSV1, JPEGExtended12Bit):
        unsigned = pixels.view(f"u{pixels.itemsize}")
        if syntax == JPEGExtended12Bit:
            coded_frames = [bytes(imagecodecs.jpeg8_encode(unsigned, level=100, bitspersample=12))]
        else:
            frames = unsigned if unsigned.ndim == 3 else [unsigned]
            coded_frames = [bytes(imagecodecs.ljpeg_encode(frame, bitspersample=bits)) for frame in frames]
        dataset.PixelData = encapsulate(coded_frames)
        dataset["PixelData"].VR = "OB"
    elif syntax in (RLELossless, JPEG2000Lossless, JPEGLSLossless):
        dataset.compress(syntax, np.ascontiguousarray(pixels), generate_instance_uid=False)
    else:
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def grey(data: bytes, frame: int | None = None) -> NDArray[np.uint8]:
    """Return the decoded picture's grey values, having checked that it is grey RGB."""
    picture = decode(data, frame)
    assert picture.mode == "RGB"
    values = np.asarray(picture)
    assert (values == values[..., :1]).all()
    return values[..., 0]


def stretched(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Return what a window from low to high makes of values."""
    return np.rint(np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
        JPEGLSLossless,
        JPEGLossless,
        JPEGLosslessSV1,
    ],
    ids=lambda uid: UID(uid).keyword,
)
def test_every_lossless_transfer_syntax_gives_the_same_picture(syntax: UID) -> None:
    """How the pixels were packed does not show."""
    data = dicom(RAMP, syntax, WindowCenter=8000, WindowWidth=10001)
    assert (grey(data) == stretched(RAMP, 8000 - 0.5 - 5000, 8000 - 0.5 + 5000)).all()


def test_a_lossy_jpeg_inside_dicom_is_read() -> None:
    """Baseline JPEG, within what it loses."""
    smooth = np.linspace(0, 255, 64 * 48).reshape(64, 48).astype(np.uint8)
    data = dicom(smooth, JPEGBaseline8Bit, WindowCenter=128, WindowWidth=256)
    assert np.abs(grey(data).astype(int) - smooth).max() <= 4


def test_a_twelve_bit_jpeg_is_read() -> None:
    """What older digital X-ray machines wrote, within what it loses."""
    smooth = np.linspace(0, 4095, 64 * 48).reshape(64, 48).astype(np.uint16)
    data = dicom(smooth, JPEGExtended12Bit, WindowCenter=2048, WindowWidth=4096, BitsStored=12, HighBit=11)
    assert np.abs(grey(data).astype(int) - stretched(smooth, 0, 4095)).max() <= 4


def test_lossless_jpeg_keeps_signs_and_frames() -> None:
    """Signed values are read as such, and the frame asked for is decoded."""
    window: dict[str, Any] = {"WindowCenter": 0.5, "WindowWidth": 8001}
    signed = (RAMP.astype(np.int32) - 4000).astype(np.int16)
    assert (grey(dicom(signed, JPEGLosslessSV1, **window)) == grey(dicom(signed, **window))).all()
    frames = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]])
    assert (grey(dicom(frames, JPEGLossless, **window), 2) == grey(dicom(frames, **window), 2)).all()


def test_monochrome1_is_the_negative_of_monochrome2() -> None:
    """High values are dark there."""
    window: dict[str, Any] = {"WindowCenter": 8000, "WindowWidth": 10000}
    light = grey(dicom(RAMP, **window))
    dark = grey(dicom(RAMP, PhotometricInterpretation="MONOCHROME1", **window))
    assert np.abs(light.astype(int) + dark - 255).max() <= 1


def test_signed_values_are_rescaled_before_the_window() -> None:
    """Slope and intercept come first (DICOM PS3.3 C.11.1)."""
    signed = (RAMP.astype(np.int32) - 4000).astype(np.int16)
    data = dicom(signed, RescaleSlope=2, RescaleIntercept=100, WindowCenter=0.5, WindowWidth=8001)
    assert (grey(data) == stretched(signed * 2.0 + 100, -4000, 4000)).all()


def test_each_window_function_is_its_own_formula() -> None:
    """LINEAR_EXACT has no half steps; SIGMOID is a logistic curve."""
    exact = dicom(RAMP, WindowCenter=8000, WindowWidth=4000, VOILUTFunction="LINEAR_EXACT")
    assert (grey(exact) == stretched(RAMP, 6000, 10000)).all()
    sigmoid = dicom(RAMP, WindowCenter=8000, WindowWidth=4000, VOILUTFunction="SIGMOID")
    expected = np.rint(255 / (1 + np.exp(-4 * (RAMP - 8000.0) / 4000))).astype(np.uint8)
    assert (grey(sigmoid) == expected).all()


def test_of_several_windows_the_first_counts() -> None:
    """The others are alternatives for the reader."""
    several = dicom(RAMP, WindowCenter=[8000, 100], WindowWidth=[10000, 10])
    assert (grey(several) == grey(dicom(RAMP, WindowCenter=8000, WindowWidth=10000))).all()


def test_a_window_of_width_one_is_a_step() -> None:
    """The narrowest window the standard knows."""
    assert set(np.unique(grey(dicom(RAMP, WindowCenter=8000, WindowWidth=1)))) == {0, 255}


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 5, "WindowWidth": 0}])
def test_without_a_window_the_percentiles_are_stretched_and_padding_ignored(window: dict[str, Any]) -> None:
    """A hot pixel or the padding does not darken the picture."""
    pixels = np.tile(np.linspace(1000, 1400, 64).astype(np.uint16), (64, 1))
    pixels[:10] = 0
    found = grey(dicom(pixels, PixelPaddingValue=0, **window))
    assert found[20, 0] == 0
    assert found[20, -1] == 255


def test_a_voi_table_is_applied() -> None:
    """A look-up table in place of a window; here it turns 8-bit values around."""
    table = Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table["LUTDescriptor"].VR = "US"
    table.LUTData = [65535 - 257 * value for value in range(256)]
    table["LUTData"].VR = "US"
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (grey(dicom(pixels, VOILUTSequence=[table])) == 255 - pixels).all()


def test_the_middle_frame_is_taken_unless_one_is_named() -> None:
    """Multi-frame files are one picture."""
    frames = np.stack([np.full((16, 16), value, np.uint8) for value in (10, 20, 30)])
    window: dict[str, Any] = {"WindowCenter": 128, "WindowWidth": 256}
    assert grey(dicom(frames, **window))[0, 0] == 20
    assert grey(dicom(frames, **window), 2)[0, 0] == 30
    with pytest.raises(UnreadableError, match="no frame 3; the file has 3"):
        decode(dicom(frames, **window), 3)


def test_colour_and_palette_files_keep_their_colours() -> None:
    """Eight bits a channel come out."""
    colours = np.zeros((8, 8, 3), np.uint8)
    colours[..., 0], colours[..., 2] = 200, 50
    assert (np.asarray(decode(dicom(colours), None)) == colours).all()
    table = struct.pack("<4H", 0, 0x4000, 0x8000, 0xFF00)
    palette: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in ("Red", "Green", "Blue"):
        palette[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        palette[f"{name}PaletteColorLookupTableData"] = table
    found = np.asarray(decode(dicom(np.array([[0, 1], [2, 3]], np.uint8), **palette), None))
    assert found[..., 0].tolist() == [[0, 0x40], [0x80, 0xFF]]


def encoded(picture: Image.Image, kind: str = "png", **how: Any) -> bytes:  # noqa: ANN401 - Pillow's options
    """Return the picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def test_plain_pictures_come_out_upright_opaque_and_in_eight_bits() -> None:
    """EXIF rotation, transparency over black, 16 bits by their own range."""
    turned = Image.new("RGB", (6, 4), "white")
    exif = turned.getexif()
    exif[0x0112] = 6
    assert decode(encoded(turned, "jpeg", exif=exif), None).size == (4, 6)
    assert np.asarray(decode(encoded(Image.new("RGBA", (2, 2), (255, 255, 255, 0))), None)).max() == 0
    deep = Image.fromarray(np.array([[1000, 2000], [3000, 3000]], np.uint16))
    assert grey(encoded(deep)).tolist() == [[0, 128], [255, 255]]
    assert grey(encoded(Image.fromarray(np.array([[0.0, 0.5]], np.float32)), "tiff")).tolist() == [[0, 255]]


def test_a_page_of_a_tiff_is_a_frame() -> None:
    """The middle page by default."""
    pages = [Image.new("L", (4, 4), value) for value in (1, 2, 3)]
    data = encoded(pages[0], "tiff", save_all=True, append_images=pages[1:])
    assert grey(data)[0, 0] == 2
    assert grey(data, 0)[0, 0] == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a picture", "UnidentifiedImageError"),
        (b"\0" * 128 + b"DICM", "Columns"),
        (dicom(RAMP, Rows=60000, Columns=60000), "60000 x 60000 pixels"),
        (dicom(RAMP, JPEGLossless, Rows=65), "header says 48 x 65"),
        (dicom(RAMP)[:-100], "ValueError"),
        (encoded(Image.new("L", (50, 50)))[:60], "OSError"),
    ],
)
def test_a_broken_file_says_why(data: bytes, reason: str) -> None:
    """Whatever the decoder raises, one kind of error comes out."""
    with pytest.raises(UnreadableError, match=reason):
        decode(data, None)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_anywhere_is_a_picture_or_an_unreadable_file(data: st.DataObject) -> None:
    """No damaged byte brings the build down."""
    whole = bytearray(
        data.draw(st.sampled_from((dicom(RAMP), dicom(RAMP, RLELossless), encoded(Image.new("L", (9, 9))))))
    )
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UnreadableError):
        assert decode(bytes(whole), None).mode == "RGB"


def test_clarity_tells_flat_pictures_from_clear_ones() -> None:
    """A black picture has no contrast, a blurred one less sharpness than a crisp one of the same contrast."""
    stripes = np.tile(np.array([0, 255], np.uint8).repeat(8), (64, 4))
    smooth = np.tile(np.abs(np.linspace(-255, 255, 64)).astype(np.uint8), (64, 1))
    crisp, soft, black = (measure(Image.fromarray(one)) for one in (stripes, smooth, np.zeros((64, 64), np.uint8)))
    assert (black.contrast, black.sharpness) == (0.0, 0.0)
    assert crisp.contrast == 1.0
    assert crisp.sharpness > soft.sharpness > 0
    assert measure(Image.new("L", (1, 1))).sharpness == 0.0


def test_a_fingerprint_survives_rescaling_and_tells_pictures_apart() -> None:
    """256 bits: a resized copy differs in few, a mirror image in many."""
    random = np.random.default_rng(7)
    cells = Image.fromarray(random.integers(0, 255, (24, 24), np.uint8)).resize((240, 240), Image.Resampling.BILINEAR)

    def distance(one: str, two: str) -> int:
        return (int(one, 16) ^ int(two, 16)).bit_count()

    mark = fingerprint(cells)
    assert len(mark) == 64
    assert distance(mark, fingerprint(cells.resize((120, 120)))) <= 10
    assert distance(mark, fingerprint(cells.transpose(Image.Transpose.FLIP_LEFT_RIGHT))) > 60
