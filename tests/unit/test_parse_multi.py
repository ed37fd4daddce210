"""How several letters are read on multi-answer items, in English and Chinese."""

from __future__ import annotations

import pytest

from orchestrator.grading.parse import parse
from orchestrator.records import Abstention, Answer

LEVELS = {"A": "L1/L2", "B": "L2/L3", "C": "L3/L4", "D": "L4/L5", "E": "L5/S1"}
FINDINGS = {
    "A": "Healthy",
    "B": "Osteophytes",
    "C": "Spinal canal stenosis",
    "D": "Foraminal stenosis",
    "E": "Disc space narrowing",
}


def read(text: str, options: dict[str, str] = LEVELS) -> str:
    """Return the letters read, joined; a question mark where there are none."""
    match parse(text, options, multi=True):
        case Answer(letters):
            return "".join(letters)
        case Abstention():
            return "?"


def table(**wanted: tuple[str, ...]) -> pytest.MarkDecorator:
    """Return the parameters of a test: for each set of letters the texts that mean it, named by their beginning."""
    pairs = [(text, "" if letters == "none" else letters) for letters, texts in wanted.items() for text in texts]
    ids = [text[:50].encode("unicode_escape").decode() for text, _ in pairs]
    return pytest.mark.parametrize(("text", "wanted"), [(text, letters or "?") for text, letters in pairs], ids=ids)


@table(
    CD=(
        "My final options: [C, D]",
        "My final option: [C, D]",
        "**My final options: [C, D]**",
        "My final options: C, D",
        "My final options: C and D",
        "My final options: CD",
        "My final options: [C], [D]",
        "My final options: [D, C]",
        "my final options: [c, d]",
        "My final options: [c and d]",
        "My final options: [L3/L4, L4/L5]",
        "My final options: [L3-L4 and L4-5]",
        "My final options: [C. L3/L4, D. L4/L5]",
        "My final options: [C (L3/L4), D (L4/L5)]",
        "My final options: [A, B]\nOn a second look:\nMy final options: [C, D]",
        "My final options:\n- C\n- D",
        "My final options: [C, D] because both discs are dark",
    ),
    C=("My final options: [C]", "My final option: C", "My final options: [L3/L4]"),
    ABCDE=("My final options: [A, B, C, D, E]", "My final options: ABCDE"),
    none=("My final options: [C or D]", "My final options: [none]", "My final options: [F, G]"),
)
def test_the_declared_last_line_gives_the_set(text: str, wanted: str) -> None:
    """Either spelling, with or without brackets, letters or texts or both."""
    assert read(text) == wanted


@table(
    CD=(
        "\\boxed{C, D}",
        "\\boxed{CD}",
        "The final answer is $\\boxed{\\text{C, D}}$.",
        "\\boxed{L3/L4, L4/L5}",
        "<answer>C, D</answer>",
        "<answer>CD</answer>",
        '{"answer": ["C", "D"]}',
        '{"answers": "C, D"}',
        '{"answer": "CD"}',
        "【答案】CD",
        "【答案】 C D <eoa>",
        "【答案】C、D",
        "[[C, D]]",
    )
)
def test_tags_and_boxes_give_the_set(text: str, wanted: str) -> None:
    """Lists, joined letters and JSON arrays."""
    assert read(text) == wanted


@table(
    CD=(
        *(
            "CD",
            "C, D",
            "C D",
            "C; D",
            "C/D",
            "C & D",
            "C and D",
            "(C), (D)",
            "**C** and **D**",
            "C、D",
            "C和D",
            "D, C",
        ),
        *("Both discs are dark.\n\nC, D", "Both discs are dark.\n**C** and **D**"),
        *("C. L3/L4\nD. L4/L5", "- C. L3/L4\n- D. L4/L5", "L3/L4, L4/L5", "L3/L4\nL4/L5", "L3-4 and L4-5."),
    ),
    D=("L4/L5", "L4/L5 only", "D"),
    ABCDE=("A, B, C, D, E",),
    none=(
        "C or D",
        "C, D, or perhaps E",
        "L3/L4 or L4/L5",
        "A. L1/L2\nB. L2/L3\nC. L3/L4\nD. L4/L5\nE. L5/S1",
        "ACA",
    ),
)
def test_nothing_but_letters_or_texts_is_the_set(text: str, wanted: str) -> None:
    """All options repeated as a list are an echo; alternatives are no set."""
    assert read(text) == wanted


@table(
    CD=(
        "Answer: C, D. Both discs are dark.",
        "Answers: C and D, as both discs are dark.",
        "Answer: C. L3/L4, D. L4/L5. Both are dark.",
        "The correct answers are C (L3/L4) and D (L4/L5). Both are dark.",
        "The answer is C and D because the discs are dark.",
        "The affected levels are L3/L4 and L4/L5, so C and D. Nothing else is dark.",
        "Thus, the affected levels are options C and D. Nothing else is dark.",
        "I would choose C and D here.",
        "Therefore, C and D. Nothing else is dark.",
        "The correct options are:\nC. L3/L4\nD. L4/L5",
        "The correct options are:\n\n- C. L3/L4\n- D. L4/L5\n\nThe others are normal.",
        "Options C and D are the correct answers here.",
        "Selected: C, D. The rest is normal.",
        "The answers are C and D; A and B are normal.",
        "Affected: C, D\nUnaffected: A, B, E",
        "It is C and D. The rest is normal.",
        "Stenosis is seen at C and D. The rest is normal.",
        "At first A and B seemed right. Wait, on review the answers are C and D. The rest is normal.",
        "正确答案是C和D，其余正常。",
        "故选CD，其余正常。",
        "答案：C、D，其余正常。",
        "The affected levels are L3/L4 and L4/L5.",
        "The affected levels are L3-L4 and L4-L5.",
        "The levels involved are L3-4 and L4-5",
        "There is narrowing at L3/L4 and L4/L5.",
        "Answer: L3/L4 and L4/L5. The rest is normal.",
        "The affected disc levels include L3/L4 and L4/L5; L1/L2 and L5/S1 are normal.",
    ),
    none=(
        "The answer is either C or D.",
        "Answer: L3/L4 or L4/L5.",
        "The normal levels are L1/L2 and L2/L3.",
        "None of the options is right.",
        "Let us look at L3/L4 and L4/L5 first. Then at the rest.",
    ),
)
def test_declared_lists_in_prose_give_the_set(text: str, wanted: str) -> None:
    """Letters, or levels by any of their spellings; what is called normal is no part of it."""
    assert read(text) == wanted


@table(
    BE=(
        "A: False\nB: True\nC: False\nD: False\nE: True",
        "A. Healthy - No\nB. Osteophytes - Yes\nC. Spinal canal stenosis - No\nD. Foraminal stenosis - No\n"
        "E. Disc space narrowing - Yes",
        "A. Healthy: absent\nB. Osteophytes: present\nE. Disc space narrowing: present",
        "✗ A. Healthy\n✓ B. Osteophytes\n✗ C. Spinal canal stenosis\n✗ D. Foraminal stenosis\n"
        "✓ E. Disc space narrowing",
        "A ❌\nB ✅\nC ❌\nD ❌\nE ✅",
        "- [ ] A. Healthy\n- [x] B. Osteophytes\n- [ ] C. Spinal canal stenosis\n- [ ] D. Foraminal stenosis\n"
        "- [x] E. Disc space narrowing",
        "Option B is correct. Option C is incorrect. Option E is correct.",
        "B is correct because of spurs. C is wrong: the canal is wide. E is correct since the disc is thin.",
        "B and E are true; C and D are false.",
        "Both B and E apply; A does not.",
        "B, as spurs are seen, is correct. C is not correct. E is correct, too.",
        "Let me go through them.\nA. Healthy: incorrect, spurs are seen.\nB. Osteophytes: this is correct.\n"
        "C. Spinal canal stenosis: incorrect.\nD. Foraminal stenosis: incorrect.\nE. Disc space narrowing: correct.",
        "A错误；B正确；C错误；D错误；E正确。",
        "选项A、C、D错误，选项B、E正确。",
        "1. **A → wrong.** No.\n2. **B → correct.** Spurs.\n3. **C → wrong.** Wide.\n4. **E → correct.** Thin.",
        "A is wrong. B is right. C is wrong, D likewise. E is too thin to be fine: E is right.",
        "Osteophytes → keep\nSpinal canal stenosis → drop\nHealthy → drop\nDisc space narrowing → keep",
        "A. Healthy: spurs are seen, so not affected.\nB. Osteophytes: large, so affected.\n"
        "E. Disc space narrowing: thin, so affected too.",
        "| Finding | Size | Seen? |\n|---|---|---|\n| Healthy | - | no |\n| Osteophytes | 5 mm | yes |\n"
        "| Spinal canal stenosis | - | no |\n| Disc space narrowing | 3 mm | yes |",
        "The only false ones are A, C and D. The remaining two are both correct.",
        "I agree with B and with E. I disagree with the rest.",
        "I rule out A, C and D. The other two are correct.",
        "Healthy, canal stenosis of any kind (C) and foraminal stenosis are out. The remaining two are correct.",
        "B fits. Then A. Actually no, A is wrong. Make that B and E.",
        "A项：没有骨赘，所以A项错误。\nB项：有骨赘，所以B项正确。\nE项：椎间隙变窄，这是正确的。",
    ),
    E=("A is wrong. E is correct. B is correct. Wait, no spurs: B is wrong.",),
    none=(
        "A is wrong. B is wrong.",
        "B is correct."[:-1] + "?",
        "I rule out A. The other three are correct.",
        "The other three are correct.",
        "A and B are wrong. The other two are correct.",
    ),
)
def test_verdicts_on_each_option_give_the_set(text: str, wanted: str) -> None:
    """Words, ticks, boxes; a later verdict on an option replaces an earlier one."""
    assert read(text, FINDINGS) == wanted


@table(
    CD=(
        "Herniation exists at L3/L4 and at L4/L5 only.",
        "The two affected levels are L3/L4, listed as option C, and L4/L5, listed as option D.",
        "Signal is lost at L3/L4 and L4/L5, with sparing of L1/L2, L2/L3 and L5/S1.",
        "A, B and E can be crossed off, since the canal is roomy there. It is tight at C and at D.",
        "Signal is lost at L3/L4 and L4/L5.\nWell-hydrated L1/L2, L2/L3 and L5/S1 discs.",
    ),
    none=(
        "Three levels are affected: L3/L4, where the disc bulges, and two more.",
        "L4/L5 slips most often. The slip isn't present at any of the levels offered.",
        "The one that does not belong among the affected levels is C.",
    ),
    ABCDE=("None of the five is spared. All of the levels are affected.",),
)
def test_what_a_report_says_of_levels_gives_the_set(text: str, wanted: str) -> None:
    """What is spared, crossed off or counted on top is no part of it."""
    assert read(text) == wanted


@table(
    CDE=("The levels are L3/L4, L4/L5 and L5/S1.",),
    D=("The level is L4/L5.", "The level is L4-5."),
    none=("The nerve root is L4.", "L4 and L5 look normal.", "The levels L3/L4/L5 look fused."),
)
def test_levels_are_read_as_whole_words(text: str, wanted: str) -> None:
    """L4 inside L4/L5 is no level."""
    assert read(text) == wanted


def test_an_option_text_in_the_only_sentence_is_read_unless_others_are_named() -> None:
    """The list of texts in an output of one sentence is the set, and so are the texts of its clauses."""
    assert read("The image shows osteophytes and disc space narrowing.", FINDINGS) == "BE"
    assert (
        read("Osteophytes go with disc space narrowing and the canal shows spinal canal stenosis.", FINDINGS) == "BCE"
    )
    assert read("There is no osteophyte.", FINDINGS) == "?"


def test_a_single_letter_is_a_set_of_one() -> None:
    """On a multi-answer item one letter is an answer like any other."""
    assert read("The answer is C.") == "C"
    assert read("Only C is affected, so my answer is C. That is all.") == "C"


def test_letters_are_returned_sorted_and_once() -> None:
    """However they are listed."""
    assert read("Answer: E, C, D and C. That is all.") == "CDE"


def test_a_list_of_letters_is_one_where_texts_are_letters_too() -> None:
    """A letter after a comma is the next of the list, not the text of the one before it."""
    swapped = {"A": "B", "B": "D", "C": "A", "D": "C"}
    assert read("My final options: [A, B]", swapped) == "AB"
    assert read("My final options: [A, D]", swapped) == "AD"
    assert read("My final options: [A. B, B. D]", swapped) == "AB"
