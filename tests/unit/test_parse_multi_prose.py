"""Letters read from what models write when no protocol binds them.

Each line of `multi_answers.jsonl` names its options, the letters it means (none where it chooses nothing) and the
output; those of `prose_answers.jsonl` and `single_answers.jsonl` are as the parser's measure reads them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.grading.parse import parse
from orchestrator.records import Answer

OPTIONS = {
    "levels": {"A": "L1/L2", "B": "L2/L3", "C": "L3/L4", "D": "L4/L5", "E": "L5/S1"},
    "findings": {
        "A": "Healthy",
        "B": "Osteophytes",
        "C": "Spinal canal stenosis",
        "D": "Foraminal stenosis",
        "E": "Disc space narrowing",
    },
    "statements": {
        "A": "Mitochondria produce ATP.",
        "B": "The nucleus stores genetic information.",
        "C": "Plant cells lack a cell wall.",
        "D": "Ribosomes synthesize proteins.",
    },
    "shuffled levels": {"A": "L5/S1", "B": "L3/L4", "C": "L1/L2", "D": "L4/L5", "E": "L2/L3"},
    "cities": {"A": "Paris", "B": "Rome", "C": "Sydney", "D": "Berlin", "E": "Toronto"},
    "language": {
        "A": "It is statically typed",
        "B": "It supports closures",
        "C": "It runs in the browser",
        "D": "It has no garbage collector",
        "E": "It was created in 1995",
    },
    "numbers": {"A": "2", "B": "3", "C": "4", "D": "5", "E": "9"},
    "physics": {"A": "质点速度增大", "B": "动量守恒", "C": "机械能守恒", "D": "电势能减小"},
}
ANSWERS = [
    json.loads(line)
    for line in Path(__file__).with_name("multi_answers.jsonl").read_text(encoding="utf-8").splitlines()
]


def name(answer: dict[str, str]) -> str:
    """Return what a test of an answer is called."""
    return f"{answer['letters'] or 'none'} {answer['output'][:50].encode('unicode_escape').decode()}"


@pytest.mark.parametrize("answer", ANSWERS, ids=map(name, ANSWERS))
def test_what_a_model_chooses_in_its_own_words_is_read(answer: dict[str, str]) -> None:
    """Exactly the set that is meant, or nothing."""
    read = parse(answer["output"], OPTIONS[answer["options"]], multi=True)
    assert (read.letters if isinstance(read, Answer) else ()) == tuple(answer["letters"])


@pytest.mark.parametrize(
    ("written", "multi", "as_meant", "precision"),
    [("prose_answers.jsonl", True, 0.95, 0.985), ("single_answers.jsonl", False, 0.92, 0.995)],
)
def test_most_plain_prose_is_read_and_hardly_any_is_misread(
    written: str, multi: bool, as_meant: float, precision: float
) -> None:
    """Of answers written without knowledge of the rules: nearly all as meant, few of those read misread."""
    rows = [json.loads(line) for line in Path(__file__).with_name(written).read_text(encoding="utf-8").splitlines()]
    found = [(parse(row["output"], row["options"], multi=multi), tuple(row["gold"])) for row in rows]
    read = [(answer.letters, gold) for answer, gold in found if isinstance(answer, Answer)]
    silent = sum(not isinstance(answer, Answer) for answer, gold in found if not gold)
    right = sum(letters == gold for letters, gold in read)
    assert right + silent >= as_meant * len(rows)
    assert right >= precision * len(read)
    assert silent >= 0.98 * sum(not gold for _, gold in found)
