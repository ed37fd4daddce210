"""Every command as its help promises it: examples, JSON, an empty cache, and no more loaded than needed."""

from __future__ import annotations

import json
import re
import resource
import shlex
import subprocess
import urllib.request
from functools import partial

import pytest
from cli_program import COMMAND, SMALL, Program, model, provider, requests, small, write_items

from orchestrator.cli import cli
from orchestrator.simulator import DEFAULT_KEY, Settings, running


@pytest.mark.parametrize("command", [(), *((name,) for name in sorted(cli.commands))], ids=" ".join)
def test_help_comes_without_litellm_numpy_or_sqlite(program: Program, command: tuple[str, ...]) -> None:
    """Help is quick because nothing heavy is imported for it."""
    shown = program.guarded(*command, "--help", forbidden="litellm,numpy,sqlite3,PIL,rich,pydantic,aiohttp").out
    assert "orchestrator" in shown


def test_models_shows_limits_prices_and_whether_keys_are_set(program: Program) -> None:
    """In lines and as one JSON object, without a key in either."""
    with running(Settings()) as simulator:
        program.configure(*small(simulator, rpm=77))
        assert "77 requests/min" in program("models").out
        listed = program("models", "--json").json
    assert listed["providers"]["sim-openai"]["key"] == "SIM_KEY set"
    assert listed["models"][SMALL]["output_usd_per_mtok"] == 0.60


def test_models_check_sends_one_call_and_says_what_came_of_it(program: Program) -> None:
    """A model that works and one whose key is refused: exit code 4, and the reason."""
    with running(Settings()) as simulator:
        program.configure(
            *small(simulator), provider(simulator, "gemini", key="OTHER"), model("sim-spine-small", "gemini")
        )
        asked = ("-m", SMALL, "-m", "sim-spine-small-gemini")
        checked = program("models", "--check", *asked, "--budget", "0.05", "--json", code=4, OTHER="wrong-key-01234567")
        assert requests(simulator) == 2
    assert checked.json[SMALL]["ok"] is True
    assert checked.json["sim-spine-small-gemini"]["ok"] is False
    assert "key" in checked.json["sim-spine-small-gemini"]["reason"]


def test_the_shipped_models_are_listed_where_no_providers_toml_is_near(program: Program) -> None:
    """A fresh folder works with the providers that ship."""
    assert "gpt-4o" in program("models", "--json").json["models"]


def test_simulate_serves_what_a_run_then_asks(program: Program) -> None:
    """It writes the providers.toml that points at it, enforces its key, answers to another name, and keeps a bill."""
    write_items(program.folder, 3)
    served = ("simulate", "--port", "0", "--rpm", "6000", "--tpm", "1e9", "--latency", "0.01", "--seed", "7")
    extra = ("--key", DEFAULT_KEY, "--alias", "gpt-4o=sim-spine-large", "--fault", "server_error=0.1")
    with program.started(*served, *extra, "--write-providers", "sim.toml") as server:
        server.wait_until(lambda: (program.folder / "sim.toml").exists() and "/ledger" in server.so_far)
        url = re.search(r"http://[0-9.:]+", server.so_far)
        assert url is not None
        run = ("run", "items.jsonl", "-m", "sim-spine-small", "--providers", "sim.toml", "--cache", "sim.db", "--json")
        result = program(*run, ORCHESTRATOR_SIM_KEY=DEFAULT_KEY).json
        with urllib.request.urlopen(f"{url[0]}/ledger", timeout=5) as answer:
            books = json.load(answer)
        server.interrupt()
        server.finish(130)
    assert result["models"]["sim-spine-small"]["answered"] == books["total"]["billed"] == 3
    assert result["attempts"] == books["total"]["requests"]


def test_the_demo_runs_without_a_key_and_a_second_time_without_a_call(program: Program) -> None:
    """Nor do the commands that it prints, nor those that are given in its own folder."""
    first = program("demo", "--folder", "demo")
    (command,) = re.findall(r"no call:\n  orchestrator (.*)$", first.err, re.MULTILINE)
    again = program(*shlex.split(command), "--json")
    assert "synthetic" in first.err
    assert again.json["calls"] == 0
    assert all(one["items"] == one["answered"] >= 60 for one in again.json["models"].values())
    (command,) = re.findall(r"^  orchestrator (score .*)$", first.err, re.MULTILINE)
    assert program(*shlex.split(command)).out.split() == first.out.split()
    inside = Program(program.folder / "demo")
    assert inside("score", "items.jsonl").out.split() == first.out.split()
    assert inside("status", "--json").json["in_doubt"] == []
    assert inside("demo", "--json").json["calls"] == 0


def test_a_demo_that_was_stopped_says_what_goes_on(program: Program) -> None:
    """By Ctrl-C or by its cap: the printed command does the rest, and none is said to make no call."""
    with program.started("demo", "--folder", "demo") as command:
        command.wait_until(lambda: "run: items-" in command.so_far)
        command.interrupt()
        interrupted = command.finish(130)
    capped = program("demo", "--folder", "demo", "--budget", "0.05", code=3)
    assert "no call" not in interrupted.err + capped.err
    (resume,) = re.findall(r"To go on:\n  orchestrator (.*)$", interrupted.err, re.MULTILINE)
    (raised,) = re.findall(r"raise the budget:\n  orchestrator (.*)$", capped.err, re.MULTILINE)
    assert shlex.split(resume) == ["demo", "--folder", "demo"]
    finished = program(*shlex.split(raised), "--json").json
    assert all(one["answered"] == one["items"] for one in finished["models"].values())


# --- where the output goes -------------------------------------------------------------------------------------------


def write_answers(program: Program, count: int) -> None:
    """Write `answers.jsonl`."""
    line = json.dumps({"id": 1, "options": {"A": "x", "B": "y"}, "output": "The answer is B.", "multi": False})
    (program.folder / "answers.jsonl").write_text(f"{line}\n" * count)


@pytest.mark.parametrize("count", [1, 5000])
@pytest.mark.parametrize("out", [(), ("-o", "/dev/stdout")], ids=["stdout", "by its path"])
def test_a_pipe_that_nobody_reads_any_more_ends_a_command_quietly(
    program: Program, count: int, out: tuple[str, ...]
) -> None:
    """With the exit code of any Unix tool, whether the output fits what Python holds back or not."""
    write_answers(program, count)
    command = subprocess.Popen(
        [*COMMAND, "extract", "answers.jsonl", *out],
        cwd=program.folder,
        env=program.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    command.stdout.close()
    command.stdout = None
    _, said = command.communicate(timeout=60)
    assert "Error" not in said.decode()
    assert command.returncode == 141


def test_a_disk_that_takes_no_more_is_said_in_words(program: Program) -> None:
    """Also of the little that Python holds back until the end; it does not complain as well."""
    write_answers(program, 1)
    with (program.folder / "full").open("wb") as out:
        ended = subprocess.run(
            [*COMMAND, "extract", "answers.jsonl"],
            check=False,
            cwd=program.folder,
            env=program.env,
            stdout=out,
            stderr=subprocess.PIPE,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (10, 10)),
        )
    assert ended.stderr.decode().endswith("error: the output cannot be written: File too large\n")
    assert "Traceback" not in ended.stderr.decode()
    assert "Exception ignored" not in ended.stderr.decode()
    assert ended.returncode == 2
