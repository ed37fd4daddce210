"""Loads the packages that only a build needs, and says how to install the one that is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from orchestrator.errors import ConfigError


def load(module: str, extra: str) -> ModuleType:
    """Return the imported module; ConfigError with the command to run if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        install = f"pip install 'mcq-orchestrator[{extra}]'"
        raise ConfigError(f"building needs the package {module.partition('.')[0]}: {error}. Run: {install}") from error
