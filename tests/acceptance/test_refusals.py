"""What is refused before anything is paid: bad benchmarks, configurations, flags and caches, in words that help."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from cli_program import SMALL, Program, model, provider, requests, row, small, write_items, write_picture, write_rows

from orchestrator.simulator import Settings, Simulator, running

RUN = ("run", "items.jsonl", "-m", SMALL)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Return a simulator that must not be asked anything."""
    with running(Settings()) as simulator:
        yield simulator
        assert requests(simulator) == 0


def test_every_fault_of_a_benchmark_is_named_at_once_with_file_line_and_field(program: Program) -> None:
    """Eight bad rows, eight places, nothing sent; `--skip-bad` asks the good ones and names the others."""
    write_items(program.folder, 2)
    (program.folder / "images" / "broken.png").write_bytes(b"\x89PNG no picture")
    write_picture(program.folder.parent / "outside.png", 1)
    bad = [
        row(2, image="images/none.png"),
        row(3, answer=["Z"]),
        row(0),
        row(4, image="images/broken.png"),
        row(5, image="../outside.png"),
        row(6, options={"A": "only one"}),
        row(7, question=""),
    ]
    path = write_rows(program.folder, [row(0), row(1), *bad])
    with path.open("a") as file:
        file.write("{not json\n")
    with running(Settings()) as simulator:
        program.configure(*small(simulator))
        refused = program(*RUN, "--json", code=2)
        assert refused.out == ""
        assert requests(simulator) == 0
        places = [(3, "image"), (4, "answer"), (5, "id"), (6, "image"), (7, "image"), (8, "options"), (9, "question")]
        for line, field in places:
            assert f"items.jsonl:{line}: {field}: " in refused.err
        assert "items.jsonl:10: " in refused.err
        assert "8 rows of 10 cannot be asked: mend them, or add --skip-bad" in refused.err
        skipped = program(*RUN, "--skip-bad", "--json", code=1)
        assert "bad rows left out (--skip-bad): 8" in skipped.err
        assert "items.jsonl:4: answer: " in skipped.err
        assert skipped.json["models"][SMALL]["items"] == requests(simulator) == 2


def test_a_model_without_a_price_is_refused_with_the_line_to_add(program: Program, simulator: Simulator) -> None:
    """The very lines, and where they go."""
    write_items(program.folder, 1)
    unpriced = "\n".join(line for line in model("sim-spine-small", "openai").splitlines() if "_usd_" not in line)
    program.configure(provider(simulator, "openai"), unpriced)
    said = program(*RUN, code=2).err
    assert "input_usd_per_mtok = " in said
    assert f"[models.{SMALL}]" in said
    assert "refused" in program("models").out


def test_a_missing_key_names_the_variable(program: Program, simulator: Simulator) -> None:
    """And how to set it; an empty one counts as missing."""
    write_items(program.folder, 1)
    program.configure(*small(simulator))
    assert "export SIM_KEY=" in program(*RUN, code=2, SIM_KEY="").err
    assert "SIM_KEY not set" in program("models", SIM_KEY="").out


def test_an_unknown_model_is_answered_with_those_like_it(program: Program, simulator: Simulator) -> None:
    """A slip of the finger is told what was probably meant."""
    write_items(program.folder, 1)
    program.configure(*small(simulator))
    said = program("run", "items.jsonl", "-m", "sim-spine-smal-openai", code=2).err
    assert "sim-spine-smal-openai" in said
    assert SMALL in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*RUN, "--budget", "lots"), "no amount in dollars"),
        ((*RUN, "--budget", "-1"), "no positive amount"),
        ((*RUN, "--budget", "0.0000000001"), "at most nine decimals"),
        ((*RUN, "--limit", "0"), "--limit"),
        ((*RUN, "--retry", "answered"), "cannot be asked again"),
        ((*RUN, "--in-doubt", "forget"), "--in-doubt"),
        ((*RUN, "--providers", "nowhere.toml"), "nowhere.toml"),
        ((*RUN, "--prompt", "nowhere.toml"), "nowhere.toml"),
        (("run", "items.jsonl"), "--model"),
        (("run", "nowhere.jsonl", "-m", SMALL), "nowhere.jsonl"),
        (("run", "empty.jsonl", "-m", SMALL), "has no items"),
        (("run", "items.xlsx", "-m", SMALL), "unknown format"),
        (("rum",), "No such command"),
        (("status", "--attempt", "1"), "--resolve"),
        (("models", "--check"), "name the models"),
        (("score", "items.jsonl", "--json", "--format", "csv"), "leave out --format csv"),
        (("compare", "items.jsonl", "--json", "--format", "latex"), "leave out --format latex"),
        (("simulate", "--fault", "gremlins=0.1"), "server_error"),
        (("simulate", "--rpm", "0"), "--rpm"),
    ],
)
def test_wrong_arguments_are_refused_in_words(
    program: Program, simulator: Simulator, arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 2, one message that names the trouble, nothing on stdout."""
    write_items(program.folder, 1)
    (program.folder / "empty.jsonl").write_text("\n")
    (program.folder / "items.xlsx").write_text("")
    program.configure(*small(simulator))
    refused = program(*arguments, code=2)
    assert words in refused.err
    assert refused.out == ""


LOOKING = [("score", "items.jsonl"), ("status",)]


@pytest.mark.parametrize("command", [RUN, *LOOKING], ids=lambda one: one[0])
def test_a_file_that_is_no_cache_is_left_as_it_is(
    program: Program, simulator: Simulator, command: tuple[str, ...]
) -> None:
    """Notes and another program's database: exit code 5, the file untouched, nothing asked."""
    write_items(program.folder, 1)
    program.configure(*small(simulator))
    notes, other = program.folder / "notes.db", program.folder / "other.db"
    notes.write_bytes(b"these are my notes\n" * 500)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE mine (it TEXT)")
    for file in (notes, other):
        before = file.read_bytes()
        refused = program(*command, "--cache", file, code=5)
        assert file.name in refused.err
        assert refused.out == ""
        assert file.read_bytes() == before


@pytest.mark.parametrize("command", LOOKING, ids=lambda one: one[0])
def test_no_cache_yet_is_said_and_none_is_made(
    program: Program, simulator: Simulator, command: tuple[str, ...]
) -> None:
    """Looking creates nothing, and an empty file is no cache either."""
    write_items(program.folder, 1)
    program.configure(*small(simulator))
    assert "no cache there yet" in program(*command, code=5).err
    assert not (program.folder / "cache").exists()
    (program.folder / "empty.db").touch()
    assert "no cache there yet" in program(*command, "--cache", "empty.db", code=5).err


def test_a_faulty_providers_toml_is_refused_with_every_fault(program: Program) -> None:
    """Each with its table and field, and no key repeated."""
    program.configure(
        '[providers.p]\napi_base = "ftp://x"\nrpm = 0\ntpm = 1\napi_key = "sk-0123456789abcdef"\n'
        '[models.m]\nprovider = "q"\nlitellm_model = "openai/m"\n'
    )
    said = program("models", code=2).err
    for place in ("[providers.p] api_base", "[providers.p] rpm", "[providers.p] api_key", "[models.m] provider"):
        assert place in said
    assert "sk-0123456789abcdef" not in said
