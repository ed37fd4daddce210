"""Scores of a model: counts, accuracies, intervals and bounds, from grades in any order."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from orchestrator.grading.score import ModelScore, Score, score_model
from orchestrator.grading.tally import MOST_SLICES
from orchestrator.records import PAID, Grade, Json, Outcome

TEXTS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")


def grade(
    item: str,
    letters: str = "",
    *,
    gold: str = "A",
    task: str = "SDD",
    outcome: Outcome = Outcome.ANSWERED,
    group: str = "",
    sample: int = 0,
    **metadata: Json,
) -> Grade:
    """Return a grade of a five-option item; SLL items are multi."""
    return Grade(
        item_id=item,
        task=task,
        group=group or item,
        multi=task == "SLL",
        options=tuple("ABCDE"),
        gold=tuple(gold),
        letters=tuple(letters) if outcome is Outcome.ANSWERED else (),
        outcome=outcome,
        sample=sample,
        option_texts=TEXTS,
        metadata=metadata,
    )


@st.composite
def streams(draw: st.DrawFn) -> list[Grade]:
    """Draw the grades of a small run: two tasks, shared groups, every outcome, up to three samples."""
    found = []
    samples = draw(st.integers(1, 3))
    for number in range(draw(st.integers(0, 25))):
        task = draw(st.sampled_from(["SDD", "SLL"]))
        for sample in range(samples):
            found.append(
                grade(
                    f"{task}-{number}",
                    draw(st.sampled_from(["A", "B", "E"])),
                    task=task,
                    outcome=draw(st.sampled_from(list(Outcome))),
                    group=f"g{number // 3}",
                    sample=sample,
                )
            )
    return found


def every(score: ModelScore) -> list[Score]:
    """Return the model's score and that of each part of it."""
    parts = [part for by_task in (score.by_disease, score.by_source) for by in by_task.values() for part in by.values()]
    return [score, *score.tasks.values(), *parts]


@given(streams())
def test_scores_obey_their_laws(grades: list[Grade]) -> None:
    """Outcomes sum to the items, intervals and bounds hold the accuracy, and nothing known is None, not NaN."""
    for score in every(score_model(grades)):
        assert sum(score.outcomes.values()) == score.items
        assert list(score.outcomes) == list(Outcome)
        assert 0 <= score.bounds.low <= score.bounds.high <= 1
        assert (score.accuracy is None) == (score.interval is None) == (score.paid == 0)
        if score.accuracy is not None and score.interval is not None:
            assert 0 <= score.interval.low <= score.accuracy <= score.interval.high <= 1
            assert score.bounds.low - 1e-12 <= score.accuracy <= score.bounds.high + 1e-12
        for number in (score.answered_accuracy, score.chance, score.precision, score.recall, score.coverage):
            assert number is None or 0 <= number <= 1


@given(streams(), st.randoms())
def test_the_order_of_the_grades_does_not_matter(grades: list[Grade], shuffler: random.Random) -> None:
    """A shuffled stream scores the same."""
    shuffled = sorted(grades, key=lambda _: shuffler.random())
    one, other = score_model(grades), score_model(shuffled)
    assert one.outcomes == other.outcomes
    assert one.accuracy == pytest.approx(other.accuracy)
    assert one.interval == pytest.approx(other.interval)
    assert {name: task.correct for name, task in one.tasks.items()} == pytest.approx(
        {name: task.correct for name, task in other.tasks.items()}
    )


def test_paid_replies_without_a_right_answer_count_wrong() -> None:
    """Refused, filtered, truncated and unparsed are in the denominator; failed and unsent are not."""
    grades = [grade(str(n), "A" if n == 0 else "", outcome=outcome) for n, outcome in enumerate(Outcome)]
    score = score_model(grades)
    assert score.items == len(Outcome) == 7
    assert score.paid == len(PAID) == 5
    assert score.correct == 1
    assert isinstance(score.correct, int)
    assert score.accuracy == pytest.approx(1 / 5)
    assert score.interval == pytest.approx(proportion_confint(1, 5, method="wilson"))
    assert score.answered_accuracy == 1
    assert score.answered_interval == pytest.approx(proportion_confint(1, 1, method="wilson"))
    assert score.coverage == pytest.approx(5 / 7)
    assert score.bounds == pytest.approx((1 / 7, 3 / 7))
    assert set(score.outcomes.values()) == {1}
    assert score.replies == score.outcomes


def test_the_overall_accuracy_is_the_unweighted_mean_of_the_tasks() -> None:
    """Ninety right of a large task and none of a small one average to half."""
    grades = [grade(f"d{n}", "A") for n in range(90)] + [grade(f"l{n}", "B", task="SLL") for n in range(10)]
    score = score_model(grades)
    assert list(score.tasks) == ["SDD", "SLL"]
    assert score.accuracy == 0.5
    assert score.correct == 90
    assert score.chance == pytest.approx((1 / 5 + 1 / 31) / 2)


def test_sets_are_graded_exactly_and_letters_are_pooled() -> None:
    """SLL accuracy asks for the whole set; precision and recall pool the letters of paid replies."""
    score = score_model(
        [
            grade("1", "AB", gold="AB", task="SLL"),
            grade("2", "ACD", gold="AB", task="SLL"),
            grade("3", gold="CDE", task="SLL", outcome=Outcome.REFUSED),
            grade("4", gold="CDE", task="SLL", outcome=Outcome.FAILED),
        ]
    ).tasks["SLL"]
    assert score.accuracy == pytest.approx(1 / 3)
    assert score.precision == pytest.approx(3 / 5)
    assert score.recall == pytest.approx(3 / 7)
    assert score.chance == pytest.approx(1 / 31)


def test_an_item_asked_more_often_weighs_no_more_in_precision_and_recall() -> None:
    """As if each had been asked once where all its samples agree."""
    asked = [("1", "AB", "A"), ("2", "C", "CD")]
    once = score_model([grade(item, letters, gold=gold, task="SLL") for item, letters, gold in asked])
    often = score_model(
        [
            grade(item, letters, gold=gold, task="SLL", sample=sample)
            for item, letters, gold in asked
            for sample in range(5 if item == "1" else 1)
        ]
    )
    assert (often.precision, often.recall) == (once.precision, once.recall) == (2 / 3, 2 / 3)


def test_single_answers_have_no_precision() -> None:
    """Precision and recall are None where no item is multi, and precision where nothing was chosen."""
    sdd = score_model([grade("1", "A")]).tasks["SDD"]
    assert sdd.precision is None
    assert sdd.recall is None
    sll = score_model([grade("1", gold="AB", task="SLL", outcome=Outcome.REFUSED)]).tasks["SLL"]
    assert sll.precision is None
    assert sll.recall == 0


def test_nothing_asked_scores_nothing() -> None:
    """An empty stream has no accuracy and no bounds but 0 and 1."""
    score = score_model([])
    unknown = [score.accuracy, score.interval, score.chance, score.coverage, score.answered_accuracy]
    assert unknown == [None] * 5
    assert [score.items, score.correct, *score.bounds] == [0, 0, 0, 1]
    assert not score.tasks


def test_a_task_without_replies_widens_only_the_bounds() -> None:
    """A task stopped before its first reply is None and does not pull the overall accuracy down."""
    grades = [grade("1", "A"), grade("2", "B"), grade("3", task="SLL", outcome=Outcome.UNSENT)]
    score = score_model(grades)
    assert score.tasks["SLL"].accuracy is None
    assert score.accuracy == 0.5
    assert score.bounds == (0.25, 0.75)


def test_the_item_is_the_unit_of_several_replies() -> None:
    """Three samples of an item are one item, its value their mean, its outcome the most frequent."""
    grades = [grade("1", letters, sample=n) for n, letters in enumerate("AAB")]
    grades += [grade("2", "A", sample=n, outcome=o) for n, o in enumerate([Outcome.REFUSED, *[Outcome.FAILED] * 2])]
    score = score_model(grades)
    assert (score.items, score.paid) == (2, 2)
    assert score.correct == pytest.approx(2 / 3)
    assert score.accuracy == pytest.approx(1 / 3)
    assert score.answered_accuracy == pytest.approx(2 / 3)
    assert score.outcomes[Outcome.ANSWERED] == score.outcomes[Outcome.REFUSED] == 1
    assert score.replies[Outcome.ANSWERED] == 3
    assert score.replies[Outcome.FAILED] == 2
    assert score.bounds == pytest.approx((1 / 3, (2 / 3 + 2 / 3) / 2))


def test_right_samples_of_an_item_make_a_whole_one() -> None:
    """Three right samples of two items count exactly 2, as a whole number."""
    score = score_model(grade(item, "A", sample=n) for n in range(3) for item in "12")
    assert score.correct == 2
    assert isinstance(score.correct, int)


def test_questions_on_one_image_widen_the_interval() -> None:
    """Items that go right and wrong by image know less than items that stand alone."""
    alone = score_model([grade(str(n), "A" if n % 8 < 4 else "B") for n in range(80)])
    grouped = score_model([grade(str(n), "A" if n % 8 < 4 else "B", group=str(n // 4)) for n in range(80)])
    assert alone.interval is not None
    assert grouped.interval is not None
    assert alone.accuracy == grouped.accuracy
    assert grouped.interval.high - grouped.interval.low > 1.6 * (alone.interval.high - alone.interval.low)


def test_images_shared_by_tasks_widen_the_overall_interval() -> None:
    """Where the same images carry both tasks, the overall interval is wider than where they do not."""

    def overall(shared: bool) -> float:
        grades = []
        for n in range(100):
            letters = "A" if n % 2 else "B"
            grades.append(grade(f"d{n}", letters, group=f"image-{n}"))
            grades.append(grade(f"l{n}", letters, task="SLL", group=f"image-{n}" if shared else f"other-{n}"))
        interval = score_model(grades).interval
        assert interval is not None
        return interval.high - interval.low

    assert overall(shared=True) == pytest.approx(np.sqrt(2) * overall(shared=False), rel=0.05)


def test_tasks_that_are_right_throughout_on_the_same_images_know_no_more_than_one() -> None:
    """Both tasks all right on the same 5 images: the overall interval is that of either task."""
    grades = [grade(f"{task}{n}", "A", task=task, group=f"image-{n}") for n in range(5) for task in ("SDD", "SLL")]
    score = score_model(grades)
    assert score.interval == pytest.approx(score.tasks["SDD"].interval)


@pytest.mark.parametrize("groups", [5, 10, 20])
@pytest.mark.parametrize("shares", [(0.74, 0.46), (0.9, 0.3)])
def test_the_overall_interval_of_few_shared_images_covers_the_truth(groups: int, shares: tuple[float, float]) -> None:
    """Over 500 simulated runs of two tasks on the same 5 to 20 images, it holds the truth in 93 % or more."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(500):
        luck = rng.random(groups)
        grades = [
            grade(f"{task}{n}{copy}", "A" if rng.random() < of_image else "B", task=task, group=str(n))
            for task, share in zip(("SDD", "SLL"), shares, strict=True)
            for n, of_image in enumerate(np.clip(share + 0.5 * (luck - 0.5) * min(1, 4 * (1 - share)), 0, 1))
            for copy in range(6 if task == "SDD" else 3)
        ]
        interval = score_model(grades).interval
        assert interval is not None
        covered += interval.low <= sum(shares) / 2 <= interval.high
    assert covered / 500 >= 0.93


def test_the_overall_interval_covers_the_truth_where_one_image_holds_most_questions() -> None:
    """Over 150 simulated runs of two tasks with 60 questions on one image and 3 on 19 others: in 90 % or more."""
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(150):
        grades = [
            grade(f"{task}{n}-{copy}", "A" if rng.random() < of_image else "B", task=task, group=str(n))
            for task, share in (("SDD", 0.7), ("SLL", 0.4))
            for n, of_image in enumerate(share + 0.25 * rng.uniform(-1, 1, 20))
            for copy in range(60 if n == 0 else 3)
        ]
        interval = score_model(grades).interval
        assert interval is not None
        covered += interval.low <= 0.55 <= interval.high
    assert covered / 150 >= 0.9


@pytest.mark.parametrize("shared", [True, False])
def test_the_overall_interval_covers_the_truth(shared: bool) -> None:
    """Over 400 simulated runs of two tasks of different size, the overall interval holds the truth in 92 to 98.5 %."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        of_image = rng.beta(1.2, 2.8, 80)
        other = of_image if shared else rng.beta(1.2, 2.8, 80)
        grades = [grade(f"d{n}", "A" if rng.random() < of_image[n] else "B", group=str(n)) for n in range(80)]
        grades += [
            grade(f"l{n}", "A" if rng.random() < other[n] / 2 else "B", task="SLL", group=f"{n}" if shared else f"o{n}")
            for n in range(40)
        ]
        interval = score_model(grades).interval
        assert interval is not None
        covered += interval.low <= 0.225 <= interval.high
    assert 0.92 <= covered / 400 <= 0.985


def test_slices_follow_the_metadata_or_the_right_option() -> None:
    """Diseases come from the metadata, else from the text of the right option; sources from the metadata only."""
    score = score_model(
        [
            grade("1", "A", disease="Osteophytes ", source="vindr"),
            grade("2", "B", disease="Osteophytes", source="vindr"),
            grade("3", "B", gold="B"),
            grade("4", "B", gold="B", disease=3, source=["buu"]),
            grade("5", "AB", gold="AB", task="SLL"),
        ]
    )
    assert {name: part.items for name, part in score.by_disease["SDD"].items()} == {"L2/L3": 2, "Osteophytes": 2}
    assert score.by_disease["SDD"]["Osteophytes"].accuracy == 0.5
    assert {name: part.items for name, part in score.by_source["SDD"].items()} == {"vindr": 2}
    assert score.by_disease["SLL"] == {}


def test_items_without_option_texts_have_no_disease() -> None:
    """Without texts and metadata no disease is made up."""
    bare = grade("1", "A")._replace(option_texts=())
    assert score_model([bare]).by_disease == {"SDD": {}}


def test_texts_of_their_own_are_no_categories() -> None:
    """A benchmark whose right texts are all different is not sliced by them."""
    grades = [grade(str(n), "A", disease=f"finding {n}") for n in range(MOST_SLICES + 1)]
    assert len(score_model(grades[1:]).by_disease["SDD"]) == MOST_SLICES
    assert score_model(grades).by_disease["SDD"] == {}


def test_a_hundred_thousand_grades_are_scored_as_they_come() -> None:
    """A whole SpineBench and more, from a stream that is read once."""
    stream = (grade(f"item-{n}", "A", group=f"image-{n // 2}") for n in range(100_000))
    assert score_model(stream).items == 100_000
