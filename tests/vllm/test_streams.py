"""What a stream is made of, told by its bytes; and that its counts agree with all other counts."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.vllm.cases import ALWAYS_USAGE, CHAT, COMPLETIONS, RESPONSES, SAID, WITH_USAGE
from tests.vllm.engines import HOST, KEY, NAME, Engine
from tests.waiting import wait_until


def _data(text: str) -> list[Any]:
    """The JSON of all events but the last, which must be [DONE]."""
    *events, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def _chat(engine: Engine, **members: Any) -> list[Any]:
    body = {"model": NAME, "messages": SAID, "stream": True, **members}
    return _data(engine.ask("POST", CHAT, body).text)


def _said(chunks: list[Any]) -> str:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_a_stream_says_what_the_whole_answer_says(engine: Engine) -> None:
    whole = engine.ask("POST", CHAT, {"model": NAME, "messages": SAID}).json
    assert _said(_chat(engine)) == whole["choices"][0]["message"]["content"]


def test_an_answer_is_the_same_every_time(engine: Engine) -> None:
    assert _said(_chat(engine)) == _said(_chat(engine))


def test_characters_beyond_ascii_travel_as_themselves(engine: Engine) -> None:
    text = engine.ask("POST", CHAT, {"model": NAME, "messages": SAID, "stream": True}).text
    assert "\\u" not in text
    assert not _said(_data(text)).isascii()


def test_every_event_is_a_chunk_of_its_own(engine: Engine) -> None:
    chunks = _http_chunks(engine, {"model": NAME, "messages": SAID, "stream": True})
    assert len(chunks) > 5
    assert all(chunk.startswith(b"data: ") for chunk in chunks)
    assert all(chunk.endswith(b"\n\n") and chunk.count(b"\n\n") == 1 for chunk in chunks)


def _http_chunks(engine: Engine, body: dict[str, Any]) -> list[bytes]:
    data = json.dumps(body).encode()
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((HOST, engine.port), timeout=60) as raw:
        raw.sendall(head.encode() + data)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    rest, chunks = answer.partition(b"\r\n\r\n")[2], []
    while not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        chunks.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return chunks


def test_usage_comes_last_and_agrees_with_the_whole_answer(engine: Engine) -> None:
    last = _chat(engine, stream_options=WITH_USAGE)[-1]
    whole = engine.ask("POST", CHAT, {"model": NAME, "messages": SAID}).json["usage"]
    assert last["choices"] == []
    assert last["usage"] == {name: whole[name] for name in last["usage"]}


def test_continuous_usage_counts_up_to_the_last(engine: Engine) -> None:
    chunks = _chat(engine, stream_options=ALWAYS_USAGE)
    counts = [chunk["usage"]["completion_tokens"] for chunk in chunks]
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert counts[-1] == counts[-2] > 5


def test_usage_agrees_with_tokenize(engine: Engine) -> None:
    usage = engine.ask("POST", CHAT, {"messages": SAID, "max_tokens": 1}).json["usage"]
    assert (
        engine.ask("POST", "/tokenize", {"messages": SAID}).json["count"] == usage["prompt_tokens"]
    )


def test_detokenize_undoes_tokenize(engine: Engine) -> None:
    text = "Grüße, 世界! 🚀 naïve \t\n déjà-vu"
    asked = {"prompt": text, "add_special_tokens": False}
    tokens = engine.ask("POST", "/tokenize", asked).json["tokens"]
    assert engine.ask("POST", "/detokenize", {"tokens": tokens}).json == {"prompt": text}


def test_usage_agrees_with_the_metrics(engine: Engine) -> None:
    names = ("prompt_tokens_total", "generation_tokens_total")
    before = [engine.metric(name) for name in names]
    usage = engine.ask("POST", CHAT, {"messages": SAID, "n": 2, "temperature": 1}).json["usage"]
    # vLLM counts the prompt once for each choice, and follows the answer by a step of its engine.
    expected = [before[0] + 2 * usage["prompt_tokens"], before[1] + usage["completion_tokens"]]
    wait_until(lambda: [engine.metric(name) for name in names] == expected, what=f"{expected}")


def test_max_tokens_is_exact_when_the_end_is_ignored(engine: Engine) -> None:
    body = {"prompt": "x", "max_tokens": 77, "ignore_eos": True}
    answer = engine.ask("POST", COMPLETIONS, body).json
    assert answer["usage"]["completion_tokens"] == 77
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_stop_string_ends_the_answer_and_is_not_in_it(engine: Engine) -> None:
    body = {"messages": SAID, "stop": " aus"}
    choice = engine.ask("POST", CHAT, body).json["choices"][0]
    assert choice["message"]["content"].endswith("Grüße")
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", " aus")


def test_the_answer_tells_the_first_served_name(engine: Engine) -> None:
    body = {"model": "org/tiny", "messages": SAID, "max_tokens": 1}
    assert engine.ask("POST", CHAT, body).json["model"] == NAME


def test_an_id_the_client_sent_is_in_the_answers_id(engine: Engine) -> None:
    body = {"messages": SAID, "max_tokens": 1}
    headers = {"X-Request-Id": "from-the-client"}
    assert engine.ask("POST", CHAT, body, headers).json["id"] == "chatcmpl-from-the-client"


def test_events_of_a_response_are_numbered_and_in_order(engine: Engine) -> None:
    text = engine.ask("POST", RESPONSES, {"input": "Hallo", "stream": True}).text
    events = [json.loads(block.partition("\ndata: ")[2]) for block in text.split("\n\n")[:-1]]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert list(dict.fromkeys(event["type"] for event in events)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


@pytest.mark.parametrize("name", ["x" * 30, "ü🚀"])
def test_a_prompt_of_any_script_is_answered(engine: Engine, name: str) -> None:
    reply = engine.ask("POST", COMPLETIONS, {"prompt": name, "max_tokens": 3})
    assert reply.status == 200
