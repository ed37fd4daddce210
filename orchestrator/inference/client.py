"""One attempt at one request, through LiteLLM: the only module that knows it (batches apart).

What came over the wire decides, not which exception LiteLLM made of it: a recording transport under every route notes
whether the request left, the HTTP status, the headers and the body. LiteLLM itself never retries, never reads an
address or key from the environment, never fetches prices or pictures, and never writes a log.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any

from orchestrator.dataset.images import Encoded
from orchestrator.errors import ConfigError
from orchestrator.inference.pricing import read_usage
from orchestrator.inference.wire import Wire, current_wire, recording_client, unlimited_session
from orchestrator.records import AttemptResult, Ending, Lost, NotSent, Picture, Rejected, Replied, Request, Text

if TYPE_CHECKING:
    import httpx

SDK_ROUTES = frozenset({"openai", "azure", "dashscope", "volcengine"})
HANDLER_ROUTES = frozenset(
    {"anthropic", "deepseek", "fireworks_ai", "gemini", "hosted_vllm", "mistral", "openrouter", "together_ai", "xai"}
)
"""LiteLLM's two kinds of routes (the OpenAI SDK, its own HTTP handler), by the prefix of the model name, as tried.
Every route here was seen to use the recording transport and to send once; others might go unobserved, or (deepinfra)
drop `max_retries=0`, and are refused."""

REASON_KEPT = 500
"""Characters that are kept of why an attempt failed."""
SHORTEST_KEY = 16
"""Characters of the shortest text that is treated as a secret; every provider's keys are longer."""


def route(litellm_model: str) -> str:
    """Return the LiteLLM route of a model name, or raise ConfigError for one whose calls could not be observed."""
    prefix = litellm_model.partition("/")[0]
    if prefix not in SDK_ROUTES | HANDLER_ROUTES:
        raise ConfigError(
            f"litellm_model {litellm_model!r}: the route {prefix!r} is not supported. Supported: "
            f"{', '.join(sorted(SDK_ROUTES | HANDLER_ROUTES))}. For any OpenAI-compatible server write "
            "openai/<model> and give the server's address as the provider's api_base."
        )
    return prefix


class Client:
    """Calls models; one a process, used and closed inside one event loop. LiteLLM is loaded by `load`."""

    def __init__(self) -> None:
        self._litellm: Any = None
        self._http: httpx.AsyncClient | None = None
        self._handler: Any = None
        self._loading = asyncio.Lock()

    async def __aenter__(self) -> Client:
        """Return the client itself, nothing loaded yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        if self._litellm is not None and self._http is not None:
            await self._litellm.close_litellm_async_clients()
            # It keeps what it builds around our connections for an hour: no later client may be handed closed ones.
            self._litellm.in_memory_llm_clients_cache.flush_cache()
            self._litellm.aclient_session = None
            await self._http.aclose()

    async def load(self) -> None:
        """Load LiteLLM off the loop (it takes seconds), once, and put the recording transport under it."""
        async with self._loading:
            if self._litellm is not None:
                return
            litellm = await asyncio.to_thread(_load_litellm)
            from litellm.llms.custom_httpx.aiohttp_transport import LiteLLMAiohttpTransport
            from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

            self._http = recording_client(LiteLLMAiohttpTransport(client=unlimited_session))
            self._handler = AsyncHTTPHandler()
            await self._handler.client.aclose()
            self._handler.client = self._http
            self._litellm = litellm

    async def attempt(
        self, request: Request, pictures: Sequence[Encoded], *, api_base: str, api_key: str, timeout_s: float
    ) -> AttemptResult:
        """Send the request once and return what became of it; only cancellation raises."""
        await self.load()
        wire = Wire()
        current_wire.set(wire)
        self._litellm.aclient_session = self._http
        # Parameters are the model's own and reach the body as they are; LiteLLM adds and drops none.
        arguments: dict[str, Any] = dict(request.params)
        if route(request.model) in HANDLER_ROUTES:
            arguments["client"] = self._handler
        started = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._litellm.acompletion(
                    model=request.model,
                    messages=messages(request, pictures),
                    api_base=api_base,
                    api_key=api_key,
                    timeout=timeout_s,
                    max_retries=0,
                    num_retries=0,
                    **arguments,
                )
        except TimeoutError:
            return _failed(wire, f"no complete answer within {timeout_s:g} s", api_key)
        except Exception as error:  # LiteLLM raises over fifty classes; the wire says what happened.
            failed = _failed(wire, wire.trouble or f"{type(error).__name__}: {error}", api_key)
            # It also raises where only the usage is missing: what was said is paid for and can still be read.
            spoken = (
                interpret(wire, None, time.monotonic() - started, api_key) if wire.status == HTTPStatus.OK else failed
            )
            return spoken if isinstance(spoken, Replied) else failed
        return interpret(wire, response.model_dump(), time.monotonic() - started, api_key)


def _load_litellm() -> Any:  # noqa: ANN401 - LiteLLM is typed too loosely to be of help
    # Read by LiteLLM at import: no price list from the network, no `.env` of the working folder, no scan of pictures
    # for its logs.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    os.environ["MAX_BASE64_LENGTH_FOR_LOGGING"] = "0"
    import litellm

    litellm.suppress_debug_info = True
    # Its warnings repeat with every call and are about its own plans, or about counts of a wrong type, which are judged
    # here; what fails reaches us as a result.
    warnings.filterwarnings("ignore", "Pydantic serializer warnings", UserWarning)
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    litellm.drop_params = False
    return litellm


def messages(request: Request, pictures: Sequence[Encoded]) -> list[dict[str, Any]]:
    """Return the request's messages in LiteLLM's shape, pictures as data URLs."""

    def part(one: Text | Picture) -> dict[str, Any]:
        if isinstance(one, Text):
            return {"type": "text", "text": one.text}
        picture = pictures[one.index]
        url = f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"
        detail = request.image_policy.detail
        return {"type": "image_url", "image_url": {"url": url, "detail": detail} if detail else {"url": url}}

    return [
        {
            "role": message.role,
            "content": message.parts[0].text
            if len(message.parts) == 1 and isinstance(message.parts[0], Text)
            else [part(one) for one in message.parts],
        }
        for message in request.messages
    ]


def _failed(wire: Wire, reason: str, api_key: str) -> AttemptResult:
    reason = _printable(" ".join(reason.partition("Traceback (most recent call last)")[0].split()), api_key)[
        :REASON_KEPT
    ]
    body = _printable(wire.body.decode("utf-8", "replace"), api_key)
    if wire.status is None:
        return Lost(reason) if wire.left else NotSent(reason)
    if wire.status >= 300:
        return Rejected(wire.status, _headers(wire, api_key), body)
    return Lost(f"the answer could not be read: {reason}", body)


def _headers(wire: Wire, api_key: str) -> dict[str, str]:
    return {name: _printable(value, api_key) for name, value in wire.headers.items()}


def _printable(text: str, api_key: str) -> str:
    # Neither a key that a server echoes nor half a character may reach a file. A key as short as a word is a
    # placeholder, and may be part of an answer.
    hidden = text.replace(api_key, "<key>") if len(api_key) >= SHORTEST_KEY else text
    return hidden.encode("utf-8", "replace").decode("utf-8")


# --- reading a reply -------------------------------------------------------------------------------------------------

_GEMINI_FILTERED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE", "OTHER"}
)
_ENDINGS: Mapping[str, Ending] = {
    "length": Ending.TRUNCATED,
    "max_tokens": Ending.TRUNCATED,
    "model_context_window_exceeded": Ending.TRUNCATED,
    "MAX_TOKENS": Ending.TRUNCATED,
    "content_filter": Ending.FILTERED,
    "refusal": Ending.REFUSED,
    **dict.fromkeys(_GEMINI_FILTERED, Ending.FILTERED),
}


def interpret(wire: Wire, normalised: Mapping[str, Any] | None, latency_s: float, api_key: str) -> AttemptResult:
    """Read a 200: the text and the usage as LiteLLM normalises them, the ending from the provider's own words.

    Where LiteLLM could make nothing of it (None) the text is the provider's own as well, and there is no usage.
    """
    raw = wire.body.decode("utf-8", "replace")
    try:
        body = json.loads(raw)
        refusal, finish = _native_ending(body)
        text = refusal or _text(_native_text(body) if normalised is None else _content(normalised))
        reported = body.get("usage") or body.get("usageMetadata")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        return Lost(f"the answer could not be read: {type(error).__name__}: {error}", _printable(raw, api_key))
    told = normalised is not None and isinstance(reported, dict) and reported and _counts(reported)
    usage = read_usage(normalised.get("usage")) if normalised is not None and told else None
    return Replied(
        text=_printable(text, api_key),
        ending=Ending.REFUSED if refusal else _ENDINGS.get(finish, Ending.COMPLETE),
        finish_reason=_printable(finish, api_key),
        # Words that cost no token: the count is missing, whatever was made of it.
        usage=None if usage is not None and text and not usage.output_tokens else usage,
        raw=_printable(raw, api_key),
        latency_s=latency_s,
        headers=_headers(wire, api_key),
    )


def _counts(reported: Mapping[str, Any]) -> bool:
    """Whether a provider's own usage counts in whole numbers: LiteLLM takes much else for one, or for none at all."""
    return all(
        count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 0)
        for name, count in reported.items()
        if name.lower().endswith(("tokens", "tokencount"))
    )


def _content(normalised: Mapping[str, Any]) -> object:
    return normalised["choices"][0]["message"].get("content")


def _native_text(body: Mapping[str, Any]) -> object:
    if "choices" in body:
        return body["choices"][0]["message"].get("content")
    if "stop_reason" in body:
        return "".join(block["text"] for block in body["content"] if block["type"] == "text")
    parts = body["candidates"][0]["content"]["parts"] if body.get("candidates") else ()
    return "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))


def _native_ending(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return the words of a refusal (empty if there is none) and the provider's own finish reason."""
    if "choices" in body:
        choice = body["choices"][0]
        return _text(choice["message"].get("refusal")), _text(choice.get("finish_reason"))
    if "stop_reason" in body:
        return "", _text(body["stop_reason"])
    if candidates := body.get("candidates"):
        return "", _text(candidates[0].get("finishReason"))
    return "", _blocked(body)


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"a text is {type(value).__name__}")
    return value or ""


def _blocked(body: Mapping[str, Any]) -> str:
    # Gemini answers a blocked prompt without a candidate.
    reason = _text(body["promptFeedback"]["blockReason"])
    return reason if reason in _GEMINI_FILTERED else "OTHER"
