"""Settings of the simulator: always valid, whether they come from Python or from JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from operator import attrgetter
from typing import Any

import pytest

from orchestrator import simulator
from orchestrator.simulator import Fault, Prices, RetryAfterForm, Settings

UNFIT: list[tuple[dict[str, object], str]] = [
    ({"rpm": 0}, "rpm"),
    ({"rpm": "many"}, "rpm"),
    ({"tpm": float("nan")}, "tpm"),
    ({"tpm": True}, "tpm"),
    ({"latency_s": -1}, "latency_s"),
    ({"latency_s": 10**400}, "latency_s"),
    ({"latency_jitter": 2}, "latency_jitter"),
    ({"retry_after_s": None}, "retry_after_s"),
    ({"retry_after_form": "soon"}, "RetryAfterForm"),
    ({"retry_after_form": ["ms"]}, "RetryAfterForm"),
    ({"image_token_factor": "x"}, "image_token_factor"),
    ({"seed": 1.5}, "seed"),
    ({"output_cap": 0}, "output_cap"),
    ({"huge_bytes": 1.5}, "huge_bytes"),
    ({"keys": "sim-key"}, "keys"),
    ({"keys": [""]}, "keys"),
    ({"keys": [3]}, "keys"),
    ({"faults": {"reset": 1.5}}, "faults"),
    ({"faults": {"reset": 0.6, "hang": 0.6}}, "faults"),
    ({"faults": {"gremlins": 0.1}}, "gremlins"),
    ({"faults": ["reset"]}, "faults"),
    ({"script": ["gremlins"]}, "gremlins"),
    ({"script": "reset"}, "script"),
    ({"prices": {"m": {"input": 1}}}, "prices"),
    ({"prices": {"m": {"input": 1.5, "output": 1}}}, "prices"),
    ({"prices": {"m": {"input": -1, "output": 1}}}, "prices"),
    ({"prices": 3}, "prices"),
    ({"aliases": {"gpt-4o": "gpt-4o"}}, "aliases"),
    ({"aliases": ["gpt-4o"]}, "aliases"),
    ({"colour": "blue"}, "colour"),
]


@pytest.mark.parametrize(("change", "named"), UNFIT, ids=lambda value: json.dumps(value)[:40])
def test_unfit_json_is_refused_by_name(change: dict[str, object], named: str) -> None:
    """A JSON value that makes no sense raises ValueError and says which setting it was."""
    with pytest.raises(ValueError, match=named):
        Settings().changed(change)


@pytest.mark.parametrize(
    "fields",
    [{"faults": {"reset": 0.1}}, {"script": ("reset",)}],
    ids=["faults", "script"],
)
def test_faults_given_in_python_are_fault_kinds(fields: dict[str, Any]) -> None:
    """A plain text where a Fault belongs is refused, so that a misspelt kind cannot go unnoticed."""
    with pytest.raises(ValueError, match="unknown kind"):
        Settings(**fields)


def test_json_is_read_into_the_fields_own_types() -> None:
    """Kinds, scripts, prices and forms come out as what Python callers would have given."""
    changed = Settings(rpm=5).changed(
        {
            "keys": ["a", "b"],
            "tpm": 100,
            "rpm": None,
            "faults": {"reset": 0.25},
            "script": ["hang", None],
            "retry_after_form": "date",
            "prices": {"sim-spine-large": {"input": 7, "output": 9}},
            "aliases": {"gpt-4o-2024-11-20": "sim-spine-small"},
        }
    )
    assert changed == Settings(
        keys=("a", "b"),
        tpm=100,
        faults={Fault.RESET: 0.25},
        script=(Fault.HANG, None),
        retry_after_form=RetryAfterForm.DATE,
        prices={"sim-spine-large": Prices(7, 9)},
        aliases={"gpt-4o-2024-11-20": "sim-spine-small"},
    )


def test_an_alias_costs_what_its_model_costs_unless_it_has_a_price() -> None:
    """Rehearsing a real model name is billed at its own price where one is given, else at the simulated model's."""
    plain = Settings(aliases={"gpt-4o": "sim-spine-small"})
    assert plain.model("gpt-4o") == "sim-spine-small"
    assert plain.model("gpt-5") is None
    assert plain.price("gpt-4o") == plain.price("sim-spine-small") == Prices(150_000, 600_000)
    priced = plain.changed({"prices": {"gpt-4o": {"input": 1, "output": 2}}})
    assert priced.price("gpt-4o") == Prices(1, 2)
    assert priced.price("sim-spine-large") == Prices(2_500_000, 10_000_000)


def test_importing_the_package_loads_no_server() -> None:
    """The package is cheap to import: no aiohttp, numpy or Pillow, and nothing else of this project."""
    code = (
        "import sys, orchestrator.simulator as s; s.Settings();"
        "print([m for m in sys.modules if m.split('.')[0] in {'aiohttp', 'numpy', 'PIL', 'litellm'}]);"
        "s.Simulator; print(sorted({m.split('.')[1] for m in sys.modules if m.startswith('orchestrator.')}))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.splitlines() == ["[]", "['simulator']"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazily loaded package has no surprising attributes."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        attrgetter("nonsense")(simulator)
