"""Models compared from the cache: which pairs, which slices, and what is said when there is nothing to compare."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from stored_fixtures import Archive, row

from orchestrator.commands.comparing import Compared, compare_benchmark
from orchestrator.errors import ConfigError
from orchestrator.grading.compare import By
from orchestrator.reporting.comparison import comparison_json, slice_json, slice_table


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An archive of twelve items: `good` has all of them right, `poor` few, `mute` answers none."""
    made = Archive(tmp_path)
    made.write([row(number, answer=["A"], multi=False, task="SDD") for number in range(12)])
    for number in range(12):
        made.keep("good", number, "My final option: [A]")
        made.keep("poor", number, f"My final option: [{'ABCD'[number % 4]}]")
        made.keep("mute", number, "I would rather not say.")
    yield made
    made.close()


def compared(archive: Archive, *models: str, by: By | None = None) -> Compared:
    """Return the comparison."""
    return asyncio.run(compare_benchmark(archive.choose(*models), by))


def test_two_models_are_one_pair_in_the_order_given(archive: Archive) -> None:
    """On every item for which both have a reply; refused and unparsed ones are wrong."""
    (pair,) = compared(archive, "poor", "good").pairs
    assert (pair.a, pair.b) == ("poor", "good")
    assert pair.paid is not None
    assert (pair.paid.items, pair.paid.groups, pair.paid.both, pair.paid.only_b) == (12, 6, 3, 9)
    assert pair.p_holm == pair.paid.p
    (beside_mute,) = compared(archive, "good", "mute").pairs
    assert beside_mute.paid is not None
    assert (beside_mute.paid.difference, beside_mute.answered) == (1, None)


def test_no_model_means_all_that_were_asked(archive: Archive) -> None:
    """Every pair, with p values corrected for all of them."""
    pairs = compared(archive).pairs
    assert [(pair.a, pair.b) for pair in pairs] == [("good", "mute"), ("good", "poor"), ("mute", "poor")]
    for pair in pairs:
        assert pair.paid is not None
        assert pair.p_holm is not None
        assert pair.p_holm >= pair.paid.p


def test_two_models_are_compared_within_each_slice(archive: Archive) -> None:
    """By source: each with its own p value, corrected for their number."""
    found = compared(archive, "good", "poor", by="source").slices
    assert [(one.name, one.paired.items) for one in found] == [("BUU", 6), ("RSNA", 6)]
    assert [(one.paired.only_a, one.paired.only_b) for one in found] == [(3, 0), (6, 0)]
    table = slice_table("good", "poor", "source", found)
    assert [one.name for one in table.rows] == ["BUU", "RSNA"]
    assert "p BH" in [column.title for column in table.columns]
    assert table.title == "A = good, B = poor, by source"
    body = json.loads(json.dumps([slice_json(one) for one in found], allow_nan=False))
    assert [one["name"] for one in body] == ["BUU", "RSNA"]
    assert body[0]["p_adjusted"] >= body[0]["paid"]["p"]


def test_slices_that_cannot_be_made_are_refused_with_the_reason(archive: Archive) -> None:
    """More than 64 categories, or none: no empty table, but why and what to do."""
    archive.write([row(number, answer=["A"], multi=False, task="SDD", metadata={}) for number in range(12)])
    with pytest.raises(ConfigError, match=r"nothing to compare by source\. SDD: .* in metadata\.source"):
        compared(archive, "good", "poor", by="source")


def test_tasks_without_slices_are_named_below_the_others(archive: Archive) -> None:
    """A task that can be sliced has its rows, the other one a line."""
    changes = [{"task": "SDD"}] * 6 + [{"task": "X", "metadata": {}}] * 6
    archive.write([row(number, answer=["A"], multi=False, **changes[number]) for number in range(12)])
    found = compared(archive, "good", "poor", by="source")
    assert {one.task for one in found.slices} == {"SDD"}
    (line,) = found.unsliced
    assert line in slice_table("good", "poor", "source", found.slices, found.unsliced).notes


def test_without_slices_there_are_none(archive: Archive) -> None:
    """They are made only where asked for."""
    found = compared(archive)
    assert found.slices == ()
    assert json.dumps([comparison_json(pair) for pair in found.pairs], allow_nan=False)


def test_too_few_or_too_many_models_are_refused(archive: Archive) -> None:
    """One model has nothing to be compared with; slices are for two."""
    with pytest.raises(ConfigError, match="here is only good"):
        compared(archive, "good")
    with pytest.raises(ConfigError, match="--by disease compares two models"):
        compared(archive, by="disease")
