"""What an output takes back, denies, leaves open or says of something else is no answer; what it settles on is."""

from __future__ import annotations

import pytest

from orchestrator.grading.parse import parse
from orchestrator.records import Abstained, Abstention, Answer

LEVELS = {"A": "L1/L2", "B": "L2/L3", "C": "L3/L4", "D": "L4/L5", "E": "L5/S1"}
COLOURS = {"A": "red", "B": "green", "C": "blue", "D": "black"}
YES_NO = {"A": "Yes", "B": "No"}
PAIRS = {"A": "True, False", "B": "False, False", "C": "True, True", "D": "False, True"}


def read(text: str, options: dict[str, str], *, multi: bool = False) -> str:
    """Return the letters read, or an empty string."""
    found = parse(text, options, multi=multi)
    return "".join(found.letters) if isinstance(found, Answer) else ""


def why(text: str, options: dict[str, str], *, multi: bool = False) -> Abstained | None:
    """Return why nothing was read; None where something was."""
    found = parse(text, options, multi=multi)
    return found.reason if isinstance(found, Abstention) else None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("I count red marks first. Actually, the mark is blue.", "C"),
        ("It looks red at dusk. In daylight it is green, so the answer must be that it is green.", "B"),
        ("The car seems red. That makes it black.", "D"),
        ("Red and dark, at first sight. So it is black.", "D"),
    ],
)
def test_the_sentence_that_settles_it_stands_above_the_first(text: str, letter: str) -> None:
    """A text in the first sentence is no answer where the last one settles on another."""
    assert read(text, COLOURS) == letter


@pytest.mark.parametrize(
    "text",
    [
        "It might be red, unless the light is green.",
        "It is tempting to say red.",
        "The answer is A or the answer is B.",
        "It could be A or it could be B.",
        "(A) is not right, and neither is (D).",
        "I can't select C on this basis.",
        "I would not choose B.",
        "The answer is either C... I am not sure.",
        "The possible answers are red and green.",
    ],
)
def test_what_is_taken_back_denied_or_left_open_is_not_read(text: str) -> None:
    """Neither the first of two alternatives nor what a model says it would not choose."""
    assert read(text, COLOURS) == ""


def test_a_yes_that_a_later_no_takes_back_is_not_read() -> None:
    """The last sentence settles it."""
    assert read("Yes, they look parallel. On a closer look the gap grows. No, they are not.", YES_NO) == ""


def test_an_option_that_is_denied_a_reason_is_still_chosen() -> None:
    """What is said of another option after "because" says nothing of the one chosen."""
    assert read("The answer is C because B is wrong.", COLOURS) == "C"
    assert read("D it is.", COLOURS) == "D"
    assert read("That leaves (D).", COLOURS) == "D"
    assert read("Option B should be selected.", COLOURS) == "B"


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("The door is not open.", "B"),
        ("Based on the image, the door does not touch the wall. It stands free.", "B"),
        ("The door is not only open but wide open.", ""),
        ("The image does not show a door.", ""),
        ("The door is not open, but the window isn't either.", ""),
        ("The door isn't open. However, it is not locked.", ""),
        ("Is the door not open?", ""),
        ("The door is open.", ""),
        ("The door is not open. " + "It has been painted again and again over the years. " * 12, ""),
    ],
)
def test_a_plain_denial_means_no_where_only_yes_and_no_are_offered(text: str, read_as: str) -> None:
    """In a short output that begins with it; what is affirmed, or cannot be told, is for a judge to read."""
    assert read(text, YES_NO) == read_as
    assert read(text, COLOURS) == ""


@pytest.mark.parametrize("text", ["A. True.", "A. False for the second.", "The answer is (A): True."])
def test_one_verdict_beside_a_letter_that_stands_for_two_is_a_conflict(text: str) -> None:
    """For it may speak of both statements, or of either."""
    assert why(text, PAIRS) is Abstained.CONFLICT
    assert read("A. True, False", PAIRS) == "A"
    assert read("A. The first holds.", PAIRS) == "A"


def test_two_letters_with_their_texts_are_two() -> None:
    """However each is joined to its text."""
    assert why("The answer is A for red and C for blue.", COLOURS) is Abstained.HEDGED
    assert read("The answer is A, i.e. red.", COLOURS) == "A"
    assert why("The answer is A, i.e. blue.", COLOURS) is Abstained.CONFLICT


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("My final options: [A] [C]", "AC"),
        ("My final options: [A][C]", "AC"),
        ("My final options: [A - L1/L2] [C - L3/L4]", "AC"),
        ("My final options: [A, C-E]", "ACDE"),
        ("My final options: [A-B, D]", "ABD"),
        ("My final options: A-C", "ABC"),
        ("My final options: [A-B or D]", ""),
        ("My final options: [A, Z]", ""),
        ("My final options: [L1/L2, T12/L1]", ""),
        ("My final options: [A, C, none]", ""),
        ("My final options: [A: the disc, C: the other]", ""),
        ("The answer is A and F.", ""),
        ("The correct levels are A. L3/L4 and C. L1/L2.", ""),
        ("Answer: A, C\n\nL2/L3 and L4/L5 are normal.", "AC"),
        ("Answer: A\nL2/L3", ""),
        ("C (on the left), D (on the right) are affected.", "CD"),
        ("Yes, it is visible at (C) mild, (D) severe.", ""),
        ("The levels are L1/L2, L2/L3, L3/L4, L4/L5 and L5/S1.", ""),
        ("You should not choose the following: A, B. Choose D and E.", "DE"),
        ("B, C, E\n\nQuestion: Which are mammals?\nA. Dog B. Cat\nAnswer: A, B", "BCE"),
        ("Incorrect: A, B\nCorrect: C, D, E", "CDE"),
        ("The false statement is C.", ""),
        ("A and B both fail.", ""),
        ("It might be C and D, but I cannot tell.", ""),
    ],
)
def test_a_declared_list_is_read_whole_or_not_at_all(text: str, letters: str) -> None:
    """Brackets side by side, ranges, letters that were not offered, words between the letters."""
    assert read(text, LEVELS, multi=True) == letters


def test_an_option_whose_text_lists_labels_is_not_taken_for_its_own_text() -> None:
    """Of "[B, C and D]" all three are meant, whatever B's text is."""
    options = {"A": "q", "B": "C and D", "C": "z", "D": "u"}
    assert read("My final options: [B, C and D]", options, multi=True) == "BCD"
    assert read("The answer is B. C and D.", options) == "B"


def test_labels_that_read_alike_are_never_guessed() -> None:
    """Of two labels that differ in punctuation alone neither is taken."""
    assert read("The answer is A", {"A": "x", "A.": "y"}) == ""


def test_the_model_s_own_next_question_is_not_read() -> None:
    """Where the answer before it names an option by its text, or declines to choose."""
    assert (
        read("There are blue flowers.\n\nQuestion: What of the sky?\n(A) red (B) green\nThe answer is (A).", COLOURS)
        == "C"
    )
    assert read("I'm sorry, I can't answer that.\n\nQuestion: Which?\nAnswer: B", COLOURS) == ""
    text = "\n".join(["Question: Which?"] * 40) + "\nThe answer is B."
    assert read(text, COLOURS) == "B"
