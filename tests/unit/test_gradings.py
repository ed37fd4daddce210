"""A grading is saved, read again and set beside a later one: what changed, by which rules, under which versions."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from stored_fixtures import Archive, Said, row

from orchestrator.commands import rehearsal
from orchestrator.commands.analysing import Analysed, Wanted, analyse_benchmark
from orchestrator.commands.gradings import Earlier
from orchestrator.errors import BenchmarkError, ConfigError
from orchestrator.grading.grade import digest
from orchestrator.grading.parse import PARSER_VERSION
from orchestrator.grading.regrading import Regraded
from orchestrator.records import Ending, Outcome
from orchestrator.reporting.regrading_tables import regrading_tables
from orchestrator.simulator import Settings

HEADER = {"format": "orchestrator-grading", "version": 1, "parser_version": "0", "benchmark": "b", "runs": []}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An archive whose model answered six of eight items in several ways."""
    made = Archive(tmp_path)
    made.write([row(number) for number in range(8)])
    for number in range(4):
        made.keep("gpt", number, f"My final option: [{'ABCD'[number % 3]}]")
    made.keep("gpt", 4, Said("The answer is A.", rotation=1))
    made.keep("gpt", 5, Said("", Ending.REFUSED))
    yield made
    made.close()


def analysed(archive: Archive, *, save: Path | None = None, against: Path | None = None) -> Analysed:
    """Return what `score` finds."""
    return asyncio.run(analyse_benchmark(archive.choose(), Wanted(save=save, against=against)))


def regraded(archive: Archive, lines: list[dict[str, object]]) -> Regraded:
    """Return the grading of now beside these lines."""
    against = archive.folder / "earlier.jsonl"
    write(against, HEADER, *lines)
    found = analysed(archive, against=against).regraded
    assert found is not None
    return found


def write(path: Path, *lines: object) -> None:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def saved(archive: Archive) -> list[dict[str, object]]:
    """Return the lines of a grading that is saved now, its header first."""
    path = archive.folder / "saved.jsonl"
    analysed(archive, save=path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_grading_is_a_header_and_a_line_a_question(archive: Archive) -> None:
    """With letters, rule, outcome and the parser's version; what was never asked is in it as unsent."""
    header, *lines = saved(archive)
    assert header == HEADER | {
        "parser_version": PARSER_VERSION,
        "benchmark": str(archive.benchmark),
        "runs": ["first"],
    }
    assert lines[4] == {
        "item_id": "q4",
        "model": "gpt",
        "sample": 0,
        "rotation": 1,
        "letters": ["A"],
        "own_letters": ["B"],
        "rule": "declared",
        "outcome": "answered",
        "reply": digest("The answer is A.", Ending.COMPLETE),
        "parser_version": PARSER_VERSION,
    }
    assert [line["outcome"] for line in lines[5:]] == ["unsent", "refused", "unsent", "unsent"]


def test_a_grading_holds_the_letters_of_the_benchmark_as_well(archive: Archive) -> None:
    """Every rotation of a right answer gives the benchmark's right letters, in their order."""
    for rotation, shown in enumerate(("B, C", "A, B", "A, D", "C, D")):
        archive.keep("gpt", 7, Said(f"My final options: [{shown}]", rotation=rotation))
    lines = [line for line in saved(archive)[1:] if line["item_id"] == "q7"]
    assert [line["letters"] for line in lines] == [["B", "C"], ["A", "B"], ["A", "D"], ["C", "D"]]
    assert [line["own_letters"] for line in lines] == [["B", "C"]] * 4


def test_a_grading_against_itself_changes_nothing(archive: Archive) -> None:
    """The scores before are those of now."""
    found = regraded(archive, saved(archive)[1:])
    assert not found.changes
    assert found.before == found.now
    assert (found.only_before, found.only_now, found.versions) == (0, 0, (PARSER_VERSION,))


def test_changed_letters_and_outcomes_are_listed_with_both_rules_and_versions(archive: Archive) -> None:
    """In the benchmark's order; a rule that gives the same letters is no change."""
    lines = [line | {"parser_version": "0"} for line in saved(archive)[1:]]
    lines[0] |= {"rule": "another"}
    lines[1] |= {"letters": ["D"], "rule": "guess"}
    lines[6] |= {"letters": ["B"], "rule": "guess", "outcome": "answered"}
    found = regraded(archive, lines[::-1])
    one, two = found.changes
    assert (one.item_id, one.before.letters, one.now.letters) == ("q1", ("D",), ("B",))
    assert (one.before.rule, one.now.rule) == ("guess", "final-option")
    assert (one.before.parser_version, one.now.parser_version) == ("0", PARSER_VERSION)
    assert (two.item_id, two.before.outcome, two.now.outcome) == ("q5", Outcome.ANSWERED, Outcome.REFUSED)
    assert (one.gain, two.gain) == (1, -1)
    assert found.before["gpt"].correct == found.now["gpt"].correct == 3
    assert found.versions == ("0",)


def test_a_question_without_a_reply_is_no_change(archive: Archive) -> None:
    """Whether it failed then or was not sent: nothing was read, then or now."""
    lines = saved(archive)[1:]
    lines[-1] |= {"outcome": "failed"}
    found = regraded(archive, lines)
    assert (found.changes, found.others) == ((), 0)


def test_scores_count_what_both_gradings_hold(archive: Archive) -> None:
    """The rest is counted by the side that has it; other models' lines do not count."""
    lines = saved(archive)[1:]
    extra = [lines[0] | {"item_id": "gone"}, lines[0] | {"model": "other"}]
    found = regraded(archive, lines[1:] + extra)
    assert (found.only_before, found.only_now) == (1, 1)
    assert found.now["gpt"].items == found.before["gpt"].items == 7


def asked_again(archive: Archive) -> None:
    """Ask a later run three items: it brings another reply, the same reply, and one where there was none."""
    for number, text in ((0, "My final option: [D]"), (1, "My final option: [B]"), (6, "My final option: [C]")):
        archive.keep("gpt", number, text, run="second")


def test_another_reply_is_told_from_another_reading(archive: Archive) -> None:
    """It is counted and in neither score; what is read differently of the same reply is listed all the same."""
    lines = saved(archive)[1:]
    lines[1] |= {"letters": ["D"], "rule": "guess"}
    asked_again(archive)
    found = regraded(archive, lines)
    assert [one.item_id for one in found.changes] == ["q1"]
    assert (found.others, found.only_before, found.only_now) == (2, 0, 0)
    assert found.now["gpt"].items == found.before["gpt"].items == 6
    assert found.other_runs == ()
    first, *_ = regrading_tables(found)
    assert "2 replies are other ones than then (another run, or asked again): in neither score." in first.notes


def test_a_grading_of_before_that_tells_no_reply_is_read_with_a_warning(archive: Archive) -> None:
    """Only where it is of other runs; it cannot be known what became of the replies."""
    header, *lines = saved(archive)
    for line in lines:
        del line["reply"]
    against = archive.folder / "earlier.jsonl"
    write(against, header, *lines)
    same = analysed(archive, against=against).regraded
    asked_again(archive)
    other = analysed(archive, against=against).regraded
    assert same is not None
    assert other is not None
    assert (same.other_runs, same.others, same.changes) == ((), 0, ())
    assert (other.other_runs, other.others) == (("first",), 0)
    assert [one.item_id for one in other.changes] == ["q0", "q6"]
    first, *_ = regrading_tables(other)
    assert "is of other runs (first) and does not tell replies apart" in first.notes[-1]


def test_a_grading_may_be_saved_over_the_one_it_is_set_beside(archive: Archive) -> None:
    """The earlier one is read first."""
    path = archive.folder / "grading.jsonl"
    analysed(archive, save=path)
    before = path.read_bytes()
    found = analysed(archive, save=path, against=path)
    assert found.regraded is not None
    assert not found.regraded.changes
    assert path.read_bytes() == before


def test_a_grading_that_fails_midway_is_not_written(archive: Archive) -> None:
    """The benchmark went away: the file of before stays, and no part of a new one."""
    path = archive.folder / "grading.jsonl"
    path.write_text("of before")
    chosen = archive.choose()
    archive.benchmark.unlink()
    with pytest.raises(BenchmarkError):
        asyncio.run(analyse_benchmark(chosen, Wanted(save=path)))
    assert path.read_text() == "of before"
    assert not list(archive.folder.glob(".grading*"))


def test_nothing_that_is_needed_is_written_over(archive: Archive) -> None:
    """Neither the benchmark nor the paid replies."""
    for path in (archive.benchmark, archive.cache):
        before = path.read_bytes()
        with pytest.raises(ConfigError, match="was left alone"):
            analysed(archive, save=path)
        assert path.read_bytes() == before


@pytest.mark.parametrize("command", ["score {} --save", "cache export -o"])
def test_the_configuration_in_use_is_not_written_over(archive: Archive, command: str) -> None:
    """Prices and limits were set by hand; it stays as it is, and the message says why."""
    archive.choose()
    providers = archive.folder / "providers.toml"
    providers.write_text(rehearsal.providers_toml("http://127.0.0.1:1", Settings(keys=())))
    before = providers.read_bytes()
    words = f"{command.format(archive.benchmark)} {providers} --providers {providers} --cache {archive.cache}".split()
    done = subprocess.run([sys.executable, "-m", "orchestrator", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"error: {providers}: is read here and was left alone" in done.stderr
    assert providers.read_bytes() == before


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "is no grading"),
        (["nonsense"], "is no grading"),
        ([{"item_id": "q1"}], "is no grading"),
        ([HEADER | {"version": 2}], "newer version"),
        ([HEADER | {"runs": ["\ud800"]}], "is no grading"),
        ([HEADER, {"item_id": "q1"}], ":2: is no line"),
        ([HEADER, "nonsense"], ":2: is no line"),
    ],
)
def test_what_is_no_grading_is_refused(tmp_path: Path, lines: list[object], said: str) -> None:
    """The line is named."""
    path = tmp_path / "grading.jsonl"
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    with pytest.raises(ConfigError, match=said):
        Earlier(path)


def test_a_grading_that_is_not_whole_says_what_is_missing(archive: Archive) -> None:
    """The fields that a line lacks, that the last line was cut, or that there is none but the header."""
    whole = saved(archive)
    path = archive.folder / "saved.jsonl"
    text = path.read_text()
    del whole[2]["rule"], whole[2]["letters"]
    for content, fault in (
        ("".join(json.dumps(line) + "\n" for line in whole), ":3: is no line of a grading: without letters, rule;"),
        (text[:-20], ":10: is cut, so the grading is not complete;"),
        (text.splitlines(keepends=True)[0], "is an empty grading"),
    ):
        path.write_text(content)
        with pytest.raises(ConfigError, match=fault):
            Earlier(path)


@pytest.mark.parametrize(
    "change",
    [
        *({"letters": "A"}, {"letters": [1]}, {"outcome": "lost"}, {"sample": "0"}, {"rotation": None}, {"reply": "x"}),
        *({"sample": True}, {"sample": -1}, {"sample": 10**30}, {"rotation": False}, {"rotation": 10**6}),
        *({"letters": ["A", "A"]}, {"letters": []}, {"letters": [""]}, {"outcome": "refused"}, {"outcome": "unsent"}),
        *({"letters": ["\ud800"]}, {"rule": "\udfff"}, {"parser_version": "\ud800"}, {"item_id": "\ud800"}),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(archive: Archive, change: dict[str, object]) -> None:
    """It is not taken for something else: a number, letters that the outcome cannot have, text that cannot be shown."""
    header, line, *_ = saved(archive)
    path = archive.folder / "grading.jsonl"
    write(path, header, line | change)
    with pytest.raises(ConfigError, match=":2: is no line"):
        Earlier(path)


def test_text_of_every_script_is_read_back(archive: Archive) -> None:
    """Only half a surrogate pair is refused, not a character that JSON writes as a whole one."""
    header, line, *_ = saved(archive)
    path = archive.folder / "grading.jsonl"
    write(path, header, line | {"item_id": "q\N{BONE}", "rule": "r\\ud800"})
    assert Earlier(path).held(["gpt"]) == 1


def test_a_question_that_is_there_twice_is_refused(archive: Archive) -> None:
    """Which of the two counts cannot be known."""
    header, line, *_ = saved(archive)
    path = archive.folder / "grading.jsonl"
    write(path, header, line, line)
    with pytest.raises(ConfigError, match=":3: 'q0' at 'gpt' is there twice"):
        Earlier(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """One that is not there, and one that is no text."""
    with pytest.raises(ConfigError, match="cannot be read"):
        Earlier(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        Earlier(tmp_path / "bytes")


def test_an_earlier_grading_is_held_in_little_memory(archive: Archive) -> None:
    """Some 100 bytes a line, however long its ids are."""
    header, line, *_ = saved(archive)
    path = archive.folder / "grading.jsonl"
    write(path, header, *(line | {"item_id": f"{number}{'x' * 200}"} for number in range(5000)))
    tracemalloc.start()
    earlier = Earlier(path)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert earlier.held(["gpt"]) == 5000
    assert held < 5000 * 150
