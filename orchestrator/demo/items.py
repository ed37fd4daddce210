"""The questions of the demo benchmark: one diagnosis a picture, and the affected levels where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from .anatomy import Region
from .cases import CERVICAL, LEVELS, LUMBAR, Case, case

LETTERS = "ABCDE"
PICTURES = {Region.LUMBAR: 10, Region.CERVICAL: 4}
"""Pictures of each disease, and of healthy spines, by region."""

SDD_WORDINGS = (
    "Which diagnosis fits this lateral radiograph of the spine best?",
    "What does this X-ray of the spine show?",
    "Select the most likely finding in this spinal radiograph.",
    "Looking at the vertebrae, the discs and their alignment, which of these is present?",
    "Which of the following describes the condition of this spine?",
)
SLL_WORDINGS = (
    "At which lumbar levels is there a lesion? Select all that apply.",
    "Which of these levels are affected in this lateral radiograph?",
    "Localise the lesion: name every affected disc level.",
    "Select every lumbar level at which this spine is abnormal.",
)

JsonItem: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to be drawn, and its questions."""

    name: str
    case: Case
    items: tuple[JsonItem, ...]


def pictures(seed: int) -> list[Picture]:
    """Return the pictures and questions of the demo, in a shuffled order, for one seed."""
    random = Random(seed)
    cases = [
        case(disease, region, random)
        for region, diseases in ((Region.LUMBAR, LUMBAR), (Region.CERVICAL, CERVICAL))
        for disease in diseases
        for _ in range(PICTURES[region])
    ]
    random.shuffle(cases)
    return [_picture(number, one, random) for number, one in enumerate(cases, start=1)]


def _picture(number: int, one: Case, random: Random) -> Picture:
    name = f"phantom-{number:03}"
    offered = {Region.LUMBAR: LUMBAR, Region.CERVICAL: CERVICAL}[one.anatomy.region]
    items = [_item("SDD", name, one, random.choice(SDD_WORDINGS), _shuffled(offered, random), (one.disease,))]
    if one.levels:
        items.append(_item("SLL", name, one, random.choice(SLL_WORDINGS), _shuffled(LEVELS, random), one.levels))
    return Picture(name, one, tuple(items))


def _item(task: str, name: str, one: Case, question: str, offered: Sequence[str], right: Sequence[str]) -> JsonItem:
    options = dict(zip(LETTERS, offered, strict=True))
    return {
        "id": f"{task.lower()}-{name}",
        "image": f"images/{name}.jpg",
        "task": task,
        "question": question,
        "options": options,
        "answer": [letter for letter, text in options.items() if text in right],
        "multi": task == "SLL",
        "group": name,
        "metadata": {"disease": one.disease, "synthetic": True, "source": "phantom"},
    }


def _shuffled(texts: Sequence[str], random: Random) -> list[str]:
    return random.sample(texts, k=len(texts))
