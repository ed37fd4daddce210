"""A benchmark of the paper's size from random embeddings: wrong answers, items and datasheet, in time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import hashlib, json, resource, sys, time
from pathlib import Path
import numpy as np
from orchestrator.construct.cases import Case
from orchestrator.construct.embed import packaged_embedder
from orchestrator.construct.findings import Finding
from orchestrator.construct.labels import DISEASES, Vocabulary
from orchestrator.construct.output import Made, finish
from orchestrator.construct.prepare import Prepared
from orchestrator.construct.questions import POOLS
from orchestrator.construct.report import Work
from orchestrator.construct.settings import config_of_sources

count, out = int(sys.argv[2]), Path(sys.argv[1])
(out / ".build").mkdir(parents=True)
(out / "images").mkdir()
random = np.random.default_rng(0)
names = [*(disease.name for disease in DISEASES), "Healthy"]
cases = []
for number in range(count):
    gold, digest = names[number % 12], hashlib.sha256(str(number).encode()).hexdigest()
    levels = ((gold, ("L4/L5",)),) if number % 2 and gold != "Healthy" else ()
    finding = Finding("rsna", Path("x"), f"{number}.dcm", str(number // 5), "lumbar MRI", (gold,), levels=levels)
    prepared = Prepared(digest + ".png", digest, 1, 9, 9, 0.5, 0.5, random.bytes(32).hex())
    cases.append(Case(finding, prepared, gold, frozenset({gold} - {"Healthy"}), f"rsna-{number // 5:05d}"))
vectors = np.empty((count, 1280), np.float32)
for start in range(0, count, 4096):
    rows = random.standard_normal((min(4096, count - start), 1280))
    vectors[start : start + 4096] = np.rint(rows / np.linalg.norm(rows, axis=1, keepdims=True) * 2**20) / 2**20
made = Made(
    config_of_sources(["rsna=."]).with_subset(), 1, Vocabulary(), POOLS, packaged_embedder(), tuple(cases), vectors, []
)
started = time.perf_counter()
report = finish(made, out, Work(0, count, 0, count))
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"seconds": seconds, "peak": peak, "items": dict(report.items), "subset": dict(report.subset)}))
"""


def finished(out: Path, count: int) -> dict[str, object]:
    """Return what a process of its own needed for `count` pictures."""
    command = [sys.executable, "-c", PROGRAM, str(out), str(count)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.nightly
def test_the_papers_size_takes_20_seconds_and_less_than_a_gigabyte(tmp_path: Path) -> None:
    """40,263 pictures after embedding: 40,263 diagnosis items, the subset of 1,758 and 1,000, every file written."""
    found = finished(tmp_path / "out", 40_263)
    assert found["items"] == {"SDD": 40_263, "SLL": 20_131 - 3_355}
    assert found["subset"] == {"SDD": 1758, "SLL": 1000}
    assert isinstance(found["peak"], int)
    assert isinstance(found["seconds"], float)
    assert found["peak"] < 1_000_000_000
    # Twice the bound for choosing wrong answers alone, as everything else is done here as well.
    assert found["seconds"] < 40
