"""Commands in processes forked from one that has imported everything: a few hundredths of a second each, not seconds.

Hundreds of kills become affordable, and a child can be sabotaged (`sabotage.py`, by the environment variable SABOTAGE)
without the product knowing. Run as a program this is the process that forks: single-threaded, and it only ever waits.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast

import sabotage
from cli_program import Program, Started

ORDER_SIZE = 2**16
REAP_S = 0.01


# --- the process that forks ------------------------------------------------------------------------------------------


def _serve(orders: socket.socket) -> None:
    asyncio.run(_warm())
    children: dict[int, int] = {}
    while True:
        readable, _, _ = select.select([orders], [], [], REAP_S if children else None)
        if readable:
            message, fds, _, _ = socket.recv_fds(orders, ORDER_SIZE, 3)
            if not message:
                return
            out, err, ended = fds
            if (pid := os.fork()) == 0:
                orders.close()
                _become(json.loads(message), out, err)
            os.close(out)
            os.close(err)
            children[pid] = ended
            os.write(ended, f"{pid}\n".encode())
        _reap(children)


async def _warm() -> None:
    from orchestrator import cli  # noqa: F401 - so that no child need import it
    from orchestrator.commands import caching, running, scoring, status  # noqa: F401
    from orchestrator.inference.client import Client

    async with Client() as client:
        await client.load()


def _reap(children: dict[int, int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        ended = children.pop(pid)
        # Nobody listens where the test that started it is over.
        with suppress(BrokenPipeError):
            os.write(ended, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(ended)


def _become(order: dict[str, object], out: int, err: int) -> None:
    """Be the command line in this child; never returns."""
    code: object = 1
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(str(order["cwd"]))
        os.environ.clear()
        os.environ.update(cast("dict[str, str]", order["env"]))
        sys.argv = ["orchestrator", *cast("list[str]", order["args"])]
        sabotage.apply(os.environ.pop("SABOTAGE", ""))
        from orchestrator.cli import main

        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


# --- those who order -------------------------------------------------------------------------------------------------


class Forked:
    """A forked command, with what tests use of a `subprocess.Popen`."""

    def __init__(self, report: int) -> None:
        self._report = os.fdopen(report, "rb", buffering=0)
        self.pid = int(self._report.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs; minus the signal that killed it."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float) -> int:
        """Wait for its end; raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("orchestrator", timeout)
            self.returncode = int(self._report.readline())
            self._report.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        self.send_signal(signal.SIGKILL)


class Zygote:
    """The forking process, started once; `inside` is a command that runs another in surroundings of its making."""

    def __init__(self, inside: Sequence[str] = ()) -> None:
        self._orders, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [*inside, sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )

    def start(self, args: list[str], cwd: Path, env: dict[str, str], out: IO[bytes], err: IO[bytes]) -> Forked:
        """Fork a command."""
        ours, theirs = os.pipe()
        order = json.dumps({"args": args, "cwd": str(cwd), "env": env}).encode()
        socket.send_fds(self._orders, [order], [out.fileno(), err.fileno(), theirs])
        os.close(theirs)
        return Forked(ours)

    @property
    def root(self) -> Path:
        """The root of the file system as it sees it."""
        return Path(f"/proc/{self._process.pid}/root")

    def close(self) -> None:
        """End it; it ends nothing else."""
        self._orders.close()
        self._process.wait(10)


class ForkedProgram(Program):
    """A `Program` whose commands are forked; `SABOTAGE=...` among a command's variables sabotages it."""

    def __init__(self, folder: Path, zygote: Zygote) -> None:
        super().__init__(folder)
        self._zygote = zygote

    @contextmanager
    def started(self, *args: str | Path, **env: str) -> Iterator[Started]:
        """Start a command; it is killed if it outlives the block."""
        with TemporaryFile() as out, TemporaryFile() as err:
            forked = self._zygote.start([str(one) for one in args], self.folder, self.env | env, out, err)
            try:
                yield Started(cast("subprocess.Popen[bytes]", forked), out, err)
            finally:
                forked.kill()
                forked.wait(10)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        _serve(given)
