"""Reading a whole benchmark: order, problems, digest, and how little is kept in memory."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from contextlib import aclosing
from pathlib import Path

import pytest
from dataset_fixtures import Memory, coded, picture, read, row, write_rows

from orchestrator.dataset.load import BATCH, PROBLEMS_KEPT, Checked, check, read_items
from orchestrator.errors import BenchmarkError
from orchestrator.records import Item


def checked(path: Path, facts: Memory | None = None) -> Checked:
    """Check a benchmark."""
    return asyncio.run(check(path, facts))


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """A folder with two pictures."""
    (tmp_path / "a.png").write_bytes(picture(shade=1))
    (tmp_path / "b.png").write_bytes(picture(shade=2))
    return tmp_path


def test_good_rows_are_yielded_and_bad_ones_reported(bench: Path) -> None:
    """In the order of the file, with every fault of a row, across batches."""
    rows = [row(id=str(number), image="a.png") for number in range(2 * BATCH + 5)]
    rows[3] = row(id="3", image=["gone.png", "../x.png"], question="")
    rows[BATCH + 1] = row(id="0", image="b.png")
    items, problems = read(write_rows(bench, *rows), Memory())
    assert [item.id for item in items] == [str(n) for n in range(len(rows)) if n not in (3, BATCH + 1)]
    assert [str(one).rpartition("spine.jsonl")[2] for one in problems] == [
        ":4: question: is empty",
        ":4: image: 'gone.png' does not exist",
        ":4: image: '../x.png' has '..' in it; a picture lies in the benchmark's folder or below",
        f":{BATCH + 2}: id: '0' is also on line 1",
    ]


def test_an_id_counts_also_where_its_row_is_bad(bench: Path) -> None:
    """Else repairing one row would break another."""
    _, problems = read(write_rows(bench, row(question=""), row(), row(id="q2")))
    assert [(one.line, one.field) for one in problems] == [(1, "question"), (2, "id")]


def test_a_line_that_cannot_be_read_leaves_the_others(bench: Path) -> None:
    """It has no id to repeat and no picture to miss."""
    path = bench / "x.jsonl"
    path.write_text("{\n" + json.dumps(row(image="a.png")) + "\n")
    items, problems = read(path, Memory())
    assert [item.line for item in items] == [2]
    assert [one.line for one in problems] == [1]


def test_without_facts_no_picture_is_touched(bench: Path) -> None:
    """Scoring works where the pictures are gone, and the items are the same in all else."""
    path = write_rows(bench, row(image="a.png"), row(id="q2", image=["b.png", "a.png"], metadata={"x": 1}))
    full, _ = read(path, Memory())
    for name in ("a.png", "b.png"):
        (bench / name).unlink()
    bare, problems = read(path)
    assert problems == []
    assert [(i.id, i.group, i.metadata, i.gold) for i in bare] == [(i.id, i.group, i.metadata, i.gold) for i in full]
    assert [item.images for item in bare] == [(), ()]
    assert [len(item.images) for item in full] == [1, 2]


def test_a_second_reading_reads_no_picture(bench: Path) -> None:
    """Facts are kept by batch, so an interrupted first reading is not lost either."""
    path = write_rows(bench, *(row(id=str(number), image="ab"[number % 2] + ".png") for number in range(600)))
    facts = Memory()
    first = read(path, facts)
    assert (facts.learnt, facts.asked) == (2, 3)
    assert read(path, facts) == first
    assert facts.learnt == 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.csv", "a,b", r"is of an unknown format; supported are \.jsonl, \.tsv"),
        ("x", "", "is of an unknown format"),
        ("x.jsonl", "", "has no items in it"),
        ("x.jsonl", "\n \n", "has no items in it"),
        ("x.JSONL", "\ufeff", "has no items in it"),
    ],
)
def test_a_file_that_is_no_benchmark_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    """As a whole, by its name."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BenchmarkError, match=words):
        read(path)
    with pytest.raises(BenchmarkError, match=r"gone\.jsonl: does not exist"):
        read(tmp_path / "gone.jsonl")


def test_a_file_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    """At the first line that is not."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"{}\n\xff\n")
    with pytest.raises(BenchmarkError, match=r"x\.jsonl:2: is not UTF-8"):
        read(path)


def test_check_counts_what_is_there(bench: Path) -> None:
    """Good items by task, multi ones, and the problems."""
    rows = [
        row(id="1", task="SDD"),
        row(id="2", task="SLL", multi=True, answer=["A", "B"]),
        row(id="3", task="SDD"),
        row(id="4", answer=["Z"], question=""),
    ]
    report = checked(write_rows(bench, *rows))
    assert (report.items, report.multi, report.tasks) == (3, 1, (("SDD", 2), ("SLL", 1)))
    assert (len(report.problems), report.total_problems) == (2, 2)


def test_problems_are_counted_beyond_those_kept(bench: Path) -> None:
    """A wholly bad file is reported, not raised, and does not fill the memory."""
    report = checked(write_rows(bench, *(row(id=str(n), answer=["Z"]) for n in range(PROBLEMS_KEPT + 300))))
    assert (report.items, report.tasks) == (0, ())
    assert (len(report.problems), report.total_problems) == (PROBLEMS_KEPT, PROBLEMS_KEPT + 300)
    assert report.problems[-1].line == PROBLEMS_KEPT


def test_the_digest_is_of_the_content(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """File name, layout, picture names and bad rows do not count; every field, picture and the order do."""
    rows = [row(id="1", image="a.png", group="g", task="t"), row(id="2", image="b.png", group="g", task="t")]
    digest = checked(write_rows(bench, *rows), Memory()).digest
    other = tmp_path_factory.mktemp("other")
    (other / "c.png").write_bytes(picture(shade=1))
    (other / "b.png").write_bytes(picture(shade=2))
    same = [dict(reversed((rows[0] | {"image": ["c.png"]}).items())), row(id="3", answer=[]), rows[1]]
    path = write_rows(other, *same).rename(other / "moved.jsonl")
    assert checked(path, Memory()).digest == digest
    changes: list[dict[str, object]] = [
        {"id": "9"},
        {"question": "Other?"},
        {"options": {"A": "x", "B": "y"}},
        {"options": {"C": "L3/L4", "A": "L1/L2", "B": "L2/L3"}},
        {"answer": ["A"]},
        {"multi": True},
        {"task": "u"},
        {"group": "h"},
        {"metadata": {"x": 1}},
        {"image": "b.png"},
        {"image": ["a.png", "b.png"]},
    ]
    digests = {checked(write_rows(bench, rows[0] | change, rows[1]), Memory()).digest for change in changes}
    digests.add(checked(write_rows(bench, rows[1], rows[0]), Memory()).digest)
    assert len(digests - {digest}) == len(changes) + 1


def test_a_reader_may_stop_early(bench: Path) -> None:
    """The file is closed and nothing complains."""
    path = write_rows(bench, *(row(id=str(number), image="a.png") for number in range(2000)))

    async def first() -> Item:
        async with aclosing(read_items(path, Memory(), print)) as items:
            async for item in items:
                return item
        raise AssertionError

    assert asyncio.run(first()).id == "0"


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    """Embedded pictures are passed over as offsets: a file of 60 MB is read in a few."""
    path = tmp_path / "big.tsv"
    padding = "A" * 400_000
    with path.open("w") as file:
        file.write("index\timage\tquestion\tA\tB\tanswer\n")
        for number in range(150):
            file.write(f"{number}\t{padding}\tWhich?\ta\tb\tA\n")
    tracemalloc.start()
    items, problems = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(items), problems) == (150, [])
    assert peak < 12_000_000


def test_memory_does_not_grow_with_the_text_of_a_batch(tmp_path: Path) -> None:
    """Rows of a megabyte are handed on a few at a time."""
    path = tmp_path / "wide.jsonl"
    with path.open("w") as file:
        for number in range(100):
            file.write(json.dumps(row(id=str(number), metadata={"x": "y" * 1_000_000})) + "\n")
    tracemalloc.start()
    report = checked(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.items == 100
    assert peak < 60_000_000


def test_embedded_pictures_are_known_again(tmp_path: Path) -> None:
    """By the file's stamp and their place in it."""
    path = tmp_path / "x.tsv"
    path.write_text(f"index\timage\tquestion\tA\tB\tanswer\n1\t{coded()}\tQ?\ta\tb\tA\n2\t1\tQ?\ta\tb\tA\n")
    facts = Memory()
    first = read(path, facts)
    assert facts.learnt == 1
    assert read(path, facts) == first
    assert facts.learnt == 1
