"""Asks a model for more wordings of the questions, and takes only those that cannot give an answer away.

The asking is handed in as a `Complete`, so cache and cap hold as for any other call. The prompt is fixed: with the
reply in the cache, the same build gives the same wordings and pays nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from orchestrator.construct.labels import HEALTHY, LEVELS, Vocabulary
from orchestrator.construct.questions import POOLS, SDD, SLL, SLOT, Pools
from orchestrator.errors import OrchestratorError
from orchestrator.records import Complete, Ending, Message, Model, Request, Text

COUNT = 20
LONGEST = 200
_TASKS = {
    SDD: "asks which of five listed conditions an image of the spine shows. Do not name any condition, view or level.",
    SLL: "asks at which lumbar disc levels an image shows a given condition; several may be right. "
    f"Write {SLOT}, once, where the name of the condition goes. Do not name any other condition, nor any level.",
}


@dataclass(frozen=True, slots=True)
class Paraphrased:
    """The wordings to choose from, ours first, and what was refused of the model's, with the reason."""

    pools: Pools
    refused: tuple[tuple[str, str], ...]


async def paraphrase(complete: Complete, model: Model, vocabulary: Vocabulary) -> Paraphrased:
    """Return our pools with the model's wordings added; OrchestratorError if a reply holds none that can be used."""
    pools, refused = {}, []
    for task, ours in ((SDD, POOLS.sdd), (SLL, POOLS.sll)):
        reply = await complete(ask(model, task, ours))
        taken = dict.fromkeys(ours)
        for wording in _wordings(reply.text) if reply.ending is Ending.COMPLETE else ():
            reason = "already there" if wording in taken else why_not(task, wording, vocabulary)
            if reason is None:
                taken[wording] = None
            else:
                refused.append((wording, reason))
        if len(taken) == len(ours):
            raise OrchestratorError(
                f"{model.alias} gave no wording for {task} that can be used (its reply was {reply.ending}); "
                "build without --paraphrase, or with another model"
            )
        pools[task] = tuple(taken)
    return Paraphrased(Pools(pools[SDD], pools[SLL]), tuple(refused))


def ask(model: Model, task: str, ours: tuple[str, ...]) -> Request:
    """Return the request for more wordings of one task."""
    text = (
        f"Write {COUNT} different wordings of a short exam question for doctors that {_TASKS[task]} Vary sentence "
        f"structure and tone; one sentence or two each, at most {LONGEST} characters. Do not mention options, letters "
        f"or how to answer. Examples:\n{json.dumps(ours[:3])}\n"
        f"Reply with a JSON array of {COUNT} strings, nothing else."
    )
    return Request(
        model=model.litellm_model,
        endpoint=model.provider.identity,
        messages=(Message("user", (Text(text),)),),
        images=(),
        image_policy=model.image,
        params=model.params,
    )


def why_not(task: str, wording: str, vocabulary: Vocabulary) -> str | None:
    """Return why a wording cannot be used, or None if it can."""
    if not 15 <= len(wording) <= LONGEST or not wording.isprintable():
        return "too short, too long, or with characters that do not print"
    if wording.count(SLOT) != (task == SLL) or set(wording.replace(SLOT, "")) & set("{}[]<>"):
        return f"{SLOT} must stand in it {'once' if task == SLL else 'nowhere'}, and no other brackets"
    plain = f" {' '.join(re.findall(r'[a-z0-9/]+', wording.replace(SLOT, '').casefold()))} "
    names = [name for one in vocabulary.diseases for name in (one.name, *one.aliases)]
    for name in (*names, HEALTHY, *LEVELS):
        if f" {name.casefold()} " in plain:
            return f"names {name}"
    return None


def _wordings(text: str) -> tuple[str, ...]:
    """Return the strings of the JSON array in a reply; none if there is no such array."""
    start, end = text.find("["), text.rfind("]")
    try:
        found = json.loads(text[start : end + 1]) if 0 <= start < end else []
    except (ValueError, RecursionError):
        return ()
    return tuple(" ".join(one.split()) for one in found if isinstance(one, str))
