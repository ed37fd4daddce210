"""The configuration: which providers.toml, what it means as records, which key, which cache.

Always holds: a `Model` has a price and an output limit, since the cost of its calls could not be capped otherwise; an
entry that lacks one is kept as `Incomplete`, and says which lines to add.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from orchestrator.bundled import map_price
from orchestrator.errors import ConfigError
from orchestrator.provider_tables import OUTPUT_LIMITS, ModelTable, ProviderTable, near
from orchestrator.providers_toml import read, where
from orchestrator.records import ImagePolicy, Model, Price, Provider

FILE_NAME = "providers.toml"
CACHE_VARIABLE = "ORCHESTRATOR_CACHE"
NO_KEY = "none-needed"
"""Sent to a provider that has neither `api_key_env` nor `api_key_file`: a server of one's own."""
_PACKAGE = Path(__file__).absolute().parent


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A model of the file that cannot be called yet: it lacks a price or an output limit."""

    alias: str
    provider: Provider
    litellm_model: str
    refusal: str
    """What is missing, and the lines to add."""


@dataclass(frozen=True, slots=True)
class Config:
    """One providers.toml, understood."""

    path: Path
    providers: Mapping[str, Provider]
    models: Mapping[str, Model | Incomplete]

    def model(self, alias: str) -> Model:
        """Return the model of that name; ConfigError if there is none, or the cost of its calls could not be capped."""
        match self.models.get(alias):
            case None:
                raise ConfigError(f"{self.path}: there is no model {alias!r}{near(alias, self.models)}")
            case Incomplete() as incomplete:
                raise ConfigError(incomplete.refusal)
            case model:
                return model


def find(flag: Path | None, start: Path, *, package: Path = _PACKAGE) -> Path:
    """Return the providers.toml to use: the flag, that of `start` or the nearest folder above it, the shipped one."""
    if flag is not None:
        if not flag.is_file():
            raise ConfigError(f"{flag}: there is no such file (--providers)")
        return flag
    folders = (start.absolute(), *start.absolute().parents)
    # A wheel ships the file inside the package; a source checkout keeps it beside the package.
    for folder in (*folders, package, package.parent):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise ConfigError(f"there is no {FILE_NAME} in {start} or above it, and none came with the package; reinstall it")


def load(path: Path) -> Config:
    """Read a providers.toml; ConfigError names every fault with its table and field."""
    tables = read(path)
    providers = {
        name: _provider(name, table, path, tables.budget.get(name)) for name, table in tables.providers.items()
    }
    models = {alias: _model(alias, table, providers[table.provider], path) for alias, table in tables.models.items()}
    return Config(path, providers, models)


def cache_path(flag: Path | None, env: Mapping[str, str], config: Config, *, package: Path = _PACKAGE) -> Path:
    """Return where the responses are kept.

    The flag, ORCHESTRATOR_CACHE, or `cache/responses.db` beside the providers.toml in use; for the one that ships
    inside the package, `responses.db` in the user's data folder.
    """
    if flag is not None:
        return flag
    if env.get(CACHE_VARIABLE):
        return Path(env[CACHE_VARIABLE]).expanduser()
    folder = config.path.absolute().parent
    if folder == package:
        return user_data_path("mcq-orchestrator", appauthor=False) / "responses.db"
    return folder / "cache" / "responses.db"


def api_key(provider: Provider, env: Mapping[str, str] = os.environ) -> str:
    """Return a provider's key, from its environment variable or else its file; `NO_KEY` if it declares neither.

    ConfigError names the variable or the file, never what stands in it.
    """
    if provider.api_key_env is None and provider.api_key_file is None:
        return NO_KEY
    if provider.api_key_env and (key := env.get(provider.api_key_env, "").strip()):
        return _header_safe(key, f"the environment variable {provider.api_key_env}")
    if provider.api_key_file:
        return _header_safe(_key_file(Path(provider.api_key_file)), provider.api_key_file)
    raise ConfigError(
        f"provider {provider.name} has no key: the environment variable {provider.api_key_env} is not set. "
        "For example:\n"
        f"    export {provider.api_key_env}='paste your key here'"
    )


def _key_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(10_000)
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(f"{path}: others can read this key. First:\n    chmod 600 {path}")
    return content.decode("utf-8", "replace").strip()


def _header_safe(key: str, place: str) -> str:
    """The key, if it can stand in a header: anything else would fail in a library that shows it."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{place} holds no usable key: it is empty, or has characters that no key has")
    return key


def _provider(name: str, table: ProviderTable, path: Path, budget: int | None) -> Provider:
    key_file = table.api_key_file
    return Provider(
        name=name,
        api_base=table.api_base,
        identity=table.identity or table.api_base,
        api_key_env=table.api_key_env,
        api_key_file=str(path.absolute().parent / Path(key_file).expanduser()) if key_file else None,
        rpm=table.rpm,
        tpm=table.tpm,
        max_concurrency=table.max_concurrency,
        timeout_s=float(table.timeout_s),
        max_attempts=table.max_attempts,
        deadline_s=float(table.deadline_s),
        budget_nanousd=budget,
    )


def _model(alias: str, table: ModelTable, provider: Provider, path: Path) -> Model | Incomplete:
    price = map_price(table.litellm_model) if table.price_from else _price(table)
    limited = any(name in table.params for name in OUTPUT_LIMITS)
    if price is None or not limited:
        refusal = _refusal(alias, table, path, priced=price is not None, limited=limited)
        return Incomplete(alias, provider, table.litellm_model, refusal)
    image = table.image
    return Model(
        alias=alias,
        provider=provider,
        litellm_model=table.litellm_model,
        params=table.params,
        image=ImagePolicy(image.max_side, image.detail, image.format, image.quality),
        price=price,
        image_tokens=table.image_tokens,
    )


def _price(table: ModelTable) -> Price | None:
    if table.input_usd_per_mtok is None or table.output_usd_per_mtok is None or table.prices_as_of is None:
        return None
    cached, long_cached = table.cached_input_usd_per_mtok, table.long_cached_input_usd_per_mtok
    long_input = table.long_input_usd_per_mtok or 0
    return Price(
        input=table.input_usd_per_mtok,
        cached_input=table.input_usd_per_mtok if cached is None else cached,
        output=table.output_usd_per_mtok,
        as_of=table.prices_as_of,
        source=table.price_source or FILE_NAME,
        batch_discount=float(table.batch_discount),
        long_context_above=table.long_context_above_tokens,
        long_input=long_input,
        long_cached_input=long_input if long_cached is None else long_cached,
        long_output=table.long_output_usd_per_mtok or 0,
    )


def _refusal(alias: str, table: ModelTable, path: Path, *, priced: bool, limited: bool) -> str:
    """Say what keeps the cost of this model's calls from being capped, and the lines that mend it."""
    lines, why = [], []
    if not priced:
        why.append(
            f"LiteLLM's price map has no price for {table.litellm_model}" if table.price_from else "it has no price"
        )
        lines += [
            f"{name} = ...   # USD per million tokens, from the provider's price page; 0 if it costs nothing"
            for name in ("input_usd_per_mtok", "output_usd_per_mtok")
            if getattr(table, name) is None
        ]
        lines += [] if table.prices_as_of else ['prices_as_of = "..."   # the day you looked, like 2026-11-01']
    if not limited:
        why.append("its params hold no output limit")
        kept = "".join(f"{name} = ..., " for name in table.params)
        lines.append(f"params = {{ {kept}max_tokens = 1024 }}   # the most tokens one answer may cost")
    replaced = ", in place of price_from" if table.price_from and not priced else ""
    return (
        f"model {alias} cannot be called, because its cost could not be capped: {' and '.join(why)}. "
        f"In {path}, under {where(('models', alias))}{replaced}:\n" + "\n".join(f"    {line}" for line in lines)
    )
