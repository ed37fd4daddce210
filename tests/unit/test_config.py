"""providers.toml -> Config: what it means, every fault it can have, and that no key ever shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.config import NO_KEY, Config, Incomplete, api_key, cache_path, find, load
from orchestrator.errors import ConfigError
from orchestrator.inference.tokens import IMAGE_FORMULAS
from orchestrator.provider_tables import IMAGE_TOKEN_FORMULAS
from orchestrator.records import ImagePolicy, Model, Price

SHIPPED = Path(__file__).parents[2] / "providers.toml"

PROVIDER = """
[providers.openai]
api_base = "https://api.openai.com/v1/"
api_key_env = "OPENAI_API_KEY"
"""
MODEL = """
[models."gpt-4.1"]
provider = "openai"
litellm_model = "openai/gpt-4.1"
params = { temperature = 0.0, max_tokens = 1024, stop = ["\\n\\n"], extra_body = { top_k = 1 } }
image = { detail = "high", max_side = 1024 }
image_tokens = "openai-tiles"
input_usd_per_mtok = 2
cached_input_usd_per_mtok = 0.50
output_usd_per_mtok = 8.00
batch_discount = 0.5
prices_as_of = "2026-11-01"
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a providers.toml, and return its path."""

    def to_file(text: str) -> Path:
        path = tmp_path / "providers.toml"
        path.write_text(text, "utf-8")
        return path

    return to_file


def complaints(path: Path) -> list[str]:
    """Return the faults of a file, one a line, without the path."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


# --- what a file means -----------------------------------------------------------------------------------------------


def test_a_file_becomes_records(write: Write) -> None:
    """Prices are whole pico-dollars, parameters plain JSON, and what is unsaid has a default."""
    config = load(write(PROVIDER + MODEL + "[budget]\nopenai = 12.5\n"))
    model = config.model("gpt-4.1")
    assert model.price == Price(
        input=2_000_000, cached_input=500_000, output=8_000_000, as_of="2026-11-01", batch_discount=0.5
    )
    assert model.params == {"temperature": 0.0, "max_tokens": 1024, "stop": ["\n\n"], "extra_body": {"top_k": 1}}
    assert [type(value) for value in model.params.values()] == [float, int, list, dict]
    assert model.image == ImagePolicy(max_side=1024, detail="high")
    assert model.image_tokens == "openai-tiles"
    assert model.max_output_tokens == 1024
    provider = config.providers["openai"]
    assert model.provider == provider
    assert provider.api_base == provider.identity == "https://api.openai.com/v1"
    assert provider.budget_nanousd == 12_500_000_000
    assert (provider.rpm, provider.tpm, provider.max_concurrency) == (60, 100_000, 16)
    assert (provider.timeout_s, provider.max_attempts, provider.deadline_s) == (120.0, 6, 900.0)


def test_cached_input_costs_as_much_as_input_unless_said(write: Write) -> None:
    """An unknown discount is not assumed."""
    text = PROVIDER + MODEL.replace("cached_input_usd_per_mtok = 0.50\n", "")
    assert load(write(text)).model("gpt-4.1").price.cached_input == 2_000_000


def test_long_context_prices_are_read(write: Write) -> None:
    """A tier of three prices; cached input as dear as input unless said."""
    tier = "long_context_above_tokens = 200_000\nlong_input_usd_per_mtok = 4\nlong_output_usd_per_mtok = 12.5\n"
    price = load(write(PROVIDER + MODEL + tier)).model("gpt-4.1").price
    assert price.long_context_above == 200_000
    assert (price.long_input, price.long_cached_input, price.long_output) == (4_000_000, 4_000_000, 12_500_000)
    price = load(write(PROVIDER + MODEL + tier + "long_cached_input_usd_per_mtok = 1\n")).model("gpt-4.1").price
    assert price.long_cached_input == 1_000_000


def test_zero_is_a_price(write: Write) -> None:
    """A server of one's own costs nothing a token, and says so."""
    text = re.sub(r"(usd_per_mtok = )[\d.]+", r"\g<1>0", PROVIDER + MODEL)
    assert load(write(text)).model("gpt-4.1").price.input == 0


def test_a_date_may_stand_without_quotes(write: Write) -> None:
    """TOML has dates of its own."""
    text = PROVIDER + MODEL.replace('"2026-11-01"', "2026-11-01")
    assert load(write(text)).model("gpt-4.1").price.as_of == "2026-11-01"


def test_a_byte_order_mark_is_no_fault(write: Write) -> None:
    """Some editors write one."""
    assert load(write("\ufeff" + PROVIDER + MODEL)).model("gpt-4.1")


def test_a_price_can_be_taken_from_litellm(write: Write) -> None:
    """On request only, and it says where it comes from."""
    text = PROVIDER + '[models.mini]\nprovider = "openai"\nlitellm_model = "openai/gpt-4o-mini"\n'
    text += 'params = { max_tokens = 5 }\nprice_from = "litellm"\n'
    price = load(write(text)).model("mini").price
    assert (price.input, price.output) == (150_000, 600_000)
    assert (price.source, price.as_of[:8]) == ("LiteLLM's price map", "litellm ")


# --- models that cannot be called ------------------------------------------------------------------------------------


def test_an_unknown_model_names_the_nearest(write: Write) -> None:
    """A typo costs one look."""
    with pytest.raises(ConfigError, match=r"no model 'gpt4.1'; did you mean gpt-4.1\? \(known: gpt-4.1\)"):
        load(write(PROVIDER + MODEL)).model("gpt4.1")


def test_a_model_without_a_price_is_refused_with_the_lines_to_add(write: Write) -> None:
    """It is kept, shown, and never taken as free."""
    path = write(PROVIDER + re.sub(r".*usd.*\n|prices_as_of.*\n", "", MODEL))
    config = load(path)
    assert isinstance(config.models["gpt-4.1"], Incomplete)
    with pytest.raises(ConfigError) as caught:
        config.model("gpt-4.1")
    message = str(caught.value)
    assert f'In {path}, under [models."gpt-4.1"]:' in message
    assert "it has no price" in message
    assert re.findall(r"^    (\w+) = ", message, re.M) == ["input_usd_per_mtok", "output_usd_per_mtok", "prices_as_of"]


def test_only_what_is_missing_of_a_price_is_asked_for(write: Write) -> None:
    """A price without its date is not dated by guess."""
    with pytest.raises(ConfigError) as caught:
        load(write(PROVIDER + MODEL.replace("prices_as_of", "#"))).model("gpt-4.1")
    assert re.findall(r"^    (\w+) = ", str(caught.value), re.M) == ["prices_as_of"]


def test_a_model_without_an_output_limit_is_refused_with_the_line_to_add(write: Write) -> None:
    """What one answer may cost has to be bounded."""
    with pytest.raises(ConfigError) as caught:
        load(write(PROVIDER + MODEL.replace("max_tokens = 1024, ", ""))).model("gpt-4.1")
    assert "    params = { temperature = ..., stop = ..., extra_body = ..., max_tokens = 1024 }" in str(caught.value)
    assert "usd" not in str(caught.value)


def test_a_price_that_litellm_does_not_know_is_asked_for(write: Write) -> None:
    """The map has gaps."""
    text = PROVIDER + '[models.own]\nprovider = "openai"\nlitellm_model = "openai/own"\nprice_from = "litellm"\n'
    with pytest.raises(ConfigError) as caught:
        load(write(text)).model("own")
    assert "LiteLLM's price map has no price for openai/own and its params hold no output limit" in str(caught.value)
    assert "in place of price_from" in str(caught.value)


# --- faults ----------------------------------------------------------------------------------------------------------


def test_every_fault_is_named_at_once(write: Write) -> None:
    """Table and field of each, with the nearest known name."""
    found = complaints(
        write(
            "[provider.x]\n"
            '[providers.openai]\napi_base = "api.openai.com"\nrmp = 5\ntpm = 0\n'
            '[models.a]\nprovider = "opnai"\nlitellm_model = "x"\nimage_tokens = "openai-tile"\n'
            'image = { detial = "high" }\n'
            '[models."b.1"]\nprovider = "openai"\n'
            "[budget]\nopenia = 5\n"
        )
    )
    assert {line.split(";")[0].split(" (known")[0] for line in found} == {
        "[provider]: there is no such table",
        '[providers.openai] api_base: should be an address like "https://api.example.org/v1"',
        "[providers.openai] rmp: there is no such field",
        "[providers.openai] tpm: should be greater than 0",
        "[models.a] provider: there is no provider 'opnai'",
        "[models.a] image_tokens: there is no such formula",
        "[models.a] image.detial: there is no such field",
        '[models."b.1"] litellm_model: is missing',
        "[budget] openia: there is no provider 'openia'",
    }
    for typo, meant in {"rmp": "rpm", "opnai": "openai", "tile": "openai-tiles", "detial": "detail"}.items():
        assert any(typo in line and f"did you mean {meant}?" in line for line in found)


def test_a_syntax_error_names_its_line(write: Write) -> None:
    """TOML's own complaint, with the file."""
    [line] = complaints(write("[providers.openai]\nrpm = \n"))
    assert line.startswith("is not valid TOML")
    assert "line 2" in line


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"\xff\xfe", "is not UTF-8 text (byte 0)"), (None, "cannot be read: No such file")]
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    """No traceback for a file of the wrong kind, or none."""
    path = tmp_path / "providers.toml"
    if content is not None:
        path.write_bytes(content)
    [line] = complaints(path)
    assert line.startswith(complaint)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("rpm = 5.5", "rpm: should be a valid integer"),
        ('rpm = "500"', "rpm: should be a valid integer"),
        ("tpm = true", "tpm: should be a valid integer"),
        ("max_attempts = 0", "max_attempts: should be greater than 0"),
        ("max_concurrency = -1", "max_concurrency: should be greater than 0"),
        ("timeout_s = 0", "timeout_s: should be greater than 0"),
        ("timeout_s = inf", "timeout_s: should be a number"),
        ("deadline_s = true", "deadline_s: should be a number"),
        ('identity = "two words"', "identity: should hold no spaces"),
        ('identity = ""', "identity: should not be empty"),
        ('api_key_env = "$OPENAI_API_KEY"', "api_key_env: should be the name of an environment variable"),
        ('api_base = "ftp://x/v1"', "api_base: should be an address"),
        ('api_base = "https://"', "api_base: should be an address"),
        ('api_base = "https://[x/v1"', "api_base: should be an address"),
        ('api_base = "https://x:99999/v1"', "api_base: should be an address"),
        ('api_base = "https://user:pass@x/v1"', "api_base: should hold neither a user name nor a query"),
        ('api_base = "https://x/v1?key=y"', "api_base: should hold neither a user name nor a query"),
    ],
)
def test_a_provider_field_of_the_wrong_kind_is_refused(write: Write, line: str, complaint: str) -> None:
    """Limits are positive whole numbers, addresses are addresses."""
    name = line.split(" = ", maxsplit=1)[0]
    text = re.sub(rf"^{name} = .*\n", "", PROVIDER, flags=re.M)
    [found] = complaints(write(f"{text}{line}\n"))
    assert found.startswith(f"[providers.openai] {complaint}")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('input_usd_per_mtok = "2"', "input_usd_per_mtok: should be a number"),
        ("input_usd_per_mtok = -1", "input_usd_per_mtok: should be between 0 and 100,000 USD"),
        ("input_usd_per_mtok = nan", "input_usd_per_mtok: should be a number"),
        ("input_usd_per_mtok = 1e9", "input_usd_per_mtok: should be between 0 and 100,000 USD"),
        ("input_usd_per_mtok = 2.1234567", "input_usd_per_mtok: has more decimals than are counted"),
        ("input_usd_per_mtok = 2.0000000000000000000000000000001", "input_usd_per_mtok: has more decimals"),
        ("input_usd_per_mtok = 0.0000025", "input_usd_per_mtok: has more decimals than are counted"),
        ("input_usd_per_mtok = 0.00001", "input_usd_per_mtok: is below 0.001 USD per million tokens: it looks like"),
        ("batch_discount = 1.5", "batch_discount: should be less than or equal to 1"),
        ("batch_discount = 0", "batch_discount: should be greater than 0"),
        ('prices_as_of = "November 2026"', "prices_as_of: should be the date of the price"),
        ("prices_as_of = 2026", "prices_as_of: should be the date of the price"),
        ('litellm_model = ""', "litellm_model: should not be empty"),
        ("image = 5", "image: should be a table"),
        ("image = { max_side = 0 }", "image.max_side: should be greater than or equal to 16"),
        ("image = { quality = 101 }", "image.quality: should be less than or equal to 100"),
        ('image = { format = "gif" }', "image.format: should be 'jpeg' or 'png'"),
        ('image = { detail = "max" }', "image.detail: should be 'low', 'high' or 'auto'"),
        ("params = { max_tokens = 0 }", "params: max_tokens should be a positive whole number"),
        ("params = { max_tokens = true }", "params: max_tokens should be a positive whole number"),
        ("params = { max_tokens = 10.0 }", "params: max_tokens should be a positive whole number"),
        ("params = { max_tokens = 9, max_completion_tokens = 9 }", "params: should hold one of max_tokens and"),
        ("params = { n = 2 }", "params: may not hold n: several answers to one call would pass the reserved cost"),
        ("params = { extra_body = { n = 2 } }", "params: may not hold n: several answers"),
        ("params = { extra_body = { max_tokens = 9000 } }", "params: max_tokens should stand in params itself"),
        ("params = { extra_body = 5 }", "params: extra_body should be a table"),
        ('params = { service_tier = "priority" }', "params: may not hold service_tier: it is billed apart"),
        ("params = { maxOutputTokens = 9000 }", "params: may not hold maxOutputTokens: the output limit is called"),
        ("params = { stream = true }", "params: may not hold stream"),
        ("params = { num_retries = 3 }", "params: may not hold num_retries"),
        ("params = { temperature = nan }", "params: should hold only texts, finite numbers"),
        ("params = { since = 2026-11-01 }", "params: should hold only texts, finite numbers"),
        ("long_input_usd_per_mtok = 3", "long_context_above_tokens, long_input_usd_per_mtok, long_output"),
        ("long_cached_input_usd_per_mtok = 3", "long_context_above_tokens, long_input_usd_per_mtok, long_output"),
        ('price_from = "litellm"', "price_from stands in for stated prices: remove it, or batch_discount, cached"),
        ('price_from = "web"', "price_from: should be 'litellm'"),
    ],
)
def test_a_model_field_of_the_wrong_kind_is_refused(write: Write, line: str, complaint: str) -> None:
    """Prices are exact and per million tokens; nothing may pass the cap or be retried behind it."""
    name = line.split(" = ", maxsplit=1)[0]
    text = re.sub(rf"^{name} = .*\n", "", MODEL, flags=re.M)
    [found] = complaints(write(f"{PROVIDER}{text}{line}\n"))
    assert found.removeprefix('[models."gpt-4.1"]').lstrip(": ").startswith(complaint)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("providers = 5", "[providers]: should be a table"),
        ("models = []", "[models]: should be a table"),
        ("[providers]\nopenai = 5", "[providers.openai]: should be a table"),
        ("budget = 5", "[budget]: should be a table"),
        (PROVIDER + "[budget]\nopenai = -1", "[budget] openai: should be between 0 and 1,000,000,000 USD"),
        (PROVIDER + '[budget]\nopenai = "5"', "[budget] openai: should be a number"),
    ],
)
def test_what_should_be_a_table_or_an_amount_is_named(write: Write, text: str, complaint: str) -> None:
    """The outer shape of the file."""
    [found] = complaints(write(text))
    assert found == complaint


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["api_key", "key", "token"])
def test_a_key_field_is_refused_with_the_way_to_do_it(write: Write, field: str) -> None:
    """Whatever stands in it, it is not repeated."""
    [found] = complaints(write(f'{PROVIDER}{field} = "hunter2hunter2"\n'))
    assert found.startswith(f"[providers.openai] {field}: keys do not belong in this file: name an environment")
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefghijklmnop",
        "AIzaSyA-abcdefghijklmnopqrstuvwxyz012",
        "xai-abcdefghijklmnopqrstuv",
        "gsk_abcdefghijklmnopqrstuv",
        "hf_abcdefghijklmnopqrstuv",
        "Bearer abc",
        "0b1c2d3e-1234-1234-1234-0123456789ab",
    ],
)
@pytest.mark.parametrize("place", ["api_key_env", "identity", "api_base"])
def test_a_value_that_looks_like_a_key_is_refused_and_not_shown(write: Write, key: str, place: str) -> None:
    """People paste keys where the variable's name belongs."""
    text = re.sub(rf"^{place} = .*\n", "", PROVIDER, flags=re.M)
    found = complaints(write(f'{text}{place} = "{key}"\nnext = ["{key}"]\n'))
    assert any(line.startswith(f"[providers.openai] {place}: looks like a key") for line in found)
    assert key not in "\n".join(found)


def test_the_key_comes_from_the_environment(write: Write) -> None:
    """Without the newline that `export X=$(cat file)` may leave."""
    provider = load(write(PROVIDER)).providers["openai"]
    assert api_key(provider, {"OPENAI_API_KEY": " sk-abc\n"}) == "sk-abc"


def test_a_missing_key_names_the_variable(write: Write) -> None:
    """And how to set it."""
    provider = load(write(PROVIDER)).providers["openai"]
    for env in ({}, {"OPENAI_API_KEY": " "}):
        with pytest.raises(ConfigError, match=r"OPENAI_API_KEY is not set.*\n    export OPENAI_API_KEY="):
            api_key(provider, env)


def test_a_key_that_no_header_can_carry_is_refused_unseen(write: Write) -> None:
    """The HTTP library would refuse it too, and show it."""
    provider = load(write(PROVIDER)).providers["openai"]
    for key in ("sk-abc\nsk-def", "sk-abc sk-def", "sk-äbc"):
        with pytest.raises(ConfigError, match="variable OPENAI_API_KEY holds no usable key") as caught:
            api_key(provider, {"OPENAI_API_KEY": key})
        assert "sk-" not in str(caught.value)


def test_a_provider_without_key_settings_needs_none(write: Write) -> None:
    """A server of one's own gets a placeholder."""
    provider = load(write('[providers.local]\napi_base = "http://127.0.0.1:8000/v1"\n')).providers["local"]
    assert api_key(provider, {}) == NO_KEY


def test_a_key_file_is_read_beside_the_providers_toml(write: Write, tmp_path: Path) -> None:
    """The environment comes first, the file is the fallback."""
    provider = load(write(PROVIDER + 'api_key_file = "openai.key"\n')).providers["openai"]
    file = tmp_path / "openai.key"
    file.write_text("sk-from-file\n", "utf-8")
    file.chmod(0o600)
    assert api_key(provider, {}) == "sk-from-file"
    assert api_key(provider, {"OPENAI_API_KEY": "sk-from-env"}) == "sk-from-env"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_file_that_others_can_read_is_refused(write: Write, tmp_path: Path, mode: int) -> None:
    """With the command that mends it."""
    provider = load(write(PROVIDER + 'api_key_file = "openai.key"\n')).providers["openai"]
    file = tmp_path / "openai.key"
    file.write_text("sk-secret", "utf-8")
    file.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        api_key(provider, {})
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_a_key_file_without_a_key_is_refused(write: Write, tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty or binary."""
    provider = load(write(PROVIDER + 'api_key_file = "openai.key"\n')).providers["openai"]
    if content is not None:
        (tmp_path / "openai.key").write_bytes(content)
        (tmp_path / "openai.key").chmod(0o600)
    with pytest.raises(ConfigError, match=r"openai\.key"):
        api_key(provider, {})


def test_a_home_folder_in_a_key_file_is_found(write: Write) -> None:
    """`~` is the user's home."""
    provider = load(write(PROVIDER + 'api_key_file = "~/keys/openai"\n')).providers["openai"]
    assert provider.api_key_file == str(Path.home() / "keys" / "openai")


# --- which file, which cache -----------------------------------------------------------------------------------------


def test_the_flag_decides_which_file(tmp_path: Path) -> None:
    """And has to exist."""
    path = tmp_path / "mine.toml"
    with pytest.raises(ConfigError, match=r"mine\.toml: there is no such file"):
        find(path, tmp_path)
    path.touch()
    assert find(path, tmp_path) == path


def test_the_nearest_file_above_the_working_folder_is_found(tmp_path: Path) -> None:
    """Then the one in the package, then the one beside it."""
    package = tmp_path / "site" / "orchestrator"
    work = tmp_path / "project" / "deep"
    for folder in (package, work):
        folder.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"there is no providers\.toml"):
        find(None, work, package=package)
    for folder in (package.parent, package, work.parent, work):
        (folder / "providers.toml").touch()
        assert find(None, work, package=package) == folder / "providers.toml"


def test_the_cache_lies_beside_the_file_in_use(tmp_path: Path) -> None:
    """Unless the flag or the environment says otherwise; for the packaged file, in the user's data folder."""
    config = Config(tmp_path / "providers.toml", {}, {})
    assert cache_path(None, {}, config) == tmp_path / "cache" / "responses.db"
    assert cache_path(None, {"ORCHESTRATOR_CACHE": ""}, config) == tmp_path / "cache" / "responses.db"
    assert cache_path(None, {"ORCHESTRATOR_CACHE": "~/r.db"}, config) == Path.home() / "r.db"
    assert cache_path(Path("f.db"), {"ORCHESTRATOR_CACHE": "~/r.db"}, config) == Path("f.db")
    shipped = cache_path(None, {}, config, package=tmp_path)
    assert shipped.name == "responses.db"
    assert tmp_path not in shipped.parents


# --- the file that ships ---------------------------------------------------------------------------------------------

PAPER = (
    "gemini-2.5-pro",
    "gpt-4o-2024-11-20",
    "claude-3-5-sonnet-20241022",
    "llama-3.2-11b-vision-instruct",
    "grok",
    "doubao-1.5-vision-pro-32k",
    "deepseek-vl2",
    "qwen2.5-vl-7b-instruct",
    "llava-med-v1.5",
    "huatuogpt-vision-7b",
    "med-flamingo",
    "medgemma-4b",
)


def test_the_shipped_file_holds_the_papers_models() -> None:
    """All twelve, each callable but the one whose price is not known in dollars."""
    config = load(SHIPPED)
    assert set(PAPER) <= set(config.models)
    refused = [alias for alias, model in config.models.items() if isinstance(model, Incomplete)]
    assert refused == ["doubao-1.5-vision-pro-32k"]


def test_every_shipped_model_has_a_price_a_limit_and_a_formula() -> None:
    """What a call needs before it may be sent."""
    models = [model for model in load(SHIPPED).models.values() if isinstance(model, Model)]
    assert models
    for model in models:
        assert model.max_output_tokens >= 1024
        assert model.image_tokens in IMAGE_FORMULAS
        assert (model.price.input == 0) == (model.provider.name == "local")
        assert model.price.cached_input <= model.price.input <= model.price.output
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", model.price.as_of)


def test_the_gpt_5_family_is_sent_no_temperature() -> None:
    """It refuses one."""
    for alias in ("gpt-5", "gpt-5-mini"):
        assert load(SHIPPED).model(alias).params == {"max_completion_tokens": 8192}


def test_shipped_addresses_end_as_their_routes_want_it() -> None:
    """Gemini's with its version, Anthropic's with the host, OpenAI's with /v1."""
    providers = load(SHIPPED).providers
    assert providers["gemini"].api_base.endswith("/v1beta")
    assert providers["anthropic"].api_base == "https://api.anthropic.com"
    assert providers["openai"].api_base.endswith("/v1")
    assert {name for name, one in providers.items() if not one.api_key_env} == {"local"}


def test_formula_names_are_the_formulas() -> None:
    """What a file may say is what can be computed."""
    assert tuple(IMAGE_FORMULAS) == IMAGE_TOKEN_FORMULAS
