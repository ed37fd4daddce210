"""A built benchmark is one that `run` takes: asked of the simulator, scored, and paid once."""

from __future__ import annotations

from pathlib import Path

from build_fixtures import write_buu, write_csxa, write_rsna, write_vindr
from cli_program import SMALL, Program, small

from orchestrator.construct.build import build
from orchestrator.construct.settings import config_of_sources
from orchestrator.simulator import Settings, running


def test_a_built_benchmark_is_run_against_the_simulator(tmp_path: Path) -> None:
    """33 items of four sources: each is sent once with its picture, graded by task, and never sent again."""
    written = {"buu": write_buu, "csxa": write_csxa, "rsna": write_rsna, "vindr": write_vindr}
    sources = [f"{kind}={write(tmp_path / kind)}" for kind, write in written.items()]
    build(config_of_sources(sources), tmp_path / "bench", 7, lambda *_: None, cache=tmp_path / "cache")
    program = Program(tmp_path)
    with running(Settings(latency_s=0.0)) as simulator:
        program.configure(*small(simulator))
        first = program("run", "bench/items.jsonl", "-m", SMALL, "--budget", "1", "--json").json
        books = simulator.ledger()
        again = program("run", "bench/items.jsonl", "-m", SMALL, "--budget", "1", "--json").json
        assert simulator.ledger()["total"]["requests"] == books["total"]["requests"]
    assert first["calls"] == 33
    assert again["calls"] == 0
    told = first["models"][SMALL]
    assert told["items"] == 33
    assert told["answered"] + told["refused"] + told["unparsed"] + told["truncated"] + told["filtered"] == 33
    assert {task: one["items"] for task, one in told["tasks"].items()} == {"SDD": 28, "SLL": 5}
