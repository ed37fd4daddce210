"""An option's text in other spellings and forms, and other ways to say which options are meant."""

from __future__ import annotations

import pytest

from orchestrator.grading.parse import parse
from orchestrator.records import Abstained, Abstention, Answer

DISEASES = {"A": "Pott disease", "B": "Paget disease", "C": "Scheuermann disease", "D": "Baastrup's disease"}
GRADES = {"A": "Grade 1", "B": "Grade II", "C": "Grade 3", "D": "Grade 4"}
COUNTS = {"A": "0", "B": "1", "C": "2", "D": "3"}
SIDES = {"A": "Central", "B": "Paracentral left", "C": "Right foraminal"}
FOOD = {"A": "Lemon", "B": "Garlic", "C": "Tomato", "D": "Radishes"}
PIZZA = {"A": "Contains meat", "B": "Contains cheese", "C": "Contains tomatoes", "D": "Contains olives"}
KITCHEN = {
    "A": "The stove is on",
    "B": "The sink is full of dishes",
    "C": "Multiple cups stacked",
    "D": "The refrigerator door is open",
}
WEAR = {"A": "Osteophytes", "B": "Endplate sclerosis", "C": "Disc space narrowing", "D": "Vacuum phenomenon"}
SLIP = {"A": "Spondylolysis", "B": "Spondylolisthesis", "C": "Disc herniation", "D": "Spinal stenosis"}
NONE = {"A": "Disc herniation", "B": "Compression fracture", "C": "Spondylolisthesis", "D": "None of the above"}
YES = {"A": "Yes", "B": "No"}
ANOMALIES = {"A": "Sacralization of L5", "B": "Lumbarization of S1", "C": "Block vertebra"}
WIDTHS = {"A": "1 mm", "B": "3 mm", "C": "5 mm", "D": "10 mm"}
TABLE = {"A": "Metal", "B": "Glass"}
CORD = {"A": "Cauda equina", "B": "Conus medullaris", "C": "Filum terminale"}


def letters(text: str, options: dict[str, str], *, multi: bool = False) -> str:
    """Return the letters read, joined; nothing where none are."""
    answer = parse(text, options, multi=multi)
    return "".join(answer.letters) if isinstance(answer, Answer) else ""


@pytest.mark.parametrize(
    ("text", "options", "letter"),
    [
        ("These are the signs of Scheuermann's disease.", DISEASES, "C"),
        ("This is Baastrup disease.", DISEASES, "D"),
        ("The slip is Meyerding grade III.", GRADES, "C"),
        ("The slip is grade 2.", GRADES, "B"),
        ("So the number of cars is zero.", COUNTS, "A"),
        ("The protrusion is left paracentral.", SIDES, "B"),
        ("The protrusion is left-sided paracentral.", SIDES, "B"),
        ("The stenosis is foraminal right.", SIDES, "C"),
        ("It shows tomatoes.", FOOD, "C"),
        ("It shows a radish.", FOOD, "D"),
        ("Benefit has been shown for SGLT-2 inhibitors.", {"A": "NSAIDs", "B": "SGLT2 inhibitors"}, "B"),
        ("The picture shows a kettle on the counter.", {"A": "There is a kettle on the counter", "B": "A sink"}, "A"),
    ],
)
def test_a_text_is_known_in_its_other_spellings(text: str, options: dict[str, str], letter: str) -> None:
    """With or without an apostrophe, in other numerals, with the side at the other end, in singular and plural."""
    assert letters(text, options) == letter


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- Sink full of dishes: correct.\n- Stove is on: incorrect.\n- Refrigerator door is open: no.", "B"),
        ("Multiple cups are stacked, and the refrigerator door is open.", "CD"),
    ],
)
def test_a_statement_is_known_with_and_without_its_verb(text: str, wanted: str) -> None:
    """As headings and running text have it."""
    assert letters(text, KITCHEN, multi=True) == wanted


def test_a_list_need_not_repeat_what_its_options_share() -> None:
    """What tells the next option from the one before is enough."""
    assert letters("It contains cheese and tomatoes, and basil on top. No meat, no olives.", PIZZA, multi=True) == "BC"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Everything but A holds here.", "BCD"),
        ("All of these can be seen except for B.", "ACD"),
        ("Honestly, all of the listed findings can be identified on this radiograph.", "ABCD"),
        ("All four are present. The picture of disc disease: osteophytes, endplate sclerosis, a narrow disc.", "ABCD"),
        ("I considered everything. Everything but osteophytes was a stretch, and I cannot say more.", ""),
    ],
)
def test_all_may_be_there_or_hold_but_for_some(text: str, wanted: str) -> None:
    """What is left out of all is never what is chosen."""
    assert letters(text, WEAR, multi=True) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Apart from the spondylolisthesis, there's a spinal stenosis.", "BD"),
        ("Besides disc herniation, I also see spondylolysis.", "AC"),
        (
            "Spondylolysis: present.\nSpondylolisthesis: no slip; not selected.\nSpinal stenosis: not selected.",
            "A",
        ),
        ("Spondylolysis: accurate. Disc herniation: inaccurate.\nSpinal stenosis: accurate.", "AD"),
    ],
)
def test_what_begins_with_one_goes_on_to_another(text: str, wanted: str) -> None:
    """Both are there; what is not selected, or inaccurate, is not."""
    assert letters(text, SLIP, multi=True) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("This film shows osteophytes and a narrow disc. In other words, every option listed applies.", "ABCD"),
        ("Findings on this film: disc space narrowing (C), multiple osteophytes (B), and a vacuum phenomenon.", ""),
        ("- A. Osteophytes: spurs. **This is present.**\n- B. Endplate sclerosis: **This is not present.**", "A"),
        ("A, B and C are all supported by the image. The only statement I'd reject is D, as there is no gas.", "ABC"),
        ("One sees osteophytes as well as endplate sclerosis. The vacuum phenomenon lies outside of the image.", "AB"),
    ],
)
def test_no_part_of_what_is_chosen_is_taken_for_all(text: str, wanted: str) -> None:
    """What a list goes on to is part of it, and what is rejected is not."""
    assert letters(text, WEAR, multi=True) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I would say a and b. Nothing points to c or d.", "AB"),
        ("The rims are spurred, therefore a, b and d.", "ABD"),
        ("I would say a and e.", ""),
        ("Osteophytes are typical of such wear. I'd mark all four options.", "ABCD"),
        ("All of the items apart from D are present here.", "ABC"),
        ("I would choose the osteophytes and the vacuum phenomenon.", "AD"),
        ("This is classic for osteophytes. I don't see any of the other listed findings.", "A"),
        ("The first two are correct; the third isn't.", "AB"),
        ("The last two options are right. The rest is fine.", "CD"),
        ("The first two are wrong.", ""),
        ("The last five options are right.", ""),
    ],
)
def test_what_is_meant_may_be_said_in_few_words(text: str, wanted: str) -> None:
    """By small letters, by number, by place in the list, with articles."""
    assert letters(text, WEAR, multi=True) == wanted


def test_one_option_may_be_meant_by_its_place() -> None:
    """Not where others are named, or where it is denied."""
    assert letters("The first option is the right one: an additional rib arises here.", SLIP) == "A"
    assert letters("I do not think that the first option is the right one.", SLIP) == ""


def test_both_are_all_of_two() -> None:
    """And only some of more."""
    assert letters("Both statements are true. The rims are spurred.", dict(list(WEAR.items())[:2]), multi=True) == "AB"
    assert letters("Both statements are true. The rims are spurred.", WEAR, multi=True) == ""


@pytest.mark.parametrize("sign", [":", ".", ")", " -"])
def test_a_list_of_what_was_offered_is_no_answer_by_its_first_line(sign: str) -> None:
    """Whatever stands after its labels."""
    echo = "\n".join(f"{label}{sign} {text}" for label, text in SLIP.items())
    assert letters(echo, SLIP) == ""


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is (b).", "B"),
        ("Answer: b", "B"),
        ("So the answer is c.", "C"),
        ("The correct option is (d)", "D"),
        ("Answer: a", "A"),
        ("The answer is a spondylolisthesis.", "B"),
        ("The answer is a.", "A"),
        ("So, on reflection, the answer is a", ""),
        ("The answer is a matter of taste.", ""),
        ("I favour D.", "D"),
        ("So the answer is (e).", ""),
        ("Most likely D.", "D"),
        ("Definitely C.", "C"),
        ("My final option: [C] Collapse. [D] is less likely.", "C"),
        ("My final option: [C] Disc herniation. Note that [D] would be right if the canal were narrow.", "C"),
        ("My final option: [C, other]", ""),
    ],
)
def test_letters_are_declared_in_small_and_beside_others(text: str, letter: str) -> None:
    """A small letter only where nothing but a label can be meant."""
    assert letters(text, SLIP) == letter


def test_no_other_label_is_taken_for_one_written_small() -> None:
    """Where capitals and small letters are both offered, each is only itself."""
    both = {"a": "Healthy", "A": "Osteophytes", "B": "Scoliosis"}
    assert letters("The answer is (b).", both) == ""
    assert letters("The answer is (a).", both) == "a"


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer for this picture has to be B, given the spurs.", "B"),
        ("B\ncontext: x\nAnswer: C", "B"),
        ("B\ninput: y\nAnswer: C", "B"),
        ("B\n例题: y\nAnswer: C", "B"),
        ("Spurs at the rims => B", "B"),
        ("It shows the rest of it[/INST]B", "B"),
        ("A/B/C: wrong. D: right", "D"),
        ("A/B/C are wrong. D: true", "D"),
    ],
)
def test_what_a_quick_search_passes_over_holds_nothing(text: str, letter: str) -> None:
    """Each begins with a character, or stands at the one place, that the search looks for."""
    assert letters(text, SLIP) == letter


def test_options_that_read_the_same_have_one_verdict_together() -> None:
    """The third is unlike both."""
    same = {"A": "Normal disc", "B": "normal disc", "C": "Herniated disc"}
    assert letters("Normal disc: no\nHerniated disc: yes", same) == "C"


def test_a_differential_is_no_answer() -> None:
    """What may be, and what would be if it were so, is not what is."""
    text = (
        "The differential for such a lesion includes spondylolysis, disc herniation and spinal stenosis. "
        "A disc herniation would displace the root, and spinal stenosis would narrow the canal. "
        "That's a spondylolysis and nothing else on the list."
    )
    assert letters(text, SLIP, multi=True) == "A"


def test_none_of_the_above_is_an_option_where_it_is_offered() -> None:
    """It needs no second word that it is chosen."""
    assert letters("I find no herniation and no slip, so none of the above applies.", NONE, multi=True) == "D"


@pytest.mark.parametrize(
    ("text", "options", "letter"),
    [
        ("I see no reason to doubt that there was surgery: there's a cage. Yes.", YES, "A"),
        ("A. Yes\nB. No", YES, ""),
        ("This is sacralization of L5.\n\nNote: lumbarization of S1 would show the opposite.", ANOMALIES, "A"),
        ("The interval is about 5 mm. Normal in adults is up to 3 mm, so this is enlarged.", WIDTHS, ""),
        (
            "It is the end of the cord, below which the cauda equina begins. It is known as the conus medullaris.",
            CORD,
            "B",
        ),
        ("I first considered A, but the fragment is free. So C is the better answer.", CORD, "C"),
        ("That leaves C alone.", CORD, "C"),
        ("The top looks made of glass. It's transparent and you can see the metal legs.", TABLE, "B"),
        ("The term for this is conus medullaris, as opposed to cauda equina, which lies below.", CORD, "B"),
        ("These features are characteristic of **lumbarization of S1**. Note the ribs.", ANOMALIES, "B"),
        ("I can't tell. The options refer to the following:\n\n- **Cauda equina**: nerve roots", CORD, ""),
        ('There is one thread, so "filum terminale" is the sole correct option.', CORD, "C"),
    ],
)
def test_the_last_sentence_is_weighed_before_it_counts(text: str, options: dict[str, str], letter: str) -> None:
    """It may be the answer itself, or only say what would be, or what is normal."""
    assert letters(text, options) == letter


def test_to_leave_one_option_alone_is_no_refusal() -> None:
    """ "I won't select it" is said of an option; "I won't select an option" of the question."""
    left = parse("Whether it is on I can't tell, so I won't select it.", KITCHEN, multi=True)
    refused = parse("Sorry, I won't select an option.", KITCHEN, multi=True)
    assert isinstance(left, Abstention)
    assert isinstance(refused, Abstention)
    assert left.reason is not Abstained.REFUSED
    assert refused.reason is Abstained.REFUSED


def test_letters_of_which_reasons_stand_between_are_not_read_alone() -> None:
    """The second would be lost."""
    assert letters("What I can confirm is A, as it is on, and D, as it stands open.", KITCHEN, multi=True) != "A"
