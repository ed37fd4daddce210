"""Who makes the attempts: a seam, so that another kind of worker can take the local one's place.

An executor holds no authority: it reads pictures and makes calls. Cache, money, limits and queue stay with the runner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.dataset.images import Encoded, ImageLoader
from orchestrator.errors import OrchestratorError
from orchestrator.inference.client import Client
from orchestrator.records import AttemptResult, NotSent, Provider, Request


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one attempt, and what was really sent."""

    result: AttemptResult
    sent: tuple[str, ...] = ()
    """SHA-256 of each picture as it was sent."""


class Executor(Protocol):
    """Makes attempts for the runner."""

    async def prepare(self, request: Request) -> NotSent | None:
        """Bring the request's pictures into reach, or say why it can never be sent."""

    async def attempt(self, request: Request, provider: Provider) -> Tried:
        """Send the request once; only cancellation raises."""


class LocalExecutor:
    """Makes the attempts in this process."""

    def __init__(self, client: Client, loader: ImageLoader, keys: Mapping[str, str]) -> None:
        self._client = client
        self._loader = loader
        self._keys = keys

    async def prepare(self, request: Request) -> NotSent | None:
        """Load the client and encode the request's pictures ahead of its turn, so that it leaves on time."""
        try:
            await self._pictures(request)
            await self._client.load()
        except OrchestratorError as error:
            return NotSent(str(error), permanent=True)
        return None

    async def attempt(self, request: Request, provider: Provider) -> Tried:
        """Send the request once; only cancellation raises."""
        try:
            pictures = await self._pictures(request)
        except OrchestratorError as error:
            return Tried(NotSent(str(error), permanent=True))
        result = await self._client.attempt(
            request,
            pictures,
            api_base=provider.api_base,
            api_key=self._keys[provider.name],
            timeout_s=provider.timeout_s,
        )
        return Tried(result, tuple(picture.digest for picture in pictures))

    async def _pictures(self, request: Request) -> list[Encoded]:
        return [await self._loader.load(image, request.image_policy) for image in request.images]
