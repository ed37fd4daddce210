"""When no answer is given, and why: one group of outputs for each reason and each trap known from real outputs."""

from __future__ import annotations

import pytest

from orchestrator.grading.parse import parse
from orchestrator.records import Abstained, Abstention, Answer

SPINE = {
    "A": "Healthy",
    "B": "Spondylolisthesis",
    "C": "Osteophytes",
    "D": "Spinal canal stenosis",
    "E": "Disc space narrowing",
}
OPINION = {"A": "Very good", "B": "Very bad", "C": "Refused", "D": "None of the above"}
COLOURS = {"A": "Yes", "B": "No"}


def why(text: str, options: dict[str, str] = SPINE, *, truncated: bool = False) -> Abstained | str:
    """Return the reason for abstaining, or the letters."""
    match parse(text, options, multi=False, truncated=truncated):
        case Answer(letters):
            return "".join(letters)
        case Abstention(reason):
            return reason


def texts(*given: str) -> pytest.MarkDecorator:
    """Return the parameters of a test of texts, each named by its beginning."""
    return pytest.mark.parametrize("text", given, ids=[one[:50].encode("unicode_escape").decode() for one in given])


@texts(
    "I'm sorry, but I can't assist with medical images.",
    "I cannot provide a diagnosis. Options A, B and C all need a doctor to look at them.",
    "As an AI language model, I do not have eyes. A and B look alike.",
    "I am unable to choose between A and B.",
    "I apologize, but I cannot answer this question as it goes against my guidelines.",
    "I don't have personal opinions, so A, B or C would be made up.",
    "I'm just an AI, it's not within my programming to diagnose.",
    "我无法回答这个问题。",
    "作为一个人工智能语言模型，我不能判断A还是B。",
)
def test_a_refusal_is_no_answer(text: str) -> None:
    """Whatever letters stand in it."""
    assert why(text) is Abstained.REFUSED


def test_a_refusal_with_a_declaration_after_it_is_an_answer() -> None:
    """A model that apologises and then chooses has chosen."""
    assert why("I cannot give medical advice, but if I had to choose, the answer is C.") == "C"
    assert why("I'm sorry for the confusion. The correct answer is C.") == "C"
    assert why("I'm sorry, I can't be sure.\n\nMy final option: [C]") == "C"


def test_a_refusal_is_an_answer_where_an_option_says_so() -> None:
    """The option is chosen by its letter or by its words."""
    assert why("C. Refused", OPINION) == "C"
    assert why("Refused", OPINION) == "C"
    assert why("The answer is D. None of the above.", OPINION) == "D"
    assert why("None of the above", OPINION) == "D"


@texts(
    "It is either B or C.",
    "B or C",
    "The answer is B or C.",
    "B, C, or E.",
    "B, C, or E.\n\nAll of them fit the picture.",
    "The answer is B and C.",
    "B and C",
    "B. Spondylolisthesis and C. Osteophytes\n\nBoth are seen.",
    "My final option: [B, C]",
    "My final options: [B or C]",
    "Answer: B/C",
    "\\boxed{B, C}",
    "【答案】BC",
    "The correct answer is C, or possibly E.",
    "If the canal were narrow, the answer would be D. If it were wide, the answer would be A.",
    "B或C",
)
def test_alternatives_and_several_letters_for_one_answer_are_hedged(text: str) -> None:
    """Nothing is picked from among them."""
    assert why(text) is Abstained.HEDGED


@texts(
    "I cannot determine which it is from this picture.",
    "It is impossible to tell.",
    "There is not enough information to say.",
    "无法确定。",
)
def test_an_answer_that_cannot_be_told_is_hedged(text: str) -> None:
    """The model says that it does not know."""
    assert why(text) is Abstained.HEDGED


@texts(
    "None of the options A, B, C, D or E is correct.",
    "The answer is none of the above.",
    "The correct option is F (none of the above).",
    "The answer is (F) None of the above.",
    "My final option: [F]",
    "My final option: [None]",
    "The answer is C.\n\nMy final option: []",
    "A would fit a normal spine. However, none of the options is right.",
    "Answer: B. But in truth none of the given options fits.",
    "There is no correct answer among the options.",
    "The finding is not listed among the options.",
    "以上选项都不对。",
)
def test_none_of_the_options_is_no_answer(text: str) -> None:
    """Nor is a letter that was not offered."""
    assert why(text) is Abstained.NONE_OF


def test_none_of_the_other_options_is_no_objection() -> None:
    """To rule out the others is to choose."""
    assert why("The answer is C. None of the other findings is visible.") == "C"


@texts(
    "A. Healthy\nB. Spondylolisthesis\nC. Osteophytes\nD. Spinal canal stenosis\nE. Disc space narrowing",
    "The options are:\nA. Healthy\nB. Spondylolisthesis\nC. Osteophytes\nD. Spinal canal",
    "Let us look at each:\nA. Healthy: straight.\nB. Spondylolisthesis: a step.\nC.",
    "The correct answer is:\n(A) Healthy\n(B) Spondylolisthesis\n(C) Osteophytes",
    "What is shown?\nA) Healthy\nB) Spondylolisthesis\nC) Osteophytes\nD) Spinal canal stenosis\nE)",
)
def test_a_list_of_the_options_is_an_echo(text: str) -> None:
    """Complete, cut off in the middle, or after words that announce an answer."""
    assert why(text) is Abstained.ECHOED


@texts(
    "C. Spondylolisthesis",
    "The answer is C. Spondylolisthesis.",
    "The answer is (C) Spondylolisthesis.",
    "My final option: [C. Spondylolisthesis]",
    "\\boxed{C. Spondylolisthesis}",
    "I choose option C: Spondylolisthesis.",
    "C. Spondylolisthesis\n\nA step is seen.",
)
def test_a_letter_beside_the_text_of_another_option_is_a_conflict(text: str) -> None:
    """Neither is preferred."""
    assert why(text) is Abstained.CONFLICT


def test_a_letter_beside_a_longer_shorter_or_free_text_is_no_conflict() -> None:
    """Only another option's whole text is."""
    assert why("C. Osteophytes and syndesmophytes") == "C"
    assert why("C. Spurs") == "C"
    assert why("The answer is B. increase", {"A": "increase slowly", "B": "increase"}) == "B"
    assert why("The answer is A. increase", {"A": "increase slowly", "B": "increase"}) == "A"


def test_repeated_option_texts_are_told_apart_by_their_letters_alone() -> None:
    """Where two options read the same, their words choose neither."""
    twice = {"A": "Osteophytes", "B": "Healthy", "C": "Osteophytes"}
    assert why("The answer is C. Osteophytes.", twice) == "C"
    assert why("The answer is osteophytes.", twice) is Abstained.NOTHING
    assert why("Osteophytes", twice) is Abstained.NOTHING


@texts(
    "The answer is B. Hold on, it could be C.",
    "B. Spondylolisthesis\n\nWait, there is no step; spurs point to C though.",
    "C\nLet me reconsider: (D) has merit.",
)
def test_what_the_text_takes_back_is_a_conflict(text: str) -> None:
    """Where another letter follows, but no new declaration."""
    assert why(text) is Abstained.CONFLICT


def test_a_revision_that_confirms_or_declares_anew_is_an_answer() -> None:
    """The last declaration counts."""
    assert why("The answer is C. Wait, let me check. Yes, C it is.") == "C"
    assert why("Answer: B. Wait, there are spurs. The correct answer is C.") == "C"


@texts("(A) is not the correct answer.", "The answer is not C.", "C is incorrect.", "C. Osteophytes is wrong here.")
def test_what_is_denied_is_not_read(text: str) -> None:
    """A letter that is called wrong is no answer, and the others are not guessed from it."""
    assert isinstance(why(text), Abstained)


@texts(
    "Some might choose B, others might choose C.",
    "You could choose C.",
    "Please select A, B, C, D or E.",
    "Is the answer C?",
    "The right choice depends on whether the answer is C or not.",
    "Give a letter, for example the answer is C.",
    "For example, C is the best answer.",
)
def test_what_others_may_choose_is_not_read(text: str) -> None:
    """Questions, examples and instructions declare nothing."""
    assert isinstance(why(text), Abstained)


def test_a_sole_conditional_declaration_counts() -> None:
    """Where nothing else is declared, what would be the answer is."""
    assert why("If we look at the margins, the answer is C.") == "C"


@texts("Crimson is less than Gray.", "The function is invertible.", "There is no fracture.", "No fracture is seen.")
def test_yes_and_no_are_not_inferred(text: str) -> None:
    """What a sentence implies is for a judge to say."""
    assert why(text, COLOURS) is Abstained.NOTHING


@texts(
    "The answer is C.\n\nQuestion: Which level is affected?\nA. L1\nB. L2\nAnswer: B",
    "C\n\nHuman: And what about D?\nAssistant: D",
    "C. Osteophytes\n\nQ2: What now?\n\\boxed{D}",
    "Answer: C</s> Answer: D",
    "My final option: [C]<|im_end|>\nuser\nMy final option: [D]",
    "Osteophytes.\n\nQuestion: Next?\nAnswer: D",
    "故选C\n\n问题：下一题\n答案：D",
)
def test_what_is_written_after_the_answer_is_not_read(text: str) -> None:
    """A model that goes on to invent the next question has answered already."""
    assert why(text) == "C"


def test_a_question_repeated_before_the_answer_is_read_past() -> None:
    """Nothing was answered yet when it began."""
    assert why("Question: what is shown?\nA. Healthy\nB. Spondylolisthesis\nAnswer: C") == "C"
    assert why("\nQuestion: what is shown?\nProblem: which one?\nThe answer is C.") == "C"


@pytest.mark.parametrize("thought", ["think", "thinking", "thought", "reasoning", "seed:think"])
def test_thought_is_left_out(thought: str) -> None:
    """Only what follows the last closed thought is read, and nothing while one is open."""
    assert why(f"<{thought}>My final option: [B]</{thought}>\nMy final option: [C]") == "C"
    assert why(f"<{thought}>The answer is B.") is Abstained.NOTHING
    assert why(f"My final option: [C]</{thought}>It stays so.") is Abstained.NOTHING


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Spurs are seen.\n\nMy final option: [C]", "C"),
        ("Spurs are seen.\n\nMy final option: [C]\n\nLet me also", "C"),
        ("<answer>C</answer>", "C"),
        ("so \\boxed{C} and", "C"),
        ("The answer is C.", Abstained.TRUNCATED),
        ("C", Abstained.TRUNCATED),
        ("My final option: [C", Abstained.TRUNCATED),
        ("My final option: [B, C]", Abstained.TRUNCATED),
        ("I'm sorry, but I cannot", Abstained.TRUNCATED),
        ("<think>Let me see", Abstained.TRUNCATED),
        ("", Abstained.TRUNCATED),
    ],
)
def test_a_cut_output_counts_by_a_firm_declaration_alone(text: str, wanted: Abstained | str) -> None:
    """The declared last line, a tag or a box, and only if complete."""
    assert why(text, truncated=True) == wanted


def test_a_note_says_what_spoke_against_the_answer() -> None:
    """An abstention after a finding carries it in words."""
    answer = parse("The answer is C. Spondylolisthesis.", SPINE, multi=False)
    assert answer == Abstention(Abstained.CONFLICT, ("the letter C stands beside the text of B",))
