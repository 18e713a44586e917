"""/v1/messages and /v1/messages/count_tokens: Anthropic's protocol, as vLLM speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slurm.simulator import checks, prompts, text
from slurm.simulator.engine import Job
from slurm.simulator.errors import ApiError
from slurm.simulator.exchange import Request, Response, dumps
from slurm.simulator.state import State, new_id

Body = dict[str, Any]
_STOP_REASONS = {"length": "max_tokens", "stop": "end_turn"}


async def create(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    checks.form(body, ["model", "messages", "max_tokens"], {"messages": "list"})
    try:
        name = checks.served(body["model"], state.options.served_names)
        job = _job(state, body)
        state.admit(job)
    except ApiError as error:  # beyond the form of the body, errors are in Anthropic's envelope
        response.send_json(error.status, {"type": "error", "error": _short(error)})
        return
    key = f"chatcmpl-{new_id()}"
    if body.get("stream"):
        await _stream(state, response, job, {"id": key, "model": name})
        return
    await state.engine.complete(job)
    response.send_json(200, _whole(key, name, job))


async def count_tokens(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    checks.form(body, ["model", "messages"], {"messages": "list"})
    checks.served(body["model"], state.options.served_names)
    size = len(text.pieces(_prompt(body)))
    context = {"original_input_tokens": size}
    response.send_json(200, {"input_tokens": size, "context_management": context})


def _short(error: ApiError) -> Body:
    return {"type": error.body["error"]["type"], "message": error.body["error"]["message"]}


def _prompt(body: Body) -> str:
    system = body.get("system")
    before = [{"role": "system", "content": system}] if system else []
    return prompts.render_chat([*before, *body["messages"]])


def _job(state: State, body: Body) -> Job:
    limits = (int(body["max_tokens"]), state.options.max_model_len)
    quoted = prompts.quote_chat(body["messages"])
    asked = {**body, "n": 1, "stop": body.get("stop_sequences")}
    return prompts.job(asked, _prompt(body), quoted, limits, state.options.faults)


def _usage(job: Job, output_tokens: int) -> Body:
    return {"input_tokens": job.prompt_tokens, "output_tokens": output_tokens}


def _whole(key: str, name: str, job: Job) -> Body:
    answer = job.answers[0]
    return {
        "id": key,
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": answer.text}],
        "model": name,
        "stop_reason": _STOP_REASONS[answer.finish_reason],
        "usage": _usage(job, job.completion_tokens),
    }


async def _stream(state: State, response: Response, job: Job, head: Body) -> None:
    response.start()
    pending = list(_opening(job, head))
    tokens = state.engine.run(job)
    try:
        async for batch in tokens:
            await response.write([*pending, *(_delta(t.text) for t in batch if t.text)])
            pending = []
        pending += _closing(job)
    except ApiError as error:
        words = error.body["error"]["message"]
        pending = [_event("error", {"error": {"type": "internal_error", "message": words}})]
    finally:
        await tokens.aclose()
    await response.write(pending)
    response.finish()


def _event(kind: str, members: Body) -> str:
    return f"event: {kind}\ndata: {dumps({'type': kind, **members})}\n\n"


def _delta(words: str) -> str:
    delta = {"type": "text_delta", "text": words}
    return _event("content_block_delta", {"delta": delta, "index": 0})


def _opening(job: Job, head: Body) -> Iterator[str]:
    message = {
        "id": head["id"],
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": head["model"],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(job, 0),
    }
    yield _event("message_start", {"message": message})
    block = {"type": "text", "text": ""}
    yield _event("content_block_start", {"content_block": block, "index": 0})


def _closing(job: Job) -> Iterator[str]:
    reason = _STOP_REASONS[job.answers[0].finish_reason]
    yield _event("content_block_stop", {"index": 0})
    yield _event(
        "message_delta",
        {
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": _usage(job, job.completion_tokens),
        },
    )
    yield _event("message_stop", {})
