"""`simulate` and `demo`: the local simulated provider, a configuration that points at it, and a run against it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orchestrator import config
from orchestrator.commands.output import replaced
from orchestrator.commands.running import RunOptions, RunResult, Say, run
from orchestrator.commands.workspace import Workspace
from orchestrator.demo import write_demo
from orchestrator.errors import ConfigError
from orchestrator.simulator import Prices, Settings, running
from orchestrator.simulator.settings import MODELS

DEMO_SETTINGS = Settings(keys=(), latency_s=0.15, latency_jitter=0.5)
KEY_VARIABLE = "ORCHESTRATOR_SIM_KEY"

_DIALECTS = {"openai": "/openai/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}
_IMAGE_TOKENS = {"openai": "openai-tiles", "anthropic": "claude", "gemini": "gemini2"}
PROVIDERS = tuple(f"sim-{dialect}" for dialect in _DIALECTS)


def providers_toml(url: str, settings: Settings) -> str:
    """Return a providers.toml for a simulator at `url`: a provider a dialect, and the simulated models at each.

    The endpoints have fixed identities, so that replies are found again when the simulator listens elsewhere.
    """
    blocks = [
        "# A simulated provider, not a real one: its answers come from simple measurements of the picture.\n"
        "# The simulator must be running: orchestrator simulate\n"
    ]
    for dialect, path in _DIALECTS.items():
        key = f'api_key_env = "{KEY_VARIABLE}"\n' if settings.keys else ""
        blocks.append(
            f'[providers.sim-{dialect}]\napi_base = "{url}{path}"\nidentity = "simulator-{dialect}"\n{key}'
            f"rpm = {int(settings.rpm or 60_000)}\ntpm = {int(settings.tpm or 100_000_000)}\n"
            "max_concurrency = 32\ntimeout_s = 30\n"
        )
        blocks += [_model(name, dialect, settings.price(name)) for name in MODELS]
    return "\n".join(blocks)


def _model(name: str, dialect: str, price: Prices) -> str:
    alias = name if dialect == "openai" else f"{name}-{dialect}"
    return (
        f'[models."{alias}"]\nprovider = "sim-{dialect}"\nlitellm_model = "{dialect}/{name}"\n'
        f"input_usd_per_mtok = {price.input / 1e6}\noutput_usd_per_mtok = {price.output / 1e6}\n"
        'prices_as_of = "2026-11-23"\nprice_source = "invented: the simulator\'s own"\n'
        f'image_tokens = "{_IMAGE_TOKENS[dialect]}"\nparams = {{ temperature = 0.0, max_tokens = 1024 }}\n'
        'image = { detail = "high", max_side = 1024 }\n'
    )


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo lies, so that its commands can be tried by hand: the cache where its providers.toml has it."""

    benchmark: Path
    providers: Path
    cache: Path
    result: RunResult


async def demo(folder: Path, budget_nanousd: int, say: Say, console: Console) -> Demo:
    """Draw the synthetic benchmark into `folder`, start the simulator, and run both simulated models on it.

    Raises ConfigError if the folder cannot be written or holds a file that the demo would write, with other contents;
    then nothing is written. Raises what `run` raises.
    """
    providers, cache = folder / "providers.toml", folder / "cache" / "responses.db"
    try:
        # The demo writes its providers.toml before its cache: a cache without it is somebody's.
        for path in () if wrote(providers) else (providers, cache):
            if path.exists():
                raise _foreign(path)
        benchmark = write_demo(folder)
    except FileExistsError as error:
        raise _foreign(error.filename) from error
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written: {error.strerror}; --folder DIR names another place."
        ) from error
    with running(DEMO_SETTINGS) as simulator:
        with replaced(providers) as file:
            file.write(providers_toml(simulator.url, DEMO_SETTINGS))
        options = RunOptions(benchmark, MODELS, budget_nanousd=budget_nanousd)
        result = await run(options, Workspace(config.load(providers), cache), say, console)
    return Demo(benchmark, providers, cache, result)


def home(found: Workspace) -> Path:
    """Return the demo's folder where none is named: the one that is worked in, or `demo` beside the cache."""
    return found.config.path.parent if wrote(found.config.path) else found.cache.parent / "demo"


def wrote(providers: Path) -> bool:
    """Whether a providers.toml is one that the demo writes; the port in it is another one at every run."""
    if not providers.exists():
        return False
    found = providers.read_text(encoding="utf-8", errors="replace")
    return re.sub(r"http://127\.0\.0\.1:\d+", "", found) == providers_toml("", DEMO_SETTINGS)


def _foreign(path: Path) -> ConfigError:
    return ConfigError(
        f"{path}: is there already and is not what the demo of this version writes. Nothing was written; move it "
        "away, or name another folder: --folder DIR."
    )
