"""A program in an empty folder for each acceptance test."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the command line in a folder of its own."""
    return Program(tmp_path)
