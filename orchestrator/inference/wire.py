"""What really happened on the network: an httpx transport that notes it, whatever the library above makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

import aiohttp
import httpx

BODY_LIMIT = 16 * 2**20
"""Bytes of a response body that are read; no answer to a question is longer."""

PASSED_ON = 1_000
"""Bytes passed on of a body that is no answer: what LiteLLM makes of an error takes it seconds a megabyte, and all
other calls stand still meanwhile."""
_ANSWERS = frozenset({"choices", "content", "candidates", "promptFeedback"})
"""One of these holds the answer, in every dialect."""


@dataclass(slots=True)
class Wire:
    """One attempt as the network saw it."""

    begun: bool = False
    """Whether the one request of this attempt was handed to the network."""
    left: bool = False
    """Whether any of the request may have been sent."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = b""
    trouble: str = ""
    """What went wrong below HTTP."""


current_wire: ContextVar[Wire] = ContextVar("current_wire")
"""Where the transport notes what passes in the current task."""


def unlimited_session() -> aiohttp.ClientSession:
    """Return a session without a connection limit (concurrency is the provider's, kept by its dispatcher).

    It notes on `current_wire` when a request begins to leave.
    """
    steps = aiohttp.TraceConfig()
    steps.on_request_start.append(_connecting)
    steps.on_request_headers_sent.append(_leaving)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), trace_configs=[steps])


async def _connecting(session: aiohttp.ClientSession, context: object, step: aiohttp.TraceRequestStartParams) -> None:
    current_wire.get().left = False


async def _leaving(
    session: aiohttp.ClientSession, context: object, step: aiohttp.TraceRequestHeadersSentParams
) -> None:
    current_wire.get().left = True


def recording_client(inner: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """Return an HTTP client whose traffic through `inner` is noted on `current_wire`; deadlines are the caller's."""
    return httpx.AsyncClient(transport=Recording(inner), timeout=None)  # noqa: S113 - each attempt has a deadline


class Recording(httpx.AsyncBaseTransport):
    """Passes requests on, reads whole bodies up to `BODY_LIMIT`, and notes both; passes whole answers back."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the attempt's one request.

        Raises ReadError for whatever goes wrong below, for a body over the limit, and for a second request.
        """
        wire = current_wire.get()
        if wire.begun:
            raise httpx.ReadError("a second request in one attempt was not sent")
        wire.begun = wire.left = True
        try:
            return await self._exchange(wire, request)
        except httpx.TransportError as error:
            # After some of these LiteLLM would send the request again by itself, past this transport and unpaid for.
            wire.trouble = str(error) or type(error).__name__
            raise httpx.ReadError(wire.trouble) from error

    async def _exchange(self, wire: Wire, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        wire.status = response.status_code
        wire.headers = {name.lower(): value for name, value in response.headers.items()}
        read = bytearray()
        try:
            async for piece in response.aiter_bytes():
                read += piece
                if len(read) > BODY_LIMIT:
                    raise httpx.ReadError(f"the body is larger than {BODY_LIMIT // 2**20} MB")
        finally:
            wire.body = bytes(read)
            await response.aclose()
        plain = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in {"content-encoding", "content-length", "transfer-encoding"}
        ]
        content = wire.body if response.is_success and _is_answer(wire.body) else wire.body[:PASSED_ON]
        return httpx.Response(response.status_code, headers=plain, content=content, request=request)

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


def _is_answer(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not _ANSWERS.isdisjoint(found)
