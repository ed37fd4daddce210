"""A table of numbers, and how it looks on a terminal.

A cell holds the number, not its text: percent are written with two decimals, limits with one (rounded outward: an
interval never reads narrower than it is), money as everywhere else (rounded up: never less than was spent). No number
is ever truncated: where a terminal is narrow, the columns are stacked in several bands. All text is foreign (aliases,
tasks, files) and is made safe before it is printed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from orchestrator.inference.pricing import usd
from orchestrator.reporting.terminal import label, safe

_GAP = 2
_NARROWEST_NAME = 16
_RULE_UNDER_HEAD = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)


@dataclass(frozen=True, slots=True)
class Percent:
    """A share of 1 and the limits around it, each printed as percent; None where it is not known."""

    value: float | None
    low: float | None = None
    high: float | None = None
    floor: bool = False
    """Whether the value is rounded down, so that 100.00 means all."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in nano-dollars, printed in dollars."""

    nanousd: int


@dataclass(frozen=True, slots=True)
class PValue:
    """A p value, printed with four decimals and never as 0."""

    value: float


Cell: TypeAlias = Percent | Money | PValue | float | int | str | None
"""A float is printed with three decimals."""
Origin: TypeAlias = Literal["measured", "computed", "published"]
"""Where a row comes from: replies, the benchmark alone, or print."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of numbers; neighbours with one `group` stand under one heading."""

    group: str
    title: str
    limits: bool = False
    """Whether its cells are Percent with limits, which CSV writes in columns of their own."""

    @property
    def heading(self) -> str:
        """The group and the title on one line."""
        return f"{self.group} {self.title}".strip()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its name and a cell for each column."""

    name: str
    cells: tuple[Cell, ...]
    origin: Origin = "measured"
    of: str = ""
    """What it is a part of, where the rows above tell; CSV, whose rows are read apart, tells it in each."""

    @property
    def title(self) -> str:
        """The name; a published one is marked with an asterisk, which a note explains."""
        return f"{self.name} *" if self.origin == "published" else self.name


@dataclass(frozen=True, slots=True)
class Table:
    """What is printed, whatever the format; published rows come last."""

    corner: str
    """Heading of the names."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    title: str = ""
    """What stands above it, if anything."""


# --- numbers as text -------------------------------------------------------------------------------------------------


def percent(share: float, floor: bool = False) -> str:
    """Return a share as percent with two decimals, rounded to the nearest or down; 0 has no sign."""
    return f"{math.floor(round(10_000 * share, 6)) / 100 if floor else 100 * share:z.2f}"


def p_text(p: float) -> str:
    """Return a p value with four decimals, never as 0."""
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def limit_texts(cell: Percent, decimals: int = 1) -> tuple[str, str] | None:
    """Return the limits as percent with some decimals, rounded away from the estimate; None where there are none."""
    if cell.low is None or cell.high is None:
        return None
    step = 10**decimals
    low, high = math.floor(round(100 * step * cell.low, 6)), math.ceil(round(100 * step * cell.high, 6))
    return f"{low / step:.{decimals}f}", f"{high / step:.{decimals}f}"


def cell_parts(cell: Cell) -> tuple[str, ...]:
    """Return what a cell reads like, the limits apart from the estimate; `-` where nothing is known."""
    match cell:
        case Percent(value, floor=floor):
            limits = limit_texts(cell)
            estimate = () if value is None else (percent(value, floor),)
            return (*estimate, *([f"[{', '.join(limits)}]"] if limits else [])) or ("-",)
        case Money(nanousd):
            return (usd(nanousd).removeprefix("$"),)
        case PValue(value):
            return (p_text(value),)
        case float():
            return (f"{cell:z.3f}",)
        case None:
            return ("-",)
        case _:
            return (safe(str(cell)),)


def cell_text(cell: Cell) -> str:
    """Return a cell on one line; safe, but not escaped for any format."""
    return " ".join(cell_parts(cell))


# --- terminal --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layout:
    """How wide the columns are, and which stand beside one another."""

    between: str
    """What parts an estimate from its limits: a space or a line break."""
    name_width: int
    widths: tuple[int, ...]
    bands: tuple[tuple[int, ...], ...]

    def band_width(self, band: Sequence[int]) -> int:
        """Return the terminal cells that a band takes."""
        return self.name_width + sum(_GAP + self.widths[index] for index in band)


def render_terminal(table: Table, width: int = 80, styled: bool = False) -> str:
    """Return the table for a terminal `width` columns wide; without `styled` no escape code is in it.

    Columns that do not fit beside one another follow in further bands, each with the names of the rows that have
    something there; where that needs fewer bands, limits go below their estimates. A single column wider than the
    terminal is not cut.
    """
    layout = min((_layout(table, width, between) for between in (" ", "\n")), key=lambda one: len(one.bands))
    out = io.StringIO()
    console = Console(
        file=out,
        width=max(width, *(layout.band_width(band) for band in layout.bands)),
        force_terminal=styled,
        color_system="standard" if styled else None,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    if table.title:
        console.print(label(table.title, "bold"))
    for number, band in enumerate(layout.bands):
        if number:
            console.print()
        console.print(_band(table, band, layout))
    if table.notes:
        console.print()
    for note in table.notes:
        console.print(label(note, "dim"), width=width)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _layout(table: Table, width: int, between: str) -> _Layout:
    """Return the layout that puts as many columns beside one another as fit; long names are folded."""
    longest = max(cell_len(safe(name)) for name in (table.corner, *(row.title for row in table.rows)))
    name_width = min(longest, max(_NARROWEST_NAME, width // 3))
    widths = tuple(_column_width(table, index, between) for index in range(len(table.columns)))
    bands: list[tuple[int, ...]] = [()]
    used = name_width
    for index, needed in enumerate(widths):
        if bands[-1] and used + _GAP + needed > width:
            bands.append(())
            used = name_width
        bands[-1] += (index,)
        used += _GAP + needed
    return _Layout(between, name_width, widths, tuple(bands))


def _column_width(table: Table, index: int, between: str) -> int:
    """Return the terminal cells that the widest line of a column takes."""
    column = table.columns[index]
    lines = [safe(column.group), safe(column.title)]
    for row in table.rows:
        lines += between.join(cell_parts(row.cells[index])).split("\n")
    return max(map(cell_len, lines))


def _band(table: Table, band: Sequence[int], layout: _Layout) -> RichTable:
    """Return the rich table of some of the columns."""
    drawn = RichTable(box=_RULE_UNDER_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    grouped = any(table.columns[index].group for index in band)
    corner = [label(""), label(table.corner)] if grouped else [label(table.corner)]
    drawn.add_column(_lines(corner), width=layout.name_width, overflow="fold", header_style="bold")
    for index in band:
        column = table.columns[index]
        heading = [label(column.group), label(column.title)] if grouped else [label(column.title)]
        drawn.add_column(
            _lines(heading), justify="right", width=layout.widths[index], no_wrap=True, header_style="bold"
        )
    first = not band or band[0] == 0
    for row in table.rows:
        if not first and all(row.cells[index] is None for index in band):
            continue
        cells = (Text(layout.between.join(cell_parts(row.cells[index]))) for index in band)
        drawn.add_row(label(row.title), *cells, style="dim" if row.origin == "published" else "")
    return drawn


def _lines(lines: Sequence[Text]) -> Text:
    """Return several texts, one a line."""
    return Text("\n").join(lines)
