"""The dialects and the service without the network: formulas, forms and bounds."""

from __future__ import annotations

import json

import pytest

from orchestrator.simulator.dialects import ANTHROPIC, GEMINI, OPENAI, Dialect
from orchestrator.simulator.dialects.openai import duration
from orchestrator.simulator.exchange import JsonObject, MalformedError
from orchestrator.simulator.service import ACCOUNTS_KEPT, Call, Service
from orchestrator.simulator.settings import Settings

VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("dialect", "width", "height", "tokens"),
    [
        (OPENAI, 1024, 1024, 765),
        (OPENAI, 2048, 4096, 1105),
        (OPENAI, 512, 512, 255),
        (OPENAI, 1, 5000, 765),
        (ANTHROPIC, 28, 29, 2),
        (ANTHROPIC, 1092, 1092, 1521),
        (ANTHROPIC, 4000, 4000, 1568),
        (ANTHROPIC, 3136, 1, 56),
        (GEMINI, 384, 384, 258),
        (GEMINI, 385, 300, 1032),
        (GEMINI, 1536, 1536, 1032),
    ],
)
def test_image_tokens_follow_the_published_rules(dialect: Dialect, width: int, height: int, tokens: int) -> None:
    """OpenAI's tiles (its documentation gives 765 and 1105), Claude's 28-pixel patches, Gemini's tiles."""
    assert dialect.image_tokens(width, height, False) == tokens


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0ms"), (0.12, "120ms"), (0.0001, "1ms"), (1.5, "1.5s"), (59.9991, "1m0s"), (360, "6m0s"), (3661, "1h1m1s")],
)
def test_durations_are_written_as_openai_writes_them(seconds: float, written: str) -> None:
    """Milliseconds below a second, else hours, minutes and seconds, rounded up to a millisecond."""
    assert duration(seconds) == written


def test_earlier_turns_count_as_input_only() -> None:
    """The question is the last user message; an assistant's turn and the system text only cost."""
    turns: list[JsonObject] = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "second"},
        {"role": "user", "content": "third"},
        {"role": "assistant", "content": "fourth"},
    ]
    asked = ANTHROPIC.read({"max_tokens": 9, "system": "be", "messages": list(turns)}, VERSION)
    assert (asked.text, asked.characters, asked.max_output) == ("third", 24, 9)
    contents: list[JsonObject] = [
        {"role": "model" if turn["role"] == "assistant" else "user", "parts": [{"text": turn["content"]}]}
        for turn in turns
    ]
    asked = GEMINI.read(
        {
            "systemInstruction": {"parts": [{"text": "be"}]},
            "contents": list(contents),
            "generation_config": {"maxOutputTokens": 9},
        },
        {},
    )
    assert (asked.text, asked.characters, asked.max_output) == ("third", 24, 9)
    asked = GEMINI.read({"contents": [{"parts": [{"inlineData": {"data": "AAAA"}}]}]}, {})
    assert (asked.text, asked.pictures[0].base64, asked.max_output) == ("", "AAAA", None)


def test_claude_knows_text_and_images_only() -> None:
    """A document is refused by its place and type."""
    with pytest.raises(MalformedError, match=r"messages\.0\.content\.0\.type cannot be 'document'"):
        ANTHROPIC.read(
            {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "document"}]}]},
            VERSION,
        )


def ask(service: Service, key: str, at: float) -> int:
    """Return the status of a request decided without any network."""
    body = json.dumps({"model": "sim-spine-large", "max_tokens": 1, "messages": []}).encode()
    call = Call(OPENAI, "/openai/v1/chat/completions", None, {"Authorization": f"Bearer {key}"}, body)
    entry, delivery = service.receive(call, at, 1.8e9)
    service.leave(entry)
    return delivery.status


def test_limits_are_kept_for_a_bounded_number_of_keys() -> None:
    """Where any key is accepted, one seen more than a thousand keys ago starts afresh."""
    service = Service(Settings(keys=(), rpm=1))
    assert (ask(service, "first", 0.0), ask(service, "first", 0.1)) == (200, 429)
    assert all(ask(service, f"key {number}", 0.2) == 200 for number in range(ACCOUNTS_KEPT))
    assert ask(service, "first", 0.3) == 200
    assert service.view()["total"]["statuses"] == {"200": ACCOUNTS_KEPT + 2, "429": 1}
