"""What the tests of the dataset modules share: pictures, benchmark rows, and a memory of pictures."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

from PIL import Image

from orchestrator.dataset.facts import ImageFact, ImageFacts
from orchestrator.dataset.load import read_items
from orchestrator.errors import Problem
from orchestrator.records import Item


class Memory:
    """Knowledge of pictures kept in a dict; counts what was learnt."""

    def __init__(self) -> None:
        self.facts: dict[str, ImageFact] = {}
        self.learnt = 0
        self.asked = 0

    async def known(self, stamps: Sequence[str]) -> Mapping[str, ImageFact]:
        self.asked += 1
        return {stamp: self.facts[stamp] for stamp in stamps if stamp in self.facts}

    async def learn(self, facts: Mapping[str, ImageFact]) -> None:
        self.facts.update(facts)
        self.learnt += len(facts)


def picture(size: tuple[int, int] = (12, 8), shade: int = 90, form: str = "PNG") -> bytes:
    """Return the bytes of a small picture with some content."""
    image = Image.new("RGB", size, (shade, 255 - shade, 7))
    image.putpixel((0, 0), (255, 255, 255))
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def coded(size: tuple[int, int] = (12, 8), shade: int = 90) -> str:
    """Return a small picture as base64."""
    return base64.b64encode(picture(size, shade)).decode()


def row(**changes: object) -> dict[str, object]:
    """Return a good native row without a picture, with the changes; a field set to None is left out."""
    fields: dict[str, object] = {
        "id": "q1",
        "question": "Which level?",
        "options": {"A": "L1/L2", "B": "L2/L3", "C": "L3/L4"},
        "answer": ["B"],
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def write_rows(folder: Path, *rows: dict[str, object]) -> Path:
    """Write a native benchmark."""
    path = folder / "spine.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def read(path: Path, facts: ImageFacts | None = None, pixel_limit: int = 1_000_000) -> tuple[list[Item], list[Problem]]:
    """Return a benchmark's items and its problems."""
    problems: list[Problem] = []

    async def drain() -> list[Item]:
        async with aclosing(read_items(path, facts, problems.append, pixel_limit=pixel_limit)) as items:
            return [item async for item in items]

    return asyncio.run(drain()), problems
