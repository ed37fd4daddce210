"""Which providers.toml and which cache a command works with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator import config


@dataclass(frozen=True, slots=True)
class Workspace:
    """The configuration in use, and where the cache lies."""

    config: config.Config
    cache: Path


def find(providers: Path | None, cache: Path | None) -> Workspace:
    """Return the workspace that the flags (None where not given), the environment and the working folder name."""
    found = config.load(config.find(providers, Path.cwd()))
    return Workspace(found, config.cache_path(cache, os.environ, found))
