"""The native JSON Lines format, and how a row is judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dataset_fixtures import read, row, write_rows
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dataset.native import parse
from orchestrator.dataset.row import NAME_LIMIT, PATH_LIMIT, ReadRow, read_row
from orchestrator.records import Item


def judged(fields: object) -> ReadRow:
    """Judge one row as its JSON line reads."""
    return read_row(parse(json.dumps(fields), 7), "spine")


def item(fields: dict[str, object]) -> Item:
    """Return the item of a good row."""
    judgement = judged(fields)
    assert judgement.faults == ()
    assert judgement.item is not None
    return judgement.item


def faults(fields: object) -> dict[str, str]:
    """Return a bad row's faults by field."""
    judgement = judged(fields)
    assert judgement.item is None
    return {fault.field: fault.message for fault in judgement.faults}


def test_a_full_row_becomes_an_item() -> None:
    """Every documented field arrives where it belongs."""
    fields = row(
        image=["a.png", "b.png"], task="SLL", answer=["C", "A"], multi=True, group="patient-17", metadata={"age": 61}
    )
    assert item(fields) == Item(
        id="q1",
        task="SLL",
        question="Which level?",
        options=(("A", "L1/L2"), ("B", "L2/L3"), ("C", "L3/L4")),
        gold=("A", "C"),
        multi=True,
        images=(),
        group="patient-17",
        metadata={"age": 61},
        line=7,
    )
    assert judged(fields).sources == ("a.png", "b.png")


def test_what_a_row_leaves_out_has_a_default() -> None:
    """The task is the file's name, the item single, and its group its own."""
    made = item(row())
    assert (made.task, made.multi, made.group, made.metadata) == ("spine", False, "q1", {})


def test_questions_about_one_picture_share_a_group() -> None:
    """The first picture's name is the group, however it is spelt, so intervals cluster without reading it."""
    assert item(row(image="images/a.png")).group == "images/a.png"
    assert item(row(id="q2", image=["./images//a.png", "b.png"])).group == "images/a.png"


def test_a_null_field_counts_as_left_out() -> None:
    """Exporters write null for what they do not know."""
    fields = row() | {"image": None, "task": None, "group": None, "metadata": None, "multi": None}
    assert item(fields).task == "spine"


def test_an_answer_may_be_one_letter() -> None:
    """A plain string is the list of that one letter."""
    assert item(row(answer="C")).gold == ("C",)


def test_options_may_be_a_list() -> None:
    """They are lettered from A."""
    assert item(row(options=["one", "two"])).options == (("A", "one"), ("B", "two"))


@pytest.mark.parametrize("name", ["option {}", "option_{}", "option{}", "{}"])
def test_options_may_be_fields_of_their_own(name: str) -> None:
    """The spellings in which SpineBench's rows may come."""
    fields = row(options=None) | {name.format(letter): f"text {letter}" for letter in "AB"} | {name.format("C"): None}
    assert item(fields).options == (("A", "text A"), ("B", "text B"))


def test_a_whole_number_is_an_id() -> None:
    """It is made text."""
    assert item(row(id=17)).id == "17"


def test_unknown_fields_are_ignored() -> None:
    """A row may carry more than is read."""
    assert item(row(difficulty="hard")).id == "q1"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"id": None}, "id", "is missing"),
        ({"id": ""}, "id", "is empty"),
        ({"id": True}, "id", "must be text, not True"),
        ({"id": 1.5}, "id", "must be text, not 1.5"),
        ({"id": "a\x1b[31m"}, "id", "control character"),
        ({"id": "a\u202eb"}, "id", "control character"),
        ({"id": "a\ud800"}, "id", "is not valid Unicode"),
        ({"metadata": {"x": [{"\udfff": 1}]}}, "metadata", "is not valid Unicode"),
        ({"id": "x" * (NAME_LIMIT + 1)}, "id", "over the limit of 256"),
        ({"task": " "}, "task", "is empty"),
        ({"group": "a\nb"}, "group", "control character"),
        ({"question": None}, "question", "is missing"),
        ({"question": " \n"}, "question", "is empty"),
        ({"question": 3}, "question", "should be a valid string, not 3"),
        ({"question": "\ud800"}, "question", "is not valid Unicode"),
        ({"options": None}, "options", "is missing"),
        ({"options": "A or B"}, "options", "should be a valid object, not 'A or B'"),
        ({"options": {"A": "one"}}, "options", "needs at least two options, has 1"),
        ({"options": {"A": "one", "b": "two"}}, "options", "'b' is not a letter from A to Z"),
        ({"options": {"A": "one", "AB": "two"}}, "options", "'AB' is not a letter"),
        ({"options": {"A": "one", "Ａ": "two"}}, "options", "is not a letter"),
        ({"options": {"A": "one", "B": " "}}, "options", "option B has no text"),
        ({"options": {"A": "one", "B": 2}}, "options.B", "should be a valid string, not 2"),
        ({"options": ["x"] * 27}, "options", "should be a valid object"),
        ({"answer": None}, "answer", "is missing"),
        ({"answer": []}, "answer", "names no letter"),
        ({"answer": ["E"]}, "answer", "'E' is not among the options A, B, C"),
        ({"answer": "b"}, "answer", "'b' is not among the options A, B, C"),
        ({"answer": ["A", "B"]}, "answer", 'several letters on an item that is not marked "multi": true'),
        ({"answer": ["A", "A"], "multi": True}, "answer", "names a letter twice"),
        ({"answer": [1]}, "answer.0", "should be a valid string, not 1"),
        ({"answer": {"A": 1}}, "answer", "should be a valid list"),
        ({"multi": "yes"}, "multi", "should be a valid boolean, not 'yes'"),
        ({"metadata": ["x"]}, "metadata", "should be a valid object"),
        ({"image": 5}, "image", "must be a file name or a list of file names, not 5"),
        ({"image": ["a.png", 5]}, "image", "must be a file name, not 5"),
        ({"image": ""}, "image", "must be a file name, not ''"),
        ({"image": {"offset": 0, "length": 9}}, "image", "must be a file name"),
        ({"image": "a\0.png"}, "image", "is no usable file name"),
        ({"image": "x" * (PATH_LIMIT + 1)}, "image", "is no usable file name"),
    ],
)
def test_a_fault_is_named_by_its_field(changes: dict[str, object], field: str, words: str) -> None:
    """Each wrong field is named, with what was found and what is wanted."""
    assert words in faults({**row(**changes)})[field]


def test_a_misspelt_field_is_recognised() -> None:
    """A missing field names the one that was perhaps meant for it, harmlessly."""
    assert faults(row(question=None) | {"questoin": "Which?"}) == {
        "question": "is missing; is 'questoin' meant for it?"
    }
    assert "\x1b" not in faults(row(question=None) | {"\x1bquestion": "Which?"})["question"]


def test_one_row_can_have_several_faults() -> None:
    """All of them are found at once, also across fields that depend on one another."""
    found = faults({"id": "", "question": "", "options": {"A": "x", "B": "y"}, "answer": ["C", "D"]})
    assert set(found) == {"id", "question", "answer"}
    assert found["answer"].count("is not among") == 2
    assert "several letters" in found["answer"]


def test_a_gold_letter_is_not_judged_against_bad_options() -> None:
    """One mistake is reported once."""
    assert set(faults(row(options={"A": "x"}, answer=["B"]))) == {"options"}


def test_a_repeated_key_is_a_fault() -> None:
    """JSON readers silently keep the last of two; a benchmark must not lose an option that way."""
    made = read_row(
        parse('{"id": "q", "question": "?", "options": {"A": "x", "B": "y", "A": "z"}, "answer": "A"}', 1), "t"
    )
    assert [(fault.field, fault.message) for fault in made.faults] == [("options", "'A' is given twice")]
    assert made.item is None
    made = read_row(parse('{"id": "q", "id": "p", "question": "?", "answer": "A"}', 1), "t")
    assert [fault.field for fault in made.faults] == ["id", "options"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not valid JSON: Expecting property name"),
        ("[1, 2]", "is not a JSON object but [1, 2]"),
        ('{"id": NaN}', "NaN is not a JSON number"),
        ('{"id": -Infinity}', "-Infinity is not a JSON number"),
        ('{"id": 1e999}', "'1e999' is too large a number"),
        ('{"id": ' + "9" * 5000 + "}", "is not valid JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"id": ' + "[" * 600 + '"\\u0041"' + "]" * 600 + "}", "is nested too deeply"),
    ],
)
def test_a_line_that_is_no_json_object_is_one_fault(text: str, words: str) -> None:
    """Nothing else can be said of it."""
    (fault,) = read_row(parse(text, 1), "t").faults
    assert fault.field == ""
    assert words in fault.message


def test_deep_metadata_is_a_fault() -> None:
    """What could not be written again later is refused at the door."""
    deep: object = 1
    for _ in range(400):
        deep = [deep]
    assert any(field.startswith("metadata") for field in faults(row(metadata={"x": deep})))


def test_a_fraction_in_metadata_is_kept() -> None:
    """Ordinary numbers pass."""
    assert item(row(metadata={"score": 0.25})).metadata == {"score": 0.25}


def test_a_faulty_row_still_gives_its_id_and_pictures() -> None:
    """So that a repeated id and a missing picture are found in the same reading."""
    judgement = judged(row(question="", image="a.png"))
    assert (judgement.id, judgement.sources) == ("q1", ("a.png",))
    judgement = judged(row(id="", image=5))
    assert (judgement.id, judgement.sources) == (None, ())


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    """They count as lines and as nothing else."""
    path = tmp_path / "x.jsonl"
    path.write_text(f"\n  \n{json.dumps(row())}\r\n\n")
    (made,), problems = read(path)
    assert (made.line, problems) == (3, [])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*row(), "image", "multi", "metadata", "A", "option B"]), json_values))
def test_any_row_is_either_an_item_or_faults(fields: dict[str, object]) -> None:
    """No content of a row can raise, and what is made of it holds what an Item promises."""
    judgement = judged(fields)
    assert (judgement.item is None) == bool(judgement.faults)
    made = judgement.item
    if made is not None:
        assert made.gold
        assert set(made.gold) <= set(made.letters)
        assert len(made.options) >= 2


def test_rows_of_a_file_are_read_in_order(tmp_path: Path) -> None:
    """Items come as they stand, with their lines."""
    made, _ = read(write_rows(tmp_path, *(row(id=str(number)) for number in range(600))))
    assert [(one.id, one.line) for one in made] == [(str(number), number + 1) for number in range(600)]
