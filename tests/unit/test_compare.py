"""Two models on shared items: who is right where, the difference, its tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from orchestrator.grading.compare import Comparison, Paired, compare, compare_all, compare_slices
from orchestrator.grading.score import score_table
from orchestrator.grading.stats import benjamini_hochberg, holm
from orchestrator.grading.tally import MOST_SLICES, ItemTable, tabulate
from orchestrator.records import Grade, Outcome

GONE = {"r": Outcome.REFUSED, "f": Outcome.FAILED}


def table(answers: str, task: str = "SDD", per_group: int = 1, **metadata: str) -> ItemTable:
    """Return the table of items answered right (1), wrong (0), refused (r) or failed (f)."""
    return tabulate(grades(answers, task, per_group, **metadata))


def grades(answers: str, task: str = "SDD", per_group: int = 1, **metadata: str) -> list[Grade]:
    """Return the grades of such items."""
    return [
        Grade(
            item_id=f"{task}-{number}",
            task=task,
            group=f"image-{number // per_group}",
            multi=False,
            options=("A", "B"),
            gold=("A",),
            letters={"1": ("A",), "0": ("B",)}.get(answer, ()),
            outcome=GONE.get(answer, Outcome.ANSWERED),
            metadata=metadata,
        )
        for number, answer in enumerate(answers)
    ]


def paired(comparison: Comparison) -> Paired:
    """Return the headline of a comparison that has one."""
    assert comparison.paid is not None
    return comparison.paid


def test_items_are_counted_by_who_is_right() -> None:
    """Refused counts wrong in the headline and is left out where both must have answered; failed is in neither."""
    comparison = compare("a", "b", table("1110r1f"), table("1001011"))
    headline = paired(comparison)
    counts = (headline.both, headline.only_a, headline.only_b, headline.neither)
    assert counts == (2, 2, 1, 1)
    assert sum(counts) == headline.items == 6
    assert headline.difference == pytest.approx(1 / 6)
    assert comparison.answered is not None
    assert comparison.answered.items == 5
    assert headline.mcnemar_p == pytest.approx(mcnemar([[2, 2], [1, 1]], exact=True).pvalue)
    assert headline.p == pytest.approx(headline.mcnemar_p)
    assert headline.test == "sign-flip permutation by group, exact"
    assert headline.exact


@given(st.text("10rf", min_size=1, max_size=30), st.text("10rf", min_size=1, max_size=30), st.integers(1, 4))
def test_swapping_the_models_negates_the_difference(first: str, second: str, per_group: int) -> None:
    """Everything turns with the models, and p stays in (0, 1]."""
    left, right = table(first, per_group=per_group), table(second, per_group=per_group)
    there, back = compare("a", "b", left, right).paid, compare("b", "a", right, left).paid
    if there is None or back is None:
        assert there is back
        return
    assert there.difference == pytest.approx(-back.difference)
    assert (there.interval is None) == (back.interval is None) == (there.groups == 1)
    if there.interval and back.interval:
        assert there.interval == pytest.approx((-back.interval.high, -back.interval.low))
        assert there.interval.low <= there.difference <= there.interval.high
    assert (there.only_a, there.only_b) == (back.only_b, back.only_a)
    assert (there.both, there.neither) == (back.both, back.neither)
    assert 0 < there.p <= 1
    assert there.p == pytest.approx(back.p)
    assert there.difference == pytest.approx(there.accuracy_a - there.accuracy_b)
    assert there.detectable is None or 0 < there.detectable <= 1


def test_the_difference_is_that_of_the_overall_accuracies() -> None:
    """On the same items the difference equals that of the table, tasks weighing the same."""
    left = tabulate(grades("1111000011", "SDD") + grades("10", "SLL"))
    right = tabulate(grades("0111000010", "SDD") + grades("00", "SLL"))
    comparison = compare("a", "b", left, right)
    one, other = score_table(left).accuracy, score_table(right).accuracy
    assert one is not None
    assert other is not None
    assert paired(comparison).difference == pytest.approx(one - other)
    assert paired(comparison).mcnemar_p is None
    assert {task: part.items for task, part in comparison.tasks.items()} == {"SDD": 10, "SLL": 2}
    assert comparison.tasks["SLL"].mcnemar_p == 1


def test_questions_on_one_image_are_flipped_together() -> None:
    """Eight differences on two images are two coin tosses, not eight, and McNemar is not offered."""
    headline = paired(compare("a", "b", table("11111111", per_group=4), table("00000000", per_group=4)))
    assert headline.groups == 2
    assert headline.p == 0.5
    assert headline.mcnemar_p is None


@pytest.mark.parametrize(("groups", "interval", "detectable"), [(1, False, False), (5, True, False), (6, True, True)])
def test_few_groups_say_little(groups: int, interval: bool, detectable: bool) -> None:
    """One image has no interval; up to five can never give p < .05, so no difference would be found."""
    per_group = 4
    right, wrong = "1" * per_group * groups, "0" * per_group * groups
    headline = paired(compare("a", "b", table(right, per_group=per_group), table(wrong, per_group=per_group)))
    assert (headline.interval is not None, headline.detectable is not None) == (interval, detectable)
    assert (headline.p < 0.05) == detectable


def test_several_replies_compare_by_their_shares() -> None:
    """An item with several samples enters with its share, is right by majority, and bars McNemar."""
    left = tabulate(grades("11") + grades("10") + grades("10"))
    headline = paired(compare("a", "b", left, table("10")))
    assert headline.difference == pytest.approx((0 + 1 / 3) / 2)
    assert (headline.both, headline.neither) == (1, 1)
    assert headline.mcnemar_p is None


@pytest.mark.parametrize("images", [10, 20])
def test_models_that_tie_on_every_image_are_not_told_apart(images: int) -> None:
    """Shares of replies, or tasks of other weight, that cancel within each image give p = 1, though floats do not."""

    def samples(right: tuple[int, int, int]) -> ItemTable:
        rows = ("".join("1" if sample < of_ten else "0" for of_ten in right) * images for sample in range(10))
        return tabulate([grade for row in rows for grade in grades(row, per_group=3)])

    def tasks(first: str, second: str) -> ItemTable:
        return tabulate(grades(first * 8 * images, per_group=8) + grades(second * images, "SLL"))

    for left, right in ((samples((1, 6, 0)), samples((0, 0, 7))), (tasks("1", "0"), tasks("0", "1"))):
        headline = paired(compare("a", "b", left, right))
        assert headline.difference == pytest.approx(0)
        assert headline.p == 1


def test_many_image_sums_are_drawn_and_said_to_be() -> None:
    """Where the sums cannot be enumerated, the test's name says that it drew."""
    sizes = range(1, 40)
    left, right = [], []
    for size in sizes:
        right += grades("0" * size, f"T{size}")
        left += grades("1" * size, f"T{size}")
    headline = paired(compare("a", "b", tabulate(left), tabulate(right)))
    assert headline.test == "sign-flip permutation by group, 10,000 seeded draws"
    assert not headline.exact


def test_models_that_share_nothing_are_not_compared() -> None:
    """Without a shared item there is no comparison, and no crash."""
    comparison = compare("a", "b", table("11"), table("11", "SLL"))
    assert comparison.paid is None
    assert comparison.answered is None
    assert comparison.tasks == {}
    assert compare("a", "b", table(""), table("")).paid is None


def test_all_pairs_are_corrected_together() -> None:
    """Three models make three pairs; a pair without shared items takes no part in the correction."""
    tables = {"a": table("1" * 20), "b": table("0" * 20), "c": table("1" * 10 + "0" * 10), "d": table("1", "SLL")}
    pairs = compare_all(tables)
    assert [(pair.a, pair.b) for pair in pairs] == [
        ("a", "b"),
        ("a", "c"),
        ("a", "d"),
        ("b", "c"),
        ("b", "d"),
        ("c", "d"),
    ]
    known = [pair for pair in pairs if pair.paid]
    assert [pair.p_holm for pair in known] == pytest.approx(holm([paired(pair).p for pair in known]))
    assert [pair.p_holm for pair in pairs if not pair.paid] == [None] * 3


def test_slices_are_compared_and_corrected_together() -> None:
    """Each disease and source of each task is compared by itself, with Benjamini and Hochberg over them."""

    def mixed(first: str, second: str) -> ItemTable:
        return tabulate(
            grades(first, disease="Osteophytes", source="vindr")
            + grades(second, "SLL", disease="Healthy", source="buu")
        )

    left, right = mixed("1111111", "1010"), mixed("0000000", "0101")
    found = compare_slices(left, right, "disease")
    assert [(one.task, one.name, one.paired.items) for one in found] == [
        ("SDD", "Osteophytes", 7),
        ("SLL", "Healthy", 4),
    ]
    assert [one.p_adjusted for one in found] == pytest.approx(benjamini_hochberg([one.paired.p for one in found]))
    assert [one.name for one in compare_slices(left, right, "source")] == ["vindr", "buu"]


def test_texts_of_their_own_are_not_compared_as_slices() -> None:
    """A task with more names than categories can have is left out."""
    many = [grades("1", disease=f"finding {n}")[0]._replace(item_id=str(n)) for n in range(MOST_SLICES + 1)]
    everything = tabulate(many)
    assert compare_slices(everything, everything, "disease") == ()
    assert len(compare_slices(tabulate(many[1:]), everything, "disease")) == MOST_SLICES
