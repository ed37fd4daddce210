"""VLMEvalKit's TSV."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from dataset_fixtures import Memory, coded, picture, read

from orchestrator.dataset.images import digest_of
from orchestrator.errors import BenchmarkError
from orchestrator.records import Item

HEADER = ("index", "image", "question", "A", "B", "answer")
ONE, TWO = coded(shade=10), coded(shade=200)
DIGEST = {text: digest_of(base64.b64decode(text)) for text in (ONE, TWO)}


def write(folder: Path, *rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> Path:
    """Write a TSV, cells as given."""
    path = folder / "GMAI.tsv"
    path.write_text("".join("\t".join(cells) + "\n" for cells in (header, *rows)))
    return path


def items(folder: Path, *rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> list[Item]:
    """Return the items of a TSV that has no problems."""
    made, problems = read(write(folder, *rows, header=header), Memory())
    assert problems == []
    return made


def messages(folder: Path, *rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> list[str]:
    """Return the problems of a TSV that has no good item, without the file's name."""
    made, problems = read(write(folder, *rows, header=header), Memory())
    assert made == []
    return [f"{one.line}: {one.field}: {one.message}" for one in problems]


def test_a_row_becomes_an_item(tmp_path: Path) -> None:
    """With its hint before the question, empty options left out, and the rest as metadata."""
    header = ("index", "image", "hint", "question", "A", "B", "C", "D", "answer", "category", "l2-category", "split")
    row = ("7", ONE, "An MRI.", "Which <image 1>?", "disc", "None", "nan", "", "B", "spine", "NaN", "test")
    (item,) = items(tmp_path, row, header=header)
    assert item.id == "7"
    assert item.question == "Hint: An MRI.\nWhich <image 1>?"
    assert item.options == (("A", "disc"), ("B", "None"))
    assert (item.gold, item.multi, item.task, item.line) == (("B",), False, "GMAI", 2)
    assert item.metadata == {"category": "spine", "split": "test"}


def test_an_embedded_picture_is_kept_as_its_place(tmp_path: Path) -> None:
    """The bytes at that place, decoded, are the picture."""
    path = write(tmp_path, ("1", ONE, "Which?", "a", "b", "A"))
    ((ref,),) = (item.images for item in read(path, Memory())[0])
    assert (ref.path, ref.digest, ref.width, ref.height) == (str(path), DIGEST[ONE], 12, 8)
    assert ref.offset is not None
    assert ref.length is not None
    assert path.read_bytes()[ref.offset : ref.offset + ref.length] == ONE.encode()


@pytest.mark.parametrize("form", ["['{}', '{}']", '["{}","{}"]', '"[""{}"", ""{}""]"', "\"['{}', '{}']\""])
def test_several_pictures_are_a_list_literal(tmp_path: Path, form: str) -> None:
    """However Python, JSON and csv quote it."""
    (item,) = items(tmp_path, ("1", form.format(ONE, TWO), "Which?", "a", "b", "A"))
    assert [ref.digest for ref in item.images] == [DIGEST[ONE], DIGEST[TWO]]


def test_base64_may_be_broken_over_lines(tmp_path: Path) -> None:
    """In a quoted cell; the next row's line counts them."""
    broken = base64.encodebytes(base64.b64decode(ONE)).decode()
    first, second = items(tmp_path, ("1", f'"{broken}"', "Q?", "a", "b", "A"), ("2", ONE, "Q?", "a", "b", "A"))
    assert first.images[0].digest == DIGEST[ONE]
    assert (first.line, second.line) == (2, 3 + broken.count("\n"))


def test_a_picture_may_be_another_rows(tmp_path: Path) -> None:
    """Before or after it; such rows and rows that repeat the picture form a group, pictures read or not."""
    rows = (
        ("1", "3", "Q?", "a", "b", "A"),
        ("2", TWO, "Q?", "a", "b", "A"),
        ("3", ONE, "Q?", "a", "b", "A"),
        ("4", " 3 ", "Q?", "a", "b", "A"),
        ("5", ONE, "Q?", "a", "b", "A"),
    )
    made = items(tmp_path, *rows)
    assert [item.images[0].digest for item in made] == [DIGEST[text] for text in (ONE, TWO, ONE, ONE, ONE)]
    assert made[0].images == made[2].images == made[3].images
    first, other = made[0].group, made[1].group
    assert [item.group for item in made] == [first, other, first, first, first]
    assert first != other
    without, _ = read(write(tmp_path, *rows), None)
    assert [item.group for item in without] == [item.group for item in made]
    assert not any(item.images for item in without)


def test_pictures_may_be_files(tmp_path: Path) -> None:
    """One or a list of them, where there is no embedded picture."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture())
    header = ("index", "image_path", "question", "A", "B", "answer")
    made = items(
        tmp_path,
        ("1", "a.png", "Q?", "a", "b", "A"),
        ("2", "['a.png', 'b.png']", "Q?", "a", "b", "A"),
        header=header,
    )
    assert [len(item.images) for item in made] == [1, 2]
    assert [item.group for item in made] == ["a.png", "a.png"]
    (item,) = items(tmp_path, ("3", "", "b.png", "Q?", "a", "b", "A"), header=("index", "image", *header[1:]))
    assert item.images[0].path == str(tmp_path / "b.png")


def test_a_file_without_picture_columns_is_a_text_benchmark(tmp_path: Path) -> None:
    """Its items stand alone."""
    (item,) = items(tmp_path, ("1", "Q?", "a", "b", "A"), header=("index", "question", "A", "B", "answer"))
    assert (item.images, item.group) == ((), "1")


@pytest.mark.parametrize("cell", ["AC", "A,C", "C, A", "A C", "['A', 'C']", '"[""A"",""C""]"', "A;C"])
def test_several_letters_make_an_item_multi(tmp_path: Path, cell: str) -> None:
    """However they are written."""
    header = ("index", "question", "A", "B", "C", "answer")
    (item,) = items(tmp_path, ("1", "Q?", "a", "b", "c", cell), header=header)
    assert (item.gold, item.multi) == (("A", "C"), True)


def test_optional_columns_are_used(tmp_path: Path) -> None:
    """A benchmark whose multi items may have one right letter says so; task and group are named."""
    header = ("index", "question", "A", "B", "answer", "multi", "task", "group")
    rows = (
        ("1", "Q?", "a", "b", "A", "True", "SLL", "p1"),
        ("2", "Q?", "a", "b", "A", "0", "", ""),
        ("3", "Q?", "a", "b", "A", "", "", ""),
    )
    made = items(tmp_path, *rows, header=header)
    assert [(item.multi, item.task, item.group) for item in made] == [
        (True, "SLL", "p1"),
        (False, "GMAI", "2"),
        (False, "GMAI", "3"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("", ONE, "Q?", "a", "b", "A"), "2: id: is empty"),
        (("1", ONE, "", "a", "b", "A"), "2: question: is empty"),
        (("1", ONE, "Q?", "a", "", "A"), "2: options: needs at least two options, has 1"),
        (("1", ONE, "Q?", "a", "b", "C"), "2: answer: 'C' is not among the options A, B"),
        (("1", ONE, "Q?", "a", "b", "the first"), "2: answer: 'the first' is not among the options A, B"),
        (("1", ONE, "Q?", "a", "b", "nan"), "2: answer: names no letter"),
        (("1", "", "Q?", "a", "b", "A"), "2: image: is empty"),
        (("1", "9", "Q?", "a", "b", "A"), "2: image: no row '9' holds a picture of its own"),
        (("1", "1", "Q?", "a", "b", "A"), "2: image: no row '1' holds a picture of its own"),
        (("1", "[" + "," * 80 + "]", "Q?", "a", "b", "A"), "2: image: is empty"),
        (("1", ONE[:-3], "Q?", "a", "b", "A"), "2: image: the picture is not valid base64"),
        (("1", "é" * 40, "Q?", "a", "b", "A"), "2: image: the picture is not valid base64"),
        (("1", ONE[:80], "Q?", "a", "b", "A"), "2: image: the picture is cut short"),
        (("1", ONE, "Q?", "a", "b"), "2: : has 5 columns, the header has 6"),
        (("1", ONE, '"Q?" or', "a", "b", "A"), "2: : column 3 has text after its closing quote"),
        (("1", ONE, '"Q?', "a", "b", "A"), "2: : has a quote that is never closed"),
    ],
)
def test_a_fault_is_named_by_line_and_field(tmp_path: Path, row: tuple[str, ...], message: str) -> None:
    """Of the row and of its picture."""
    assert messages(tmp_path, row) == [message]


def test_a_bad_row_does_not_hide_the_picture_of_another(tmp_path: Path) -> None:
    """Rows that cannot be taken apart, or hold none, are passed over when pictures are looked for."""
    rows = (("1", "4", "Q?", "a", "b", "A"), ("2", "x"), ("3", "", "Q?", "a", "b", "A"), ("4", ONE, "", "a", "b", "A"))
    made, problems = read(write(tmp_path, *rows), Memory())
    assert [item.images[0].digest for item in made] == [DIGEST[ONE]]
    assert [one.line for one in problems] == [3, 4, 5]


def test_an_unknown_truth_is_a_fault(tmp_path: Path) -> None:
    """Only true, false, 1 and 0 say whether an item is multi."""
    (message,) = messages(
        tmp_path, ("1", "Q?", "a", "b", "A", "maybe"), header=("index", "question", "A", "B", "answer", "multi")
    )
    assert message == "2: multi: should be a valid boolean, not 'maybe'"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("index\tquestion\tanswer\n", "the header lacks A, B; is this VLMEvalKit's TSV?"),
        ("index,question,A,B,answer\n", "the header lacks index"),
        ("index\tindex\tquestion\tA\tB\tanswer\n", "the header has the column 'index' twice"),
        ('index\t"question\n', "the header has a quote that is never closed"),
        ("\n\n", "has no items in it"),
        ("index\tquestion\tA\tB\tanswer\n", "has no items in it"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Before any row of it is judged."""
    path = tmp_path / "x.tsv"
    path.write_text(text)
    with pytest.raises(BenchmarkError, match=words.replace("?", r"\?")):
        read(path, Memory())


def test_text_that_is_no_utf8_ends_the_reading(tmp_path: Path) -> None:
    """The line is named."""
    path = tmp_path / "x.tsv"
    path.write_bytes(b"index\tquestion\tA\tB\tanswer\n1\tQ?\ta\t\xe9\tA\n")
    with pytest.raises(BenchmarkError, match=r"x\.tsv:2: is not UTF-8"):
        read(path)
