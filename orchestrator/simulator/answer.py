"""What the simulated models say: an option chosen from the pixels sent and the option texts, with its reasons.

Nothing else is known here: no id, no gold answer, no letter order. Options stand in the prompt one a line as
`A. text`; it is a multiple-answer question exactly when the prompt asks for `My final options:`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from .vision import Findings

OPTION = re.compile(r"^[ \t]*([A-Z])[.)][ \t]+(\S[^\n]{0,400})$", re.MULTILINE)
MULTI = "My final options:"
OPENING = "This reply comes from a simulated model, not from a clinician."


def options(prompt: str) -> dict[str, str]:
    """Return letter -> text of the options in a prompt; the last list counts where a letter comes twice."""
    return {letter: words.strip() for letter, words in OPTION.findall(prompt)}


def compose(prompt: str, seen: Sequence[Findings]) -> str:
    """Return the reply to a prompt and its pictures: reasons, then the declared last line."""
    offered = options(prompt)
    if not offered:
        return f"{OPENING} I was given no options to choose from, so I name none."
    chosen = [max(offered, key=lambda letter: _affinity(offered[letter], seen))]
    reasons = _reasons(seen)
    label = "My final options" if MULTI in prompt else "My final option"
    return f"{OPENING} {reasons}\n\n{label}: [{', '.join(sorted(chosen))}]"


def undecided(seen: Sequence[Findings]) -> str:
    """Return a reply that weighs the picture and chooses nothing."""
    return (
        f"{OPENING} {_reasons(seen)} These measurements do not let me prefer one of the alternatives over the others."
    )


def _reasons(seen: Sequence[Findings]) -> str:
    if not seen:
        return "No picture was sent, so only the wording could be weighed."
    first = seen[0]
    return f"The picture has a mean brightness of {first.mean:.0f} and a contrast of {first.contrast:.0f}."


def _affinity(words: str, seen: Sequence[Findings]) -> bytes:
    """Return a fixed but arbitrary preference for an option text, given the pictures."""
    pixels = repr([one.grid for one in seen])
    return hashlib.sha256(f"{pixels}\n{words.casefold()}".encode("utf-8", "surrogatepass")).digest()
