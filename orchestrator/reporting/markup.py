"""A table as Markdown, LaTeX and CSV, with every foreign text escaped for the format.

The three hold the same cells as the terminal's, on one line each; CSV gives limits columns of their own, with as
many decimals as their estimates.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Sequence

from orchestrator.reporting.tables import Cell, Column, Percent, PValue, Row, Table, cell_text, limit_texts
from orchestrator.reporting.terminal import safe

_MARKDOWN = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]#+|~$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "{''}",
        "`": r"\textasciigrave{}",
        "\0": "{}",
        "[": "{[}",
        "]": "{]}",
        "*": "{*}",
    }
)
_LIGATURES = re.compile(r"(?<=([-',]))(?=\1)")
"""Between two signs that LaTeX would draw as one: a dash, a closing or a low quotation mark."""
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def render_markdown(table: Table) -> str:
    """Return the table as a pipe table, with its notes below."""
    lines = [f"**{_markdown(table.title)}**", ""] if table.title else []
    lines += [
        _pipes([_markdown(table.corner), *(_markdown(column.heading) for column in table.columns)]),
        _pipes(["---", *("---:" for _ in table.columns)]),
        *(_pipes([_markdown(row.title), *(_markdown(cell_text(cell)) for cell in row.cells)]) for row in table.rows),
    ]
    lines += [line for note in table.notes for line in ("", _markdown(note))]
    return "\n".join(lines) + "\n"


def render_latex(table: Table) -> str:
    """Return the table as a `tabular` for the booktabs package, with its notes below."""
    groups = [(name, len(list(members))) for name, members in itertools.groupby(c.group for c in table.columns)]
    lines = [rf"\paragraph{{{_latex(table.title)}}}"] if table.title else []
    lines += [
        r"% \usepackage{booktabs}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        *_latex_groups(groups),
        _ampersands([_latex(table.corner), *(_latex(column.title) for column in table.columns)]),
        r"\midrule",
    ]
    for number, (_, rows) in enumerate(itertools.groupby(table.rows, key=lambda row: row.origin)):
        lines += [r"\midrule"] if number else []
        lines += [_ampersands([_latex(row.title), *(_latex(cell_text(cell)) for cell in row.cells)]) for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    # In a group, which ends the paragraph: what follows in the document keeps its size.
    lines += [rf"{{\par\smallskip\footnotesize {_latex(note)}\par}}" for note in table.notes]
    return "\n".join(lines) + "\n"


def render_csv(table: Table) -> str:
    """Return the table as CSV: its title if it has one, a header, a line a row, its origin beside each name; no notes.

    A text that a spreadsheet would run as a formula starts with an apostrophe; an unknown number is empty.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    headings = [heading for column in table.columns for heading in _csv_headings(column)]
    if table.title:
        writer.writerow([_csv(table.title)])
    writer.writerow([_csv(table.corner), "origin", *map(_csv, headings)])
    for row in table.rows:
        writer.writerow([_csv(f"{row.of}: {row.name}" if row.of else row.name), row.origin, *_csv_cells(table, row)])
    return out.getvalue()


def _markdown(text: str) -> str:
    """Return a text that Markdown shows as it stands."""
    return safe(text).translate(_MARKDOWN)


def _pipes(cells: Sequence[str]) -> str:
    """Return one line of a pipe table."""
    return f"| {' | '.join(cells)} |"


def _latex(text: str) -> str:
    """Return a text that LaTeX sets as it stands."""
    # A zero byte, which no safe text holds, becomes the empty group that parts two signs.
    return _LIGATURES.sub("\0", safe(text)).translate(_LATEX)


def _ampersands(cells: Sequence[str]) -> str:
    """Return one line of a tabular."""
    return rf"{' & '.join(cells)} \\"


def _latex_groups(groups: Sequence[tuple[str, int]]) -> list[str]:
    """Return the line of headings over several columns and the rules under them; nothing where no group has a name."""
    if not any(name for name, _ in groups):
        return []
    rules, first = [], 2
    for name, size in groups:
        rules += [rf"\cmidrule(lr){{{first}-{first + size - 1}}}"] if name else []
        first += size
    return [
        _ampersands(["", *(rf"\multicolumn{{{size}}}{{c}}{{{_latex(name)}}}" for name, size in groups)]),
        " ".join(rules),
    ]


def _csv(text: str) -> str:
    """Return a text that no spreadsheet runs."""
    cleaned = safe(text)
    return f"'{cleaned}" if cleaned.startswith(_FORMULA_STARTS) else cleaned


def _csv_headings(column: Column) -> tuple[str, ...]:
    """Return the names of a column and of its limits."""
    name = column.heading
    return (name, f"{name} low", f"{name} high") if column.limits else (name,)


def _csv_cells(table: Table, row: Row) -> list[str]:
    """Return a row's cells, limits in cells of their own."""
    cells: list[str] = []
    for column, cell in zip(table.columns, row.cells, strict=True):
        if column.limits:
            share = cell if isinstance(cell, Percent) else Percent(None)
            cells += [_csv_number(Percent(share.value)), *(limit_texts(share, 2) or ("", ""))]
        else:
            cells.append(_csv_number(cell))
    return cells


def _csv_number(cell: Cell) -> str:
    """Return a number as it is printed (a p value in full), a text made harmless, nothing for the unknown."""
    if cell is None or (isinstance(cell, Percent) and cell.value is None):
        return ""
    if isinstance(cell, PValue):
        return f"{cell.value:.6g}"
    return _csv(cell) if isinstance(cell, str) else cell_text(cell)
