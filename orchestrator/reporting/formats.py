"""The forms in which tables are printed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from orchestrator.reporting.markup import render_csv, render_latex, render_markdown
from orchestrator.reporting.tables import Table, render_terminal


class Format(StrEnum):
    """One of them."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"


def render(tables: Sequence[Table], form: Format, width: int = 80, styled: bool = False) -> str:
    """Return the tables in a form, an empty line between them; `width` and `styled` are the terminal's."""
    return "\n".join(_render(table, form, width, styled) for table in tables)


def _render(table: Table, form: Format, width: int, styled: bool) -> str:
    match form:
        case Format.TERMINAL:
            return render_terminal(table, width, styled)
        case Format.MARKDOWN:
            return render_markdown(table)
        case Format.LATEX:
            return render_latex(table)
        case Format.CSV:
            return render_csv(table)
        case _:
            assert_never(form)
