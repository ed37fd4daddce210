"""The readers on datasets in the published layouts, against counts added up by hand in `build_fixtures`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import openpyxl
import pytest
from build_fixtures import write_buu, write_csv, write_csxa, write_rsna, write_vindr
from PIL import Image

from orchestrator.construct.findings import Dropped, Finding, Read, Rule
from orchestrator.construct.labels import Vocabulary
from orchestrator.construct.sources import buu, csxa, generic, rsna, vindr
from orchestrator.errors import BenchmarkError

WORDS = Vocabulary()


def split(read: Iterable[Read]) -> tuple[dict[str, Finding], Counter[Rule]]:
    """Return the findings by subject, and how much was dropped by each rule."""
    both = list(read)
    kept = {one.subject: one for one in both if isinstance(one, Finding)}
    assert len(kept) == sum(isinstance(one, Finding) for one in both)
    return kept, Counter(one.rule for one in both if isinstance(one, Dropped))


def test_buu_reads_endplate_classes_into_diseases_and_levels(tmp_path: Path) -> None:
    """A class on an inferior endplate is a listhesis at the level below; every odd file is named by its rule."""
    kept, dropped = split(buu.read(write_buu(tmp_path)))
    listhesis = ("Spondylolisthesis",)
    assert {name: (one.diseases, one.levels) for name, one in kept.items()} == {
        "AP/0001-F-037Y0.jpg": (("Healthy",), ()),
        "AP/0002-M-051Y0.jpg": (listhesis, (("Spondylolisthesis", ("L4/L5",)),)),
        "LA/0001-F-037Y1.jpg": (("Healthy",), ()),
        "LA/0001-F-038Y1.jpg": (("Healthy",), ()),
        "LA/0002-M-051Y1.jpg": (listhesis, (("Spondylolisthesis", ("L4/L5", "L5/S1")),)),
        "LA/0006-F-070Y1.jpg": (listhesis, ()),
        "LA/0007-M-033Y1.jpg": (("Healthy",), ()),
        "LA/0009-M-066Y1.jpg": (listhesis, (("Spondylolisthesis", ("L4/L5", "L5/S1")),)),
    }
    assert [one.group for one in kept.values()] == ["0001", "0002", "0001", "0001", "0002", "0006", "0007", "0009"]
    assert dropped == {Rule.AMBIGUOUS: 2, Rule.UNLABELLED: 1, Rule.MISSING: 1, Rule.BROKEN: 1}


def test_csxa_links_rows_and_pictures_by_case_number(tmp_path: Path) -> None:
    """Codes are read from the column's own name, and a healthy case needs a lordotic curve."""
    kept, dropped = split(csxa.read(write_csxa(tmp_path), WORDS))
    assert {one.group: one.diseases[0] for one in kept.values()} == {
        "0001": "Cervical lordosis",
        "0002": "Straight cervical vertebrae",
        "0003": "Sigmoid cervical vertebrae",
        "0004": "Sigmoid cervical vertebrae",
        "0005": "Cervical kyphosis",
        "0006": "Healthy",
        "0012": "Cervical kyphosis",
        "0014": "Straight cervical vertebrae",
    }
    assert {one.group: one.carried for one in kept.values() if one.carried} == {"0006": ("Cervical lordosis",)}
    assert dropped == {Rule.AMBIGUOUS: 3, Rule.UNLABELLED: 2, Rule.MISSING: 1}


def test_rsna_slices_follow_the_label_coordinates(tmp_path: Path) -> None:
    """A sagittal slice has its study's levels, an axial one its own, and a blank grade takes the levels away."""
    kept, dropped = split(rsna.read(write_rsna(tmp_path), WORDS, "Moderate"))
    assert {name.removeprefix("train_images/"): (one.diseases, one.levels) for name, one in kept.items()} == {
        "100/1001/8.dcm": (("Healthy",), ()),
        "100/1002/5.dcm": (("Healthy",), ()),
        "200/2001/8.dcm": (("Spinal canal stenosis",), (("Spinal canal stenosis", ("L3/L4", "L4/L5")),)),
        "200/2002/3.dcm": (("Foraminal stenosis",), (("Foraminal stenosis", ("L5/S1",)),)),
        "200/2003/30.dcm": (("Subarticular stenosis",), (("Subarticular stenosis", ("L4/L5",)),)),
        "300/3001/9.dcm": (("Spinal canal stenosis",), ()),
        "300/3001/12.dcm": (("Spinal canal stenosis",), ()),
    }
    assert kept["train_images/200/2001/8.dcm"].carried == ("Foraminal stenosis", "Subarticular stenosis")
    assert kept["train_images/200/2003/30.dcm"].view == "lumbar MRI, Axial T2"
    assert dropped == {Rule.AMBIGUOUS: 5, Rule.UNLABELLED: 3, Rule.MISSING: 1, Rule.BROKEN: 1}


def test_a_blank_grade_may_be_a_disease_and_is_never_a_wrong_answer(tmp_path: Path) -> None:
    """Of a study with one blank foramen nobody knows that it has no foraminal stenosis; nor is it healthy."""
    write_rsna(tmp_path)
    table = tmp_path / "train.csv"
    header, *studies = [line.split(",") for line in table.read_text().splitlines()]
    for study in studies:
        study[header.index("right_neural_foraminal_narrowing_l1_l2")] = ""
    table.write_text("\n".join(map(",".join, [header, *studies])))
    kept, _ = split(rsna.read(tmp_path, WORDS, "Moderate"))
    assert kept["train_images/300/3001/9.dcm"].carried == ("Foraminal stenosis",)
    assert not any(one.diseases == ("Healthy",) for one in kept.values())


def test_a_class_on_both_endplates_leaves_the_levels_open(tmp_path: Path) -> None:
    """The disease is certain; that the level named is the only one is not."""
    write_buu(tmp_path)
    table = tmp_path / "AP/0002-M-051Y0.csv"
    lines = table.read_text().splitlines()
    lines[4] = lines[4][:-1] + "2"
    table.write_text("\n".join(lines))
    kept, _ = split(buu.read(tmp_path))
    assert kept["AP/0002-M-051Y0.jpg"].diseases == ("Spondylolisthesis",)
    assert kept["AP/0002-M-051Y0.jpg"].levels == ()


def test_a_higher_severity_threshold_leaves_moderate_slices_out(tmp_path: Path) -> None:
    """At Severe a moderate slice is neither affected nor healthy, and a moderate level takes the levels away."""
    kept, dropped = split(rsna.read(write_rsna(tmp_path), WORDS, "Severe"))
    assert "train_images/200/2003/30.dcm" not in kept
    assert dropped[Rule.SEVERITY] == 1
    canal = kept["train_images/200/2001/8.dcm"]
    assert canal.diseases == ("Spinal canal stenosis",)
    assert canal.levels == ()
    assert canal.carried == ("Foraminal stenosis", "Subarticular stenosis")


def test_vindr_drops_implants_whole_and_other_lesions_by_row(tmp_path: Path) -> None:
    """Other lesions go row by row, implants with their picture, and both splits are read."""
    kept, dropped = split(vindr.read(write_vindr(tmp_path), WORDS))
    assert {name.rpartition("/")[2].removesuffix(".dicom"): one.diseases for name, one in kept.items()} == {
        "a01": ("Osteophytes",),
        "a02": ("Healthy",),
        "a03": ("Disc space narrowing", "Osteophytes"),
        "a06": ("Spondylolisthesis",),
        "a08": ("Vertebral collapse",),
        "a11": ("Foraminal stenosis",),
        "b01": ("Healthy",),
        "b02": ("Disc space narrowing",),
        "b03": ("Vertebral collapse",),
    }
    assert kept["train_images/a02.dicom"].carried == ("Osteophytes",)
    assert dropped == {
        Rule.OTHER_LESION: 3,
        Rule.IMPLANT: 1,
        Rule.AMBIGUOUS: 1,
        Rule.MISSING: 1,
        Rule.UNLABELLED: 1,
        Rule.BROKEN: 1,
    }


def test_an_unknown_label_stops_the_build_with_the_nearest_name(tmp_path: Path) -> None:
    """A new lesion name is never guessed at."""
    write_vindr(tmp_path)
    write_csv(tmp_path / "annotations/test.csv", [("study_id", "image_id", "lesion_type"), ("t", "b01", "Osteofytes")])
    with pytest.raises(BenchmarkError, match=r"test\.csv:2: lesion_type: unknown label 'Osteofytes'.*'osteophytes'"):
        list(vindr.read(tmp_path, WORDS))


def test_an_unknown_grade_or_condition_stops_the_build(tmp_path: Path) -> None:
    """RSNA's own words are closed sets as well."""
    write_rsna(tmp_path)
    table = tmp_path / "train.csv"
    table.write_text(table.read_text().replace("Severe", "Terrible", 1))
    with pytest.raises(BenchmarkError, match="unknown grade 'Terrible'"):
        list(rsna.read(tmp_path, WORDS, "Moderate"))
    write_rsna(tmp_path)
    coordinates = tmp_path / "train_label_coordinates.csv"
    coordinates.write_text(coordinates.read_text().replace("Spinal Canal Stenosis", "Spinal Canal Hypertrophy", 1))
    with pytest.raises(BenchmarkError, match="unknown label 'Spinal Canal Hypertrophy'"):
        list(rsna.read(tmp_path, WORDS, "Moderate"))


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (buu.read, "neither a folder AP nor LA"),
        (lambda path: csxa.read(path, WORDS), "datasets-PNG: not found"),
        (lambda path: rsna.read(path, WORDS, "Moderate"), r"train\.csv: not found"),
        (lambda path: vindr.read(path, WORDS), r"no annotations/train\.csv"),
        (lambda path: generic.read(path / "nothing", WORDS), "nothing: not found"),
    ],
)
def test_a_folder_that_is_not_the_dataset_is_named(tmp_path: Path, read: object, message: str) -> None:
    """Pointing a reader at another folder says what was looked for."""
    assert callable(read)
    with pytest.raises(BenchmarkError, match=message):
        list(read(tmp_path))


def test_a_wrong_spreadsheet_is_named(tmp_path: Path) -> None:
    """A table without the sheet, the columns, or that is no spreadsheet at all is told apart."""
    write_csxa(tmp_path)
    table = tmp_path / "datasets.xlsx"
    table.write_bytes(b"no zip")
    with pytest.raises(BenchmarkError, match="cannot be read as a spreadsheet"):
        list(csxa.read(tmp_path, WORDS))
    book = openpyxl.Workbook()
    book.save(table)
    with pytest.raises(BenchmarkError, match="no such sheet"):
        list(csxa.read(tmp_path, WORDS))
    assert book.active is not None
    book.active.title = "Sheet1"
    book.save(table)
    with pytest.raises(BenchmarkError, match="Number: no such column"):
        list(csxa.read(tmp_path, WORDS))


def test_an_unknown_curvature_code_stops_the_build(tmp_path: Path) -> None:
    """A code that the column's name does not explain is an unknown label."""
    write_csxa(tmp_path)
    book = openpyxl.load_workbook(tmp_path / "datasets.xlsx")
    book["Sheet1"]["D3"] = 9
    book.save(tmp_path / "datasets.xlsx")
    with pytest.raises(BenchmarkError, match=r"datasets\.xlsx:3: Curvature: unknown label '9'"):
        list(csxa.read(tmp_path, WORDS))


def test_a_generic_folder_takes_labels_from_its_subfolders(tmp_path: Path) -> None:
    """Each subfolder is a label in any known spelling; anything else is named."""
    for name in ("normal/a.png", "Bone spurs/b.png", "Bone spurs/deep/c.PNG", "loose.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / name)
    (tmp_path / "normal/notes.txt").write_text("notes")
    kept, dropped = split(generic.read(tmp_path, WORDS))
    assert {name: one.diseases for name, one in kept.items()} == {
        "Bone spurs/b.png": ("Osteophytes",),
        "Bone spurs/deep/c.PNG": ("Osteophytes",),
        "normal/a.png": ("Healthy",),
    }
    assert dropped == {Rule.UNLABELLED: 1, Rule.BROKEN: 1}


def test_a_generic_csv_gathers_the_rows_of_a_picture(tmp_path: Path) -> None:
    """Rows of one picture are one picture; levels are complete or absent; a path may not leave the folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a", "b", "c", "d"):
        Image.new("L", (8, 8)).save(folder / f"{name}.png")
    Image.new("L", (8, 8)).save(tmp_path / "outside.png")
    write_csv(
        folder / "labels.csv",
        [
            ("image", "label", "level", "group", "frame"),
            ("a.png", "SCS", "L5-S1;L1_L2", "p1", ""),  # two levels
            ("a.png", "Spinal stenosis", "l3/l4", "p1", ""),  # and a third
            ("b.png", "SCS", "L4/5", "", "0"),
            ("b.png", "FS", "", "", "0"),  # a second disease without level
            ("c.png", "Healthy", "", "p2", ""),  # ambiguous
            ("c.png", "FS", "", "p2", ""),
            ("d.png", "FS", "", "p3", ""),  # ambiguous
            ("d.png", "FS", "", "p4", ""),
            ("e.png", "FS", "", "", ""),  # missing
            ("../outside.png", "FS", "", "", ""),  # broken
            ("", "FS", "", "", ""),  # broken
            ("b.png", "FS", "", "", "first"),  # broken
        ],
    )
    kept, dropped = split(generic.read(folder / "labels.csv", WORDS))
    assert kept["a.png"].levels == (("Spinal canal stenosis", ("L1/L2", "L3/L4", "L5/S1")),)
    assert kept["a.png"].group == "p1"
    assert kept["b.png"].diseases == ("Foraminal stenosis", "Spinal canal stenosis")
    assert kept["b.png"].levels == (("Spinal canal stenosis", ("L4/L5",)),)
    assert kept["b.png"].frame == 0
    assert set(kept) == {"a.png", "b.png"}
    assert dropped == {Rule.AMBIGUOUS: 2, Rule.MISSING: 1, Rule.BROKEN: 3}


def test_blank_lines_and_blank_labels_are_no_faults(tmp_path: Path) -> None:
    """A blank line in an endplate CSV is passed over; an annotation without a lesion still is no label."""
    write_buu(tmp_path / "buu")
    table = tmp_path / "buu/AP/0001-F-037Y0.csv"
    table.write_text("\n" + table.read_text() + "\n\n")
    kept, _ = split(buu.read(tmp_path / "buu"))
    assert kept["AP/0001-F-037Y0.jpg"].diseases == ("Healthy",)
    write_vindr(tmp_path / "vindr")
    rows = [("study_id", "image_id", "lesion_type"), ("t", "b01", ""), ("t", "b02", "No finding")]
    write_csv(tmp_path / "vindr/annotations/test.csv", rows)
    kept, dropped = split(vindr.read(tmp_path / "vindr", WORDS))
    assert "test_images/b01.dicom" not in kept
    assert dropped[Rule.UNLABELLED] == 3


def test_a_table_without_a_column_is_named(tmp_path: Path) -> None:
    """File, line of the header, and the column."""
    write_vindr(tmp_path)
    write_csv(tmp_path / "annotations/test.csv", [("study_id", "image_id"), ("t", "b01")])
    with pytest.raises(BenchmarkError, match=r"test\.csv:1: lesion_type: no such column"):
        list(vindr.read(tmp_path, WORDS))


def test_an_atlas_without_a_health_column_has_no_healthy_cases(tmp_path: Path) -> None:
    """Lordotic is then the label it says; a column with words in place of codes tells healthy cases as well."""
    write_csxa(tmp_path)
    book = openpyxl.load_workbook(tmp_path / "datasets.xlsx")
    sheet = book["Sheet1"]
    sheet["E2"] = "Remarks"
    book.save(tmp_path / "datasets.xlsx")
    kept, _ = split(csxa.read(tmp_path, WORDS))
    assert not any(one.diseases == ("Healthy",) for one in kept.values())
    sheet["E2"] = "Disease"
    for row in range(3, sheet.max_row + 1):
        sheet[f"E{row}"] = "Healthy" if sheet[f"A{row}"].value == 6 else "Spondylosis"
    book.save(tmp_path / "datasets.xlsx")
    kept, _ = split(csxa.read(tmp_path, WORDS))
    assert [one.group for one in kept.values() if one.diseases == ("Healthy",)] == ["0006"]
