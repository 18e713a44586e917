"""What the upstream says: bytes made once, in vLLM's words and framing. Pure.

A request names its answer in its prompt, `bench <kind> <number>`, because a prompt is the one thing
that every proxy passes on. The number tells requests apart in the record of closed connections.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

MODEL = "bench"
DELTAS = 64
PACE_S = 0.02
# hold: silence after the first event; silent, prefill: no byte at all. Then they are answered.
HOLD_S = 20.0
MARK = re.compile(rb"bench (json|fast|paced|hold|silent|prefill) (\d+)")
ASKS_USAGE = b"include_usage"

_ID = "chatcmpl-0123456789abcdef0123456789abcdef"
_SENTENCE = "the model reads your prompt and says one token after another"
_WORDS = _SENTENCE.split(" ")
_USAGE = {"prompt_tokens": 12, "total_tokens": 76, "completion_tokens": 64}
_COMMON = b"server: upstream\r\nx-request-id: 0123456789abcdef\r\n"


def request_body(kind: str, number: int) -> bytes:
    """A chat request as the OpenAI clients send it, about 250 bytes."""
    body = {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant. Answer in few words."},
            {"role": "user", "content": f"bench {kind} {number:07}"},
        ],
        "model": MODEL,
        "max_tokens": DELTAS,
        "temperature": 0.7,
    }
    if kind in ("fast", "paced", "hold", "prefill"):
        body["stream"] = True
    return json.dumps(body, separators=(",", ":")).encode()


def _completion() -> dict[str, object]:
    message: dict[str, object] = {
        "role": "assistant",
        "content": f"{_SENTENCE} {_SENTENCE}",
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "tool_calls": [],
        "reasoning": None,
    }
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": "stop",
        "stop_reason": None,
    }
    return {
        "id": _ID,
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": MODEL,
        "choices": [choice],
        "service_tier": None,
        "system_fingerprint": None,
        "usage": {**_USAGE, "prompt_tokens_details": None},
        "prompt_logprobs": None,
    }


def _chunk(choices: Sequence[object], **more: object) -> bytes:
    told = {
        "id": _ID,
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": MODEL,
        "choices": choices,
        **more,
    }
    return b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"


def _delta(delta: dict[str, str], end: str | None = None) -> bytes:
    return _chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": end}])


def _events() -> list[bytes]:
    """The role and 64 deltas: 65 events, each a `data:` line and a blank one."""
    words = [f" {_WORDS[i % len(_WORDS)]}" for i in range(DELTAS)]
    deltas = [_delta({"content": word}) for word in words[:-1]]
    opening = _delta({"role": "assistant", "content": ""})
    return [opening, *deltas, _delta({"content": words[-1]}, "stop")]


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def plain(status: str, body: bytes, content_type: str = "application/json") -> bytes:
    """A whole answer with its length."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + _COMMON + b"\r\n" + body


@dataclass(frozen=True, slots=True)
class Answers:
    """json: one whole answer. head, events, end: a stream; its last event is `[DONE]`.

    `expected_json` and `expected_stream` are the bodies that a client must see.
    """

    json: bytes
    head: bytes
    events: tuple[bytes, ...]
    usage: bytes
    done: bytes
    end: bytes
    expected_json: bytes
    expected_stream: bytes


def build_answers() -> Answers:
    events, done = _events(), b"data: [DONE]\n\n"
    completion = json.dumps(_completion(), separators=(",", ":")).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    return Answers(
        json=plain("200 OK", completion),
        head=head + _COMMON + b"transfer-encoding: chunked\r\n\r\n",
        events=tuple(_framed(event) for event in events),
        usage=_framed(_chunk([], usage=_USAGE)),
        done=_framed(done),
        end=b"0\r\n\r\n",
        expected_json=completion,
        expected_stream=b"".join(events) + done,
    )
