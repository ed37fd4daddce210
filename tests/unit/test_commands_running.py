"""`run` as it is called from a notebook or the command line: from a file and a configuration to a summary."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shlex
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from paid_fixtures import picture
from rich.console import Console

from orchestrator import config
from orchestrator.cli import cli
from orchestrator.commands import checking, closing, rehearsal, running, status
from orchestrator.commands.running import RunOptions, RunResult, exit_code, spec_of
from orchestrator.commands.scoring import choose, score_benchmark
from orchestrator.commands.workspace import Workspace, find
from orchestrator.dataset.load import check
from orchestrator.errors import BenchmarkError, ConfigError
from orchestrator.inference import prompt, remaining
from orchestrator.inference.estimate import History
from orchestrator.inference.plan import Stop, StopKind
from orchestrator.inference.tokens import Calibration
from orchestrator.records import Outcome
from orchestrator.reporting.results import judge_lines, to_json
from orchestrator.simulator import Fault, LedgerView, Settings, Simulator
from orchestrator.simulator import running as serving
from orchestrator.store import replies
from orchestrator.store.database import Store, open_reading

LARGE, SMALL = "sim-spine-large", "sim-spine-small"
OPEN = Settings(keys=())
# Cancelled at one of its own steps, LiteLLM drops a coroutine that it has made and not begun.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine '.*acompletion' was never awaited:RuntimeWarning")


@dataclass(slots=True)
class Bench:
    """A benchmark of a few items in a folder, and what was said to its user."""

    folder: Path
    said: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The benchmark file."""
        return self.folder / "items.jsonl"

    @property
    def cache(self) -> Path:
        """The cache."""
        return self.folder / "cache" / "responses.db"

    def write(self, count: int = 6, bad: str = "") -> None:
        """Write items with a picture each, and perhaps a bad row."""
        lines = []
        for number in range(count):
            picture(self.folder, number)
            row = {
                "id": f"q{number}",
                "image": f"{number}.png",
                "task": "SDD",
                "question": f"What does picture {number} show?",
                "options": {"A": "nothing", "B": "a fracture"},
                "answer": ["B"],
                "multi": False,
            }
            lines.append(json.dumps(row))
        self.file.write_text("\n".join([*lines, bad]) + "\n", encoding="utf-8")

    def workspace(self, url: str, settings: Settings = OPEN) -> Workspace:
        """Return a configuration that points at a simulator."""
        path = self.folder / "providers.toml"
        path.write_text(rehearsal.providers_toml(url, settings), encoding="utf-8")
        return Workspace(config.load(path), self.cache)

    async def run(self, simulator: Simulator, options: RunOptions) -> RunResult:
        """Run once."""
        console = Console(file=io.StringIO())
        return await running.run(options, self.workspace(simulator.url, OPEN), self.said.append, console)

    def asking(self, *models: str) -> RunOptions:
        """Return the options that ask some models, the large one by default."""
        return RunOptions(self.file, models or (LARGE,))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a benchmark of six items."""
    made = Bench(tmp_path)
    made.write()
    return made


def simulated(
    work: Callable[[Simulator], Awaitable[RunResult]], settings: Settings = OPEN
) -> tuple[RunResult, LedgerView]:
    """Run some work against a simulator; return its result and the simulator's books."""

    async def main() -> tuple[RunResult, LedgerView]:
        async with Simulator(settings) as simulator:
            result = await work(simulator)
            return result, simulator.ledger()

    return asyncio.run(main())


# --- asking ----------------------------------------------------------------------------------------------------------


def test_a_run_pays_once_and_tells_what_it_did(bench: Bench) -> None:
    """The summary's calls and money are the simulator's; the same command again makes no call and shows the same."""

    async def work(simulator: Simulator) -> RunResult:
        first = await bench.run(simulator, bench.asking(LARGE, SMALL))
        again = await bench.run(simulator, bench.asking(LARGE, SMALL))
        assert (again.summary.calls, again.summary.cache_hits, again.summary.spent_nanousd) == (0, 12, 0)
        assert again.summary.models == first.summary.models
        assert (again.summary.run, again.summary.ledger_nanousd) == (first.summary.run, first.summary.ledger_nanousd)
        return first

    result, books = simulated(work)
    summary = result.summary
    assert (summary.calls, summary.attempts, summary.cache_hits) == (12, 12, 0)
    assert summary.spent_nanousd == summary.ledger_nanousd == books["total"]["nanousd"]
    assert sum(summary.spent_by_model.values()) == summary.ledger_nanousd
    assert list(summary.models) == [LARGE, SMALL]
    assert all(score.items == 6 == score.outcomes[Outcome.ANSWERED] for score in summary.models.values())
    assert (result.exit_code, result.stops) == (0, ())
    assert bench.said[0] == f"cache: {bench.cache} (new)"
    assert f"cache: {bench.cache} (12 replies)" in bench.said


def test_another_model_of_the_same_benchmark_is_another_run_on_the_same_cache(bench: Bench) -> None:
    """What one run paid for is a hit in the next."""

    async def work(simulator: Simulator) -> RunResult:
        first = await bench.run(simulator, bench.asking(LARGE))
        second = await bench.run(simulator, bench.asking(LARGE, SMALL))
        assert second.summary.run != first.summary.run
        assert (second.summary.cache_hits, second.summary.calls) == (6, 6)
        return second

    _, books = simulated(work)
    assert len(books["arrivals"]) == 12


def test_a_model_named_twice_is_asked_once(bench: Bench) -> None:
    """`-m a -m a` is `-m a`."""
    result, books = simulated(lambda simulator: bench.run(simulator, bench.asking(LARGE, LARGE)))
    assert list(result.summary.models) == [LARGE]
    assert len(books["arrivals"]) == 6


def test_a_limit_asks_the_first_items(bench: Bench) -> None:
    """And grades those alone."""
    result, books = simulated(lambda simulator: bench.run(simulator, replace(bench.asking(), limit=2)))
    assert result.summary.models[LARGE].items == len(books["arrivals"]) == 2


def test_more_rotations_than_options_are_no_other_run(bench: Bench) -> None:
    """An item of two options has two orders; what asks the same is the same run, and that is said."""

    async def work(simulator: Simulator) -> RunResult:
        two = await bench.run(simulator, replace(bench.asking(), rotations=2))
        assert not any(line.startswith("rotations: ") for line in bench.said)
        many = await bench.run(simulator, replace(bench.asking(), rotations=26))
        assert "rotations: 2, no item has more options (--rotations 2 asks the same)" in bench.said
        assert (many.summary.run, many.summary.calls) == (two.summary.run, 0)
        return two

    result, _ = simulated(work)
    assert result.summary.calls == 12


def test_a_run_that_asks_several_times_names_the_command_that_shows_what_that_did(bench: Bench) -> None:
    """It works as it stands; a run that asks once, or prints JSON, names none."""
    with serving(OPEN) as simulator:
        config_path = bench.workspace(simulator.url).config.path
        at = ["--providers", str(config_path), "--cache", str(bench.cache)]
        asked = ["run", str(bench.file), "-m", LARGE, "--limit", "2", *at]
        ways = ((), ("--rotations", "2", "--json"), ("--rotations", "2"), ("--samples", "2"))
        runs = [[*asked, *way] for way in ways]
        said = [CliRunner().invoke(cli, arguments, standalone_mode=False).stderr for arguments in runs]
    named = [re.findall(r"^  orchestrator (score .* --slices .*)$", one, re.MULTILINE) for one in said]
    assert [len(one) for one in named] == [0, 0, 1, 1]
    shown = CliRunner().invoke(cli, shlex.split(named[2][0]), standalone_mode=False)
    assert "places in the list of options" in shown.stdout
    assert "rotated" in shown.stdout


def test_a_named_run_is_continued_under_its_name(bench: Bench) -> None:
    """Its money adds up; the name cannot be given to other settings."""

    async def work(simulator: Simulator) -> RunResult:
        await bench.run(simulator, replace(bench.asking(), name="mine"))
        with pytest.raises(ConfigError, match="'mine' exists with other settings"):
            await bench.run(simulator, replace(bench.asking(SMALL), name="mine"))
        return await bench.run(simulator, replace(bench.asking(), name="mine"))

    result, _ = simulated(work)
    assert result.summary.run == "mine"
    assert any(line.startswith("run: mine (continued; $") for line in bench.said)


# --- the cap ---------------------------------------------------------------------------------------------------------


def test_a_budget_caps_the_run_over_all_invocations(bench: Bench) -> None:
    """The same command never spends it again; a larger one goes on under the same name."""
    cap = 12_000_000

    async def work(simulator: Simulator) -> RunResult:
        capped = replace(bench.asking(), budget_nanousd=cap)
        first = await bench.run(simulator, capped)
        assert first.exit_code == 3
        assert [stop.kind for stop in first.stops] == [StopKind.BUDGET]
        assert 0 < first.summary.ledger_nanousd <= cap
        again = await bench.run(simulator, capped)
        assert again.summary.run == first.summary.run
        assert again.summary.ledger_nanousd <= cap
        raised = await bench.run(simulator, replace(capped, budget_nanousd=10**9))
        assert raised.summary.run == first.summary.run
        return raised

    result, books = simulated(work)
    assert result.exit_code == 0
    assert result.summary.cap_nanousd == 10**9
    assert result.summary.ledger_nanousd == books["total"]["nanousd"]


def test_nothing_is_sent_under_a_cap_of_nothing(bench: Bench) -> None:
    """Zero is a cap."""
    result, books = simulated(lambda simulator: bench.run(simulator, replace(bench.asking(), budget_nanousd=0)))
    assert books["arrivals"] == []
    assert result.summary.models[LARGE].outcomes[Outcome.UNSENT] == 6


def budget_advised(result: RunResult) -> int:
    """Return the budget of the command that a run ends with, in nano-dollars."""
    (*said, last) = closing.stop_lines(result.stops, result.summary, result.accounts, ("run", "--budget", "0.00"))
    assert any("would cost about $" in line for line in said)
    return int(Decimal(last.split()[-1]).scaleb(9))


def test_a_run_that_could_not_pay_its_first_call_says_what_it_needs(bench: Bench) -> None:
    """For all its models, also the one whose replies so far are known; the budget it names is enough at worst."""

    async def work(simulator: Simulator) -> RunResult:
        await bench.run(simulator, replace(bench.asking(SMALL), limit=4))
        capped = replace(bench.asking(LARGE, SMALL), budget_nanousd=1000)
        first = await bench.run(simulator, capped)
        assert (first.summary.calls, first.exit_code) == (0, 3)
        assert [account.left.calls for account in first.accounts.values()] == [6, 2]
        advised = budget_advised(first)
        assert advised >= sum(account.left.worst_nanousd for account in first.accounts.values()) > 0
        return await bench.run(simulator, replace(capped, budget_nanousd=advised))

    result, _ = simulated(work)
    assert (result.stops, result.exit_code) == ((), 0)


@pytest.mark.parametrize("at_once", [2, 500])
def test_a_run_that_was_stopped_again_says_what_it_still_needs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """The second time nothing was asked in the invocation; what was paid before is not to be paid again."""
    monkeypatch.setattr(remaining, "AT_ONCE", at_once)

    async def work(simulator: Simulator) -> RunResult:
        capped = replace(bench.asking(), budget_nanousd=12_000_000)
        first = await bench.run(simulator, capped)
        again = await bench.run(simulator, capped)
        left = again.accounts[LARGE].left
        assert again.summary.calls == 0
        assert left == first.accounts[LARGE].left
        assert left.calls == 6 - first.summary.calls > 0
        return await bench.run(simulator, replace(capped, budget_nanousd=budget_advised(again)))

    result, _ = simulated(work)
    assert (result.stops, result.exit_code) == ((), 0)


def test_what_is_to_be_asked_again_is_part_of_what_is_needed(bench: Bench) -> None:
    """A question that failed, and under --retry a reply that was refused."""

    async def work(simulator: Simulator) -> RunResult:
        simulator.change({"script": ["refusal", None, "bad_request"]})
        await bench.run(simulator, replace(bench.asking(), limit=4))
        retried = replace(bench.asking(), limit=4, budget_nanousd=1000, retry=frozenset({Outcome.REFUSED}))
        plain = await bench.run(simulator, replace(retried, retry=frozenset()))
        again = await bench.run(simulator, retried)
        assert again.accounts[LARGE].left.calls == plain.accounts[LARGE].left.calls + 1 == 2
        return again

    simulated(work)


# --- judging ---------------------------------------------------------------------------------------------------------


def test_a_judge_that_fails_is_told_from_one_that_abstains(bench: Bench) -> None:
    """Every call of the judge was refused by its provider: a line says so and the run is not done."""
    settings = replace(OPEN, script=(Fault.NO_ANSWER,) * 6, faults={Fault.BAD_REQUEST: 1.0})
    result, _ = simulated(lambda simulator: bench.run(simulator, replace(bench.asking(), judge=SMALL)), settings)
    assert result.summary.models[LARGE].outcomes[Outcome.UNPARSED] == 6
    assert result.exit_code == 1
    (line,) = judge_lines(result.summary)
    assert f"Judge {SMALL} read 0 of the 6 replies of {LARGE}" in line
    assert to_json(result.summary)["models"][LARGE]["with_judge"][SMALL]["verdicts"]["failed"] == 6  # type: ignore[index,call-overload]


def test_what_a_model_costs_as_a_judge_is_not_its_own_spend(bench: Bench) -> None:
    """Asked and judging in one run, its two rows, lines and accounts add up to the provider's bill."""
    settings = replace(OPEN, script=(Fault.NO_ANSWER,) * 12)
    options = replace(bench.asking(LARGE, SMALL), judge=SMALL)

    async def work(simulator: Simulator) -> RunResult:
        alone = await bench.run(simulator, bench.asking(LARGE, SMALL))
        result = await bench.run(simulator, options)
        assert result.summary.spent_by_model == alone.summary.spent_by_model
        return result

    result, books = simulated(work, settings)
    summary, total = result.summary, books["total"]["nanousd"]
    of_judge = [by_judge[SMALL] for by_judge in summary.spent_by_judge.values()]
    assert sum(of_judge) > 0
    assert sum(summary.spent_by_model.values()) + sum(of_judge) == summary.ledger_nanousd == total
    assert sum(account.money.charged for account in result.accounts.values()) == total
    assert result.accounts[f"{SMALL} (judge)"].money.charged == sum(of_judge)
    scored = asyncio.run(score_benchmark(asyncio.run(choose(bench.file, bench.cache, (), None)))).summary
    assert (scored.spent_by_model, scored.spent_by_judge) == (summary.spent_by_model, summary.spent_by_judge)
    (run,) = asyncio.run(status.read(bench.cache)).runs
    told = {(one.model, one.judge): (one.replied, one.asked) for one in run.models}
    assert told == {(LARGE, False): (6, 6), (SMALL, False): (6, 6), (SMALL, True): (12, 12)}
    assert sum(one.charged_nanousd for one in run.models) == run.charged_nanousd == total


def test_a_judge_with_nothing_to_read_says_so(bench: Bench) -> None:
    """The figures with it stand beside those without all the same, and the run is done."""
    result, books = simulated(lambda simulator: bench.run(simulator, replace(bench.asking(), judge=SMALL)))
    assert len(books["arrivals"]) == 6
    assert result.exit_code == 0
    assert result.summary.judged[LARGE][SMALL] == result.summary.models[LARGE]
    assert list(judge_lines(result.summary)) == [
        f"Judge {SMALL} had nothing to read of {LARGE}: the rules left no reply unread."
    ]


# --- refused before anything is paid ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["{", '{"id": "x"}', '{"id": "q0", "image": "0.png"}'])
def test_a_bad_row_stops_the_run_before_it_is_paid_for(bench: Bench, bad: str) -> None:
    """Every fault is told; `skip_bad` names the row, leaves it out and asks the others: all but well."""
    bench.write(bad=bad)

    async def work(simulator: Simulator) -> RunResult:
        with pytest.raises(BenchmarkError, match=r"items\.jsonl:7"):
            await bench.run(simulator, bench.asking())
        assert simulator.ledger()["arrivals"] == []
        return await bench.run(simulator, replace(bench.asking(), skip_bad=True))

    result, books = simulated(work)
    assert len(books["arrivals"]) == result.summary.models[LARGE].items == 6
    (said,) = [line for line in bench.said if "bad rows left out (--skip-bad): 1" in line]
    assert "items.jsonl:7: " in said
    assert result.exit_code == 1


def test_a_benchmark_of_bad_rows_alone_is_refused_in_any_case(bench: Bench) -> None:
    """There is nothing to ask."""
    bench.write(0, bad='{"id": "x"}')

    async def work(simulator: Simulator) -> RunResult:
        return await bench.run(simulator, replace(bench.asking(), skip_bad=True))

    with pytest.raises(BenchmarkError) as refused:
        simulated(work)
    assert "--skip-bad" not in str(refused.value)


def test_what_cannot_be_called_is_refused_before_there_is_a_cache(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown model, a missing key, a route past the recording transport, a broken template."""
    locked = replace(OPEN, keys=("k",))
    monkeypatch.delenv(rehearsal.KEY_VARIABLE, raising=False)
    keyed = bench.workspace("http://127.0.0.1:9", locked)
    unobserved = bench.workspace("http://127.0.0.1:9")
    path = unobserved.config.path
    path.write_text(path.read_text().replace(f'"openai/{LARGE}"', f'"bedrock/{LARGE}"'), encoding="utf-8")
    unobserved = Workspace(config.load(path), bench.cache)
    template = bench.folder / "prompt.toml"
    template.write_text("nonsense", encoding="utf-8")
    console = Console(file=io.StringIO())
    for options, workspace, words in (
        (bench.asking("no-such-model"), keyed, "no model 'no-such-model'"),
        (bench.asking(), keyed, rehearsal.KEY_VARIABLE),
        (bench.asking(), unobserved, "route 'bedrock'"),
        (replace(bench.asking(SMALL), template=template), unobserved, "prompt template"),
    ):
        with pytest.raises(ConfigError, match=words):
            asyncio.run(running.run(options, workspace, bench.said.append, console))
    assert not bench.cache.exists()


# --- going on --------------------------------------------------------------------------------------------------------


def test_failures_are_tried_again_by_the_next_invocation(bench: Bench) -> None:
    """An error is never an answer: it lowers coverage, exit code 1, until it is made good."""

    async def work(simulator: Simulator) -> RunResult:
        simulator.change({"script": [None, "bad_request"]})
        first = await bench.run(simulator, bench.asking())
        assert first.exit_code == 1
        assert first.summary.models[LARGE].outcomes[Outcome.FAILED] == 1
        return await bench.run(simulator, bench.asking())

    result, books = simulated(work)
    assert (result.exit_code, result.summary.calls, result.summary.cache_hits) == (0, 1, 5)
    assert result.summary.ledger_nanousd == books["total"]["nanousd"]


@pytest.mark.parametrize(("fault", "outcome"), [(Fault.REFUSAL, Outcome.REFUSED), (Fault.NO_ANSWER, Outcome.UNPARSED)])
def test_replies_are_asked_again_only_if_told_so(bench: Bench, fault: Fault, outcome: Outcome) -> None:
    """Those that refused or chose nothing are paid again, the old reply kept."""

    async def work(simulator: Simulator) -> RunResult:
        simulator.change({"script": [fault, None, "truncation"]})
        first = await bench.run(simulator, bench.asking())
        assert first.summary.models[LARGE].outcomes[outcome] == 1
        assert (await bench.run(simulator, bench.asking())).summary.calls == 0
        retried = replace(bench.asking(), retry=frozenset({outcome}))
        second = await bench.run(simulator, retried)
        assert (second.summary.calls, second.summary.cache_hits) == (1, 5)
        assert second.summary.models[LARGE].outcomes[Outcome.TRUNCATED] == 1
        return second

    result, books = simulated(work)
    assert result.summary.models[LARGE].outcomes[outcome] == 0
    assert result.summary.ledger_nanousd == books["total"]["nanousd"]


def test_what_is_in_doubt_is_asked_again_and_both_charges_are_named(bench: Bench) -> None:
    """Or left unsent, if told to hold."""

    async def work(simulator: Simulator) -> RunResult:
        one = replace(bench.asking(), limit=1)
        path = bench.workspace(simulator.url).config.path
        text = path.read_text().replace("timeout_s = 30\n", "timeout_s = 30\nmax_attempts = 1\n")
        path.write_text(text, encoding="utf-8")
        workspace = Workspace(config.load(path), bench.cache)
        console = Console(file=io.StringIO())
        simulator.change({"script": ["bad_json"]})
        first = await running.run(one, workspace, bench.said.append, console)
        assert first.summary.in_doubt_nanousd == first.summary.ledger_nanousd > 0
        held = await running.run(replace(one, hold_in_doubt=True), workspace, bench.said.append, console)
        assert (held.summary.calls, held.exit_code) == (0, 1)
        return await running.run(one, workspace, bench.said.append, console)

    result, _ = simulated(work)
    assert [one.item_id for one in result.reasked] == ["q0"]
    assert result.summary.in_doubt_nanousd == result.reasked[0].doubt_nanousd
    assert result.summary.ledger_nanousd == result.reasked[0].doubt_nanousd + result.reasked[0].paid_nanousd
    assert any("is in doubt" in line and "asked again" in line for line in bench.said)
    assert any("left unsent" in line for line in bench.said)


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


async def interrupting(simulator: Simulator, bench: Bench, signals: list[signal.Signals]) -> RunResult:
    """Run, and send this process signals while the second call is in flight."""
    task = asyncio.create_task(bench.run(simulator, bench.asking()))
    for _ in range(20_000):
        if len(simulator.ledger()["arrivals"]) >= 2:
            break
        await asyncio.sleep(0.001)
    for number in signals:
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.01)
    return await task


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_interruption_drains_the_run(bench: Bench, number: signal.Signals) -> None:
    """What is in flight is finished and kept; the next invocation asks the rest, and no call is made twice."""

    async def work(simulator: Simulator) -> RunResult:
        result = await interrupting(simulator, bench, [number])
        assert result.exit_code == 130
        assert [stop.kind for stop in result.stops] == [StopKind.INTERRUPTED]
        assert result.summary.in_doubt_nanousd == 0
        assert 0 < result.summary.calls < 6
        assert result.summary.models[LARGE].outcomes[Outcome.UNSENT] == 6 - result.summary.calls
        return await bench.run(simulator, bench.asking())

    result, books = simulated(work, replace(OPEN, latency_s=0.1))
    assert result.exit_code == 0
    assert [body["received"] for body in books["bodies"].values()] == [1] * 6
    assert "press Ctrl-C again" in " ".join(bench.said)


def test_two_interruptions_cancel_the_run(bench: Bench) -> None:
    """What was in flight stays charged, in doubt, and there is a result all the same; signals work as ever after it."""
    handlers = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))

    async def work(simulator: Simulator) -> RunResult:
        simulator.change({"script": [None, "hang", "hang"]})
        result = await interrupting(simulator, bench, [signal.SIGINT, signal.SIGINT])
        assert result.exit_code == 130
        assert result.summary.in_doubt_nanousd > 0
        assert result.summary.ledger_nanousd >= simulator.ledger()["total"]["nanousd"]
        simulator.change({"script": []})
        return await bench.run(simulator, bench.asking())

    result, _ = simulated(work)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert result.summary.models[LARGE].outcomes[Outcome.ANSWERED] == 6


def test_a_cancellation_from_outside_is_no_result(bench: Bench) -> None:
    """Whoever cancels the task gets a cancelled task; nothing stays open in the cache."""

    async def work(simulator: Simulator) -> RunResult:
        simulator.change({"faults": {"hang": 1.0}})
        task = asyncio.create_task(bench.run(simulator, bench.asking()))
        for _ in range(20_000):
            if simulator.ledger()["in_flight"]:
                break
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        simulator.change({"faults": {}})
        return await bench.run(simulator, bench.asking())

    result, _ = simulated(work)
    assert result.exit_code == 0
    assert result.summary.in_doubt_nanousd > 0


# --- the parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "incomplete", "code"),
    [
        ([], False, 0),
        ([], True, 1),
        ([StopKind.MODEL], True, 1),
        ([StopKind.MODEL], False, 1),
        ([StopKind.BUDGET], True, 3),
        ([StopKind.BUDGET, StopKind.PROVIDER], True, 4),
        ([StopKind.CACHE, StopKind.PROVIDER], True, 5),
        ([StopKind.INTERRUPTED, StopKind.CACHE, StopKind.BUDGET], True, 130),
    ],
)
def test_the_highest_exit_code_that_applies(kinds: list[StopKind], incomplete: bool, code: int) -> None:
    """As the README lists them."""
    assert exit_code([Stop(kind, "", "") for kind in kinds], incomplete=incomplete) == code


def test_a_runs_name_follows_from_its_content(bench: Bench) -> None:
    """Models in any order, prices, limits and the address do not matter; what shapes its requests does."""
    models = [bench.workspace("http://127.0.0.1:9").config.model(alias) for alias in (LARGE, SMALL)]
    checked = asyncio.run(check(bench.file, None))
    options = bench.asking(LARGE, SMALL)

    def name(options: RunOptions = options, models: object = models, template: prompt.Template = prompt.SHIPPED) -> str:
        assert isinstance(models, list)
        return spec_of(options, checked, models, template).name

    moved = [replace(one, provider=replace(one.provider, api_base="http://x", rpm=1)) for one in models]
    assert name() == name(models=models[::-1]) == name(models=moved) == name(replace(options, budget_nanousd=5))
    different = [
        name(replace(options, limit=3)),
        name(replace(options, samples=2)),
        name(replace(options, rotations=2)),
        name(models=models[:1]),
        name(models=[replace(models[0], params={"max_tokens": 5}), models[1]]),
        name(template=replace(prompt.SHIPPED, system="")),
        spec_of(options, replace(checked, digest="other"), models, prompt.SHIPPED).name,
    ]
    assert len({name(), *different}) == 8
    assert name().startswith("items-")
    assert name(replace(options, name="mine")) == "mine"


def _heartbeats(connection: sqlite3.Connection) -> list[float]:
    return [row[0] for row in connection.execute("SELECT heartbeat_at FROM processes")]


def _silence(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 30")


def test_a_process_is_on_the_list_while_it_works(tmp_path: Path) -> None:
    """It shows that it lives, and leaves when the work ends, also by an error."""

    async def fails(store: Store) -> None:
        async with running.registered(store):
            [first] = await store.do(_heartbeats)
            await store.do(_silence)
            for _ in range(1000):
                await asyncio.sleep(0.001)
                if await store.do(_heartbeats) > [first]:
                    raise LookupError("it beats")

    async def main() -> None:
        async with Store(tmp_path / "responses.db", interval_s=0.01) as store:
            with pytest.raises(LookupError, match="it beats"):
                await fails(store)
            await asyncio.sleep(0.03)
            assert await store.do(_heartbeats) == []

    asyncio.run(main())


def test_the_workspace_is_found_by_flags_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration of the working folder, and the cache beside it."""
    path = tmp_path / "providers.toml"
    path.write_text(rehearsal.providers_toml("http://127.0.0.1:9", OPEN), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(config.CACHE_VARIABLE, raising=False)
    assert find(None, None) == Workspace(config.load(path), tmp_path / "cache" / "responses.db")
    assert find(path, tmp_path / "x.db").cache == tmp_path / "x.db"


# --- models --check --------------------------------------------------------------------------------------------------


def test_a_check_sends_one_cheap_call_a_model_through_the_ledger(bench: Bench) -> None:
    """Each time anew, under a cap, and what an API answers is a result."""

    async def work(simulator: Simulator) -> list[checking.Checked]:
        workspace = bench.workspace(simulator.url)
        await checking.check(workspace, [LARGE], 10**9)
        simulator.change({"script": [None, "content_policy"]})
        return await checking.check(workspace, [LARGE, f"{LARGE}-anthropic"], 10**9)

    async def main() -> tuple[list[checking.Checked], LedgerView]:
        async with Simulator(OPEN) as simulator:
            return await work(simulator), simulator.ledger()

    found, books = asyncio.run(main())
    assert len(books["arrivals"]) == 3
    assert sorted(one.ok for one in found) == [False, True]
    failed = next(one for one in found if not one.ok)
    assert "HTTP 400" in failed.reason
    assert failed.spent_nanousd == 0
    connection = open_reading(bench.cache)
    assert sum(row[0] for row in connection.execute("SELECT charged_nanousd FROM runs")) == books["total"]["nanousd"]
    connection.close()


def test_a_check_over_its_budget_sends_nothing(bench: Bench) -> None:
    """The reason says so."""

    async def main() -> tuple[list[checking.Checked], LedgerView]:
        async with Simulator(OPEN) as simulator:
            return await checking.check(bench.workspace(simulator.url), [LARGE], 1), simulator.ledger()

    found, books = asyncio.run(main())
    assert books["arrivals"] == []
    assert "cap" in found[0].reason
    assert not found[0].ok


def test_nothing_is_learnt_from_a_check(bench: Bench) -> None:
    """It is no question of a benchmark; what a run's replies tell counts, also of one whose name begins like it."""

    async def main() -> tuple[History, History, int, int]:
        async with Simulator(OPEN) as simulator:
            await checking.check(bench.workspace(simulator.url), [LARGE], 10**9)
            async with Store(bench.cache) as store:
                before, known = await running.past_of(store, LARGE), await store.do(replies.known, LARGE)
            await bench.run(simulator, replace(bench.asking(), limit=2, name="models-check-mine"))
            async with Store(bench.cache) as store:
                return before, await running.past_of(store, LARGE), known, await store.do(replies.known, LARGE)

    before, after, *known = asyncio.run(main())
    assert before == History(Calibration())
    assert (after.answers, after.calibration.replies, known) == (2, 2, [0, 2])


# --- the demo --------------------------------------------------------------------------------------------------------


def test_the_demo_configuration_finds_its_replies_again_at_another_port(bench: Bench) -> None:
    """The endpoints' identities do not change with the address."""
    one, other = (bench.workspace(f"http://127.0.0.1:{port}").config for port in (1, 2))
    for alias in one.models:
        assert one.model(alias).provider.identity == other.model(alias).provider.identity
