"""From what a model said, or failed to say, to a Grade: the only place where an outcome is decided."""

from __future__ import annotations

import hashlib
from typing import assert_never

from orchestrator.grading.parse import parse
from orchestrator.records import Abstained, Answer, Ending, Grade, Item, Outcome


def read(shown: Item, text: str, ending: Ending) -> tuple[Outcome, Answer | None]:
    """Return a paid reply's outcome, and its answer where it gave one.

    A truncated reply that holds a declared last line is answered; refusals in words count as refused.
    """
    match ending:
        case Ending.REFUSED:
            return Outcome.REFUSED, None
        case Ending.FILTERED:
            return Outcome.FILTERED, None
        case Ending.COMPLETE | Ending.TRUNCATED:
            cut = ending is Ending.TRUNCATED
        case _:
            assert_never(ending)
    found = parse(text, dict(shown.options), multi=shown.multi, truncated=cut)
    if isinstance(found, Answer):
        return Outcome.ANSWERED, found
    if cut:
        return Outcome.TRUNCATED, None
    return (Outcome.REFUSED if found.reason is Abstained.REFUSED else Outcome.UNPARSED), None


def digest(text: str, ending: Ending) -> str:
    """Return the short digest (8 hex digits) by which a reply is told from another to the same question."""
    said = f"{ending} {text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(said, digest_size=4).hexdigest()


def graded(
    shown: Item,
    outcome: Outcome,
    letters: tuple[str, ...] = (),
    rule: str = "",
    confidence: float = 0.0,
    sample: int = 0,
    rotation: int = 0,
    reply: str = "",
) -> Grade:
    """Return the grade of an item as it was shown (rotated), given its outcome and, if answered, what was read.

    `reply` is the digest of the text it was read from.
    """
    options, texts = zip(*shown.options, strict=True)
    return Grade(
        shown.id,
        shown.task,
        shown.group,
        shown.multi,
        options,
        shown.gold,
        letters,
        outcome,
        rule,
        confidence,
        sample=sample,
        rotation=rotation,
        option_texts=texts,
        metadata=shown.metadata,
        reply=reply,
    )
