"""/v1/responses, and the responses kept with VLLM_ENABLE_RESPONSES_API_STORE=1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from slurm.simulator import checks, prompts
from slurm.simulator import response_objects as objects
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
    said = _said(state, body)
    job = _job(state, body, said)
    state.admit(job)
    room = state.options.max_model_len - job.prompt_tokens
    whole = objects.opened(body, name, room)

    def ended(item_id: str) -> Body:
        """The whole response; where it is to be kept, it can be followed from now on."""
        done = objects.completed(whole, job, objects.message(item_id, job))
        if state.options.store and body.get("store", True):
            answer = {"role": "assistant", "content": job.answers[0].text}
            state.talks[done["id"]] = [*said, answer]
            state.responses[done["id"]] = done
        return done

    if body.get("stream"):
        await _stream(state, response, job, whole, ended)
        return
    await state.engine.complete(job)
    response.send_json(200, ended(f"msg_{new_id()}"))


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


def _said(state: State, body: Body) -> list[Any]:
    """The conversation until here. Instructions are for one response: they do not carry over."""
    before = state.talks.get(body.get("previous_response_id") or "", [])
    given = body["input"]
    messages = given if isinstance(given, list) else [{"role": "user", "content": given}]
    told = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
    carried = [m for m in before if not (isinstance(m, dict) and m.get("role") == "system")]
    return [*told, *carried, *messages]


def _job(state: State, body: Body, messages: list[Any]) -> Job:
    asked = body.get("max_output_tokens")
    limits = (None if asked is None else int(asked), state.options.max_model_len)
    prompt = prompts.render_chat(messages)
    return prompts.job(
        {**body, "n": 1}, prompt, prompts.quote_chat(messages), limits, state.options.faults
    )


async def _stream(
    state: State, response: Response, job: Job, whole: Body, ended: Callable[[str], Body]
) -> None:
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
        pending += _closing(event, job, ended(item_id), place)
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
    added = {"item": objects.message(item_id, None), "output_index": 0}
    yield event("response.output_item.added", added)
    yield event("response.content_part.added", {**place, "part": objects.part("", [])})


def _closing(event: _Events, job: Job, done: Body, place: Body) -> Iterator[str]:
    text = job.answers[0].text
    yield event("response.output_text.done", {**place, "logprobs": [], "text": text})
    yield event("response.content_part.done", {**place, "part": objects.part(text, None)})
    yield event("response.output_item.done", {"item": done["output"][0], "output_index": 0})
    yield event("response.completed", {"response": done})
