"""`models`: where each price comes from and how old it is, why a model is refused, and lines that fit a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bundled import map_price
from orchestrator.commands.models import COLUMNS, STALE_DAYS, chosen, lines, to_json
from orchestrator.config import Config, load
from orchestrator.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "providers.toml"
DAY = date(2026, 11, 1)
TEXT = """
[providers.near]
api_base = "http://127.0.0.1:9/v1"
api_key_env = "NEAR_KEY"

[providers.own]
api_base = "http://127.0.0.1:8000/v1"

[providers.filed]
api_base = "http://127.0.0.1:7/v1"
api_key_file = "key.txt"
rpm = 7

[models.dated]
provider = "near"
litellm_model = "openai/gpt-4.1"
params = { temperature = 0.0, max_tokens = 1024 }
image = { detail = "high", max_side = 1024 }
image_tokens = "openai-tiles"
input_usd_per_mtok = 2.00
cached_input_usd_per_mtok = 0.50
output_usd_per_mtok = 8.00
batch_discount = 0.5
long_context_above_tokens = 200_000
long_input_usd_per_mtok = 4.00
long_output_usd_per_mtok = 12.00
prices_as_of = "2026-11-01"
price_source = "the provider's page"

[models.mapped]
provider = "own"
litellm_model = "openai/gpt-4.1"
params = { max_tokens = 100 }
image = { format = "png" }
price_from = "litellm"

[models.unpriced]
provider = "near"
litellm_model = "openai/gpt-4.1"

[models.unlimited]
provider = "near"
litellm_model = "openai/gpt-4.1"
input_usd_per_mtok = 2
output_usd_per_mtok = 8
prices_as_of = "2026-11-01"

[models.mapped-unlimited]
provider = "near"
litellm_model = "openai/gpt-4.1"
price_from = "litellm"

[models.obscure]
provider = "near"
litellm_model = "openai/nobody-knows-it"
params = { max_tokens = 100 }

[budget]
near = 12.50
"""


def written(folder: Path, text: str = TEXT) -> Config:
    """Return the configuration of a providers.toml with this text."""
    path = folder / "providers.toml"
    path.write_text(text, "utf-8")
    return load(path)


@pytest.fixture
def found(tmp_path: Path) -> Config:
    """The configuration above."""
    return written(tmp_path)


def told(found: Config, *aliases: str, days: int = 0) -> str:
    """Return the lines, so many days after the price was looked up."""
    return "\n".join(lines(found, aliases, DAY + timedelta(days)))


def body(found: Config, *aliases: str, days: int = 0) -> dict[str, Any]:
    """Return the JSON object as another program reads it."""
    read: dict[str, Any] = json.loads(json.dumps(to_json(found, aliases, DAY + timedelta(days)), allow_nan=False))
    return read


# --- prices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "2026-11-01, today"),
        (1, "2026-11-01, 1 day old"),
        (STALE_DAYS, "90 days old"),
        (-1, "2026-11-01, which is in the future"),
    ],
)
def test_a_price_has_its_source_and_its_age(found: Config, days: int, words: str) -> None:
    """Both stand beside it; up to ninety days it is not questioned."""
    shown = told(found, "dated", days=days)
    assert "the provider's page" in shown
    assert words in " ".join(shown.split())
    assert "OUT OF DATE" not in shown
    assert body(found, "dated", days=days)["models"]["dated"]["price_age_days"] == days


def test_an_old_price_is_called_out_of_date(found: Config) -> None:
    """From the ninety-first day on, in words."""
    assert "91 days old" in told(found, days=91)
    assert told(found, days=91).count("OUT OF DATE") == 1


def test_a_price_of_the_map_has_no_age(found: Config) -> None:
    """It is named as the map's, and only LiteLLM's version is known of it."""
    shown = told(found, "mapped")
    assert "LiteLLM's price map, litellm" in shown
    assert "its age is unknown" in " ".join(shown.split())
    assert body(found, "mapped")["models"]["mapped"]["price_age_days"] is None


def test_every_rate_is_shown(found: Config) -> None:
    """Fresh, cached and output, the same above the long-context threshold, and the batch factor."""
    shown = told(found)
    assert "$2 in, $0.5 cached, $8 out per million tokens" in shown
    assert "above 200,000 tokens in: $4 in, $4 cached, $12 out" in shown
    assert "batched: 50 % of that" in shown


# --- one model in full -----------------------------------------------------------------------------------------------


def test_a_named_model_is_shown_alone_and_in_full(found: Config) -> None:
    """Its provider with every limit, its parameters and how its pictures are sent; no other model or provider."""
    shown = told(found, "dated")
    assert '{"temperature": 0.0, "max_tokens": 1024}' in shown
    assert "at most 1,024 output tokens a call" in shown
    assert "pictures: at most 1024 px a side, jpeg of quality 90, detail high" in " ".join(shown.split())
    assert "formula openai-tiles" in shown
    assert "budget: $12.50 over the cache's lifetime" in shown
    assert "120 s an attempt, 900 s a request" in shown
    assert "mapped" not in shown
    assert "own:" not in shown


def test_a_picture_kept_as_it_is_is_said_so(found: Config) -> None:
    """Without a longest side, and as PNG, which has no quality."""
    assert "pictures: as large as they are, png\n" in told(found, "mapped")


def test_several_named_models_keep_the_files_order(found: Config) -> None:
    """Under the provider each belongs to."""
    shown = told(found, "mapped", "dated")
    assert shown.index("near:") < shown.index("  dated") < shown.index("own:") < shown.index("  mapped")


def test_an_unknown_name_is_refused_with_the_nearest(found: Config) -> None:
    """Nothing is listed."""
    with pytest.raises(ConfigError, match="did you mean dated"):
        chosen(found, ["dated", "datde"])


# --- refused models --------------------------------------------------------------------------------------------------


def test_the_listing_says_how_to_learn_more(found: Config) -> None:
    """A refused model takes one line, without the lines to add."""
    shown = told(found)
    assert shown.count("refused: `orchestrator models -m ALIAS` says what to add") == 4
    assert "prices_as_of =" not in shown


def test_a_refused_model_shows_the_lines_to_add(found: Config) -> None:
    """They stand on lines of their own, as they are to be copied."""
    shown = [line.strip() for line in lines(found, ["unpriced"], DAY)]
    assert 'prices_as_of = "..."   # the day you looked, like 2026-11-01' in shown
    assert any(line.startswith("params = { max_tokens = 1024 }") for line in shown)
    assert any("cannot be called" in line for line in shown)


def test_a_price_that_the_map_knows_is_offered_as_the_maps(found: Config) -> None:
    """With its rates and the one line that takes it; the JSON has it as well."""
    price = map_price("openai/gpt-4.1")
    assert price is not None
    shown = told(found, "unpriced")
    assert 'price_from = "litellm"' in shown
    assert "LiteLLM's price map" in " ".join(shown.split())
    offered = body(found, "unpriced")["models"]["unpriced"]["offered"]
    assert offered["input_usd_per_mtok"] == price.input / 1e6
    assert offered["price_source"] == "LiteLLM's price map"


@pytest.mark.parametrize("alias", ["unlimited", "mapped-unlimited", "obscure"])
def test_nothing_is_offered_where_it_would_not_help(found: Config, alias: str) -> None:
    """A model that only lacks a limit has its price, and of some the map knows nothing."""
    assert 'price_from = "litellm"' not in told(found, alias)
    refused = body(found, alias)["models"][alias]
    assert refused["offered"] is None
    assert "cannot be called" in refused["refused"]


# --- all of it -------------------------------------------------------------------------------------------------------


def test_the_shipped_listing_fits_a_narrow_terminal() -> None:
    """Sixty columns hold every line but the file's path; every name is whole, also of a provider without a model."""
    config = load(SHIPPED)
    shown = list(lines(config, (), DAY))
    assert [line for line in shown if len(line) > COLUMNS and str(SHIPPED) not in line] == []
    assert all(f"  {alias}" in shown for alias in config.models)
    assert all(any(line.startswith(f"{name}: ") for line in shown) for name in config.providers)


def test_a_model_in_full_fits_a_narrow_terminal() -> None:
    """But for the lines to copy, which stay whole."""
    config = load(SHIPPED)
    for alias in config.models:
        long = [line for line in lines(config, [alias], DAY) if len(line) > COLUMNS and str(SHIPPED) not in line]
        assert all(" = " in line for line in long)


def test_a_hostile_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Control sequences in names, sources and parameters are dropped wherever they are shown."""
    evil = "\\u001b[31mred\\u202e"
    text = TEXT.replace('"the provider\'s page"', f'"{evil}"').replace("[models.obscure]", f'[models."{evil}"]')
    text = text.replace("temperature = 0.0", f'stop = "{evil}"')
    config = written(tmp_path, text)
    for aliases in ((), tuple(config.models)):
        assert all(line.isprintable() for line in lines(config, aliases, DAY))


def test_the_json_holds_every_field(found: Config) -> None:
    """Of a provider its limits and its budget, of a model what shapes and prices its calls."""
    read = body(found)
    assert read["models"].keys() == found.models.keys()
    assert read["providers"]["near"] == {
        "api_base": "http://127.0.0.1:9/v1",
        "identity": "http://127.0.0.1:9/v1",
        "key": "NEAR_KEY not set",
        "rpm": 60,
        "tpm": 100_000,
        "max_concurrency": 16,
        "timeout_s": 120.0,
        "max_attempts": 6,
        "deadline_s": 900.0,
        "budget_usd": 12.5,
    }
    assert read["models"]["dated"] == {
        "provider": "near",
        "litellm_model": "openai/gpt-4.1",
        "params": {"temperature": 0.0, "max_tokens": 1024},
        "max_output_tokens": 1024,
        "image": {"max_side": 1024, "detail": "high", "format": "jpeg", "quality": 90},
        "image_tokens": "openai-tiles",
        "input_usd_per_mtok": 2.0,
        "cached_input_usd_per_mtok": 0.5,
        "output_usd_per_mtok": 8.0,
        "batch_discount": 0.5,
        "long_context_above_tokens": 200_000,
        "long_input_usd_per_mtok": 4.0,
        "long_cached_input_usd_per_mtok": 4.0,
        "long_output_usd_per_mtok": 12.0,
        "prices_as_of": "2026-11-01",
        "price_age_days": 0,
        "price_source": "the provider's page",
    }
    assert list(body(found, "mapped")["providers"]) == ["own"]


def test_the_state_of_a_key_never_holds_the_key(found: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the variable or the file is named, and whether a key was found there."""
    monkeypatch.setenv("NEAR_KEY", "sk-secret-0123456789")
    file = found.path.parent / "key.txt"
    file.write_text("sk-secret-0123456789")
    file.chmod(0o600)
    keys = {name: provider["key"] for name, provider in body(found)["providers"].items()}
    assert keys == {"near": "NEAR_KEY set", "own": "none needed", "filed": f"{file} set"}
    assert "secret" not in told(found) + json.dumps(body(found))


def test_the_command_shows_a_refused_model(tmp_path: Path) -> None:
    """That is no error, needs no key, and does not load LiteLLM."""
    written(tmp_path)
    script = "import sys; from orchestrator.cli import main\ntry: main()\nfinally: print('litellm' in sys.modules)"
    asked = [sys.executable, "-c", script, "models", "-m", "unpriced"]
    done = subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    assert "REFUSED" in done.stdout
    assert done.stdout.endswith("False\n")
