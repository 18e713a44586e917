"""The requests whose answers must look alike: recorded from real vLLM once, asked of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.vllm.engines import ALIAS, NAME

CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
MESSAGES, EMBEDDINGS = "/v1/messages", "/v1/embeddings"
# Both engines say " aus" when they hear this: the simulator quotes, the tiny model knows no other.
SAID = [{"role": "user", "content": "Grüße aus Jülich"}]
TOO_LONG = "abcde " * 5000
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
WITH_USAGE = {"include_usage": True}
ALWAYS_USAGE = {"include_usage": True, "continuous_usage_stats": True}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def _chat(name: str, **members: Any) -> Case:
    body = {"model": NAME, "messages": SAID, **members}
    return Case(f"chat: {name}", "POST", CHAT, {k: v for k, v in body.items() if v is not ...})


def _complete(name: str, **members: Any) -> Case:
    body = {"model": NAME, "prompt": "Grüße", **members}
    return Case(f"completions: {name}", "POST", COMPLETIONS, _given(body))


def _respond(name: str, **members: Any) -> Case:
    body = {"model": NAME, "input": "Grüße", **members}
    return Case(f"responses: {name}", "POST", RESPONSES, _given(body))


def _message(name: str, **members: Any) -> Case:
    body = {"model": NAME, "messages": SAID, "max_tokens": 5, **members}
    return Case(f"messages: {name}", "POST", MESSAGES, _given(body))


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not ...}


def _post(name: str, path: str, body: Any, headers: dict[str, str] | None = None) -> Case:
    return Case(name, "POST", path, body, headers or {})


NO_KEY = {"Authorization": ""}
PLAIN = (
    Case("models", "GET", "/v1/models"),
    Case("models without a key", "GET", "/v1/models", headers=NO_KEY),
    Case("models with a wrong key", "GET", "/v1/models", headers={"Authorization": "Bearer no"}),
    Case(
        "models with a key that is no bearer", "GET", "/v1/models", headers={"Authorization": "x"}
    ),
    Case("one model", "GET", f"/v1/models/{NAME}"),
    *(
        Case(f"{path} needs no key", "GET", path, headers=NO_KEY)
        for path in ("/health", "/ping", "/version", "/load")
    ),
    Case("no route", "GET", "/nope", headers=NO_KEY),
    Case("no route behind the key", "GET", "/v1/nope"),
    Case("wrong method", "GET", CHAT),
    Case("preflight", "OPTIONS", CHAT, headers=NO_KEY),
    _post("tokenize needs no key", "/tokenize", {"model": NAME, "prompt": "Grüße 🚀"}, NO_KEY),
    _post("tokenize: chat", "/tokenize", {"model": NAME, "messages": SAID}),
    _post("tokenize: strings", "/tokenize", {"prompt": "Hello", "return_token_strs": True}),
    _post("tokenize: unknown model", "/tokenize", {"model": "other", "prompt": "x"}),
    _post("tokenize: nothing", "/tokenize", {"model": NAME}),
    _post("detokenize needs no key", "/detokenize", {"model": NAME, "tokens": [50]}, NO_KEY),
    _post("detokenize: nothing", "/detokenize", {"model": NAME}),
    _post("no /v1/tokenize", "/v1/tokenize", {"model": NAME, "prompt": "x"}),
)
GENERATING = (
    _chat("whole", max_tokens=5),
    _chat("to its end"),
    _chat("without a model", model=..., max_tokens=5),
    _chat("by its alias", model=ALIAS, max_tokens=5),
    _chat("max_completion_tokens", max_completion_tokens=5),
    _chat("two choices", n=2, max_tokens=5, temperature=1.0),
    _chat("stop string", stop=[" aus"]),
    _chat("log probabilities", max_tokens=1, logprobs=True, top_logprobs=2),
    _chat("tool call", tools=[WEATHER]),
    _chat("tool call that must be", tools=[WEATHER], tool_choice="required", temperature=0),
    _chat("streamed", stream=True, max_tokens=6),
    _chat("streamed to its end", stream=True),
    _chat("streamed with usage", stream=True, max_tokens=6, stream_options=WITH_USAGE),
    _chat("streamed with usage always", stream=True, max_tokens=6, stream_options=ALWAYS_USAGE),
    _chat("streamed to its end with usage", stream=True, stream_options=WITH_USAGE),
    _chat("two choices streamed", stream=True, n=2, max_tokens=1, temperature=1.0),
    _chat("log probabilities streamed", stream=True, max_tokens=1, logprobs=True, top_logprobs=1),
    _chat("tool call streamed", stream=True, tools=[WEATHER]),
    _complete("whole", max_tokens=5),
    _complete("of default length"),
    _complete("two prompts", prompt=["Grüße", "Hallo"], max_tokens=5),
    _complete("token ids", prompt=[50, 51], max_tokens=5),
    _complete("two choices", n=2, max_tokens=5, temperature=1.0),
    _complete("echo", echo=True, max_tokens=5),
    _complete("log probabilities", max_tokens=1, logprobs=1),
    _complete("streamed", stream=True, max_tokens=6),
    _complete("streamed with usage", stream=True, max_tokens=6, stream_options=WITH_USAGE),
    _complete("streamed with usage always", stream=True, max_tokens=6, stream_options=ALWAYS_USAGE),
    _complete("log probabilities streamed", stream=True, max_tokens=1, logprobs=1),
    _respond("whole"),
    _respond("cut", max_output_tokens=5),
    _respond("messages as input", input=SAID, instructions="Sei freundlich.", temperature=0.5),
    _respond("streamed", stream=True),
    _respond("streamed and cut", stream=True, max_output_tokens=6),
    _message("whole"),
    _message("streamed", stream=True),
    _post("messages: count", f"{MESSAGES}/count_tokens", {"model": NAME, "messages": SAID}),
)
_WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("messages missing", {"messages": ...}),
    ("messages no list", {"messages": "x"}),
    ("messages empty", {"messages": []}),
    ("model no string", {"model": 5}),
    ("model unknown", {"model": "other"}),
    ("max_tokens no number", {"max_tokens": "x"}),
    ("max_tokens zero", {"max_tokens": 0}),
    ("max_tokens negative", {"max_tokens": -1}),
    ("max_completion_tokens negative", {"max_completion_tokens": -1}),
    ("max_tokens beyond the model", {"max_tokens": 100000}),
    ("prompt too long", {"messages": [{"role": "user", "content": TOO_LONG}]}),
    (
        "prompt too long, streamed",
        {"messages": [{"role": "user", "content": TOO_LONG}], "stream": True},
    ),
    ("temperature no number", {"temperature": "hot"}),
    ("temperature negative", {"temperature": -1}),
    ("temperature too high", {"temperature": 3}),
    ("top_p too high", {"top_p": 3}),
    ("n zero", {"n": 0}),
    ("n beyond measure", {"n": 10**9}),
    ("stream no boolean", {"stream": "maybe"}),
    ("stream_options without stream", {"stream_options": WITH_USAGE}),
    ("stop no string", {"stop": 5}),
    ("top_logprobs without logprobs", {"top_logprobs": 2}),
    ("too many log probabilities", {"logprobs": True, "top_logprobs": 99}),
    ("tools empty", {"tools": []}),
    ("tool_choice without tools", {"tool_choice": "auto"}),
)
REFUSED = (
    *(_chat(name, **members) for name, members in _WRONG),
    _post("chat: no JSON", CHAT, "{bad"),
    _post("chat: no body", CHAT, ""),
    _post("chat: a list", CHAT, "[1]"),
    _post("chat: a string", CHAT, '"x"'),
    _post("chat: not called JSON", CHAT, "{}", {"Content-Type": "text/plain"}),
    _post("chat: without a key", CHAT, {"model": NAME, "messages": SAID}, NO_KEY),
    _complete("prompt missing", prompt=...),
    _complete("prompt empty", prompt=""),
    _complete("prompt no string", prompt=5),
    _complete("model unknown", model="other"),
    _complete("max_tokens negative", max_tokens=-1),
    _complete("prompt too long", prompt=TOO_LONG),
    _respond("input missing", input=...),
    _respond("model unknown", model="other"),
    _respond("max_output_tokens negative", max_output_tokens=-1),
    _respond("prompt too long", input=TOO_LONG),
    _respond("in the background without a store", background=True),
    _respond("after an unknown one", previous_response_id="resp_x"),
    Case("responses: unknown", "GET", f"{RESPONSES}/resp_x"),
    Case("responses: unknown cancelled", "POST", f"{RESPONSES}/resp_x/cancel"),
    _message("model unknown", model="other"),
    _message("max_tokens missing", max_tokens=...),
    _post("no embeddings from a generating engine", EMBEDDINGS, {"model": NAME, "input": "x"}),
    _post("no scores from a generating engine", "/v1/score", {"text_1": "x", "text_2": "y"}),
)
POOLING = (
    _post("embeddings: text", EMBEDDINGS, {"model": NAME, "input": "Grüße"}),
    _post("embeddings: texts", EMBEDDINGS, {"model": NAME, "input": ["Grüße", "Hallo"]}),
    _post("embeddings: token ids", EMBEDDINGS, {"model": NAME, "input": [[50, 51], [52]]}),
    _post("embeddings: base64", EMBEDDINGS, {"input": "Grüße", "encoding_format": "base64"}),
    _post("embeddings: model unknown", EMBEDDINGS, {"model": "other", "input": "x"}),
    _post("embeddings: empty", EMBEDDINGS, {"model": NAME, "input": ""}),
    _post("embeddings: too long", EMBEDDINGS, {"model": NAME, "input": TOO_LONG}),
    _post("score", "/v1/score", {"model": NAME, "text_1": "x", "text_2": ["y", "z"]}),
    _post("rerank", "/v1/rerank", {"model": NAME, "query": "x", "documents": ["y", "z"]}),
    _post("rerank: top", "/rerank", {"query": "x", "documents": ["y", "z"], "top_n": 1}),
    _post("rerank: nothing", "/v1/rerank", {"model": NAME, "query": "x"}),
    _post("no chat from a pooling engine", CHAT, {"model": NAME, "messages": SAID}),
)
GENERATING_ENGINE = PLAIN + GENERATING + REFUSED
POOLING_ENGINE = POOLING
