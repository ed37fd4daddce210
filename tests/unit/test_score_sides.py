"""The other sides of a model: levels, confusion, positions, self-agreement, and all of them in one pass."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import fleiss_kappa

from orchestrator.grading.agreement import Agreement, agreements, pass_at
from orchestrator.grading.analysis import analyse
from orchestrator.grading.confusion import WITHOUT_LETTERS, confusions
from orchestrator.grading.levels import Level, levels
from orchestrator.grading.position import Position, positions
from orchestrator.grading.tally import MOST_SLICES, tabulate
from orchestrator.records import Grade, Item, Outcome

DISEASES = ("Healthy", "Osteophytes", "Spondylolisthesis")


def grade(
    item: str,
    letters: str,
    gold: str = "A",
    *,
    multi: bool = False,
    outcome: Outcome = Outcome.ANSWERED,
    sample: int = 0,
    rotation: int = 0,
    texts: tuple[str, ...] = DISEASES,
) -> Grade:
    """Return a grade of an item whose options are `texts` as shown, rotated or not."""
    return Grade(
        item_id=item,
        task="SLL" if multi else "SDD",
        group=item,
        multi=multi,
        options=tuple("ABCDEF"[: len(texts) or 3]),
        gold=tuple(gold),
        letters=tuple(letters) if outcome is Outcome.ANSWERED else (),
        outcome=outcome,
        sample=sample,
        rotation=rotation,
        option_texts=texts,
    )


def test_levels_are_counted_by_text() -> None:
    """A level is followed by its text through shuffled letters; a refusal misses it, a failure is left out."""
    found = levels(
        [
            grade("1", "AB", "AB", multi=True, texts=("L1", "L2", "L3")),
            grade("2", "A", "BC", multi=True, texts=("L1", "L2", "L3")[::-1]),
            grade("3", "", "A", multi=True, texts=("L1", "L2"), outcome=Outcome.REFUSED),
            grade("4", "", "A", multi=True, texts=("L1", "L2"), outcome=Outcome.FAILED),
            grade("5", "A", "A"),
        ]
    )
    assert found == (Level("SLL", "L1", 3, 1, 1), Level("SLL", "L2", 2, 1, 1), Level("SLL", "L3", 0, 1, 0))
    assert [level.recall for level in found] == [1 / 3, 1 / 2, None]
    assert [level.precision for level in found] == [1, 1, 0]
    assert Level("SLL", "L4", 1, 0, 0).precision is None


def test_levels_without_texts_go_by_letter() -> None:
    """Where no texts are kept, the letter is the level."""
    assert levels([grade("1", "A", "A", multi=True, texts=())]) == (Level("SLL", "A", 1, 1, 1),)


def test_texts_of_their_own_are_no_levels() -> None:
    """A task whose options are all different has no levels, and they are not hoarded."""
    many = [
        grade(str(n), "A", "A", multi=True, texts=(f"finding {n}", "none", "other")) for n in range(MOST_SLICES + 3)
    ]
    assert levels(many) == ()


def test_confusion_keeps_replies_without_letters_apart() -> None:
    """Right text against chosen text by count, every other outcome in a column of its own."""
    (matrix,) = confusions(
        [
            grade("1", "A"),
            grade("2", "B"),
            grade("3", "C", "B", texts=DISEASES[::-1]),
            grade("4", "AB", "B"),
            grade("5", "", "B", outcome=Outcome.REFUSED),
            grade("6", "", "A", outcome=Outcome.UNSENT),
            grade("7", "A", "A", multi=True),
            grade("8", "A", "AB"),
        ]
    )
    assert matrix.gold == ("Healthy", "Osteophytes")
    assert matrix.chosen == ("Healthy", "Healthy + Osteophytes", "Osteophytes")
    assert matrix.answered == ((1, 0, 1), (1, 1, 0))
    assert matrix.unanswered[0][WITHOUT_LETTERS.index(Outcome.UNSENT)] == 1
    assert matrix.unanswered[1][WITHOUT_LETTERS.index(Outcome.REFUSED)] == 1
    assert sum(map(sum, matrix.answered + matrix.unanswered)) == 6


def test_an_option_called_refused_is_not_a_refusal() -> None:
    """Option texts and outcomes never mix, whatever the texts are."""
    (matrix,) = confusions(
        [
            grade("1", "A", texts=("refused", "x", "y")),
            grade("2", "", texts=("refused", "x", "y"), outcome=Outcome.REFUSED),
        ]
    )
    assert matrix.answered == ((1,),)
    assert sum(matrix.unanswered[0]) == 1


def test_texts_of_their_own_make_no_matrix() -> None:
    """A task whose right texts are all different has no matrix, and they are not hoarded."""
    assert confusions(grade(str(n), "A", texts=(f"finding {n}", "x", "y")) for n in range(MOST_SLICES + 5)) == ()


def test_positions_tell_picks_from_gold() -> None:
    """A model that always picks A shows a pick rate of 1 there, whatever is right."""
    (found,) = positions(
        [
            *(grade(str(n), "A", gold) for n, gold in enumerate("AABC")),
            grade("r", "", "C", outcome=Outcome.REFUSED),
            grade("f", "", "C", outcome=Outcome.FAILED),
        ]
    )
    assert found.places == (Position(4, 2, 4, 2, 2), Position(4, 1, 0, 1, 0), Position(4, 1, 0, 2, 0))
    assert [place.pick_rate for place in found.places] == [1, 0, 0]
    assert [place.gold_rate for place in found.places] == [0.5, 0.25, 0.25]
    assert [place.accuracy for place in found.places] == [1, 0, 0]
    assert found.circular_accuracy is None


def test_places_nobody_stood_at_have_no_rates() -> None:
    """Sets have rates but no accuracy by place; a place never offered has none at all."""
    (found,) = positions([grade("1", "AB", "BC", multi=True)])
    assert [place.pick_rate for place in found.places] == [1, 1, 0]
    assert [place.accuracy for place in found.places] == [None] * 3
    empty = Position(0, 0, 0, 0, 0)
    assert (empty.pick_rate, empty.gold_rate) == (None, None)


def test_circular_accuracy_asks_for_every_rotation() -> None:
    """Right in all rotations counts; one wrong does not; with a rotation missing the item is left out."""
    item = Item("i", "SDD", "?", tuple(zip("ABC", DISEASES, strict=True)), ("A",), False, (), "i")
    rotations = [item.rotated(by) for by in range(3)]

    def asked(name: str, letters: list[str], outcome: Outcome = Outcome.ANSWERED) -> list[Grade]:
        return [
            grade(name, letter, shown.gold[0], rotation=by, outcome=outcome if by == 2 else Outcome.ANSWERED)
            for by, (letter, shown) in enumerate(zip(letters, rotations, strict=True))
        ]

    right = [shown.gold[0] for shown in rotations]
    grades = asked("all", right) + asked("one place", ["A", "A", "A"]) + asked("lost", right, Outcome.FAILED)
    (found,) = positions([*grades, grade("once", "A")])
    assert (found.circular_items, found.circular_right) == (2, 1)
    assert found.circular_accuracy == 0.5


def test_nothing_paid_has_no_places() -> None:
    """A task that was only unsent is listed without places."""
    (found,) = positions([grade("1", "", outcome=Outcome.UNSENT)])
    assert found.places == ()


@given(st.lists(st.lists(st.sampled_from("ABC"), min_size=4, max_size=4), min_size=1, max_size=8))
def test_kappa_is_that_of_statsmodels(answers: list[list[str]]) -> None:
    """Pairwise agreement and Fleiss' kappa equal the reference where items have equally many samples."""
    grades = [grade(str(n), said, sample=s) for n, row in enumerate(answers) for s, said in enumerate(row)]
    (found,) = agreements(grades)
    counts = np.array([[row.count(letter) for letter in "ABC"] for row in answers])
    pairs = [sum(a == b for i, a in enumerate(row) for j, b in enumerate(row) if i != j) / 12 for row in answers]
    assert found.pairwise == pytest.approx(np.mean(pairs))
    if len({said for row in answers for said in row}) == 1:
        assert found.kappa is None
    else:
        assert found.kappa == pytest.approx(fleiss_kappa(counts))


def test_rotations_agree_by_text() -> None:
    """The same disease under another letter is agreement; a refusal agrees with a refusal only."""
    grades = [
        grade("1", "A", texts=DISEASES),
        grade("1", "C", texts=DISEASES[::-1], rotation=1),
        grade("2", "", outcome=Outcome.REFUSED),
        grade("2", "", outcome=Outcome.FILTERED, sample=1),
        grade("3", "A"),
        grade("3", "", outcome=Outcome.FAILED, sample=1),
    ]
    (found,) = agreements(grades)
    assert isinstance(found, Agreement)
    assert (found.task, found.items, found.pairwise) == ("SDD", 2, 0.5)


def test_single_replies_have_no_agreement() -> None:
    """One reply an item cannot agree with itself."""
    assert agreements([grade("1", "A"), grade("2", "A")]) == ()


def test_pass_at_k_averages_over_the_items_with_enough_replies() -> None:
    """Items with fewer than k paid replies are left out; with none left there is no number."""
    grades = [grade("1", said, sample=n) for n, said in enumerate("AB")] + [grade("2", "A")]
    table = tabulate(grades)
    one, two = pass_at(table, 1), pass_at(table, 2)
    assert one is not None
    assert two is not None
    assert (one.items, one.value) == (2, 0.75)
    assert (two.items, two.value) == (1, 1)
    assert pass_at(table, 3) is None


def test_one_pass_gives_every_side() -> None:
    """The analysis of a stream equals the separate folds of a list."""
    grades = [
        grade(str(n), "AB"[n % 2], "A" if n % 3 else "B", multi=n % 5 == 0, sample=s) for n in range(20) for s in (0, 1)
    ]
    analysis = analyse(iter(grades))
    assert analysis.levels == levels(grades)
    assert analysis.confusions == confusions(grades)
    assert analysis.positions == positions(grades)
    assert analysis.agreements == agreements(grades)
