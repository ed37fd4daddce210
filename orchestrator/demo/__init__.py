"""The built-in benchmark: synthetic spines, drawn by this package, with questions in the native format.

It exists to rehearse a whole run without a key, a network or anyone's data. It says nothing about medicine: no
picture shows a patient, and no score on it says how well a model reads real radiographs.
"""

from __future__ import annotations

import errno
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

    The same seed gives the same bytes on the same versions of Pillow and numpy. What is there already stays as it is,
    every other file appears in one step and `items.jsonl` comes last, so a call that is cut short is completed by the
    next one, and two calls at once do no harm. Raises FileExistsError, with nothing written, if one of the files holds
    something else, and OSError if the folder cannot be written.
    """
    missing = {name: content for name, content in _files(seed).items() if not _holds(folder / name, content)}
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name, content in missing.items():
        _put(folder / name, content)
    return folder / "items.jsonl"


def _files(seed: int) -> dict[str, bytes]:
    """Return what each file holds, in the order in which they are written."""
    # Drawing needs numpy and Pillow, which a caller who only wants this module's name should not pay for.
    from .items import pictures
    from .phantom import draw

    drawn = pictures(seed)
    items = [item for picture in drawn for item in picture.items]
    files = {}
    for picture in drawn:
        buffer = io.BytesIO()
        draw(picture.case.anatomy).save(buffer, "JPEG", quality=JPEG_QUALITY)
        files[f"images/{picture.name}.jpg"] = buffer.getvalue()
    files["README.md"] = ABOUT.format(seed=seed, pictures=len(drawn), items=len(items)).encode()
    files["items.jsonl"] = "".join(f"{json.dumps(item, ensure_ascii=False)}\n" for item in items).encode()
    return files


def _holds(path: Path, content: bytes) -> bool:
    """Whether the file is there already; FileExistsError if it is another."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return False
    if found != content:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    return True


def _put(path: Path, content: bytes) -> None:
    """Write a file in one step: another process sees the old content or the new, nothing between."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)
