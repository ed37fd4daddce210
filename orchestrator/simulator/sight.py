"""Pictures as the simulated models see them: decoded once, measured once a model, remembered by their bytes."""

from __future__ import annotations

import base64
import hashlib
import io
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .column import Grey
from .exchange import MalformedError, Picture
from .settings import MODELS
from .vision import Findings, measure

REMEMBERED = 16_384
MAX_PIXELS = 50_000_000
ACUITY = {MODELS[0]: 384, MODELS[1]: 40}
"""Longest side, in pixels, at which each model sees a picture: the whole difference between the two."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture as one model sees it; width and height are the sent picture's own."""

    width: int
    height: int
    findings: Findings


class Sight:
    """Decodes and measures pictures; what was measured in the last few thousand is remembered, not their pixels."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[tuple[bytes, str], Seen] = OrderedDict()

    def look(self, picture: Picture, model: str) -> Seen:
        """Return what a simulated model measures in a picture; raises MalformedError if it cannot be decoded."""
        encoded = picture.base64.encode("utf-8", "surrogatepass")
        place = (hashlib.sha256(encoded).digest(), model)
        seen = self._seen.get(place)
        if seen is None:
            width, height, grey = _decoded(encoded)
            seen = self._seen[place] = Seen(width, height, measure(_shrunk(grey, ACUITY[model])))
            if len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
        return seen


def _decoded(encoded: bytes) -> tuple[int, int, Grey]:
    """Return width, height and pixels; of a large JPEG only as many pixels as the best model sees are decoded."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise MalformedError("the image is too large")
            image.draft("L", (max(ACUITY.values()),) * 2)
            grey = np.asarray(image.convert("L"), dtype=np.float32)
    except MalformedError:
        raise
    except Exception as broken:  # Pillow's decoders raise almost anything on hostile bytes.
        raise MalformedError("the image cannot be decoded: send JPEG, PNG, GIF or WebP") from broken
    return width, height, grey


def _shrunk(grey: Grey, side: int) -> Grey:
    """Return the picture with its longest side at `side` pixels at most, by area averaging."""
    height, width = grey.shape
    if max(height, width) <= side:
        return grey
    size = tuple(max(1, round(length * side / max(height, width))) for length in (width, height))
    small = Image.fromarray(grey, mode="F").resize(size, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)
