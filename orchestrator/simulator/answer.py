"""What the simulated models say: options chosen from the pixels sent and the option texts, with their reasons.

Nothing else is known here: no id, no gold answer. Options stand in the prompt one a line as `A. text`; it is a
multiple-answer question exactly when the prompt asks for `My final options:`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .diagnosis import preferences
from .vision import Findings

OPTION = re.compile(r"^[ \t]*([A-Z])[.)][ \t]+(\S[^\n]{0,400})$", re.MULTILINE)
MULTI = "My final options:"
OPENING = "This reply comes from a simulated model, not from a clinician."
SHOWN = 80


def options(prompt: str) -> dict[str, str]:
    """Return letter -> text of the options in a prompt; the last list counts where a letter comes twice."""
    return {letter: words.strip() for letter, words in OPTION.findall(prompt)}


def compose(prompt: str, seen: Sequence[Findings]) -> str:
    """Return the reply to a prompt and its pictures: reasons, then the declared last line."""
    offered = options(prompt)
    if not offered:
        return f"{OPENING} I was given no options to choose from, so I name none."
    scores = dict(zip(offered, preferences(list(offered.values()), seen), strict=True))
    best = max(scores, key=lambda letter: (scores[letter], offered[letter]))
    multi = MULTI in prompt
    chosen = sorted({best} | ({letter for letter, score in scores.items() if score > 0} if multi else set()))
    fitting = " and ".join(f'"{offered[letter][:SHOWN]}"' for letter in chosen)
    label = "My final options" if multi else "My final option"
    return f"{OPENING} {_reasons(seen)} What fits this best is {fitting}.\n\n{label}: [{', '.join(chosen)}]"


def undecided(seen: Sequence[Findings]) -> str:
    """Return a reply that weighs the picture and chooses nothing."""
    return (
        f"{OPENING} {_reasons(seen)} These measurements do not let me prefer one of the alternatives over the others."
    )


def _reasons(seen: Sequence[Findings]) -> str:
    """Return what was measured, in words."""
    if not seen:
        return "No picture was sent, so only the wording could be weighed."
    spine = next((one for one in seen if one.discs), None)
    if spine is None:
        shades = ", ".join(str(value) for value in seen[0].grid)
        return (
            f"I found no column of vertebrae; the brightness of the picture's sixteen fields, in eighths, is {shades}."
        )
    gaps = [disc.gap for disc in spine.discs]
    step = max(abs(disc.slip) for disc in spine.discs)
    spur = max(disc.spur for disc in spine.discs)
    front = min(front for front, _ in spine.heights)
    return (
        f"I see a column with {len(gaps)} disc spaces, {min(gaps):.2f} to {max(gaps):.2f} of a body's depth high."
        f" The largest step between neighbouring bodies is {step:.2f} of that depth, the shortest front height is"
        f" {front:.2f} of it, and the front corners are up to {spur:.2f} as bright as bone."
        f" The column turns by {spine.bend:.0f} degrees, and its middle by {spine.swing:.0f} against its ends."
    )
