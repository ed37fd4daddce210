"""The recording transport by itself, over real HTTP: what it notes, and what it never lets through."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator, Callable

import aiohttp
import httpx
import pytest
from aiohttp import web

from orchestrator.inference import wire
from orchestrator.inference.wire import BODY_LIMIT, Recording, Wire, current_wire, recording_client, unlimited_session


@contextlib.asynccontextmanager
async def serving(answer: Callable[[], web.StreamResponse]) -> AsyncIterator[str]:
    """Answer every request alike on a free port; yields the address."""

    async def handle(asked: web.Request) -> web.StreamResponse:
        await asked.read()
        return answer()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def post(url: str) -> tuple[Wire, httpx.Response | Exception]:
    """Send one request through the transport; return what was noted and what came of it."""
    noted = Wire()
    current_wire.set(noted)
    async with recording_client(httpx.AsyncHTTPTransport()) as client:
        try:
            return noted, await client.post(url, content=b"{}")
        except httpx.TransportError as error:
            return noted, error


def exchange(answer: Callable[[], web.StreamResponse]) -> tuple[Wire, httpx.Response | Exception]:
    """Send one request to a server that answers so."""

    async def main() -> tuple[Wire, httpx.Response | Exception]:
        async with serving(answer) as url:
            return await post(url)

    return asyncio.run(main())


def test_status_headers_and_body_are_noted_and_passed_on() -> None:
    """Both the library above and the record get the whole response."""
    noted, response = exchange(lambda: web.Response(status=418, text="short", headers={"X-Odd": "Yes"}))
    assert isinstance(response, httpx.Response)
    assert (response.status_code, response.text, response.headers["x-odd"]) == (418, "short", "Yes")
    assert (noted.begun, noted.left, noted.status, noted.body, noted.trouble) == (True, True, 418, b"short", "")
    assert noted.headers["x-odd"] == "Yes"


def test_a_compressed_body_is_passed_on_unpacked() -> None:
    """Unpacked once: the headers that described the packed body are gone from the response, not from the record."""
    packed = gzip.compress(b"unpacked")
    noted, response = exchange(lambda: web.Response(body=packed, headers={"Content-Encoding": "gzip"}))
    assert isinstance(response, httpx.Response)
    assert response.content == noted.body == b"unpacked"
    assert "content-encoding" not in response.headers
    assert noted.headers["content-encoding"] == "gzip"


def test_reading_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body over the limit is no response; what was read of it is kept."""
    monkeypatch.setattr(wire, "BODY_LIMIT", 2**20)
    noted, error = exchange(lambda: web.Response(body=b"x" * 2**22))
    assert isinstance(error, httpx.ReadError)
    assert str(error) == noted.trouble == "the body is larger than 1 MB"
    assert noted.status == 200
    assert 2**20 < len(noted.body) < 2**21
    assert BODY_LIMIT == 16 * 2**20


def test_whatever_goes_wrong_below_is_a_read_error() -> None:
    """LiteLLM sends again by itself after a ConnectError: it never sees one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        noted, error = asyncio.run(post(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert type(error) is httpx.ReadError
    assert isinstance(error.__cause__, httpx.ConnectError)
    assert noted.trouble == str(error) != ""
    assert noted.status is None


def test_a_transport_that_says_nothing_of_its_steps_may_have_sent() -> None:
    """Without the session's steps the request counts as sent from the start: nothing is released by guesswork."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        noted, _ = asyncio.run(post(f"http://127.0.0.1:{taken.getsockname()[1]}"))
    assert noted.left


def test_one_attempt_is_one_request() -> None:
    """A second request in the same attempt is never sent, and the record of the first stays."""
    asked = 0

    def answer() -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.Response(status=500, text=f"answer {asked}")

    async def main() -> Wire:
        noted = Wire()
        current_wire.set(noted)
        async with serving(answer) as url, recording_client(httpx.AsyncHTTPTransport()) as client:
            await client.post(url)
            with pytest.raises(httpx.ReadError, match="second request"):
                await client.post(url)
        return noted

    noted = asyncio.run(main())
    assert asked == 1
    assert (noted.status, noted.body, noted.trouble) == (500, b"answer 1", "")


def test_the_session_notes_when_a_request_begins_to_leave() -> None:
    """Not while connecting, but once the headers go out."""

    async def main() -> tuple[bool, bool]:
        noted = Wire(left=True)
        current_wire.set(noted)
        async with serving(web.Response) as url, unlimited_session() as session:
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.post(f"http://127.0.0.1:{taken.getsockname()[1]}")
            refused = noted.left
            async with session.post(url):
                return refused, noted.left

    assert asyncio.run(main()) == (False, True)


def test_closing_the_client_closes_what_is_below() -> None:
    """No connection outlives the client."""

    class Inner(httpx.AsyncHTTPTransport):
        closed = False

        async def aclose(self) -> None:
            self.closed = True
            await super().aclose()

    async def main() -> bool:
        inner = Inner()
        await Recording(inner).aclose()
        return inner.closed

    assert asyncio.run(main())
