"""That reading an output costs time in proportion to its length, up to a window, and nothing beyond it."""

from __future__ import annotations

import sys
import time
from types import FrameType

import pytest

from orchestrator.grading.normalise import HEAD, TAIL, normalise
from orchestrator.grading.parse import parse
from orchestrator.grading.rules import RULES

LEVELS = {"A": "L1/L2", "B": "L2/L3", "C": "L3/L4", "D": "L4/L5", "E": "L5/S1"}
SHORT = {"A": "a", "B": "a a", "C": "answer", "D": "is", "E": "1"}

HOSTILE = [
    *(
        "A ",
        "A, ",
        "A\n",
        "(A) ",
        "A/",
        "A and ",
        "A. L1/L2\n",
        "- A\n",
        "a ",
        "a b ",
        "1. ",
        "L4/L5, ",
        "\n",
        " ",
        "'",
        '"',
    ),
    *(
        "answer is ",
        "answer: A, B, ",
        "answer in the in the ",
        "the correct ",
        "is the ",
        "which is the ",
        "not ",
        "if A, ",
    ),
    *("I choose the ", "therefore, ", "A is correct. ", "option A is not ", "none of the ", "I cannot ", "the best "),
    *(
        "my final option: [A",
        "final option: ",
        "<answer>",
        "【答案】",
        "\n\nQuestion: ",
        "{",
        "\\boxed{",
        "}",
        "$",
        "*",
        "_",
    ),
    *(
        "`",
        "~~a",
        "[x] ",
        "- [ ] ",
        "### ",
        "<",
        "<think>",
        "</think>",
        "</s>",
        "\\",
        "\\text{",
        "答案",
        "选A",
        "A正确",
        "不",
    ),
    *("，", "é", "①", "ﬁ", "\ud800", "\x00", "\u202e", "x", "A" * 30 + " ", "level of the ", "to A to ", "as as "),
]


def calls(text: str) -> int:
    """Return how many functions, Python's and built-in ones, are called to read a text."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    parse("warm", LEVELS, multi=True)
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        parse(text, LEVELS, multi=True)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: piece.encode("unicode_escape").decode()[:20])
def test_work_stops_growing_at_the_window(piece: str) -> None:
    """Four times the text costs no more calls once the text is longer than what is read."""
    size = HEAD + TAIL + len(piece)
    once = (piece * size)[: 2 * size]
    assert calls(once * 4) <= 1.2 * calls(once) + 200


@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: piece.encode("unicode_escape").decode()[:20])
def test_work_grows_in_proportion_below_the_window(piece: str) -> None:
    """Four times the text costs at most about four times the calls."""
    once = (piece * 3_000)[:3_000]
    assert calls(once * 4) <= 5 * calls(once) + 1_000


@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: piece.encode("unicode_escape").decode()[:20])
def test_what_is_read_of_any_text_is_bounded(piece: str) -> None:
    """No character grows beyond what it stands for."""
    assert len(normalise((piece * 100_000)[:100_000]).text) <= 3 * (HEAD + TAIL)


def spent(text: str, options: dict[str, str]) -> float:
    """Return the processor time of one reading, the least of three, in seconds."""
    times = []
    for _ in range(3):
        start = time.process_time()
        parse(text, options, multi=True)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.nightly
@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: piece.encode("unicode_escape").decode()[:20])
@pytest.mark.parametrize("options", [LEVELS, SHORT], ids=["levels", "short words"])
def test_a_hostile_megabyte_is_read_in_no_time(piece: str, options: dict[str, str]) -> None:
    """A megabyte takes hardly longer than a quarter of one, and a window not more than its share of longer ones."""
    million = (piece * 1_000_000)[:1_000_000]
    assert spent(million, options) <= 3 * spent(million[:250_000], options) + 0.005
    assert spent(million[:12_000], options) <= 12 * spent(million[:3_000], options) + 0.005


def test_no_rule_searches_beyond_the_window() -> None:
    """A text that no rule answers costs each rule one reading of the window at most."""
    text = "The vertebrae look as they should, and so does the canal, at first sight.\n" * 20_000
    assert calls(text) <= 400 * len(RULES)
