"""The shape of providers.toml: its tables, what each field may hold, and every fault in words.

Always holds: `read` reports all faults at once, each with its table and field; money is parsed exactly, into
integers; no key stands in the file, and no message repeats what could be one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from orchestrator.errors import ConfigError
from orchestrator.records import NANO_PER_USD, Json

IMAGE_TOKEN_FORMULAS = (
    "openai-tiles",
    "openai-tiles-mini",
    "openai-tiles-gpt5",
    "openai-tiles-o1",
    "openai-patches-mini",
    "openai-patches-nano",
    "openai-patches-o4-mini",
    "claude",
    "claude-large",
    "gemini2",
    "gemini3",
    "llama32",
    "qwen25vl",
    "unknown",
)
"""What `image_tokens` may say; the formulas themselves are `inference.tokens.IMAGE_FORMULAS`."""

OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens")
"""The parameters that bound what a call can cost; a model has one of them."""

_SET_ELSEWHERE = "the orchestrator sets it"
_NOT_PARAMS = {
    **dict.fromkeys(("api_key", "extra_headers", "headers"), "a key belongs in an environment variable (api_key_env)"),
    **dict.fromkeys(("api_base", "base_url"), "the address belongs to the provider (api_base)"),
    **dict.fromkeys(("model", "messages", "stream", "drop_params", "mock_response", "logger_fn"), _SET_ELSEWHERE),
    **dict.fromkeys(("timeout", "num_retries", "max_retries", "fallbacks"), "the provider's limits govern it"),
    **dict.fromkeys(("n", "best_of"), "several answers to one call would pass the reserved cost; use --samples"),
}
_KEYS_ELSEWHERE = (
    "keys do not belong in this file: name an environment variable in api_key_env, or a file in api_key_file"
)
_KEY_FIELDS = ("api_key", "apikey", "key", "token", "secret", "password")
_LOOKS_LIKE_KEY = re.compile(
    r"\b[spr]k-[\w-]{8}|\bAIza[\w-]{16}|\bxai-\w{16}|\b[gh](sk|f)_\w{16}|\bBearer\s|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
)
_Table = TypeVar("_Table", bound=BaseModel)
_Place = tuple[str, ...]
_Faults = dict[_Place, str]


# --- fields ----------------------------------------------------------------------------------------------------------


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        raise ValueError("should be a number")
    return Decimal(value)


def _usd(value: object, unit: int, most: int) -> int:
    """An amount in whole units (a dollar has `unit` of them), exactly."""
    usd = _number(value)
    if not 0 <= usd <= most:
        raise ValueError(f"should be between 0 and {most:,} USD")
    scaled = usd * unit
    if scaled != scaled.to_integral_value():
        raise ValueError(f"has more decimals than are counted: the smallest step is {Decimal(1) / unit:f} USD")
    return int(scaled)


def _usd_per_mtok(value: object) -> int:
    """USD per million tokens in pico-dollars a token."""
    pico = _usd(value, 10**6, 10**5)
    if 0 < pico < 1000:
        raise ValueError("is below 0.001 USD per million tokens: it looks like a price per token")
    return pico


def _lifetime_budget(value: object) -> int:
    return _usd(value, NANO_PER_USD, 10**9)


def _iso_date(value: object) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError('should be the date of the price, like "2026-11-01"') from None


def _web_address(value: str) -> str:
    """An http(s) address without a trailing slash; anything that could carry a credential is refused."""
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0 and not re.search(r"\s", value)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError('should be an address like "https://api.example.org/v1"')
    if "@" in url.netloc or url.query or url.fragment:
        raise ValueError("should hold neither a user name nor a query")
    return value.rstrip("/")


def _variable_name(value: str) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", value):
        raise ValueError('should be the name of an environment variable in capitals, like "OPENAI_API_KEY"')
    return value


def _formula_name(value: str) -> str:
    if value not in IMAGE_TOKEN_FORMULAS:
        raise ValueError(f"there is no such formula{near(value, IMAGE_TOKEN_FORMULAS)}")
    return value


def _params(values: dict[str, object]) -> dict[str, Json]:
    """Parameters as the body will carry them; whatever would break the cap or the key is refused."""
    for name in sorted(values.keys() & _NOT_PARAMS):
        raise ValueError(f"may not hold {name}: {_NOT_PARAMS[name]}")
    limits = [name for name in OUTPUT_LIMITS if name in values]
    if len(limits) > 1:
        raise ValueError(f"should hold one of {' and '.join(limits)}, not both")
    for name in limits:
        limit = values[name]
        if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= 10**7:
            raise ValueError(f"{name} should be a positive whole number of tokens")
    return {name: _json(value) for name, value in values.items()}


def _json(value: object) -> Json:
    match value:
        case bool() | int() | str():
            return value
        case Decimal() if value.is_finite():
            return float(value)
        case list():
            return [_json(one) for one in value]
        case dict():
            return {str(name): _json(one) for name, one in value.items()}
        case _:
            raise ValueError("should hold only texts, finite numbers, true, false, lists and tables")


_Count = Annotated[int, Field(strict=True, gt=0, le=10**12)]
_Seconds = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=10**6)]
_UsdPerMtok = Annotated[int, BeforeValidator(_usd_per_mtok)]
_Name = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^\S+$")]
_Path = Annotated[str, Field(min_length=1)]


# --- tables ----------------------------------------------------------------------------------------------------------


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProviderTable(_Strict):
    """`[providers.NAME]`."""

    api_base: Annotated[str, AfterValidator(_web_address)]
    identity: _Name | None = None
    api_key_env: Annotated[str, AfterValidator(_variable_name)] | None = None
    api_key_file: _Path | None = None
    rpm: _Count = 60
    tpm: _Count = 100_000
    max_concurrency: Annotated[int, Field(strict=True, gt=0, le=10_000)] = 16
    timeout_s: _Seconds = Decimal(120)
    max_attempts: Annotated[int, Field(strict=True, gt=0, le=100)] = 6
    deadline_s: _Seconds = Decimal(900)


class ImageTable(_Strict):
    """`image = { ... }` of a model."""

    max_side: Annotated[int, Field(strict=True, ge=16, le=65_535)] | None = None
    detail: Literal["low", "high", "auto"] | None = None
    format: Literal["jpeg", "png"] = "jpeg"
    quality: Annotated[int, Field(strict=True, ge=1, le=100)] = 90


class ModelTable(_Strict):
    """`[models.ALIAS]`; prices in pico-dollars a token."""

    provider: _Name
    litellm_model: _Name
    params: Annotated[dict[str, Any], AfterValidator(_params)] = Field(default_factory=dict)
    image: ImageTable = ImageTable()
    image_tokens: Annotated[str, AfterValidator(_formula_name)] = "unknown"
    input_usd_per_mtok: _UsdPerMtok | None = None
    cached_input_usd_per_mtok: _UsdPerMtok | None = None
    output_usd_per_mtok: _UsdPerMtok | None = None
    long_context_above_tokens: _Count | None = None
    long_input_usd_per_mtok: _UsdPerMtok | None = None
    long_cached_input_usd_per_mtok: _UsdPerMtok | None = None
    long_output_usd_per_mtok: _UsdPerMtok | None = None
    batch_discount: Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=1)] = Decimal(1)
    prices_as_of: Annotated[str, BeforeValidator(_iso_date)] | None = None
    price_source: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    price_from: Literal["litellm"] | None = None

    @model_validator(mode="after")
    def _prices_agree(self) -> Self:
        given = self.model_fields_set
        tier = {"long_context_above_tokens", "long_input_usd_per_mtok", "long_output_usd_per_mtok"}
        if any(name.startswith("long_") for name in given) and not tier <= given:
            raise ValueError(f"{', '.join(sorted(tier))} belong together")
        stated = sorted(name for name in given if "usd" in name or name in ("prices_as_of", "batch_discount"))
        if self.price_from and stated:
            raise ValueError(f"price_from stands in for stated prices: remove it, or {', '.join(stated)}")
        return self


@dataclass(frozen=True, slots=True)
class Tables:
    """A providers.toml without a fault; every model's provider and every budget's provider is there."""

    providers: Mapping[str, ProviderTable]
    models: Mapping[str, ModelTable]
    budget: Mapping[str, int]
    """Nano-dollars by provider."""


# --- reading ---------------------------------------------------------------------------------------------------------


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
    references: dict[_Place, str] = {
        ("models", alias, "provider"): one.provider for alias, one in tables.models.items()
    }
    references |= {("budget", name): name for name in raw["budget"]}
    for place, provider in references.items():
        if provider not in raw["providers"]:
            faults.setdefault(place, f"there is no provider {provider!r}{near(provider, raw['providers'])}")
    if faults:
        raise ConfigError("\n".join(f"{path}: {where(place)}: {fault}" for place, fault in faults.items()))
    return tables


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a complaint about a name: the nearest known one, and all of them."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{meant} (known: {', '.join(names) or 'none'})"


def where(place: tuple[str, ...]) -> str:
    """Return a place of the file as one writes it: `[models."gpt-4.1"] image.detail`."""
    table = ".".join(one if re.fullmatch(r"[\w-]+", one) else f'"{one}"' for one in place[:2])
    if place[0] == "budget":
        return ".".join(place)
    return " ".join((f"[{table}]", ".".join(place[2:]))).rstrip()


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
        case "missing":
            return "is missing"
        case "extra_forbidden" if place[-1].lower() in _KEY_FIELDS:
            return _KEYS_ELSEWHERE
        case "extra_forbidden":
            fields = kind.model_fields if len(place) == 1 else ImageTable.model_fields
            return f"there is no such field{near(place[-1], fields)}"
        case "model_type":
            return "should be a table"
        case "string_pattern_mismatch":
            return "should hold no spaces"
        case _:
            return message.removeprefix("Value error, ").removeprefix("Input ")


def _budget(table: Mapping[str, object], faults: _Faults) -> dict[str, int]:
    budget = {}
    for name, usd in table.items():
        try:
            budget[name] = _lifetime_budget(usd)
        except ValueError as error:
            faults.setdefault(("budget", name), str(error))
    return budget
