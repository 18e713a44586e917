"""Routes that generate nothing: the model list, tokens, health, metrics."""

from __future__ import annotations

import time
from typing import Any

from slurm.simulator import checks, metrics, prompts, text
from slurm.simulator.errors import fault, invalid
from slurm.simulator.exchange import Request, Response
from slurm.simulator.state import VERSION, State, new_id


async def models(state: State, _request: Request, response: Response) -> None:
    cards = [_card(state, name) for name in state.options.served_names]
    response.send_json(200, {"object": "list", "data": cards})


def _card(state: State, name: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "id": name,
        "object": "model",
        "created": now,
        "owned_by": "vllm",
        "root": state.options.model,
        "parent": None,
        "max_model_len": state.options.max_model_len,
        "permission": [_permission(now)],
    }


def _permission(now: int) -> dict[str, Any]:
    return {
        "id": f"modelperm-{new_id()}",
        "object": "model_permission",
        "created": now,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }


async def tokenize(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    if "prompt" not in body and "messages" not in body:
        places = ("body.prompt", "body.messages")
        raise invalid([fault("missing", place, "Field required", body) for place in places])
    checks.form(body, kinds={"prompt": "str", "messages": "list"})
    checks.served(body.get("model"), state.options.served_names)
    whole = body.get("prompt")
    if whole is None:
        whole = prompts.render_chat(body["messages"], body.get("tools") or ())
    found = text.pieces(whole)
    answer = {
        "count": len(found),
        "max_model_len": state.options.max_model_len,
        "tokens": [text.token_id(piece) for piece in found],
        "token_strs": found if body.get("return_token_strs") else None,
    }
    response.send_json(200, answer)


async def detokenize(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    checks.form(body, ["tokens"], {"tokens": "list"})
    checks.served(body.get("model"), state.options.served_names)
    response.send_json(200, {"prompt": text.detokenize(body["tokens"])})


async def health(_state: State, _request: Request, response: Response) -> None:
    """Healthy as long as the process lives, as vLLM's is through many a hang."""
    response.send(200, b"")


async def version(_state: State, _request: Request, response: Response) -> None:
    response.send_json(200, {"version": VERSION})


async def load(_state: State, _request: Request, response: Response) -> None:
    # vLLM counts here only when started with --enable-server-load-tracking.
    response.send_json(200, {"server_load": 0})


async def show_metrics(state: State, _request: Request, response: Response) -> None:
    words = metrics.render(state.engine.counters, state.options.served_names[0])
    response.send(200, words.encode(), metrics.CONTENT_TYPE)
