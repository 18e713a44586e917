"""/v1/completions: one prompt or several, as text or as token ids."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from slurm.simulator import checks, logprobs, prompts, sse
from slurm.simulator.engine import Answer, Job, Token
from slurm.simulator.errors import fault, invalid, refused
from slurm.simulator.exchange import Request, Response
from slurm.simulator.state import State, new_id

Body = dict[str, Any]
Chunk = dict[str, Any]
DEFAULT_MAX_TOKENS = 16


async def create(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    given = _prompts(body)
    checks.form(body, kinds={"logprobs": "int", "echo": "bool"})
    checks.together({**body, "top_logprobs": None})
    name = checks.served(body.get("model"), state.options.served_names)
    job = _job(state, body, given)
    state.admit(job)
    key = "cmpl-" + (request.headers.get("x-request-id") or new_id())
    head = {"id": key, "object": "text_completion", "created": int(time.time()), "model": name}
    if body.get("stream"):
        await sse.stream(state, response, job, Stream(body, head, job))
        return
    await state.engine.complete(job)
    response.send_json(200, _whole(body, head, job))


def _prompts(body: Body) -> list[Any]:
    """The prompts as a list, each text or ids."""
    prompt = body.get("prompt")
    if prompt is None or prompt in ("", []):
        raise refused("Either prompt or prompt_embeds must be provided and non-empty.", "prompt")
    if not isinstance(prompt, (str, list)):
        # One for each form a prompt may have: ids, lists of ids, text, texts.
        raise invalid(
            [
                fault(f"{kind}_type", "body.prompt", f"Input should be a valid {kind}", prompt)
                for kind in ("list", "list", "string", "list")
            ]
        )
    many = isinstance(prompt, list) and not isinstance(prompt[0], int)
    return list(prompt) if many else [prompt]


def _job(state: State, body: Body, given: list[Any]) -> Job:
    """One job for all prompts: their answers side by side, numbered through."""
    checks.logprobs(body.get("logprobs"))
    asked = body.get("max_tokens")
    limits = (DEFAULT_MAX_TOKENS if asked is None else int(asked), state.options.max_model_len)
    jobs = [
        prompts.job(body, each, each if isinstance(each, str) else "", limits, state.options.faults)
        for each in given
    ]
    answers = tuple(chain.from_iterable(job.answers for job in jobs))
    if body.get("echo"):
        count = len(answers) // len(jobs)
        answers = tuple(_echoing(answers[i], given[i // count]) for i in range(len(answers)))
    return replace(jobs[0], prompt_tokens=sum(job.prompt_tokens for job in jobs), answers=answers)


def _echoing(answer: Answer, prompt: Any) -> Answer:
    # The prompt is put before the first token: it costs no tokens of the answer.
    first = f"{prompt}{answer.pieces[0]}" if isinstance(prompt, str) else answer.pieces[0]
    return replace(answer, pieces=[first, *answer.pieces[1:]])


def _whole(body: Body, head: Chunk, job: Job) -> Chunk:
    return {
        **head,
        "choices": [_choice(body, index, answer) for index, answer in enumerate(job.answers)],
        "service_tier": None,
        "system_fingerprint": sse.FINGERPRINT,
        "usage": sse.full_usage(job.prompt_tokens, job.completion_tokens),
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }


def _choice(body: Body, index: int, answer: Answer) -> Chunk:
    return {
        "index": index,
        "text": answer.text,
        "logprobs": logprobs.completion(body, answer.pieces),
        "finish_reason": answer.finish_reason,
        "stop_reason": answer.stop_reason,
        "token_ids": None,
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "routed_experts": None,
    }


class Stream:
    """The chunks of one completion, each as a dict."""

    def __init__(self, body: Body, head: Chunk, job: Job) -> None:
        self._body, self._head, self._job = body, head, job
        self.options = sse.StreamOptions.of(body)

    def opening(self) -> Sequence[Chunk]:
        return []

    def token(self, token: Token) -> Chunk:
        answer = self._job.answers[token.index]
        chunk = self._chunk(token.index, token.text, token.position + 1)
        choice = chunk["choices"][0]
        offset = len("".join(answer.pieces[: token.position]))
        choice["logprobs"] = logprobs.completion(self._body, [token.text], offset)
        if token.last:
            choice.update(finish_reason=answer.finish_reason, stop_reason=answer.stop_reason)
            if not self.options.usage:
                chunk["system_fingerprint"] = sse.FINGERPRINT
        return chunk

    def template(self, index: int) -> Chunk | None:
        if self.options.continuous or self._body.get("logprobs") is not None:
            return None
        return self._chunk(index, sse.MARK, 0)

    def closing(self) -> Sequence[Chunk]:
        if not self.options.usage:
            return []
        usage = sse.usage(self._job.prompt_tokens, self._job.completion_tokens)
        end = {"choices": [], "usage": usage, "system_fingerprint": sse.FINGERPRINT}
        return [{**self._head, **end}]

    def _chunk(self, index: int, text: str, tokens: int) -> Chunk:
        choice = {
            "index": index,
            "text": text,
            "logprobs": None,
            "finish_reason": None,
            "stop_reason": None,
            "prompt_token_ids": None,
            "token_ids": None,
        }
        chunk = {**self._head, "choices": [choice]}
        if self.options.continuous:
            chunk["usage"] = sse.usage(self._job.prompt_tokens, tokens)
        return chunk
