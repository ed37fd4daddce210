"""The tables of providers.toml, and what each field may hold.

Always holds: money is parsed exactly, into integers; what passes cannot break the cap (no hidden retries, no second
answer to one call, no price per token taken for one per million); no message repeats what could be a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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
    **dict.fromkeys(
        ("n", "best_of", "candidate_count", "candidateCount"),
        "several answers to one call would pass the reserved cost; use --samples",
    ),
    **dict.fromkeys(
        ("max_output_tokens", "maxOutputTokens", "max_new_tokens"),
        "the output limit is called max_tokens or max_completion_tokens",
    ),
    **dict.fromkeys(("service_tier", "tools", "web_search_options"), "it is billed apart from the prices stated here"),
}


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
    units = int(usd * unit)
    if Decimal(units) / unit != usd:
        raise ValueError(f"has more decimals than are counted: the smallest step is {Decimal(1) / unit:f} USD")
    return units


def _usd_per_mtok(value: object) -> int:
    """USD per million tokens in pico-dollars a token."""
    pico = _usd(value, 10**6, 10**5)
    if 0 < pico < 1000:
        raise ValueError("is below 0.001 USD per million tokens: it looks like a price per token")
    return pico


def lifetime_budget(value: object) -> int:
    """Return USD as nano-dollars; ValueError if they are no amount or cannot be counted exactly."""
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
    extra = values.get("extra_body", {})
    if not isinstance(extra, dict):
        raise ValueError("extra_body should be a table")
    if smuggled := sorted(extra.keys() & set(OUTPUT_LIMITS)):
        raise ValueError(f"{smuggled[0]} should stand in params itself, not in extra_body")
    for name in sorted((values.keys() | extra.keys()) & _NOT_PARAMS.keys()):
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


# --- wording ---------------------------------------------------------------------------------------------------------


def near(name: str, known: Iterable[str]) -> str:
    """Return the end of a complaint about a name: the nearest known one, and all of them."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{meant} (known: {', '.join(names) or 'none'})"
