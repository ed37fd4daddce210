"""Commands that read kept answers, and anybody's: score, compare, extract."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

import click

from orchestrator.cli.parameters import (
    FILE,
    Listing,
    format_option,
    json_option,
    models_option,
    not_stdout,
    one_form,
    where,
    workspace_options,
)
from orchestrator.cli.printing import print_analysed, print_tables, say, say_read
from orchestrator.commands.counting import counted
from orchestrator.errors import BenchmarkError


@click.command("score")
@click.argument("benchmark", type=FILE)
@models_option
@click.option("--run", "name", metavar="NAME", help="Grade this run instead of the latest ones on the benchmark.")
@click.option(
    "--slices", is_flag=True, help="Also by disease, source and option; confusions, places, repeated questions."
)
@click.option("--published", is_flag=True, help="Print the SpineBench paper's rows below, which are not re-measured.")
@click.option(
    "--save",
    type=FILE,
    callback=not_stdout,
    metavar="FILE",
    help="Write what was read from every reply, to compare with later: letters as shown, own_letters as in BENCHMARK.",
)
@click.option("--against", type=FILE, metavar="FILE", help="List every reply that is read differently than in FILE.")
@format_option
@workspace_options
@json_option
def score_command(
    benchmark: Path,
    models: tuple[str, ...],
    name: str | None,
    slices: bool,
    published: bool,
    save: Path | None,
    against: Path | None,
    form: str,
    providers: Path | None,
    cache: Path | None,
    as_json: bool,
) -> int:
    """Grade BENCHMARK from the cache alone: no network, no key, no picture.

    Bad rows are named and left out; then, or where a reply is missing, the exit code is 1.

    \b
    Examples:
      orchestrator score spine/items.jsonl -m gpt-4o
      orchestrator score spine/items.jsonl --slices --published --format latex
      orchestrator score spine/items.jsonl --save before.jsonl
      orchestrator score spine/items.jsonl --against before.jsonl
    """
    from orchestrator.commands import analysing, closing, scoring, workspace

    one_form(as_json, form)
    found = workspace.find(providers, cache)
    chosen = asyncio.run(scoring.choose(benchmark, found.cache, models, name))
    wanted = analysing.Wanted(slices or as_json, save, against, (found.config.path,))
    analysed = asyncio.run(analysing.analyse_benchmark(chosen, wanted))
    result = analysed.result
    say_read(found.cache, result)
    print_analysed(analysed, slices, published, form, as_json)
    for line in closing.unanswered_lines(chosen, result.summary.models, where(providers, cache)):
        say(line)
    return int(bool(result.problems) or any(score.lost for score in result.summary.models.values()))


@click.command("compare")
@click.argument("benchmark", type=FILE)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--by", type=click.Choice(["disease", "source"]), help="Also compare two models within each.")
@click.option("--run", "name", metavar="NAME", help="Read this run instead of the latest ones on the benchmark.")
@format_option
@workspace_options
@json_option
def compare_command(
    benchmark: Path,
    models: tuple[str, ...],
    by: Literal["disease", "source"] | None,
    name: str | None,
    form: str,
    providers: Path | None,
    cache: Path | None,
    as_json: bool,
) -> int:
    """Compare MODELs on the same items of BENCHMARK, from the cache alone; by default all that were asked.

    Paired permutation test by image or patient, difference with its 95 % interval, and the smallest difference that
    these items could have shown. Of several pairs the p values are corrected (Holm). Bad rows are named and left out;
    then the exit code is 1.

    \b
    Examples:
      orchestrator compare spine/items.jsonl gpt-4o gemini-2.5-pro --by disease
      orchestrator compare spine/items.jsonl
    """
    from orchestrator.commands import comparing, scoring, workspace
    from orchestrator.reporting import comparison

    one_form(as_json, form)
    found = workspace.find(providers, cache)
    chosen = asyncio.run(scoring.choose(benchmark, found.cache, models, name))
    compared = asyncio.run(comparing.compare_benchmark(chosen, by))
    say_read(found.cache, compared.result)
    version = compared.result.summary.parser_version
    tables = [comparison.comparison_table(compared.pairs, version)]
    body: dict[str, Any] = {
        "benchmark": str(benchmark),
        "runs": list(chosen.names),
        "parser_version": version,
        "pairs": [comparison.comparison_json(pair) for pair in compared.pairs],
    }
    if by is not None:
        a, b = chosen.source.aliases
        if compared.slices:
            tables.append(comparison.slice_table(a, b, by, compared.slices, compared.unsliced))
        body["slices"] = {"by": by, "rows": [comparison.slice_json(one) for one in compared.slices]}
    print_tables(body, tables, form, as_json)
    return int(bool(compared.result.problems))


def _reasons() -> str:
    from orchestrator.records import Abstained

    return f"Where letters is empty, abstained says why: {', '.join(Abstained)}. Else it is null."


@click.command("extract", cls=Listing, listing=_reasons)
@click.argument("answers", type=FILE)
@click.option("-o", "--out", type=FILE, metavar="FILE", help="File to write; by default (and for -) stdout.")
@click.option("--explain", "explained", is_flag=True, help="Show each text with what every rule found in it instead.")
def extract_command(answers: Path, out: Path | None, explained: bool) -> int:
    """Read the letters out of answers from anywhere: no benchmark, no cache, no key.

    ANSWERS (-: stdin) holds JSON lines {"id", "options": {"A": "...", ...}, "output", "multi": true or false}. For each
    a line {"id", "letters", "rule", "confidence", "abstained"} is written; letters is empty where none can be read for
    sure. Bad lines are named and skipped; then the exit code is 1, or 2 where no line is left.

    \b
    Examples:
      orchestrator extract answers.jsonl -o letters.jsonl
      orchestrator extract --explain answers.jsonl | less
    """
    from orchestrator.commands import extracting
    from orchestrator.grading.parse import PARSER_VERSION

    found = extracting.extract_file(answers, out, lambda problem: say(f"skipped: {problem}"), explained=explained)
    if (more := found.skipped - BenchmarkError.SHOWN) > 0:
        say(f"skipped: {more:,} more")
    if found.first_repeated is not None:
        say(f"warning: {found.first_repeated}; lines with an id of before: {found.repeated:,}")
    if found.first_alike is not None:
        say(f"warning: {found.first_alike}, so only letters tell them apart; lines with such options: {found.alike:,}")
    say(
        f"parser {PARSER_VERSION}: {found.answered:,} answered, {found.abstained:,} without an answer, "
        f"{counted(found.skipped, 'bad line')} skipped"
    )
    return int(found.skipped > 0)
