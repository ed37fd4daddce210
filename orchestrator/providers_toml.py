"""Reading a providers.toml: its tables, or every fault it has.

Always holds: all faults are reported at once, each with its table and field; no key stands in the file, and no message
repeats what could be one.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from orchestrator.errors import ConfigError
from orchestrator.provider_tables import ImageTable, ModelTable, ProviderTable, lifetime_budget, near

_KEYS_ELSEWHERE = (
    "keys do not belong in this file: name an environment variable in api_key_env, or a file in api_key_file"
)
_KEY_FIELDS = ("api_key", "apikey", "key", "token", "secret", "password")
_LOOKS_LIKE_KEY = re.compile(
    r"\b[spr]k-[\w-]{8}|\bAIza[\w-]{16}|\bxai-\w{16}|\b[gh](sk|f)_\w{16}|\bBearer\s|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
)
_PLAIN_WORDS = {
    "missing": "is missing",
    "model_type": "should be a table",
    "string_too_short": "should not be empty",
    "string_pattern_mismatch": "should hold no spaces",
}
"""Pydantic's complaints that are worded for programmers."""
_Table = TypeVar("_Table", bound=BaseModel)
_Place = tuple[str, ...]
_Faults = dict[_Place, str]


@dataclass(frozen=True, slots=True)
class Tables:
    """A providers.toml without a fault; every model's provider and every budget's provider is there."""

    providers: Mapping[str, ProviderTable]
    models: Mapping[str, ModelTable]
    budget: Mapping[str, int]
    """Nano-dollars by provider."""


def read(path: Path) -> Tables:
    """Read the tables of a providers.toml; ConfigError names every fault with its table and field."""
    document = _document(path)
    faults: _Faults = {
        place: f"looks like a key; {_KEYS_ELSEWHERE}"
        for place, text in _texts(document, ())
        if _LOOKS_LIKE_KEY.search(text)
    }
    for name in document.keys() - {"providers", "models", "budget"}:
        faults.setdefault((name,), f"there is no such table{near(name, ('providers', 'models', 'budget'))}")
    raw = {name: _subtables(document, name, faults) for name in ("providers", "models", "budget")}
    tables = Tables(
        providers=_validated(ProviderTable, "providers", raw["providers"], faults),
        models=_validated(ModelTable, "models", raw["models"], faults),
        budget=_budget(raw["budget"], faults),
    )
    references: dict[_Place, object] = {("budget", name): name for name in raw["budget"]}
    for alias, table in raw["models"].items():
        references["models", alias, "provider"] = table.get("provider") if isinstance(table, dict) else None
    for place, provider in references.items():
        if isinstance(provider, str) and provider not in raw["providers"]:
            faults.setdefault(place, f"there is no provider {provider!r}{near(provider, raw['providers'])}")
    if faults:
        raise ConfigError("\n".join(f"{path}: {where(place)}: {fault}" for place, fault in faults.items()))
    return tables


def where(place: tuple[str, ...]) -> str:
    """Return a place of the file as one writes it: `[models."gpt-4.1"] image.detail`."""
    depth = 1 if place[0] == "budget" else 2
    table = ".".join(name if re.fullmatch(r"[\w-]+", name) else json.dumps(name) for name in place[:depth])
    return f"[{table}] {'.'.join(place[depth:])}".rstrip()


def _document(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error


def _texts(value: object, place: _Place) -> Iterator[tuple[_Place, str]]:
    match value:
        case str():
            yield place, value
        case dict():
            for name, one in value.items():
                yield from _texts(one, (*place, name))
        case list():
            for one in value:
                yield from _texts(one, place)


def _subtables(document: Mapping[str, object], name: str, faults: _Faults) -> dict[str, object]:
    table = document.get(name, {})
    if isinstance(table, dict):
        return table
    faults.setdefault((name,), "should be a table")
    return {}


def _validated(kind: type[_Table], name: str, tables: Mapping[str, object], faults: _Faults) -> dict[str, _Table]:
    valid = {}
    for title, raw in tables.items():
        try:
            valid[title] = kind.model_validate(raw)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                inner = tuple(map(str, fault["loc"]))
                faults.setdefault((name, title, *inner), _worded(kind, inner, fault["type"], fault["msg"]))
    return valid


def _worded(kind: type[BaseModel], place: _Place, fault: str, message: str) -> str:
    match fault:
        case "extra_forbidden" if place[-1].lower() in _KEY_FIELDS:
            return _KEYS_ELSEWHERE
        case "extra_forbidden":
            fields = kind.model_fields if len(place) == 1 else ImageTable.model_fields
            return f"there is no such field{near(place[-1], fields)}"
        case _:
            return _PLAIN_WORDS.get(fault, message.removeprefix("Value error, ").removeprefix("Input "))


def _budget(table: Mapping[str, object], faults: _Faults) -> dict[str, int]:
    budget = {}
    for name, usd in table.items():
        try:
            budget[name] = lifetime_budget(usd)
        except ValueError as error:
            faults.setdefault(("budget", name), str(error))
    return budget
