"""The command line's own part: what flags mean, and help that keeps its word."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_fixtures import Archive, row

from orchestrator.cli import cli
from orchestrator.cli.parameters import RETRIABLE, Outcomes, Rotations, Usd
from orchestrator.cli.printing import escape_unencodable, print_lines
from orchestrator.records import Abstained
from orchestrator.simulator import Fault

COMMANDS = sorted(cli.commands.items())
NANO = 10**9
PROGRAM = (sys.executable, "-m", "orchestrator")


def usd(text: str) -> int:
    """Return what `--budget` makes of a text."""
    return Usd().convert(text, None, None)


@given(st.integers(1, 10**18))
def test_dollars_are_read_exactly(nanousd: int) -> None:
    """Every amount of whole nano-dollars, with or without a dollar sign."""
    text = f"{nanousd // NANO}.{nanousd % NANO:09d}"
    assert usd(text) == usd(f"${text}") == nanousd


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e30", "0.0000000001", "ten", "", "$"])
def test_what_is_no_positive_amount_is_refused(text: str) -> None:
    """A cap that could be misread is no cap."""
    with pytest.raises(click.BadParameter, match="amount in dollars"):
        usd(text)


def test_outcomes_are_a_comma_separated_list() -> None:
    """Spaces and a trailing comma do no harm; what cannot be asked again is named with what can."""
    assert Outcomes().convert("refused, truncated,", None, None) == {"refused", "truncated"}
    assert Outcomes().convert("", None, None) == frozenset()
    with pytest.raises(click.BadParameter, match="'failed' cannot be asked again; choose from refused"):
        Outcomes().convert("failed", None, None)


def test_every_outcome_that_can_be_asked_again_is_told() -> None:
    """In the help and in the README, in the words that are understood."""
    words = ",".join(RETRIABLE)
    assert words in help_of("run")
    assert f"--retry {words}" in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_reason_to_abstain_is_told() -> None:
    """In the help and in the README, as `extract` writes it."""
    assert ", ".join(Abstained) in " ".join(help_of("extract").split())
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert ", ".join(f"`{reason}`" for reason in Abstained) in readme


def test_every_fault_that_can_be_injected_is_told() -> None:
    """In the help, so that nobody must guess wrong first."""
    assert ", ".join(Fault) in " ".join(help_of("simulate").split())


@pytest.mark.parametrize("text", ["auto", "AUTO", "Auto"])
def test_rotations_may_be_left_to_the_budget_in_any_case(text: str) -> None:
    """And help shows the word as it is."""
    assert Rotations().convert(text, None, None) is None
    assert "--rotations K|auto" in help_of("run")


@pytest.mark.parametrize("text", ["0", "27", "automatic", "-1", ""])
def test_what_is_no_number_of_rotations_is_refused(text: str) -> None:
    """With what may stand there."""
    with pytest.raises(click.BadParameter, match="neither auto nor a number from 1 to 26"):
        Rotations().convert(text, None, None)


def help_of(name: str) -> str:
    """Return what `orchestrator NAME --help` prints."""
    command = cli.commands[name]
    return command.get_help(click.Context(command, info_name=name))


def program(*arguments: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    given = {**os.environ, **environment}
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, check=False, text=True, env=given, cwd=folder)


def examples() -> Iterator[str]:
    """Yield every command line that a help text shows."""
    texts = [cli.help or "", *(command.help or "" for _, command in COMMANDS)]
    for text in texts:
        yield from re.findall(r"orchestrator ([a-z][^\n|>]*)", text)


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_every_command_has_an_example_and_every_option_a_meaning(name: str) -> None:
    """`--help` shows how the command is used, and says what each of its options does."""
    assert f"orchestrator {name}" in help_of(name)
    for one in cli.commands[name].params:
        assert isinstance(one, click.Argument) or getattr(one, "help", None)


@pytest.mark.parametrize("example", sorted(set(examples())))
def test_every_example_is_understood(example: str) -> None:
    """The command lines that help shows have existing commands, options and values."""
    name, *arguments = shlex.split(example)
    assert cli.commands[name].make_context(name, arguments).params is not None


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_help_fits_eighty_columns(name: str) -> None:
    """No line wraps in a plain terminal, examples included."""
    command = cli.commands[name]
    text = command.get_help(click.Context(command, info_name=name, terminal_width=80))
    assert max(map(len, text.splitlines())) <= 80


def test_every_command_that_prints_results_offers_json() -> None:
    """All but the one that only serves."""
    without = {name for name, command in COMMANDS if "--json" not in {o for p in command.params for o in p.opts}}
    assert without <= {"simulate", "cache", "extract"}


@pytest.mark.parametrize("folder", ["/proc/demo", "a-file", "a-file/demo"])
def test_a_demo_that_cannot_be_written_ends_in_one_message(tmp_path: Path, folder: str) -> None:
    """Where no folder can be made and where a file stands, the place is named and the exit code is 2."""
    (tmp_path / "a-file").write_text("mine")
    done = program("demo", "--folder", str(tmp_path / folder))
    assert done.returncode == 2
    assert f"error: {tmp_path / folder}: cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "a-file").read_text() == "mine"


@pytest.mark.parametrize("name", ["items.jsonl", "providers.toml", "cache/responses.db"])
def test_a_demo_leaves_files_alone_that_it_did_not_write(tmp_path: Path, name: str) -> None:
    """It names the file and what to do, and writes nothing; a cache without the demo's providers.toml is somebody's."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    done = program("demo", "--folder", str(tmp_path))
    assert done.returncode == 2
    assert f"error: {tmp_path / name}: is there already" in done.stderr
    assert "--folder DIR" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_simulator_says_what_it_cannot_use(tmp_path: Path) -> None:
    """The port or the file, each by its name; the exit code is 2 in both cases."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        taken = program("simulate", "--port", port)
    unwritten = program("simulate", "--port", "0", "--write-providers", str(tmp_path / "none" / "sim.toml"))
    assert (taken.returncode, unwritten.returncode) == (2, 2)
    assert f"port {port} cannot be used" in taken.stderr
    assert f"error: {tmp_path / 'none' / 'sim.toml'}: cannot be written: No such file" in unwritten.stderr
    assert "port" not in unwritten.stderr


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "ascii:surrogateescape", "utf-8"])
def test_what_the_terminal_cannot_show_is_escaped(tmp_path: Path, encoding: str) -> None:
    """The rules quote Chinese words, and an answer may hold any letter."""
    source = tmp_path / "answers.jsonl"
    source.write_text('{"id": 1, "options": {"A": "x", "B": "y"}, "output": "答案: B", "multi": false}\n')
    done = program("extract", "--explain", str(source), PYTHONIOENCODING=encoding)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert ("答案" if encoding == "utf-8" else r"\u7b54\u6848") in done.stdout


def test_bad_lines_beyond_the_first_are_told_by_their_number(tmp_path: Path) -> None:
    """And the exit code of lines that were left out."""
    source = tmp_path / "answers.jsonl"
    source.write_text(
        "nonsense\n" * 5_060 + '{"id": 1, "options": {"A": "x", "B": "y"}, "output": "B", "multi": false}\n'
    )
    done = program("extract", str(source))
    assert done.returncode == 1
    *named, more, total = done.stderr.splitlines()
    assert (len(named), more) == (50, "skipped: 5,010 more")
    assert total.endswith("5,060 bad lines skipped")


def test_json_stays_the_same_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is escaped means what it meant, beyond sixteen bits and in names of files that are no text as well."""
    written, body = io.BytesIO(), {"é": "中 \U0001f600 \udcff"}
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "latin-1"))
    escape_unencodable()
    print_lines(body, (), as_json=True)
    assert b"\\u4e2d" in written.getvalue()
    assert json.loads(written.getvalue().decode("latin-1")) == body


def test_a_dash_is_stdout_and_never_a_file(tmp_path: Path) -> None:
    """The export and the letters go there, to a pipe or a file; where something else is printed it is refused."""
    archive = Archive(tmp_path)
    archive.write([row(0)])
    archive.keep("gpt", 0, "[A]")
    archive.choose()
    archive.close()
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": 1, "options": {"A": "x", "B": "y"}, "output": "B", "multi": false}')
    for command in (["cache", "export", "--cache", str(archive.cache)], ["extract", str(answers)]):
        piped = program(*command, "-o", "-", folder=tmp_path)
        with (tmp_path / "out").open("w") as out:
            subprocess.run([*PROGRAM, *command, "-o", "-"], stdout=out, cwd=tmp_path, check=True)
        assert len(piped.stdout.splitlines()) == 1
        assert (tmp_path / "out").read_text() == piped.stdout
    for command in (["score", str(archive.benchmark), "--save", "-"], ["simulate", "--write-providers", "-"]):
        refused = program(*command, folder=tmp_path)
        assert refused.returncode == 2
        assert "stdout is taken by what the command prints; name a file" in refused.stderr
    assert not (tmp_path / "-").exists()


def test_output_on_a_full_device_ends_in_one_message(tmp_path: Path) -> None:
    """And in the exit code of what cannot be written."""
    source = tmp_path / "answers.jsonl"
    source.write_text('{"id": 1, "options": {"A": "x", "B": "y"}, "output": "B", "multi": false}\n' * 2_000)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", "extract", str(source)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "the output cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


ANSWER = '{"id": 1, "options": {"A": "x", "B": "y"}, "output": "B", "multi": false}'


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("extract FILE >&-", 141, "1 answered"),
        ("extract FILE -o - >&-", 141, "1 answered"),
        ("models >&-", 141, ""),
        ("--help >&-", 141, ""),
        ("score --help >&-", 141, ""),
        ("extract nowhere >&-", 2, "nowhere: cannot be read"),
        ("extract FILE 2>&-", 0, '"letters": ["B"]'),
        ("nonsense 2>&-", 2, ""),
        ("extract FILE <&-", 0, '"letters": ["B"]'),
        ("extract - <&-", 2, "error: stdin: cannot be read: it is closed"),
        ("extract FILE -o FILE.out <&- >&- 2>&-", 0, ""),
        ("extract FILE <&- >&- 2>&-", 141, ""),
    ],
)
def test_closed_streams_end_no_command_in_a_traceback(tmp_path: Path, command: str, code: int, said: str) -> None:
    """Nobody reads a closed stdout, sees a closed stderr, or can be asked through a closed stdin."""
    source = tmp_path / "answers.jsonl"
    source.write_text(f"{ANSWER}\n")
    line = f"exec {shlex.quote(sys.executable)} -m orchestrator {command.replace('FILE', shlex.quote(str(source)))}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stdout + done.stderr


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """What is said on a closed stderr would stand in it."""
    written = tmp_path / "number"
    script = (
        "from orchestrator.cli.streams import stand_in\nstand_in()\n"
        f"with open({str(written)!r}, 'w') as file: file.write(str(file.fileno()))\n"
    )
    line = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(script)} <&- 2>&- >&-"
    subprocess.run(["bash", "-c", line], check=True)
    assert int(written.read_text()) > 2


LOADING = """
import builtins, os, signal
load = builtins.__import__
def interrupted(name, *rest):
    if name == "click":
        os.kill(os.getpid(), signal.SIGINT)
    return load(name, *rest)
builtins.__import__ = interrupted
"""
ENDING = "import atexit, os, signal; atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))"


@pytest.mark.parametrize(("moment", "printed"), [(LOADING, False), (ENDING, True)], ids=["loading", "ending"])
def test_ctrl_c_outside_the_command_ends_in_one_word(moment: str, printed: bool) -> None:
    """While the program is being loaded and when it is through; what was printed by then has come out."""
    program = f"{moment}\nimport sys\nsys.argv = ['orchestrator', '--version']\n"
    program += "from orchestrator.__main__ import main\nmain()\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
    assert ("version" in done.stdout) == printed


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    """As a shell has it for what it started in the background."""
    program = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{LOADING}\nimport sys\n"
    program += "sys.argv = ['orchestrator', '--version']\nfrom orchestrator.__main__ import main\nmain()\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
