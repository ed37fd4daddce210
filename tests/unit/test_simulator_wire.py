"""The simulator on the wire: three dialects, limits, faults and books, over real HTTP on the loopback interface."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

import httpx
import pytest
from PIL import Image

from orchestrator.simulator import DEFAULT_KEY, Fault, RetryAfterForm, Settings, Simulator, running, serve
from orchestrator.simulator.ledger import body_digest, key_prefix

PROMPT = "Which?\nA. Healthy\nB. Osteophytes\nC. Vertebral collapse\nEnd with `My final option: [X]`."
DIALECTS = ("openai", "anthropic", "gemini")
MODEL = "sim-spine-large"

Headers: TypeAlias = dict[str, str]
Body: TypeAlias = dict[str, Any]


def picture(width: int = 60, height: int = 40) -> str:
    """Return a small PNG in base64."""
    buffer = io.BytesIO()
    Image.new("L", (width, height), 120).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


PICTURE = picture()


def request(dialect: str, text: str = PROMPT, model: str = MODEL, most: int = 300) -> tuple[str, Headers, Body]:
    """Return path, headers and body of one good request with a picture, asking for at most `most` output tokens."""
    match dialect:
        case "openai":
            url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}", "detail": "high"}}
            messages = [
                {"role": "system", "content": "Be a surgeon."},
                {"role": "user", "content": [{"type": "text", "text": text}, url]},
            ]
            body: Body = {"model": model, "max_tokens": most, "messages": messages}
            return "/openai/v1/chat/completions", {"Authorization": f"Bearer {DEFAULT_KEY}"}, body
        case "anthropic":
            source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
            content = [{"type": "text", "text": text}, {"type": "image", "source": source}]
            body = {
                "model": model,
                "max_tokens": most,
                "system": [{"type": "text", "text": "Be a surgeon."}],
                "messages": [{"role": "user", "content": content}],
            }
            headers = {"x-api-key": DEFAULT_KEY, "anthropic-version": "2023-06-01"}
            return "/anthropic/v1/messages", headers, body
        case _:
            parts = [{"text": text}, {"inline_data": {"mime_type": "image/png", "data": PICTURE}}]
            body = {
                "system_instruction": {"parts": [{"text": "Be a surgeon."}]},
                "contents": [{"role": "user", "parts": parts}],
                "generationConfig": {"max_output_tokens": most},
            }
            return f"/gemini/v1beta/models/{model}:generateContent", {"x-goog-api-key": DEFAULT_KEY}, body


def answer_of(dialect: str, body: Body) -> tuple[str, str, tuple[int, int]]:
    """Return text, finish reason and (input, output) tokens of a 200."""
    match dialect:
        case "openai":
            usage = body["usage"]
            choice = body["choices"][0]
            text, reason = choice["message"]["content"], choice["finish_reason"]
            return text, reason, (usage["prompt_tokens"], usage["completion_tokens"])
        case "anthropic":
            usage = body["usage"]
            return body["content"][0]["text"], body["stop_reason"], (usage["input_tokens"], usage["output_tokens"])
        case _:
            usage = body["usageMetadata"]
            candidate = body["candidates"][0]
            text, reason = candidate["content"]["parts"][0]["text"], candidate["finishReason"]
            return text, reason, (usage["promptTokenCount"], usage["candidatesTokenCount"])


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """One server for the whole module; tests set the faults and limits they need."""
    with running() as simulator:
        yield simulator


@pytest.fixture
def client(sim: Simulator) -> Iterator[httpx.Client]:
    """A client of the server, whose settings start from the defaults."""
    sim.change({"script": [], "faults": {}, "rpm": None, "tpm": None, "latency_s": 0.0, "aliases": {}})
    sim.change({"retry_after_form": "native", "retry_after_s": 1.0, "image_token_factor": 1.0, "drip_interval_s": 0.05})
    with httpx.Client(base_url=sim.url, timeout=5, trust_env=False) as one:
        yield one


def ask(client: httpx.Client, dialect: str, text: str = PROMPT, model: str = MODEL, most: int = 300) -> httpx.Response:
    path, headers, body = request(dialect, text, model, most)
    return client.post(path, headers=headers, json=body)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_question_with_a_picture_is_answered_and_billed(dialect: str, sim: Simulator, client: httpx.Client) -> None:
    """The reply is shaped as the provider's, ends with the declared line, and its usage is what the books billed."""
    before = sim.ledger()["total"]
    response = ask(client, dialect)
    text, reason, (tokens_in, tokens_out) = answer_of(dialect, response.json())
    assert response.status_code == 200
    assert re.search(r"simulated model.*\n\nMy final option: \[[ABC]\]$", text, re.DOTALL)
    assert reason in {"stop", "end_turn", "STOP"}
    image = {"openai": 255, "anthropic": 6, "gemini": 258}[dialect]
    assert tokens_in == image + -(-(len("Be a surgeon.") + len(PROMPT)) // 4)
    assert tokens_out == -(-len(text) // 4)
    after = sim.ledger()["total"]
    assert after["input_tokens"] - before["input_tokens"] == tokens_in
    assert after["output_tokens"] - before["output_tokens"] == tokens_out
    assert after["nanousd"] - before["nanousd"] == 2500 * tokens_in + 10_000 * tokens_out


@pytest.mark.parametrize("dialect", DIALECTS)
def test_output_is_cut_at_the_tokens_asked_for(dialect: str, client: httpx.Client) -> None:
    """The limit is honoured and the cut declared."""
    text, reason, (_, tokens_out) = answer_of(dialect, ask(client, dialect, most=10).json())
    assert (len(text), tokens_out) == (40, 10)
    assert reason in {"length", "max_tokens", "MAX_TOKENS"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_more_output_than_the_model_can_give_is_refused(dialect: str, client: httpx.Client) -> None:
    """A limit above the model's own is a 400, as real providers do."""
    assert ask(client, dialect, most=16_385).status_code == 400


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_unknown_model_is_a_404_until_it_is_an_alias(dialect: str, sim: Simulator, client: httpx.Client) -> None:
    """Any real model's name can be rehearsed, and is echoed, once it points to a simulated model."""
    assert ask(client, dialect, model="gpt-4o-2024-11-20").status_code == 404
    sim.change({"aliases": {"gpt-4o-2024-11-20": "sim-spine-small"}})
    response = ask(client, dialect, model="gpt-4o-2024-11-20")
    assert response.status_code == 200
    assert "gpt-4o-2024-11-20" in {response.json().get("model"), response.json().get("modelVersion")}


@pytest.mark.parametrize(
    ("dialect", "header", "missing", "wrong"),
    [
        ("openai", "Authorization", 401, 401),
        ("anthropic", "x-api-key", 401, 401),
        ("gemini", "x-goog-api-key", 403, 400),
    ],
)
def test_missing_and_wrong_keys(
    dialect: str, header: str, missing: int, wrong: int, sim: Simulator, client: httpx.Client
) -> None:
    """Each dialect refuses in its own way, bills nothing, and the key itself is nowhere in the books."""
    path, headers, body = request(dialect)
    billed = sim.ledger()["total"]["billed"]
    without = {name: value for name, value in headers.items() if name != header}
    assert client.post(path, headers=without, json=body).status_code == missing
    response = client.post(path, headers={**headers, header: "Bearer not-the-key"}, json=body)
    assert response.status_code == wrong
    assert ("API_KEY_INVALID" in response.text) == (dialect == "gemini")
    view = client.get("/ledger").json()
    assert view["total"]["billed"] == billed
    assert "not-the-key" not in json.dumps(view)
    assert key_prefix("not-the-key" if dialect == "openai" else "Bearer not-the-key") in view["keys"]


def test_without_a_list_of_keys_any_key_will_do() -> None:
    """An empty list accepts every key but none."""
    with running(Settings(keys=())) as sim, httpx.Client(base_url=sim.url, trust_env=False) as client:
        path, _, body = request("openai")
        assert client.post(path, headers={"Authorization": "Bearer whatever"}, json=body).status_code == 200
        assert client.post(path, headers={"Authorization": "Basic x"}, json=body).status_code == 401


# --- limits ----------------------------------------------------------------------------------------------------------


def test_openai_states_its_limits_and_its_waits(sim: Simulator, client: httpx.Client) -> None:
    """Success and 429 carry x-ratelimit-* with durations; the wait is given in milliseconds and in seconds."""
    sim.change({"rpm": 6, "tpm": 100_000})
    headers = ask(client, "openai").headers
    assert headers["x-ratelimit-limit-requests"] == "6"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "10s"
    assert headers["x-ratelimit-limit-tokens"] == "100000"
    assert re.fullmatch(r"\d+ms", headers["x-ratelimit-reset-tokens"])
    refused = ask(client, "openai")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 6_000 < int(refused.headers["retry-after-ms"]) <= 10_000
    assert 7 <= int(refused.headers["retry-after"]) <= 10
    assert sim.ledger()["rate_limited"] >= 1


def test_anthropic_states_its_limits_as_times(sim: Simulator, client: httpx.Client) -> None:
    """Resets are RFC 3339 times in the near future; the wait is whole seconds."""
    sim.change({"rpm": 6, "tpm": 100_000})
    headers = ask(client, "anthropic").headers
    reset = datetime.fromisoformat(headers["anthropic-ratelimit-requests-reset"])
    assert 6 < reset.timestamp() - time.time() < 12
    assert headers["anthropic-ratelimit-tokens-limit"] == "100000"
    assert int(headers["anthropic-ratelimit-tokens-remaining"]) < 100_000
    refused = ask(client, "anthropic")
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "rate_limit_error")
    assert 7 <= int(refused.headers["retry-after"]) <= 10


def test_gemini_says_its_wait_in_the_body_only(sim: Simulator, client: httpx.Client) -> None:
    """There is no rate header at all; RetryInfo holds fractional seconds."""
    sim.change({"rpm": 6})
    assert not [name for name in ask(client, "gemini").headers if "rate" in name]
    refused = ask(client, "gemini")
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    info = next(one for one in refused.json()["error"]["details"] if one["@type"].endswith("RetryInfo"))
    assert 6 < float(info["retryDelay"].removesuffix("s")) <= 10


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tokens_a_minute_count_the_requested_output(dialect: str, sim: Simulator, client: httpx.Client) -> None:
    """Input plus requested output is taken at once; a request larger than the bucket gets no wait, for none helps."""
    sim.change({"tpm": 1_500})
    assert ask(client, dialect, most=1_000).status_code == 200
    assert ask(client, dialect, most=1_000).status_code == 429
    never = ask(client, dialect, most=1_499)
    assert never.status_code == 429
    assert "retry-after" not in never.headers
    assert "RetryInfo" not in never.text


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("form", [RetryAfterForm.SECONDS, RetryAfterForm.MS, RetryAfterForm.DATE])
def test_other_forms_of_retry_after(dialect: str, form: RetryAfterForm, sim: Simulator, client: httpx.Client) -> None:
    """Seconds, milliseconds or an HTTP date can be asked for, in place of the native form, in every dialect."""
    sim.change({"retry_after_form": form.value, "retry_after_s": 2.5, "script": ["rate_limited", "overloaded"]})
    for status in (429, 529 if dialect == "anthropic" else 503):
        response = ask(client, dialect)
        assert response.status_code == status
        assert "RetryInfo" not in response.text
        assert ("retry-after-ms" in response.headers) == (form is RetryAfterForm.MS)
        match form:
            case RetryAfterForm.SECONDS:
                assert response.headers["retry-after"] == "3"
            case RetryAfterForm.MS:
                assert response.headers["retry-after-ms"] == "2500"
            case _:
                date = parsedate_to_datetime(response.headers["retry-after"])
                assert 1.5 < date.timestamp() - time.time() < 4


def test_limits_are_kept_for_each_account(sim: Simulator, client: httpx.Client) -> None:
    """One key at two dialects is two accounts, and new limits start with full buckets."""
    sim.change({"rpm": 6})
    assert [ask(client, dialect).status_code for dialect in DIALECTS] == [200, 200, 200]
    assert [ask(client, dialect).status_code for dialect in DIALECTS] == [429, 429, 429]
    sim.change({"rpm": 7})
    assert ask(client, "openai").status_code == 200


def test_limits_follow_the_clock_they_are_given() -> None:
    """With an injected clock nothing has to be waited for."""
    now = 100.0

    async def story() -> list[int]:
        nonlocal now
        async with (
            Simulator(Settings(rpm=6), clock=lambda: now, wall=lambda: 1.8e9 + now) as sim,
            httpx.AsyncClient(base_url=sim.url, trust_env=False) as client,
        ):
            path, headers, body = request("openai")
            codes = []
            for step in (0.0, 9.0, 1.0):
                now += step
                codes.append((await client.post(path, headers=headers, json=body)).status_code)
            assert [arrival["at"] for arrival in sim.ledger()["arrivals"]] == [0.0, 9.0, 10.0]
            return codes

    assert asyncio.run(story()) == [200, 429, 200]


# --- faults ----------------------------------------------------------------------------------------------------------

ERROR_FAULTS = {
    # fault: status by dialect (openai, anthropic, gemini), a word of the body by dialect
    Fault.RATE_LIMITED: ((429, 429, 429), ("rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED")),
    Fault.OVERLOADED: ((503, 529, 503), ("overloaded", "overloaded_error", "UNAVAILABLE")),
    Fault.SERVER_ERROR: ((500, 500, 500), ("server_error", "api_error", "INTERNAL")),
    Fault.BAD_GATEWAY: ((502, 502, 502), ("<html>", "<html>", "<html>")),
    Fault.BAD_REQUEST: ((400, 400, 400), ("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT")),
    Fault.CONTENT_POLICY: ((400, 400, 400), ("content_policy_violation", "content filtering", "safety policy")),
    Fault.INSUFFICIENT_QUOTA: ((429, 400, 429), ("insufficient_quota", "credit balance is too low", "PerDay")),
    Fault.UNAUTHORIZED: ((401, 401, 400), ("invalid_api_key", "authentication_error", "API_KEY_INVALID")),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", ERROR_FAULTS)
def test_error_faults_answer_as_the_provider_would(
    dialect: str, fault: Fault, sim: Simulator, client: httpx.Client
) -> None:
    """Each has its provider's status and words, costs nothing, and is named in the books."""
    sim.change({"script": [fault.value]})
    billed = sim.ledger()["total"]["billed"]
    response = ask(client, dialect)
    statuses, words = ERROR_FAULTS[fault]
    rank = DIALECTS.index(dialect)
    assert response.status_code == statuses[rank]
    assert words[rank] in response.text
    view = sim.ledger()
    assert view["total"]["billed"] == billed
    assert view["arrivals"][-1]["fault"] == fault
    assert view["arrivals"][-1]["status"] == statuses[rank]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", [Fault.BAD_JSON, Fault.EMPTY_BODY, Fault.HTML_200, Fault.NESTED])
def test_unreadable_bodies_are_200s_that_were_billed(
    dialect: str, fault: Fault, sim: Simulator, client: httpx.Client
) -> None:
    """The client paid for an answer it cannot read."""
    sim.change({"script": [fault.value]})
    billed = sim.ledger()["total"]["billed"]
    response = ask(client, dialect)
    assert response.status_code == 200
    with pytest.raises((json.JSONDecodeError, RecursionError)):
        response.json()
    assert sim.ledger()["total"]["billed"] == billed + 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_usage_faults_report_nonsense_and_bill_the_truth(dialect: str, sim: Simulator, client: httpx.Client) -> None:
    """Missing, negative and absurd usage stand beside a good answer; the books hold the true tokens."""
    key = "usageMetadata" if dialect == "gemini" else "usage"
    truth = answer_of(dialect, ask(client, dialect).json())[2]
    sim.change({"script": ["no_usage", "negative_usage", "absurd_usage"]})
    before = sim.ledger()["total"]
    assert key not in ask(client, dialect).json()
    assert answer_of(dialect, ask(client, dialect).json())[2] == (-truth[0], -truth[1])
    assert min(answer_of(dialect, ask(client, dialect).json())[2]) >= 10**12
    after = sim.ledger()["total"]
    assert after["input_tokens"] - before["input_tokens"] == 3 * truth[0]
    assert after["output_tokens"] - before["output_tokens"] == 3 * truth[1]


def test_refusals_and_blocks_have_their_native_form(sim: Simulator, client: httpx.Client) -> None:
    """OpenAI refuses in message.refusal, Claude by stop_reason, Gemini in words; a block is each one's own too."""
    script = ["refusal", "safety"]
    sim.change({"script": script})
    refused, blocked = (ask(client, "openai").json()["choices"][0] for _ in script)
    assert (refused["finish_reason"], refused["message"]["content"]) == ("stop", None)
    assert refused["message"]["refusal"].startswith("I'm sorry")
    assert blocked["finish_reason"] == "content_filter"
    sim.change({"script": script})
    refused, blocked = (ask(client, "anthropic").json() for _ in script)
    assert (refused["stop_reason"], blocked["stop_reason"], blocked["content"]) == ("refusal", "refusal", [])
    sim.change({"script": script})
    assert "can't help" in answer_of("gemini", ask(client, "gemini").json())[0]
    sim.change({"script": ["safety"] * 12})
    blocks = [ask(client, "gemini", text=f"{number} {PROMPT}").json() for number in range(12)]
    before = [one["promptFeedback"]["blockReason"] for one in blocks if "promptFeedback" in one]
    after = [one["candidates"][0]["finishReason"] for one in blocks if "candidates" in one]
    assert set(before) == set(after) == {"SAFETY"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_truncation_and_no_answer_hold_no_choice(dialect: str, sim: Simulator, client: httpx.Client) -> None:
    """A truncated text ends before its last line, declared as cut; an undecided one is complete but chooses nothing."""
    sim.change({"script": ["truncation", "no_answer"]})
    cut, cut_reason, _ = answer_of(dialect, ask(client, dialect).json())
    open_text, open_reason, _ = answer_of(dialect, ask(client, dialect).json())
    assert cut_reason in {"length", "max_tokens", "MAX_TOKENS"}
    assert open_reason in {"stop", "end_turn", "STOP"}
    assert cut
    assert "My final" not in cut + open_text


def test_a_huge_answer_is_valid_json_of_the_size_set(sim: Simulator, client: httpx.Client) -> None:
    """The answer is still in it, at its end, and only the true tokens were billed."""
    sim.change({"script": ["huge"], "huge_bytes": 300_000})
    text, _, (_, tokens_out) = answer_of("openai", ask(client, "openai").json())
    assert 300_000 <= len(text) < 301_000
    assert text.endswith("]")
    assert tokens_out < 500


def test_a_reset_comes_after_billing_and_before_any_byte(sim: Simulator, client: httpx.Client) -> None:
    """The request was read and billed; the client sees only a broken connection."""
    sim.change({"script": ["reset"]})
    before = sim.ledger()["total"]
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ask(client, "openai")
    view = sim.ledger()
    assert view["total"]["billed"] == before["billed"] + 1
    assert (view["arrivals"][-1]["status"], view["arrivals"][-1]["billed"]) == (0, True)


def test_a_reset_in_the_body_comes_after_the_status(sim: Simulator, client: httpx.Client) -> None:
    """Headers promise a whole answer; half of it comes."""
    sim.change({"script": ["reset_body"]})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ask(client, "anthropic")
    assert sim.ledger()["arrivals"][-1]["status"] == 200


def test_a_hang_ends_when_the_client_leaves(sim: Simulator, client: httpx.Client) -> None:
    """Nothing is answered, it is billed, and once the client has gone nothing is in flight."""
    sim.change({"script": ["hang"]})
    billed = sim.ledger()["total"]["billed"]
    path, headers, body = request("gemini")
    with pytest.raises(httpx.ReadTimeout):
        client.post(path, headers=headers, json=body, timeout=0.15)
    deadline = time.monotonic() + 3
    while (view := client.get("/ledger").json())["in_flight"] and time.monotonic() < deadline:
        pass
    assert (view["in_flight"], view["total"]["billed"]) == (0, billed + 1)


def test_a_hang_ends_when_the_server_stops() -> None:
    """Stopping takes a moment, not the client's timeout."""

    async def story() -> float:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            async with Simulator(Settings(script=(Fault.HANG,))) as sim:
                path, headers, body = request("openai")
                pending = asyncio.create_task(client.post(sim.url + path, headers=headers, json=body))
                while not (await client.get(f"{sim.url}/ledger")).json()["in_flight"]:
                    pass
                start = time.monotonic()
            with pytest.raises(httpx.HTTPError):
                await pending
            return time.monotonic() - start

    assert asyncio.run(story()) < 2


def test_a_dripped_body_is_whole_in_the_end(sim: Simulator, client: httpx.Client) -> None:
    """Byte by byte the same answer arrives."""
    sim.change({"script": ["drip"], "drip_interval_s": 0.0})
    assert answer_of("openai", ask(client, "openai").json()) == answer_of("openai", ask(client, "openai").json())


def test_chance_faults_depend_on_seed_body_and_repetition_only(client: httpx.Client) -> None:
    """The same requests in another order meet the same faults; another seed gives others; a repeat is drawn anew."""

    def faults(seed: int, order: list[int]) -> dict[int, list[int]]:
        met: dict[int, list[int]] = {number: [] for number in order}
        with running(Settings(seed=seed, faults={Fault.SERVER_ERROR: 0.3, Fault.OVERLOADED: 0.2})) as other:
            for _ in range(2):
                for number in order:
                    path, headers, body = request("openai", text=f"{number}\n{PROMPT}")
                    met[number].append(client.post(other.url + path, headers=headers, json=body).status_code)
        return met

    numbers = list(range(30))
    first = faults(1, numbers)
    assert faults(1, numbers[::-1]) == first
    assert faults(2, numbers) != first
    statuses = [status for pair in first.values() for status in pair]
    assert 5 <= statuses.count(500) <= 32
    assert 2 <= statuses.count(503) <= 25
    assert any(one != two for one, two in first.values())


def test_latency_is_jittered_by_seed_within_its_bounds(sim: Simulator, client: httpx.Client) -> None:
    """The mean is asked for; single answers stray by at most the jitter."""
    sim.change({"latency_s": 0.1, "latency_jitter": 0.5})
    times = []
    for number in range(4):
        start = time.monotonic()
        assert ask(client, "openai", text=f"jitter {number}\n{PROMPT}").status_code == 200
        times.append(time.monotonic() - start)
    assert min(times) >= 0.05
    assert len({round(one, 3) for one in times}) > 1


# --- books and rubbish -----------------------------------------------------------------------------------------------


def test_the_ledger_tells_bodies_arrivals_and_concurrency(client: httpx.Client) -> None:
    """A body sent twice is one body received twice; arrivals are in order with their times; concurrency is seen."""

    async def story() -> tuple[Body, str]:
        async with (
            Simulator(Settings(latency_s=0.05, script=(None, Fault.SERVER_ERROR))) as sim,
            httpx.AsyncClient(base_url=sim.url, trust_env=False) as other,
        ):
            path, headers, body = request("openai")
            raw = json.dumps(body).encode()
            for _ in range(2):
                await other.post(path, headers=headers, content=raw)
            await asyncio.gather(
                *(
                    other.post(path, headers=headers, content=json.dumps(request("openai", text=f"{n}{PROMPT}")[2]))
                    for n in range(5)
                )
            )
            view = (await other.get("/ledger")).json()
            assert view == json.loads(json.dumps(sim.ledger()))
            return view, body_digest(path, raw)

    view, digest = asyncio.run(story())
    assert view["bodies"][digest]["received"] == 2
    assert view["bodies"][digest]["billed"] == 1
    assert len(view["bodies"]) == 6
    arrivals = view["arrivals"]
    assert [one["status"] for one in arrivals] == [200, 500, 200, 200, 200, 200, 200]
    assert [one["at"] for one in arrivals] == sorted(one["at"] for one in arrivals)
    assert {one["dialect"] for one in arrivals} == {"openai"}
    assert {one["model"] for one in arrivals} == {MODEL}
    assert view["peak_concurrency"] == 5
    assert view["keys"][key_prefix(DEFAULT_KEY)] == view["total"]


def test_image_tokens_are_billed_at_their_factor(sim: Simulator, client: httpx.Client) -> None:
    """A factor of 3 triples the picture's part of the input and nothing else."""
    plain = answer_of("openai", ask(client, "openai").json())[2][0]
    sim.change({"image_token_factor": 3.0})
    assert answer_of("openai", ask(client, "openai").json())[2][0] == plain + 2 * 255


RUBBISH = [
    b"",
    b"\xff\xfe{",
    b"[]",
    b"null",
    b"{" * 10,
    b"[" * 200_000,
    b'{"model": 3}',
    b'{"model": "sim-spine-large"}',
    b'{"model": "sim-spine-large", "messages": 5, "contents": 5, "max_tokens": 5}',
    b'{"model": "sim-spine-large", "messages": [7], "contents": [7], "max_tokens": 5}',
    b'{"model": "sim-spine-large", "messages": [{"role": "user", "content": 7}], "contents": [{}], "max_tokens": 5}',
    b'{"model": "sim-spine-large", "messages": [{"role": "user", "content": [{"type": "sound"}]}], "max_tokens": 5,'
    b' "contents": [{"parts": [{"sound": 1}]}]}',
    b'{"model": "sim-spine-large", "messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}],'
    b' "max_tokens": 5, "contents": [{"parts": [{"text": 1}]}]}',
    b'{"model": "sim-spine-large", "messages": [], "contents": [], "max_tokens": -1,'
    b' "generationConfig": {"maxOutputTokens": 0}}',
    b'{"model": "sim-spine-large", "messages": [], "contents": [], "max_tokens": true, "generationConfig": 3}',
    b'{"model": "sim-spine-large", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url":'
    b' {"url": "http://example.org/a.png"}}, {"type": "image", "source": {"type": "url"}}]}], "max_tokens": 5,'
    b' "contents": [{"parts": [{"inline_data": {}}]}]}',
    b'{"model": "sim-spine-large", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url":'
    b' {"url": "data:image/png;base64,AAAA"}}]}], "max_tokens": 5, "n": [], "stream": true,'
    b' "contents": [{"parts": [{"inline_data": {"data": "!"}}]}]}',
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("rubbish", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_gets_a_400_in_the_dialects_own_shape(dialect: str, rubbish: bytes, client: httpx.Client) -> None:
    """No body, however broken, crashes the server or is answered with anything but that provider's 400."""
    path, headers, _ = request(dialect)
    response = client.post(path, headers=headers, content=rubbish)
    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_a_picture_that_cannot_be_decoded_is_a_400(client: httpx.Client) -> None:
    """Broken base64, broken images and cut-off images are all the client's fault."""
    good = base64.b64decode(PICTURE)
    for data in ("!!!!", base64.b64encode(b"no image").decode(), base64.b64encode(good[:-20]).decode(), "\ud800"):
        path, headers, body = request("anthropic")
        body["messages"][0]["content"][1]["source"]["data"] = data
        assert client.post(path, headers=headers, content=json.dumps(body)).status_code == 400


def test_openai_and_claude_know_what_they_do_not_simulate(client: httpx.Client) -> None:
    """Streaming and several choices are refused rather than silently ignored; Claude demands its two extras."""
    path, headers, body = request("openai")
    assert client.post(path, headers=headers, json={**body, "stream": True}).status_code == 400
    assert client.post(path, headers=headers, json={**body, "n": 2}).status_code == 400
    path, headers, body = request("anthropic")
    assert client.post(path, headers=headers, json={**body, "stream": True}).status_code == 400
    assert client.post(path, headers={"x-api-key": DEFAULT_KEY}, json=body).status_code == 400
    del body["max_tokens"]
    assert "max_tokens" in client.post(path, headers=headers, json=body).json()["error"]["message"]


def test_the_last_user_message_is_the_question(client: httpx.Client) -> None:
    """Plain text content works, earlier turns count as input only, and no options means no choice."""
    path, headers, body = request("openai")
    body["messages"] = [
        {"role": "user", "content": PROMPT},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "And now?"},
    ]
    del body["max_tokens"]
    text, _, (tokens_in, _) = answer_of("openai", client.post(path, headers=headers, json=body).json())
    assert "no options" in text
    assert tokens_in == -(-(len(PROMPT) + len("And now?")) // 4)


def test_low_detail_is_billed_as_such(client: httpx.Client) -> None:
    """A picture at low detail costs OpenAI's base tokens only."""
    path, headers, body = request("openai")
    before = answer_of("openai", client.post(path, headers=headers, json=body).json())[2][0]
    body["messages"][1]["content"][1]["image_url"]["detail"] = "low"
    assert answer_of("openai", client.post(path, headers=headers, json=body).json())[2][0] == before - 170


def test_a_body_over_64_mib_is_a_413(client: httpx.Client) -> None:
    """The largest body read is 64 MiB; one more is refused in the dialect's own words, not read on."""
    path, headers, _ = request("openai")
    response = client.post(path, headers=headers, content=b" " * (64 * 2**20 + 1))
    assert response.status_code == 413
    assert response.json()["error"]["message"]


def test_clients_that_speak_no_http_do_no_harm(sim: Simulator, client: httpx.Client) -> None:
    """Raw rubbish and a request cut off in its middle leave the server as it was."""
    port = int(sim.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"rubbish\r\n\r\n")
        assert b"400" in raw.recv(200)
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    assert client.get("/health").json() == {"ok": True, "simulated": True}


def test_settings_can_be_changed_over_http(client: httpx.Client) -> None:
    """Another process sets a script by POST /settings; unfit settings are a 400 that says why and change nothing."""
    assert client.post("/settings", json={"script": ["server_error"]}).json() == {"ok": True}
    assert ask(client, "openai").status_code == 500
    for unfit in ('{"rpm": -1}', "[1]", "{", '{"script": ["gremlins"]}', "[" * 100_000):
        response = client.post("/settings", content=unfit)
        assert response.status_code == 400
        assert response.json()["error"]
    assert ask(client, "openai").status_code == 200


def test_a_taken_port_is_an_error_and_leaves_nothing_behind(sim: Simulator) -> None:
    """Starting on a port in use raises OSError, and no thread stays."""
    threads = threading.active_count()
    with pytest.raises(OSError, match="address already in use"), running(port=int(sim.url.rsplit(":", 1)[1])):
        pass
    assert threading.active_count() == threads


def test_serve_runs_until_cancelled() -> None:
    """The command line's entry announces its address and stops when cancelled."""

    async def story() -> None:
        started: asyncio.Queue[Simulator] = asyncio.Queue()
        task = asyncio.create_task(serve(Settings(rpm=7), 0, started=started.put_nowait))
        sim = await started.get()
        assert sim.settings.rpm == 7
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{sim.url}/health")).status_code == 200
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())


def test_serve_needs_nobody_to_be_told() -> None:
    """Without anyone to announce itself to, it serves all the same until its time is over."""

    async def story() -> None:
        async with asyncio.timeout(0.05):
            await serve(Settings(), 0)

    with pytest.raises(TimeoutError):
        asyncio.run(story())


def test_the_simulator_listens_on_the_loopback_interface_only(sim: Simulator) -> None:
    """Its address is 127.0.0.1, whatever the machine's other addresses."""
    assert sim.url.startswith("http://127.0.0.1:")
