"""The client the simulator was made for: LiteLLM itself, in a process of its own, against all three dialects."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys

from PIL import Image

from orchestrator.simulator import DEFAULT_KEY, Fault, Settings, running

SCRIPT = """
import asyncio, json, sys
import litellm
litellm.suppress_debug_info = True
url, key, picture = sys.argv[1:]
TEXT = "What is it?\\nA. Healthy\\nB. Osteophytes\\nEnd with: My final option: [X]"
BASES = {"openai": "/openai/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}

async def ask(dialect, key, seen=True):
    parts = [{"type": "text", "text": TEXT}]
    if seen:
        parts.append({"type": "image_url", "image_url": {"url": "data:image/png;base64," + picture, "detail": "high"}})
    messages = [{"role": "system", "content": "Answer."}, {"role": "user", "content": parts}]
    try:
        reply = await litellm.acompletion(
            model=f"{dialect}/sim-spine-large", api_base=url + BASES[dialect], api_key=key, messages=messages,
            max_tokens=400, temperature=0.0, max_retries=0, num_retries=0)
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)}
    choice = reply.choices[0]
    return {"text": choice.message.content, "finish": choice.finish_reason,
            "tokens": [reply.usage.prompt_tokens, reply.usage.completion_tokens]}

async def main():
    told = {}
    for dialect in BASES:
        told[dialect] = [await ask(dialect, key), await ask(dialect, key, seen=False),
                         await ask(dialect, "wrong"), await ask(dialect, key), await ask(dialect, key)]
    await litellm.close_litellm_async_clients()
    print(json.dumps(told))

asyncio.run(main())
"""

SWITCHES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_MODE": "PRODUCTION",
}


def test_litellm_understands_every_dialect() -> None:
    """Text, picture, usage, a wrong key, a 429 and an overload come through LiteLLM as from the real providers."""
    buffer = io.BytesIO()
    Image.new("L", (64, 64), 90).save(buffer, "PNG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    script = (None, None, None, Fault.RATE_LIMITED, Fault.OVERLOADED) * 3
    with running(Settings(script=script)) as sim:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, sim.url, DEFAULT_KEY, picture],
            env={**os.environ, **SWITCHES},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        ledger = sim.ledger()
    told = json.loads(done.stdout)
    billed_in = billed_out = 0
    for dialect, (seen, unseen, denied, limited, overloaded) in told.items():
        for reply in (seen, unseen):
            assert reply["text"].splitlines()[-1] in {"My final option: [A]", "My final option: [B]"}, dialect
            assert reply["finish"] == "stop"
            billed_in += reply["tokens"][0]
            billed_out += reply["tokens"][1]
        assert seen["tokens"][0] > unseen["tokens"][0]
        assert denied["error"] == "AuthenticationError"
        assert limited["error"] == "RateLimitError"
        assert overloaded["error"] in {"ServiceUnavailableError", "InternalServerError"}
    assert ledger["total"]["requests"] == 15
    assert ledger["total"]["billed"] == 6
    assert (ledger["total"]["input_tokens"], ledger["total"]["output_tokens"]) == (billed_in, billed_out)
