"""Tokens are counted while the bytes pass, and no byte is held or changed."""

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.openai_proxy.streams import (
    COUNTS,
    CUTS,
    DONE,
    TEXTS,
    Stream,
    chunk,
    event,
    split,
    token,
    usage_event,
)
from web.openai_proxy.table import Dialect
from web.openai_proxy.usage import MAX_ANSWER_BYTES, MAX_EVENT_BYTES, Usage, tap_for

OPENAI, RESPONSES, ANTHROPIC = Dialect.OPENAI, Dialect.RESPONSES, Dialect.ANTHROPIC
OF_RESPONSES = {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 5}}


def run(dialect, pieces, *, is_stream=True):
    """The usage, after checking that each piece passed unchanged and at once."""
    tap = tap_for(dialect, is_stream=is_stream, injected=False)
    for piece in pieces:
        assert tap.feed(piece) is piece
    assert tap.end() == b""
    return tap.usage


def named(kind, **members):
    return f"event: {kind}\n".encode() + event({"type": kind, **members})


def response_stream(last="response.completed", text="Hallo"):
    return (
        named("response.created", response={"status": "in_progress", "usage": None})
        + named("response.output_text.delta", delta=text, usage=OF_RESPONSES)
        + named(last, response={"output": [{"text": text}], "usage": OF_RESPONSES})
    )


def message_stream(text="Hallo", **start):
    return (
        named("message_start", message={"usage": {"input_tokens": 9, "output_tokens": 0, **start}})
        + named("content_block_delta", delta={"type": "text_delta", "text": text})
        + named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4})
        + named("message_stop")
    )


@settings(max_examples=150)
@given(texts=TEXTS, choices=st.integers(1, 2), end=st.sampled_from(["\n", "\r\n"]), cuts=CUTS)
def test_a_chat_stream_that_was_asked_for_usage_is_counted(texts, choices, end, cuts):
    stream = Stream(texts, choices, end)
    assert run(OPENAI, split(stream.asked, cuts)) == Usage(14, 3)
    assert run(OPENAI, split(stream.direct, cuts)) is None


@settings(max_examples=100)
@given(cuts=CUTS, texts=TEXTS)
def test_of_usage_in_every_chunk_the_last_one_counts(cuts, texts):
    tokens = [
        event({**chunk(token(text)), "usage": {"prompt_tokens": 7, "completion_tokens": place}})
        for place, text in enumerate(["", *texts])
    ]
    assert run(OPENAI, split(b"".join(tokens) + DONE, cuts)) == Usage(7, len(texts))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_usage_is_known_as_soon_as_its_event_is_complete(end):
    told = usage_event(end)
    for cut in range(1, len(told)):
        tap = tap_for(OPENAI, is_stream=True, injected=False)
        tap.feed(told[:cut])
        tap.feed(told[cut:])
        assert tap.usage == Usage(14, 3)


def test_usage_that_is_null_in_later_chunks_does_not_hide_the_count():
    told, null = event(chunk(usage=COUNTS)), event({**chunk(token("a")), "usage": None})
    assert run(OPENAI, [null + told + null]) == Usage(14, 3)
    assert run(OPENAI, [null, told, null]) == Usage(14, 3)


@settings(max_examples=100)
@given(cuts=CUTS, text=st.sampled_from(["x", '"usage":{}', "ü🚀", "\n\n"]))
@pytest.mark.parametrize("last", ["response.completed", "response.incomplete", "response.failed"])
def test_a_response_tells_its_usage_in_its_last_event(last, cuts, text):
    assert run(RESPONSES, split(response_stream(last, text), cuts)) == Usage(9, 4, 5)


def test_only_the_last_event_of_a_response_counts():
    assert run(RESPONSES, [response_stream("response.in_progress")]) is None


@settings(max_examples=100)
@given(cuts=CUTS, text=st.sampled_from(["x", '"usage":{}', "ü🚀", "\n\n"]))
def test_a_message_tells_its_prompt_first_and_its_answer_last(cuts, text):
    assert run(ANTHROPIC, split(message_stream(text), cuts)) == Usage(9, 4)


def test_a_prompt_from_the_cache_is_part_of_the_prompt():
    cached = {"cache_read_input_tokens": 5, "cache_creation_input_tokens": 2}
    assert run(ANTHROPIC, [message_stream(**cached)]) == Usage(16, 4, 5)
    answer = {"usage": {"input_tokens": 9, "output_tokens": 4, **cached}}
    assert run(ANTHROPIC, [json.dumps(answer).encode()], is_stream=False) == Usage(16, 4, 5)


def test_of_a_message_that_breaks_off_the_prompt_is_known():
    tap = tap_for(ANTHROPIC, is_stream=True, injected=False)
    tap.feed(message_stream()[:150])
    assert tap.break_off() == b"\n\n"
    assert tap.usage == Usage(9, 0)


def test_an_event_that_tells_no_prompt_at_all_counts_nothing():
    assert run(ANTHROPIC, [named("message_delta", usage={"output_tokens": 4})]) is None


@pytest.mark.parametrize("dialect", list(Dialect))
@settings(max_examples=100)
@given(pieces=st.lists(st.binary(min_size=1, max_size=60), max_size=8))
def test_any_bytes_pass_unchanged(dialect, pieces):
    run(dialect, pieces)
    run(dialect, pieces, is_stream=False)
    tap = tap_for(dialect, is_stream=True, injected=True)
    out = b"".join([tap.feed(piece) for piece in pieces]) + tap.end()
    assert out == b"".join(pieces)


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize(
    "odd", [b'data: "usage"\n\n', b'data: {"usage":7}\n\n', b'data: {"usage":{}}\n\n',
            b'data: {"usage":{"prompt_tokens":-1}}\n\n', b'data: ["usage"]\n\n',
            b'data: {"type":7,"response":{"usage":{}}}\n\n', b'"usage"\n\n',
            b'data: {"usage":' + b"[" * 5000 + b"\n\n", b'data: {"\xff":1,"usage":{"x":1}}\n\n'],
)  # fmt: skip
def test_an_odd_event_counts_nothing(dialect, odd):
    assert run(dialect, [odd]) is None


@pytest.mark.parametrize("dialect", [RESPONSES, ANTHROPIC])
def test_only_streams_that_can_be_asked_are_changed(dialect):
    tap = tap_for(dialect, is_stream=True, injected=True)
    stream = Stream().asked
    assert tap.feed(stream) is stream


def test_a_huge_event_is_passed_and_not_kept():
    tap = tap_for(RESPONSES, is_stream=True, injected=False)
    piece = b"x" * 65536
    tracemalloc.start()
    try:
        tap.feed(b"data: ")
        for _ in range(20 * MAX_EVENT_BYTES // len(piece)):
            assert tap.feed(piece) is piece
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_EVENT_BYTES
    finally:
        tracemalloc.stop()
    tap.feed(b'"usage"\n\n' + response_stream())
    assert tap.usage == Usage(9, 4, 5)


WHOLE = {
    OPENAI: {"choices": [{"message": {"content": 'the "usage": {}'}}], "usage": {**COUNTS, "prompt_tokens_details": {"cached_tokens": 8}}},  # noqa: E501
    RESPONSES: {"output": [{"text": 'the "usage": {}'}], "usage": OF_RESPONSES},
    ANTHROPIC: {"content": [], "usage": {"input_tokens": 9, "output_tokens": 4}},
}  # fmt: skip
EXPECTED = {OPENAI: Usage(14, 3, 8), RESPONSES: Usage(9, 4, 5), ANTHROPIC: Usage(9, 4)}


@pytest.mark.parametrize("dialect", list(Dialect))
@settings(max_examples=50)
@given(cuts=CUTS)
def test_a_whole_answer_is_counted_at_its_end(dialect, cuts):
    body = json.dumps(WHOLE[dialect]).encode()
    assert run(dialect, split(body, cuts), is_stream=False) == EXPECTED[dialect]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 6, "total_tokens": 6}, Usage(6, 0)),  # embeddings, rerank
        ({"prompt_tokens": 6, "completion_tokens": None}, Usage(6, 0)),
        ({"prompt_tokens": 6, "prompt_tokens_details": None}, Usage(6, 0)),
        ({"prompt_tokens": 6, "prompt_tokens_details": {}}, Usage(6, 0)),
        ({"type": "duration", "seconds": 5}, None),  # transcriptions
        ({"prompt_tokens": 2**70}, None),
        (None, None),
        ([], None),
    ],
)
def test_what_an_answer_may_tell(usage, expected):
    body = json.dumps({"usage": usage}).encode()
    assert run(OPENAI, [body], is_stream=False) == expected


@pytest.mark.parametrize("body", [b"", b'{"error": {"message": "usage"}}', b'{"usage"', b'"usage"'])
def test_an_answer_without_usage_counts_nothing(body):
    assert run(OPENAI, [body], is_stream=False) is None


def test_an_answer_beyond_measure_is_passed_and_not_kept():
    tap = tap_for(OPENAI, is_stream=False, injected=False)
    tracemalloc.start()
    try:
        for place in range(3 * MAX_ANSWER_BYTES // 65536):
            tap.feed(bytes([place % 256]) * 65536)
        tap.feed(b'"usage"')
        assert tracemalloc.get_traced_memory()[0] < 2 * MAX_ANSWER_BYTES
        assert (tap.end(), tap.usage) == (b"", None)
    finally:
        tracemalloc.stop()


VECTORS = b'{"object":"list","data":[' + b"[0.25,0.5]," * (MAX_ANSWER_BYTES // 10) + b"[]]"


@pytest.mark.parametrize(
    ("end", "usage"),
    [
        (b',"usage":{"prompt_tokens":9,"total_tokens":9}}', Usage(9, 0)),
        (b',"usage" :\n {"prompt_tokens":9,"total_tokens":9}, "more": 1}', Usage(9, 0)),
        (b',"usage":{"prompt_tokens":9,', None),
        (b',"usage":null}', None),
        (b',"usage":"all of it"}', None),
        (b',"usage"' + b"[" * 3000, None),
        (b',"usage":\xff}', None),
        (b"}", None),
    ],
)
@pytest.mark.parametrize("step", [len(VECTORS), 1_000_003])
def test_of_an_answer_beyond_measure_the_end_is_read(end, usage, step):
    body = VECTORS + end
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    assert run(OPENAI, pieces, is_stream=False) == usage


@pytest.mark.parametrize("injected", [False, True])
def test_the_pieces_of_an_answer_are_counted_as_they_pass(injected):
    tap = tap_for(OPENAI, is_stream=True, injected=injected)
    for text in ("one", 'say "finish_reason"', '"choices": [{"finish_reason": null}]'):
        tap.feed(event(chunk(token(text))))
    tap.feed(b": ping\n\n" + usage_event() + DONE)
    tap.end()
    assert tap.content_events == 3


def test_each_dialect_counts_the_events_that_carry_a_piece_of_the_answer():
    counted = []
    for dialect, stream in ((RESPONSES, response_stream()), (ANTHROPIC, message_stream())):
        tap = tap_for(dialect, is_stream=True, injected=False)
        tap.feed(stream)
        counted.append(tap.content_events)
    assert counted == [1, 1]


def test_a_count_that_no_request_can_have_is_not_believed():
    assert run(OPENAI, [b'{"usage":{"prompt_tokens":%d}}' % 2**31], is_stream=False) is None
