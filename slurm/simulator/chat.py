"""/v1/chat/completions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from slurm.simulator import checks, logprobs, prompts, sse, tools
from slurm.simulator.engine import Answer, Job, Token
from slurm.simulator.exchange import Request, Response
from slurm.simulator.state import State, new_id

Body = dict[str, Any]
Chunk = dict[str, Any]


async def create(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    checks.form(body, ["messages"], {"messages": "list", "logprobs": "bool", "top_logprobs": "int"})
    checks.together(body)
    name = checks.served(body.get("model"), state.options.served_names)
    job = _job(state, body)
    state.admit(job)
    head = {"id": _id(request), "created": int(time.time()), "model": name}
    if body.get("stream"):
        chunks = Stream(body, head, job, state.options.tool_parser)
        await sse.stream(state, response, job, chunks)
        return
    await state.engine.complete(job)
    response.send_json(200, _whole(body, head, job))


def _id(request: Request) -> str:
    # vLLM makes the client's X-Request-Id part of the answer's id.
    return "chatcmpl-" + (request.headers.get("x-request-id") or new_id())


def _job(state: State, body: Body) -> Job:
    messages = body["messages"]
    checks.conversation(messages)
    tools.check(body, state.options.tool_parser)
    checks.logprobs(body.get("top_logprobs"))
    asked = body.get("max_completion_tokens")
    asked = body.get("max_tokens") if asked is None else asked
    limits = (None if asked is None else int(asked), state.options.max_model_len)
    prompt = prompts.render_chat(messages, body.get("tools") or ())
    job = prompts.job(body, prompt, prompts.quote_chat(messages), limits, state.options.faults)
    return tools.with_call(job, body)


def _whole(body: Body, head: Chunk, job: Job) -> Chunk:
    return {
        "id": head["id"],
        "object": "chat.completion",
        "created": head["created"],
        "model": head["model"],
        "choices": [_choice(body, index, answer) for index, answer in enumerate(job.answers)],
        "service_tier": None,
        "system_fingerprint": sse.FINGERPRINT,
        "usage": sse.full_usage(job.prompt_tokens, job.completion_tokens),
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "prompt_text": None,
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }


def _choice(body: Body, index: int, answer: Answer) -> Chunk:
    call = tools.call_of(answer)
    return {
        "index": index,
        "message": {
            "role": "assistant",
            "content": tools.content_of(answer),
            "refusal": None,
            "annotations": None,
            "audio": None,
            "function_call": None,
            **({"tool_calls": [call]} if call else {}),
            "reasoning": None,
        },
        "logprobs": logprobs.chat(body, answer.pieces),
        "finish_reason": answer.finish_reason,
        "stop_reason": answer.stop_reason,
        "token_ids": None,
        "routed_experts": None,
    }


class Stream:
    """The chunks of one chat answer, each as a dict."""

    def __init__(self, body: Body, head: Chunk, job: Job, parser: bool) -> None:
        self._body, self._job, self._parser = body, job, parser
        self._head = {
            "id": head["id"],
            "object": "chat.completion.chunk",
            "created": head["created"],
            "model": head["model"],
        }
        self.options = sse.StreamOptions.of(body)

    def opening(self) -> Sequence[Chunk]:
        """One chunk for each choice, that tells the role; sent with the first token."""
        return [
            {
                **self._chunk(self._delta(index, {"role": "assistant", "content": ""}), 0),
                "prompt_token_ids": None,
                "prompt_text": None,
            }
            for index in range(len(self._job.answers))
        ]

    def token(self, token: Token) -> Chunk:
        answer = self._job.answers[token.index]
        choice = self._delta(token.index, tools.delta(answer, token, self._parser))
        choice["logprobs"] = logprobs.chat(self._body, [token.text])
        if token.last:
            choice.update(finish_reason=answer.finish_reason, stop_reason=answer.stop_reason)
        choice["token_ids"] = None
        chunk = self._chunk(choice, token.position + 1)
        if token.last and not self.options.usage:
            chunk["system_fingerprint"] = sse.FINGERPRINT
        return chunk

    def template(self, index: int) -> Chunk | None:
        if self.options.continuous or self._body.get("logprobs") or self._job.answers[index].call:
            return None
        choice = {**self._delta(index, {"content": sse.MARK}), "token_ids": None}
        return self._chunk(choice, 0)

    def closing(self) -> Sequence[Chunk]:
        if not self.options.usage:
            return []
        usage = sse.usage(self._job.prompt_tokens, self._job.completion_tokens)
        end = {"choices": [], "usage": usage, "system_fingerprint": sse.FINGERPRINT}
        return [{**self._head, **end}]

    def _delta(self, index: int, delta: Chunk) -> Chunk:
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}

    def _chunk(self, choice: Chunk, tokens: int) -> Chunk:
        chunk = {**self._head, "choices": [choice]}
        if self.options.continuous:
            usage = sse.usage(self._job.prompt_tokens, tokens)
            chunk["usage"] = {**usage, "completion_tokens_details": None}
        return chunk
