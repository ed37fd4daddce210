"""A provider on the loopback interface: the independent witness of every claim about calls and money.

It speaks the OpenAI, Anthropic and Gemini dialects over real HTTP, keeps its own ledger, and shares no code with the
rest of the package. Base URLs: `{url}/openai/v1`, `{url}/anthropic`, `{url}/gemini/v1beta`.

    async with Simulator(Settings(rpm=600)) as sim: ...      # in this event loop
    with running(Settings(rpm=600)) as sim: ...              # in a thread of its own, for subprocesses
    await serve(Settings(), port=8080)                       # until cancelled

The server (aiohttp, numpy, Pillow) is imported at its first use only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .settings import DEFAULT_KEY, Fault, Prices, RetryAfterForm, Settings

if TYPE_CHECKING:
    from .ledger import Arrival, LedgerView
    from .server import Simulator, running, serve

__all__ = [
    "DEFAULT_KEY",
    "Arrival",
    "Fault",
    "LedgerView",
    "Prices",
    "RetryAfterForm",
    "Settings",
    "Simulator",
    "running",
    "serve",
]

_HOMES = {"Arrival": "ledger", "LedgerView": "ledger", "Simulator": "server", "running": "server", "serve": "server"}


def __getattr__(name: str) -> object:
    """Import the server when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
