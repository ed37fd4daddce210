"""Writes small source datasets in the four published layouts, odd rows and broken files among them.

What a reader must make of each file stands beside the line that writes it; the counts the tests expect are added up
from these remarks by hand.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import openpyxl
import pydicom
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
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLosslessSV1,
)
"""Every one keeps all bits."""
SECRET = "Doe^Jane"

Grey = NDArray[np.uint8]


def drawing(name: str, side: int = 96) -> Grey:
    """Return a grey picture that depends on the name alone: a bright bent column on a dark, noisy ground."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    y, x = np.mgrid[0:side, 0:side] / side
    bend, width, steps = random.uniform(-0.3, 0.3), random.uniform(0.08, 0.2), random.integers(3, 9)
    column = np.exp(-(((x - 0.5 - bend * np.sin(3 * y)) / width) ** 2)) * (0.6 + 0.4 * np.sign(np.sin(steps * 6.3 * y)))
    shown: Grey = np.clip(235 * column + random.normal(20, 6, (side, side)), 0, 255).astype(np.uint8)
    return shown


def dicom(
    path: Path,
    pixels: NDArray[Any],
    syntax: UID = ExplicitVRLittleEndian,
    **elements: object,
) -> None:
    """Write grey pixels (rows x columns, or frames x rows x columns) as a DICOM file; `elements` override tags."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    meta.TransferSyntaxUID = syntax
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = SECRET, "secret-id", "19700101"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in elements.items():
        setattr(dataset, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    if syntax == JPEGLosslessSV1:
        dataset.PixelData = encapsulate([bytes(imagecodecs.ljpeg_encode(pixels, bitspersample=bits))])
        dataset["PixelData"].VR = "OB"
    elif syntax in (RLELossless, JPEG2000Lossless, JPEGLSLossless):
        dataset.compress(syntax, np.ascontiguousarray(pixels), generate_instance_uid=False)
    else:
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def write_csv(path: Path, rows: list[tuple[Any, ...]]) -> None:
    """Write rows as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


# --- BUU-LSPINE ------------------------------------------------------------------------------------------------------


def _buu(folder: Path, name: str, rows: int, classes: dict[int, Any], picture: str = "") -> None:
    """Write one picture with its CSV; `classes` maps a 0-based row to its class, all others are 0."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawing(picture or name)).save(folder / f"{name}.jpg", quality=95)
    write_csv(folder / f"{name}.csv", [(10.5, 20 * i, 80.5, 20 * i, classes.get(i, 0)) for i in range(rows)])


def write_buu(root: Path) -> Path:
    """Write BUU-LSPINE; returns its folder."""
    front, side = root / "AP", root / "LA"
    _buu(front, "0001-F-037Y0", 10, {})  # Healthy
    _buu(front, "0002-M-051Y0", 10, {7: 1})  # Spondylolisthesis, L4/L5
    _buu(front, "0003-F-060Y0", 9, {})  # ambiguous: a row short
    _buu(front, "0004-M-044Y0", 10, {})
    (front / "0004-M-044Y0.csv").unlink()  # no label
    _buu(front, "0005-F-020Y0", 10, {})
    (front / "0005-F-020Y0.jpg").unlink()  # missing
    (front / "readme.csv").write_text("about this dataset")  # ambiguous: name
    _buu(side, "0001-F-037Y1", 11, {})  # Healthy, the patient of the first
    _buu(side, "0001-F-038Y1", 11, {})  # Healthy, the same patient a year later
    _buu(side, "0002-M-051Y1", 11, {7: 3, 9: 4})  # Spondylolisthesis, L4/L5 and L5/S1
    _buu(side, "0006-F-070Y1", 11, {10: 3})  # Spondylolisthesis, level unknown
    _buu(side, "0007-M-033Y1", 11, {})
    whole = (side / "0007-M-033Y1.jpg").read_bytes()
    (side / "0007-M-033Y1.jpg").write_bytes(whole[: len(whole) // 2])  # broken, but only its pixels tell
    _buu(side, "0008-F-041Y1", 11, {3: "none"})  # broken: class
    _buu(side, "0009-M-066Y1", 11, {7: 3, 9: 4}, picture="0002-M-051Y1")  # duplicate of 0002's side view
    return root


# --- CSXA ------------------------------------------------------------------------------------------------------------

CURVATURE = "Curvature: 1.Lordotic, 2.Straight, 3.Sigmoid1, 4.Sigmoid2, 5.Kyphotic"
DISEASE = "Disease: 1.Healthy, 2.Cervical spondylosis"


def write_csxa(root: Path) -> Path:
    """Write CSXA; returns its folder."""
    images = root / "datasets-PNG"
    images.mkdir(parents=True)
    rows: list[tuple[Any, ...]] = [
        (1, 1, 2),  # Cervical lordosis
        (2, 2, 2),  # Straight cervical vertebrae
        (3, 3, 2),  # Sigmoid cervical vertebrae
        (4, 4, 2),  # Sigmoid cervical vertebrae
        (5, 5, 2),  # Cervical kyphosis
        (6, 1, 1),  # Healthy
        (7, 5, 1),  # ambiguous: healthy, but kyphotic
        (8, None, 2),  # no label
        (9, 1, 2),  # missing
        (11, 2, 2),  # ambiguous: two pictures
        (12, 5.0, 2),  # Cervical kyphosis, said twice
        (12, 5.0, 2),
        (13, 1, 2),  # ambiguous: the rows disagree
        (13, 5, 2),
        (14, 2, 2),  # unclear: black
        (None, None, None),
    ]  # and 0010, a picture no row names: no label
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Sheet1"
    sheet.append(["Cervical spine X-ray atlas"])
    sheet.append(["Number", "Gender", "Age", CURVATURE, DISEASE])
    for number, curve, disease in rows:
        sheet.append([number, "F", 50, curve, disease])
    book.save(root / "datasets.xlsx")
    for case in (*range(1, 9), 10, 11, 12, 13):
        Image.fromarray(drawing(f"csxa-{case}")).save(images / f"{case:04d}F{case + 40:03d}.png")
    Image.fromarray(drawing("csxa-11-again")).save(images / "0011F099.png")
    Image.new("L", (96, 96)).save(images / "0014F061.png")
    return root


# --- RSNA 2024 lumbar ------------------------------------------------------------------------------------------------

_LEVELS = ("l1_l2", "l2_l3", "l3_l4", "l4_l5", "l5_s1")
_CONDITIONS = (
    "spinal_canal_stenosis",
    "left_neural_foraminal_narrowing",
    "right_neural_foraminal_narrowing",
    "left_subarticular_stenosis",
    "right_subarticular_stenosis",
)
CANAL, LEFT_FORAMEN, RIGHT_FORAMEN, LEFT_RECESS, RIGHT_RECESS = _CONDITIONS


def _words(condition: str) -> str:
    """Return a condition as train_label_coordinates.csv spells it."""
    return condition.replace("_", " ").title()


def write_rsna(root: Path) -> Path:
    """Write RSNA 2024 lumbar; returns its folder."""
    grades: dict[int, dict[str, str]] = {
        100: {},
        200: {
            f"{CANAL}_l3_l4": "Moderate",
            f"{CANAL}_l4_l5": "Severe",
            f"{LEFT_FORAMEN}_l5_s1": "Severe",
            f"{LEFT_RECESS}_l4_l5": "Moderate",
        },
        300: {f"{CANAL}_l2_l3": "Severe", f"{CANAL}_l5_s1": ""},
        400: {},  # no label: none of its slices has a coordinate
    }
    columns = [f"{condition}_{level}" for condition in _CONDITIONS for level in _LEVELS]
    train = [tuple(own.get(column, "Normal/Mild") for column in columns) for own in grades.values()]
    write_csv(
        root / "train.csv",
        [("study_id", *columns), *((study, *row) for study, row in zip(grades, train, strict=True))],
    )
    series = {
        (100, 1001): "Sagittal T2/STIR",
        (100, 1002): "Sagittal T1",
        (200, 2001): "Sagittal T2/STIR",
        (200, 2002): "Sagittal T1",
        (200, 2003): "Axial T2",
        (300, 3001): "Sagittal T2/STIR",
        (300, 3002): "Axial T2",
        (500, 5001): "Axial T2",
    }
    write_csv(
        root / "train_series_descriptions.csv",
        [("study_id", "series_id", "series_description"), *((*key, text) for key, text in series.items())],
    )
    every = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
    marks: list[tuple[int, int, int, str, tuple[str, ...]]] = [
        (100, 1001, 8, CANAL, every),  # Healthy
        (100, 1002, 5, LEFT_FORAMEN, every),  # Healthy
        (200, 2001, 7, CANAL, every[:2]),  # ambiguous: normal slice of an affected study
        (200, 2001, 8, CANAL, every[2:]),  # Spinal canal stenosis, L3/L4 and L4/L5
        (200, 2002, 3, LEFT_FORAMEN, every),  # Foraminal stenosis, L5/S1
        (200, 2002, 12, RIGHT_FORAMEN, every),  # ambiguous: as above
        (200, 2003, 20, LEFT_RECESS, every[2:3]),  # ambiguous: as above
        (200, 2003, 20, RIGHT_RECESS, every[2:3]),
        (200, 2003, 30, LEFT_RECESS, every[3:4]),  # Subarticular stenosis, L4/L5
        (200, 2003, 30, RIGHT_RECESS, every[3:4]),
        (200, 2009, 1, CANAL, every[3:4]),  # ambiguous: a series without description
        (300, 3001, 9, CANAL, every),  # Spinal canal stenosis, levels unknown: L5/S1 is blank
        (300, 3001, 10, CANAL, every[4:]),  # no label: blank
        (300, 3001, 11, CANAL, every[1:2]),  # missing
        (300, 3001, 12, CANAL, every[1:2]),  # broken, but only its pixels tell
        (300, 3002, 15, LEFT_RECESS, every[1:2]),  # ambiguous: as above
        (500, 5001, 1, LEFT_RECESS, every[:1]),  # no label: not in train.csv
    ]
    rows: list[tuple[Any, ...]] = [
        (study, number, instance, _words(condition), level, 48.5, 40.0)
        for study, number, instance, condition, levels in marks
        for level in levels
    ]
    rows.append(("../..", 1, 1, _words(CANAL), "L1/L2", 1, 1))  # broken: a row
    write_csv(
        root / "train_label_coordinates.csv",
        [("study_id", "series_id", "instance_number", "condition", "level", "x", "y"), *rows],
    )
    for index, (study, number, instance) in enumerate(sorted({mark[:3] for mark in marks})):
        path = root / f"train_images/{study}/{number}/{instance}.dcm"
        pixels = drawing(f"rsna-{study}-{number}-{instance}").astype(np.uint16) * 8
        dicom(path, pixels, SYNTAXES[index % len(SYNTAXES)], WindowCenter=1000, WindowWidth=2000)
    (root / "train_images/300/3001/11.dcm").unlink()
    (root / "train_images/300/3001/12.dcm").write_bytes(b"\0" * 128 + b"DICM and then nothing")
    return root


# --- VinDr-SpineXR ---------------------------------------------------------------------------------------------------


def write_vindr(root: Path) -> Path:
    """Write VinDr-SpineXR; returns its folder."""
    train = [
        ("s1", "a01", "Osteophytes"),  # Osteophytes
        ("s1", "a01", "Osteophytes"),
        ("s1", "a02", "No finding"),  # Healthy, of a study with osteophytes
        ("s2", "a03", "Osteophytes"),  # two diseases
        ("s2", "a03", "Disc space narrowing"),
        ("s3", "a04", "Surgical implant"),  # surgical implant
        ("s3", "a04", "Osteophytes"),
        ("s4", "a05", "Other lesions"),  # other lesions: the row, and the picture
        ("s5", "a06", "Spondylolysthesis"),  # Spondylolisthesis
        ("s5", "a06", "Other lesions"),  # other lesions: the row
        ("s6", "a07", "No finding"),  # ambiguous
        ("s6", "a07", "Osteophytes"),
        ("s7", "a08", "Vertebral collapse"),  # Vertebral collapse
        ("s8", "a09", "Osteophytes"),  # missing
        ("s9", "a11", "Foraminal stenosis"),  # Foraminal stenosis
        ("s9", "../a11", "Foraminal stenosis"),  # broken: a row
    ]  # and a10, a picture no row names: no label
    test = [
        ("t1", "b01", "No finding"),  # Healthy
        ("t2", "b02", "Disc space narrowing"),  # Disc space narrowing
        ("t3", "b03", "Vertebral collapse"),  # Vertebral collapse
    ]
    header = ("study_id", "series_id", "image_id", "rad_id", "lesion_type", "xmin", "ymin", "xmax", "ymax")
    for split, labels in (("train", train), ("test", test)):
        box = (10.0, 20.0, 30.0, 40.0)
        write_csv(
            root / f"annotations/{split}.csv",
            [
                header,
                *(
                    (study, study + "-1", image, "R1", lesion, *(("",) * 4 if lesion == "No finding" else box))
                    for study, image, lesion in labels
                ),
            ],
        )
        extra = {"a10"} if split == "train" else set()
        for index, image in enumerate(sorted({image for _, image, _ in labels if "/" not in image} | extra)):
            path = root / f"{split}_images/{image}.dicom"
            pixels = drawing(f"vindr-{image}").astype(np.uint16) * 16
            if index % 2:
                dicom(path, 4095 - pixels, SYNTAXES[index % len(SYNTAXES)], PhotometricInterpretation="MONOCHROME1")
            else:
                dicom(path, pixels, SYNTAXES[index % len(SYNTAXES)])
    (root / "train_images/a09.dicom").unlink()
    return root
