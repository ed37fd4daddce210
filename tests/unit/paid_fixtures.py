"""What the tests of the paid path share: tiny pictures, items, and models that point at a simulated provider."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from orchestrator.records import (
    ImagePolicy,
    ImageRef,
    Item,
    Json,
    Message,
    Model,
    Picture,
    Price,
    Provider,
    Request,
    Text,
)
from orchestrator.simulator import DEFAULT_KEY

KEY = DEFAULT_KEY
PATHS = {"openai": "/openai/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}
"""Where the simulator speaks each dialect."""
PRICE = Price(input=2_500_000, cached_input=1_250_000, output=10_000_000, as_of="2026-11-01")
"""The simulator's own price of its large model."""


def picture(folder: Path, shade: int = 90, name: str = "") -> ImageRef:
    """Write a tiny PNG and return where it lies and what it is."""
    buffer = io.BytesIO()
    Image.new("L", (16, 12), shade % 256).save(buffer, "PNG")
    path = folder / (name or f"{shade}.png")
    path.write_bytes(buffer.getvalue())
    return ImageRef(str(path), hashlib.sha256(buffer.getvalue()).hexdigest(), 16, 12)


def item(number: int = 0, images: tuple[ImageRef, ...] = ()) -> Item:
    """Return a question of its own for each number."""
    return Item(
        id=f"item-{number}",
        task="SDD",
        question=f"Question {number}: what is shown?",
        options=(("A", "nothing"), ("B", f"finding {number}"), ("C", "something else")),
        gold=("B",),
        multi=False,
        images=images,
        group=f"item-{number}",
    )


def provider(url: str = "http://127.0.0.1:9", dialect: str = "openai") -> Provider:
    """Return a provider at a simulator's address, with limits that do not bind."""
    base = url + PATHS[dialect]
    return Provider(
        name=f"sim-{dialect}",
        api_base=base,
        identity=f"simulator-{dialect}",
        api_key_env="SIM_KEY",
        api_key_file=None,
        rpm=600_000,
        tpm=10_000_000_000,
        max_concurrency=16,
        timeout_s=20.0,
        max_attempts=4,
        deadline_s=900.0,
    )


def model(at: Provider, name: str = "sim-spine-large", dialect: str = "openai") -> Model:
    """Return a simulated model at a provider."""
    return Model(
        alias=name,
        provider=at,
        litellm_model=f"{dialect}/{name}",
        params={"temperature": 0.0, "max_tokens": 200},
        image=ImagePolicy(detail="high"),
        price=PRICE,
        image_tokens="openai-tiles",
    )


def request(
    text: str = "Which?\nA. one\nB. two\nMy final option: [X]",
    *,
    model: str = "openai/sim-spine-large",
    images: tuple[ImageRef, ...] = (),
    policy: ImagePolicy | None = None,
    params: Mapping[str, Json] | None = None,
    sample: int = 0,
) -> Request:
    """Return a request that shows its pictures before its text."""
    parts: tuple[Text | Picture, ...] = (*(Picture(index) for index in range(len(images))), Text(text))
    return Request(
        model=model,
        endpoint="simulator-openai",
        messages=(Message("system", (Text("Answer."),)), Message("user", parts)),
        images=images,
        image_policy=policy or ImagePolicy(),
        params={"max_tokens": 64} if params is None else params,
        sample=sample,
    )
