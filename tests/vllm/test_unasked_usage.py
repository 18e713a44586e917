"""A stream that we asked for usage, without it again, is the stream of who did not ask."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from tests.vllm.cases import CHAT, COMPLETIONS, MESSAGES, RESPONSES, SAID, WEATHER
from tests.vllm.engines import NAME, Engine
from web.openai_proxy.body import read_head, with_usage
from web.openai_proxy.table import Dialect
from web.openai_proxy.usage import Tap, Usage, tap_for

# vLLM puts tokens together in one chunk when it is quick: two equal answers may be cut differently.
ATTEMPTS = 20
TWO = {"n": 2, "temperature": 1, "seed": 7}
STREAMS = [
    pytest.param(CHAT, {"messages": SAID, "max_tokens": 4}, id="chat"),
    pytest.param(CHAT, {"messages": SAID, "max_tokens": 400}, id="chat to its end"),
    pytest.param(CHAT, {"messages": SAID, "max_tokens": 2, **TWO}, id="two choices"),
    pytest.param(CHAT, {"messages": SAID, "max_tokens": 3, "logprobs": True}, id="logprobs"),
    pytest.param(CHAT, {"messages": SAID, "tools": [WEATHER], "tool_choice": "none"}, id="tools"),
    pytest.param(COMPLETIONS, {"prompt": "Grüße", "max_tokens": 4}, id="completion"),
    pytest.param(COMPLETIONS, {"prompt": "a", "max_tokens": 2, "echo": True}, id="echo"),
    pytest.param(COMPLETIONS, {"prompt": "a", "max_tokens": 3, "logprobs": 2}, id="its logprobs"),
]


def stream(engine: Engine, path: str, body: bytes) -> bytes:
    reply = engine.ask("POST", path, body.decode(), {"X-Request-Id": "same"})
    assert reply.status == 200
    return re.sub(rb'"created":\d+', b'"created":0', reply.text.encode())


def through(tap: Tap, answer: bytes) -> bytes:
    """What a client gets when the answer arrives in pieces of any size."""
    dice, pieces = random.Random(7), []
    while answer:
        size = dice.choice([1, 3, 50, 200, 5000])
        pieces.append(tap.feed(answer[:size]))
        answer = answer[size:]
    return b"".join(pieces) + tap.end()


@pytest.mark.parametrize(("path", "members"), STREAMS)
def test_a_client_that_did_not_ask_sees_no_difference(
    engine: Engine, path: str, members: dict[str, Any]
) -> None:
    asked = {"model": NAME, "stream": True, "temperature": 0, **members}
    direct = json.dumps(asked).encode()
    sent, injected = with_usage(direct, read_head(direct))
    assert injected
    fingerprint = None
    for _ in range(ATTEMPTS):
        tap = tap_for(Dialect.OPENAI, is_stream=True, injected=injected, fingerprint=fingerprint)
        seen, expected = through(tap, stream(engine, path, sent)), stream(engine, path, direct)
        fingerprint = tap.fingerprint
        if seen == expected:
            break
    assert seen == expected
    assert tap.usage is not None
    assert tap.usage.prompt_tokens > 0
    assert tap.usage.completion_tokens > 0


@pytest.mark.parametrize(
    ("path", "dialect", "members", "limit"),
    [
        (CHAT, Dialect.OPENAI, {"messages": SAID}, "max_tokens"),
        (COMPLETIONS, Dialect.OPENAI, {"prompt": "Grüße"}, "max_tokens"),
        (RESPONSES, Dialect.RESPONSES, {"input": "Hallo"}, "max_output_tokens"),
        (MESSAGES, Dialect.ANTHROPIC, {"messages": SAID}, "max_tokens"),
    ],
)
def test_a_stream_and_a_whole_answer_count_the_same(
    engine: Engine, path: str, dialect: Dialect, members: dict[str, Any], limit: str
) -> None:
    body = {"model": NAME, "temperature": 0, limit: 5, **members}
    whole = tap_for(dialect, is_stream=False, injected=False)
    reply = engine.ask("POST", path, body).text.encode()
    assert through(whole, reply) == reply
    asked = json.dumps({**body, "stream": True}).encode()
    injected = False
    if dialect is Dialect.OPENAI:
        asked, injected = with_usage(asked, read_head(asked))
    tap = tap_for(dialect, is_stream=True, injected=injected)
    through(tap, stream(engine, path, asked))
    assert whole.usage == tap.usage
    assert isinstance(tap.usage, Usage)
    assert tap.usage.completion_tokens == 5
