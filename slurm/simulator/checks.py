"""Is a body what the route takes? vLLM's checks, in vLLM's order and words.

First the form (pydantic: every fault is told), then what fits together, then the model's name, then
the values. Each function raises ApiError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slurm.simulator.errors import ApiError, fault, invalid, refused, refused_value
from slurm.simulator.exchange import Request

Body = dict[str, Any]
MAX_LOGPROBS = 20
MAX_CHOICES = 16384
RAISE_CHOICES = "To increase this limit, set the VLLM_MAX_N_SEQUENCES environment variable."

# kind of a member -> (pydantic's type and words when it is of the wrong JSON type, when it is a
# string that does not parse)
_WORDS = {
    "str": ("string_type", "Input should be a valid string", "", ""),
    "list": ("list_type", "Input should be a valid list", "", ""),
    "int": (
        "int_type",
        "Input should be a valid integer",
        "int_parsing",
        "Input should be a valid integer, unable to parse string as an integer",
    ),
    "float": (
        "float_type",
        "Input should be a valid number",
        "float_parsing",
        "Input should be a valid number, unable to parse string as a number",
    ),
    "bool": (
        "bool_type",
        "Input should be a valid boolean",
        "bool_parsing",
        "Input should be a valid boolean, unable to interpret input",
    ),
}
COMMON = {
    "model": "str",
    "max_tokens": "int",
    "max_completion_tokens": "int",
    "max_output_tokens": "int",
    "n": "int",
    "stream": "bool",
    "temperature": "float",
    "top_p": "float",
    "user": "str",
}


def json_body(request: Request) -> Body:
    """The body as an object. vLLM answers 400, not 415, to another content type."""
    if request.headers.get("content-type", "").partition(";")[0].lower() != "application/json":
        words = "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed"
        raise ApiError(words, kind="Bad Request")
    if not request.body:
        raise invalid([fault("missing", "body", "Field required", None)])
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise _no_json(error) from None
    if not isinstance(body, dict):
        words = "Input should be a valid dictionary or object to extract fields from"
        raise invalid([fault("model_attributes_type", "body", words, body)])
    return body


def _no_json(error: ValueError) -> ApiError:
    place, words = 0, str(error)
    if isinstance(error, json.JSONDecodeError):
        place, words = error.pos, error.msg
    found = fault("json_invalid", f"body.{place}", "JSON decode error", {})
    return invalid([{**found, "ctx": {"error": words}}])  # type: ignore[dict-item]


def form(body: Body, required: Sequence[str] = (), kinds: Mapping[str, str] | None = None) -> None:
    """Required members are there; known members, unless null, have their type."""
    found = [
        fault("missing", f"body.{name}", "Field required", body)
        for name in required
        if name not in body
    ]
    for name, kind in {**COMMON, **(kinds or {})}.items():
        value = body.get(name)
        if value is not None:
            found += _wrong_type(name, kind, value)
    if isinstance(stop := body.get("stop", []), (str, list, type(None))) is False:
        found += _wrong_type("stop", "str", stop) + _wrong_type("stop", "list", stop)
    if found:
        raise invalid(found)


def _wrong_type(name: str, kind: str, value: object) -> list[dict[str, str]]:
    mismatch, words, unparsed, parse_words = _WORDS[kind]
    if _fits(kind, value):
        return []
    if isinstance(value, str) and unparsed:
        mismatch, words = unparsed, parse_words
    return [fault(mismatch, f"body.{name}", words, value)]


def _fits(kind: str, value: object) -> bool:
    if kind in ("str", "list"):
        return isinstance(value, str if kind == "str" else list)
    if kind == "bool":
        return isinstance(value, bool) or str(value).lower() in _BOOLEANS
    try:
        float(value) if kind == "float" else int(value)  # type: ignore[arg-type, call-overload]
    except (TypeError, ValueError):
        return False
    return kind == "float" or not isinstance(value, float) or value.is_integer()


_BOOLEANS = {"0", "1", "true", "false", "yes", "no", "on", "off", "t", "f", "y", "n"}


def together(body: Body) -> None:
    """Members that need one another."""
    if body.get("stream_options") and not body.get("stream"):
        words = "Stream options can only be defined when `stream=True`."
        raise refused(words, "stream_options")
    if body.get("top_logprobs") and not body.get("logprobs"):
        words = "when using `top_logprobs`, `logprobs` must be set to true."
        raise refused(words, "top_logprobs")
    if body.get("tools") == []:
        words = "`tools` must not be an empty array. Either provide at least one tool or omit the"
        raise refused(f"{words} field entirely.", "tools")
    if body.get("tool_choice") not in (None, "none") and not body.get("tools"):
        raise refused("When using `tool_choice`, `tools` must be set.", "tool_choice")


def conversation(messages: Sequence[object]) -> None:
    """At least one message, each an object with a role."""
    if not messages:
        words = "Cannot apply chat template to an empty conversation. Provide at least one message."
        raise ApiError(words)
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or "role" not in message:
            place = f"body.messages.{index}.role"
            raise invalid([fault("missing", place, "Field required", message)])


def served(model: object, names: Sequence[str]) -> str:
    """The name answers carry: always the first. An omitted model is fine."""
    if model and model not in names:
        words = f"The model `{model}` does not exist. Valid aliases: {', '.join(names)}."
        raise ApiError(words, "model", 404)
    return names[0]


def values(body: Body, prompt_tokens: int, max_tokens: int | None, max_model_len: int) -> None:
    """Ranges, and whether prompt and answer fit the model."""
    if max_tokens is not None and max_tokens > max_model_len:
        words = f"max_tokens={max_tokens} cannot be greater than max_model_len={max_model_len}."
        raise refused_value(
            f"{words} Please request fewer output tokens.", "max_tokens", max_tokens
        )
    if prompt_tokens > max_model_len:
        raise _too_long(max_model_len)
    if (count := body.get("n")) is not None and int(count) < 1:
        raise ApiError(f"n must be at least 1, got {count}.")
    if int(count or 1) > MAX_CHOICES:
        raise ApiError(f"n must be at most {MAX_CHOICES}, got {count}. {RAISE_CHOICES}")
    if (heat := body.get("temperature")) is not None and not 0 <= float(heat) <= 2:
        words = "non-negative" if float(heat) < 0 else "in [0, 2]"
        text = f"temperature must be {words}, got {float(heat)}."
        raise refused_value(text, "temperature", float(heat))
    if (top_p := body.get("top_p")) is not None and not 0 < float(top_p) <= 1:
        text = f"top_p must be in (0, 1], got {float(top_p)}."
        raise refused_value(text, "top_p", float(top_p))
    budget = max_model_len - prompt_tokens if max_tokens is None else max_tokens
    if budget < 1:
        text = f"max_tokens must be at least 1, got {budget}."
        raise refused_value(text, "max_tokens", budget)


def logprobs(count: object) -> None:
    """vLLM's default limit (--max-logprobs)."""
    if count is not None and int(str(count)) > MAX_LOGPROBS:
        words = f"Requested sample logprobs of {count}, which is greater than max allowed:"
        raise refused_value(f"{words} {MAX_LOGPROBS}", "logprobs", count)


def _too_long(limit: int) -> ApiError:
    # vLLM stops counting one token beyond the limit.
    words = (
        f"This model's maximum context length is {limit} tokens. However, your prompt contains at"
        f" least {limit + 1} input tokens, which exceeds this limit even without any output tokens."
        " Please reduce the length of the input prompt."
    )
    return refused_value(words, "input_tokens", limit + 1)
