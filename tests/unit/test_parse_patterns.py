"""Patterns that are quick to search for match what their plain spelling matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.grading.patterns import words

WORDS = "no|not|none|mild(?:ly)?(?!\\))|minor|rather than|can(?:not|'t)|or|exclud\\w+"
PLAIN = re.compile(rf"\b(?:{WORDS})\b")
QUICK = re.compile(words(WORDS))


@given(
    st.lists(
        st.sampled_from([*"no tramildyexcu'() .-_0é", "not ", "mild)", "mild", "minor", "cannot", "excluded"]),
        max_size=40,
    )
)
def test_the_same_places_are_found(pieces: list[str]) -> None:
    """Of every text, with the same ends."""
    text = "".join(pieces)
    assert [one.span() for one in QUICK.finditer(text)] == [one.span() for one in PLAIN.finditer(text)]


def test_alternatives_may_come_in_groups() -> None:
    """As one argument or as several."""
    assert words("no|not", "or") == words("no|not|or")


@pytest.mark.parametrize("alternatives", ["(?:no|not)", "no|(?<!a)b", "a?b", "x*", "Not", "no|", "1st"])
def test_an_alternative_that_does_not_begin_with_a_small_letter_is_refused(alternatives: str) -> None:
    """For the search could not be quick then, or the pattern would mean something else."""
    with pytest.raises(ValueError, match="does not begin with a small letter"):
        words(alternatives)
