"""Builds a benchmark: reads the sources, prepares and embeds pictures, chooses wrong answers, writes the files.

Always holds: running the same build again continues it, and changes nothing once it is done; a folder that holds
something else, or in which another build is at work, is left alone.
"""

from __future__ import annotations

import fcntl
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from platformdirs import user_cache_path

from orchestrator.construct.cases import integrate
from orchestrator.construct.embed import (
    Embedder,
    EmbeddingCache,
    OnnxEmbedder,
    SiglipEmbedder,
    embed_all,
    packaged_embedder,
)
from orchestrator.construct.findings import Dropped, Finding, Read, Rule
from orchestrator.construct.labels import Vocabulary
from orchestrator.construct.output import Made, finish
from orchestrator.construct.prepare import Prepared, Progress, prepare_all
from orchestrator.construct.questions import POOLS, Pools
from orchestrator.construct.report import BuildReport, Work
from orchestrator.construct.settings import BuildConfig, EmbedderSettings, SourceSettings
from orchestrator.construct.sources import buu, csxa, generic, rsna, vindr
from orchestrator.errors import BenchmarkError, ConfigError, Problem


def build(
    config: BuildConfig,
    out: Path,
    seed: int,
    progress: Progress,
    pools: Pools = POOLS,
    cache: Path | None = None,
) -> BuildReport:
    """Build the benchmark into the folder `out` and return what it came to.

    `cache` keeps embeddings between builds, by default in the user's cache folder. Raises ConfigError (settings, a
    missing package, a folder that holds something else) and BenchmarkError (a source that cannot be used).
    """
    vocabulary = Vocabulary(config.added_diseases)
    embedder = make_embedder(config.embedder)
    with _claimed(out):
        findings, dropped = _read(config, vocabulary, progress)
        results, known = prepare_all(findings, out, config.images, progress)
        pictures = []
        for finding, result in zip(findings, results, strict=True):
            if isinstance(result, Prepared):
                pictures.append((finding, result))
            else:
                dropped.append(Dropped(finding.source, finding.subject, Rule.BROKEN, result.reason))
        _check_broken(dropped, config.images.max_broken)
        cases, left_out = integrate(pictures, config.labels.conflicts)
        if not cases:
            raise BenchmarkError([Problem(str(out), 0, "", _nothing_left(dropped + left_out))])
        vectors, embedded = embed_all(
            [(case.prepared.picture, out / "images" / case.prepared.name) for case in cases],
            embedder,
            EmbeddingCache(cache or user_cache_path("orchestrator") / "embeddings", embedder.digest),
            progress,
        )
        made = Made(config, seed, vocabulary, pools, embedder, cases, vectors, dropped + left_out)
        work = Work(len(pictures) - known, known, embedded, len({case.prepared.picture for case in cases}) - embedded)
        progress("items", 0, len(cases))
        report = finish(made, out, work)
        progress("items", len(cases), len(cases))
        return report


def make_embedder(settings: EmbedderSettings) -> Embedder:
    """Return the encoder that the settings ask for; ConfigError if it cannot be loaded."""
    match settings.kind:
        case "packaged":
            return packaged_embedder()
        case "siglip":
            return SiglipEmbedder(settings.model or "google/siglip2-base-patch16-224")
        case "onnx":
            return OnnxEmbedder(Path(settings.model or ""), settings.mean, settings.std, settings.side)


def _read(config: BuildConfig, vocabulary: Vocabulary, progress: Progress) -> tuple[list[Finding], list[Dropped]]:
    """Return everything the sources hold, each under the source's own name."""
    findings: list[Finding] = []
    dropped: list[Dropped] = []
    for number, source in enumerate(config.sources, start=1):
        for one in _reader(source, vocabulary):
            match one:
                case Finding():
                    findings.append(replace(one, source=source.name))
                case Dropped():
                    dropped.append(replace(one, source=source.name))
        progress("sources", number, len(config.sources))
    return findings, dropped


def _reader(source: SourceSettings, vocabulary: Vocabulary) -> Iterator[Read]:
    """Return the reading of one source."""
    match source.kind:
        case "buu":
            return buu.read(source.path)
        case "csxa":
            return csxa.read(source.path, vocabulary)
        case "rsna":
            return rsna.read(source.path, vocabulary, source.severity or "Moderate")
        case "vindr":
            return vindr.read(source.path, vocabulary)
        case "generic":
            return generic.read(source.path, vocabulary)


def _check_broken(dropped: Sequence[Dropped], limit: int) -> None:
    """Raise BenchmarkError, naming them, if more than `limit` files and rows are broken."""
    broken = [one for one in dropped if one.rule is Rule.BROKEN]
    if len(broken) > limit:
        problems = [Problem(f"{one.source}: {one.subject}", 0, "", one.detail) for one in broken]
        problems.insert(0, Problem("images.max_broken", 0, "", f"{len(broken)} files or rows are broken, over {limit}"))
        raise BenchmarkError(problems)


def _nothing_left(dropped: Sequence[Dropped]) -> str:
    """Return what happened to everything."""
    lost = ", ".join(f"{count} {rule}" for rule, count in Counter(one.rule for one in dropped).most_common())
    return f"no picture is left to ask about (left out: {lost or 'nothing'}); check the sources"


@contextmanager
def _claimed(out: Path) -> Iterator[None]:
    """Hold the folder for this build; ConfigError if it holds something else, or another build is at work in it."""
    if out.exists() and not (out.is_dir() and ((out / ".build").is_dir() or not any(out.iterdir()))):
        raise ConfigError(f"{out}: is no empty folder and no earlier build; name another one with -o")
    (out / ".build").mkdir(parents=True, exist_ok=True)
    with (out / ".build" / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"{out}: another build is at work in it; wait for it, or name another folder") from error
        yield
