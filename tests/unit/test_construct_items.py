"""Items, cases, subset and hardness: what is asked, of which pictures, and how hard it is."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.construct.cases import Case, integrate
from orchestrator.construct.charts import embedding_map, similarity_map
from orchestrator.construct.clarity import Clarity
from orchestrator.construct.embed import unit
from orchestrator.construct.findings import Finding, Rule
from orchestrator.construct.hardness import measure_hardness
from orchestrator.construct.items import compose, item_id, located
from orchestrator.construct.labels import DISEASES, HEALTHY, LEVELS, Vocabulary
from orchestrator.construct.negatives import NONE, Library
from orchestrator.construct.paraphrase import why_not
from orchestrator.construct.prepare import Prepared
from orchestrator.construct.questions import POOLS, SDD, SLL, SLOT
from orchestrator.construct.subset import Candidate, allocate, draw

NAMES = tuple(disease.name for disease in DISEASES)


def finding(
    group: str, diseases: tuple[str, ...] = ("Osteophytes",), levels: tuple[tuple[str, tuple[str, ...]], ...] = ()
) -> Finding:
    """Return a finding."""
    return Finding("s", Path("p"), f"of {group}", group, "X-ray", diseases, levels=levels)


def prepared(name: str, clear: bool = True) -> Prepared:
    """Return a prepared picture of that digest."""
    return Prepared(
        f"{hashlib.sha256(name.encode()).hexdigest()}.png", "sha" if clear else "", 1, 9, 9, 0.5, 0.5, "00" * 32
    )


def case(number: int, gold: str = "Osteophytes", group: str = "", carried: tuple[str, ...] = ()) -> Case:
    """Return a case with one disease."""
    own = frozenset({gold, *carried} - {HEALTHY})
    return Case(finding(group or str(number), (gold,)), prepared(f"{number:x}"), gold, own, group or str(number))


def whole_table(cases: list[Case], seed: int = 0) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int32]], Library]:
    """Return a random similarity table for the cases, and a library of all diseases."""
    diseases = tuple(sorted((*NAMES, HEALTHY)))
    table = np.random.default_rng(seed).integers(0, 10_000, (len(cases), len(diseases))).astype(np.int32)
    return table, Library(diseases, tuple((0,) for _ in diseases))


# --- cases -----------------------------------------------------------------------------------------------------------


def test_groups_that_share_a_file_become_one_through_any_chain() -> None:
    """a-b share one file, b-c another: a, b and c are one patient, and what one carries all carry."""
    pictures = [
        (finding("a"), prepared("1")),
        (finding("b"), prepared("1")),
        (finding("b"), prepared("2")),
        (finding("c"), prepared("2")),
        (finding("c", ("Vertebral collapse",)), prepared("3")),
        (finding("d"), prepared("4")),
    ]
    cases, dropped = integrate(pictures, "rarest")
    group_of = {one.finding.subject: (one.group, one.carried) for one in cases}
    together = ("s-00001", frozenset({"Osteophytes", "Vertebral collapse"}))
    assert group_of == {
        "of a": together,
        "of b": together,
        "of c": together,
        "of d": ("s-00002", frozenset({"Osteophytes"})),
    }
    assert [one.rule for one in dropped] == [Rule.DUPLICATE, Rule.DUPLICATE]


def test_a_repeated_file_whose_levels_differ_keeps_its_disease_only() -> None:
    """Two answers to where are none; to what they agree."""
    at = (("Osteophytes", ("L1/L2",)),)
    cases, _ = integrate([(finding("a", levels=at), prepared("1")), (finding("b"), prepared("1"))], "rarest")
    assert cases[0].gold == "Osteophytes"
    assert located(cases[0]) is None


def test_unclear_pictures_and_pictures_of_two_diseases_are_named() -> None:
    """By their rules; under "drop" two diseases are one too many."""
    two = finding("b", ("Osteophytes", "Vertebral collapse"))
    pictures = [(finding("a"), prepared("1", clear=False)), (two, prepared("2")), (finding("c"), prepared("3"))]
    kept, dropped = integrate(pictures, "drop")
    assert len(kept) == 1
    assert [one.rule for one in dropped] == [Rule.UNCLEAR, Rule.AMBIGUOUS]
    kept, _ = integrate(pictures, "rarest")
    assert {one.finding.subject: one.gold for one in kept} == {"of b": "Vertebral collapse", "of c": "Osteophytes"}
    assert all(one.carried == {"Osteophytes", "Vertebral collapse"} for one in kept if one.finding.group == "b")


# --- items -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from((*NAMES, HEALTHY)), min_size=1, max_size=30), st.integers(0, 99))
def test_every_diagnosis_item_has_five_options_with_healthy_and_the_answer(golds: list[str], seed: int) -> None:
    """Whatever the answer: the nearest others fill up, letters are A to E, and the id tells nothing."""
    cases = [case(number, gold) for number, gold in enumerate(golds)]
    table, library = whole_table(cases, seed)
    items, dropped = compose(cases, table, library, POOLS, seed)
    assert dropped == []
    for item, one, row in zip(items, cases, table, strict=True):
        options, answer = item["options"], item["answer"]
        assert isinstance(options, dict)
        assert isinstance(answer, list)
        assert list(options) == list("ABCDE")
        assert [options[str(letter)] for letter in answer] == [one.gold]
        others = {str(text) for text in options.values()} - {one.gold, HEALTHY}
        score = dict(zip(library.diseases, row.tolist(), strict=True))
        left_out = set(NAMES) - others - {one.gold}
        assert min(score[name] for name in others) >= max(score[name] for name in left_out)
        assert item["question"] in POOLS.sdd
        assert item["metadata"] == {"source": "s", "view": "X-ray"}


def test_letters_are_spread_evenly_over_many_items() -> None:
    """Each letter is right in a fifth of 4,000 items, within four standard deviations."""
    cases = [case(number, NAMES[number % 11]) for number in range(4000)]
    items, _ = compose(cases, *whole_table(cases), POOLS, 3)
    counts = Counter(str(item["answer"]) for item in items)
    assert all(abs(counts[f"['{letter}']"] - 800) < 4 * (4000 * 0.2 * 0.8) ** 0.5 for letter in "ABCDE")
    wordings = Counter(str(item["question"]) for item in items)
    assert len(wordings) == len(POOLS.sdd)
    assert min(wordings.values()) > 300


def test_an_item_stands_still_when_others_come_and_go() -> None:
    """Wording and letters depend on the seed and the picture alone."""
    cases = [case(number) for number in range(5)]
    table, library = whole_table(cases)
    all_items, _ = compose(cases, table, library, POOLS, 1)
    one_item, _ = compose(cases[2:3], table[2:3], library, POOLS, 1)
    assert one_item == all_items[2:3]


def test_too_few_comparable_diseases_drop_the_item_and_say_so() -> None:
    """Healthy needs four, a disease three."""
    cases = [
        case(0, HEALTHY, carried=NAMES[:8]),
        case(1, HEALTHY, carried=NAMES[:7]),
        case(2, NAMES[0], carried=NAMES[:8]),
    ]
    table, library = whole_table(cases)
    items, dropped = compose(cases, table, library, POOLS, 0)
    assert len(items) == 2
    assert [(one.rule, one.detail[0]) for one in dropped] == [(Rule.FEW_NEGATIVES, "3")]


def test_a_localisation_item_asks_for_all_levels_of_its_disease() -> None:
    """The answer's disease if its levels are known, else another of the picture."""
    levels = (("Foraminal stenosis", ("L1/L2", "L5/S1")),)
    one = replace(case(1), finding=finding("1", ("Foraminal stenosis", "Osteophytes"), levels=levels))
    items, _ = compose([one], *whole_table([one]), POOLS, 0)
    item = items[1]
    options, answer = item["options"], item["answer"]
    assert isinstance(options, dict)
    assert isinstance(answer, list)
    assert sorted(map(str, options.values())) == sorted(LEVELS)
    assert sorted(str(options[str(letter)]) for letter in answer) == ["L1/L2", "L5/S1"]
    assert answer == sorted(map(str, answer))
    assert "Foraminal stenosis" in str(item["question"])
    assert item["multi"] is True
    assert item["id"] == item_id(SLL, one)
    assert items[0]["id"] == item_id(SDD, one)


def test_frames_of_one_file_have_ids_of_their_own() -> None:
    """The frame is in the picture's name and in the id."""
    one = replace(case(1), prepared=replace(prepared("a"), name=f"{'a' * 64}-f3.png"))
    assert item_id(SDD, one) == f"sdd-{'a' * 16}-f3"


@pytest.mark.parametrize(("task", "pool"), [(SDD, POOLS.sdd), (SLL, POOLS.sll)])
def test_our_own_wordings_pass_what_a_models_must(task: str, pool: tuple[str, ...]) -> None:
    """No disease, no level, the slot where it belongs; ten different ones."""
    assert [why_not(task, wording, Vocabulary()) for wording in pool] == [None] * len(pool)
    assert len(set(pool)) == len(pool) >= 10
    assert all(wording.count(SLOT) == (task == SLL) for wording in pool)


# --- subset ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 200), st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 50), min_size=1))
def test_shares_are_even_and_use_all_the_room_there_is(count: int, room: dict[str, int]) -> None:
    """The sum is as asked, nobody gets more than fits, and only who is full gets less than another."""
    shares = allocate(count, room)
    assert sum(shares.values()) == min(count, sum(room.values()))
    assert all(0 <= shares[place] <= room[place] for place in room)
    most = max(shares.values())
    assert all(shares[place] >= most - 1 or shares[place] == room[place] for place in room)


def candidates() -> list[Candidate]:
    """Return 100 of A (90 from x), 20 of B, 5 of C, all of one view, one in five blurred or flat."""
    made = []
    for disease, source, count in (("A", "x", 90), ("A", "y", 10), ("B", "x", 20), ("C", "x", 5)):
        for number in range(count):
            clear = 0.2 + 0.5 * (number + 1) / count
            made.append(Candidate(f"{disease}{source}{number:03d}", (disease, source, ""), "v", Clarity(clear, 0.5)))
    return made


def test_the_subset_is_balanced_over_diseases_then_sources() -> None:
    """Small diseases whole, large ones alike, and within a disease the sources alike."""
    drawn = draw(candidates(), 33, 0.0, 1)
    assert Counter(one[0] for one in drawn) == {"A": 14, "B": 14, "C": 5}
    assert Counter(one[:2] for one in drawn if one[0] == "A") == {"Ax": 7, "Ay": 7}
    assert drawn == draw(list(reversed(candidates())), 33, 0.0, 1)
    assert drawn != draw(candidates(), 33, 0.0, 2)
    assert len(draw(candidates(), 1000, 0.0, 1)) == 125
    assert draw([], 10, 0.2, 1) == frozenset()


def test_the_least_clear_of_each_view_are_not_drawn() -> None:
    """A fifth by contrast or by sharpness; a view is compared with itself only."""
    made = [Candidate(f"clear{i:02d}", ("A",), "one view", Clarity(0.5 + i / 1000, 0.5)) for i in range(100)]
    made += [Candidate(f"dim{i:02d}", ("A",), "another", Clarity(0.05, 0.1 + i / 1000)) for i in range(100)]
    drawn = draw(made, 1000, 0.2, 1)
    assert sorted(drawn) == [one.id for one in made if int(one.id[-2:]) >= 19]


# --- hardness and charts ---------------------------------------------------------------------------------------------


def test_the_baseline_is_right_where_its_own_disease_is_nearest() -> None:
    """Own disease first: always right. Own disease fourth: right only among random wrong answers, sometimes."""
    diseases = tuple(sorted((*NAMES, HEALTHY)))
    library = Library(diseases, tuple((0,) for _ in diseases))
    cases = [case(number, NAMES[number % 11]) for number in range(220)]
    first = np.full((220, 12), 100, np.int32)
    fourth = np.tile(np.arange(12, dtype=np.int32) * 100, (220, 1))
    for row, one in enumerate(cases):
        first[row, diseases.index(one.gold)] = 9000
        better = [name for name in NAMES if name != one.gold][:3]
        fourth[row] = 0
        fourth[row, diseases.index(one.gold)] = 5000
        for name in better:
            fourth[row, diseases.index(name)] = 6000
    easy = measure_hardness(cases, first, library, 1)
    assert easy is not None
    assert (easy.chosen.value, easy.random.value, easy.harder.value) == (1.0, 1.0, 0.0)
    assert 0.95 < easy.chosen.low < easy.chosen.high == pytest.approx(1.0)
    hard = measure_hardness(cases, fourth, library, 1)
    assert hard is not None
    assert hard.chosen.value == 0.0
    # Of 10 others 3 are better: none of them is among 3 random ones in C(7,3)/C(10,3) = 29 % of the items.
    assert hard.random.low < 35 / 120 < hard.random.high
    assert hard.harder.low > 0.2


def test_pictures_of_one_patient_widen_the_interval() -> None:
    """Ten copies of 22 patients tell hardly more than 22 patients."""
    diseases = tuple(sorted((*NAMES, HEALTHY)))
    library = Library(diseases, tuple((0,) for _ in diseases))
    table = np.zeros((220, 12), np.int32)
    apart = [case(number, NAMES[number // 10 % 11]) for number in range(220)]
    together = [replace(one, group=f"p{number // 10}") for number, one in enumerate(apart)]
    for row, one in enumerate(apart):
        table[row, diseases.index(one.gold)] = 9000 if row // 10 % 2 else -9000
    wide, narrow = (measure_hardness(cases, table, library, 1) for cases in (together, apart))
    assert wide is not None
    assert narrow is not None
    assert wide.chosen.value == narrow.chosen.value == 0.5
    assert wide.chosen.high - wide.chosen.low > 2.5 * (narrow.chosen.high - narrow.chosen.low)


def test_there_is_nothing_to_compare_without_diagnosis_items() -> None:
    """No item, no number."""
    one = case(1)
    library = Library(("Osteophytes",), ((0,),))
    assert measure_hardness([one], np.array([[NONE]], np.int32), library, 1) is None


def test_charts_are_well_formed_escaped_and_the_same_again() -> None:
    """No script, nothing fetched; a hostile name stays text; missing similarities stay blank."""
    vectors = np.stack([unit(one) for one in np.random.default_rng(1).standard_normal((30, 8))])
    names = [f"n{i}" for i in range(30)]
    diseases = ["<script>alert(1)</script>", "B", "C"] * 10
    drawn = embedding_map(vectors, names, diseases, 1)
    assert drawn == embedding_map(vectors, names, diseases, 1)
    table = np.array([[0.5, np.nan], [0.1, 0.9]])
    drawn += similarity_map(table, ["<b>", "B"], ["<b>", "B"])
    assert "<script" not in drawn
    assert "<b>" not in drawn
    assert "&lt;script&gt;" in drawn
    assert drawn.count("<svg") == drawn.count("</svg>") == 2
    assert drawn.count("<circle") == 11
    assert "0.90" in drawn
    assert similarity_map(np.full((1, 1), np.nan), ["A"], ["A"]).count("rect") == 2
    assert "1 pictures" in embedding_map(vectors[:1], names[:1], diseases[:1], 1)
