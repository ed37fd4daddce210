"""The embedded benchmark: what it writes, that it is fair, and that only its pictures give its answers away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
from PIL import Image
from scipy.stats import binomtest

from orchestrator.demo import write_demo
from orchestrator.demo.cases import CERVICAL, LEVELS, LUMBAR
from orchestrator.demo.items import pictures
from orchestrator.simulator import DEFAULT_KEY, Simulator

LARGE, SMALL = "sim-spine-large", "sim-spine-small"
CHANCE = 0.2

Line: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as it is written by default."""
    return write_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def lines(listing: Path) -> list[Line]:
    """Its items."""
    return [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines()]


def digests(folder: Path) -> dict[str, str]:
    """Return path -> SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- what is written -------------------------------------------------------------------------------------------------


def test_it_holds_enough_pictures_and_questions(listing: Path, lines: list[Line]) -> None:
    """Seventy pictures, one diagnosis each, and the levels wherever levels are affected."""
    tasks = Counter(line["task"] for line in lines)
    assert tasks == {"SDD": 70, "SLL": 30}
    assert len({line["image"] for line in lines}) == 70
    assert len({line["id"] for line in lines}) == 100
    assert sorted(path.name for path in listing.parent.iterdir()) == ["README.md", "images", "items.jsonl"]


def test_items_are_in_the_native_format(lines: list[Line]) -> None:
    """Every field has its documented form, and gold letters are offered ones."""
    for line in lines:
        assert set(line) == {"id", "image", "task", "question", "options", "answer", "multi", "group", "metadata"}
        assert list(line["options"]) == list("ABCDE")
        assert len(set(line["options"].values())) == 5
        assert line["answer"]
        assert line["answer"] == sorted(set(line["answer"]) & set("ABCDE"))
        assert line["metadata"]["synthetic"] is True
        assert line["metadata"]["source"] == "phantom"
        assert line["image"] == f"images/{line['group']}.jpg"
        gold = [line["options"][letter] for letter in line["answer"]]
        match line["task"]:
            case "SDD":
                assert not line["multi"]
                assert gold == [line["metadata"]["disease"]]
                assert "Healthy" in line["options"].values()
            case _:
                assert line["multi"]
                assert set(line["options"].values()) == set(LEVELS)


def test_pictures_are_small_grey_and_named_without_hints(listing: Path, lines: list[Line]) -> None:
    """256 to 384 pixels, grey, a few KB, and no file name or tag says what is in it."""
    for path in (listing.parent / "images").iterdir():
        with Image.open(path) as image:
            assert image.mode == "L"
            assert 256 <= min(image.size) <= max(image.size) <= 384
            assert not image.getexif()
        assert path.stat().st_size < 20_000
        assert re.fullmatch(r"phantom-\d{3}\.jpg", path.name)


def test_it_says_that_it_is_synthetic(listing: Path) -> None:
    """The folder itself explains what it is not."""
    about = (listing.parent / "README.md").read_text(encoding="utf-8")
    assert about.startswith("Synthetic benchmark")
    assert "no patient" in about
    assert "70 pictures, 100 questions" in about


def test_the_same_seed_gives_the_same_bytes(listing: Path, tmp_path: Path) -> None:
    """Written again elsewhere, every byte is the same."""
    assert digests(write_demo(tmp_path / "new" / "folder").parent) == digests(listing.parent)


@pytest.mark.parametrize("name", ["items.jsonl", "README.md", "images/phantom-070.jpg"])
def test_a_file_that_holds_something_else_is_left_alone_with_all_others(tmp_path: Path, name: str) -> None:
    """Somebody's own file is named before anything is written."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match=re.escape(str(tmp_path / name))):
        write_demo(tmp_path)
    assert digests(tmp_path) == {name: hashlib.sha256(b"mine").hexdigest()}


def test_questions_never_stand_beside_pictures_of_another_seed(listing: Path, tmp_path: Path) -> None:
    """What one seed wrote is something else to another."""
    shutil.copytree(listing.parent, tmp_path, dirs_exist_ok=True)
    with pytest.raises(FileExistsError):
        write_demo(tmp_path, seed=1)
    assert digests(tmp_path) == digests(listing.parent)


def test_a_demo_that_was_cut_short_is_completed(listing: Path, tmp_path: Path) -> None:
    """What is there already is not written again."""
    shutil.copytree(listing.parent, tmp_path, dirs_exist_ok=True)
    kept = (tmp_path / "images" / "phantom-001.jpg").stat().st_ino
    for name in ("items.jsonl", "README.md", "images/phantom-070.jpg"):
        (tmp_path / name).unlink()
    write_demo(tmp_path)
    assert digests(tmp_path) == digests(listing.parent)
    assert (tmp_path / "images" / "phantom-001.jpg").stat().st_ino == kept


def test_a_folder_that_cannot_be_written_is_an_oserror(tmp_path: Path) -> None:
    """A file in the way is reported, not replaced."""
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OSError, match="taken"):
        write_demo(tmp_path / "taken")


# --- fair without the picture ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_without_the_picture_no_option_is_better_than_another(seed: int) -> None:
    """Within a region every diagnosis is offered always and right equally often, so any blind choice scores 20 %."""
    items = [item for picture in pictures(seed) for item in picture.items if item["task"] == "SDD"]
    for diseases in (LUMBAR, CERVICAL):
        region = [item for item in items if set(_options(item).values()) == set(diseases)]
        gold = Counter(str(_metadata(item)["disease"]) for item in region)
        assert set(gold) == set(diseases)
        assert len(set(gold.values())) == 1
    assert len(items) == 70
    letters = Counter(letter for item in items for letter in _answer(item))
    assert binomtest(max(letters.values()), 70, CHANCE).pvalue > 0.001


def test_levels_are_single_and_several(lines: list[Line]) -> None:
    """Localisation asks for one, two and three levels, and every level is right somewhere."""
    answers = [line for line in lines if line["task"] == "SLL"]
    assert {len(line["answer"]) for line in answers} == {1, 2, 3}
    assert {line["options"][letter] for line in answers for letter in line["answer"]} == set(LEVELS)


def _options(item: dict[str, object]) -> dict[str, str]:
    options = item["options"]
    assert isinstance(options, dict)
    return options


def _metadata(item: dict[str, object]) -> dict[str, object]:
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    return metadata


def _answer(item: dict[str, object]) -> list[str]:
    answer = item["answer"]
    assert isinstance(answer, list)
    return answer


# --- the simulated models on it --------------------------------------------------------------------------------------

SWAPS = (3, 17, 31, 44, 58)
"""Cyclic shifts by which pictures are exchanged between the seventy diagnoses."""


def question(line: Line, picture: bytes, model: str) -> Line:
    """Return a chat completion request for one item with a picture, its own or another's."""
    last = "My final options: [X, Y]" if line["multi"] else "My final option: [X]"
    offered = "\n".join(f"{letter}. {text}" for letter, text in line["options"].items())
    text = f"Question: {line['question']}\n\nOptions:\n{offered}\n\nReason, then end with this last line:\n{last}"
    url = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": model, "max_tokens": 400, "messages": [{"role": "user", "content": content}]}


async def answers(asked: list[Line]) -> list[list[str]]:
    """Return the letters that the simulator declares for each request, asked over HTTP."""
    async with Simulator() as sim, aiohttp.ClientSession() as session:

        async def answer(body: Line) -> list[str]:
            headers = {"Authorization": f"Bearer {DEFAULT_KEY}"}
            async with session.post(f"{sim.url}/openai/v1/chat/completions", json=body, headers=headers) as response:
                reply = await response.json()
            found = re.search(r"\nMy final options?: \[(.*)\]$", reply["choices"][0]["message"]["content"])
            assert found
            return found.group(1).split(", ")

        return list(await asyncio.gather(*(answer(body) for body in asked)))


@pytest.fixture(scope="module")
def correct(listing: Path, lines: list[Line]) -> dict[tuple[str, str], list[bool]]:
    """Which items each model gets right: by model and task, or by model and `swap N` with exchanged pictures."""
    shown = {line["image"]: (listing.parent / line["image"]).read_bytes() for line in lines}
    single = [line for line in lines if line["task"] == "SDD"]
    multi = [line for line in lines if line["task"] == "SLL"]
    jobs = [(model, task, own, own) for model in (LARGE, SMALL) for task, own in (("SDD", single), ("SLL", multi))]
    jobs += [(model, f"swap {by}", single, single[by:] + single[:by]) for model in (LARGE, SMALL) for by in SWAPS]
    asked = [
        (model, name, line, question(line, shown[other["image"]], model))
        for model, name, own, others in jobs
        for line, other in zip(own, others, strict=True)
    ]
    result: dict[tuple[str, str], list[bool]] = {}
    told = asyncio.run(answers([body for *_, body in asked]))
    for (model, name, line, _), letters in zip(asked, told, strict=True):
        result.setdefault((model, name), []).append(letters == line["answer"])
    return result


def test_the_large_model_is_far_above_chance_and_below_perfection(
    correct: dict[tuple[str, str], list[bool]],
) -> None:
    """Exact binomial tests: more than 20 % beyond any doubt, less than 90 % at the 5 % level."""
    right, asked = sum(correct[LARGE, "SDD"]), len(correct[LARGE, "SDD"])
    assert binomtest(right, asked, CHANCE, alternative="greater").pvalue < 1e-9
    assert binomtest(right, asked, 0.9, alternative="less").pvalue < 0.05


def test_the_small_model_is_above_chance_and_worse_than_the_large_one(
    correct: dict[tuple[str, str], list[bool]],
) -> None:
    """An exact binomial test against 20 %, and an exact sign test on the items where the two differ."""
    large, small = correct[LARGE, "SDD"], correct[SMALL, "SDD"]
    assert binomtest(sum(small), len(small), CHANCE, alternative="greater").pvalue < 1e-3
    only_large = sum(one and not other for one, other in zip(large, small, strict=True))
    only_small = sum(other and not one for one, other in zip(large, small, strict=True))
    assert binomtest(only_large, only_large + only_small, 0.5, alternative="greater").pvalue < 0.01


@pytest.mark.parametrize("model", [LARGE, SMALL])
def test_with_exchanged_pictures_both_models_are_at_chance(
    model: str, correct: dict[tuple[str, str], list[bool]]
) -> None:
    """Five exchanges of all pictures: none differs from 20 % (two-sided, Bonferroni at 5 %), nor do they together.

    Within a region a picture is exchanged for one of the same diagnosis slightly less often than chance (9 of 49), so
    together they lie a little below 20 %.
    """
    swaps = [correct[model, f"swap {by}"] for by in SWAPS]
    assert all(binomtest(sum(one), len(one), CHANCE).pvalue > 0.05 / len(SWAPS) for one in swaps)
    together = sum(sum(one) for one in swaps) / sum(len(one) for one in swaps)
    assert 0.15 < together < 0.25


@pytest.mark.parametrize("model", [LARGE, SMALL])
def test_some_levels_are_found_exactly(model: str, correct: dict[tuple[str, str], list[bool]]) -> None:
    """Both models get some localisations exactly right and others wrong; one set in 31 would be luck."""
    right, asked = sum(correct[model, "SLL"]), len(correct[model, "SLL"])
    assert 0 < right < asked
    assert binomtest(right, asked, 1 / 31, alternative="greater").pvalue < 0.01


def test_the_large_model_localises_better(correct: dict[tuple[str, str], list[bool]]) -> None:
    """More levels are found exactly by the model that sees more pixels."""
    assert sum(correct[LARGE, "SLL"]) > sum(correct[SMALL, "SLL"])
