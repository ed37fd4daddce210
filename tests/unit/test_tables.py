"""Tables on a terminal: every number whole at every width, plain where piped, safe whatever the names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestrator.inference.pricing import usd
from orchestrator.reporting.tables import (
    Column,
    Money,
    Percent,
    Row,
    Table,
    cell_text,
    limit_texts,
    percent,
    render_terminal,
)

WIDE = Table(
    "Model",
    (
        Column("SDD", "accuracy", limits=True),
        Column("SLL", "accuracy", limits=True),
        Column("SLL", "precision"),
        Column("Overall", "mean", limits=True),
        Column("", "items"),
        Column("", "spend USD"),
    ),
    (
        Row(
            "gpt-4o",
            (
                Percent(0.2364, 0.2211, 0.2519),
                Percent(0.0969, 0.08, 0.11),
                Percent(0.4666),
                Percent(0.1667),
                64878,
                Money(1),
            ),
        ),
        Row(
            "Claude-3-5-sonnet-20241022",
            (Percent(None), Percent(1.0, 0.9, 1.0), None, Percent(0.5, 0.4, 0.6), 64877, None),
        ),
        Row(
            "GPT-4o-2024-11-20",
            (Percent(0.2364), Percent(0.0969), Percent(0.4666), Percent(0.1667), None, None),
            "published",
        ),
    ),
    ("* published elsewhere, not re-measured",),
)
NUMBERS = (
    *("23.64", "[22.1, 25.2]", "9.69", "[8.0, 11.0]", "46.66", "16.67"),
    *("64878", "64877", "0.000000001", "100.00", "50.00"),
)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_no_number_is_lost_or_cut_at_any_width(width: int) -> None:
    """Every number of the table stands whole in the output, and no ellipsis does."""
    shown = render_terminal(WIDE, width)
    assert all(number in shown for number in NUMBERS)
    assert "…" not in shown


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Columns that do not fit are stacked below, not wrapped."""
    assert max(map(cell_len, render_terminal(WIDE, width).splitlines())) <= width


def test_a_wide_terminal_shows_one_band() -> None:
    """At 120 columns each name stands once, estimates and limits on one line."""
    shown = render_terminal(WIDE, 120)
    assert shown.count("gpt-4o") == 1
    assert "23.64 [22.1, 25.2]" in shown
    assert "9.69 [8.0, 11.0]" in shown


def test_a_narrow_terminal_repeats_the_names_where_there_is_something_to_say() -> None:
    """Further bands repeat the names, but not of rows that are empty there."""
    shown = render_terminal(WIDE, 40)
    assert shown.count("gpt-4o") > 1
    last = shown.split("\n\n")[-2]
    assert "spend USD" in last
    assert "Claude" in shown.split("\n\n")[0]
    assert "20 *" not in last


def test_a_row_that_is_empty_everywhere_still_stands_once() -> None:
    """A model of which nothing is known is named in the first band, and only there."""
    table = Table("Model", WIDE.columns, (*WIDE.rows, Row("mute", (None,) * 6)))
    shown = render_terminal(table, 40)
    assert shown.count("mute") == 1
    assert "mute" in shown.split("\n\n")[0]


def test_a_piped_table_is_plain_ascii() -> None:
    """Without style there is no escape code and no box character."""
    shown = render_terminal(WIDE, 80)
    assert "\x1b" not in shown
    assert shown.isascii()
    assert not any(line.endswith(" ") for line in shown.splitlines())


def test_a_terminal_gets_style() -> None:
    """With style there are escape codes, and without them the same text."""
    styled = render_terminal(WIDE, 80, styled=True)
    assert "\x1b[1m" in styled
    bare = "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", styled).splitlines())
    assert bare == render_terminal(WIDE, 80).rstrip("\n")


@given(st.text(max_size=40), st.text(max_size=20), st.sampled_from([30, 60, 120]))
def test_names_cannot_act(name: str, title: str, width: int) -> None:
    """No name or heading brings a control character, a line of its own or a crash."""
    hostile = "\x1b[2J\u202e[red]" + name
    shown = render_terminal(Table("Model", (Column(title, hostile),), (Row(hostile, (hostile,)),), (hostile,)), width)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_table_without_columns_or_rows_prints() -> None:
    """Nothing to show is no crash."""
    assert "Model" in render_terminal(Table("Model", (), ()), 80)
    assert "items" in render_terminal(Table("Model", (Column("", "items"),), ()), 80)


def test_ungrouped_columns_have_one_line_of_headings() -> None:
    """Without groups no empty line stands above the headings."""
    shown = render_terminal(Table("Model", (Column("", "items"),), (Row("a", (1,)),)), 80)
    assert shown.splitlines()[0].split() == ["Model", "items"]


def test_percent_have_two_decimals_and_limits_one_rounded_outward() -> None:
    """23.064 % in [0.2306, 0.25101] reads 23.06 [23.0, 25.2]: the limits never exclude the estimate."""
    assert cell_text(Percent(0.23064, 0.2306, 0.25101)) == "23.06 [23.0, 25.2]"
    assert limit_texts(Percent(0.3, 0.1, 0.5)) == ("10.0", "50.0")
    assert limit_texts(Percent(0.3)) is None
    assert cell_text(Percent(None, 0.1, 0.2)) == "[10.0, 20.0]"
    assert cell_text(Percent(-0.012, -0.021, 0.0)) == "-1.20 [-2.1, 0.0]"


def test_a_hundred_percent_coverage_means_all() -> None:
    """Rounded down, 64,877 of 64,878 is 99.99."""
    assert percent(64877 / 64878) == "100.00"
    assert percent(64877 / 64878, floor=True) == "99.99"
    assert percent(0.29, floor=True) == "29.00"
    assert percent(1.0, floor=True) == "100.00"


def test_zero_has_no_sign() -> None:
    """A difference that is negative only far behind the decimals is printed as 0.00; one within them keeps its sign."""
    assert percent(-1e-9) == percent(-0.0) == "0.00"
    assert percent(-0.0001) == "-0.01"


def test_money_is_rounded_up() -> None:
    """A spend of one nano-dollar shows; it reads as in the lines below the table."""
    assert cell_text(Money(1)) == "0.000000001"
    assert cell_text(Money(0)) == "0.00"
    assert cell_text(Money(12_345_600_001)) == "12.3457"
    assert cell_text(Money(138_300)) == usd(138_300).removeprefix("$") == "0.0001383"


def test_the_unknown_is_a_dash() -> None:
    """None and an empty percent read `-`."""
    assert cell_text(None) == cell_text(Percent(None)) == "-"
