"""One attempt through LiteLLM, in three dialects over real HTTP: what comes back, and what may have been billed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from paid_fixtures import PATHS, PRICE, picture, request

from orchestrator.dataset.images import Encoded, ImageLoader
from orchestrator.errors import ConfigError
from orchestrator.inference.client import HANDLER_ROUTES, SDK_ROUTES, Client, messages, route
from orchestrator.inference.pricing import cost
from orchestrator.inference.wire import BODY_LIMIT
from orchestrator.records import (
    AttemptResult,
    Ending,
    ImagePolicy,
    Json,
    Lost,
    NotSent,
    Rejected,
    Replied,
    Request,
    Usage,
)
from orchestrator.simulator import Fault, LedgerView, Settings, Simulator

DIALECTS = sorted(PATHS)
KEY = "sk-test-0123456789abcdef"
SETTINGS = Settings(keys=(KEY,), drip_interval_s=0.02, huge_bytes=30_000_000)
QUESTION = "Which?\nA. one\nB. two\nMy final option: [X]"


def asking(dialect: str, text: str = QUESTION, **params: Json) -> Request:
    """Return a text request to the simulator's large model in a dialect."""
    return request(text, model=f"{dialect}/sim-spine-large", params={"max_tokens": 200, **params})


async def send(
    url: str, asked: Request, *, timeout_s: float = 20.0, pictures: tuple[Encoded, ...] = (), key: str = KEY
) -> AttemptResult:
    """Open a client, make one attempt at an address, and close it."""
    async with Client() as client:
        return await client.attempt(asked, pictures, api_base=url, api_key=key, timeout_s=timeout_s)


def simulated(dialect: str, fault: Fault | None, timeout_s: float = 20.0) -> tuple[AttemptResult, LedgerView]:
    """Return what became of one attempt under a fault, and the simulator's books after it."""

    async def main() -> tuple[AttemptResult, LedgerView]:
        async with Simulator(replace(SETTINGS, script=(fault,))) as simulator:
            result = await send(simulator.url + PATHS[dialect], asking(dialect), timeout_s=timeout_s)
            return result, simulator.ledger()

    return asyncio.run(main())


def words(dialect: str, raw: str) -> str:
    """Return the text of a reply from a provider's own body."""
    body = json.loads(raw)
    match dialect:
        case "openai":
            said = body["choices"][0]["message"]
            return str(said["content"] or said["refusal"])
        case "anthropic":
            return "".join(block["text"] for block in body["content"])
        case _:
            return "".join(part["text"] for part in body["candidates"][0]["content"]["parts"])


# --- what comes back -------------------------------------------------------------------------------------------------

ENDINGS: list[tuple[Fault | None, dict[str, tuple[Ending, str]]]] = [
    (
        None,
        {
            "openai": (Ending.COMPLETE, "stop"),
            "anthropic": (Ending.COMPLETE, "end_turn"),
            "gemini": (Ending.COMPLETE, "STOP"),
        },
    ),
    (
        Fault.NO_ANSWER,
        {
            "openai": (Ending.COMPLETE, "stop"),
            "anthropic": (Ending.COMPLETE, "end_turn"),
            "gemini": (Ending.COMPLETE, "STOP"),
        },
    ),
    (
        Fault.TRUNCATION,
        {
            "openai": (Ending.TRUNCATED, "length"),
            "anthropic": (Ending.TRUNCATED, "max_tokens"),
            "gemini": (Ending.TRUNCATED, "MAX_TOKENS"),
        },
    ),
    (
        Fault.REFUSAL,
        {
            "openai": (Ending.REFUSED, "stop"),
            "anthropic": (Ending.REFUSED, "refusal"),
            "gemini": (Ending.COMPLETE, "STOP"),
        },
    ),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("fault", "expected"), ENDINGS)
def test_a_reply_is_read_as_the_provider_said_it(
    dialect: str, fault: Fault | None, expected: dict[str, tuple[Ending, str]]
) -> None:
    """Text, ending, the provider's own word for it, and the usage that it billed."""
    result, ledger = simulated(dialect, fault)
    assert isinstance(result, Replied)
    assert result.text == words(dialect, result.raw)
    assert (result.ending, result.finish_reason) == expected[dialect]
    total = ledger["total"]
    assert result.usage == Usage(total["input_tokens"], 0, total["output_tokens"])
    assert cost(result.usage, PRICE) == total["nanousd"]
    assert result.latency_s > 0
    assert total["requests"] == 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", ["Which?", "Which else?", "And this?", "And that?"])
def test_a_blocked_answer_is_filtered(dialect: str, text: str) -> None:
    """Blocked before or after some words, with the usage that was billed."""

    async def main() -> tuple[AttemptResult, LedgerView]:
        async with Simulator(replace(SETTINGS, script=(Fault.SAFETY,))) as simulator:
            return await send(simulator.url + PATHS[dialect], asking(dialect, text)), simulator.ledger()

    result, ledger = asyncio.run(main())
    assert isinstance(result, Replied)
    # Anthropic has one word for both.
    assert result.ending is (Ending.REFUSED if dialect == "anthropic" else Ending.FILTERED)
    assert result.usage is not None
    assert cost(result.usage, PRICE) == ledger["total"]["nanousd"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", [Fault.NO_USAGE, Fault.NEGATIVE_USAGE, Fault.ABSURD_USAGE])
def test_an_answer_without_a_usage_to_believe_is_kept(dialect: str, fault: Fault) -> None:
    """What was said was paid for: it is kept, and only the bill is unknown."""
    result, ledger = simulated(dialect, fault)
    assert isinstance(result, Replied)
    assert result.usage is None
    assert result.text == words(dialect, result.raw)
    assert result.text.endswith("]")
    assert result.ending is Ending.COMPLETE
    assert ledger["total"]["requests"] == 1


STATUSES = {
    Fault.RATE_LIMITED: {"openai": 429, "anthropic": 429, "gemini": 429},
    Fault.OVERLOADED: {"openai": 503, "anthropic": 529, "gemini": 503},
    Fault.SERVER_ERROR: {"openai": 500, "anthropic": 500, "gemini": 500},
    Fault.BAD_GATEWAY: {"openai": 502, "anthropic": 502, "gemini": 502},
    Fault.BAD_REQUEST: {"openai": 400, "anthropic": 400, "gemini": 400},
    Fault.CONTENT_POLICY: {"openai": 400, "anthropic": 400, "gemini": 400},
    Fault.INSUFFICIENT_QUOTA: {"openai": 429, "anthropic": 400, "gemini": 429},
    Fault.UNAUTHORIZED: {"openai": 401, "anthropic": 401, "gemini": 400},
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", sorted(STATUSES))
def test_an_http_error_keeps_its_own_status_and_body(dialect: str, fault: Fault) -> None:
    """Whatever class LiteLLM makes of it, the status and the body are the provider's, and it was asked once."""
    result, ledger = simulated(dialect, fault)
    assert isinstance(result, Rejected)
    assert result.status == STATUSES[fault][dialect]
    assert fault is Fault.BAD_GATEWAY or "error" in json.loads(result.body)
    assert ledger["total"]["requests"] == 1
    assert ledger["total"]["billed"] == 0


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "fault", [Fault.RESET, Fault.RESET_BODY, Fault.BAD_JSON, Fault.EMPTY_BODY, Fault.HTML_200, Fault.NESTED, Fault.HUGE]
)
def test_what_was_served_and_cannot_be_read_is_lost_and_asked_once(dialect: str, fault: Fault) -> None:
    """It was billed: so it is never called unsent, and nothing below sends it again unseen."""
    result, ledger = simulated(dialect, fault)
    assert isinstance(result, Lost)
    assert ledger["total"]["requests"] == 1
    assert ledger["total"]["billed"] == 1
    assert len(result.reason) < 600
    assert "Traceback" not in result.reason


COUNTS = {
    "openai": ("usage", ("prompt_tokens", "completion_tokens", "total_tokens")),
    "anthropic": ("usage", ("input_tokens", "output_tokens", "cache_read_input_tokens")),
    "gemini": ("usageMetadata", ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")),
}
"""Where a dialect reports what it counted."""


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("count", [-1, 10**18, 1.5, "12", True, [], {"a": 1}, float("nan")], ids=repr)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_count_of_a_wrong_kind_is_no_bill(dialect: str, count: object) -> None:
    """LiteLLM makes a smaller bill of some of them, or none; what was said is kept, and the bill unknown."""
    block, names = COUNTS[dialect]
    for name in names:
        body = SHAPES[dialect]("Fine.")
        body[block][name] = count
        result, _ = served(asking(dialect), answering(body))
        assert isinstance(result, Replied)
        assert (result.text, result.usage) == ("Fine.", None), name


@pytest.mark.parametrize("count", [0, None])
def test_words_that_cost_nothing_have_no_bill(count: int | None) -> None:
    """The output's count is missing: a bill made of the input alone would be too small."""
    body = message("Fine.")
    body["usage"]["output_tokens"] = count
    result, _ = served(asking("anthropic"), answering(body))
    assert isinstance(result, Replied)
    assert result.usage is None
    silent = message("")
    silent["usage"]["output_tokens"] = 0
    result, _ = served(asking("anthropic"), answering(silent))
    assert isinstance(result, Replied)
    assert result.usage == Usage(12, 0, 0)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("status", "kind"), [(502, Rejected), (400, Rejected), (200, Lost)])
@pytest.mark.parametrize("body", ["<html>" + "sorry " * 800_000, "[" * 3_000_000, json.dumps({"a": "b" * 4_000_000})])
def test_a_long_page_in_place_of_an_answer_holds_up_nobody(
    dialect: str, status: int, kind: type[AttemptResult], body: str
) -> None:
    """Megabytes from a proxy: LiteLLM would mull over them for a minute, and no other call could go on."""

    async def main() -> tuple[AttemptResult, float]:
        async with serving(answering(body, status)) as server, Client() as client:
            await client.load()
            began = time.process_time()
            asked = asking(dialect)
            result = await client.attempt(asked, (), api_base=f"{server.url}/v1", api_key=KEY, timeout_s=30)
            return result, time.process_time() - began

    result, cpu_s = asyncio.run(main())
    assert isinstance(result, kind)
    assert cpu_s < 5


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
def test_no_answer_outlasts_the_deadline(dialect: str, fault: Fault) -> None:
    """Silence, or a byte now and then, ends at the deadline, and may have been billed."""
    simulated(dialect, None)
    result, ledger = simulated(dialect, fault, timeout_s=0.3)
    assert isinstance(result, Lost)
    assert "no complete answer within 0.3 s" in result.reason
    assert ledger["total"]["requests"] == 1


Answer: TypeAlias = Callable[[web.Request, Mapping[str, Any]], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Server:
    """A provider of our own: notes what it is sent, and answers as it is told."""

    answer: Answer
    url: str = ""
    paths: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, asked: web.Request) -> web.StreamResponse:
        body = json.loads(await asked.read())
        self.paths.append(asked.path_qs)
        self.headers.append(asked.headers.copy())
        self.bodies.append(body)
        return await self.answer(asked, body)


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    """Run such a provider on a free port."""
    server = Server(answer)
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def completion(text: object = "Fine.\nMy final option: [A]") -> dict[str, Any]:
    """Return a body as OpenAI's chat completions answer."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
    }


def message(text: object = "Fine.") -> dict[str, Any]:
    """Return a body as Anthropic's messages answer."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 12, "output_tokens": 5},
    }


def generated(text: object = "Fine.") -> dict[str, Any]:
    """Return a body as Gemini's generateContent answers."""
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 5, "totalTokenCount": 17},
        "modelVersion": "m",
    }


SHAPES: dict[str, Callable[[object], dict[str, Any]]] = {
    "openai": completion,
    "anthropic": message,
    "gemini": generated,
}


def answering(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that is always the same: a text as it stands, anything else as JSON."""

    async def answer(asked: web.Request, sent: Mapping[str, Any]) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json", headers=headers)

    return answer


def served(asked: Request, answer: Answer, pictures: tuple[Encoded, ...] = ()) -> tuple[AttemptResult, Server]:
    """Return what became of one attempt at a server of our own, and what the server saw."""

    async def main() -> tuple[AttemptResult, Server]:
        async with serving(answer) as server:
            return await send(f"{server.url}/v1", asked, pictures=pictures), server

    return asyncio.run(main())


# --- nothing was sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refused_connection_was_not_sent(dialect: str) -> None:
    """Nobody listens there, so nothing can have been billed; the reason names the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = asyncio.run(send(f"http://127.0.0.1:{port}/v1", asking(dialect)))
    assert isinstance(result, NotSent)
    assert not result.permanent
    assert f"127.0.0.1:{port}" in result.reason


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_unknown_host_was_not_sent(dialect: str) -> None:
    """A name that no resolver knows."""
    result = asyncio.run(send("http://provider.invalid/v1", asking(dialect)))
    assert isinstance(result, NotSent)
    assert "provider.invalid" in result.reason


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_failed_tls_handshake_was_not_sent(dialect: str) -> None:
    """TLS spoken to a plain HTTP port ends before a byte of the request leaves."""

    async def main() -> AttemptResult:
        async with serving(answering(completion())) as server:
            return await send(server.url.replace("http://", "https://"), asking(dialect))

    assert isinstance(asyncio.run(main()), NotSent)


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """Listen on a port, accept connections, and never say a word; yields the port."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await server.wait_closed()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_handshake_that_never_ends_was_not_sent(dialect: str) -> None:
    """At the deadline the connection does not stand yet, so there is nothing to be charged."""

    async def main() -> AttemptResult:
        async with silent() as port:
            return await send(f"https://127.0.0.1:{port}/v1", asking(dialect), timeout_s=0.3)

    assert isinstance(asyncio.run(main()), NotSent)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_request_that_left_into_silence_is_lost(dialect: str) -> None:
    """The same silence after the connection stood may have been billed."""

    async def main() -> AttemptResult:
        async with silent() as port:
            return await send(f"http://127.0.0.1:{port}/v1", asking(dialect), timeout_s=0.3)

    assert isinstance(asyncio.run(main()), Lost)


# --- what is sent ----------------------------------------------------------------------------------------------------


def with_picture(model: str, folder: Path, policy: ImagePolicy, **params: Json) -> tuple[Request, tuple[Encoded, ...]]:
    """Return a request with a picture, and the picture as it is sent."""
    ref = picture(folder)
    asked = request(images=(ref,), model=model, policy=policy, params=params)
    return asked, (asyncio.run(ImageLoader().load(ref, policy)),)


def test_the_body_sent_to_openai_holds_our_parameters_and_nothing_else(tmp_path: Path) -> None:
    """Every field of the body is ours, as the configuration states it."""
    asked, pictures = with_picture(
        "openai/gpt-4o", tmp_path, ImagePolicy(detail="low"), temperature=0.0, max_tokens=64, seed=7, top_p=0.5
    )
    result, server = served(asked, answering(completion()), pictures)
    assert isinstance(result, Replied)
    url = "data:image/jpeg;base64," + base64.b64encode(pictures[0].data).decode()
    assert server.bodies == [
        {
            "model": "gpt-4o",
            "messages": [
                {"role": "system", "content": "Answer."},
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                        {"type": "text", "text": QUESTION},
                    ],
                },
            ],
            "temperature": 0.0,
            "max_tokens": 64,
            "seed": 7,
            "top_p": 0.5,
        }
    ]
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_the_body_sent_to_anthropic_holds_our_parameters_and_nothing_else(tmp_path: Path) -> None:
    """The same question in Anthropic's words."""
    asked, pictures = with_picture(
        "anthropic/claude-sonnet-4-5", tmp_path, ImagePolicy(format="png"), temperature=0.0, max_tokens=64
    )
    result, server = served(asked, answering(message()), pictures)
    assert isinstance(result, Replied)
    data = base64.b64encode(pictures[0].data).decode()
    assert server.bodies == [
        {
            "model": "claude-sonnet-4-5",
            "system": [{"type": "text", "text": "Answer."}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
                        {"type": "text", "text": QUESTION},
                    ],
                }
            ],
            "temperature": 0.0,
            "max_tokens": 64,
        }
    ]
    assert server.headers[0]["x-api-key"] == KEY


def test_the_body_sent_to_gemini_holds_our_parameters_and_nothing_else(tmp_path: Path) -> None:
    """The same question in Gemini's words."""
    asked, pictures = with_picture("gemini/gemini-2.5-pro", tmp_path, ImagePolicy(), temperature=0.0, max_tokens=64)
    result, server = served(asked, answering(generated()), pictures)
    assert isinstance(result, Replied)
    data = base64.b64encode(pictures[0].data).decode()
    assert server.bodies == [
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [{"inline_data": {"mime_type": "image/jpeg", "data": data}}, {"text": QUESTION}],
                }
            ],
            "system_instruction": {"parts": [{"text": "Answer."}]},
            "generationConfig": {"temperature": 0.0, "max_output_tokens": 64},
        }
    ]
    assert server.paths == ["/v1/models/gemini-2.5-pro:generateContent"]
    assert server.headers[0]["x-goog-api-key"] == KEY


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_environment_redirects_nothing(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses and keys in the environment, meant for other programs, are not listened to."""

    async def main() -> tuple[AttemptResult, Server, Server]:
        async with serving(answering(SHAPES[dialect]("Ours."))) as ours, serving(answering({})) as trap:
            for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"):
                monkeypatch.setenv(name, trap.url)
            for name in ("GEMINI_API_BASE", "GOOGLE_GEMINI_BASE_URL", "LITELLM_PROXY_API_BASE"):
                monkeypatch.setenv(name, trap.url)
            for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
                monkeypatch.setenv(name, "someone-elses-key")
            return await send(f"{ours.url}/v1", asking(dialect)), ours, trap

    result, ours, trap = asyncio.run(main())
    assert isinstance(result, Replied)
    assert len(ours.bodies) == 1
    assert trap.bodies == []
    assert not any("someone-elses-key" in value for value in ours.headers[0].values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_redirect_is_not_followed(dialect: str) -> None:
    """The key goes to the configured address and nowhere else."""

    async def main() -> tuple[AttemptResult, Server]:
        async def away(asked: web.Request, sent: Mapping[str, Any]) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": f"{trap.url}/v1"})

        async with serving(answering({})) as trap, serving(away) as ours:
            return await send(f"{ours.url}/v1", asking(dialect)), trap

    result, trap = asyncio.run(main())
    assert isinstance(result, Rejected)
    assert result.status == 307
    assert trap.bodies == []


ROUTES = sorted((SDK_ROUTES | HANDLER_ROUTES) - {"anthropic", "gemini"})


@pytest.mark.parametrize("prefix", ROUTES)
def test_every_route_goes_through_the_recording_transport(prefix: str) -> None:
    """What LiteLLM sends is seen, sent once, to the address and with the key given."""
    extra: dict[str, Json] = {"api_version": "2024-10-21"} if prefix == "azure" else {}
    asked = request(model=f"{prefix}/some-model", params={"max_tokens": 64, "temperature": 0.0, **extra})
    result, server = served(asked, answering(completion()))
    assert isinstance(result, Replied), result
    assert result.text == "Fine.\nMy final option: [A]"
    assert result.usage == Usage(12, 0, 5)
    assert len(server.bodies) == 1
    body = server.bodies[0]
    assert body["messages"][-1]["content"] == QUESTION
    assert (body.get("max_tokens") or body.get("max_completion_tokens"), body["temperature"]) == (64, 0.0)
    # OpenRouter is asked to report the usage, which it otherwise may leave out.
    added = {"usage"} if prefix == "openrouter" else set()
    assert set(body) - added <= {"model", "messages", "max_tokens", "max_completion_tokens", "temperature"}
    assert any(KEY in value for value in server.headers[0].values())


@pytest.mark.parametrize("prefix", ROUTES)
def test_no_route_sends_again_by_itself(prefix: str) -> None:
    """On a server error each route makes the one request it was told to make."""
    extra: dict[str, Json] = {"api_version": "2024-10-21"} if prefix == "azure" else {}
    asked = request(model=f"{prefix}/some-model", params={"max_tokens": 64, **extra})
    result, server = served(asked, answering({"error": {"message": "down"}}, 500))
    assert isinstance(result, Rejected)
    assert result.status == 500
    assert len(server.bodies) == 1


@pytest.mark.parametrize("name", ["gpt-4o", "vertex_ai/gemini", "bedrock/x", "deepinfra/x", "", "/x", "OPENAI/x"])
def test_a_route_that_could_not_be_observed_is_refused(name: str) -> None:
    """What would go past the recording transport is named, with those that may be used."""
    with pytest.raises(ConfigError, match="not supported"):
        route(name)


def test_a_message_of_one_text_is_a_plain_string() -> None:
    """Providers without content parts understand a text question."""
    assert messages(request("Hi"), []) == [
        {"role": "system", "content": "Answer."},
        {"role": "user", "content": "Hi"},
    ]


# --- hostile answers -------------------------------------------------------------------------------------------------


def altered(dialect: str, path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return a good body with one place changed."""
    body = SHAPES[dialect]("Fine.")
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return body


PLACES: list[tuple[str, tuple[str | int, ...]]] = [
    ("openai", ("choices",)),
    ("openai", ("choices", 0)),
    ("openai", ("choices", 0, "message")),
    ("openai", ("choices", 0, "message", "content")),
    ("openai", ("choices", 0, "message", "refusal")),
    ("openai", ("choices", 0, "finish_reason")),
    ("openai", ("usage",)),
    ("openai", ("usage", "prompt_tokens")),
    ("anthropic", ("content",)),
    ("anthropic", ("content", 0)),
    ("anthropic", ("content", 0, "text")),
    ("anthropic", ("stop_reason",)),
    ("anthropic", ("usage",)),
    ("anthropic", ("usage", "input_tokens")),
    ("gemini", ("candidates",)),
    ("gemini", ("candidates", 0)),
    ("gemini", ("candidates", 0, "content")),
    ("gemini", ("candidates", 0, "content", "parts")),
    ("gemini", ("candidates", 0, "content", "parts", 0, "text")),
    ("gemini", ("candidates", 0, "finishReason")),
    ("gemini", ("usageMetadata",)),
    ("gemini", ("usageMetadata", "promptTokenCount")),
]
ODD: list[Any] = [None, 7, -1, 1.5, True, "", "\ud800 half", [], ["x"], {}, {"a": {"b": 1}}, 10**400]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_odd_value_in_a_200_raises_or_is_taken_for_a_text(dialect: str) -> None:
    """Whatever stands where a text, a reason or a count should be, the attempt ends as a value that can be stored."""

    async def main() -> None:
        bodies: list[Any] = [altered(dialect, path, odd) for where, path in PLACES if where == dialect for odd in ODD]
        bodies += [*ODD, "choices", ["choices"], {"choices": "stop_reason"}, {"promptFeedback": {"blockReason": [1]}}]

        async def answer(asked: web.Request, sent: Mapping[str, Any]) -> web.StreamResponse:
            return web.json_response(next(stream))

        async with serving(answer) as server, Client() as client:
            stream = iter(bodies)
            for body in bodies:
                result = await client.attempt(
                    asking(dialect), (), api_base=f"{server.url}/v1", api_key=KEY, timeout_s=20.0
                )
                assert isinstance(result, Replied | Lost), body
                stored = [result.text, result.finish_reason, result.raw] if isinstance(result, Replied) else []
                for text in (*stored, result.raw, getattr(result, "reason", "")):
                    assert isinstance(text, str), body
                    text.encode()
            assert len(server.bodies) == len(bodies)

    asyncio.run(main())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_key_that_the_server_echoes_is_in_no_result(dialect: str, status: int) -> None:
    """Text, raw body, reasons and headers are stored or shown, and hold no key."""
    body = SHAPES[dialect](f"Your key is {KEY}, is it not?") | {"error": {"message": f"bad key {KEY}"}}
    headers = {"X-Echo": KEY, "Set-Cookie": f"k={KEY}"}
    result, server = served(asking(dialect), answering(body, status, headers))
    assert KEY in json.dumps([dict(one) for one in server.headers])
    assert KEY not in repr(result)
    assert "<key>" in repr(result)
    assert isinstance(result, Replied | Rejected)
    assert result.headers["x-echo"] == "<key>"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_key_in_an_unreadable_answer_is_in_no_result(dialect: str) -> None:
    """A page that shows the request's headers, with a 200."""
    result, _ = served(asking(dialect), answering(f"<html>{KEY}</html>"))
    assert isinstance(result, Lost)
    assert KEY not in repr(result)
    assert "<key>" in result.raw


def test_a_placeholder_for_a_key_is_not_taken_out_of_answers() -> None:
    """A server of one's own gets a word for a key, and that word may be part of an answer."""

    async def main() -> AttemptResult:
        async with serving(answering(completion("none-needed, I think"))) as server:
            return await send(f"{server.url}/v1", asking("openai"), key="none-needed")

    result = asyncio.run(main())
    assert isinstance(result, Replied)
    assert result.text == "none-needed, I think"


def test_a_huge_body_is_cut() -> None:
    """Reading stops a little over the limit, wherever the body would end."""
    result, _ = simulated("openai", Fault.HUGE)
    assert isinstance(result, Lost)
    assert BODY_LIMIT < len(result.raw) < BODY_LIMIT + 2**20
    assert "larger than 16 MB" in result.reason


def test_a_compressed_answer_is_read() -> None:
    """What a proxy compressed is kept as it was meant."""

    async def answer(asked: web.Request, sent: Mapping[str, Any]) -> web.StreamResponse:
        body = gzip.compress(json.dumps(completion("Packed.")).encode())
        return web.Response(body=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})

    result, _ = served(asking("openai"), answer)
    assert isinstance(result, Replied)
    assert result.text == "Packed."
    assert json.loads(result.raw) == completion("Packed.")


def test_retry_after_reaches_whoever_waits() -> None:
    """Headers come with lower-case names, on replies as on errors."""
    result, _ = served(asking("openai"), answering({"error": {}}, 429, {"Retry-After-Ms": "1500"}))
    assert isinstance(result, Rejected)
    assert result.headers["retry-after-ms"] == "1500"


# --- many at once, one after the other, and none at all --------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_attempts_at_once_do_not_mix(dialect: str) -> None:
    """Each of many concurrent attempts gets the answer, and the record, of its own request."""

    async def answer(asked: web.Request, sent: Mapping[str, Any]) -> web.StreamResponse:
        number = json.dumps(sent).split("question-")[1].split("-")[0]
        await asyncio.sleep(0.001 * (int(number) * 7 % 11))
        if int(number) % 5 == 4:
            return web.json_response({"error": {"message": f"no-{number}"}}, status=500)
        return web.json_response(SHAPES[dialect](f"answer-{number}-"))

    async def main() -> list[AttemptResult]:
        async with serving(answer) as server, Client() as client, asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    client.attempt(
                        asking(dialect, f"question-{number}-"),
                        (),
                        api_base=f"{server.url}/v1",
                        api_key=KEY,
                        timeout_s=20.0,
                    )
                )
                for number in range(40)
            ]
        return [task.result() for task in tasks]

    for number, result in enumerate(asyncio.run(main())):
        if number % 5 == 4:
            assert isinstance(result, Rejected)
            assert f"no-{number}" in result.body
        else:
            assert isinstance(result, Replied)
            assert result.text == f"answer-{number}-"
            assert f"answer-{number}-" in result.raw


def test_a_cancelled_attempt_raises_and_leaves_the_client_usable() -> None:
    """Cancellation is the one thing that is raised; the next attempt goes as ever."""

    arrived = asyncio.Event()

    async def answer(asked: web.Request, sent: Mapping[str, Any]) -> web.StreamResponse:
        if not arrived.is_set():
            arrived.set()
            await asyncio.Event().wait()
        return web.json_response(completion())

    async def main() -> AttemptResult:
        async with serving(answer) as server, Client() as client:

            async def attempt() -> AttemptResult:
                return await client.attempt(asking("openai"), (), api_base=server.url, api_key=KEY, timeout_s=20.0)

            hanging = asyncio.create_task(attempt())
            await arrived.wait()
            hanging.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hanging
            return await attempt()

    assert isinstance(asyncio.run(main()), Replied)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_client_after_the_other_works(dialect: str) -> None:
    """In one process, in one event loop and in the next, at one address: each has connections of its own."""

    async def main(port: int) -> int:
        async with Simulator(SETTINGS, port=port) as simulator:
            for _ in range(2):
                result = await send(simulator.url + PATHS[dialect], asking(dialect))
                assert isinstance(result, Replied), result
            return int(simulator.url.rpartition(":")[2])

    port = 0
    for _ in range(3):
        port = asyncio.run(main(port))


def test_a_client_that_is_never_used_loads_nothing() -> None:
    """Opening and closing it costs nothing: a run that finds all in the cache needs no LiteLLM."""

    async def main() -> None:
        async with Client():
            pass

    asyncio.run(main())


def test_a_client_can_be_loaded_by_many_at_once() -> None:
    """Whoever comes first loads it; the others wait for that."""

    async def main() -> None:
        async with Client() as client:
            await asyncio.gather(*(client.load() for _ in range(5)))

    asyncio.run(main())
