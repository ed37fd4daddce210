"""Writes the items: question, options in seeded order, answer letters; and the draw of wrong answers behind them.

Always holds: an item's wording, letters and options depend on the seed and the picture alone; its id and its picture's
name come from the source file's digest, so neither tells the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import ascii_uppercase

from orchestrator.construct.cases import Case
from orchestrator.construct.chance import pick, shuffled
from orchestrator.construct.findings import Dropped, Rule
from orchestrator.construct.labels import HEALTHY, LEVELS
from orchestrator.construct.negatives import Library, Table, eligible, nearest, wanted
from orchestrator.construct.questions import SDD, SLL, SLOT, Pools
from orchestrator.records import Json

ID_DIGITS = 16


def compose(
    cases: Sequence[Case], table: Table, library: Library, pools: Pools, seed: int
) -> tuple[list[dict[str, Json]], list[Dropped]]:
    """Return the items in the native format, diagnosis first, each task by id, and the cases without enough options.

    Rows of `table` belong to `cases`.
    """
    items, dropped = [], []
    for case, row in zip(cases, table, strict=True):
        similarity = eligible(row, library.diseases, case.carried)
        if len(similarity) < wanted(case.gold):
            detail = f"{len(similarity)} diseases can be offered as wrong answers; {wanted(case.gold)} are needed"
            dropped.append(Dropped(case.finding.source, case.finding.subject, Rule.FEW_NEGATIVES, detail))
        else:
            items.append(_diagnosis(case, nearest(similarity, wanted(case.gold)), pools, seed))
    items.extend(_localisation(case, disease, pools, seed) for case in cases if (disease := located(case)))
    return items, dropped


def item_id(task: str, case: Case) -> str:
    """Return the item's id: task and the digits its picture's name begins with."""
    digest, dash, frame = case.stem.partition("-")
    return f"{task.lower()}-{digest[:ID_DIGITS]}{dash}{frame}"


def located(case: Case) -> str | None:
    """Return the disease a case's localisation item asks for: its answer, or else the first with known levels."""
    known = [disease for disease, _ in case.finding.levels]
    return case.gold if case.gold in known else next(iter(known), None)


def _diagnosis(case: Case, negatives: Iterable[str], pools: Pools, seed: int) -> dict[str, Json]:
    """Return the diagnosis item."""
    texts = {case.gold, HEALTHY, *negatives}
    return _item(SDD, case, pools.sdd, texts, {case.gold}, seed)


def _localisation(case: Case, disease: str, pools: Pools, seed: int) -> dict[str, Json]:
    """Return the localisation item of one disease."""
    wordings = tuple(text.replace(SLOT, disease) for text in pools.sll)
    item = _item(SLL, case, wordings, set(LEVELS), set(dict(case.finding.levels)[disease]), seed)
    item["metadata"] = {"source": case.finding.source, "view": case.finding.view, "disease": disease}
    return item


def _item(
    task: str, case: Case, wordings: Sequence[str], texts: set[str], gold: set[str], seed: int
) -> dict[str, Json]:
    """Return an item with its options in seeded order."""
    name = item_id(task, case)
    order = shuffled(seed, f"letters {name}", texts)
    return {
        "id": name,
        "image": f"images/{case.prepared.name}",
        "task": task,
        "question": wordings[pick(seed, f"question {name}", len(wordings))],
        "options": dict(zip(ascii_uppercase, order, strict=False)),
        "answer": [letter for letter, text in zip(ascii_uppercase, order, strict=False) if text in gold],
        "multi": task == SLL,
        "group": case.group,
        "metadata": {"source": case.finding.source, "view": case.finding.view},
    }
