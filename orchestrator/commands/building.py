"""`build`: a benchmark from source datasets, with the wordings of a model where one is asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from orchestrator.commands.completing import completing
from orchestrator.commands.counting import counted
from orchestrator.commands.workspace import Workspace
from orchestrator.construct.build import build
from orchestrator.construct.labels import Vocabulary
from orchestrator.construct.paraphrase import Paraphrased, paraphrase
from orchestrator.construct.questions import POOLS
from orchestrator.construct.report import BuildReport
from orchestrator.construct.settings import BuildConfig
from orchestrator.construct.verify import VerifyReport, verify
from orchestrator.reporting.terminal import safe

PARAPHRASE_RUN = "paraphrase"


async def wordings(config: BuildConfig, workspace: Workspace, alias: str, budget_nanousd: int) -> Paraphrased:
    """Ask a model for more wordings of the questions, within a budget of all paraphrasing ever done in the cache."""
    model = workspace.config.model(alias)
    async with completing(workspace, model, f"{PARAPHRASE_RUN}-{alias}", budget_nanousd) as complete:
        return await paraphrase(complete, model, Vocabulary(config.added_diseases))


def built(config: BuildConfig, out: Path, seed: int, found: Paraphrased | None, console: Console) -> BuildReport:
    """Build with progress bars on `console`; raises as `construct.build.build` does."""
    with _bars(console) as bars:
        return build(config, out, seed, Bars(bars), POOLS if found is None else found.pools)


def verified(folder: Path, console: Console) -> VerifyReport:
    """Verify a built benchmark with progress bars on `console`."""
    with _bars(console) as bars:
        return verify(folder, Bars(bars))


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


class Bars:
    """A bar a stage, as the builder names and moves them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage."""
        for task in self._progress.tasks:
            if task.description == stage:
                self._progress.update(task.id, completed=done, total=total)
                return
        self._progress.add_task(stage, completed=done, total=total)


def build_lines(report: BuildReport) -> Iterator[str]:
    """Yield what a build came to, for a reader."""
    yield f"{safe(str(report.out))}: " + ", ".join(f"{count:,} {task}" for task, count in report.items.items())
    if report.subset:
        yield "subset: " + ", ".join(f"{count:,} {task}" for task, count in report.subset.items())
    for source, counts in report.dropped.items():
        yield f"left out of {safe(source)}: " + ", ".join(f"{count:,} {safe(rule)}" for rule, count in counts.items())
    yield "counts by disease, source and level, pictures of the embedding space and what was dropped: datasheet.md"


def verify_lines(folder: Path, report: VerifyReport) -> Iterator[str]:
    """Yield what a verification found, for a reader."""
    verdict = "sound" if report.ok else counted(len(report.problems), "problem")
    yield f"{safe(str(folder))}: {counted(report.items, 'item')}, {counted(report.pictures, 'picture')}, {verdict}"
    yield from (f"problem: {safe(one)}" for one in report.problems)
    yield from (f"remark: {safe(one)}" for one in report.remarks)


def wording_lines(found: Paraphrased) -> Iterator[str]:
    """Yield how many wordings there are now, and which were refused."""
    yield f"{counted(len(found.pools.sdd), 'wording')} for SDD, {len(found.pools.sll)} for SLL"
    yield from (f"refused: {safe(wording)} ({safe(reason)})" for wording, reason in found.refused)
