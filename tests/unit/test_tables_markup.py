"""Tables as Markdown, LaTeX and CSV, with hostile names."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.reporting.markup import render_csv, render_latex, render_markdown
from orchestrator.reporting.tables import Column, Money, Percent, PValue, Row, Table

TABLE = Table(
    "Model",
    (Column("SDD", "accuracy", limits=True), Column("SDD", "recall"), Column("", "items"), Column("", "spend USD")),
    (
        Row("gpt_4o", (Percent(0.2364, 0.22134, 0.25146), Percent(0.5), 10, Money(123_456_789))),
        Row("mute", (None, None, 10, None)),
        Row("GPT-4o", (Percent(0.2364), Percent(None), None, None), "published"),
    ),
    ("* published",),
)


def test_markdown_is_a_pipe_table() -> None:
    """Names are escaped, numbers right-aligned, published rows marked, notes below."""
    assert render_markdown(TABLE) == (
        "| Model | SDD accuracy | SDD recall | items | spend USD |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| gpt\\_4o | 23.64 \\[22.1, 25.2\\] | 50.00 | 10 | 0.1235 |\n"
        "| mute | - | - | 10 | - |\n"
        "| GPT-4o \\* | 23.64 | - | - | - |\n"
        "\n"
        "\\* published\n"
    )


def test_latex_is_a_booktabs_tabular() -> None:
    """Groups span their columns, published rows come after a rule, brackets cannot be taken for arguments."""
    assert render_latex(TABLE) == "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{tabular}{lrrrr}",
            r"\toprule",
            r" & \multicolumn{2}{c}{SDD} & \multicolumn{2}{c}{} \\",
            r"\cmidrule(lr){2-3}",
            r"Model & accuracy & recall & items & spend USD \\",
            r"\midrule",
            r"gpt\_4o & 23.64 {[}22.1, 25.2{]} & 50.00 & 10 & 0.1235 \\",
            r"mute & - & - & 10 & - \\",
            r"\midrule",
            r"GPT-4o {*} & 23.64 & - & - & - \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"{\par\smallskip\footnotesize {*} published\par}",
            "",
        ]
    )


def test_latex_without_groups_has_one_line_of_headings() -> None:
    """No empty multicolumn line where no column has a group."""
    assert "multicolumn" not in render_latex(Table("Model", (Column("", "items"),), (Row("a", (1,)),)))


def test_csv_has_a_column_for_each_limit() -> None:
    """Limits stand apart, the origin beside the name, the unknown is empty."""
    assert list(csv.reader(io.StringIO(render_csv(TABLE)))) == [
        [
            "Model",
            "origin",
            "SDD accuracy",
            "SDD accuracy low",
            "SDD accuracy high",
            "SDD recall",
            "items",
            "spend USD",
        ],
        ["gpt_4o", "measured", "23.64", "22.13", "25.15", "50.00", "10", "0.1235"],
        ["mute", "measured", "", "", "", "", "10", ""],
        ["GPT-4o", "published", "23.64", "", "", "", "", ""],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r\n=", " =", "＝", "\u200b=", "\x1b[0m="])
def test_csv_runs_no_formula(start: str) -> None:
    """A name that a spreadsheet would compute starts with an apostrophe, whatever hides its first character."""
    hostile = f"{start}cmd|' /C calc'!A0"
    table = Table(hostile, (Column("", hostile),), (Row(hostile, (hostile,)),))
    cells = [cell for line in csv.reader(io.StringIO(render_csv(table))) for cell in line]
    assert [cell[0] for cell in cells if "cmd" in cell] == ["'"] * 4


def test_csv_keeps_negative_numbers() -> None:
    """A negative difference is a number, not a formula."""
    table = Table("Pair", (Column("", "A - B", limits=True),), (Row("x", (Percent(-0.01, -0.02, 0.0),)),))
    assert render_csv(table).splitlines()[1] == "x,measured,-1.00,-2.00,0.00"


def test_csv_writes_a_small_p_value_and_a_negative_kappa_as_numbers() -> None:
    """Neither as words nor with an apostrophe."""
    columns = (Column("", "p"), Column("", "p Holm"), Column("", "kappa"))
    table = Table("Pair", columns, (Row("x", (PValue(0.0000123), PValue(0.05), -0.25)),))
    assert render_csv(table).splitlines()[1] == "x,measured,1.23e-05,0.05,-0.250"
    assert "&lt; 0.0001 | 0.0500 | -0.250 |" in render_markdown(table)


@given(st.text(max_size=30))
def test_no_name_breaks_a_format(name: str) -> None:
    """Every format keeps its number of lines and cells, whatever the name."""
    table = Table("Model", (Column("", "items"),), (Row(name, (1,)),))
    assert len(re.findall(r"(?<!\\)\|", render_markdown(table).splitlines()[2])) == 3
    row = render_latex(table).splitlines()[5]
    assert row.endswith(r" & 1 \\")
    assert len(re.findall(r"(?<!\\)&", row)) == 1
    assert [len(line) for line in csv.reader(io.StringIO(render_csv(table)))] == [3, 3]


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("50% & $x^2$ #1 ~", r"50\% \& \$x\textasciicircum{}2\$ \#1 \textasciitilde{}"),
    ],
)
def test_latex_runs_no_command(hostile: str, shown: str) -> None:
    """Commands, comments and mathematics are set as text."""
    assert shown in render_latex(Table("Model", (), (Row(hostile, ()),)))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x--y", "x-{}-y"),
        ("a---b", "a-{}-{}-b"),
        ("``q''", r"\textasciigrave{}\textasciigrave{}q'{}'"),
        ("?`!`", r"?\textasciigrave{}!\textasciigrave{}"),
        ("low,, high", "low,{}, high"),
        ("'\"'", "'{''}'"),
        ("gpt-4o, v1.2", "gpt-4o, v1.2"),
    ],
)
def test_latex_joins_no_signs_of_a_name(name: str, shown: str) -> None:
    """Dashes, quotation marks and commas stay as many as there are; negative numbers keep their plain minus."""
    table = Table("Pair", (Column("", "A - B", limits=True),), (Row(name, (Percent(-0.01, -0.02, 0.0),)),))
    assert rf"{shown} & -1.00 {{[}}-2.0, 0.0{{]}} \\" in render_latex(table)


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://evil)", "`a` | b"]
)
def test_markdown_shows_no_html_and_no_link(hostile: str) -> None:
    """Tags, links, pictures and code are shown as text."""
    shown = render_markdown(Table("Model", (), (Row(hostile, ()),)))
    assert "<" not in shown
    assert not re.search(r"(?<!\\)[\[`]", shown)
