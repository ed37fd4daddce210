"""A program in an empty folder for each acceptance test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_program import Program
from forked import ForkedProgram, Zygote


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the command line in a folder of its own."""
    return Program(tmp_path)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Return the process that forks commands; it imports everything once."""
    process = Zygote()
    yield process
    process.close()


@pytest.fixture
def forked(tmp_path: Path, zygote: Zygote) -> ForkedProgram:
    """Return the command line in a folder of its own, with commands that start at once and can be sabotaged."""
    return ForkedProgram(tmp_path, zygote)
