"""What is asked of an engine twice: directly, and through the gateway.

The cases recorded for tests/vllm are asked again, made repeatable; what they lack stands here. Left
out is what the gateway answers itself (no key, no model, no JSON): it has answers of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.vllm import cases
from tests.vllm.cases import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, SAID, WEATHER
from tests.vllm.engines import NAME
from web.openai_proxy.table import ROUTES

GENERATING, POOLING = NAME, "tiny-pooling"
ALIAS = "org/tiny"
JSON = "application/json"
BIG = 1024 * 1024
UNICODE = "Grüße aus 東京 🚀 — e\u0301, \u202eRTL\u202c, \x7f, \u2028, 👩‍👩‍👧"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. direct_*: what the engine is asked instead, where the gateway translates."""

    name: str
    path: str
    body: bytes
    model: str = GENERATING
    direct_path: str = ""
    direct_body: bytes = b""
    content_type: str = JSON


def encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()


def _repeatable(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The same question with nothing left to chance."""
    if path in (CHAT, COMPLETIONS):
        return {"temperature": 0, "seed": 7, **body}
    return {**body, "temperature": 0} if path in (RESPONSES, MESSAGES) else body


def _recorded(model: str, recorded: tuple[cases.Case, ...]) -> list[Ask]:
    return [
        Ask(case.name, case.path, encoded({**_repeatable(case.path, case.body), "model": model}),
            model)
        for case in recorded
        if case.path in ROUTES and ROUTES[case.path].engine_path == case.path
        and not case.headers
        and isinstance(case.body, dict) and case.body.get("model") == NAME
        and isinstance(case.body.get("stream", False), bool)
    ]  # fmt: skip


def _ask(name: str, path: str, **members: Any) -> Ask:
    body = _repeatable(path, {"model": GENERATING, **members})
    return Ask(name, path, encoded(body))


def _chat(name: str, **members: Any) -> Ask:
    return _ask(f"chat: {name}", CHAT, **{"messages": SAID, "max_tokens": 6, **members})


def _complete(name: str, **members: Any) -> Ask:
    return _ask(f"completions: {name}", COMPLETIONS, **{"prompt": "Grüße", **members})


def _by_alias(name: str, path: str, **members: Any) -> Ask:
    """The gateway writes the model's name into what was asked by its alias."""
    body = _repeatable(path, {"model": ALIAS, **members})
    return Ask(name, path, encoded(body), direct_body=encoded({**body, "model": GENERATING}))


def _user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _raw(name: str, text: str) -> Ask:
    return Ask(f"as written: {name}", CHAT, text.encode())


def _under(path: str, name: str, body: dict[str, Any]) -> Ask:
    """A path that only the gateway knows."""
    return Ask(name, path, encoded(body), direct_path=ROUTES[path].engine_path)


_TOOLS: dict[str, Any] = {"tools": [WEATHER], "max_tokens": 40}
_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Jülich"}'},
}
_TOOL_TURN = [
    *SAID,
    {"role": "assistant", "content": None, "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "18 °C, sunny ☀"},
]
_USAGE_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("no options", None),
    ("empty options", {}),
    ("usage not wanted", {"include_usage": False}),
    ("only continuous usage", {"continuous_usage_stats": True}),
    ("neither usage", {"include_usage": False, "continuous_usage_stats": False}),
    ("usage at the end only", {"include_usage": True, "continuous_usage_stats": False}),
    ("an option nobody knows", {"include_usage": False, "speed": "fast"}),
)
_WRONG_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("an option of a wrong type", {"include_usage": "yes please"}),
    ("options that are a list", [1]),
    ("options that are a text", "include_usage"),
)
BY_OPTIONS = (
    _chat("streamed without options", stream=True),
    *(
        _chat(f"streamed with {name}", stream=True, stream_options=options)
        for name, options in _USAGE_OPTIONS
    ),
)
CHATS = (
    _chat("unicode", messages=_user(UNICODE), max_tokens=40),
    _chat("unicode streamed", messages=_user(UNICODE), max_tokens=40, stream=True),
    _chat("a long stream", stream=True, max_tokens=300, ignore_eos=True),
    _chat("a stream of one token", stream=True, max_tokens=1),
    _chat("stop", stop=["a", "aus"]),
    _chat("stop streamed", stop=["aus"], stream=True),
    _chat("stop included, streamed", stop=["u"], include_stop_str_in_output=True, stream=True),
    _chat("tool call that must be, streamed", **_TOOLS, tool_choice="required", stream=True),
    _chat("a tool's answer", messages=_TOOL_TURN, tools=[WEATHER]),
    _chat("a tool's answer, streamed", messages=_TOOL_TURN, tools=[WEATHER], stream=True),
    _chat("four choices with log probabilities", n=4, temperature=1, logprobs=True, top_logprobs=1),
    _chat("four choices streamed", n=4, temperature=1, stream=True, max_tokens=12),
    _chat("token ids", return_token_ids=True),
    _chat("token ids streamed", return_token_ids=True, stream=True),
    _chat("a prompt of 1 MB", messages=_user("Grüße " * (BIG // 8))),
    _chat("a prompt of 1 MB, streamed", messages=_user("Grüße " * (BIG // 8)), stream=True),
    _chat("a member of 1 MB that nobody knows", padding="x" * BIG),
    *(
        _chat(f"streamed with {name}", stream=True, stream_options=options)
        for name, options in _WRONG_OPTIONS
    ),
    *BY_OPTIONS,
    _by_alias("chat: by its alias", CHAT, messages=SAID, max_tokens=6),
    _by_alias("chat: by its alias, streamed", CHAT, messages=SAID, max_tokens=6, stream=True),
    _under("/v1/chat/completion", "chat: the old path", {"model": NAME, "temperature": 0,
           "messages": SAID, "max_tokens": 6}),
)  # fmt: skip
_WRITTEN = '"temperature": 0, "max_tokens": 6, "messages": [{"role": "user", "content": "Gr'
AS_WRITTEN = (
    _raw("escapes", '{"model": "tiny", ' + _WRITTEN + '\\u00fc\\ud83d\\ude80\\/"}]}'),
    _raw("an escaped name", '{"m\\u006fdel": "ti\\u006ey", ' + _WRITTEN + 'ü"}]}'),
    _raw("spread out", '\n{\t"model" :\r\n "tiny" , ' + _WRITTEN + 'ü"}] }\n '),
    _raw("spread out, streamed", '\n{ "stream" : true, "model":"tiny",' + _WRITTEN + 'ü"}] } '),
    _raw("numbers", '{"model": "tiny", "top_p": 1e0, "seed": 7, ' + _WRITTEN + 'ü"}]}'),
)
OTHERS = (
    _complete("unicode streamed", prompt=UNICODE, max_tokens=40, stream=True),
    _complete("stop streamed", stop="aus", max_tokens=20, stream=True),
    _complete("two choices streamed", n=2, temperature=1, max_tokens=8, stream=True),
    _complete("two prompts streamed", prompt=["Grüße", "Hallo"], max_tokens=5, stream=True),
    _complete("a prompt of 1 MB", prompt="x" * BIG),
    _complete("streamed by null options", stream=True, max_tokens=5, stream_options=None),
    _complete("echo streamed", echo=True, max_tokens=5, stream=True),
    _by_alias("completions: by its alias", COMPLETIONS, prompt="x", max_tokens=3, stream=True),
    _ask("responses: unicode streamed", RESPONSES, input=UNICODE, stream=True,
         max_output_tokens=40),
    _ask("responses: an input of 1 MB", RESPONSES, input="x" * BIG),
    _by_alias("responses: by its alias", RESPONSES, input="x", max_output_tokens=3),
    _ask("messages: unicode streamed", MESSAGES, messages=_user(UNICODE), max_tokens=40,
         stream=True),
    _ask("messages: a system and a stop", MESSAGES, messages=SAID, max_tokens=20, system="Kurz.",
         stop_sequences=["aus"]),
    _ask("messages: max_tokens no number", MESSAGES, messages=SAID, max_tokens="x"),
    _ask("messages: a prompt of 1 MB", MESSAGES, messages=_user("x" * BIG), max_tokens=5),
    _ask("tokenize: unicode", "/tokenize", prompt=UNICODE),
    _ask("tokenize: 1 MB", "/tokenize", prompt="Grüße " * (BIG // 8)),
    _ask("tokenize: a list", "/tokenize", prompt=["x"]),
    _ask("detokenize", "/detokenize", tokens=[50, 51, 52]),
    _ask("detokenize: words", "/detokenize", tokens=["x"]),
    _under("/v1/tokenize", "tokenize under /v1", {"model": NAME, "prompt": UNICODE}),
    _under("/v1/detokenize", "detokenize under /v1", {"model": NAME, "tokens": [50, 51]}),
    Ask("no JSON by its name", CHAT, encoded({"model": NAME, "messages": SAID}),
        content_type="text/plain"),
)  # fmt: skip
POOLED = (
    Ask("embeddings: 1 MB", EMBEDDINGS, encoded({"model": POOLING, "input": "x" * BIG}), POOLING),
    Ask("embeddings: unicode", EMBEDDINGS, encoded({"model": POOLING, "input": [UNICODE, "x"]}),
        POOLING),
    Ask("embeddings: a wrong type", EMBEDDINGS, encoded({"model": POOLING, "input": {"a": 1}}),
        POOLING),
    Ask("rerank: top", "/v1/rerank", encoded(
        {"model": POOLING, "query": "Grüße", "documents": ["a", "Grüße"], "top_n": 1}), POOLING),
    Ask("tokenize by a pooling engine", "/tokenize", encoded({"model": POOLING, "prompt": "x"}),
        POOLING),
)  # fmt: skip
FORM = "multipart/form-data; boundary=ein-Rand"


def _form(**fields: str) -> bytes:
    """A recording, and these fields around it."""
    parts = [
        f'--ein-Rand\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = b'--ein-Rand\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    sound = head + b"RIFF" + bytes(range(256)) * 8192 + b"\r\n"
    return b"".join([*parts[:1], sound, *parts[1:], b"--ein-Rand--\r\n"])


def _audio(name: str, kind: str, model: str = GENERATING, **fields: str) -> Ask:
    body, direct = _form(model=model, **fields), _form(model=GENERATING, **fields)
    path = f"/v1/audio/{kind}"
    return Ask(f"audio: {name}", path, body, direct_body=direct, content_type=FORM)


# These engines hear nothing: it is their refusal, after a form of 2 MB, that must come back.
AUDIO = (
    _audio("a transcription", "transcriptions", language="de"),
    _audio("a transcription streamed", "transcriptions", stream="true"),
    _audio("a transcription by its alias", "transcriptions", model=ALIAS, prompt=UNICODE),
    _audio("a translation", "translations"),
)
BOTH_ENGINES = (
    *_recorded(GENERATING, (*cases.PLAIN, *cases.GENERATING, *cases.REFUSED)),
    *_recorded(POOLING, cases.POOLING),
    *CHATS, *AS_WRITTEN, *OTHERS, *POOLED, *AUDIO,
)  # fmt: skip

SIMULATOR_ONLY = (
    _chat("an engine that fails", simulator={"fail_with": 500}),
    _chat("an engine that fails to stream", stream=True, simulator={"fail_with": 500}),
    _chat("an engine that is overloaded", simulator={"fail_with": 503}),
    _chat("a teapot", simulator={"fail_with": 418}),
    _chat("an error in a stream", stream=True, simulator={"error_after_tokens": 3}),
    _ask("responses: an error in a stream", RESPONSES, input="x", stream=True,
         simulator={"error_after_tokens": 3}),
    _ask("messages: an error in a stream", MESSAGES, messages=SAID, max_tokens=9, stream=True,
         simulator={"error_after_tokens": 3}),
    _complete("an engine that fails", simulator={"fail_with": 500}),
    _ask("messages: an engine that fails", MESSAGES, messages=SAID, max_tokens=5,
         simulator={"fail_with": 500}),
    _chat("a paced stream", stream=True, max_tokens=20, simulator={"tokens_per_second": 100}),
)  # fmt: skip
