"""`estimate`: what it counts and finds in the cache, what it prints, that it sends nothing, and its pilot."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dataset_fixtures import picture, row, write_rows
from rich.console import Console

from orchestrator import config
from orchestrator.cli import cli
from orchestrator.commands.estimating import Estimate, EstimateOptions, Survey, estimated
from orchestrator.commands.quoting import lines, to_json
from orchestrator.commands.workspace import Workspace
from orchestrator.dataset.load import read_items
from orchestrator.errors import BenchmarkError, ConfigError
from orchestrator.inference import prompt
from orchestrator.inference.estimate import ASSUMED_OUTPUT
from orchestrator.inference.tokens import estimate
from orchestrator.records import Ending, Model, Reply, Request, Usage, canonical
from orchestrator.simulator import Settings, running
from orchestrator.store import claims, ledger, processes, runs
from orchestrator.store.database import Store
from orchestrator.store.pictures import KnownPictures

COLUMNS = 60

PROVIDERS = """
[providers.near]
api_base = "{url}"
identity = "near"
api_key_env = "NEAR_KEY"
rpm = 60_000
tpm = 600_000_000
max_concurrency = 8

[models.large]
provider = "near"
litellm_model = "openai/sim-spine-large"
input_usd_per_mtok = 2.50
output_usd_per_mtok = 10.00
prices_as_of = "2026-11-01"
image_tokens = "openai-tiles"
params = {{ temperature = 0.0, max_tokens = 400 }}
image = {{ detail = "high", max_side = 1024 }}

[models.twin]
provider = "near"
litellm_model = "openai/sim-spine-large"
input_usd_per_mtok = 2.50
output_usd_per_mtok = 10.00
prices_as_of = "2026-11-01"
image_tokens = "openai-tiles"
params = {{ temperature = 0.0, max_tokens = 400 }}
image = {{ detail = "high", max_side = 1024 }}

[models.small]
provider = "near"
litellm_model = "openai/sim-spine-small"
input_usd_per_mtok = 0.15
output_usd_per_mtok = 0.60
prices_as_of = "2026-11-01"
image_tokens = "openai-tiles"
params = {{ max_tokens = 100 }}

[models.unpriced]
provider = "near"
litellm_model = "openai/sim-spine-small"
"""

Rows = Sequence[dict[str, object]]


class Desk:
    """A folder with a benchmark, a providers.toml and room for a cache; keeps what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.providers = folder / "providers.toml"
        self.providers.write_text(PROVIDERS.format(url="http://127.0.0.1:9"), "utf-8")
        self.cache = folder / "responses.db"
        self.said: list[str] = []

    def point_at(self, url: str) -> None:
        """Have the provider be the simulator at this address."""
        self.providers.write_text(PROVIDERS.format(url=f"{url}/openai/v1"), "utf-8")

    @property
    def workspace(self) -> Workspace:
        return Workspace(config.load(self.providers), self.cache)

    def model(self, alias: str) -> Model:
        return self.workspace.config.model(alias)

    def benchmark(self, rows: Rows) -> Path:
        return write_rows(self.folder, *rows)

    def estimate(self, benchmark: Path, *models: str, **options: object) -> Estimate:
        """Return the estimate; nothing listens at the provider's address."""
        asked = replace(EstimateOptions(benchmark, models or ("large",)), **options)  # type: ignore[arg-type]
        console = Console(file=io.StringIO())
        return asyncio.run(estimated(asked, self.workspace, self.said.append, console))

    def survey(self, benchmark: Path, **options: object) -> Survey:
        """Return what the estimate says of the large model."""
        return self.estimate(benchmark, **options).surveys[0]

    def pay(self, benchmark: Path, alias: str, answers: Sequence[Usage], latency_s: float = 4.0) -> list[Request]:
        """Store a reply to the first questions, as the runner does, and return their requests."""
        return asyncio.run(_pay(self, benchmark, self.model(alias), answers, latency_s))


async def _pay(desk: Desk, benchmark: Path, model: Model, answers: Sequence[Usage], latency_s: float) -> list[Request]:
    async with Store(desk.cache) as store:
        items = [item async for item in read_items(benchmark, KnownPictures(store), lambda problem: None)]
        row = await store.do(runs.open_run, runs.RunSpec("paid", str(benchmark), "", {}), None, 1.0)
        process = await store.do(processes.register, processes.myself(), time.time())
        requests = [prompt.build(item, model) for item, _ in zip(items, answers, strict=False)]
        for request, usage in zip(requests, answers, strict=True):
            found = estimate(request, model.image_tokens)
            ask = claims.Ask(row.id, process, model.alias, "", "q", 0, 0, "", request.key, canonical(request))
            assert await store.do(claims.claim, ask, claims.Policy()) is claims.Claim.MINE
            intent = ledger.Intent(row.id, process, model.alias, "q", request.key, 1000, 1000, found.text, found.image)
            granted = await store.do(ledger.begin, intent, model.provider, lambda pace, now: pace, lambda: 1.0)
            assert isinstance(granted, ledger.Granted)
            reply = Reply(request.key, "A", Ending.COMPLETE, "stop", usage, 700, latency_s, "{}", 2.0)
            end = ledger.Settlement(ledger.State.SETTLED, 700, 2.0, 200, reply=reply)
            await store.do(ledger.settle, granted.attempt_id, end)
        await store.do(processes.leave, process)
    return requests


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk without a cache."""
    return Desk(tmp_path)


def shown(found: Estimate) -> dict[str, Any]:
    """Return the JSON object as another program reads it."""
    read: dict[str, Any] = json.loads(json.dumps(to_json(found), allow_nan=False))
    return read


def questions(count: int, image: str | None = None) -> list[dict[str, object]]:
    """Return questions of equal length, each its own."""
    return [row(id=f"q{number}", question=f"What is at level {number:03}?", image=image) for number in range(count)]


@pytest.fixture
def pictured(desk: Desk) -> Path:
    """A benchmark of four questions on two pictures, one of them large."""
    (desk.folder / "small.png").write_bytes(picture((300, 200)))
    (desk.folder / "large.png").write_bytes(picture((1800, 900)))
    return desk.benchmark(
        [
            row(id=f"q{number}", question=f"What is at {number}?", image=f"{size}.png")
            for number, size in enumerate(("small", "large", "small", "large"))
        ]
    )


# --- counting --------------------------------------------------------------------------------------------------------


def test_without_a_cache_everything_is_to_be_asked(desk: Desk) -> None:
    """A new cache is created and announced, as by a run; nothing of it is a reply, and no key is looked for."""
    found = desk.estimate(desk.benchmark(questions(7)))
    survey = found.surveys[0]
    assert (found.items, survey.questions, survey.held, survey.repeated, survey.load.calls) == (7, 7, 0, 0, 7)
    assert survey.load.output_tokens == 7 * ASSUMED_OUTPUT
    assert survey.load.worst_output_tokens == 7 * 400
    assert desk.cache.exists()
    assert "new" in desk.said[0]


def test_a_question_that_is_another_is_asked_once(desk: Desk) -> None:
    """Equal questions under two ids are one purchase, and so are those of two aliases of one model."""
    benchmark = desk.benchmark([row(id="a"), row(id="b"), row(id="c", question="Other?")])
    large, twin, small = desk.estimate(benchmark, "large", "twin", "small", "large").surveys
    assert (large.questions, large.repeated, large.load.calls) == (3, 1, 2)
    assert (twin.questions, twin.repeated, twin.load.calls) == (3, 3, 0)
    assert (small.questions, small.repeated, small.load.calls) == (3, 1, 2)


def test_stored_replies_are_not_paid_for_again(desk: Desk) -> None:
    """They are found by their request, and what they used tells what the next ones will."""
    benchmark = desk.benchmark(questions(9))
    first = desk.survey(benchmark).load
    each = first.input_tokens // 9
    desk.pay(benchmark, "large", [Usage(each // 2, 0, 120), Usage(each // 2, 0, 140)])
    survey = desk.survey(benchmark)
    assert (survey.held, survey.load.calls) == (2, 7)
    assert survey.past.answers == 2
    assert survey.load.output_tokens == 7 * 130
    assert survey.load.busy_s == 7 * 4.0
    assert abs(survey.load.input_tokens - 7 * each / 2) <= 14
    assert survey.load.worst_input_tokens == 7 * each
    assert desk.said[-1].endswith("(2 replies)")


def test_a_reply_to_another_wording_does_not_count(desk: Desk, tmp_path: Path) -> None:
    """Another prompt, another model and other parameters are other requests."""
    benchmark = desk.benchmark(questions(3))
    desk.pay(benchmark, "large", [Usage(100, 0, 10)] * 3)
    template = tmp_path / "prompt.toml"
    text = "'{question} {options} {final_line}'"
    template.write_text(f"single = {text}\nmulti = {text}\n", "utf-8")
    assert desk.survey(benchmark).held == 3
    assert desk.survey(benchmark, template=template).held == 0
    assert desk.estimate(benchmark, "small").surveys[0].held == 0
    assert desk.estimate(benchmark, "twin").surveys[0].held == 3


def test_every_sample_is_a_question(desk: Desk) -> None:
    """More samples than are looked up at once; the stored ones are the first sample of their item."""
    benchmark = desk.benchmark(questions(7))
    desk.pay(benchmark, "large", [Usage(100, 0, 10)] * 3)
    survey = desk.survey(benchmark, samples=90)
    assert (survey.questions, survey.held, survey.load.calls) == (630, 3, 627)


def test_only_the_first_items_are_counted(desk: Desk) -> None:
    """--limit N, as for a run; a limit beyond the end changes nothing."""
    benchmark = desk.benchmark(questions(7))
    assert desk.estimate(benchmark, limit=3).items == 3
    assert desk.estimate(benchmark, limit=70).items == 7


def test_bad_rows_are_named_and_left_out(desk: Desk) -> None:
    """The estimate is of the good ones, and says that a run would stop."""
    found = desk.estimate(desk.benchmark([*questions(2), row(id="bad", answer=["Z"])]))
    assert (found.items, found.problems) == (2, 1)
    assert "`run` stops at them" in desk.said[-1]
    assert "spine.jsonl:3" in desk.said[-1]


def test_an_estimate_without_bad_rows_is_not_all_well(desk: Desk) -> None:
    """They are named, and the exit code is 1, as of a run that leaves them out."""
    rows = questions(2)
    codes = []
    for some in (rows, [*rows, row(id="bad", answer=["Z"])]):
        asked = ("estimate", str(desk.benchmark(some)), "-m", "large", "--providers", str(desk.providers))
        done = CliRunner().invoke(cli, [*asked, "--cache", str(desk.cache)], standalone_mode=False)
        codes.append((done.return_value, "spine.jsonl:3: answer: " in done.stderr))
    assert codes == [(0, False), (1, True)]


def test_without_a_good_row_there_is_nothing_to_estimate(desk: Desk) -> None:
    """Every problem is named."""
    with pytest.raises(BenchmarkError, match=r"spine.jsonl:1"):
        desk.estimate(desk.benchmark([row(answer=["Z"])]))


@pytest.mark.parametrize("alias", ["nobody", "unpriced"])
def test_a_model_that_cannot_be_priced_is_refused(desk: Desk, alias: str) -> None:
    """An unknown alias, or one without a price, ends the command before anything is read."""
    with pytest.raises(ConfigError, match=alias):
        desk.estimate(desk.benchmark(questions(1)), "large", alias)
    assert not desk.cache.exists()


# --- pictures --------------------------------------------------------------------------------------------------------


def test_other_picture_settings_are_priced_on_everything(desk: Desk, pictured: Path) -> None:
    """Stored replies do not count under other settings, so each row is the whole benchmark, tile by tile."""
    survey = desk.survey(pictured)
    text = survey.load.input_tokens - 2 * (255 + 425)  # 300x200: 85 + 170; 1024x512: 85 + 2 * 170
    per_setting = {(one.max_side, one.detail): cost for one, cost in survey.settings.items()}
    answers = 4 * ASSUMED_OUTPUT * 10_000

    def priced(*tiles: int) -> int:
        return (text + sum(85 + 170 * one for one in tiles)) * 2500 + answers

    assert survey.load.expected_nanousd == per_setting[1024, "high"]
    assert per_setting[512, "high"] == priced(1, 1, 1, 1)
    assert per_setting[None, "high"] == priced(1, 6, 1, 6)  # 1800x900 becomes 1536x768
    assert per_setting[1024, "low"] == priced(0, 0, 0, 0)


def test_settings_differ_from_the_calls_to_make_by_what_is_stored(desk: Desk, pictured: Path) -> None:
    """With two replies stored, the model's own settings still show the price of everything."""
    before = desk.survey(pictured)
    desk.pay(pictured, "large", [Usage(before.load.input_tokens // 4, 0, ASSUMED_OUTPUT)] * 2)
    after = desk.survey(pictured)
    assert after.load.calls == 2
    own = next(iter(after.settings.values()))
    assert own > 1.9 * after.load.expected_nanousd


def test_a_stored_reply_without_a_picture_counts_at_every_setting(desk: Desk) -> None:
    """A request without a picture is the same under all of them, and no table is shown."""
    benchmark = desk.benchmark(questions(4))
    desk.pay(benchmark, "large", [Usage(200, 0, 100)] * 4)
    found = desk.estimate(benchmark)
    assert set(found.surveys[0].settings.values()) == {0}
    assert not any("max_side" in line for line in lines(found))
    assert shown(found)["models"]["large"]["picture_settings"] == []


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_models_share_their_providers_limits(desk: Desk) -> None:
    """The provider's total takes the time of both; providers side by side take that of the slowest."""
    found = desk.estimate(desk.benchmark(questions(30)), "large", "small")
    body = shown(found)
    alone = [body["models"][alias]["wall_s"] for alias in ("large", "small")]
    shared = body["providers"]["near"]["wall_s"]
    assert shared == pytest.approx(sum(alone))
    assert body["wall_s"] == shared
    assert "near: its 2 models share its limits" in list(lines(found))


def test_lines_fit_a_narrow_terminal(desk: Desk, pictured: Path) -> None:
    """Sixty columns hold every line but the benchmark's path, and foreign text cannot steer the terminal."""
    told = [*lines(desk.estimate(pictured, "large", "twin", "small", samples=3))]
    desk.pay(pictured, "large", [Usage(123_456, 0, 110)])
    told += lines(desk.estimate(pictured))
    assert [line for line in told if len(line) > COLUMNS and str(pictured) not in line] == []
    assert all(line.isprintable() for line in told)
    assert told[-1] == "Nothing was sent."


def test_what_is_assumed_is_said(desk: Desk) -> None:
    """Without replies the assumption is named as such; with them, how many they are."""
    benchmark = desk.benchmark(questions(5))
    assert any("300 tokens each, assumed" in line for line in lines(desk.estimate(benchmark)))
    desk.pay(benchmark, "large", [Usage(100, 0, 50)] * 3)
    assert any("50 tokens each, mean of 3 replies" in line for line in lines(desk.estimate(benchmark)))


def test_nothing_left_to_ask_is_said(desk: Desk) -> None:
    """A full cache leaves no cost and no time."""
    benchmark = desk.benchmark(questions(2))
    desk.pay(benchmark, "large", [Usage(100, 0, 50)] * 2)
    found = desk.estimate(benchmark)
    assert (found.load.calls, found.load.worst_nanousd) == (0, 0)
    told = "\n".join(lines(found))
    assert "0 calls to make" in told
    assert "at worst" not in told


def test_the_json_is_complete(desk: Desk, pictured: Path) -> None:
    """Every figure of the lines is there, under names that say their unit."""
    body = shown(desk.estimate(pictured))
    assert body.keys() == {
        "benchmark", "cache", "items", "samples", "problems", "calls", "input_tokens", "output_tokens",
        "expected_usd", "worst_usd", "wall_s", "pilot", "providers", "models",
    }  # fmt: skip
    large = body["models"]["large"]
    assert large["basis"] == {
        "input_ratio": None,
        "input_replies": 0,
        "output_tokens_each": 300,
        "output_replies": 0,
        "latency_s": None,
    }
    assert large["calls"] == 4
    assert large["worst_usd"] == body["worst_usd"] > body["expected_usd"] > 0
    assert [one["own"] for one in large["picture_settings"]] == [True, False, False, False, False]
    assert body["pilot"] is None


# --- the command line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flags", "complaint"), [(["--pilot", "5"], "--budget USD"), (["--budget", "1"], "--pilot N")])
def test_a_pilot_and_its_budget_belong_together(desk: Desk, flags: list[str], complaint: str) -> None:
    """A pilot is paid for, so its cap is asked for; a budget alone would cap nothing."""
    result = CliRunner().invoke(cli, ["estimate", str(desk.benchmark(questions(1))), "-m", "large", *flags])
    assert result.exit_code == 2
    assert complaint in result.output


SCRIPT = """
import contextlib, io, json, sys
from orchestrator.cli import main
told = []
for argv in json.loads(sys.argv[1]):
    sys.argv = ["orchestrator", *argv]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    told.append([code, out.getvalue(), err.getvalue()])
print(json.dumps({"told": told, "litellm": "litellm" in sys.modules}))
"""


def commands(desk: Desk, *several: tuple[str, ...], key: str | None = None) -> tuple[list[tuple[int, str, str]], bool]:
    """Run command lines in a process of their own; return exit codes, outputs, and whether LiteLLM was loaded."""
    argv = [[*one, "--providers", str(desk.providers), "--cache", str(desk.cache)] for one in several]
    env = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    env |= {} if key is None else {"NEAR_KEY": key}
    script = [sys.executable, "-c", SCRIPT, json.dumps(argv)]
    done = subprocess.run(script, check=True, capture_output=True, text=True, env=env, timeout=100)
    told = json.loads(done.stdout)
    return [(code, out, err) for code, out, err in told["told"]], told["litellm"]


def test_an_estimate_sends_nothing_and_needs_no_key(desk: Desk, pictured: Path) -> None:
    """With a provider that listens and no key at all, it succeeds, the provider is never called, nor LiteLLM loaded."""
    with running(Settings()) as simulator:
        desk.point_at(simulator.url)
        [(code, out, _)], litellm = commands(desk, ("estimate", str(pictured), "-m", "large", "--json"))
        assert simulator.ledger()["total"]["requests"] == 0
    assert (code, litellm) == (0, False)
    assert json.loads(out)["models"]["large"]["calls"] == 4


def test_a_pilot_pays_once_and_a_run_finds_its_replies(desk: Desk) -> None:
    """Six of 24 items are asked, again not at all, and not by the run; its bill lies in the interval.

    The first call is reserved at what an estimate without history gives as a call's worst case.
    """
    benchmark = desk.benchmark(questions(24))
    each = desk.survey(benchmark).load.worst_nanousd / 24
    pilot = ("estimate", str(benchmark), "-m", "large", "--pilot", "6", "--budget", "1", "--json")
    run = ("run", str(benchmark), "-m", "large", "--budget", "1", "--json")
    with running(Settings(keys=("right-key",))) as simulator:
        desk.point_at(simulator.url)
        told, litellm = commands(desk, pilot, pilot[:-1], run, key="right-key")
        assert simulator.ledger()["total"]["requests"] == 24
    assert ([code for code, _, _ in told], litellm) == ([0, 0, 0], True)
    first, again, ran = json.loads(told[0][1]), told[1][1].splitlines(), json.loads(told[2][1])
    assert (first["pilot"]["calls"], first["models"]["large"]["calls"]) == (6, 18)
    assert again[-1] == "The pilot made 0 calls for $0.00; what came back is kept."
    assert any("95 % interval: $" in line for line in again)
    assert [line for line in again if len(line) > COLUMNS and str(benchmark) not in line] == []
    assert (ran["calls"], ran["cache_hits"]) == (18, 6)
    predicted = first["models"]["large"]["pilot"]
    assert predicted["replies"] == 6
    assert predicted["low_usd"] <= ran["spent_usd"] <= predicted["high_usd"]
    assert first["pilot"]["spent_usd"] == pytest.approx(6 * predicted["mean_usd"])
    assert asyncio.run(_first_reservation(desk)) == each


async def _first_reservation(desk: Desk) -> int:
    async with Store(desk.cache) as store:
        return await store.do(
            lambda connection: int(
                connection.execute("SELECT reserved_nanousd FROM attempts ORDER BY id").fetchone()[0]
            )
        )


def test_a_pilot_stops_at_its_budget(desk: Desk) -> None:
    """Where not even one call's worst case fits, nothing is sent, the exit code is 3, and the estimate still comes."""
    benchmark = desk.benchmark(questions(5))
    with running(Settings()) as simulator:
        desk.point_at(simulator.url)
        asked = ("estimate", str(benchmark), "-m", "large", "--pilot", "2", "--budget", "0.000001")
        [(code, out, said)], _ = commands(desk, asked, key="any")
        assert simulator.ledger()["total"]["requests"] == 0
    assert code == 3
    assert "5 calls to make" in out
    assert "too few replies" in out
    assert "the pilot was stopped" in said


def test_a_pilot_without_a_key_is_refused(desk: Desk) -> None:
    """The missing variable is named before anything is read."""
    benchmark = desk.benchmark(questions(5))
    asked = ("estimate", str(benchmark), "-m", "large", "--pilot", "2", "--budget", "1")
    [(code, out, said)], _ = commands(desk, asked)
    assert (code, out) == (2, "")
    assert "NEAR_KEY" in said
