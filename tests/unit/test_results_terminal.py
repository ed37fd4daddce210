"""Hostile text on a terminal: printable, on one line, in reading order."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orchestrator.reporting.terminal import label, safe


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07model", "model"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\model", "model"),
        ("\x9b2Jmodel", "model"),
        ("\x1bcmodel", "model"),
        ("\x1b]0;never ends", ""),
        ("gpt\r\nfake row", "gpt  fake row"),
        ("a\u2028b\tc", "a b c"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\u2066isolated\u2069", "isolated"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("back\x08space\x7f", "backspace"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ("Größe 椎间盘 ✓", "Größe 椎间盘 ✓"),
    ],
)
def test_hostile_text_is_disarmed(hostile: str, shown: str) -> None:
    """Sequences and direction marks go, line breaks become spaces, honest text stays."""
    assert safe(hostile) == shown


@given(st.text())
def test_safe_text_holds_nothing_that_acts(text: str) -> None:
    """Whatever goes in, nothing that controls a terminal comes out, and safe text stays as it is."""
    cleaned = safe(text)
    assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(character) for character in cleaned}
    cleaned.encode()
    assert safe(cleaned) == cleaned


def test_rich_prints_names_as_they_stand() -> None:
    """Markup and emoji codes in a name are text."""
    out = io.StringIO()
    Console(file=out, width=80).print(label("[red]gpt[/red] :smile:"))
    assert out.getvalue() == "[red]gpt[/red] :smile:\n"
