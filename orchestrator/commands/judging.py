"""What a judge is asked: every reply of a run that the rules could not read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from orchestrator.commands.grades import chunks
from orchestrator.grading import judge
from orchestrator.grading.grade import read
from orchestrator.inference.questions import Question
from orchestrator.records import Ending, Item, Model, Outcome
from orchestrator.store import runs
from orchestrator.store.database import Store


async def judged_questions(
    items: AsyncGenerator[Item, None], store: Store, run_id: int, aliases: Sequence[str], model: Model
) -> AsyncGenerator[Question, None]:
    """Yield a question to the judge `model` for every unparsed reply of these models in a run."""
    async for chunk in chunks(items):
        for alias in aliases:
            held = await store.do(runs.asked, [run_id], alias, [item.id for item in chunk])
            for item in chunk:
                for one in held.get(item.id, []):
                    if question := _question(item, one, alias, model):
                        yield question


def _question(item: Item, asked: runs.Asked, alias: str, model: Model) -> Question | None:
    if asked.text is None or asked.ending is None or asked.wording != item.wording:
        return None
    shown = item.rotated(asked.rotation)
    if read(shown, asked.text, Ending(asked.ending))[0] is not Outcome.UNPARSED:
        return None
    return Question(
        item_id=item.id,
        sample=asked.sample,
        rotation=asked.rotation,
        wording=item.wording,
        request=judge.request(shown, asked.text, model),
        judged=alias,
    )
