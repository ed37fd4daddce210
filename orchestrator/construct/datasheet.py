"""Writes the datasheet: what the benchmark holds, how it was made, and what was left out, in Markdown.

Always holds: no date, no machine's path and nothing of a picture's header is in it, so the same build gives the same
datasheet anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.construct.hardness import Hardness, Share
from orchestrator.construct.labels import Disease
from orchestrator.construct.report import BuildReport, Counts
from orchestrator.construct.settings import BuildConfig
from orchestrator.records import Json

_NOTES = (
    "Cervical lordosis is the normal shape of the neck; it is listed as a disease as in the SpineBench paper.",
    "A localisation item names its disease and asks for all lumbar levels affected by it.",
    "A picture's contrast is the distance between the 5th and 95th percentile of its luminance, reduced to 256 pixels "
    "a side; its sharpness the mean step between neighbouring pixels, as a share of that distance.",
    "Similarity is the cosine of two embeddings in steps of 0.0001, ties by disease name. A disease that the picture, "
    "its study or its group also carries, or may carry, is never a wrong answer.",
    "`provenance.jsonl` and `dropped.jsonl` name files of the sources; keep them to yourself if those names tell of "
    "patients. The sources' licences forbid passing on their pictures.",
)


def datasheet(
    report: BuildReport,
    config: BuildConfig,
    diseases: Sequence[Disease],
    manifest: Mapping[str, Json],
    positions: Mapping[str, Counts],
) -> str:
    """Return the datasheet; `positions` counts right letters a task, `manifest` is what build.json holds."""
    parts = ["# Datasheet", ""]
    parts += _table(
        ("task", "items", "in the subset"), ((t, n, report.subset.get(t, 0)) for t, n in report.items.items())
    )
    for task, by in report.kept.items():
        for key, counts in by.items():
            if counts:
                parts += [
                    f"## {task} by {key}",
                    "",
                    *_table((key, "items" if key != "level" else "answers"), counts.items()),
                ]
    parts += ["## Right letters", ""]
    letters = sorted({letter for counts in positions.values() for letter in counts})
    rows = ((task, *(counts.get(letter, 0) for letter in letters)) for task, counts in positions.items())
    parts += _table(("task", *letters), rows)
    parts += ["## Left out", ""]
    lost = ((source, rule, count) for source, rules in report.dropped.items() for rule, count in rules.items())
    parts += [
        *_table(("source", "rule", "how many"), lost),
        "Each one is named, with the reason, in `dropped.jsonl`.",
        "",
    ]
    parts += ["## Is it hard?", "", *_hardness(report.hardness)]
    parts += [
        "## What it looks like to the encoder",
        "",
        "![map](embedding.svg)",
        "",
        "![similarity](similarity.svg)",
        "",
    ]
    parts += ["## Diseases", ""]
    parts += _table(
        ("name", "abbreviation", "MeSH 2025 descriptor"),
        ((one.name, one.abbreviation, " ".join(one.mesh) if one.mesh else "none") for one in diseases),
    )
    parts += ["## How it was made", "", *_table(("what", "value"), _made(config, manifest))]
    parts += ["## Notes", "", *(f"- {note}" for note in _NOTES), ""]
    return "\n".join(parts)


def _hardness(hardness: Hardness | None) -> list[str]:
    """Return the comparison of chosen and random wrong answers."""
    if hardness is None:
        return ["There is no diagnosis item to compare on.", ""]
    return [
        "A baseline answers with the option whose library holds the picture most similar to the item's, by the encoder "
        "that chose the wrong answers. With 95 % intervals that count pictures of one patient together:",
        "",
        *_table(
            ("wrong answers", f"share right of {hardness.items} items"),
            (
                ("chosen by similarity", _percent(hardness.chosen)),
                ("random", _percent(hardness.random)),
                ("random minus chosen", _percent(hardness.harder)),
            ),
        ),
    ]


def _percent(share: Share) -> str:
    """Return a share with its interval, in percent."""
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})"


def _made(config: BuildConfig, manifest: Mapping[str, Json]) -> Iterable[tuple[str, object]]:
    """Yield settings, versions, seed and digests."""
    yield "seed", manifest["seed"]
    for source in config.sources:
        threshold = f", at least {source.severity or 'Moderate'}" if source.kind == "rsna" else ""
        yield "source", f"{source.name} ({source.kind}{threshold})"
    yield "two diseases on one picture", config.labels.conflicts
    for name, value in config.images:
        yield f"images.{name}", value
    yield "library pictures a disease, at most", config.negatives.library
    yield "similarity to a disease", config.negatives.reduce
    if config.subset:
        yield "subset leaves out the least clear", f"{config.subset.leave_out:.0%} of each view"
    for table in ("embedder", "versions", "files"):
        found = manifest[table]
        if isinstance(found, dict):
            yield from ((f"{table}: {name}", value) for name, value in found.items())


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a Markdown table, cells escaped, and a blank line."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return [*lines, ""]


def _cell(value: object) -> str:
    """Return a value that cannot break out of its cell."""
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    for mark, safe in (("&", "&amp;"), ("<", "&lt;"), ("|", "&#124;"), ("[", "&#91;"), ("\n", " ")):
        text = text.replace(mark, safe)
    return text
