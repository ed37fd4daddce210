"""What an attempt cost, from what became of it: settled, released, or charged in doubt. Pure."""

from __future__ import annotations

from typing import assert_never

from orchestrator.inference.executor import Tried
from orchestrator.inference.headroom import pause
from orchestrator.inference.pricing import cost
from orchestrator.inference.retry import Again, Done, Meaning
from orchestrator.records import Lost, Model, NotSent, Rejected, Replied, Reply
from orchestrator.store.ledger import Intent, Settlement, State

BELIEVED = 1000
"""A bill above this multiple of its own worst case is a fault of the report and stays in doubt: no way of counting a
picture differs that much from another."""


def settlement(model: Model, intent: Intent, tried: Tried, meaning: Meaning, now: float) -> Settlement:
    """Return how an attempt's money, record and reply are to be kept, from what became of it and what that means."""
    sent = ",".join(tried.sent)
    match tried.result:
        case Replied() as replied:
            return _paid(model, intent, replied, now, sent)
        case Rejected(status, _, body):
            wait = meaning.after_s if isinstance(meaning, Again) else None
            reason = "" if isinstance(meaning, Done) else meaning.reason
            until = 0.0 if wait is None else now + wait
            return Settlement(State.RELEASED, 0, now, status, reason, body, sent, pause_until=until)
        case NotSent(reason):
            return Settlement(State.RELEASED, 0, now, reason=reason, tokens_used=0)
        case Lost(reason, raw):
            return Settlement(State.DOUBT, None, now, reason=reason, body=raw, sent=sent)
        case _:
            assert_never(tried.result)


def _paid(model: Model, intent: Intent, replied: Replied, now: float, sent: str) -> Settlement:
    usage = replied.usage
    bill = None if usage is None else cost(usage, model.price)
    believed = bill is not None and bill <= BELIEVED * intent.reserve_nanousd
    reply = Reply(
        key=intent.key,
        text=replied.text,
        ending=replied.ending,
        finish_reason=replied.finish_reason,
        usage=usage if believed else None,
        cost_nanousd=bill if bill is not None and believed else intent.reserve_nanousd,
        latency_s=replied.latency_s,
        raw=replied.raw,
        created_at=now,
    )
    return Settlement(
        state=State.SETTLED if believed else State.DOUBT,
        charge_nanousd=bill if believed else None,
        ended_at=now,
        status=200,
        reason="" if believed else "answered, but the usage it reports is missing or cannot be true",
        sent=sent,
        reply=reply,
        tokens_used=usage.input_tokens + usage.output_tokens if usage is not None and believed else None,
        pause_until=now + wait if (wait := pause(replied.headers, intent.tokens, now)) else 0.0,
    )
