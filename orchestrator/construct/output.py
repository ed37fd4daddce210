"""Writes a benchmark's files from its cases and vectors.

Always holds: `build.json` is written last and names the digest of every other file; the same cases, vectors and seed
give the same bytes; no file tells a machine's path or a date; only pictures named the way a build names them are ever
removed.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orchestrator.construct import files
from orchestrator.construct.cases import Case
from orchestrator.construct.charts import embedding_map, similarity_map
from orchestrator.construct.clarity import Clarity
from orchestrator.construct.datasheet import datasheet
from orchestrator.construct.embed import Embedder, Vectors
from orchestrator.construct.findings import Dropped
from orchestrator.construct.hardness import measure_hardness
from orchestrator.construct.items import compose, item_id, located
from orchestrator.construct.labels import Vocabulary
from orchestrator.construct.negatives import NONE, UNITS, Library, Table, choose_library, similarities
from orchestrator.construct.questions import SDD, SLL, Pools
from orchestrator.construct.report import BuildReport, Work, count_dropped, count_items, count_kept
from orchestrator.construct.settings import BuildConfig
from orchestrator.construct.subset import Candidate, draw
from orchestrator.records import Json

FORMAT = 1
IMAGE_NAME = re.compile(r"[0-9a-f]{64}(-f\d+)?\.png")
_VERSIONED = ("mcq-orchestrator", "numpy", "pillow", "pydicom", "onnxruntime", "openpyxl")


@dataclass(frozen=True, slots=True)
class Made:
    """Everything the files are written from."""

    config: BuildConfig
    seed: int
    vocabulary: Vocabulary
    pools: Pools
    embedder: Embedder
    cases: Sequence[Case]
    vectors: Vectors
    """Rows belong to `cases`."""
    dropped: list[Dropped]


def finish(made: Made, out: Path, work: Work) -> BuildReport:
    """Choose wrong answers, write everything, and return the report."""
    cases = made.cases
    library = choose_library(
        [case.gold for case in cases], [case.stem for case in cases], made.config.negatives.library, made.seed
    )
    groups = np.unique([case.group for case in cases], return_inverse=True)[1].astype(np.int64)
    table = similarities(made.vectors, groups, library, made.config.negatives.reduce)
    items, too_few = compose(cases, table, library, made.pools, made.seed)
    dropped = sorted(made.dropped + too_few, key=lambda one: (one.source, one.rule, one.subject, one.detail))
    subset = _subset(made, items)
    asked = {str(item["id"]) for item in items}
    report = BuildReport(
        out,
        count_items(items),
        count_items(subset),
        count_kept(
            [case for case in cases if item_id(SDD, case) in asked],
            [case for case in cases if item_id(SLL, case) in asked],
        ),
        count_dropped(dropped),
        measure_hardness(cases, table, library, made.seed),
        work,
    )
    contents = {
        "items.jsonl": files.lines(items),
        **({"items-sub.jsonl": files.lines(subset)} if made.config.subset else {}),
        "provenance.jsonl": files.lines(_provenance(cases, table, library)),
        "dropped.jsonl": files.lines(
            {"source": one.source, "subject": one.subject, "rule": one.rule, "detail": one.detail} for one in dropped
        ),
        "embedding.svg": embedding_map(
            made.vectors, [case.stem for case in cases], [case.gold for case in cases], made.seed
        ).encode(),
        "similarity.svg": _similarity_map(cases, table, library).encode(),
    }
    _write(made, out, contents, library, report, _positions(items))
    used = {str(item["image"]).rpartition("/")[2] for item in items}
    for path in (out / "images").iterdir():
        if path.name not in used and (IMAGE_NAME.fullmatch(path.name) or path.name.endswith(".partial")):
            path.unlink()
    return report


def _write(
    made: Made,
    out: Path,
    contents: Mapping[str, bytes],
    library: Library,
    report: BuildReport,
    positions: Mapping[str, Mapping[str, int]],
) -> None:
    """Write the files, the manifest last."""
    partial = out / ".build" / "embeddings.partial"
    with partial.open("wb") as file:
        np.save(file, made.vectors)
    for name, content in contents.items():
        files.write(out / name, content)
    if not (out / "embeddings.npy").is_file() or files.digest(out / "embeddings.npy") != files.digest(partial):
        partial.replace(out / "embeddings.npy")
    partial.unlink(missing_ok=True)
    manifest = _manifest(made, out, (*contents, "embeddings.npy"), library)
    sheet = datasheet(report, made.config, made.vocabulary.diseases, manifest, positions)
    files.write(out / "datasheet.md", sheet.encode())
    files.write(out / "build.json", (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode())


def _manifest(made: Made, out: Path, names: Sequence[str], library: Library) -> dict[str, Json]:
    """Return what build.json holds: all it takes to check the benchmark, and to build it again."""
    versions: dict[str, Json] = {"python": platform.python_version()}
    for package in _VERSIONED:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    chosen: dict[str, Json] = {
        disease: [made.cases[row].prepared.name for row in members]
        for disease, members in zip(library.diseases, library.members, strict=True)
    }
    config = made.config.model_dump(mode="json", exclude={"sources": {"__all__": {"path"}}, "embedder": {"model"}})
    return {
        "format": FORMAT,
        "seed": made.seed,
        "config": config,
        "embedder": {"name": made.embedder.name.rpartition("/")[2], "digest": made.embedder.digest},
        "versions": versions,
        "questions": {SDD: [*made.pools.sdd], SLL: [*made.pools.sll]},
        "files": {name: files.digest(out / name) for name in sorted(names)},
        "library": chosen,
    }


def _provenance(cases: Sequence[Case], table: Table, library: Library) -> Iterator[dict[str, Json]]:
    """Yield what is known of each picture; its row in embeddings.npy is its line here."""
    for case, row in zip(cases, table, strict=True):
        finding, prepared = case.finding, case.prepared
        similarity = zip(library.diseases, row.tolist(), strict=True)
        yield {
            "image": prepared.name,
            "sha256": prepared.picture,
            "source": finding.source,
            "subject": finding.subject,
            "group": case.group,
            "view": finding.view,
            "answer": case.gold,
            "diseases": [*finding.diseases],
            "carried": [*sorted(case.carried)],
            "levels": {disease: [*levels] for disease, levels in finding.levels},
            "contrast": prepared.contrast,
            "sharpness": prepared.sharpness,
            "fingerprint": prepared.fingerprint,
            "similarity": {disease: None if value == NONE else value / UNITS for disease, value in similarity},
        }


def _similarity_map(cases: Sequence[Case], table: Table, library: Library) -> str:
    """Return the picture of mean similarity by disease."""
    known = np.where(table == NONE, np.nan, table / UNITS)
    golds = np.array([case.gold for case in cases])
    means = np.full((len(library.diseases), len(library.diseases)), np.nan)
    for row, disease in enumerate(library.diseases):
        own = known[golds == disease]
        counts = np.isfinite(own).sum(axis=0)
        sums = np.nansum(own, axis=0)
        means[row] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return similarity_map(means, library.diseases, library.diseases)


def _positions(items: Sequence[Mapping[str, Json]]) -> Mapping[str, Mapping[str, int]]:
    """Return how often each letter is right, a task."""
    counts: dict[str, Counter[str]] = {}
    for item in items:
        answer = item["answer"]
        counts.setdefault(str(item["task"]), Counter()).update(map(str, answer if isinstance(answer, list) else ()))
    return {task: dict(sorted(letters.items())) for task, letters in sorted(counts.items())}


def _subset(made: Made, items: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
    """Return the items of the small benchmark, in the order of the large one."""
    settings = made.config.subset
    if settings is None:
        return []
    asked = {str(item["id"]) for item in items}
    drawn: set[str] = set()
    for task, count in ((SDD, settings.sdd), (SLL, settings.sll)):
        candidates = [_candidate(task, case) for case in made.cases if item_id(task, case) in asked]
        drawn |= draw(candidates, count, settings.leave_out, made.seed)
    return [item for item in items if item["id"] in drawn]


def _candidate(task: str, case: Case) -> Candidate:
    """Return a case as a candidate for the subset."""
    disease = case.gold if task == SDD else located(case) or ""
    levels = " ".join(dict(case.finding.levels).get(disease, ()))
    clarity = Clarity(case.prepared.contrast, case.prepared.sharpness)
    return Candidate(item_id(task, case), (disease, case.finding.source, levels), case.finding.view, clarity)
