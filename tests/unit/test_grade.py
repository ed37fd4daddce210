"""From a paid reply to its outcome."""

from __future__ import annotations

import pytest

from orchestrator.grading.grade import graded, read
from orchestrator.records import PAID, Ending, Item, Outcome

ITEM = Item("q", "SDD", "Which?", (("A", "Healthy"), ("B", "Osteophytes")), ("B",), False, (), "g", {"source": "x"})
ANSWER = "Spurs at the margins.\nMy final option: [B]"


@pytest.mark.parametrize(
    ("text", "ending", "outcome"),
    [
        (ANSWER, Ending.COMPLETE, Outcome.ANSWERED),
        (ANSWER, Ending.TRUNCATED, Outcome.ANSWERED),
        ("Spurs at the margins, so it may be", Ending.TRUNCATED, Outcome.TRUNCATED),
        ("", Ending.TRUNCATED, Outcome.TRUNCATED),
        ("The picture shows a spine.", Ending.COMPLETE, Outcome.UNPARSED),
        ("", Ending.COMPLETE, Outcome.UNPARSED),
        ("I'm sorry, but I can't help with medical images.", Ending.COMPLETE, Outcome.REFUSED),
        (ANSWER, Ending.REFUSED, Outcome.REFUSED),
        (ANSWER, Ending.FILTERED, Outcome.FILTERED),
    ],
)
def test_the_outcome_follows_from_the_ending_and_the_words(text: str, ending: Ending, outcome: Outcome) -> None:
    """What the provider declared comes first; all of these were paid for."""
    found, answer = read(ITEM, text, ending)
    assert found is outcome
    assert (answer is not None) == (outcome is Outcome.ANSWERED)
    assert found in PAID


def test_a_grade_carries_the_item_as_it_was_shown() -> None:
    """With its options turned, gold and letters speak of the same letters."""
    shown = ITEM.rotated(1)
    outcome, answer = read(shown, "My final option: [A]", Ending.COMPLETE)
    assert answer is not None
    grade = graded(shown, outcome, answer.letters, answer.rule, answer.confidence, sample=2, rotation=1)
    assert (grade.gold, grade.letters, grade.correct) == (("A",), ("A",), True)
    assert (grade.options, grade.option_texts) == (("A", "B"), ("Osteophytes", "Healthy"))
    assert (grade.sample, grade.rotation, grade.group, grade.metadata) == (2, 1, "g", {"source": "x"})
    assert grade.rule
