"""The wordings of the two questions, a pool a task, in words of our own.

Always holds: a wording names no disease but through `{disease}`, which a localisation wording holds exactly once and a
diagnosis wording never, and no level; so no wording gives an answer away.
"""

from __future__ import annotations

from dataclasses import dataclass

SDD = "SDD"
SLL = "SLL"
SLOT = "{disease}"


@dataclass(frozen=True, slots=True)
class Pools:
    """The wordings to choose from."""

    sdd: tuple[str, ...]
    sll: tuple[str, ...]


POOLS = Pools(
    sdd=(
        "Which diagnosis does this spine image support best?",
        "What is the most likely finding in this image of the spine?",
        "Judging from this image, which of the following describes the spine?",
        "Select the condition that is visible in this spinal image.",
        "Looking at this image of the spine, what would you diagnose?",
        "Which of the conditions listed can be seen here?",
        "A colleague asks for your reading of this spine image. Which condition do you report?",
        "What does this spinal image show?",
        "Choose the diagnosis that fits this image of the spine.",
        "Which entry of the list agrees best with the appearance of this spine?",
    ),
    sll=(
        "At which lumbar disc levels does this image show {disease}?",
        "Which levels of the lumbar spine are affected by {disease} in this image?",
        "Select every lumbar level at which {disease} is present.",
        "This image shows {disease}. Which of the lumbar levels are involved?",
        "Where in the lumbar spine do you find {disease}? Name all levels concerned.",
        "Mark all disc levels at which you would report {disease}.",
        "Which of these levels show signs of {disease}? More than one may apply.",
        "Localise the {disease} in this image: which lumbar levels does it affect?",
        "For which of the following levels would you describe {disease}?",
        "List the lumbar levels with {disease} in this image.",
    ),
)
