"""A `Complete` for whoever asks a model single questions: through the cache, the ledger and a cap, as any other."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from orchestrator import config
from orchestrator.commands.running import registered
from orchestrator.commands.workspace import Workspace
from orchestrator.dataset.images import ImageLoader
from orchestrator.errors import OrchestratorError
from orchestrator.inference import client
from orchestrator.inference.executor import LocalExecutor
from orchestrator.inference.plan import Plan
from orchestrator.inference.questions import Question
from orchestrator.inference.runner import Runner
from orchestrator.records import Complete, Model, Reply, Request
from orchestrator.store import replies, runs, status
from orchestrator.store.database import Store
from orchestrator.store.runs import RunSpec


@asynccontextmanager
async def completing(workspace: Workspace, model: Model, name: str, budget_nanousd: int) -> AsyncIterator[Complete]:
    """Yield a function that asks `model` and returns the paid reply, as a run of that name under its cap.

    Raises ConfigError for a key or route that cannot be used. The function raises OrchestratorError where no reply
    came, saying why.
    """
    keys = {model.provider.name: config.api_key(model.provider)}
    client.route(model.litellm_model)
    async with Store(workspace.cache) as store:
        row = await store.do(runs.open_run, RunSpec(name, "", ""), budget_nanousd, time.time())
        async with registered(store) as process_id, client.Client() as calls:
            executor = LocalExecutor(calls, ImageLoader(), keys)

            async def complete(request: Request) -> Reply:
                async def question(_: Model) -> AsyncGenerator[Question, None]:
                    yield Question(request.key, 0, 0, "", request)

                runner = Runner(Plan(row.id, process_id, (model,)), question, store, executor)
                await runner.run()
                reply = await store.do(replies.find, request.key)
                if reply is None:
                    found = await store.do(status.run_of, row.id)
                    why = [stop.reason for stop in runner.stops]
                    why += [reason for one in found.models for reason, _ in one.failures]
                    raise OrchestratorError(f"{model.alias} gave no reply: {'; '.join(why) or 'no reason was given'}")
                return reply

            yield complete
