"""What the program promises about speed and memory, measured side by side in one go: `make bench`.

Every line says what was measured, and, where a limit was promised, whether it HOLDS or FALLS SHORT. Ratios are taken
between things run in turn on the same machine, so that another machine or another load changes them little. Names of
measurements as arguments run only those.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "acceptance"))

from full_cache import FULL, peak, store

from orchestrator.commands.rehearsal import KEY_VARIABLE, providers_toml
from orchestrator.simulator import DEFAULT_KEY, Settings, Simulator, running

P = ParamSpec("P")

PROGRAM = (sys.executable, "-m", "orchestrator")
MODEL = "sim-spine-small"
OPTIONS = {"A": "Healthy", "B": "Osteophytes", "C": "Disc space narrowing", "D": "Spondylolisthesis"}


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the result; without a limit it only informs."""

    what: str
    value: float
    limit: float | None = None
    at_least: bool = False
    detail: str = ""

    def __str__(self) -> str:
        """Return the verdict, the number, its limit and what it was made of."""
        if self.limit is None:
            verdict, limit = "MEASURED", ""
        else:
            holds = self.value >= self.limit if self.at_least else self.value <= self.limit
            verdict = "HOLDS" if holds else "FALLS SHORT"
            limit = f" ({'at least' if self.at_least else 'at most'} {self.limit:,g})"
        return f"{verdict:12} {self.what}: {self.value:,.4g}{limit}{'; ' if self.detail else ''}{self.detail}"


# --- what is measured on ---------------------------------------------------------------------------------------------


def picture(number: int) -> bytes:
    """Return a grey picture of radiograph-like size in kilobytes, different for every number."""
    image = Image.effect_noise((320, 480), 40 + number % 50)
    image.putpixel((number % 320, number // 320 % 480), 255)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def write_benchmark(folder: Path, items: int, pictures: int) -> Path:
    """Write a benchmark of so many questions over so many pictures (copies of one, each a file of its own)."""
    (folder / "images").mkdir(parents=True)
    drawn = [picture(number) for number in range(min(pictures, 20))]
    for number in range(pictures):
        (folder / "images" / f"{number}.jpg").write_bytes(drawn[number % len(drawn)] + str(number).encode())
    path = folder / "items.jsonl"
    with path.open("w") as file:
        for number in range(items):
            row = {
                "id": f"item-{number}",
                "image": f"images/{number % pictures}.jpg",
                "task": "SDD",
                "question": f"What does radiograph {number} show?",
                "options": OPTIONS,
                "answer": ["ABCD"[number % 4]],
            }
            file.write(json.dumps(row) + "\n")
    return path


@contextmanager
def rehearsal(settings: Settings, items: int) -> Iterator[tuple[Simulator, Path]]:
    """Yield a simulator, and a folder with a benchmark and the providers.toml that points at it."""
    with tempfile.TemporaryDirectory() as place, running(settings) as simulator:
        folder = Path(place)
        write_benchmark(folder / "bench", items, min(items, 100))
        (folder / "providers.toml").write_text(providers_toml(simulator.url, settings))
        yield simulator, folder


def program(folder: Path, *arguments: str) -> str:
    """Run a command in a folder and return its stdout."""
    return output([*PROGRAM, *arguments], cwd=folder, env=os.environ | {KEY_VARIABLE: DEFAULT_KEY})


def worker(name: str, *arguments: str) -> list[float]:
    """Run one of `WORKERS` in a process of its own and return the numbers it prints."""
    return [float(number) for number in output([sys.executable, __file__, name, *arguments]).split()]


def output(command: list[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a process and return its stdout; ends the bench with what it said if it fails."""
    ended = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}\n{ended.stderr}")
    return ended.stdout


def timed(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """Return the seconds that some work takes."""
    started = time.perf_counter()
    work(*args, **kwargs)
    return time.perf_counter() - started


@contextmanager
def cpu_of_children() -> Iterator[list[float]]:
    """Yield a list that holds, after the block, the CPU seconds of the processes that ended in it."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    seconds: list[float] = []
    yield seconds
    seconds.append(spent() - before)


# --- measurements ----------------------------------------------------------------------------------------------------


def help_time() -> Iterator[Measured]:
    """`--help` against the imports that no click program with pydantic models can do without."""

    imports = [sys.executable, "-c", "import click, pydantic"]
    rounds = [(timed(output, [*PROGRAM, "--help"]), timed(output, imports)) for _ in range(12)][1:]
    ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    detail = f"{ours:.3f} s against {theirs:.3f} s"
    yield Measured("--help, times `import click, pydantic`", ours / theirs, 2.5, detail=detail)


def pacing() -> Iterator[Measured]:
    """300 questions at 600 a minute, enforced with a burst of ten: ideally 29 seconds and one latency."""
    latency, items = 0.5, 300
    settings = Settings(rpm=600, latency_s=latency)
    with rehearsal(settings, items) as (simulator, folder):
        result = json.loads(program(folder, "run", "bench/items.jsonl", "-m", MODEL, "--json"))
        books = simulator.ledger()
    arrivals = [one["at"] for one in books["arrivals"]]
    took, ideal = arrivals[-1] - arrivals[0] + latency, (items - 10) / 10 + latency
    detail = f"{took:.1f} s from the first request to the last answer against {ideal:.1f} s"
    yield Measured("300 items at 600 RPM, times the ideal", took / ideal, 1.1, detail=detail)
    whole = f"{result['wall_s']:.1f} s with loading LiteLLM and reading the benchmark"
    yield Measured("the same, the whole command", result["wall_s"] / ideal, detail=whole)
    yield Measured("the same, percent of 429s", 100 * books["rate_limited"] / books["total"]["requests"], 1)
    yield Measured("the same, items answered", books["total"]["billed"], items, at_least=True)


def call_overhead() -> Iterator[Measured]:
    """CPU time a call, LiteLLM's share included, against a bare aiohttp loop that sends the same pictures."""
    few, many = 100, 1_000
    cpu: dict[tuple[str, int], float] = {}
    for items in (few, many):
        with rehearsal(Settings(), items) as (simulator, folder):
            with cpu_of_children() as seconds:
                program(folder, "run", "bench/items.jsonl", "-m", MODEL)
            cpu["ours", items] = seconds[0]
            with cpu_of_children() as seconds:
                worker("raw", f"{simulator.url}/openai/v1/chat/completions", str(items))
            cpu["raw", items] = seconds[0]
    ours, raw = (1000 * (cpu[who, many] - cpu[who, few]) / (many - few) for who in ("ours", "raw"))
    yield Measured("CPU a call, ms", ours, detail=f"{raw:.2f} ms in a bare aiohttp loop")


def cached() -> Iterator[Measured]:
    """The same command again, and scoring, on 2,000 answers that are in the cache."""
    items = 2_000
    with rehearsal(Settings(), items) as (simulator, folder):
        run = ("run", "bench/items.jsonl", "-m", MODEL, "--json")
        first = json.loads(program(folder, *run))
        asked = simulator.ledger()["total"]["requests"]
        again = json.loads(program(folder, *run))
        calls = simulator.ledger()["total"]["requests"] - asked
        program(folder, *run, "--limit", "1", "--run", "one")
        one_s, all_s = (timed(program, folder, "score", "bench/items.jsonl", *name) for name in (("--run", "one"), ()))
    yield Measured("first run at no limit, items/s", items / first["wall_s"], detail="loading LiteLLM included")
    yield Measured("calls of the same command again", calls, 0)
    yield Measured("the same command again, items/s", items / again["wall_s"])
    yield Measured("score, answers/s", (items - 1) / (all_s - one_s), detail=f"{one_s:.2f} s for a single one")


def full_score() -> Iterator[Measured]:
    """100,000 cached answers graded, most of them declared as they were asked for."""
    with tempfile.TemporaryDirectory() as place:
        store(Path(place), FULL)
        score = [*PROGRAM, "score", "items.jsonl", "--cache", "full.db", "--json"]
        seconds = timed(output, score, cwd=Path(place))
        # By itself: to look at the memory of a process takes time from it.
        with subprocess.Popen(score, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            most = peak(process)
    yield Measured(f"score of {FULL:,} cached answers, s", seconds, 10)
    yield Measured("the same, MB of memory of all its processes", most / 2**20, 300)


def streaming() -> Iterator[Measured]:
    """A benchmark of the paper's size read through when all its pictures are known, against a small one."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        seconds, peak = {}, {}
        for items, pictures in ((1_000, 600), (65_000, 40_000)):
            path = write_benchmark(folder / str(items), items, pictures)
            learnt_s, _ = worker("stream", str(path), str(folder / f"{items}.db"))
            seconds[items], peak[items] = worker("stream", str(path), str(folder / f"{items}.db"))
    detail = f"{learnt_s:.1f} s the first time"
    yield Measured("65,000 items over 40,000 known pictures, s", seconds[65_000], detail=detail)
    detail = f"{peak[65_000]:.0f} MB against {peak[1_000]:.0f} MB for 1,000 items"
    yield Measured("the same, MB of memory beyond a small benchmark's", peak[65_000] - peak[1_000], detail=detail)


ANSWERS = (
    "The vertebral bodies are aligned and the disc spaces kept, so {text} fits best.\n\nMy final option: [{x}]",
    "Step by step:\n1. The anterior margins show bony spurs.\n2. The heights are kept.\n\nMy final options: [{x}]",
    "The image shows a forward step of one body over the next.\n\n**Answer: {x}. {text}**",
    "Based on the radiograph, the correct answer is ({x}) {text}.",
    "Looking at each option in turn, none but one fits the picture. I would choose option {x}.",
    "I cannot interpret medical images. Please consult a radiologist.",
)


def parser() -> Iterator[Measured]:
    """Letters read from typical answers by one process, in its own CPU time."""
    from orchestrator.grading.parse import parse

    outputs = [
        form.format(x=letter, text=text) + " " * (number % 7)
        for number in range(100)
        for form in ANSWERS
        for letter, text in OPTIONS.items()
    ]
    rates = []
    # The best of many short rounds: some pass without another guest of the machine.
    for _ in range(40):
        started = time.process_time()
        for output in outputs:
            parse(output, OPTIONS, multi=False)
        rates.append(len(outputs) / (time.process_time() - started))
    yield Measured("parser, answers/s", max(rates), 20_000, at_least=True)


# --- processes of their own ------------------------------------------------------------------------------------------


def raw(url: str, items: str) -> None:
    """Send requests like ours with aiohttp alone, 32 at a time."""
    import aiohttp

    pictures = [base64.b64encode(picture(number)).decode() for number in range(20)]

    async def send(session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        for number in numbers:
            address = f"data:image/jpeg;base64,{pictures[number % len(pictures)]}"
            content = [
                {"type": "image_url", "image_url": {"url": address, "detail": "high"}},
                {"type": "text", "text": f"What does radiograph {number} show?\nA. Healthy\nB. Osteophytes"},
            ]
            body = {"model": MODEL, "max_tokens": 1024, "messages": [{"role": "user", "content": content}]}
            async with session.post(url, json=body, headers={"Authorization": f"Bearer {DEFAULT_KEY}"}) as response:
                response.raise_for_status()
                await response.json()

    async def main() -> None:
        numbers = iter(range(int(items)))
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(send(session, numbers) for _ in range(32)))

    asyncio.run(main())


def stream(benchmark: str, cache: str) -> None:
    """Check a benchmark as `run` does; print seconds and peak megabytes."""
    from orchestrator.dataset.load import check
    from orchestrator.store.database import Store
    from orchestrator.store.pictures import KnownPictures

    async def main() -> None:
        async with Store(Path(cache)) as store:
            checked = await check(Path(benchmark), KnownPictures(store))
            if checked.total_problems:
                raise SystemExit(str(checked.problems[0]))

    started = time.perf_counter()
    asyncio.run(main())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{time.perf_counter() - started} {peak}\n")


WORKERS: dict[str, Callable[..., None]] = {"raw": raw, "stream": stream}
MEASUREMENTS: dict[str, Callable[[], Iterator[Measured]]] = {
    "help": help_time,
    "pacing": pacing,
    "overhead": call_overhead,
    "cached": cached,
    "full": full_score,
    "streaming": streaming,
    "parser": parser,
}


def main(arguments: list[str]) -> None:
    """Run the measurements named (all, if none is), or one of the workers."""
    if arguments and arguments[0] in WORKERS:
        WORKERS[arguments[0]](*arguments[1:])
        return
    for name in arguments or MEASUREMENTS:
        for measured in MEASUREMENTS[name]():
            sys.stdout.write(f"{measured}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
