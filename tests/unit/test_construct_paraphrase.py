"""Paraphrases: what a model writes is taken only if it gives nothing away."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from orchestrator.construct.labels import Vocabulary
from orchestrator.construct.paraphrase import Paraphrased, ask, paraphrase, why_not
from orchestrator.construct.questions import POOLS, SDD, SLL
from orchestrator.errors import OrchestratorError
from orchestrator.records import Ending, ImagePolicy, Model, Price, Provider, Reply, Request, Text

WORDS = Vocabulary()
PROVIDER = Provider("p", "http://localhost/v1", "p", None, None, 60, 1000, 1, 10.0, 3, 60.0)
MODEL = Model(
    "small", PROVIDER, "openai/small", {"max_tokens": 500}, ImagePolicy(), Price(1, 1, 1, "2026-11-01"), "none"
)


def paraphrased(sdd: str, sll: str, ending: Ending = Ending.COMPLETE) -> tuple[Paraphrased, list[Request]]:
    """Return what comes of two replies, and what was asked."""
    asked: list[Request] = []

    async def complete(request: Request) -> Reply:
        asked.append(request)
        text = sdd if len(asked) == 1 else sll
        return Reply(request.key, text, ending, "stop", None, 0, 0.1, "{}", 0.0)

    return asyncio.run(paraphrase(complete, MODEL, WORDS)), asked


def test_usable_wordings_join_ours_and_the_rest_is_named() -> None:
    """Ours first and unchanged; each refused wording with its reason."""
    sdd = ["Which condition do you recognise here?", "Is this osteophytosis or not?", POOLS.sdd[0], "short", 7]
    sll = ["Name the lumbar levels at which {disease}  occurs.", "Where is it, at L4/L5 or elsewhere: {disease}?"]
    found, asked = paraphrased(f"Sure!\n```json\n{json.dumps(sdd)}\n```", json.dumps(sll))
    assert found.pools.sdd == (*POOLS.sdd, "Which condition do you recognise here?")
    assert found.pools.sll == (*POOLS.sll, "Name the lumbar levels at which {disease} occurs.")
    assert [reason for _, reason in found.refused] == [
        "names osteophytosis",
        "already there",
        "too short, too long, or with characters that do not print",
        "names L4/L5",
    ]
    assert len(asked) == 2
    assert asked[0].key != asked[1].key
    assert asked[0].images == ()


def test_the_same_model_is_asked_the_same_so_that_the_cache_answers() -> None:
    """The key stands; another model's differs."""
    assert ask(MODEL, SDD, POOLS.sdd).key == ask(MODEL, SDD, POOLS.sdd).key
    assert ask(replace(MODEL, litellm_model="openai/large"), SDD, POOLS.sdd).key != ask(MODEL, SDD, POOLS.sdd).key
    part = ask(MODEL, SLL, POOLS.sll).messages[0].parts[0]
    assert isinstance(part, Text)
    assert "{disease}" in part.text


@pytest.mark.parametrize(
    "reply", ["", "no array", "[not json]", "[" * 100_000 + "]", '["Is it healthy or not, here?"]']
)
def test_a_reply_without_a_usable_wording_is_an_error_in_words(reply: str) -> None:
    """The build does not go on as if it had been paraphrased."""
    with pytest.raises(OrchestratorError, match="small gave no wording for SDD"):
        paraphrased(reply, reply)


def test_a_reply_cut_short_is_not_used() -> None:
    """Even if an array could be read in it."""
    with pytest.raises(OrchestratorError, match=r"no wording for SDD .*its reply was truncated"):
        paraphrased('["Which condition do you recognise here?"]', "", Ending.TRUNCATED)


@pytest.mark.parametrize(
    ("task", "wording", "usable"),
    [
        (SDD, "Which condition do you recognise here?", True),
        (SDD, "Does this show {disease} or something else?", False),
        (SDD, "Is the spine, perhaps, healthy in this view?", False),
        (SDD, "Which condition do you\x1b[31m recognise here?", False),
        (SDD, "<b>Which</b> condition do you recognise?", False),
        (SLL, "At which levels does one see {disease} here?", True),
        (SLL, "At which levels does one see it here?", False),
        (SLL, "{disease}: at which levels does one see {disease}?", False),
        (SLL, "At which levels is {disease} next to lordosis?", True),
        (SLL, "At which levels is {disease} next to cervical lordosis?", False),
        (SLL, "At which {levels} does one see {disease} here?", False),
    ],
)
def test_a_wording_must_not_give_an_answer_away(task: str, wording: str, usable: bool) -> None:
    """Names, levels, stray slots, control characters and markup are refused."""
    assert (why_not(task, wording, WORDS) is None) == usable
