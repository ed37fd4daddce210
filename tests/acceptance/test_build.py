"""A whole build on the four published layouts: golden counts, repeated, killed, continued, verified, tampered with."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from build_fixtures import SECRET, drawing, write_buu, write_csv, write_csxa, write_rsna, write_vindr
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from orchestrator.construct.build import build
from orchestrator.construct.report import BuildReport
from orchestrator.construct.settings import BuildConfig, SubsetSettings, config_of_sources
from orchestrator.construct.verify import alike, verify
from orchestrator.dataset.facts import ImageFact
from orchestrator.dataset.load import read_items
from orchestrator.demo import cases, phantom
from orchestrator.demo.anatomy import Region
from orchestrator.errors import BenchmarkError, ConfigError
from orchestrator.records import Item

SEED = 7


class NothingKnown:
    """Remembers nothing, so that every picture is read in full."""

    async def known(self, stamps: Sequence[str]) -> Mapping[str, ImageFact]:
        """Return nothing."""
        return {}

    async def learn(self, facts: Mapping[str, ImageFact]) -> None:
        """Forget."""


def quiet(stage: str, done: int, total: int) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the four datasets."""
    root = tmp_path_factory.mktemp("sources")
    write_buu(root / "buu")
    write_csxa(root / "csxa")
    write_rsna(root / "rsna")
    write_vindr(root / "vindr")
    return root


def config(sources: Path) -> BuildConfig:
    """Return the build of all four, with a small subset."""
    four = config_of_sources([f"{kind}={sources / kind}" for kind in ("buu", "csxa", "rsna", "vindr")])
    return four.model_copy(update={"subset": SubsetSettings(sdd=12, sll=3)})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for embeddings, shared by the tests that do not look at it."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def built(sources: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> BuildReport:
    """Return a finished build."""
    return build(config(sources), tmp_path_factory.mktemp("built") / "out", SEED, quiet, cache=cache)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every published file of a build."""
    paths = [path for path in folder.rglob("*") if path.is_file() and ".build" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return time and inode of every published file."""
    paths = [folder / name for name in contents(folder)]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_kept_and_left_out_agrees_with_the_count_by_hand(built: BuildReport) -> None:
    """Every number follows from the remarks in `build_fixtures`."""
    told = built.as_json()
    assert told["items"] == {"SDD": 28, "SLL": 5}
    assert told["subset"] == {"SDD": 12, "SLL": 3}
    assert told["kept"] == {
        "SDD": {
            "source": {"buu": 6, "csxa": 7, "rsna": 6, "vindr": 9},
            "disease": {
                "Cervical kyphosis": 2,
                "Cervical lordosis": 1,
                "Disc space narrowing": 2,
                "Foraminal stenosis": 2,
                "Healthy": 8,
                "Osteophytes": 1,
                "Sigmoid cervical vertebrae": 2,
                "Spinal canal stenosis": 2,
                "Spondylolisthesis": 4,
                "Straight cervical vertebrae": 1,
                "Subarticular stenosis": 1,
                "Vertebral collapse": 2,
            },
            "view": {
                "cervical X-ray, side view": 7,
                "lumbar MRI, Axial T2": 1,
                "lumbar MRI, Sagittal T1": 2,
                "lumbar MRI, Sagittal T2/STIR": 3,
                "lumbar X-ray, front view": 2,
                "lumbar X-ray, side view": 4,
                "spine X-ray": 9,
            },
        },
        "SLL": {
            "source": {"buu": 2, "rsna": 3},
            "disease": {
                "Foraminal stenosis": 1,
                "Spinal canal stenosis": 1,
                "Spondylolisthesis": 2,
                "Subarticular stenosis": 1,
            },
            "level": {"L3/L4": 1, "L4/L5": 4, "L5/S1": 2},
        },
    }
    assert told["dropped"] == {
        "buu": {"ambiguous": 2, "broken": 2, "duplicate image": 1, "missing file": 1, "no label": 1},
        "csxa": {"ambiguous": 3, "missing file": 1, "no label": 2, "unclear": 1},
        "rsna": {"ambiguous": 5, "broken": 2, "missing file": 1, "no label": 3},
        "vindr": {
            "ambiguous": 1,
            "broken": 1,
            "missing file": 1,
            "no label": 1,
            "other lesions": 3,
            "surgical implant": 1,
        },
    }
    assert told["work"] == {"prepared": 30, "prepared_before": 0, "embedded": 28, "embedded_before": 0}


def test_everything_left_out_is_named_with_its_reason(built: BuildReport) -> None:
    """dropped.jsonl and the report count the same."""
    dropped = lines(built.out / "dropped.jsonl")
    assert len(dropped) == sum(count for rules in built.dropped.values() for count in rules.values())
    assert all(one["detail"] and one["subject"] for one in dropped)
    assert {one["subject"] for one in dropped if one["rule"] == "broken"} == {
        "LA/0007-M-033Y1.jpg",
        "LA/0008-F-041Y1.jpg",
        "train_images/300/3001/12.dcm",
        "train_label_coordinates.csv:42",
        "train.csv:17",
    }


def test_the_benchmark_is_read_without_a_fault(built: BuildReport) -> None:
    """What `run` reads is what `build` writes: five options, Healthy among them, levels as a set."""

    async def read(path: Path) -> list[Item]:
        faults: list[object] = []
        async with aclosing(read_items(path, NothingKnown(), faults.append)) as items:
            found = [item async for item in items]
        assert faults == []
        return found

    items = asyncio.run(read(built.out / "items.jsonl"))
    assert len(items) == 33
    for item in items:
        texts = [text for _, text in item.options]
        assert len(set(texts)) == 5
        assert item.multi == (item.task == "SLL")
        assert item.multi or ("Healthy" in texts and len(item.gold) == 1)
    drawn = asyncio.run(read(built.out / "items-sub.jsonl"))
    assert {item.id for item in drawn} < {item.id for item in items}


def test_no_wrong_answer_is_a_disease_that_the_group_carries(built: BuildReport) -> None:
    """The healthy twin of a picture with osteophytes never offers osteophytes."""
    pictures = {one["image"]: one for one in lines(built.out / "provenance.jsonl")}
    subjects = {one["subject"]: name for name, one in pictures.items()}
    assert pictures[subjects["train_images/a02.dicom"]]["carried"] == ["Osteophytes"]
    assert pictures[subjects["train_images/200/2003/30.dcm"]]["carried"] == [
        "Foraminal stenosis",
        "Spinal canal stenosis",
        "Subarticular stenosis",
    ]
    for item in lines(built.out / "items.jsonl"):
        if item["task"] == "SDD":
            picture = pictures[item["image"].removeprefix("images/")]
            offered = set(item["options"].values()) - {picture["answer"]}
            assert not offered & set(picture["carried"])


def test_pictures_hold_pixels_only_and_nothing_personal_gets_out(built: BuildReport) -> None:
    """No name, number or birth date of a header is in any file; pictures are 8-bit RGB."""
    for name, content in contents(built.out).items():
        for secret in (SECRET.encode(), b"secret-id", b"19700101"):
            assert secret not in content, name
        if name.endswith(".png"):
            with Image.open(built.out / name) as picture:
                assert picture.mode == "RGB"
                assert picture.info == {}


def test_the_same_build_again_changes_nothing_and_computes_nothing(sources: Path, tmp_path: Path) -> None:
    """Not a byte, not a time stamp."""
    first = build(config(sources), tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    before = stamps(tmp_path / "out")
    second = build(config(sources), tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    assert stamps(tmp_path / "out") == before
    assert (first.work.prepared, first.work.embedded) == (30, 28)
    assert (second.work.prepared, second.work.embedded) == (0, 0)
    assert (second.work.prepared_before, second.work.embedded_before) == (30, 28)


def test_another_folder_gives_the_same_bytes_and_another_seed_other_items(
    sources: Path, cache: Path, built: BuildReport, tmp_path: Path
) -> None:
    """Same inputs and seed: every file alike. Another seed: the same pictures, asked otherwise."""
    build(config(sources), tmp_path / "again", SEED, quiet, cache=cache)
    assert contents(tmp_path / "again") == contents(built.out)
    build(config(sources), tmp_path / "other", SEED + 1, quiet, cache=cache)
    other, first = contents(tmp_path / "other"), contents(built.out)
    assert other["items.jsonl"] != first["items.jsonl"]
    assert [name for name in sorted(other) if name.endswith(".png")] == [n for n in sorted(first) if n.endswith(".png")]


KILLED = """
import os, signal, sys
from pathlib import Path
from orchestrator.construct import embed
from orchestrator.construct.build import build
from orchestrator.construct.settings import SubsetSettings, config_of_sources
embed.SHARD = 5
sources, out, cache, stage, at = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], int(sys.argv[5])
def progress(name, done, total):
    if (name, done) == (stage, at):
        os.kill(os.getpid(), signal.SIGKILL)
config = config_of_sources([f"{kind}={sources / kind}" for kind in ("buu", "csxa", "rsna", "vindr")])
build(config.model_copy(update={"subset": SubsetSettings(sdd=12, sll=3)}), out, 7, progress, cache=cache)
"""


def test_a_killed_build_is_continued_and_ends_as_if_nothing_had_happened(
    sources: Path, built: BuildReport, tmp_path: Path
) -> None:
    """kill -9 among the pictures, then among the embeddings; what was done is not done again."""
    for stage, at in (("pictures", 12), ("embeddings", 18)):
        command = [sys.executable, "-c", KILLED, sources, tmp_path / "out", tmp_path / "cache", stage, str(at)]
        assert subprocess.run(list(map(str, command)), check=False).returncode == -signal.SIGKILL
        assert not (tmp_path / "out" / "build.json").exists()
        with pytest.raises(BenchmarkError, match=r"build\.json: not found: no finished build"):
            verify(tmp_path / "out")
    ledger = tmp_path / "out" / ".build" / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-30])  # as a power cut would leave it
    finished = build(config(sources), tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    assert (finished.work.prepared, finished.work.prepared_before) == (1, 29)
    assert (finished.work.embedded, finished.work.embedded_before) == (13, 15)
    assert contents(tmp_path / "out") == contents(built.out)
    again = build(config(sources), tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    assert (again.work.prepared, again.work.embedded) == (0, 0)


def test_a_changed_source_file_is_prepared_again(sources: Path, tmp_path: Path) -> None:
    """Size, time, settings: anything that could change the picture makes it new, and old pictures go."""
    folder = write_csxa(tmp_path / "csxa")
    given = config_of_sources([f"csxa={folder}"])
    first = build(given, tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    Image.fromarray(drawing("another")).save(folder / "datasets-PNG/0001F041.png")
    second = build(given, tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    # The changed one, and the healthy case, whose picture went because nothing but three diseases could be offered.
    assert (second.work.prepared, second.work.embedded) == (2, 1)
    assert len(list((tmp_path / "out/images").iterdir())) == first.items["SDD"]
    smaller = given.model_copy(update={"images": given.images.model_copy(update={"max_side": 64})})
    third = build(smaller, tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    assert third.work.prepared_before == 0
    with Image.open(next((tmp_path / "out/images").iterdir())) as picture:
        assert max(picture.size) == 64


def test_too_many_broken_files_stop_the_build_and_are_listed(sources: Path, tmp_path: Path) -> None:
    """Five broken files and rows are over a limit of four."""
    strict = config(sources)
    strict = strict.model_copy(update={"images": strict.images.model_copy(update={"max_broken": 4})})
    with pytest.raises(BenchmarkError, match=r"5 files or rows are broken, over 4") as caught:
        build(strict, tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    assert "LA/0007-M-033Y1.jpg: OSError" in str(caught.value)


def test_a_folder_with_something_else_in_it_is_left_alone(sources: Path, tmp_path: Path) -> None:
    """Nor may two builds work in one folder at once."""
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="is no empty folder and no earlier build"):
        build(config(sources), tmp_path, SEED, quiet, cache=tmp_path / "cache")
    (tmp_path / "out" / ".build").mkdir(parents=True)
    with (tmp_path / "out" / ".build" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another build is at work"):
            build(config(sources), tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")


def test_too_few_diseases_leave_no_diagnosis_items_but_levels_stay(tmp_path: Path) -> None:
    """One source with one disease: nothing to offer as a wrong answer, counted; localisation needs none."""
    report = build(
        config_of_sources([f"buu={write_buu(tmp_path / 'buu')}"]), tmp_path / "out", SEED, quiet, cache=tmp_path / "c"
    )
    assert report.items == {"SLL": 2}
    assert report.dropped["buu"]["too few negatives"] == 6
    assert report.hardness is None
    assert len(list((tmp_path / "out" / "images").iterdir())) == 2
    assert verify(tmp_path / "out").ok


def test_a_build_of_nothing_says_what_became_of_everything(tmp_path: Path) -> None:
    """An empty benchmark is no benchmark."""
    write_csv(tmp_path / "labels.csv", [("image", "label"), ("gone.png", "Osteophytes")])
    with pytest.raises(BenchmarkError, match=r"no picture is left to ask about \(left out: 1 missing file\)"):
        build(config_of_sources([f"generic={tmp_path / 'labels.csv'}"]), tmp_path / "out", SEED, quiet)


def test_one_file_under_two_patients_makes_them_one_group_and_two_labels_none(tmp_path: Path) -> None:
    """A repeated file is asked about once, and what either patient carries is never offered."""
    for index in range(24):
        Image.fromarray(drawing(f"g{index}")).save(tmp_path / f"{index}.png")
    shared, twice = (tmp_path / "0.png").read_bytes(), (tmp_path / "1.png").read_bytes()
    (tmp_path / "copy.png").write_bytes(shared)
    (tmp_path / "other.png").write_bytes(twice)
    diseases = ("Osteophytes", "Foraminal stenosis", "Vertebral collapse", "Spondylolisthesis", "Cervical kyphosis")
    rows = [("image", "label", "group"), ("0.png", "Osteophytes", "anna"), ("copy.png", "Osteophytes", "bert")]
    rows += [
        ("1.png", "Osteophytes", "carl"),
        ("other.png", "Healthy", "dora"),
        ("2.png", "Vertebral collapse", "bert"),
    ]
    rows += [(f"{i}.png", diseases[i % 5], f"p{i}") for i in range(3, 24)]
    write_csv(tmp_path / "labels.csv", rows)
    report = build(
        config_of_sources([f"generic={tmp_path / 'labels.csv'}"]), tmp_path / "out", 1, quiet, cache=tmp_path / "c"
    )
    assert report.dropped == {"generic": {"ambiguous": 2, "duplicate image": 1}}
    pictures = {one["subject"]: one for one in lines(tmp_path / "out" / "provenance.jsonl")}
    assert pictures["0.png"]["group"] == pictures["2.png"]["group"]
    assert pictures["0.png"]["carried"] == ["Osteophytes", "Vertebral collapse"]
    assert verify(tmp_path / "out").ok


# --- verify ----------------------------------------------------------------------------------------------------------


def test_a_fresh_build_is_found_sound(built: BuildReport) -> None:
    """Nothing wrong, and nothing alike across groups."""
    found = verify(built.out)
    assert found.as_json() == {"ok": True, "items": 33, "pictures": 28, "problems": [], "remarks": []}


def edit(folder: Path, change: Callable[[list[dict[str, Any]]], object], name: str = "items.jsonl") -> None:
    """Change the objects of a JSON Lines file in place."""
    objects = lines(folder / name)
    change(objects)
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in objects))


def first_image(folder: Path) -> Path:
    """Return the picture of the first item."""
    return folder / str(lines(folder / "items.jsonl")[0]["image"])


def _comment(folder: Path) -> None:
    info = PngInfo()
    info.add_text("diagnosis", "Osteophytes")
    path = first_image(folder)
    with Image.open(path) as picture:
        picture.save(path, pnginfo=info)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def change(pictures: list[dict[str, Any]]) -> None:
        next(one for one in pictures if one["image"] == path.name)["sha256"] = digest

    edit(folder, change, "provenance.jsonl")


def _swap_negative(items: list[dict[str, Any]]) -> None:
    item = items[0]
    wrong = next(
        letter for letter, text in item["options"].items() if letter not in item["answer"] and text != "Healthy"
    )
    unused = {"Osteophytes", "Foraminal stenosis", "Cervical kyphosis", "Spondylolisthesis", "Vertebral collapse"}
    item["options"][wrong] = min(unused - set(item["options"].values()))


TAMPERED: list[tuple[str, Callable[[Path], object], str]] = [
    ("question", lambda at: edit(at, lambda items: items[0].update(question="?")), "items.jsonl: was changed since"),
    ("datasheet", lambda at: (at / "embedding.svg").unlink(), "embedding.svg: is gone"),
    ("picture gone", lambda at: first_image(at).unlink(), "png: is gone"),
    ("picture changed", lambda at: first_image(at).write_bytes(b"x"), "png: was changed since the build"),
    ("picture more", lambda at: (at / "images/extra.png").write_bytes(b"x"), "images/extra.png: belongs to no item"),
    ("comment", _comment, "besides its pixels"),
    ("letter", lambda at: edit(at, lambda items: items[0].update(answer=["F"])), "is not among the options"),
    ("no letter", lambda at: edit(at, lambda items: items[0].update(answer=[])), "is not among the options"),
    (
        "wrong letter",
        lambda at: edit(at, lambda items: items[0].update(answer=["A" if items[0]["answer"] != ["A"] else "B"])),
        "does not ask for",
    ),
    ("levels", lambda at: edit(at, lambda items: items[-1].update(answer=["A", "B", "C"])), "does not ask for the lev"),
    ("options", lambda at: edit(at, lambda items: items[0]["options"].popitem()), "not five different options"),
    ("negative", lambda at: edit(at, _swap_negative), "are nearer"),
    ("ids", lambda at: edit(at, lambda items: items[0].update(id=items[1]["id"])), "2 items have this id"),
    ("group", lambda at: edit(at, lambda items: items[0].update(group="x")), "group is not its picture's"),
    ("image", lambda at: edit(at, lambda items: items[0].update(image="images/a.png")), "is none of the build's"),
    (
        "leak",
        lambda at: edit(
            at,
            lambda items: [
                one.update(group=f"{one['options'][one['answer'][0]]} patients")
                for one in items
                if one["task"] == "SDD"
            ],
        ),
        "its group gives the answer away",
    ),
    (
        "alias",
        lambda at: edit(
            at,
            lambda items: [
                one.update(question="Does it show bone spurs?")
                for one in items
                if "Osteophytes" in (one["options"][letter] for letter in one["answer"])
            ],
        ),
        "its question gives the answer away",
    ),
    ("embeddings gone", lambda at: (at / "embeddings.npy").unlink(), "embeddings.npy: is gone"),
    (
        "library",
        lambda at: (at / "build.json").write_text(
            (at / "build.json").read_text().replace(first_image(at).name, "0.png")
        ),
        "library names '0.png'",
    ),
    (
        "embeddings",
        lambda at: np.save(at / "embeddings.npy", np.zeros((3, 2), np.float32)),
        "has not one vector a picture",
    ),
]


@pytest.mark.parametrize(("tamper", "problem"), [case[1:] for case in TAMPERED], ids=[case[0] for case in TAMPERED])
def test_whatever_was_tampered_with_is_found(
    built: BuildReport, tmp_path: Path, tamper: Callable[[Path], object], problem: str
) -> None:
    """Each check of `verify` on a build in which just that is wrong."""
    for name, content in contents(built.out).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    tamper(tmp_path)
    found = verify(tmp_path)
    assert not found.ok
    assert any(problem in one for one in found.problems), found.problems


def test_pictures_of_two_groups_that_look_alike_are_remarked_on(tmp_path: Path) -> None:
    """A re-encoded copy is no repeated file, but it is seen."""
    diseases = ("Osteophytes", "Foraminal stenosis", "Vertebral collapse", "Spondylolisthesis", "Cervical kyphosis")
    rows = [("image", "label")]
    for index in range(10):
        Image.fromarray(drawing(f"n{index}", 128)).save(tmp_path / f"{index}.png")
        rows.append((f"{index}.png", diseases[index % 5]))
    Image.open(tmp_path / "0.png").save(tmp_path / "again.jpg", quality=92)
    write_csv(tmp_path / "labels.csv", [*rows, ("again.jpg", diseases[0])])
    build(config_of_sources([f"generic={tmp_path / 'labels.csv'}"]), tmp_path / "out", 1, quiet, cache=tmp_path / "c")
    found = verify(tmp_path / "out")
    assert found.ok
    assert len(found.remarks) == 1
    assert "look alike; are they of one patient?" in found.remarks[0]


def test_of_many_lookalikes_the_first_are_named_and_the_rest_counted() -> None:
    """All pairs are compared, across blocks; plain fingerprints and pairs of one group say nothing."""
    random = np.random.default_rng(3)
    marks = random.integers(0, 256, (600, 32), np.uint8)
    marks[[5, 400, 599]] = marks[0]
    marks[599, 0] ^= 0b111
    marks[100:102] = 0
    groups = np.arange(600)
    groups[400] = 0
    assert alike(marks, groups) == [(0, 5), (0, 599), (5, 400), (5, 599), (400, 599)]


def test_letters_out_of_balance_are_remarked_on(built: BuildReport, tmp_path: Path) -> None:
    """Thirty times the same letter is no chance."""
    for name, content in contents(built.out).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)

    def first_letter(items: list[dict[str, Any]]) -> None:
        for item in items:
            options = item["options"]
            answer = item["answer"][0]
            options["A"], options[answer] = options[answer], options["A"]
            item["answer"] = ["A"] if item["task"] == "SDD" else item["answer"]

    edit(tmp_path, first_letter)
    assert any(remark.startswith("SDD: A is right 28 times") for remark in verify(tmp_path).remarks)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("build.json", "{}", "cannot be read as a build"),
        ("build.json", '{"format": 99}', "format: is 99"),
        ("items.jsonl", "[]\n", "cannot be read as a build"),
        ("items.jsonl", "{}\n", "not as a build writes"),
    ],
)
def test_files_of_another_kind_are_an_error_in_words(
    built: BuildReport, tmp_path: Path, name: str, content: str, message: str
) -> None:
    """No traceback for a folder that someone edited."""
    for file, data in contents(built.out).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(data)
    (tmp_path / name).write_text(content)
    with pytest.raises(BenchmarkError, match=message):
        verify(tmp_path)


# --- is it hard? -----------------------------------------------------------------------------------------------------


def synthetic_spines(folder: Path, each: int) -> Path:
    """Draw `each` spines a disease of both regions, as a generic source."""
    random = Random(5)
    rows: list[tuple[str, ...]] = [("image", "label")]
    for region, diseases in ((Region.LUMBAR, cases.LUMBAR), (Region.CERVICAL, cases.CERVICAL)):
        for disease in diseases:
            for _ in range(each):
                name = f"{len(rows):04d}.png"
                phantom.draw(cases.case(disease, region, random).anatomy).save(folder / name)
                rows.append((name, disease))
    write_csv(folder / "labels.csv", list(rows))
    return folder / "labels.csv"


def test_chosen_wrong_answers_are_harder_than_random_ones_on_synthetic_spines(tmp_path: Path) -> None:
    """The interval of the difference excludes none, and the datasheet says so."""
    table = synthetic_spines(tmp_path, 8)
    report = build(config_of_sources([f"generic={table}"]), tmp_path / "out", SEED, quiet, cache=tmp_path / "cache")
    hardness = report.hardness
    assert hardness is not None
    assert hardness.items == 80
    assert hardness.harder.low > 0
    assert hardness.chosen.low < hardness.chosen.value < hardness.chosen.high < 1
    assert f"{hardness.chosen.value:.1%}" in (tmp_path / "out" / "datasheet.md").read_text()
    assert verify(tmp_path / "out").ok
