"""The parser on a stream of answers: what is written, what is skipped, and that it stays small."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import BenchmarkError, Problem
from orchestrator.grading import extract as module
from orchestrator.grading.extract import Extracted, extract

OPTIONS = {"A": "Healthy", "B": "Osteophytes"}


def run(*lines: object) -> tuple[Extracted, list[dict[str, object]], list[Problem]]:
    """Return the counts, what was written and what was complained of, for lines given as objects or as bytes."""
    raw = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    written: list[str] = []
    problems: list[Problem] = []
    counts = extract(io.BytesIO(raw), "answers.jsonl", written.append, problems.append)
    return counts, [json.loads(line) for line in written], problems


def line(**fields: object) -> dict[str, object]:
    """Return a usable line, some fields of it replaced; None leaves a field out."""
    whole = {"id": "q1", "options": OPTIONS, "output": "My final option: [B]", "multi": False} | fields
    return {key: value for key, value in whole.items() if value is not None}


def test_an_answer_is_written_with_its_rule_and_confidence() -> None:
    """One JSON object a line, in the order read."""
    counts, written, problems = run(line(), line(id=7, output="B. Osteophytes"))
    assert counts == Extracted(answered=2)
    assert written == [
        {"id": "q1", "letters": ["B"], "rule": "final-option", "confidence": 0.999, "abstained": None},
        {"id": 7, "letters": ["B"], "rule": "bare", "confidence": 0.99, "abstained": None},
    ]
    assert not problems


def test_an_abstention_is_written_with_its_reason() -> None:
    """Its letters are empty."""
    counts, written, _ = run(line(output="A or B"))
    assert counts == Extracted(abstained=1)
    assert written == [{"id": "q1", "letters": [], "rule": "", "confidence": 0.0, "abstained": "hedged"}]


def test_several_letters_are_read_where_the_line_says_so() -> None:
    """By its field multi."""
    _, written, _ = run(line(output="A and B", multi=True))
    assert written[0]["letters"] == ["A", "B"]


@pytest.mark.parametrize(
    ("bad", "field", "message"),
    [
        (b"not json\n", "", "is not valid JSON: Expecting value at column 1"),
        (b'{"id": 1 \n', "", "is not valid JSON: Expecting ',' delimiter at column 9"),
        (b"[1]\n", "", "is not a JSON object"),
        (b"\xff\xfe\n", "", "is not UTF-8 text"),
        (b"[" * 100_000 + b"\n", "", "is nested too deeply"),
        (b'{"id": 1, "id": 2}\n', "", "'id' is given twice"),
        (b'{"id": 1, "options": {"A": "x", "B": "y", "A": "z"}}\n', "", "'A' is given twice"),
        (line(id=None), "id", "is missing; it must be a text or a whole number"),
        (line(id=True), "id", "must be a text or a whole number"),
        (line(options=[1]), "options", 'must be an object of letters and texts, as {"A": "..."}'),
        (line(options={}), "options", 'must be an object of letters and texts, as {"A": "..."}'),
        (line(options={" ": "x"}), "options", 'must be an object of letters and texts, as {"A": "..."}'),
        (line(options={"A": 1}), "options", 'must be an object of letters and texts, as {"A": "..."}'),
        (line(output=3), "output", "must be the answer's text"),
        (line(multi=None), "multi", "is missing; it must be true or false"),
        (line(multi="yes"), "multi", "must be true or false"),
    ],
    ids=lambda value: None if isinstance(value, dict) else repr(value)[:24],
)
def test_a_bad_line_is_named_and_skipped(bad: object, field: str, message: str) -> None:
    """By its number and field; the others are read."""
    counts, written, problems = run(line(), bad, line(id="q2"))
    assert counts == Extracted(answered=2, skipped=1)
    assert [one["id"] for one in written] == ["q1", "q2"]
    assert problems == [Problem("answers.jsonl", 2, field, message)]


def test_a_number_of_too_many_digits_is_named() -> None:
    """Python reads none over 4,300."""
    _, _, problems = run(b'{"id": ' + b"1" * 10_000 + b"}\n")
    assert str(problems[0]).startswith("answers.jsonl:1: is not valid JSON: Exceeds the limit (4300 digits)")


def test_of_many_bad_lines_the_first_are_named_and_all_are_counted() -> None:
    """So that a file of another kind does not flood the terminal."""
    counts, _, problems = run(*[b"x\n"] * (BenchmarkError.SHOWN + 20), line())
    assert counts == Extracted(answered=1, skipped=BenchmarkError.SHOWN + 20)
    assert [problem.line for problem in problems] == list(range(1, BenchmarkError.SHOWN + 1))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_told_once_with_what_to_do(encoding: str) -> None:
    """PowerShell writes it; no line of it could be read."""
    raw = ("\ufeff" + json.dumps(line()) + "\n" * 3).encode(encoding)
    with pytest.raises(BenchmarkError, match=r"^answers.jsonl: is UTF-16; save it as UTF-8$"):
        run(raw)


def test_blank_lines_and_a_byte_order_mark_are_no_fault() -> None:
    """Nor is a last line without an end."""
    whole = json.dumps(line()).encode()
    counts, written, problems = run(b"\xef\xbb\xbf" + whole + b"\r\n", b"\n  \n", whole.replace(b"q1", b"q2"))
    assert counts == Extracted(answered=2)
    assert len(written) == 2
    assert not problems


def test_ids_that_come_again_are_counted_and_the_first_is_named() -> None:
    """With both lines; they are read all the same. A number is not the text of its digits."""
    counts, written, problems = run(line(id=1), line(id="1"), line(), line(), line(), line(id=1))
    first = Problem("answers.jsonl", 4, "id", "'q1' is also on line 3")
    assert counts == Extracted(answered=6, repeated=3, first_repeated=first)
    assert len(written) == 6
    assert not problems


def test_options_of_one_text_are_counted_and_the_first_line_is_named() -> None:
    """They are read all the same: by a letter, for the text they share tells none of them; no text at all is none."""
    same = {"A": "Spurs", "B": "None", "C": " spurs"}
    lines = (line(options={"A": "", "B": ""}), line(options=same, output="C"), line(options=same, output="Spurs"))
    counts, written, problems = run(line(), *(one | {"id": number} for number, one in enumerate(lines)))
    first = Problem("answers.jsonl", 3, "options", "'A' and 'C' have the same text")
    assert counts == Extracted(answered=3, abstained=1, alike=2, first_alike=first)
    assert [one["letters"] for one in written[2:]] == [["C"], []]
    assert not problems


def test_a_line_too_long_is_named_and_read_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line after it is read."""
    monkeypatch.setattr(module, "LONGEST", 2**20)
    long = line(output="x" * 3 * 2**20)
    counts, written, problems = run(long, line(id="q2"), json.dumps(long).encode())
    assert counts == Extracted(answered=1, skipped=2)
    assert written[0]["id"] == "q2"
    assert [str(problem) for problem in problems] == [
        "answers.jsonl:1: is longer than 1 MB",
        "answers.jsonl:3: is longer than 1 MB",
    ]


def test_what_is_written_is_ascii_json_whatever_the_id() -> None:
    """Lone surrogates and control characters included."""
    raw = rb'{"id": "\ud800\u001b", "options": {"A": "x"}, "output": "\ud800 A", "multi": false}' + b"\n"
    written: list[str] = []
    counts = extract(io.BytesIO(raw), "-", written.append, lambda problem: None)
    assert counts.answered + counts.abstained == 1
    assert written[0].isascii()
    assert "\x1b" not in written[0]


@given(st.binary(max_size=300).filter(lambda raw: not raw.startswith((b"\xff\xfe", b"\xfe\xff"))))
@settings(max_examples=100)
def test_no_bytes_raise(raw: bytes) -> None:
    """Whatever the stream holds, each line is written, named or blank."""
    written: list[str] = []
    problems: list[Problem] = []
    counts = extract(io.BytesIO(raw), "-", written.append, problems.append)
    assert counts.answered + counts.abstained == len(written)
    assert min(counts.skipped, BenchmarkError.SHOWN) == len(problems)


def test_memory_hardly_grows_with_the_lines(tmp_path: Path) -> None:
    """But for some 100 bytes for each id; a line of 10 MB takes little more than itself."""

    def peak(lines: int, output: str) -> int:
        path = tmp_path / f"{lines}.jsonl"
        with path.open("w") as file:
            for number in range(lines):
                file.write(json.dumps(line(id=number, output=output)) + "\n")
        tracemalloc.start()
        with path.open("rb") as source:
            extract(source, path.name, lambda text: None, lambda problem: None)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10, "The answer is B.")
    assert peak(5_000, "The answer is B.") < 2 * peak(300, "The answer is B.") + 5_000 * 150
    assert peak(2, "x" * 10_000_000 + "\nMy final option: [B]") < 80_000_000
