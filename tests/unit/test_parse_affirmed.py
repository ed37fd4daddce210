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
    """What is ruled out does not count; findings told one by one are left unread unless the text says that it adds."""
    alone = "The image shows osteophytes. There is evidence of foraminal stenosis. No spinal canal stenosis is seen."
    assert read(alone, FINDINGS) == ""
    assert read(alone.replace("is evidence", "is also evidence"), FINDINGS) == "BD"
    assert read("The image shows osteophytes and foraminal stenosis, without spinal canal stenosis.", FINDINGS) == "BD"


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Paris (A) and Rome (B) are seats of government, whereas Sydney and Toronto are business centres.", "AB"),
        ("Paris (A) and Rome (B) govern, whereas Sydney trades and Toronto builds.", "AB"),
        ("Paris and Rome are capitals, while Berlin is a capital, too.", "ABD"),
        ("Paris, Rome and Berlin are seats of government. Sydney and Toronto live on trade.", "ABD"),
        ("Paris and Rome govern; Sydney trades, Berlin builds and Toronto trades.", "AB"),
        ("Paris, Rome and Berlin govern. Trade fills the days of Sydney and Toronto.", ""),
        ("Paris, Rome and Berlin govern. Sydney lives on trade.", ""),
        ("Sydney and Toronto trade, so neither is a seat. Paris, Rome and Berlin are.", "ABD"),
        ("Paris, Rome and Berlin are often counted as seats, so I'd pick those.", "ABD"),
        ("You'll want Paris for the Louvre and Rome for the Forum. Sydney, Berlin and Toronto are too far.", "AB"),
        ("Paris (France), Rome (Italy) and Berlin (Germany) govern. Sydney and Toronto trade.", "ABD"),
    ],
)
def test_what_is_set_against_the_first_named_is_not_chosen(text: str, letters: str) -> None:
    """By a word that sets it apart, or because a short output begins with some and says else of all others."""
    assert read(text, CITIES) == letters


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Those usually named are Paris, Rome and Berlin, i.e. (A), (B) and (D).", "ABD"),
        ("In the end it is either Paris or Rome, so both A and B count.", "AB"),
        ("The seats are Paris and Rome (options A and B).", "AB"),
        ("The seats are Paris and Rome (options A or B).", ""),
        ("My answer is Paris and Rome (options A, B).", "AB"),
        ("My answer is Paris and Rome (options A, C).", ""),
    ],
)
def test_letters_that_say_again_what_the_words_say_make_sure_of_it(text: str, letters: str) -> None:
    """Neither a doubt nor a general word before them counts then; other letters than the words' are a conflict."""
    assert read(text, CITIES) == letters


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("I would pick Paris. Rome is a seat of government, so I would also tick B.", "AB"),
        ("I think A is right, and B as well: both govern.", "AB"),
        ("Option A fits the map. Rome governs, so option B also holds true.", "AB"),
        ("The matching option is Paris, and the matching option is Rome.", "AB"),
        ("It's A. Paris, with B. Rome.", "AB"),
        ("Paris (A) is correct, and there is Rome (B).", "AB"),
        ("I would pick Paris. Wait, I also see Rome. I would pick Rome.", "B"),
    ],
)
def test_what_a_sentence_adds_belongs_to_what_was_chosen_before(text: str, letters: str) -> None:
    """Unless the text takes the first back."""
    assert read(text, CITIES) == letters


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("The seats in this list are:\n\n1. Paris, on the Seine\n2. Rome, on the Tiber\n\nThe others are towns.", "AB"),
        ("**Selected**\n- Paris\n- Rome\n\n**Not selected**\n- Sydney\n- Berlin\n- Toronto", "AB"),
        (
            "**Present**\n\nA. Paris: on the map.\n\nB. Rome: too.\n\n**Absent**\n\nC. Sydney: no.\n\nD. Berlin: no.",
            "AB",
        ),
        ("The seats are:\n- Paris\n- Rome\n\nThe others are known for trade:\n- Sydney\n- Toronto", "AB"),
        ("Items with a seat\n- Paris\n- Rome\n\nThe remaining ones trade.", "AB"),
        ("Paris: on the Seine, a seat. ✓\nRome: on the Tiber. ✓\nSydney: no. ✗\nBerlin: ✗\nToronto: ✗", "AB"),
        ("Paris → seat\nRome → seat\nSydney → no seat\nBerlin → no seat\nToronto → no seat", "AB"),
        ("A (Paris): seat - selected\nB (Rome): seat - selected\nC (Sydney): well known - not selected", "AB"),
        ("My analysis\n- Paris: a seat\n- Rome: a seat\n- Sydney: none\n- Berlin: a seat\n- Toronto: none", "ABD"),
    ],
)
def test_a_heading_says_what_the_list_below_it_is(text: str, letters: str) -> None:
    """What is there, what is not, and what the others are; numbers of lines end no sentence."""
    assert read(text, CITIES) == letters


DEFECTS = {"A": "Osteophytes", "B": "Disc space narrowing", "C": "Spondylolisthesis", "D": "Surgical implants"}


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        (
            "This corresponds to osteophytes. The forward slip is a spondylolisthesis. There are no surgical implants, "
            "and disc space narrowing is not seen.",
            "AC",
        ),
        ("This corresponds to osteophytes. The forward slip is a spondylolisthesis. There are no implants.", ""),
        ("Disc-space narrowing, osteophytes.", "AB"),
        ("I notice osteophytes and disc space narrowing. I can't make out any surgical implants.", "AB"),
        ("Disc space narrowing would be seen in old age. The image shows osteophytes.", "A"),
        ("The image shows osteophytes and disc space narrowing. The spine cannot be called free of them.", "AB"),
        ("I see osteophytes; the spondylolisthesis cannot be excluded.", ""),
        ("Compared with disc space narrowing, it looks like osteophytes.", "A"),
    ],
)
def test_findings_told_one_by_one_count_where_every_option_is_judged(text: str, letters: str) -> None:
    """And what would be seen if it were so, or serves to compare, is none of them."""
    assert read(text, DEFECTS) == letters


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("I'm an AI and no doctor. The findings supported are osteophytes and disc space narrowing.", "AB"),
        ("While I can't give a diagnosis, I would tick A and B.", "AB"),
        ("I can't give a diagnosis. It would be A and B for a radiologist.", ""),
        (
            "The image shows osteophytes. Whether disc space narrowing is there cannot be judged, so I leave it out.",
            "A",
        ),
        ("The image shows osteophytes and a step. It cannot be told which it is.", ""),
        ("The image shows osteophytes and spondylolisthesis. Whether more lies beyond its edge can't be said.", "AC"),
        ("Osteophytes are spurs. Surgical implants are of metal, and spondylolisthesis is a slip that", ""),
        ("The image shows osteophytes and spondylolisthesis.\n\nThe second of these could also be seen in", ""),
        ("To help you I need the image. All I have is the list: osteophytes, spondylolisthesis.", ""),
        (
            "While I'm not able to give a diagnosis, I can point these out:\n\n- a spur, i.e. osteophytes\n"
            "- a step, i.e. spondylolisthesis\n\nI don't see surgical implants.",
            "AC",
        ),
        ('The question is "What is seen?", and you should choose osteophytes and spondylolisthesis.', "AC"),
        ("Are osteophytes and spondylolisthesis seen?", ""),
        ("There is no sign of osteophytes or of spondylolisthesis. What remains is disc space narrowing.", "B"),
        ("The options might depend on the view. It is about osteophytes and spondylolisthesis.", "AC"),
        ("It is about osteophytes and spondylolisthesis. If you tell me more, I can say which to tick.", ""),
    ],
)
def test_a_doubt_counts_for_what_it_is_about(text: str, letters: str) -> None:
    """One about an option leaves the others; one about the answer, or a text that breaks off, leaves nothing."""
    assert read(text, DEFECTS) == letters


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("At the upper levels (L1/L2, L2/L3) the discs are bright.\n\nConclusion: narrowing at D and E.", "DE"),
        ("Levels with narrowing: L4/L5 and L5/S1.\nLevels without any narrowing: L1/L2, L2/L3 and L3/L4.", "DE"),
        ("L4/L5 is spared, and so is L3/L4. L5/S1 is narrowed.", "E"),
        ("L5/S1 is narrowed, and so is L4/L5. L3/L4 is spared.", "DE"),
        ("L4/L5 is clearly narrowed and so is L5/S1.", "DE"),
        ("The discs at L4/L5 and L5/S1 are lower compared with the levels above.", "DE"),
        ("- L4/L5 (mild)\n- L5/S1 (severe)", "DE"),
        ("I'd expect options D and E.", "DE"),
        ("My answer takes in A, B, C, D and E.", "ABCDE"),
        ("Please choose from A, B, C, D and E.", ""),
        ("Among the levels listed, the affected options are D and E.", "DE"),
    ],
)
def test_words_that_only_look_like_a_doubt_or_a_denial_take_nothing_away(text: str, letters: str) -> None:
    """A comparison, a degree in brackets, an expectation; what is denied at one place is denied at the next, too."""
    assert read(text, LEVELS) == letters


@pytest.mark.parametrize("text", ["Healthy - no abnormality in view.", "A - nothing is narrowed or worn."])
def test_an_option_set_off_at_the_beginning_is_chosen(text: str) -> None:
    """Whatever the words after the dash deny."""
    assert read(text, FINDINGS) == "A"


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


@pytest.mark.parametrize("text", ["B, F: so\nC, D: well\nmore", "C, F\nD and more\n\nand so on", "F, B: yes\nB: yes"])
def test_lines_that_name_a_letter_not_offered_are_read_without_a_stumble(text: str) -> None:
    """Whatever stands beside it: such a line chooses nothing."""
    assert read(text, {"A": "Paris", "B": "Rome", "C": "Sydney"}) == ""


SIGNS = {"A": "fracture", "B": "disc bulge", "C": "edema", "D": "stenosis"}


@pytest.mark.parametrize(
    ("text", "options", "letters"),
    [
        ("The image shows slight edema and slight stenosis.", SIGNS, ""),
        ("There is minimal bulging at L3/L4. There is severe stenosis at L4/L5.", LEVELS, "D"),
        ("Fracture and edema are absent (A and C).", SIGNS, ""),
        ("Fracture and edema are possible findings here but neither is visible (A and C).", SIGNS, ""),
        ("Fracture and edema might be present (A and C).", SIGNS, ""),
        ("L3/L4 and L4/L5 might be affected, since L3/L4 and L4/L5 may be degenerated.", LEVELS, ""),
        ("Not selected:\nfracture\nedema", SIGNS, ""),
        ("Excluded levels\nL1/L2\nL2/L3\nAffected levels\nL4/L5\nL5/S1", LEVELS, "DE"),
        ("My final option:\nA and F.\nB", SIGNS, ""),
        ("My final option:\nA\nB and F.\nC", SIGNS, ""),
        ("A\nB, F.\nC", SIGNS, ""),
        ("The answer is A\nAfter comparing the discs and the vertebrae, the answer is B", SIGNS, "B"),
        ("答案是A。再仔细看图像与报告,答案是B。", SIGNS, "B"),
        ("The answer is C. The answer is also A. The answer is also D.", SIGNS, "ACD"),
        ("The answer is C. The disc is too narrow, so the answer is A.", SIGNS, "A"),
        ("The answer is C. Looking also at the second image, the answer is A.", SIGNS, "A"),
        ("As an AI language model, I cannot provide a diagnosis. The images show disc bulge and stenosis.", SIGNS, ""),
        ("I'm just an AI, so verify this. The images show disc bulge and stenosis.", SIGNS, "BD"),
        ("Disc bulge and stenosis are seen. Fracture and edema are seen.", SIGNS, ""),
        ("Fracture and edema fit while stenosis does not fit. Disc bulge is seen.", SIGNS, ""),
        ("Fracture and edema are present, stenosis does not belong. Disc bulge is visible too.", SIGNS, "ABC"),
        ("Fracture is seen, whereas disc bulge is absent, and edema and stenosis are seen.", SIGNS, "ACD"),
        ("Fracture is present, while disc bulge is absent; edema is present.", SIGNS, "AC"),
    ],
)
def test_a_word_counts_only_where_it_stands(text: str, options: dict[str, str], letters: str) -> None:
    """A doubt, a denial, a contrast, an addition and a letter not offered reach as far as they do for a reader."""
    assert read(text, options) == letters


STATEMENTS = {
    "A": "Mitochondria produce ATP",
    "B": "Ribosomes synthesize lipids",
    "C": "The nucleus stores DNA",
    "D": "Lysosomes contain enzymes",
}
LENSES = {"A": "Convex lens", "B": "Concave lens", "C": "Plane mirror", "D": "Concave mirror"}
COINS = {"A": "Real", "B": "Sol", "C": "Lira", "D": "Zloty"}


@pytest.mark.parametrize(
    ("text", "options", "letters"),
    [
        ("My final option: [D] (E is normal)", LEVELS, "D"),
        ("My final option: [D] and E is normal", LEVELS, "D"),
        ("My final option: [D] (E, C are normal)", LEVELS, "D"),
        ("My final options: [C], [D]", LEVELS, "CD"),
        ("My final options: [C][D]", LEVELS, "CD"),
        ("Answer: D and", LEVELS, ""),
        ("Answer: D,", LEVELS, ""),
        ("The affected levels are L4/L5, L5/", LEVELS, ""),
        ("The correct options are:\n\n- C. L3/L4\n-", LEVELS, ""),
        (
            "Let me examine each level.\n\n1. L1/L2: normal.\n2. L2/L3: normal.\n3. L3/L4: reduced.\n4. L4/L5:",
            LEVELS,
            "",
        ),
        ("All levels, with the exception of L1/L2, are affected.", LEVELS, "BCDE"),
        ("All levels but L1/L2 are affected.", LEVELS, "BCDE"),
        ("All levels below L3/L4 are affected.", LEVELS, ""),
        ("The correct answer is not only D, but also E.", LEVELS, "DE"),
        ("Answer: C, D (L4/L5 and L5/S1)", LEVELS, ""),
        ("Answer: D, E (L4/L5 and L5/S1)", LEVELS, "DE"),
        ("My final options: [C, D] (L4/L5, L5/S1)", LEVELS, ""),
        ("The correct answers are A (Real, Brazil) and B (Sol, Peru). The lira is Turkish.", COINS, "AB"),
        ("Answer: A, D\n\nA convex lens converges parallel rays to a focus.", LENSES, "AD"),
        ("The correct answer is D. Also E.", LEVELS, "DE"),
        ("C and D are correct. Alternatively, D and E.", LEVELS, ""),
        ("Answer: D, E\nAlternative: C, D", LEVELS, ""),
        ("A: No\nB: No\nC: Maybe\nD: Yes\nE: Yes", LEVELS, ""),
        ("Yes for D, yes for E, no for A.", LEVELS, "DE"),
        ("You might think that C and D are correct, but the narrowing is at D and E.", LEVELS, ""),
        ("I don't think options A or D apply. C applies.", LEVELS, "C"),
        ("I don't have access to the image. The most commonly affected levels are L4/L5 and L5/S1.", LEVELS, ""),
        ("Typically, changes are seen at L4/L5 and L5/S1. Here they are seen at L3/L4.", LEVELS, "C"),
        ("Changes are typically seen at L4/L5 and L5/S1.", LEVELS, "DE"),
        ("L1/L2 through L3/L4 are well hydrated; L4/L5 and L5/S1 are desiccated.", LEVELS, "DE"),
        ("L1/L2, L2/L3 and L3/L4 are bright, L4/L5 and L5/S1 are dark.", LEVELS, "DE"),
        ("The least affected levels are L1/L2 and L2/L3.", LEVELS, ""),
        ("The levels without narrowing are L1/L2 and L2/L3.", LEVELS, ""),
        ("L5/S1 is narrowed relative to L4/L5.", LEVELS, "E"),
        ("L3/L4 and the levels below it.", LEVELS, ""),
        ("Screws in L4 and L5 bridge the level L4/L5. The construct spans L3/L4 and L4/L5.", LEVELS, "CD"),
        ("- a bulge, so D. L4/L5\n- a slip, so E. L5/S1", LEVELS, "DE"),
        ("D is present as shown. Nothing is seen at A or B.", LEVELS, "D"),
        ("At L4/L5 there is a bulge but it does not reach the root.", LEVELS, ""),
    ],
)
def test_what_stands_beside_an_answer_is_not_read_into_it(text: str, options: dict[str, str], letters: str) -> None:
    """A remark, a gloss, a list that breaks off, a rival, what is so in general, a level for comparison."""
    assert read(text, options) == letters


@pytest.mark.parametrize(
    "text", ["Edema?", "Edema means swelling.", "Edema, maybe.", "Edema is not seen.", "Edema is absent."]
)
def test_an_option_that_is_only_asked_about_or_denied_opens_no_answer(text: str) -> None:
    """On an item with one answer, where an output may begin with it."""
    found = parse(text + " The picture is what it is.", SIGNS, multi=False)
    assert not (isinstance(found, Answer) and found.rule == "lead-text")


def test_a_declared_line_that_is_only_quoted_as_the_form_to_answer_in_is_none() -> None:
    """The one before it counts."""
    text = "My final options: [B, C]\n\n(I was asked to reply in the form 'My final options: [A, D]'.)"
    assert read(text, LEVELS) == "BC"
