"""The account of a reading: what each rule found, what spoke against it, and how it looks on a terminal."""

from __future__ import annotations

import pytest

from orchestrator.grading.explain import SHOWN, explain, printable, render
from orchestrator.grading.parse import parse
from orchestrator.grading.rules import RULES
from orchestrator.records import Abstained, Abstention, Answer

SPINE = {"A": "Healthy", "B": "Spondylolisthesis", "C": "Osteophytes"}


def test_every_rule_is_tried_in_its_order() -> None:
    """With what it found before any veto, and where."""
    text = "The answer is B.\n\nMy final option: [C]"
    told = explain(text, SPINE, multi=False)
    assert isinstance(told.answer, Answer)
    assert told.answer.letters == ("C",)
    assert [trial.rule for trial in told.trials] == [rule.name for rule in RULES]
    trials = {trial.rule: trial for trial in told.trials}
    assert trials["final-option"].letters == ("C",)
    assert trials["tag"].span is None
    span = trials["final-option"].span
    assert span is not None
    assert text[slice(*span)] == "final option: [C]"


def test_a_veto_is_named_with_what_it_says() -> None:
    """So is a letter that was not offered."""
    trials = {trial.rule: trial for trial in explain("The answer is C. Healthy.", SPINE, multi=False).trials}
    assert trials["declared"].veto == "clash"
    assert trials["declared"].note == "the letter C stands beside the text of A"
    shown = render(explain("The answer is (F).", SPINE, multi=False))
    assert "a letter not offered; unoffered: the letter declared was not offered" in shown


def test_a_rule_too_unsure_to_be_shipped_is_shown_as_left_out() -> None:
    """What it finds is no answer."""
    text = "Look at it. Osteophytes grow there. That is so at first sight"
    told = explain(text, SPINE, multi=False)
    assert told.answer == Abstention(Abstained.NOTHING)
    sole = told.trials[-1]
    assert (sole.rule, sole.letters, sole.note) == ("sole-text", ("C",), "left out: its confidence is below 0.9")


def test_what_a_cut_output_leaves_out_is_said() -> None:
    """Rules that are not firm show what they found, and that it did not count."""
    told = explain("The answer is C.", SPINE, multi=False, truncated=True)
    assert told.answer == Abstention(Abstained.TRUNCATED)
    trials = {trial.rule: trial for trial in told.trials}
    assert trials["declared"].letters == ("C",)
    assert "cut" in trials["declared"].note


def test_nothing_is_tried_where_there_is_nothing_to_read() -> None:
    """An empty output, an item without options, an open thought."""
    assert explain(" ", SPINE, multi=False).trials == ()
    assert explain("C", {}, multi=False).trials == ()
    assert all(trial.span is None for trial in explain("<think>C", SPINE, multi=False).trials)


def test_the_passage_relied_on_is_marked() -> None:
    """With what stands around it, shortened; the beginning where there is no answer."""
    assert ">>>answer is C<<<" in render(explain("So the answer is C. That is all.", SPINE, multi=False))
    long = "x " * SHOWN
    shown = render(explain(f"{long}\nMy final option: [C]\n{long}", SPINE, multi=False))
    assert shown.startswith("...")
    assert len(shown) < 3 * SHOWN + 4_000
    nothing = render(explain(long + long, SPINE, multi=False))
    assert "no answer: nothing" in nothing
    assert nothing.splitlines()[0].endswith("...")
    conflict = render(explain("The answer is C. Healthy.", SPINE, multi=False))
    assert "no answer: conflict; the letter C stands beside the text of A" in conflict


@pytest.mark.parametrize(
    ("text", "conflicts"),
    [
        ("My final option: [B]\n\nWait, spurs.\n\nMy final option: [C]", ("an earlier one chose B",)),
        ("My final option: [none]\n\nWait, spurs.\n\nMy final option: [C]", ("an earlier one chose none",)),
        ("My final option: [C]\n\nOnce more:\n\nMy final option: [C]", ()),
        ("My final thought: spurs.\n\nMy final option: [C]", ()),
        ("My final option: [C]", ()),
        ("The answer is B. Wait, there are spurs. The correct answer is C. That is all.", ("an earlier one chose B",)),
        ("The answer is B.\n\nC", ("an earlier one chose B",)),
        ("Spurs are seen.\n\nC", ()),
        (f"{'Spurs are seen. ' * 60}The answer is B.\n\nC", ("an earlier one chose B",)),
        ("C", ()),
        ("If it slipped, the answer would be B. It did not. The answer is C. That is all.", ()),
        (
            "Osteophytes is wrong, I am afraid. Spondylolisthesis is the most likely.",
            ("lead-text found C, set aside: what was found is called wrong",),
        ),
    ],
)
def test_an_answer_says_what_it_overrode(text: str, conflicts: tuple[str, ...]) -> None:
    """Other letters declared in the same output, and findings that a veto set aside."""
    answer = parse(text, SPINE, multi=False)
    assert isinstance(answer, Answer)
    assert answer.conflicts == conflicts
    assert all(note in render(explain(text, SPINE, multi=False)) for note in conflicts)


def test_nothing_of_the_output_controls_the_terminal() -> None:
    """Escape sequences, carriage returns, bidirectional marks and lone surrogates are replaced."""
    hostile = "\x1b[2J\x9b31m\rC\u202e\ud800\x07\nMy final option: [C]\r\n\tend"
    shown = render(explain(hostile, SPINE, multi=False))
    assert not set(shown) & set("\x1b\x9b\r\u202e\ud800\x07")
    assert "\n\tend" in shown
    assert printable("a\x1bb\nc\td") == "a\N{REPLACEMENT CHARACTER}b\nc\td"
