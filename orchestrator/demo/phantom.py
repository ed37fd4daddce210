"""Draws a synthetic spine as a lateral radiograph: densities added up, then exposed, blurred and made noisy.

Everything random comes from the anatomy's own seed, so the same anatomy gives the same pixels.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from .anatomy import Anatomy, bodies
from .bones import spine
from .film import exposed
from .surroundings import surroundings


def draw(anatomy: Anatomy) -> Image.Image:
    """Return the picture, 8-bit grey, `anatomy.width` x `anatomy.height`."""
    random = np.random.default_rng(anatomy.texture)
    placed = bodies(anatomy)
    density = surroundings(anatomy, placed, random)
    density += anatomy.exposure.contrast * spine(anatomy, placed, random)
    return exposed(density, anatomy.exposure, random)
