"""Tool calls: a chat that offers tools is answered with a call of the first or the named one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from slurm.simulator import text
from slurm.simulator.engine import Answer, Job, Token, ToolCall
from slurm.simulator.errors import ApiError
from slurm.simulator.state import new_id

Body = dict[str, Any]
_EXAMPLES = {"integer": 42, "number": 4.2, "boolean": True, "array": [], "object": {}}


def check(body: Body, parser: bool) -> None:
    """An engine started without a parser for them refuses calls, as vLLM does."""
    choice = body.get("tool_choice", "auto" if body.get("tools") else None)
    if parser or choice in (None, "none"):
        return
    if choice == "auto":
        flags = "--enable-auto-tool-choice and --tool-call-parser"
        raise ApiError(f'"auto" tool choice requires {flags} to be set')
    named = (
        f'function "{choice["function"]["name"]}"' if isinstance(choice, dict) else f'"{choice}"'
    )
    raise ApiError(f"tool_choice={named} requires --tool-call-parser to be set")


def with_call(job: Job, body: Body) -> Job:
    """The job, answering with a tool call where the request asks for one.

    A conversation that ends with a tool's result is answered in words: else it would never end.
    """
    choice = body.get("tool_choice", "auto")
    if not body.get("tools") or choice in (None, "none") or _has_result(body):
        return job
    answers = (_call(body["tools"], choice) for _ in job.answers)
    return replace(job, answers=tuple(answers))


def _has_result(body: Body) -> bool:
    last = body["messages"][-1]
    return isinstance(last, dict) and last.get("role") == "tool"


def _call(offered: list[Any], choice: Any) -> Answer:
    named = choice["function"]["name"] if isinstance(choice, dict) else None
    functions = [tool["function"] for tool in offered]
    function = next((each for each in functions if each["name"] == named), functions[0])
    properties = (function.get("parameters") or {}).get("properties") or {}
    arguments = {name: _example(schema) for name, schema in properties.items()}
    spoken = json.dumps(arguments, ensure_ascii=False)
    call = ToolCall(f"chatcmpl-tool-{new_id()}", function["name"], spoken, choice != "auto")
    reason = "stop" if named else "tool_calls"
    return Answer([call.name, *text.pieces(spoken), ""], reason, call=call)


def _example(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return "Jülich"
    if schema.get("enum"):
        return schema["enum"][0]
    return _EXAMPLES.get(schema.get("type", "string"), "Jülich")


def content_of(answer: Answer) -> str | None:
    """The `content` of a whole answer: null beside a call of the model's own choice."""
    if answer.call is None:
        return answer.text
    return "" if answer.call.demanded else None


def call_of(answer: Answer) -> dict[str, Any] | None:
    """The `tool_calls` entry of a whole answer."""
    if answer.call is None:
        return None
    function = {"name": answer.call.name, "arguments": answer.call.arguments}
    return {"id": answer.call.call_id, "type": "function", "function": function}


def delta(answer: Answer, token: Token, parser: bool) -> dict[str, Any]:
    """What a stream tells with one token: the name first, then the arguments in pieces."""
    if answer.call is None:
        # A parser has nothing to tell of the token without text that ends an answer.
        return {} if parser and not token.text else {"content": token.text}
    if token.last:
        return {}
    part: dict[str, Any] = {"index": 0, "function": {"arguments": token.text}}
    if token.position == 0:
        function = {"name": answer.call.name}
        part = {"id": answer.call.call_id, "type": "function", "index": 0, "function": function}
    return {"content": None, "tool_calls": [part]}
