"""The JSON objects of /v1/responses, members in vLLM's order."""

from __future__ import annotations

import time
from typing import Any

from slurm.simulator.engine import Job
from slurm.simulator.state import new_id

Body = dict[str, Any]


def opened(body: Body, name: str, room: int) -> Body:
    """The response before anything is said. room: tokens left for the answer."""
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


def completed(whole: Body, job: Job, message: Body) -> Body:
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


def message(item_id: str, job: Job | None) -> Body:
    """The output item; without a job, as it is announced."""
    return {
        "id": item_id,
        "content": [part(job.answers[0].text, None)] if job else [],
        "role": "assistant",
        "status": "completed" if job else "in_progress",
        "type": "message",
        "phase": None,
    }


def part(text: str, logprobs: list[Any] | None) -> Body:
    return {"annotations": [], "text": text, "type": "output_text", "logprobs": logprobs}
