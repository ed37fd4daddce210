"""The frozen records: rotation, wording, and what a grade calls correct."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paid_fixtures import item, model, provider

from orchestrator.records import PAID, Grade, Item, Outcome


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Items with two to six options and any gold set."""
    count = draw(st.integers(2, 6))
    letters = "ABCDEF"[:count]
    gold = draw(st.sets(st.sampled_from(letters), min_size=1))
    options = tuple((letter, f"text {index}") for index, letter in enumerate(letters))
    return replace(item(), options=options, gold=tuple(sorted(gold)), multi=len(gold) > 1)


@given(shown=items(), by=st.integers(-20, 20))
def test_rotation_moves_the_texts_and_the_gold_letters_with_them(shown: Item, by: int) -> None:
    """Whatever the rotation, the gold letters name the same texts, and the letters stay in order."""
    rotated = shown.rotated(by)
    texts, moved = dict(shown.options), dict(rotated.options)
    assert {moved[letter] for letter in rotated.gold} == {texts[letter] for letter in shown.gold}
    assert rotated.letters == shown.letters
    assert rotated.gold == tuple(sorted(rotated.gold))
    assert rotated.rotated(-by) == shown


@given(shown=items())
def test_a_full_turn_is_no_turn(shown: Item) -> None:
    """Rotating by the number of options gives the very item back."""
    assert shown.rotated(len(shown.options)) is shown


def test_rotation_is_by_so_many_letters_up() -> None:
    """Rotated by one, the second option's text stands at A."""
    rotated = item(5).rotated(1)
    assert rotated.options == (("A", "finding 5"), ("B", "something else"), ("C", "nothing"))
    assert rotated.gold == ("A",)


def test_the_wording_is_pinned() -> None:
    """Stored replies are matched to questions by this digest, so it may never change."""
    assert item(1).wording == "29a5edb88324137f"


@pytest.mark.parametrize(
    "changed",
    [
        {"question": "Question 1: what is shown? "},
        {"options": (("A", "nothing"), ("B", "finding 1"))},
        {"options": (("A", "finding 1"), ("B", "nothing"), ("C", "something else"))},
        {"multi": True},
    ],
)
def test_the_wording_follows_the_question(changed: dict[str, Any]) -> None:
    """A reply to another question, other options, another order or another kind no longer fits."""
    assert replace(item(1), **changed).wording != item(1).wording


def test_the_wording_ignores_what_no_answer_refers_to() -> None:
    """A corrected gold answer, another id or task leave the stored reply usable."""
    corrected = replace(item(1), gold=("A",), id="x", task="y", group="z", metadata={"k": 1})
    assert corrected.wording == item(1).wording


def test_half_a_character_has_a_wording() -> None:
    """Text that UTF-8 cannot carry is digested and does not crash the scoring."""
    assert len(replace(item(), question="\ud800").wording) == 16


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_output_limit_stands_under_either_name(name: str) -> None:
    """Both names bound what a call can cost."""
    assert replace(model(provider()), params={name: 77}).max_output_tokens == 77


@pytest.mark.parametrize("params", [{}, {"max_tokens": "many"}])
def test_a_model_without_an_output_limit_has_no_worst_case(params: dict[str, str]) -> None:
    """Nothing is reserved at a guess."""
    with pytest.raises(ValueError, match="sim-spine-large has no max_tokens"):
        _ = replace(model(provider()), params=params).max_output_tokens


def grade(outcome: Outcome, letters: tuple[str, ...]) -> Grade:
    """Return the grade of an item whose gold letters are A and B."""
    return Grade("i", "t", "g", True, ("A", "B", "C"), ("A", "B"), letters, outcome)


@pytest.mark.parametrize("letters", [("A",), ("A", "B", "C"), ("C",), ()])
def test_a_set_of_letters_is_right_only_as_a_whole(letters: tuple[str, ...]) -> None:
    """Part of the gold set, or more than it, is wrong."""
    assert grade(Outcome.ANSWERED, ("A", "B")).correct
    assert not grade(Outcome.ANSWERED, letters).correct


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.ANSWERED}))
def test_only_an_answer_can_be_right(outcome: Outcome) -> None:
    """An outcome without an answer is never correct, whatever letters it carries."""
    assert not grade(outcome, ("A", "B")).correct


def test_the_paid_outcomes_are_accuracys_denominator() -> None:
    """All outcomes but failed and unsent were paid for."""
    assert set(Outcome) - PAID == {Outcome.FAILED, Outcome.UNSENT}
