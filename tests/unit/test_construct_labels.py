"""Labels: one name a disease, five levels, and no guessing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.construct.labels import (
    DISEASES,
    HEALTHY,
    LEVELS,
    Disease,
    Vocabulary,
    choose_gold,
    find_level,
    in_order,
)
from orchestrator.errors import BenchmarkError, ConfigError

WORDS = Vocabulary()


def test_the_table_holds_the_papers_eleven_diseases() -> None:
    """Names, in order, as the paper prints them."""
    assert [disease.name for disease in WORDS.diseases] == sorted(disease.name for disease in DISEASES)
    assert len(DISEASES) == 11
    assert len({disease.abbreviation for disease in DISEASES}) == 11


@given(st.sampled_from(DISEASES), st.data())
def test_every_name_of_a_disease_finds_it_however_it_is_written(disease: Disease, data: st.DataObject) -> None:
    """Case, underscores, dashes and repeated spaces do not count."""
    name = data.draw(st.sampled_from((disease.name, disease.abbreviation, *disease.aliases)))
    written = data.draw(st.sampled_from((name, name.upper(), name.replace(" ", "_"), f"  {name.replace(' ', ' - ')}.")))
    assert WORDS.find(written, "f", 1, "label") == disease.name


@pytest.mark.parametrize("label", ["healthy", "No finding", "NORMAL", "asymptomatic"])
def test_healthy_has_aliases_too(label: str) -> None:
    """What sources call a picture without a finding."""
    assert WORDS.find(label, "f", 1, "label") == HEALTHY


def test_an_unknown_label_names_its_place_and_the_nearest_known() -> None:
    """The message holds all it takes to correct the file."""
    with pytest.raises(BenchmarkError, match=r"^t\.csv:7: lesion: unknown label 'Osteofyte'.*'osteophyte'"):
        WORDS.find("Osteofyte", "t.csv", 7, "lesion")


def test_a_benchmark_may_add_diseases_but_not_reuse_a_name() -> None:
    """Additions join the table; two diseases under one name would make the answer key a matter of luck."""
    scoliosis = Disease("Scoliosis", "SCO", ("D012600", "Scoliosis"), ("lateral curvature",))
    assert Vocabulary([scoliosis]).find("Lateral curvature", "f", 1, "x") == "Scoliosis"
    with pytest.raises(ConfigError, match="two diseases are called 'kyphotic'"):
        Vocabulary([Disease("Thoracic kyphosis", "TK", None, ("Kyphotic",))])


@pytest.mark.parametrize("written", ["L4/L5", "l4_l5", "L4-L5", " L4 / 5 ", "L45", "L4L5"])
def test_a_level_may_be_written_in_any_usual_way(written: str) -> None:
    """One level, six spellings."""
    assert find_level(written, "f", 1, "level") == "L4/L5"


@pytest.mark.parametrize("written", ["L5/S1", "L5-S1", "l5s1", "L5/1"])
def test_the_lowest_level_ends_at_the_sacrum(written: str) -> None:
    """L5/S1 has an S where the others have an L."""
    assert find_level(written, "f", 1, "level") == "L5/S1"


@pytest.mark.parametrize("written", ["L2/L4", "T12/L1", "L5/L6", "L4/S5", "", "L1/S2"])
def test_anything_else_is_no_level(written: str) -> None:
    """A level that is none of the five stops the build."""
    with pytest.raises(BenchmarkError, match="unknown level"):
        find_level(written, "f", 1, "level")


def test_levels_are_told_from_the_head_down_and_once() -> None:
    """Whatever order they came in."""
    assert in_order(["L5/S1", "L1/L2", "L5/S1"]) == (LEVELS[0], LEVELS[4])


@pytest.mark.parametrize(
    ("diseases", "conflicts", "gold"),
    [
        (("A",), "rarest", "A"),
        (("A",), "drop", "A"),
        ((HEALTHY,), "drop", HEALTHY),
        (("A", "B"), "rarest", "B"),
        (("A", "C"), "rarest", "A"),
        (("A", "B"), "drop", None),
        (("A", HEALTHY), "rarest", None),
        ((), "rarest", None),
    ],
)
def test_of_several_diseases_the_rarest_is_asked_for(diseases: tuple[str, ...], conflicts: str, gold: str) -> None:
    """Ties go by name; Healthy beside a disease is no answer."""
    assert choose_gold(diseases, {"A": 5, "B": 2, "C": 5}, conflicts) == gold
