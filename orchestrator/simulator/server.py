"""The simulator on the wire: aiohttp on 127.0.0.1, and nothing that decides anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import assert_never

from aiohttp import web

from .dialects import ANTHROPIC, GEMINI, OPENAI, Dialect
from .faults import Manner
from .ledger import LedgerView
from .service import Call, Delivery, Service
from .settings import Settings

HOST = "127.0.0.1"
MAX_BODY = 64 * 2**20
STOPPING_S = 0.2
"""How long the server waits, when it stops, for answers under way."""
_LOG = logging.Logger("simulator", logging.ERROR)

Clock = Callable[[], float]


class Simulator:
    """A provider on a loopback port while the `async with` block runs.

    `clock` is a steady clock for limits and arrivals, `wall` gives Unix time; delays are real in any case.
    Raises OSError if `port` is taken (0 = any free port).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        port: int = 0,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
    ) -> None:
        self._service = Service(settings or Settings())
        self._port = port
        self._clock, self._wall = clock, wall
        self._start = clock()
        app = web.Application(client_max_size=MAX_BODY)
        app.add_routes(
            [
                web.post("/openai/v1/chat/completions", self._handler(OPENAI)),
                web.post("/anthropic/v1/messages", self._handler(ANTHROPIC)),
                web.post("/gemini/v1beta/models/{model:.+}:generateContent", self._handler(GEMINI)),
                web.get("/ledger", self._get_ledger),
                web.get("/health", self._get_health),
                web.post("/settings", self._post_settings),
            ]
        )
        # A client that leaves ends its handler at once, so that a hang ends with its client.
        self._runner = web.AppRunner(
            app, access_log=None, logger=_LOG, handler_cancellation=True, shutdown_timeout=STOPPING_S
        )

    @property
    def url(self) -> str:
        """The address without a dialect, e.g. `http://127.0.0.1:8080`."""
        return f"http://{HOST}:{self._port}"

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._service.settings

    def ledger(self) -> LedgerView:
        """Return a copy of the simulator's books."""
        return self._service.view()

    def change(self, change: Mapping[str, object]) -> None:
        """Change settings while running, as `POST /settings` does; raises ValueError for anything unfit."""
        self._service.change(change)

    async def __aenter__(self) -> Simulator:
        """Start to listen."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and drop what is still under way."""
        await self._runner.cleanup()

    def _handler(self, dialect: Dialect) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def generate(request: web.Request) -> web.StreamResponse:
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge:
                body = None
            call = Call(dialect, request.path, request.match_info.get("model"), request.headers, body)
            entry, delivery = self._service.receive(call, self._clock() - self._start, self._wall())
            try:
                return await self._deliver(request, delivery)
            finally:
                self._service.leave(entry)

        return generate

    async def _deliver(self, request: web.Request, delivery: Delivery) -> web.StreamResponse:
        await asyncio.sleep(delivery.delay_s)
        response = web.StreamResponse(status=delivery.status or 200, headers=delivery.headers)
        response.content_length = len(delivery.body)
        match delivery.manner:
            case Manner.WHOLE:
                return web.Response(status=delivery.status, headers=delivery.headers, body=delivery.body)
            case Manner.HANG:
                await asyncio.Event().wait()
            case Manner.RESET:
                _reset(request)
            case Manner.RESET_BODY:
                await response.prepare(request)
                await response.write(delivery.body[: len(delivery.body) // 2])
                _reset(request)
            case Manner.DRIP:
                await response.prepare(request)
                for byte in delivery.body:
                    await response.write(bytes([byte]))
                    await asyncio.sleep(self.settings.drip_interval_s)
            case manner:
                assert_never(manner)
        return response

    async def _get_ledger(self, request: web.Request) -> web.Response:
        return web.json_response(self.ledger())

    async def _get_health(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "simulated": True})

    async def _post_settings(self, request: web.Request) -> web.Response:
        try:
            change = await request.json()
            if not isinstance(change, dict):
                raise ValueError("the body must be a JSON object of settings")
            self.change(change)
        except (ValueError, TypeError, RecursionError) as why:
            return web.json_response({"error": str(why)}, status=400)
        return web.json_response({"ok": True})


def _reset(request: web.Request) -> None:
    """Send a TCP reset: closing a socket that lingers for no time discards all and resets."""
    if (transport := request.transport) is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


@contextlib.contextmanager
def running(settings: Settings | None = None, *, port: int = 0) -> Iterator[Simulator]:
    """Run a simulator in a thread with a loop of its own while the `with` block runs."""
    simulator = Simulator(settings, port=port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(simulator.__aenter__(), loop).result()
        try:
            yield simulator
        finally:
            asyncio.run_coroutine_threadsafe(simulator.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def serve(settings: Settings, port: int, *, started: Callable[[Simulator], None] | None = None) -> None:
    """Serve on a port (0 = any free one) until cancelled; `started` is handed the simulator once it listens."""
    async with Simulator(settings, port=port) as simulator:
        if started is not None:
            started(simulator)
        await asyncio.Event().wait()
