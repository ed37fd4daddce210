"""Pictures as the simulated models see them: decoded once, measured once a model, remembered by their bytes."""

from __future__ import annotations

import base64
import hashlib
import io
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from .column import Grey
from .exchange import Malformed, Picture
from .settings import MODELS
from .vision import Findings, measure

REMEMBERED = 4_096
MAX_PIXELS = 50_000_000
ACUITY = {MODELS[0]: 384, MODELS[1]: 40}
"""Longest side, in pixels, at which each model sees a picture: the whole difference between the two."""


@dataclass(slots=True)
class Seen:
    """One picture: its size, and what each model that was asked measured in it."""

    width: int
    height: int
    grey: Grey
    findings: dict[str, Findings] = field(default_factory=dict)

    def by(self, model: str) -> Findings:
        """Return what a model measures in the picture."""
        if model not in self.findings:
            self.findings[model] = measure(_shrunk(self.grey, ACUITY[model]))
        return self.findings[model]


class Sight:
    """Decodes pictures; the last few thousand are remembered."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, Seen] = OrderedDict()

    def look(self, picture: Picture) -> Seen:
        """Return a picture as seen; raises Malformed if it cannot be decoded."""
        encoded = picture.base64.encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(encoded).digest()
        seen = self._seen.get(digest)
        if seen is None:
            seen = self._seen[digest] = _decoded(encoded)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return seen


def _decoded(encoded: bytes) -> Seen:
    """Return the picture, its pixels kept at no more than the best model's acuity."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Malformed("the image is too large")
            image.draft("L", (max(ACUITY.values()),) * 2)
            grey = np.asarray(image.convert("L"), dtype=np.float32)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as broken:
        raise Malformed("the image cannot be decoded: send JPEG, PNG, GIF or WebP") from broken
    return Seen(width, height, _shrunk(grey, max(ACUITY.values())))


def _shrunk(grey: Grey, side: int) -> Grey:
    """Return the picture with its longest side at `side` pixels at most, by area averaging."""
    height, width = grey.shape
    if max(height, width) <= side:
        return grey
    size = tuple(max(1, round(length * side / max(height, width))) for length in (width, height))
    small = Image.fromarray(grey, mode="F").resize(size, Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)
