"""How an answer by letter is read on single-answer items, rule by rule."""

from __future__ import annotations

import pytest

from orchestrator.grading.parse import PARSER_VERSION, parse
from orchestrator.grading.rules import RULES, THRESHOLD
from orchestrator.records import Abstention, Answer

SPINE = {
    "A": "Healthy",
    "B": "Spondylolisthesis",
    "C": "Osteophytes",
    "D": "Spinal canal stenosis",
    "E": "Disc space narrowing",
}


def read(text: str, options: dict[str, str] = SPINE) -> tuple[str, str]:
    """Return the letters read, joined, and the rule; a question mark and the reason where there are none."""
    match parse(text, options, multi=False):
        case Answer(letters, rule):
            return "".join(letters), rule
        case Abstention(reason):
            return "?", str(reason)


def cases(*texts: str) -> pytest.MarkDecorator:
    """Return the parameters of a test of texts, each named by its beginning."""
    return pytest.mark.parametrize("text", texts, ids=[text[:50].encode("unicode_escape").decode() for text in texts])


@cases(
    "My final option: [C]",
    "My final options: [C]",
    "**My final option: [C]**",
    "My final option: **[C]**",
    "### My final option: [C]",
    "My final option: C",
    "My final option: (C)",
    "My final option is: [C]",
    "My final option is [C]",
    'My final option: ["C"]',
    "My final option:\n\n[C]",
    "我的最终选项：[C]",
    "最终答案为C。",
    "my final option: [c]",
    "MY FINAL OPTION: [C]",
    "My final option: `C`",
    "My final option: [Ｃ]",
    "My final option：[C]",
    "My final option: \\boxed{C}",
    "My final option: [C. Osteophytes]",
    "My final option: [C: Osteophytes]",
    "My final option: [C] Osteophytes",
    "My final option: [Osteophytes]",
    "My final option: Osteophytes.",
    "My final option: [osteophyte]",
    "Spurs are seen, so D is out.\n\nMy final option: [C]",
    "My final option: [B]\n\nWait, it is aligned.\n\nMy final option: [C]",
    "My final option: [see below]\n\nMy final option: [C]\nMy final option: [as above]",
    "The answer is B.\n\nMy final option: [C]",
    "My final option: [C]\n\nThe answer B would need slippage.",
)
def test_the_declared_last_line_is_the_strongest_rule(text: str) -> None:
    """Brackets, bold, spelling, text beside or instead of the letter and case do not matter; the last one wins."""
    assert read(text) == ("C", "final-option")


@cases(
    "<answer>C</answer>",
    "<final_answer> C </final_answer>",
    '{"answer": "C"}',
    "{'answer': 'C'}",
    '```json\n{"reasoning": "B is tempting", "answer": "C"}\n```',
    "【答案】C",
    "【解析】B有滑脱。\n【答案】: C <eoa>",
    "It is [[C]].",
    "<answer>B</answer> No: <answer>C</answer>",
    '{"letter": "C", "confidence": 0.4}',
)
def test_a_tag_holds_the_answer(text: str) -> None:
    """The last tag that holds a letter wins."""
    assert read(text) == ("C", "tag")


@cases(
    "\\boxed{C}",
    "$\\boxed{\\text{C}}$",
    "\\[\\boxed{\\textbf{(C)}}\\]",
    "First \\boxed{B}, then \\boxed{C}.",
    "\\boxed{C. Osteophytes}",
    "\\boxed{Osteophytes}",
    "\\boxed{C} since \\boxed{7} spurs are seen",
    "The answer is $\\boxed{ C }$. B is ruled out.",
    "\\fboxed{C}",
)
def test_a_box_holds_the_answer(text: str) -> None:
    """The last box that holds a letter or an option's text wins."""
    assert read(text) == ("C", "boxed")


@cases(
    *("C", " c ", "(C)", "[C]", "C.", "C)", "**C**", "__C__", "$C$", "\\text{C}", "C</s>", "<s> C", "Ⓒ", "Ｃ", "🅲"),
    *("C. Osteophytes", "(C) Osteophytes", "C: Osteophytes.", "**C. Osteophytes**", "Option C", "C\u200b", "\ufeffC"),
)
def test_nothing_but_a_letter_is_the_answer(text: str) -> None:
    """Its own option text may stand beside it; only here a lower-case letter counts."""
    assert read(text) == ("C", "bare")


@cases(
    "Spurs are seen at the margins.\n\nC",
    "Spurs are seen at the margins.\nC.",
    "The correct answer is: B) Spondylolisthesis\n\nC",
    "B is tempting.\n\n**C. Osteophytes**",
    "There are spurs. Therefore:\n(C)",
    "My first thought was B. On reflection, C.",
    "Spurs are seen at the margins. C.",
    "Spurs at the margins → C",
    "Slippage: none. Margins: spurs -> (C)",
    "Check: the discs are wide, so it cannot be E.\n✔ C",
)
def test_a_last_line_of_nothing_but_a_letter_is_the_answer(text: str) -> None:
    """It wins over what was said before it."""
    assert read(text) == ("C", "last-line")


@cases(
    "The answer is C.",
    "The answer is: C, since spurs are seen.",
    "**Answer:** C is what the spurs suggest.",
    "The correct answer is (C) Osteophytes. Spurs are seen.",
    "The correct answer to this question would be option C, as spurs are seen.",
    "The best option among those given is\n\nC. Osteophytes\n\nbecause of the spurs.",
    "Correct option: C, given the spurs.",
    "My choice is C because of the spurs.",
    'The answer is "C" here, in my view.',
    "Based on the spurs, the answer must be C and not B.",
    "Letter: C as in the picture.",
    "I would choose option C here.",
    "I'll go with C because of the spurs.",
    "We select (C) here.",
    "It is hard, but I lean towards C.",
    "I'll opt for C here.",
    "B is possible. I stay with C, as spurs are seen.",
    "I would say C, given the spurs.",
    "Going with C on this, as spurs are seen.",
    "Guess: B. The margins bear spurs.\nRevised: C, then.",
    "Se ven osteofitos. Respuesta final: C, sin duda.",
    "Há osteófitos. A opção correta é C, sem dúvida.",
    "Il y a des ostéophytes. Réponse : C, sans doute.",
    "Spurs are seen, so C. If it were narrow, the answer would be D.",
    "Let me pick C then.",
    "C is the correct answer here.",
    "Option C is the most likely diagnosis here.",
    "Here (C), osteophytes, is the best choice.",
    "Spurs are seen. Therefore, C. Nothing else fits.",
    "Thus, option (C). Nothing else fits.",
    "Spurs are seen, so the missing finding is (C). Nothing else fits.",
    "Spurs are seen. So what grows there is (C). Nothing else fits.",
    "The diagnosis is C, in my view.",
    "The answer is C and D = 4 mm.",
    "The answer is not B but C, in my view.",
    "The answer is B. Hmm. Now I see spurs: the answer is C, not B.",
    "B is wrong. The answer is C. D is wrong too.",
    "Is the answer B? No. The answer is C. That is all.",
    "If the canal were narrow, the answer would be D. But it is wide. The answer is C. That is all.",
    "答案是C，因为有骨赘",
    "正确答案为C。因为有骨赘。",
    "答案选项为C，有骨赘",
    "故选C，有骨赘",
    "因此，选C。有骨赘。",
    "综上，应选C项，有骨赘",
    "回答:C，有骨赘",
    "答案不是B，而是C，有骨赘",
)
def test_the_last_declaration_in_words_is_the_answer(text: str) -> None:
    """Denied, conditional and asked ones do not count."""
    assert read(text) == ("C", "declared")


@cases(
    "C. Osteophytes\n\nSpurs are seen at the margins.",
    "(C) Osteophytes - spurs are seen at the margins.\n\nNothing else is visible.",
    "Here is my reading:\n\nC. Osteophytes\n\nSpurs are seen.",
    "Sure! I can help with that.\n\nC) Osteophytes\n\nSpurs are seen.",
    "C. This is because spurs are seen.",
    "Option C: Osteophytes. Spurs are seen.",
    "C. Osteophytes\n\nThe others are distractors:\n\nA. Healthy\nB. Spondylolisthesis\nD.",
)
def test_the_one_line_that_begins_with_a_letter_is_the_answer(text: str) -> None:
    """Lists of the other options, even cut off, do not count."""
    assert read(text) == ("C", "choice-line")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("C\nSpurs are seen at the margins.", "first-line"),
        ("What the margin shows is (C), a spur.", "named"),
        ("The missing part is labeled C in the image.", "named"),
        ("C is correct. Spurs are seen.", "judged"),
        ("Not B but C is right, I feel.", "judged"),
        ("All else being excluded, only C remains.", "judged"),
        ("Spurs are seen, so it's C.", "named"),
        ("It's not B but C.", "named"),
        ("Spurs are seen, so it's C. If it had slipped, it would be B.", "named"),
        ("The spurs ← chosen (C)", "sole-mark"),
        ("C - the margins bear spurs. Not B, not D.", "choice-line"),
        ("C, the margins bear spurs.", "lead-letter"),
        ("Spurs are seen (option C), nothing else.", "sole-mark"),
        ("A选项正确。B选项正确。C选项错误。D选项正确。E选项正确。", "odd-one"),
        ("综上所述，错误的是C。", "odd"),
    ],
    ids=[
        "first line",
        "named",
        "labelled",
        "judged",
        "judged instead",
        "what remains",
        "after so",
        "not but",
        "beside what would be",
        "chosen",
        "leading with a dash",
        "leading with a comma",
        "sole mark",
        "the odd one out",
        "the wrong one is asked for",
    ],
)
def test_weaker_forms_are_read_where_they_stand_alone(text: str, rule: str) -> None:
    """Several of them must agree."""
    assert read(text) == ("C", rule)


@cases(
    "What it shows is (C). What it also shows is (B).",
    "C is correct. B is correct.",
    "A is wrong. B is wrong. C is correct. D is correct. E is correct.",
    "Is it option C?",
    "(C) is wrong.",
    "Preliminary: healthy (A). On closer look I am no longer sure.",
    "If spurs are seen, then C applies. If none are, I cannot determine which of the rest it is.",
    "A, B and C are all possible.",
    "A vertebra slipped → see above",
)
def test_weaker_forms_that_disagree_are_not_read(text: str) -> None:
    """Two letters by weak rules are no answer."""
    assert read(text)[0] == "?"


@cases(
    "ASSISTANT: C. Osteophytes",
    "assistant\n\nC",
    "<|assistant|> C. Osteophytes <|end|><|user|> why B?",
    "C [INST] What else is seen? [/INST] B",
)
def test_what_a_chat_template_leaves_around_an_answer_is_no_part_of_it(text: str) -> None:
    """The speaker's name, and the turn that the model invents after its own."""
    assert read(text)[0] == "C"


def test_a_letter_called_right_beside_another_options_text_is_a_conflict() -> None:
    """Also where the text stands after the words that call it so."""
    assert read('Option B is my choice: "Osteophytes".') == ("?", "conflict")
    assert read('Option C is my choice: "Osteophytes".')[0] == "C"


def test_letters_may_be_numbers_or_words() -> None:
    """Whatever the benchmark calls its options is what is read and returned."""
    assert read("The answer is 2.", {"1": "left", "2": "right"}) == ("2", "declared")
    assert read("My final option: [ii]", {"i": "left", "ii": "right"}) == ("ii", "final-option")
    assert read("(b)", {"a": "left", "b": "right"}) == ("b", "bare")
    assert read("The answer is Ｂ.", {"Ａ": "left", "Ｂ": "right"}) == ("Ｂ", "declared")


def test_letters_beside_texts_that_are_letters_are_labels() -> None:
    """Where the options' texts are letters too, a declared letter is the label."""
    swapped = {"A": "B", "B": "A", "C": "D", "D": "C"}
    assert read("Answer: A", swapped)[0] == "A"
    assert read("The answer is C. That is all.", swapped)[0] == "C"


@cases(
    "A vertebra is displaced, as is typical.",
    "I think the spine is curved.",
    "A patient with back pain.",
    "Let P(A | B) = 0.2 and C12H22 be sugar.",
    "The parts are carbon (C), here 12 g, and so on",
    "The constant B/2 and f(C) are positive.",
    "Point B lies above D.",
    "The answer I found is not among them, I fear: K/2",
    "The answer is A patient with pain.",
    "The answer is D = 4.",
    "Vitamin C-rich food and plan B's cost.",
)
def test_letters_that_are_articles_pronouns_or_symbols_are_not_read(text: str) -> None:
    """A single letter in running prose is no answer."""
    assert read(text)[0] == "?"


def test_an_answer_says_where_it_stands_in_the_text_as_written() -> None:
    """The span covers the passage relied on, with the original's markup around it."""
    text = "Ｓｏ： spurs… \n\n**My final option: [C]** 👍"
    answer = parse(text, SPINE, multi=False)
    assert isinstance(answer, Answer)
    start, end = answer.span
    assert text[start:end] == "final option: [C]"


def test_nothing_is_read_where_nothing_is_said() -> None:
    """Empty text, white space and an item without options give no answer."""
    assert read("")[1] == read(" \n\t ")[1] == read("C", {})[1] == "nothing"


def test_the_table_is_ordered_documentation() -> None:
    """Every rule has its own name, one line of words and a confidence that is a share; the parser has a version."""
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.doc and "\n" not in rule.doc and 0.5 < rule.confidence < 1 for rule in RULES)
    assert all(rule.confidence >= THRESHOLD for rule in RULES if rule.firm)
    assert PARSER_VERSION.isdigit()
