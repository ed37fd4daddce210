"""How an output is rewritten before it is read, and that its parts know where they stood."""

from __future__ import annotations

import pytest

from orchestrator.grading.normalise import HEAD, TAIL, normalise, plain


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**Answer:** B", "Answer: B"),
        ("*B*", "B"),
        ("**B**. text", "[B]. text"),
        ("__(B)__ text", "[B] text"),
        ("`B`", "B"),
        ("## Answer\nB", "Answer\nB"),
        ("C# and F#", "C# and F#"),
        ("~~A~~ B", " B"),
        ("- [x] A\n- [ ] B", "- ✓ A\n- ✗ B"),
        ("$\\text{B}$", "B"),
        ("\\mathrm{~kg}", "~kg"),
        ("\\boxed{\\text{B}}", "⟦B⟧"),
        ("\\boxed{ {B} } {C}", "⟦ B ⟧ C"),
        ("\\( x \\)", " x "),
        ("a\\quad b\\ c", "a  b c"),
        ("<b>B</b><br>C", "B\nC"),
        ("a\r\nb\rc\x0bd\u2028e", "a\nb\nc\nd\ne"),
        ("a\tb\x00c\ud800d", "a b c d"),
        ("B\u200b\ufeff\ufe0f\ue000", "B"),
        ("Ａ（Ｂ）：", "A(B):"),
        ("–50% — 3 − 2", "-50% - 3 - 2"),
        ("“a” ‘b’ «c»", '"a" \'b\' "c"'),
        ("✅ ❌ ☑ ☐", "✓ ✗ ✓ ✗"),
        ("3 × 4", "3 x 4"),
        ("ﬁ … ½ 𝐁 Ⓑ 🅱", "fi ... 1/2 B B B"),
        ("①②", "①②"),
        ("İ", "I"),
        ("naïve 60° ∠A", "naïve 60° ∠A"),
        ("<s> B</s>", " B"),
        ("a < b > c [ d _ e", "a < b > c [ d _ e"),
    ],
)
def test_what_means_the_same_is_written_the_same(written: str, read: str) -> None:
    """Markup, LaTeX wrappers, end tokens, control characters and the many dashes, quotes and ticks."""
    assert normalise(written).text == read


def test_an_option_is_rewritten_on_one_line() -> None:
    """As outputs are, with white space drawn together."""
    assert plain(" **A**\n lesion \t at “L4–L5” ") == '[A] lesion at "L4-L5"'


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ｗｉｄｅ and so: **B** it is", "B"),
        ("“…” then \\boxed{\\text{B}}", "B"),
        ("<think>no</think>\r\n\r\nso B", "B"),
    ],
)
def test_a_part_of_the_rewritten_text_knows_where_it_stood(text: str, part: str) -> None:
    """However much before it grew, shrank or was left out."""
    passage = normalise(text)
    at = passage.text.index(part)
    start, end = passage.origin(at, at + len(part))
    assert text[start:end] == part
    assert start == text.index(part)


def test_only_the_beginning_and_the_end_of_a_long_output_are_read() -> None:
    """The seam between them is marked, and both know where they stood."""
    text = "a" * HEAD + "b" * 100_000 + "c" * TAIL
    passage = normalise(text)
    assert passage.text == "a" * HEAD + "\n\n" + "c" * TAIL
    assert passage.seam == HEAD
    assert passage.origin(HEAD + 2, HEAD + 3) == (HEAD + 100_000, HEAD + 100_001)
    assert normalise(text[: HEAD + TAIL]).seam == 0


def test_thought_and_what_follows_the_end_are_left_out() -> None:
    """The last thought that closed, and the first end token after any text."""
    assert normalise("<think>a</think>b<think>c</think>d").text == "d"
    assert normalise("<think>a").thinking
    assert not normalise("I think so").thinking
    assert normalise("</s>a<|im_end|>b</s>c").text == "a"
    assert normalise("").text == ""
