"""How an answer is read from an option's words where no letter declares one."""

from __future__ import annotations

import pytest

from orchestrator.grading.parse import parse
from orchestrator.records import Abstention, Answer

SPINE = {
    "A": "Healthy",
    "B": "Spondylolisthesis",
    "C": "Osteophytes",
    "D": "Spinal canal stenosis",
    "E": "Disc space narrowing",
}
SCENE = {"A": "putting the lid on the pot", "B": "taking the lid off the pot", "C": "stirring the soup"}
ANGLES = {"A": "4°", "B": "40°", "C": "14.5°", "D": "-40°"}
POINTS = {"A": "Point A", "B": "Point B", "C": "Point C"}


def read(text: str, options: dict[str, str] = SPINE) -> tuple[str, str]:
    """Return the letters read, joined, and the rule; a question mark and the reason where there are none."""
    match parse(text, options, multi=False):
        case Answer(letters, rule):
            return "".join(letters), rule
        case Abstention(reason):
            return "?", str(reason)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Osteophytes", "lead-text"),
        ("osteophytes.", "lead-text"),
        ("The osteophytes are large. Disc space narrowing is mild.", "lead-text"),
        ('"Osteophytes" it is.', "lead-text"),
        ("The answer is osteophytes.", "declared-text"),
        ("The most likely diagnosis is osteophytes. Spinal canal stenosis is not seen.", "declared-text"),
        ("Diagnosis: Osteophytes", "declared-text"),
        (
            "Look at the margins. They show no slip. Among these, osteophytes are the most likely finding. Or so.",
            "called-text",
        ),
        ("The image shows osteophytes at the margins. There is no spondylolisthesis.", "opening-text"),
        ("Since there is no spondylolisthesis, the image shows osteophytes.", "opening-text"),
        ("It shows osteophytes rather than spinal canal stenosis.", "opening-text"),
        ("Look at the margins. Spurs grow there. So these are osteophytes.", "closing-text"),
    ],
)
def test_an_option_text_is_read_where_it_is_what_the_text_says(text: str, rule: str) -> None:
    """As the beginning, the declared answer, the best, or the one named in the first or last sentence."""
    assert read(text) == ("C", rule)


@pytest.mark.parametrize(
    "text",
    [
        "Osteophytes or spondylolisthesis.",
        "Osteophytes, disc space narrowing.",
        "Osteophytes is not the correct answer.",
        "The image shows osteophytes or something like it.",
        "The image does not show osteophytes.",
        "There is no evidence of osteophytes.",
        "The spine looks fine, without osteophytes.",
        "The film is negative for osteophytes.",
        "The image may show osteophytes, but it is impossible to tell.",
        "Look at the margins. Osteophytes and disc space narrowing go together. Both are seen here.",
        "Look at the margins. Spurs grow there. However, osteophytes are less likely.",
        "Look at the margins. Spurs grow there, as osteophytes do when",
        "It is not listed among the options, but osteophytes come close.",
        "The picture is dark.",
    ],
)
def test_an_option_text_is_not_read_where_it_is_denied_doubted_or_one_of_several(text: str) -> None:
    """Nor from the last words of an output that breaks off."""
    assert read(text)[0] == "?"


@pytest.mark.parametrize(
    ("text", "options", "letter"),
    [
        ("The chef is putting a lid on the pot.", SCENE, "A"),
        ("The chef puts the lid on a pot slowly.", SCENE, "A"),
        ("The chef stirs soup in the pot.", SCENE, "C"),
        ("The lid of the pot is on.", SCENE, "?"),
        ("The angle is 40°.", ANGLES, "B"),
        ("The angle is 40 degrees.", ANGLES, "B"),
        ("The angle is 40.0°.", ANGLES, "B"),
        ("The angle is -40°.", ANGLES, "D"),
        ("The angle is 14.5°.", ANGLES, "C"),
        ("The angle is 140°.", ANGLES, "?"),
        ("The angle is 4.5°.", ANGLES, "?"),
        ('It corresponds to point "C" in the other image.', POINTS, "C"),
        ("It is point (B) that corresponds.", POINTS, "B"),
        ("A cat is seen.", {"A": "a dog", "B": "a cat"}, "B"),
        ("Yes, it is.", {"A": "True", "B": "False"}, "A"),
        ("No.", {"A": "Yes", "B": "No"}, "B"),
        ("No fracture is seen.", {"A": "Yes", "B": "No"}, "?"),
        ("It cannot be determined.", {"A": "4", "B": "It cannot be determined"}, "B"),
        ("The length cannot be determined.", {"A": "4", "B": "It cannot be determined"}, "B"),
        ("x", {"A": "x", "B": "y"}, "A"),
        ("x marks the spot", {"A": "x", "B": "y"}, "?"),
        ("There are two grasshoppers in it.", {"A": "Grasshopper", "B": "Frogs"}, "A"),
        ("There is one frog in it.", {"A": "Grasshopper", "B": "Frogs"}, "B"),
        ("图中是骨赘。", {"A": "骨赘", "B": "正常"}, "A"),
        ("It is anti-clockwise.", {"A": "clockwise", "B": "anti-clockwise"}, "B"),
        ("It is at 5:30.", {"A": "5", "B": "30", "C": "5:30"}, "C"),
        ("The ratio is 1/2.", {"A": "1", "B": "2", "C": "1/2"}, "C"),
        ("It shows the disc space well.", {"A": "disc", "B": "disc space"}, "B"),
        ("There are frogs in it.", {"A": "frog", "B": "frogs"}, "B"),
        ("The image shows x_1.", {"A": "x", "B": "1"}, "?"),
    ],
)
def test_an_option_text_is_compared_as_whole_words_in_any_spelling(
    text: str, options: dict[str, str], letter: str
) -> None:
    """Articles, plurals, units and quotes may differ; parts of words, numbers, times and fractions do not count."""
    assert read(text, options)[0] == letter


def test_an_unoffered_letter_beside_a_text_is_not_read_by_its_text() -> None:
    """A letter that was not offered, set before the text, speaks against it."""
    assert read("The answer is (F) Osteophytes.")[0] == "?"


def test_options_without_words_are_read_by_their_letters() -> None:
    """An option whose text is empty or a picture is no obstacle."""
    pictures = {"A": "", "B": "<image 2>", "C": "..."}
    assert read("The answer is B. It fits best.", pictures) == ("B", "declared")
    assert read("It fits best.", pictures)[0] == "?"


def test_a_very_long_option_text_is_compared_by_its_beginning() -> None:
    """What a benchmark offers cannot slow the parser down."""
    long = {"A": "é" * 1_000_000, "B": "short"}
    assert read("short", long) == ("B", "lead-text")


@pytest.mark.parametrize(
    "text",
    [
        "IMPRESSION:\nOsteophytes at L3, probably degenerative. Correlate clinically.",
        "- *Healthy* - no, given the spurs.\n\n**Final diagnosis:** Osteophytes (L3), degenerative.\n\n"
        "This is not a substitute for a formal reading.",
        "I looked at all of it. Taken together, the film shows osteophytes at the margins. The rest is absent.",
        "Disc space narrowing cannot be excluded on one view.\n\nCONCLUSION: Appearances in keeping with osteophytes. "
        "A second view is recommended.",
    ],
)
def test_the_option_that_a_report_concludes_on_is_read(text: str) -> None:
    """Whatever advice follows it, and whatever was dismissed before."""
    assert read(text)[0] == "C"
    assert read(text)[1] in {"closing-text", "concluded-text"}


@pytest.mark.parametrize(
    "text",
    [
        "Look at the margins. Therefore, osteophytes. But that is not all: the discs. The rest is left to you.",
        "IMPRESSION:\nOsteophytes or disc space narrowing. Correlate clinically.",
        "IMPRESSION:\nNo osteophytes. Correlate clinically.",
        "It is hard to tell which. Overall, osteophytes would be typical of such margins. Correlate clinically.",
        "Look at the margins. Thus osteophytes are seen. Disc space narrowing is also seen. Correlate clinically.",
    ],
)
def test_a_conclusion_that_is_doubted_denied_or_not_the_only_one_is_not_read(text: str) -> None:
    """Nor where the text goes on to set something against it."""
    assert read(text)[0] == "?"


@pytest.mark.parametrize(
    ("text", "options", "letter"),
    [
        ("The legs are 5 cm and 12 cm. So it measures $\\boxed{13 \\text{ cm}}$", {"A": "5 cm", "B": "13 cm"}, "B"),
        ("The scale says 1 kg, and since 1 kg = 1000 g, the mass is 1000.", {"A": "1", "B": "1000"}, "?"),
        ("The film shows a ribose sugar. With adenine it is called adenosine.", {"A": "Ribose", "B": "Adenosine"}, "B"),
        (
            "That depends: the mug is the widest, while the jar is the tallest. If height counts it's A; if width "
            "counts it's B.",
            {"A": "the jar", "B": "the mug"},
            "?",
        ),
        ("Healthy - no, given the spurs. The rest is left to you.", SPINE, "?"),
        (
            "It is the second image that fits: the edge runs on without a break.",
            {"A": "the second image", "B": "x"},
            "A",
        ),
    ],
)
def test_a_text_of_the_premise_is_not_taken_for_the_result(text: str, options: dict[str, str], letter: str) -> None:
    """Where the last sentence ends with another option, the first one's counts for nothing."""
    assert read(text, options)[0] == letter


OPINION = {"A": "Not at all", "B": "Not too much", "C": "A fair amount", "D": "A great deal"}
TREND = {"A": "it would decrease", "B": "it would increase", "C": "it would stay as it is"}
SPEED = {
    "A": "growing at the same speed as the pile below",
    "B": "growing at a faster speed than the pile below",
    "C": "growing at a slower speed than the pile below",
}


@pytest.mark.parametrize(
    ("text", "options", "letter", "rule"),
    [
        ("I would select A fair amount.", OPINION, "C", "declared-text"),
        ("Sure! Here's my answer:\n\nA great deal", OPINION, "D", "declared-text"),
        ("I would answer that question as follows. My answer is:\n\nNot too much", OPINION, "B", "declared-text"),
        ("Sure, I can help with that! A great deal.", OPINION, "D", "lead-text"),
        ("The answer is not A great deal. That is all.", OPINION, "?", "nothing"),
        ("The answer is not Not at all. That is all.", OPINION, "?", "nothing"),
        ("The reading of these margins is:\n\n**Osteophytes**\n\nSpurs grow there.", SPINE, "C", "text-line"),
        ("The readings are:\n- Osteophytes\n- Healthy\nThat is all.", SPINE, "?", "nothing"),
        ("What is seen is:\nOsteophytes\nWhat is not seen is:\nHealthy\nSo far.", SPINE, "C", "concluded-text"),
        ("What is seen is:\nOsteophytes grow there.\nSo far.", SPINE, "C", "concluded-text"),
        ("The answer is osteophytes. The others are all correct statements:\nHealthy", SPINE, "C", "declared-text"),
        ("If the mice vanish, the number of ticks will likely be decreasing, too.", TREND, "A", "opening-words"),
        ("The mice vanish and the ticks decrease. The owls increase.", TREND, "?", "nothing"),
        ("The ticks may decrease or even increase.", TREND, "?", "nothing"),
        ("The upper pile is growing at the same speed as the lower pile.", SPEED, "A", "opening-words"),
        ("The upper pile is of the same kind.", SPEED, "?", "nothing"),
        (
            "The side is 4 cm. The base is fine. Therefore, the height is 5 cm.",
            {"A": "4", "B": "5"},
            "B",
            "closing-text",
        ),
        ("The side is 4 cm. The base is fine. Therefore, the sum is 4 cm.", {"A": "4", "B": "5"}, "A", "opening-text"),
        ("There are twelve cars in it.", {"A": "12", "B": "2"}, "A", "opening-text"),
        ("There are 3 cars in it.", {"A": "three", "B": "two"}, "A", "opening-text"),
        ("The sum is 1,200 in all.", {"A": "1200", "B": "200"}, "A", "opening-text"),
        ("The sum is 1200 in all.", {"A": "1,200", "B": "200"}, "A", "opening-text"),
        ("The length is 2.50 cm.", {"A": "2.5", "B": "5.2"}, "A", "opening-text"),
        ("The length is 2 cm.", {"A": "2.0", "B": "5.2"}, "A", "opening-text"),
        ("The correct answer is (ii) and (iv).", {"A": "(ii) and (iv) only", "B": "(i) only"}, "A", "declared-text"),
        ("The answer is\n\n[0, 2]", {"A": "[0, 2]", "B": "[-1, 1]"}, "A", "declared-text"),
        ("The second body is most similar to it.", {"A": "the second body", "B": "the first body"}, "A", "lead-text"),
    ],
)
def test_an_option_text_is_read_in_more_than_one_wording(
    text: str, options: dict[str, str], letter: str, rule: str
) -> None:
    """As a line of its own, with words that begin like a label or a denial, as a number, or by the words that tell."""
    assert read(text, options) == (letter, rule)
