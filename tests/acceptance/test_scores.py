"""From kept replies to figures: rotations, forms, slices, gradings of before, comparisons, and the parser by itself."""

from __future__ import annotations

import csv
import io
import json
import resource
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
from cli_program import (
    NETWORK,
    Program,
    billed,
    model,
    paid_twice,
    provider,
    requests,
    write_items,
)
from full_cache import FULL, peak, store

from orchestrator.simulator import Fault, Settings, running

ITEMS = 12
ROTATIONS = 4
SMALL, LARGE = "sim-spine-small-openai", "sim-spine-large-openai"
ASKED = ("-m", SMALL, "-m", LARGE)
BENCH = "bench/items.jsonl"


@dataclass(frozen=True, slots=True)
class Asked:
    """Two models that were asked every item in four rotations; nobody listens at the provider's address any more."""

    program: Program
    run: dict[str, Any]
    texts: dict[str, dict[str, str]]
    """item -> letter -> text."""
    billed: int
    twice: dict[str, int]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Ask two models; every fourth reply chooses nothing."""
    program = Program(tmp_path_factory.mktemp("scores"))
    write_items(program.folder / "bench", ITEMS)
    items = [json.loads(line) for line in (program.folder / BENCH).read_text().splitlines()]
    with running(Settings(latency_s=0.01, faults={Fault.NO_ANSWER: 0.25}, seed=3)) as simulator:
        program.configure(
            provider(simulator, "openai"), model("sim-spine-small", "openai"), model("sim-spine-large", "openai")
        )
        command = ("run", BENCH, *ASKED, "--budget", "1", "--rotations", str(ROTATIONS), "--json")
        run = program(*command).json
        texts = {item["id"]: item["options"] for item in items}
        return Asked(program, run, texts, billed(simulator), paid_twice(simulator))


def grading(program: Program, name: str = "grading.jsonl") -> list[dict[str, Any]]:
    """Return the lines of a grading that is saved now, its header first."""
    program("score", BENCH, "--save", name)
    return [json.loads(line) for line in (program.folder / name).read_text().splitlines()]


# --- rotations -------------------------------------------------------------------------------------------------------


def test_every_rotation_is_asked_and_paid_once(asked: Asked) -> None:
    """And every item is counted once."""
    assert asked.billed == ITEMS * ROTATIONS * 2
    assert not asked.twice
    for one in asked.run["models"].values():
        assert one["items"] == ITEMS
        assert sum(one["replies"].values()) == ITEMS * ROTATIONS


def test_a_model_that_looks_at_pictures_says_the_same_under_every_order(asked: Asked) -> None:
    """Letters that are turned back by the rotation are those of one set of option texts."""
    said: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for line in grading(asked.program)[1:]:
        if line["outcome"] == "answered":
            options = asked.texts[line["item_id"]]
            letters, texts = list(options), list(options.values())
            turned = (texts[(letters.index(one) + line["rotation"]) % len(letters)] for one in line["letters"])
            said[line["model"], line["item_id"]].add(tuple(sorted(turned)))
    assert len(said) > ITEMS
    assert all(len(chosen) == 1 for chosen in said.values())


def test_every_place_holds_a_right_option_equally_often(asked: Asked) -> None:
    """Under all rotations; circular accuracy counts the items that are right in every one."""
    for one in asked.run["models"].values():
        (places,) = [one["positions"]["SDD"]]
        assert {place["asked"] for place in places["places"]} == {sum(one["tasks"]["SDD"]["replies"].values()) // 4}
        assert places["circular_items"] == one["tasks"]["SDD"]["items"]
        assert places["circular_accuracy"] <= one["tasks"]["SDD"]["accuracy"]
        assert one["agreement"]["SDD"]["items"] == places["circular_items"]


def test_rotations_may_be_left_to_the_budget(program: Program) -> None:
    """The same command names the same run and pays nothing more; without a budget there is nothing to go by."""
    write_items(program.folder / "bench", 3)
    with running(Settings(latency_s=0.01)) as simulator:
        program.configure(provider(simulator, "openai"), model("sim-spine-small", "openai"))
        command = ("run", BENCH, "-m", SMALL, "--rotations", "auto")
        assert "give --budget" in program(*command, code=2).err
        first = program(*command, "--budget", "0.002")
        assert "rotations: 2, by what the calls would cost at worst" in first.err
        assert requests(simulator) == 6
        assert "0 calls, 6 from the cache" in program(*command, "--budget", "0.002").err
        assert "27" in program("run", BENCH, "-m", SMALL, "--rotations", "27", code=2).err


def test_figures_with_a_judge_stand_beside_those_without(program: Program) -> None:
    """The judge is asked about every reply that the rules could not read, and about no other."""
    write_items(program.folder / "bench", ITEMS)
    with running(Settings(latency_s=0.01, faults={Fault.NO_ANSWER: 0.5}, seed=5)) as simulator:
        program.configure(
            provider(simulator, "openai"), model("sim-spine-small", "openai"), model("sim-spine-large", "openai")
        )
        run = program("run", BENCH, "-m", SMALL, "--judge", LARGE, "--budget", "1", "--json").json
        found = run["models"][SMALL]
        assert 0 < found["unparsed"] < ITEMS
        assert requests(simulator) == ITEMS + found["unparsed"]
    judged = found["with_judge"][LARGE]
    assert judged["answered"] >= found["answered"]
    scored = program("score", BENCH, "--json").json
    assert scored["models"] == run["models"]
    assert f"{SMALL} + judge" in " ".join(program("score", BENCH, COLUMNS="200").out.split())


# --- forms and slices ------------------------------------------------------------------------------------------------


def test_the_table_comes_in_four_forms_with_the_paper_beside_it(asked: Asked) -> None:
    """The paper's rows are marked as published and not re-measured, and the parser's version is named."""
    for form, marked in (("terminal", "GPT-4o-2024-11-20 *"), ("markdown", r"\*"), ("latex", "{*}")):
        out = asked.program("score", BENCH, "--published", "--format", form, COLUMNS="200").out
        assert marked in out
        assert "not re-measured" in out
        assert "of the parser" in out
        assert SMALL in out
    rows = list(csv.DictReader(io.StringIO(asked.program("score", BENCH, "--published", "--format", "csv").out)))
    assert [one["origin"] for one in rows if one["Model"] in (SMALL, LARGE)] == ["measured"] * 2
    assert next(one for one in rows if one["Model"].startswith("Gemini"))["Overall mean"] == "20.86"
    assert "not re-measured" in asked.program("score", BENCH, "--published", "--json").json["published"]["source"]


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "csv"])
def test_slices_come_in_every_form(asked: Asked, form: str) -> None:
    """By disease, by option, confusions, places, and questions asked several times."""
    out = asked.program("score", BENCH, "--slices", "--format", form, COLUMNS="200").out
    for title in ("accuracy by disease", "precision and recall by option", "places in the list of options"):
        assert title in out
    assert out.count("right option against chosen option") == 2
    assert "Questions asked several times" in out
    for outcome in ("refused", "filtered", "truncated", "unparsed", "failed", "unsent"):
        assert outcome in out


def test_the_object_holds_every_side_of_a_model(asked: Asked) -> None:
    """The same in run and score."""
    scored = asked.program("score", BENCH, *ASKED, "--json").json
    assert scored["models"] == asked.run["models"]
    for one in scored["models"].values():
        assert {"by_disease", "by_source", "by_level", "confusion", "positions", "agreement", "pass_at"} <= set(one)
        matrix = one["confusion"]["SDD"]
        counted = sum(map(sum, matrix["answered"])) + sum(map(sum, matrix["unanswered"]))
        assert counted == sum(one["tasks"]["SDD"]["replies"].values())


def test_bad_rows_and_replies_without_an_item_are_said(asked: Asked) -> None:
    """The rows by name, with exit code 1; the figures come all the same."""
    path = asked.program.folder / BENCH
    whole = path.read_text()
    first, _, *rest = whole.splitlines(keepends=True)
    try:
        path.write_text("".join([first, "{\n", *rest]))
        for command in (("score", BENCH), ("compare", BENCH)):
            done = asked.program(*command, "--json", code=1)
            assert f"left out: {BENCH}:2: " in done.err
            assert f"{2 * ROTATIONS} stored replies to items that are in no good row" in done.err
            assert done.json["benchmark"] == BENCH
        path.write_text("".join([first, *rest]))
        assert "stored replies to items" in asked.program("score", BENCH).err
    finally:
        path.write_text(whole)
    done = asked.program("score", BENCH)
    assert "stored replies to items" not in done.err
    assert f"0 calls, {2 * ROTATIONS * ITEMS} from the cache" in done.err


# --- gradings of before ----------------------------------------------------------------------------------------------


def test_what_is_read_differently_than_before_is_listed(asked: Asked) -> None:
    """Every item, with both rules and versions, and the accuracy before and now."""
    header, *lines = grading(asked.program)
    answered = [line for line in lines if line["outcome"] == "answered"][:2]
    for line in lines:
        line["parser_version"] = "0"
    for line in answered:
        line |= {"letters": [], "rule": "", "outcome": "unparsed"}
    earlier = asked.program.folder / "earlier.jsonl"
    earlier.write_text("".join(json.dumps(line) + "\n" for line in (header, *lines)))
    found = asked.program("score", BENCH, "--against", "earlier.jsonl", "--json").json["against"]
    assert found["parser_versions"] == ["0"]
    assert [one["item_id"] for one in found["changes"]] == [line["item_id"] for line in answered]
    for one in found["changes"]:
        assert (one["before"]["rule"], one["before"]["parser_version"]) == ("", "0")
        assert (one["now"]["rule"], one["now"]["outcome"]) == ("final-option", "answered")
    for alias, one in found["models"].items():
        assert one["accuracy_before"] <= one["accuracy_now"] == asked.run["models"][alias]["accuracy"]
    shown = asked.program("score", BENCH, "--against", "earlier.jsonl", COLUMNS="200").out
    assert "Read differently" in shown
    assert "(unparsed)" in shown
    assert "Before: parser 0; now: parser" in shown


def test_a_grading_against_itself_lists_nothing(asked: Asked) -> None:
    """Nothing was read differently."""
    grading(asked.program, "same.jsonl")
    assert "Read differently" not in asked.program("score", BENCH, "--against", "same.jsonl").out
    assert "is no grading" in asked.program("score", BENCH, "--against", BENCH, code=2).err


# --- comparisons -----------------------------------------------------------------------------------------------------


def test_models_are_compared_from_the_cache_alone(asked: Asked) -> None:
    """Without network or LiteLLM: difference, interval, p and the detectable difference, on paid and answered items."""
    # sqlite-utils makes tables and may bring pandas along, for which a reader's helpers have neither time nor memory.
    forbidden = f"{NETWORK},litellm,sqlite_utils"
    compared = asked.program.guarded("compare", BENCH, SMALL, LARGE, "--json", forbidden=forbidden).json
    (pair,) = compared["pairs"]
    assert (pair["a"], pair["b"]) == (SMALL, LARGE)
    assert pair["paid"]["items"] == ITEMS >= pair["answered"]["items"]
    assert pair["paid"]["difference_low"] <= pair["paid"]["difference"] <= pair["paid"]["difference_high"]
    assert 0 < pair["paid"]["p"] <= pair["p_holm"] <= 1
    assert pair["paid"]["detectable"] > 0
    assert compared["parser_version"]


def test_all_pairs_are_compared_without_names_and_slices_with_two(asked: Asked) -> None:
    """In every form; one model alone has nothing to be compared with."""
    assert f"A = {LARGE}, B = {SMALL}" in asked.program("compare", BENCH, COLUMNS="200").out
    sliced = asked.program("compare", BENCH, SMALL, LARGE, "--by", "disease", "--format", "markdown").out
    assert f"**A = {SMALL}, B = {LARGE}, by disease**" in sliced
    assert "two models are needed" in asked.program("compare", BENCH, SMALL, code=2).err
    assert "asked 'other'" in asked.program("compare", BENCH, SMALL, "other", code=2).err


# --- the parser by itself --------------------------------------------------------------------------------------------


def test_extract_reads_answers_from_anywhere(program: Program) -> None:
    """No providers.toml, no cache; a bad line is named, counted, and makes the exit code 1."""
    good = {"id": "a", "options": {"A": "x", "B": "y"}, "output": "The answer is B.", "multi": False}
    lines = [json.dumps(good), "{", json.dumps(good | {"id": "b", "output": "Who knows."})]
    (program.folder / "answers.jsonl").write_text("\n".join(lines) + "\n")
    found = program.guarded("extract", "answers.jsonl", code=1, forbidden=f"{NETWORK},litellm,numpy,sqlite3")
    first, second = map(json.loads, found.out.splitlines())
    assert (first["id"], first["letters"], first["abstained"]) == ("a", ["B"], None)
    assert (second["id"], second["letters"], second["rule"]) == ("b", [], "")
    assert "answers.jsonl:2: is not valid JSON: Expecting property name" in found.err
    assert "1 bad line skipped" in found.err
    assert program("extract", "answers.jsonl", "-o", "out.jsonl", code=1).out == ""
    assert (program.folder / "out.jsonl").read_text() == found.out
    assert ">>>answer is B<<<" in program("extract", "answers.jsonl", "--explain", code=1).out
    assert "cannot be read" in program("extract", "none.jsonl", code=2).err


# --- at full size ----------------------------------------------------------------------------------------------------

SECONDS = 10
MEGABYTES = 300
CORES = 2


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_hundred_thousand_answers_are_graded_in_ten_seconds(program: Program) -> None:
    """Within the computing time that two cores have in that time, and 300 MB for all its processes together."""
    store(program.folder, FULL)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with program.started("score", "items.jsonl", "--cache", "full.db", "--json") as command:
        most = peak(command.process)
        body = command.finish().json
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (found,) = body["models"].values()
    assert found["items"] == found["answered"] + found["unparsed"] == FULL
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < SECONDS * CORES
    assert 0 < most < MEGABYTES * 2**20
