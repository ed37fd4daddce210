"""Multi-answer prose without a declared list: what its clauses affirm, exclude and leave open, and what follows."""

from __future__ import annotations

import pytest

from orchestrator.grading.parse import parse
from orchestrator.records import Answer

LEVELS = {"A": "L1/L2", "B": "L2/L3", "C": "L3/L4", "D": "L4/L5", "E": "L5/S1"}
FINDINGS = {"A": "Healthy", "B": "Osteophytes", "C": "Spinal canal stenosis", "D": "Foraminal stenosis"}
CITIES = {"A": "Paris", "B": "Rome", "C": "Sydney", "D": "Berlin", "E": "Toronto"}
NUMBERS = {"A": "2", "B": "3", "C": "4", "D": "9"}


def read(text: str, options: dict[str, str]) -> str:
    """Return the letters read, or an empty string."""
    found = parse(text, options, multi=True)
    return "".join(found.letters) if isinstance(found, Answer) else ""


@pytest.mark.parametrize(
    "text",
    [
        "The narrowing sits at L4/L5 and L5/S1, while the upper levels are normal.",
        "L1/L2 and L2/L3 are unremarkable. L3/L4 is preserved. L4/L5 is severely narrowed and L5/S1 is collapsed.",
        "Two discs protrude, those at L4-5 and L5-S1. The other discs keep their shape.",
        "I see the stenosis at L4/L5 and at L5/S1, not at L3/L4.",
        "Stenosis is present from L4/L5 down to L5/S1; L1/L2, L2/L3 and L3/L4 are spared.",
        "The canal is wide at L1/L2, L2/L3 and L3/L4.\n\n## Conclusion\nThe discs L4/L5 and L5/S1 compress it.",
        "Let me look at L3/L4 first. It is normal. So D and E are the levels to choose.",
        "L4/L5, L5/S1.\n\nWhy: both discs are dark, whereas L3/L4 is bright.",
        "✗ L1/L2\n✗ L2/L3\n✗ L3/L4\n✓ L4/L5\n✓ L5/S1",
        "Rather than L3/L4, it is L4/L5 and L5/S1 that are narrowed.",
        "What is left is D and E.",
        "That leaves D and E.",
        "This gives us D and E. The rest is fine.",
        "A is out, B is out, C is out. D and E it is.",
        "Options D and E.",
        "The lesions are those at the two lowest discs. (D and E)",
        "L4L5 and L5S1",
        "L4/L5, although the image is poor, is narrow, and so is L5/S1. L1/L2, however, is not.",
        "The finding is there at the following levels:\n* L4/L5 (severe)\n* L5/S1 (moderate)\n\nNothing elsewhere.",
        "The affected ones are:\nD. L4/L5\nE. L5/S1\n\nThe upper three discs are bright.",
    ],
)
def test_levels_that_prose_affirms_are_read(text: str) -> None:
    """By letter or by text, from a conclusion, a list, or every clause, whatever is said of the others."""
    assert read(text, LEVELS) == "DE"


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("The capitals here are Paris, Rome and Berlin. Sydney and Toronto are merely large.", "ABD"),
        ("I'd pick Paris and Rome. Berlin is tempting.", "AB"),
        ("Only Paris and Rome qualify. Berlin and Toronto are younger.", "AB"),
        ("A (Paris), B (Rome) and D (Berlin). Sydney lies in Australia.", "ABD"),
        ("Paris and Rome are meant, not Sydney or Toronto.", "AB"),
        ("Not C: Sydney is no capital. A and B are.", "AB"),
        ("Paris: yes. Rome: yes. Sydney: no. Berlin: no. Toronto: no.", "AB"),
        ("The one that lies on the Seine is Paris.", "A"),
        ("Paris only.", "A"),
        ("Not wanted: Sydney, Toronto and Berlin. Wanted are Paris and Rome.", "AB"),
        ("Therefore, Paris is the city that the picture shows.", "A"),
    ],
)
def test_texts_that_prose_affirms_are_read(text: str, letters: str) -> None:
    """Where a sentence says them of something, concludes, or says that there are no others."""
    assert read(text, CITIES) == letters


@pytest.mark.parametrize(
    "text",
    [
        "Paris and Rome are old. Sydney and Toronto are young.",
        "Paris is old. Rome is older.",
        "It might be Paris and Rome.",
        "Is it Paris and Rome?",
        "If it rains, Paris and Rome are chosen.",
        "So Paris and Rome. No, B is wrong.",
        "Let us compare Paris with Rome.",
        "Paris, Rome, Sydney, Berlin and Toronto are listed.",
        "The candidates are Paris and Rome.",
        "Paris and Rome are shown. It is impossible to tell.",
        "The cities are:\nA. Paris\nB. Rome\nC.",
        "The right ones are:\nA. Paris: a capital\nB. Rome:",
        "| Paris | yes |\n| Rome |",
        "Therefore Paris. It does not lie on the Tiber.",
        "I think just one, (B) Paris.",
        "ABE are the initials of three people in the picture.",
        "Sydney, Berlin: they do not belong to the answer.",
    ],
)
def test_what_prose_leaves_open_is_not_read(text: str) -> None:
    """Several things said of several options, a doubt, a question, a condition, a list that is cut or only recited."""
    assert read(text, CITIES) == ""


@pytest.mark.parametrize(
    "text",
    [
        "In triangle ABC the angle A is acute.",
        "The distance between A and B grows.",
        "P(A | B) = P(A) / P(B)",
        "sin(A) and cos(B) are equal.",
        "Then 2 + 9 = 11, and 3 x 4 = 12.",
    ],
)
def test_letters_and_numbers_of_a_calculation_choose_nothing(text: str) -> None:
    """A point, an angle, an event, a term of a sum."""
    assert read(text, NUMBERS) == ""


def test_findings_of_one_sentence_are_one_answer() -> None:
    """What is ruled out does not count; findings told one by one are left unread, for they may answer nothing."""
    text = (
        "The image shows osteophytes. There is also evidence of foraminal stenosis. No spinal canal stenosis is seen."
    )
    assert read(text, FINDINGS) == ""
    assert read("The image shows osteophytes and foraminal stenosis, without spinal canal stenosis.", FINDINGS) == "BD"


def test_all_levels_are_chosen_only_where_all_are_meant() -> None:
    """A list of everything offered may only recite it."""
    every = ", ".join(LEVELS.values())
    assert read(f"All discs are degenerated: {every}.", LEVELS) == "ABCDE"
    assert read(f"The image shows {every}.", LEVELS) == ""


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("D. L4/L5\nThe disc is dark. In L3/L4 and the others it is bright.", "D"),
        ("D: L4/L5, E: L5/S1. The first three discs are unremarkable.", "DE"),
        ("D. L3/L4\nThe disc there is dark.", ""),
        ("A. L1/L2 B. L2/L3 C. L3/L4 D. L4/L5 E. L5/S1", ""),
    ],
)
def test_a_labelled_beginning_is_the_answer(text: str, letters: str) -> None:
    """One label or several with their texts; neither all that was offered nor a label beside another's text."""
    assert read(text, LEVELS) == letters
