"""The built-in benchmark: synthetic spines, drawn by this package, with questions in the native format.

It exists to rehearse a whole run without a key, a network or anyone's data. It says nothing about medicine: no
picture shows a patient, and no score on it says how well a model reads real radiographs.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

JPEG_QUALITY = 65

ABOUT = """\
Synthetic benchmark
===================

Every picture in `images/` was drawn by a program (seed {seed}). They are phantoms: no patient, no radiograph, no
clinical meaning. A score on this benchmark says nothing about a model's medical ability; it only shows that the
evaluation works from end to end.

{pictures} pictures, {items} questions in `items.jsonl`:

- SDD, one answer: what the spine shows. Five options, each as often right as any other within its region.
- SLL, several answers: every affected lumbar level, for slips, narrowed discs and osteophytes.

By this benchmark's own convention a healthy neck bends gently (12 to 34 degrees) and one with cervical lordosis
strongly (30 to 56): the two overlap, as the other conditions overlap with natural variation.
"""


def write_demo(folder: Path, seed: int = 0) -> Path:
    """Write the benchmark into a folder and return the path of its `items.jsonl`.

    The same seed gives the same bytes on the same versions of Pillow and numpy. Every file is replaced in one step and
    `items.jsonl` comes last (one of another seed is removed first), so a call that is cut short leaves no benchmark
    that does not fit its pictures, and two calls at once do no harm. Raises OSError if the folder cannot be written.
    """
    # Drawing needs numpy and Pillow, which a caller who only wants this module's name should not pay for.
    from .items import pictures
    from .phantom import draw

    drawn = pictures(seed)
    items = [item for picture in drawn for item in picture.items]
    listing = "".join(f"{json.dumps(item, ensure_ascii=False)}\n" for item in items).encode()
    listed = folder / "items.jsonl"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    if listed.exists() and listed.read_bytes() != listing:
        listed.unlink()
    for picture in drawn:
        buffer = io.BytesIO()
        draw(picture.case.anatomy).save(buffer, "JPEG", quality=JPEG_QUALITY)
        _put(folder / "images" / f"{picture.name}.jpg", buffer.getvalue())
    _put(folder / "README.md", ABOUT.format(seed=seed, pictures=len(drawn), items=len(items)).encode())
    _put(listed, listing)
    return listed


def _put(path: Path, content: bytes) -> None:
    """Write a file in one step: another process sees the old content or the new, nothing between."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)
