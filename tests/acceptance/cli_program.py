"""The program as a stranger meets it: a command line in a folder of its own, and a simulated provider as the witness.

Every command is a process of its own. Each must end by itself, and none may say anything that is meant for programmers.
"""

from __future__ import annotations

import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from PIL import Image

from orchestrator.simulator import DEFAULT_KEY, Simulator

PATIENCE_S = 150.0
"""A few seconds are enough on an idle machine."""
COMMAND = (sys.executable, "-m", "orchestrator")
KEY_VARIABLE = "SIM_KEY"
PATHS = {"openai": "/openai/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}
"""Where the simulator speaks each dialect."""
PRICES = {"sim-spine-small": (0.15, 0.60), "sim-spine-large": (2.50, 10.00)}
"""The simulator's own prices, USD per million input and output tokens."""
SMALL = "sim-spine-small-openai"

GUARD = """\
import os, sys

def watch(event, args, forbidden=os.environ["FORBIDDEN"].split(",")):
    if event in forbidden or (event == "import" and args[0] in forbidden):
        os.write(2, f"forbidden: {event} {args[0]}".encode())
        os._exit(97)

sys.addaudithook(watch)
"""
"""Ends a process that opens a connection, looks up a host or imports what it must not; nothing can swallow that."""
NETWORK = "socket.connect,socket.getaddrinfo,socket.gethostbyname,socket.sendto,socket.sendmsg"


# --- running commands ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it said."""
        return self.out + self.err

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on its stdout."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def _on_screen(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody holds the other end any more
        return b""


def _read(file: IO[bytes]) -> str:
    # The process writes at the position of the same open file, so it must not be moved.
    return os.pread(file.fileno(), 2**24, 0).decode()


@dataclass(frozen=True, slots=True)
class Started:
    """A process under way."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait, while it runs, for something it does."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert self.process.poll() is None, f"it ended: {self.finish(self.process.returncode).said}"
            assert time.monotonic() < deadline, "it does not happen"
            time.sleep(0.01)

    @property
    def so_far(self) -> str:
        """Everything it has said by now."""
        return _read(self.out) + _read(self.err)

    def finish(self, code: int = 0) -> Finished:
        """Wait for its end and hold it to its exit code."""
        self.process.wait(PATIENCE_S)
        ended = Finished(self.process.returncode, _read(self.out), _read(self.err))
        for word in ("Traceback", "Warning", "never awaited", "never retrieved", DEFAULT_KEY):
            assert word not in ended.said, ended.said
        assert ended.code == code, f"exit code {ended.code}\n{ended.said}"
        return ended


class Program:
    """The command line in one folder, which holds providers.toml and, unless told otherwise, the cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "COLUMNS": "120",
            "TERM": "xterm",
            KEY_VARIABLE: DEFAULT_KEY,
        }

    def __call__(self, *args: str | Path, code: int = 0, **env: str) -> Finished:
        """Run a command to its end and hold it to its exit code."""
        with self.started(*args, **env) as command:
            return command.finish(code)

    @contextmanager
    def started(self, *args: str | Path, **env: str) -> Iterator[Started]:
        """Start a command; it is killed if it outlives the block."""
        with TemporaryFile() as out, TemporaryFile() as err:
            process = subprocess.Popen(
                [*COMMAND, *map(str, args)],
                cwd=self.folder,
                env=self.env | env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
            with process:
                try:
                    yield Started(process, out, err)
                finally:
                    process.kill()

    def on_terminal(self, *args: str | Path) -> str:
        """Run a command on a terminal of its own and return all that was written to it."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*COMMAND, *map(str, args)], cwd=self.folder, env=self.env, stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            shown = b""
            while piece := _on_screen(ours):
                shown += piece
            os.close(ours)
            process.wait(PATIENCE_S)
        return shown.decode()

    def guarded(self, *args: str | Path, forbidden: str, code: int = 0) -> Finished:
        """Run a command that is ended at once when it touches what is forbidden (audit events and module names)."""
        site = self.folder / "guard"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(GUARD)
        return self(*args, code=code, PYTHONPATH=str(site), FORBIDDEN=forbidden)

    def configure(self, *blocks: str) -> None:
        """Write providers.toml."""
        (self.folder / "providers.toml").write_text("\n".join(blocks))


# --- what they are given ---------------------------------------------------------------------------------------------


def provider(simulator: Simulator, dialect: str, key: str = KEY_VARIABLE, **limits: int) -> str:
    """Return the block of the provider `sim-{dialect}`, with generous limits where none are given."""
    generous = {"rpm": 60_000, "tpm": 100_000_000, "max_concurrency": 16, "timeout_s": 10}
    written = "".join(f"{name} = {value}\n" for name, value in (generous | limits).items())
    return (
        f'[providers.sim-{dialect}]\napi_base = "{simulator.url}{PATHS[dialect]}"\nidentity = "sim-{dialect}"\n'
        f'api_key_env = "{key}"\n{written}'
    )


def model(name: str, dialect: str) -> str:
    """Return the block of a simulated model under the alias `{name}-{dialect}`."""
    dollars_in, dollars_out = PRICES[name]
    return (
        f'[models."{name}-{dialect}"]\nprovider = "sim-{dialect}"\nlitellm_model = "{dialect}/{name}"\n'
        f"input_usd_per_mtok = {dollars_in}\noutput_usd_per_mtok = {dollars_out}\n"
        'prices_as_of = "2026-11-23"\nimage_tokens = "openai-tiles"\n'
        'params = { temperature = 0.0, max_tokens = 400 }\nimage = { detail = "high" }\n'
    )


def small(simulator: Simulator, **limits: int) -> tuple[str, str]:
    """Return the blocks of a providers.toml with the one model `SMALL`."""
    return provider(simulator, "openai", KEY_VARIABLE, **limits), model("sim-spine-small", "openai")


def row(number: int, **changed: object) -> dict[str, object]:
    """Return an item of a benchmark: every third has several right letters."""
    multi = number % 3 == 0
    item = {
        "id": f"item-{number:04d}",
        "image": f"images/{number:04d}.png",
        "task": "SLL" if multi else "SDD",
        "question": f"Which findings does picture {number} show?",
        "options": {"A": "Healthy", "B": "Osteophytes", "C": "Disc space narrowing", "D": "Spondylolisthesis"},
        "answer": ["B", "C"] if multi else ["ABCD"[number % 4]],
        "multi": multi,
    }
    return item | changed


def write_picture(path: Path, seed: int) -> None:
    """Write a tiny picture that differs from every other seed's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.frombytes("L", (24, 32), random.Random(seed).randbytes(24 * 32)).save(path)


def write_items(folder: Path, count: int) -> Path:
    """Write `items.jsonl` with `count` items, each about a picture of its own."""
    for number in range(count):
        write_picture(folder / "images" / f"{number:04d}.png", number)
    return write_rows(folder, [row(number) for number in range(count)])


def write_rows(folder: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write `items.jsonl` with these rows."""
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


# --- what the witness says -------------------------------------------------------------------------------------------


def requests(simulator: Simulator) -> int:
    """Return how many requests the simulator saw."""
    return simulator.ledger()["total"]["requests"]


def billed(simulator: Simulator) -> int:
    """Return how many of them it charged for."""
    return simulator.ledger()["total"]["billed"]


def billed_usd(simulator: Simulator) -> float:
    """Return what it charged, in dollars."""
    return simulator.ledger()["total"]["nanousd"] / 1e9


def paid_twice(simulator: Simulator) -> dict[str, int]:
    """Return the requests that it billed more than once, by the digest of their body."""
    bodies = simulator.ledger()["bodies"]
    return {digest: body["billed"] for digest, body in bodies.items() if body["billed"] > 1}
