"""Which stored replies answer for a benchmark, and what their grades add up to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stored_fixtures import Archive, Said, row

from orchestrator.cli import printing
from orchestrator.commands import closing
from orchestrator.commands.scoring import ScoreResult, choose, score_benchmark
from orchestrator.errors import BenchmarkError, ConfigError
from orchestrator.records import Outcome
from orchestrator.reporting.leaderboard import leaderboard
from orchestrator.reporting.results import to_json

RIGHT, WRONG = "My final option: [A]", "My final option: [D]"
VAGUE = "Along the front margins stand small beaks of bone. The measurements are listed below."
SPURS = json.dumps({"letters": ["B"], "quote": "Along the front margins stand small beaks of bone"})


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An archive of eight items that nobody was asked."""
    made = Archive(tmp_path)
    made.write([row(number) for number in range(8)])
    yield made
    made.close()


def scored(archive: Archive, *models: str, run: str | None = None, analysed: bool = False) -> ScoreResult:
    """Return the scores of some models."""
    return asyncio.run(score_benchmark(archive.choose(*models, run=run), analysed=analysed))


def shown(result: ScoreResult) -> dict[str, Any]:
    """Return the models' objects as another program reads them."""
    models: dict[str, Any] = json.loads(json.dumps(to_json(result.summary), allow_nan=False))["models"]
    return models


def correct(result: ScoreResult, model: str = "gpt") -> float:
    """Return how many items a model has right."""
    return result.summary.models[model].correct


def test_the_latest_run_speaks_for_an_item(archive: Archive) -> None:
    """What only an earlier one asked is read from that; a run that is named stands alone."""
    archive.keep("gpt", 0, WRONG, run="old")
    archive.keep("gpt", 4, RIGHT, run="old")
    archive.keep("gpt", 0, RIGHT, run="new")
    both, old = scored(archive), scored(archive, run="old")
    assert (both.runs, correct(both)) == (("new", "old"), 2)
    assert (old.runs, correct(old)) == (("old",), 1)
    assert (old.summary.run, old.summary.several) == ("old", ())


def test_runs_whose_replies_are_used_are_named_and_other_replies_counted(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of which nothing is used is not named; a reply that a later run shares is none of the others."""
    for run, text in (("oldest", WRONG), ("old", RIGHT), ("new", RIGHT)):
        archive.keep("gpt", 0, text, run=run)
    archive.keep("gpt", 1, Said(WRONG, sample=1), run="oldest")
    archive.keep("gpt", 1, WRONG, run="old")
    archive.keep("gpt", 2, Said(None), run="oldest")
    archive.keep("gpt", 2, RIGHT, run="new")
    archive.share("gpt", 0, "oldest", "new")
    found = scored(archive)
    assert (dict(found.scored.used), found.scored.aside) == ({"new": 2, "old": 1}, 2)
    printing.say_read(archive.cache, found)
    first, second = capsys.readouterr().err.splitlines()
    assert "; replies of: new, old; " in first
    assert second.startswith("2 replies of other runs set aside: ")
    assert scored(archive, run="old").scored.aside == 0


def test_only_runs_that_asked_a_wanted_model_are_read(archive: Archive) -> None:
    """The others' money and items are not this model's."""
    archive.keep("gpt", 0, RIGHT, run="old")
    archive.keep("other", 0, RIGHT, run="new")
    found = scored(archive, "gpt")
    assert found.runs == ("old",)
    assert found.summary.ledger_nanousd == found.summary.spent_by_model["gpt"] == 100


def test_the_money_of_several_runs_is_no_one_runs(archive: Archive) -> None:
    """It is their sum, without a name or a cap; a run that is read alone has its own name, cap and money."""
    archive.open_run("old", cap_nanousd=5000)
    archive.open_run("new", cap_nanousd=7000)
    for run, number in (("old", 0), ("old", 4), ("new", 0)):
        archive.keep("gpt", number, RIGHT, run=run)
    both, new = scored(archive).summary, scored(archive, run="new").summary
    assert (both.run, both.several, both.ledger_nanousd, both.cap_nanousd) == (None, ("new", "old"), 300, None)
    assert (new.run, new.several, new.ledger_nanousd, new.cap_nanousd) == ("new", (), 100, 7000)
    told = [to_json(one) for one in (both, new)]
    assert [(one["run"], one["runs"], one["cap_usd"]) for one in told] == [
        (None, ["new", "old"], None),
        ("new", ["new"], 7e-6),
    ]
    assert any("charged in all of the 2 runs" in note for note in leaderboard(both).notes)
    assert not any("runs on this benchmark" in note for note in leaderboard(new).notes)


def test_a_run_that_asked_the_first_items_is_graded_on_those(archive: Archive) -> None:
    """The limit of the longest run counts."""
    archive.open_run("short", limit=2)
    archive.keep("gpt", 0, RIGHT, run="short")
    assert scored(archive).summary.models["gpt"].items == 2
    archive.open_run("longer", limit=5)
    archive.keep("gpt", 0, RIGHT, run="longer")
    assert scored(archive).summary.models["gpt"].items == 5
    archive.keep("gpt", 0, RIGHT, run="whole")
    assert scored(archive).summary.models["gpt"].items == 8


def test_a_benchmark_that_was_moved_is_known_by_its_questions(archive: Archive) -> None:
    """A path the cache never saw is matched by ids and wording."""
    archive.keep("gpt", 0, RIGHT)
    archive.choose()
    moved = archive.folder / "moved.jsonl"
    archive.benchmark.rename(moved)
    assert asyncio.run(choose(moved, archive.cache, (), None)).names == ("first",)


def test_what_the_cache_does_not_hold_is_said(archive: Archive) -> None:
    """No run on the benchmark, no run of that name, no such model, no such file."""
    with pytest.raises(ConfigError, match="no run on"):
        archive.choose()
    archive.keep("gpt", 0, RIGHT)
    with pytest.raises(ConfigError, match="no run named 'x'"):
        archive.choose(run="x")
    with pytest.raises(ConfigError, match="asked 'claude'; it asked gpt"):
        archive.choose("claude")
    chosen = archive.choose()
    archive.benchmark.unlink()
    with pytest.raises(BenchmarkError, match="does not exist"):
        asyncio.run(score_benchmark(chosen))


def test_bad_rows_are_named_and_left_out(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first of them, and how many there are."""
    monkeypatch.setattr(BenchmarkError, "SHOWN", 2)
    archive.keep("gpt", 0, RIGHT)
    archive.benchmark.write_text(json.dumps(row(0)) + "\n" + "nonsense\n" * 3)
    found = scored(archive)
    assert [problem.line for problem in found.problems] == [2, 3]
    assert found.total_problems == 3
    printing.say_read(archive.cache, found)
    *_, second, more = capsys.readouterr().err.splitlines()
    assert (second.startswith("left out: "), "items.jsonl:3: " in second, more) == (True, True, "left out: 1 more")
    assert found.summary.models["gpt"].items == 1


def test_reworded_replies_are_counted(archive: Archive) -> None:
    """They are unsent, and said to be there; an attempt that failed brought none."""
    archive.keep("gpt", 0, RIGHT)
    archive.keep("gpt", 1, RIGHT)
    archive.keep("gpt", 1, Said(None, sample=1))
    archive.benchmark.write_text(json.dumps(row(0)) + "\n" + json.dumps(row(1, question="What else?")) + "\n")
    found = scored(archive)
    assert (found.scored.reworded, found.summary.models["gpt"].outcomes[Outcome.UNSENT]) == (1, 1)


def test_replies_to_items_that_are_gone_are_counted(archive: Archive) -> None:
    """Of the models that are scored, by the run that speaks for the item; where nothing is gone there are none."""
    for run in ("old", "new"):
        for number in (0, 1, 2):
            archive.keep("gpt", number, RIGHT, run=run)
    archive.keep("gpt", 2, Said(RIGHT, sample=1), run="new")
    archive.keep("gpt", 3, Said(None), run="new")
    archive.keep("other", 1, RIGHT, run="new")
    assert scored(archive).gone == 0
    archive.benchmark.write_text("".join(json.dumps(row(number)) + "\n" for number in (0, 4)))
    assert scored(archive).gone == 4
    assert scored(archive, "gpt").gone == 3


def test_every_reply_that_was_read_counts_as_read(archive: Archive) -> None:
    """Not every item: one may have been asked several times, and of another the attempt failed."""
    for rotation in range(4):
        archive.keep("gpt", 1, Said(RIGHT, rotation=rotation))
    archive.keep("gpt", 2, Said(None))
    assert scored(archive).summary.cache_hits == 4


def test_an_item_asked_several_times_counts_once(archive: Archive) -> None:
    """Four rotations, three of them right: three quarters of an item."""
    for rotation, letter in enumerate("BADD"):
        archive.keep("gpt", 1, Said(f"My final option: [{letter}]", rotation=rotation))
    found = scored(archive, analysed=True)
    gpt = found.summary.models["gpt"]
    assert (gpt.paid, gpt.correct, gpt.replies[Outcome.ANSWERED]) == (1, 0.75, 4)
    (places, _) = found.scored.analyses["gpt"].positions
    assert (places.circular_items, places.circular_right) == (1, 0)
    assert [place.gold for place in places.places] == [1, 1, 1, 1]
    assert [place.picked for place in places.places] == [1, 1, 0, 2]


def test_every_reply_that_was_to_come_is_counted(archive: Archive) -> None:
    """Of three samples one failed and one was never asked; of the other items none was: all of them are told."""
    archive.open_run("other", samples=2, models={"other": {}})
    archive.open_run(samples=3, models={"gpt": {}})
    archive.keep("gpt", 0, RIGHT)
    archive.keep("gpt", 0, Said(None, sample=1))
    archive.keep("other", 0, Said(RIGHT, sample=1), run="other")
    found = scored(archive)
    gpt, other = found.summary.models["gpt"], found.summary.models["other"]
    assert (gpt.outcomes[Outcome.ANSWERED], gpt.outcomes[Outcome.FAILED]) == (1, 0)
    assert (gpt.replies[Outcome.ANSWERED], gpt.replies[Outcome.FAILED], gpt.lost) == (1, 1, 23)
    assert (other.replies[Outcome.ANSWERED], other.replies[Outcome.UNSENT]) == (1, 15)
    assert gpt.bounds == pytest.approx((1 / 3 / 6 / 2, (1 + 5) / 6 / 2 + 1 / 2))


def test_questions_without_a_reply_are_named_with_the_command_that_asks_them(archive: Archive) -> None:
    """The run's own, with its limit and samples; where it asks fewer items than are graded, one that asks those."""

    def said(*models: str, run: str | None = None) -> list[str]:
        chosen = archive.choose(*models, run=run)
        models_of = asyncio.run(score_benchmark(chosen)).summary.models
        return list(closing.unanswered_lines(chosen, models_of, ["--cache", "c d"]))

    archive.open_run("old", limit=2, models={"gpt": {}})
    archive.keep("gpt", 0, RIGHT, run="old")
    archive.keep("gpt", 1, RIGHT, run="old")
    assert said() == []
    archive.open_run("new", limit=3, samples=2, template="other", models={"gpt": {}, "sure": {}})
    archive.keep("sure", 0, RIGHT, run="new")
    first, command = said("sure")
    assert first == "questions without a reply: 5 to sure (`orchestrator status` tells what was tried). To ask them:"
    flags = "--limit 3 --samples 2 --prompt FILE --run new --cache 'c d'"
    assert command == f"  orchestrator run {archive.benchmark} -m gpt -m sure {flags}"
    archive.open_run("whole", rotations=4, models={"other": {}})
    archive.keep("other", 0, RIGHT, run="whole")
    *_, command = said("sure", "other")
    assert command == f"  orchestrator run {archive.benchmark} -m sure --samples 2 --prompt FILE --cache 'c d'"


def test_no_more_rotations_are_missing_than_there_are_options(archive: Archive) -> None:
    """Four options have four orders, however many were asked for; those that are missing know their place."""
    archive.open_run(rotations=9, models={"gpt": {}})
    archive.keep("gpt", 1, Said(RIGHT, rotation=2))
    assert scored(archive).summary.models["gpt"].replies[Outcome.UNSENT] == 8 * 4 - 1


def test_figures_with_a_judge_stand_beside_those_without(archive: Archive) -> None:
    """In the object and in the table, for every pair of a model and a judge that was asked, and for no other."""
    for model, text in (("gpt", VAGUE), ("other", VAGUE), ("sure", RIGHT)):
        archive.keep(model, 1, text)
    archive.keep("judge", 1, Said(SPURS, judged="gpt"))
    archive.keep("second", 1, Said(SPURS, judged="other"), run="later")
    archive.keep("other", 1, VAGUE, run="later")
    found = scored(archive)
    gpt, other = shown(found)["gpt"], shown(found)["other"]
    assert (gpt["correct"], gpt["with_judge"]["judge"]["correct"], gpt["with_judge"]["judge"]["unparsed"]) == (0, 1, 0)
    assert (other["correct"], other["with_judge"]["second"]["correct"]) == (0, 1)
    assert set(gpt) - {"with_judge"} == set(gpt["with_judge"]["judge"]) - {"verdicts"}
    names = [one.name for one in leaderboard(found.summary).rows]
    assert names[:5] == ["gpt", "gpt + judge judge", "other", "other + judge second", "sure"]
    assert [note for note in leaderboard(found.summary).notes if "Judge" in note] == [
        f"Judge {judge} read 1 of the 1 replies of {model} that the rules could not; 1 of its verdicts counted."
        for model, judge in (("gpt", "judge"), ("other", "second"))
    ]


def test_a_judge_that_failed_does_not_look_like_one_that_abstained(archive: Archive) -> None:
    """What it never said is counted apart from what it could not tell."""
    archive.keep("gpt", 4, RIGHT)
    for number in (0, 1, 2):
        archive.keep("gpt", number, VAGUE)
    archive.keep("judge", 0, Said(json.dumps({"letters": [], "quote": ""}), judged="gpt"))
    archive.keep("judge", 1, Said(None, judged="gpt"))
    found = scored(archive)
    assert shown(found)["gpt"]["with_judge"]["judge"]["verdicts"] == {
        "replied": 1,
        "counted": 0,
        "none": 1,
        "rejected": 0,
        "formless": 0,
        "failed": 1,
        "unsent": 1,
    }
    (note,) = [note for note in leaderboard(found.summary).notes if "Judge" in note]
    assert note.startswith("Judge judge read 1 of the 3 replies of gpt that the rules could not; 0 of its verdicts")
    assert "counted, 1 said that nothing is chosen. Of the rest 1 calls failed, 1 were not sent" in note


def test_questions_that_were_asked_again_after_a_reply_are_counted(archive: Archive) -> None:
    """Once each, in however many runs; of other models only if they are scored."""
    for number in (0, 1):
        archive.keep("gpt", number, VAGUE)
        archive.keep("sure", number, VAGUE)
        archive.keep("gpt", number, RIGHT, run="later")
    assert scored(archive).replaced == 0
    archive.again("gpt", 0, VAGUE)
    archive.again("gpt", 0, RIGHT)
    archive.share("gpt", 0, "first", "later")
    archive.again("sure", 1, RIGHT)
    assert scored(archive, "gpt").replaced == 1
    assert scored(archive).replaced == 2
    assert correct(scored(archive)) == 1


def test_why_a_verdict_did_not_count_is_said(archive: Archive) -> None:
    """Whether it is not in the form asked for, or not borne out by its quote."""
    archive.keep("gpt", 4, RIGHT)
    for number in (0, 1, 2):
        archive.keep("gpt", number, VAGUE)
    archive.keep("judge", 0, Said("My final option: [A]", judged="gpt"))
    archive.keep("judge", 1, Said("It is B.", judged="gpt"))
    archive.keep("judge", 2, Said(json.dumps({"letters": ["B"], "quote": "I say B."}), judged="gpt"))
    found = scored(archive)
    assert {why: count for why, count in shown(found)["gpt"]["with_judge"]["judge"]["verdicts"].items() if count} == {
        "replied": 3,
        "rejected": 1,
        "formless": 2,
    }
    (note,) = [note for note in leaderboard(found.summary).notes if "Judge" in note]
    assert note.endswith(
        "0 of its verdicts counted, 1 were not borne out by what they quote, 2 were not in the form asked for."
    )


def test_a_judge_whose_replies_the_rules_can_read_by_now_has_nothing_to_read(archive: Archive) -> None:
    """Its row stays, with the figures of the rules, and the note says why they are equal."""
    archive.keep("gpt", 0, RIGHT)
    archive.keep("judge", 0, Said(SPURS, judged="gpt"))
    found = scored(archive).summary
    assert found.judged["gpt"]["judge"] == found.models["gpt"]
    assert "Judge judge had nothing to read of gpt: the rules left no reply unread." in leaderboard(found).notes


def test_without_a_judge_nothing_is_said_of_one(archive: Archive) -> None:
    """No row, and an empty object."""
    archive.keep("gpt", 0, RIGHT)
    found = scored(archive).summary
    assert not found.judged
    assert [one.name for one in leaderboard(found).rows] == ["gpt", "Random guess (expected)"]


def test_every_side_is_analysed_only_where_asked_for(archive: Archive) -> None:
    """Its keys stand in the object only then."""
    archive.keep("gpt", 0, RIGHT)
    archive.keep("gpt", 3, "My final options: [B, D]")
    keys = {"by_level", "confusion", "positions", "agreement", "pass_at"}
    with_sides = shown(scored(archive, analysed=True))["gpt"]
    assert set(with_sides) - set(shown(scored(archive))["gpt"]) == keys
    levels = with_sides["by_level"]
    assert levels["SLL"] == {
        "Fracture": {"gold": 0, "chosen": 1, "hits": 0, "precision": 0, "recall": None},
        "Osteophytes": {"gold": 1, "chosen": 1, "hits": 1, "precision": 1, "recall": 1},
        "Scoliosis": {"gold": 1, "chosen": 0, "hits": 0, "precision": None, "recall": 0},
    }


def test_the_parser_version_stands_below_the_figures(archive: Archive) -> None:
    """In the table's notes as in the object."""
    archive.keep("gpt", 0, RIGHT)
    found = scored(archive).summary
    assert any(f"version {found.parser_version} of the parser" in note for note in leaderboard(found).notes)
