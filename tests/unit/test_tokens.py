"""Input tokens: the providers' published examples, and estimates that are never hopeful."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bundled import bundled
from orchestrator.errors import ConfigError
from orchestrator.inference.tokens import (
    IMAGE_FORMULAS,
    VOCABULARY,
    Calibration,
    TokenEstimate,
    count_text,
    estimate,
    read_encoding,
)
from orchestrator.records import ImagePolicy, ImageRef, Message, Picture, Request, Text

ENCODING = read_encoding(bundled(VOCABULARY))
sides = st.integers(1, 8000)


def request(*texts: str, size: tuple[int, int] | None = None, policy: ImagePolicy | None = None) -> Request:
    """Return a request of one user message a text, the last with a picture of that size."""
    images = (ImageRef("x.png", "0" * 64, *size),) if size else ()
    parts: list[tuple[Text | Picture, ...]] = [(Text(text),) for text in texts]
    if size:
        parts[-1] = (*parts[-1], Picture(0))
    messages = tuple(Message("user", one) for one in parts)
    return Request("m", "e", messages, images, policy or ImagePolicy(), {})


# --- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "width", "height", "detail", "tokens"),
    [
        # OpenAI, "Images and vision": 1024x1024 high, 2048x4096 high, 4096x8192 low.
        ("openai-tiles", 1024, 1024, "high", 765),
        ("openai-tiles", 2048, 4096, "high", 1105),
        ("openai-tiles", 4096, 8192, "low", 85),
        # Measured by users on their bills: a picture smaller than 768 px is not enlarged.
        ("openai-tiles", 2049, 513, "high", 1445),
        ("openai-tiles", 512, 512, "auto", 255),
        ("openai-tiles-mini", 1024, 1024, "high", 2833 + 4 * 5667),
        ("openai-tiles-mini", 1024, 1024, "low", 2833),
        ("openai-tiles-gpt5", 1024, 1024, "high", 70 + 4 * 140),
        ("openai-tiles-o1", 1024, 1024, None, 75 + 4 * 150),
        # OpenAI: 1024x1024 is 1024 patches. Measured: 4000x1474 on gpt-4.1-mini was billed 1536 x 1.62 = 2488.3.
        ("openai-patches-mini", 1024, 1024, "high", 1659),
        ("openai-patches-mini", 4000, 1474, "high", 2489),
        ("openai-patches-nano", 1024, 1024, None, 2520),
        ("openai-patches-o4-mini", 1024, 1024, None, 1762),
        # Anthropic, "Vision": by area, 1000x1000 is about 1334 and 1092x1092 about 1590; by patches, 37 x 37 = 1369.
        ("claude", 1000, 1000, None, 1334),
        ("claude", 1092, 1092, None, 1590),
        ("claude", 1024, 1024, None, 1399),
        ("claude", 1920, 1080, None, 1600),
        ("claude", 4032, 3024, None, 1600),
        ("claude-large", 1920, 1080, None, 2765),
        ("claude-large", 4032, 3024, None, 4880),
        # Google, "Image understanding": up to 384 px 258; 960x540 is six tiles, and two are added.
        ("gemini2", 384, 384, None, 258),
        ("gemini2", 960, 540, None, 1548 + 2 * 258),
        ("gemini2", 385, 100, None, 258 * (2 + 2)),
        ("gemini3", 4032, 3024, None, 1120),
        ("gemini3", 4032, 3024, "low", 280),
        # Together, "Vision": one, two and four tiles of 1601.
        ("llama32", 559, 559, None, 1601),
        ("llama32", 600, 559, None, 3202),
        ("llama32", 559, 561, None, 3202),
        ("llama32", 2000, 2000, None, 6404),
        # Qwen: 28-px patches, from 4 to 16384.
        ("qwen25vl", 3584, 3584, None, 16_384),
        ("qwen25vl", 8000, 8000, None, 16_384),
        ("qwen25vl", 1024, 1024, None, 37 * 37),
        ("qwen25vl", 10, 10, None, 4),
        ("unknown", 1024, 1024, "low", 6404),
    ],
)
def test_pictures_count_as_published(formula: str, width: int, height: int, detail: str | None, tokens: int) -> None:
    """The examples of the providers' pages, or of measured bills where these are higher."""
    assert IMAGE_FORMULAS[formula](width, height, detail) == tokens


@pytest.mark.parametrize(
    ("formula", "width", "height", "billed"),
    [
        ("openai-patches-mini", 1800, 2400, 2353),
        ("claude", 256, 256, 100),
        ("claude", 1280, 720, 1196),
        ("claude", 1920, 1080, 1560),
        ("claude", 4032, 3024, 1596),
        ("claude-large", 1920, 1080, 2691),
        ("claude-large", 2560, 1440, 2992),
        ("claude-large", 4032, 3024, 3928),
        ("gemini2", 1980, 1380, 1928),
        ("gemini3", 1920, 1080, 1101),
    ],
)
def test_no_measured_bill_is_above_the_formula(formula: str, width: int, height: int, billed: int) -> None:
    """Where published formula and bill disagree, the estimate covers the bill."""
    assert IMAGE_FORMULAS[formula](width, height, None) >= billed


@given(st.sampled_from(sorted(IMAGE_FORMULAS)), sides, sides, st.sampled_from([None, "low", "high", "auto"]))
def test_every_picture_costs_something_bounded(formula: str, width: int, height: int, detail: str | None) -> None:
    """No size makes a formula fail, vanish or run away."""
    assert 0 < IMAGE_FORMULAS[formula](width, height, detail) < 300_000


@given(sides, sides)
def test_a_turned_picture_costs_the_same(width: int, height: int) -> None:
    """Portrait or landscape."""
    for formula in IMAGE_FORMULAS.values():
        assert formula(width, height, None) == formula(height, width, None)


@given(sides, sides)
def test_the_unknown_formula_is_never_below_another(width: int, height: int) -> None:
    """But for gpt-4o-mini's, whose count is a way of billing."""
    unknown = IMAGE_FORMULAS["unknown"](width, height, None)
    for name in IMAGE_FORMULAS.keys() - {"openai-tiles-mini"}:
        assert IMAGE_FORMULAS[name](width, height, "low") <= unknown


# --- texts -----------------------------------------------------------------------------------------------------------


def test_english_counts_as_the_tokenizer_counts() -> None:
    """Two well-known examples of cl100k_base."""
    assert count_text("tiktoken is great!", ENCODING) == 6
    assert count_text("antidisestablishmentarianism", ENCODING) == 6


def test_characters_beyond_ascii_count_one_more() -> None:
    """Other vocabularies split them further."""
    assert count_text("naïve", ENCODING) > count_text("naive", ENCODING)
    assert ENCODING is not None
    assert count_text("脊椎 L4", ENCODING) == len(ENCODING.encode_ordinary("脊椎 L4")) + 2


def test_a_text_in_slices_counts_at_least_as_much() -> None:
    """Cutting a text only adds tokens, and few."""
    assert ENCODING is not None
    text = "The L4/L5 disc space is narrowed; osteophytes are present. " * 500
    whole = len(ENCODING.encode_ordinary(text))
    assert whole <= count_text(text, ENCODING) <= whole * 1.01


@given(st.text(max_size=300))
def test_any_text_can_be_counted(text: str) -> None:
    """With the tokenizer and without, and never more than two tokens a byte."""
    size = len(text.encode("utf-8", "replace"))
    assert (text != "") <= count_text(text, ENCODING) <= 2 * size
    assert (text != "") <= count_text(text, None) <= size


def test_a_lone_surrogate_is_counted() -> None:
    """JSON can carry one."""
    assert count_text("a\ud800b", ENCODING) > 0
    assert count_text("a\ud800b", None) > 0


@pytest.mark.parametrize("run", ["a", " ", "\n", ".", "🙈", "\u0301", "1"])
def test_a_hostile_text_takes_linear_time(run: str) -> None:
    """Eight times the text takes about eight times as long, not sixty-four."""

    def seconds(length: int) -> float:
        best = 1e9
        for _ in range(3):
            start = time.process_time()
            count_text(run * length, ENCODING)
            best = min(best, time.process_time() - start)
        return best

    count_text(run, ENCODING)
    assert seconds(160_000) < 30 * seconds(20_000)


@pytest.mark.parametrize("content", [None, b"", b"aGk= 1\n"])
def test_without_the_vocabulary_half_the_bytes_are_counted(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or not the expected one is not used."""
    path = tmp_path / "vocabulary"
    if content is not None:
        path.write_bytes(content)
    assert read_encoding(path) is None
    assert read_encoding(None) is None
    assert count_text("12345", None) == 3


# --- requests --------------------------------------------------------------------------------------------------------


def test_a_request_is_the_sum_of_its_parts() -> None:
    """Texts with a margin and what the template adds; pictures at the size they are sent at."""
    text = "tiktoken is great!"
    assert estimate(request(text), "openai-tiles") == TokenEstimate(12 + 4 + 7, 0)
    with_picture = estimate(request(text, size=(1024, 1024)), "openai-tiles")
    assert with_picture == TokenEstimate(12 + 4 + 7, 765)
    assert with_picture.total == 788


def test_a_picture_counts_at_the_size_and_detail_it_is_sent_with() -> None:
    """Our own downscaling comes first."""
    sent_small = request("?", size=(2048, 2048), policy=ImagePolicy(max_side=512))
    assert estimate(sent_small, "openai-tiles").image == 255
    sent_low = request("?", size=(2048, 2048), policy=ImagePolicy(detail="low"))
    assert estimate(sent_low, "openai-tiles").image == 85


def test_a_picture_shown_twice_counts_twice() -> None:
    """The part is billed, not the file."""
    once = request("?", size=(512, 512))
    twice = Request("m", "e", (Message("user", (Picture(0), Picture(0))),), once.images, ImagePolicy(), {})
    assert estimate(twice, "openai-tiles").image == 2 * 255


def test_other_vocabularies_have_larger_margins() -> None:
    """The tokenizer is OpenAI's; the least known family has the largest margin."""
    text = "Which option is right? " * 40
    counted = {formula: estimate(request(text), formula).text for formula in IMAGE_FORMULAS}
    order = ["openai-tiles", "llama32", "qwen25vl", "claude", "claude-large", "unknown"]
    assert all(counted[less] <= counted[more] for less, more in pairwise(order))
    assert count_text(text, ENCODING) < counted["openai-tiles"]


def test_a_text_too_long_to_remember_counts_like_any_other() -> None:
    """Remembered or not, the count is the same."""
    long = "word " * 4000
    assert estimate(request(long), "openai-tiles").text == 12 + 4 + -(-count_text(long, ENCODING) * 105 // 100)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.text(min_size=1, max_size=40))
def test_more_is_never_less(texts: list[str], extra: str) -> None:
    """A further message only adds."""
    for formula in ("openai-tiles", "unknown"):
        assert estimate(request(*texts, extra), formula).total > estimate(request(*texts), formula).total


def test_a_formula_that_does_not_exist_is_named() -> None:
    """With the nearest one."""
    with pytest.raises(ConfigError, match="no image_tokens formula 'gemini'; did you mean gemini"):
        estimate(request("?"), "gemini")


# --- learning from bills ---------------------------------------------------------------------------------------------


def observed(*ratios: float) -> Calibration:
    """Return the calibration after bills of these multiples of an estimate of 10,000."""
    calibration = Calibration()
    for ratio in ratios:
        calibration = calibration.observe(TokenEstimate(10_000, 0), round(10_000 * ratio))
    return calibration


def test_before_any_bill_estimates_stand() -> None:
    """Nothing is known to correct them by."""
    assert Calibration().factor == 1.0
    assert Calibration().apply(1234) == 1234
    assert Calibration().mean is None


def test_a_few_low_bills_do_not_lower_estimates() -> None:
    """Nineteen replies might be the cheap ones."""
    assert observed(*[0.5] * 19).factor == 1.0


def test_one_high_bill_raises_estimates_at_once() -> None:
    """With five per cent to spare, also before twenty replies."""
    assert observed(1.2).factor == pytest.approx(1.26)


def test_after_twenty_bills_the_worst_of_them_decides() -> None:
    """With two per cent to spare, below one as well."""
    assert observed(*[0.5] * 19, 0.6).factor == pytest.approx(0.612)
    assert observed(*[0.5] * 19, 1.2).factor == pytest.approx(1.224)


def test_a_high_bill_is_forgotten_after_two_hundred() -> None:
    """The window moves."""
    calibration = observed(1.5, *[0.5] * 200)
    assert calibration.factor == pytest.approx(0.51)
    assert (calibration.highest, len(calibration.recent)) == (1.5, 200)


def test_estimates_are_never_corrected_to_nothing() -> None:
    """A provider that reports absurdly little is not believed to the end."""
    assert observed(*[0.0] * 30).factor == Calibration.FLOOR


def test_an_estimate_of_nothing_teaches_nothing() -> None:
    """There is no ratio to it."""
    assert Calibration().observe(TokenEstimate(0, 0), 100) == Calibration()


def test_bills_of_before_teach_as_they_did_when_they_came() -> None:
    """In their order, as texts and pictures were estimated."""
    bills = [(100, 0, 150), (50, 50, 400), (0, 0, 7)]
    seen = Calibration().observe(TokenEstimate(100, 0), 150).observe(TokenEstimate(50, 50), 400)
    assert Calibration.learnt(bills) == seen
    assert Calibration.learnt([]) == Calibration()


def test_the_error_can_be_reported() -> None:
    """Mean and largest ratio of bill to estimate."""
    calibration = observed(0.5, 1.0, 1.5)
    assert calibration.mean == pytest.approx(1.0)
    assert calibration.highest == 1.5
    assert calibration.replies == 3


@given(st.integers(20, 5000), st.integers(20, 5000), st.integers(1, 50), st.floats(0.5, 1.0), st.floats(1.5, 6.0))
def test_a_picture_billed_dearer_than_estimated_warns_of_larger_ones(
    text: int, image: int, larger: int, text_share: float, factor: float
) -> None:
    """One bill of 20 tokens or more of each that counts pictures at a multiple covers every larger one, text alike."""

    def billed(picture: int) -> int:
        return int(text * text_share + picture * factor)

    calibration = Calibration().observe(TokenEstimate(text, image), billed(image))
    if billed(image) > text + image:
        assert calibration.apply(text + image * larger) >= billed(image * larger)


@given(st.lists(st.floats(0.01, 3.0), min_size=1, max_size=60))
def test_no_bill_seen_is_above_the_corrected_estimate(ratios: list[float]) -> None:
    """Within the window, the correction covers every reply."""
    calibration = observed(*ratios)
    assert calibration.apply(10_000) >= max(round(10_000 * ratio) for ratio in ratios)
