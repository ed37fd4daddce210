"""What holds for the parser whatever the text: laws, each tried on many generated texts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.grading.cues import RUN_ON
from orchestrator.grading.explain import explain, printable, render
from orchestrator.grading.normalise import normalise
from orchestrator.grading.parse import parse
from orchestrator.records import Abstention, Answer

SPINE = {"A": "Healthy", "B": "Osteophytes", "C": "L4/L5", "D": "Not sure", "E": "4.5"}

PIECES = [
    *(
        "A",
        "B",
        " C ",
        "(D)",
        "[E]",
        "AB",
        "Z",
        "a",
        "option ",
        "answer ",
        "is ",
        "not ",
        "or ",
        "and ",
        ", ",
        ". ",
        "\n",
    ),
    *("The answer is ", "I choose ", "therefore ", "correct", "if ", "wait ", "none of the above", "I cannot answer "),
    *(
        "final option: ",
        "\\boxed{",
        "}",
        "{",
        "**",
        "$",
        "~~",
        "<answer>",
        "【答案】",
        "答案是",
        "选",
        "正确",
        "错误",
        "不",
    ),
    *(
        "Healthy",
        "osteophytes",
        "L4/L5",
        "L4",
        "4.5",
        "4",
        "✓",
        "✗",
        "- [x] ",
        "?",
        "'",
        '"',
        "\x00",
        "\ud800",
        "İ",
        "ß",
        "🅰",
    ),
    *("<think>", "</think>", "</s>", "\nQuestion: ", "\x1b[31m", "\u202e", "ﬁ", "①", "\r\n", "\t", "&nbsp;", "<br>"),
]
texts = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(), max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
)
option_maps = st.dictionaries(
    st.one_of(st.sampled_from("ABCDEFGHIJ"), st.text(max_size=3)),
    st.one_of(st.sampled_from(["Healthy", "L4/L5", "L4", "4", "-4", "Yes", "no", "", "A", "B", "the A", "x"]), texts),
    max_size=8,
)


@given(texts, option_maps, st.booleans(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_letters_are_always_among_those_offered(
    text: str, options: dict[str, str], multi: bool, truncated: bool
) -> None:
    """On any text and options: no exception, only offered letters, sorted, one unless several may be right."""
    answer = parse(text, options, multi=multi, truncated=truncated)
    if isinstance(answer, Answer):
        assert answer.letters
        assert set(answer.letters) <= set(options)
        assert list(answer.letters) == sorted(set(answer.letters))
        assert multi or len(answer.letters) == 1
        start, end = answer.span
        assert 0 <= start < end <= len(text)
    assert answer == parse(text, dict(options), multi=multi, truncated=truncated)


@given(texts, st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_an_explanation_gives_the_same_answer_and_prints_safely(text: str, multi: bool, truncated: bool) -> None:
    """Whatever the output holds, nothing that controls a terminal is printed."""
    explanation = explain(text, SPINE, multi=multi, truncated=truncated)
    assert explanation.answer == parse(text, SPINE, multi=multi, truncated=truncated)
    shown = render(explanation)
    assert shown == printable(shown)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@given(texts)
@settings(max_examples=300, deadline=None)
def test_every_character_read_knows_where_it_stood(text: str) -> None:
    """The way back from the rewritten text is monotonous and stays in the text; lower case keeps the length."""
    passage = normalise(text)
    assert len(passage.lower) == len(passage.text)
    places = [passage.origin(index, index + 1) for index in range(len(passage.text))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(one[0] <= two[0] for one, two in itertools.pairwise(places))


FORMS = [
    "My final option: [{X}]",
    "My final options: {X}",
    "The answer is {X}.",
    "Spurs are seen.\n\n({X})",
    "\\boxed{{{X}}}",
    "<answer>{X}</answer>",
    "{X}",
    "I choose option {X} here.",
    "{X} is the correct answer.",
    "答案是{X}。",
]


@given(st.sampled_from(FORMS), st.permutations("ABCDE"), st.sampled_from("ABCDE"))
def test_permuting_the_letters_permutes_a_declared_answer(form: str, order: list[str], letter: str) -> None:
    """No letter is preferred to another."""
    renamed = dict(zip("ABCDE", order, strict=True))
    options = {letter: text for letter, text in SPINE.items() if letter in renamed}
    moved = {renamed[letter]: text for letter, text in options.items()}
    for multi in (False, True):
        before = parse(form.format(X=letter), options, multi=multi)
        after = parse(form.format(X=renamed[letter]), moved, multi=multi)
        assert isinstance(before, Answer)
        assert isinstance(after, Answer)
        assert before.letters == (letter,)
        assert after.letters == (renamed[letter],)
        assert before.rule == after.rule


@given(texts, st.sampled_from(["[{}]", "{}", "**[{}]**", "[{}].", "({})"]), st.sampled_from("ABCDE"))
@settings(max_examples=400, deadline=None)
def test_a_declared_last_line_wins(text: str, shape: str, letter: str) -> None:
    """Whatever came before it, unless a thought or the model's own next question is open."""
    assume(not any(sign in text for sign in ("<", "◁", "~~")))
    assume(RUN_ON.search("\n" + normalise(text).lower) is None)
    line = "My final option: " + shape.format(letter)
    for multi in (False, True):
        answer = parse(f"{text}\n\n{line}", SPINE, multi=multi)
        assert isinstance(answer, Answer)
        assert (answer.letters, answer.rule) == ((letter,), "final-option")


@given(texts, st.sets(st.sampled_from("ABCDE"), min_size=1))
@settings(max_examples=200, deadline=None)
def test_a_declared_last_line_of_several_letters_wins_on_multi_answer_items(text: str, letters: set[str]) -> None:
    """In whatever order they are listed."""
    assume(not any(sign in text for sign in ("<", "◁", "~~")))
    assume(RUN_ON.search("\n" + normalise(text).lower) is None)
    answer = parse(f"{text}\n\nMy final options: [{', '.join(letters)}]", SPINE, multi=True)
    assert isinstance(answer, Answer)
    assert answer.letters == tuple(sorted(letters))


@given(st.text(alphabet="()[]{}.,:;!?*-+/\\\"' \n<>|#$%&~`_^=@"))
@settings(max_examples=200, deadline=None)
def test_a_text_without_letters_gives_nothing(text: str) -> None:
    """Nothing is guessed."""
    assert isinstance(parse(text, {"A": "x", "B": "y"}, multi=False), Abstention)


@pytest.mark.parametrize("size", [0, 1, 11_999, 12_000, 12_001, 50_000, 1_000_000])
def test_the_beginning_and_the_end_of_a_text_of_any_length_are_read(size: int) -> None:
    """A declared last line counts after any amount of reasoning, and an answer before a long run-on does too."""
    filler = ("The vertebrae look as they should. " * 40_000)[:size]
    last = parse(f"{filler}\n\nMy final option: [B]", SPINE, multi=False)
    assert isinstance(last, Answer)
    start, end = last.span
    assert f"{filler}\n\nMy final option: [B]"[start:end] == "final option: [B]"
    first = parse(f"The answer is B.\n\nQuestion: next\n{filler}", SPINE, multi=False)
    assert isinstance(first, Answer)
    assert first.letters == ("B",)


def test_what_may_have_been_taken_back_unread_is_not_read() -> None:
    """A weak claim at the beginning of an output too long to be read whole gives nothing."""
    filler = "The vertebrae look as they should. " * 1_000
    for claim in ("The answer is B.", "What is seen is (B).", "B. Osteophytes\n\nSee why.", "Option (B) has spurs."):
        assert isinstance(parse(f"{claim} {filler}", SPINE, multi=False), Abstention)
    verdicts = "A is wrong. B is correct. C is wrong. D is wrong. E is wrong. "
    assert isinstance(parse(verdicts + filler, SPINE, multi=True), Abstention)
    assert isinstance(parse(verdicts + filler, SPINE, multi=False), Abstention)
