"""/v1/responses, and the responses kept with VLLM_ENABLE_RESPONSES_API_STORE=1."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from slurm.simulator import checks, prompts
from slurm.simulator.engine import Job
from slurm.simulator.errors import ApiError
from slurm.simulator.exchange import Request, Response, dumps
from slurm.simulator.state import State, new_id

Body = dict[str, Any]
NO_STORE = (
    "This vLLM engine does not support `store=True` and therefore does not support the background"
    " mode. To enable these features, set the environment variable"
    " `VLLM_ENABLE_RESPONSES_API_STORE=1` when launching the vLLM server."
)


async def create(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    # vLLM adds a member before it looks, and counts it when it tells what it got.
    checks.form({"tool_choice": "none", **body}, ["input"], {"instructions": "str"})
    name = checks.served(body.get("model"), state.options.served_names)
    _check_store(state, body)
    job = _job(state, body)
    state.admit(job)
    whole = _response(state, body, name, job)
    if body.get("stream"):
        await _stream(state, response, job, whole)
        return
    await state.engine.complete(job)
    whole = _completed(whole, job, _message(f"msg_{new_id()}", job))
    if state.options.store and body.get("store", True):
        state.responses[whole["id"]] = whole
    response.send_json(200, whole)


async def retrieve(state: State, request: Request, response: Response) -> None:
    response.send_json(200, _kept(state, request.path.split("/")[3]))


async def cancel(state: State, request: Request, _response: Response) -> None:
    _kept(state, request.path.split("/")[3])
    words = "Cannot cancel a synchronous response."
    raise ApiError(words, "response_id", kind="invalid_request_error")


def _kept(state: State, response_id: str) -> Body:
    if response_id not in state.responses:
        words = f"Response with id '{response_id}' not found."
        raise ApiError(words, "response_id", 404, "invalid_request_error")
    return state.responses[response_id]


def _check_store(state: State, body: Body) -> None:
    if body.get("background") and body.get("store", True):
        # Background responses are not simulated, so the words are vLLM's for a server without them.
        raise ApiError(NO_STORE, "background", kind="invalid_request_error")
    if body.get("previous_response_id"):
        _kept(state, body["previous_response_id"])


def _job(state: State, body: Body) -> Job:
    given = body["input"]
    messages = given if isinstance(given, list) else [{"role": "user", "content": given}]
    if body.get("instructions"):
        messages = [{"role": "system", "content": body["instructions"]}, *messages]
    asked = body.get("max_output_tokens")
    limits = (None if asked is None else int(asked), state.options.max_model_len)
    prompt = prompts.render_chat(messages)
    return prompts.job(
        {**body, "n": 1}, prompt, prompts.quote_chat(messages), limits, state.options.faults
    )


def _response(state: State, body: Body, name: str, job: Job) -> Body:
    """The response before anything is said, members in vLLM's order."""
    room = state.options.max_model_len - job.prompt_tokens
    return {
        "id": f"resp_{new_id()}",
        "created_at": int(time.time()),
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata"),
        "model": name,
        "object": "response",
        "output": [],
        "parallel_tool_calls": True,
        "temperature": float(body.get("temperature", 1.0)),
        "tool_choice": body.get("tool_choice", "none"),
        "tools": body.get("tools", []),
        "top_p": float(body.get("top_p", 1.0)),
        "background": False,
        "max_output_tokens": body.get("max_output_tokens", room),
        "max_tool_calls": None,
        "previous_response_id": body.get("previous_response_id"),
        "prompt": None,
        "reasoning": None,
        "service_tier": "auto",
        "status": "in_progress",
        "text": None,
        "top_logprobs": None,
        "truncation": "disabled",
        "usage": None,
        "user": body.get("user"),
        "presence_penalty": float(body.get("presence_penalty", 0.0)),
        "frequency_penalty": float(body.get("frequency_penalty", 0.0)),
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "input_messages": None,
        "output_messages": None,
    }


def _completed(whole: Body, job: Job, message: Body) -> Body:
    cut = job.answers[0].finish_reason == "length"
    return {
        **whole,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": [message],
        "status": "incomplete" if cut else "completed",
        "usage": {
            "input_tokens": job.prompt_tokens,
            "input_tokens_details": {
                "cached_tokens": 0,
                "cache_write_tokens": 0,
                "input_tokens_per_turn": [],
                "cached_tokens_per_turn": [],
            },
            "output_tokens": job.completion_tokens,
            "output_tokens_details": {
                "reasoning_tokens": 0,
                "tool_output_tokens": 0,
                "output_tokens_per_turn": [],
                "tool_output_tokens_per_turn": [],
            },
            "total_tokens": job.prompt_tokens + job.completion_tokens,
        },
    }


def _message(item_id: str, job: Job | None) -> Body:
    """The output item; without a job, as it is announced."""
    return {
        "id": item_id,
        "content": [_part(job.answers[0].text, None)] if job else [],
        "role": "assistant",
        "status": "completed" if job else "in_progress",
        "type": "message",
        "phase": None,
    }


def _part(text: str, logprobs: list[Any] | None) -> Body:
    return {"annotations": [], "text": text, "type": "output_text", "logprobs": logprobs}


async def _stream(state: State, response: Response, job: Job, whole: Body) -> None:
    """Events in vLLM's order; there is no [DONE], and none after an error."""
    response.start()
    event = _Events()
    item_id = f"msg_{new_id()}"
    place = {"content_index": 0, "item_id": item_id, "output_index": 0}
    pending = list(_opening(event, whole, item_id, place))
    tokens = state.engine.run(job)
    try:
        async for batch in tokens:
            deltas = (
                event("response.output_text.delta", {**place, "delta": t.text, "logprobs": []})
                for t in batch
                if t.text
            )
            await response.write([*pending, *deltas])
            pending = []
        pending += _closing(event, job, whole, item_id, place)
    except ApiError as error:
        words = error.body["error"]["message"]
        pending = [event("error", {"code": "server_error", "message": words, "param": None})]
    finally:
        await tokens.aclose()
    await response.write(pending)
    response.finish()


class _Events:
    """Numbers the events of one stream; members in alphabetical order, as vLLM's are."""

    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self, kind: str, members: Body) -> str:
        numbered = {**members, "sequence_number": next(self._numbers), "type": kind}
        return f"event: {kind}\ndata: {dumps(dict(sorted(numbered.items())))}\n\n"


def _opening(event: _Events, whole: Body, item_id: str, place: Body) -> Iterator[str]:
    yield event("response.created", {"response": whole})
    yield event("response.in_progress", {"response": whole})
    added = {"item": _message(item_id, None), "output_index": 0}
    yield event("response.output_item.added", added)
    yield event("response.content_part.added", {**place, "part": _part("", [])})


def _closing(event: _Events, job: Job, whole: Body, item_id: str, place: Body) -> Iterator[str]:
    text = job.answers[0].text
    message = _message(item_id, job)
    yield event("response.output_text.done", {**place, "logprobs": [], "text": text})
    yield event("response.content_part.done", {**place, "part": _part(text, None)})
    yield event("response.output_item.done", {"item": message, "output_index": 0})
    yield event("response.completed", {"response": _completed(whole, job, message)})
