"""An engine that tortures: each answer gives the documented result, none of them a clean lie."""

import json
from collections import Counter

import pytest

from tests.data_path.raw import CHAT
from tests.fakes.torture_scripts import Ask, body_of, plain_body

RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
WHOLE = [
    "good", "fragments", "packed", "drip", "extensions", "informational", "odd_headers", "closing",
    "delimited", "longer", "idle_close",
]  # fmt: skip
NOTHING = [
    "reset", "silent_close", "mid_header", "garbage", "two_lengths", "both_framings",
    "negative_length", "switched", "bad_header", "control_header", "endless_head",
]  # fmt: skip
BROKEN = ["mid_chunk", "before_last_chunk", "closed_early", "bad_chunk", "shorter"]


@pytest.fixture(autouse=True)
def no_harm_is_left(single):
    """Its engine takes one request at a time: a slot that leaked would be the next one's 503."""
    yield
    assert single.ask("good").body == plain_body()


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", WHOLE)
def test_an_odd_answer_that_is_whole_arrives_whole(single, script, stream, path):
    reply = single.ask(script, stream=stream, path=path)
    assert (reply.status, reply.clean) == (200, True)
    assert reply.body == body_of(Ask("POST", path, "", {"stream": stream}))


def test_chunks_of_a_megabyte_arrive_whole(single):
    reply = single.ask("megabytes", stream=True)
    assert reply.clean
    assert [event[6:7] * len(event[6:]) for event in reply.body.split(b"\n\n")[:4]] == [
        bytes([letter]) * 1024 * 1024 for letter in b"abcd"
    ]


def test_headers_pass_but_for_those_of_the_connection_and_the_engines_own(single):
    reply = single.ask("odd_headers")
    head = reply.raw.partition(b"\r\n\r\n")[0]
    assert b"X-Twice: 1\r\nX-Twice: 2" in head
    assert b"X-Latin: \xfc" in head
    for own in (b"X-Hop", b"secret", b"Set-Cookie", b"Server: odd"):
        assert own not in head


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", NOTHING)
def test_an_answer_that_never_begins_is_a_502(single, script, stream):
    seen = single.state()["seen"]
    reply = single.ask(script, stream=stream)
    assert (reply.status, reply.clean) == (502, True)
    assert reply.error["code"] == "upstream_unreachable"
    # On a connection used before, a reset may mean that it was idle for too long: one more try.
    assert single.state()["seen"] - seen <= 2


def test_a_plain_answer_of_which_only_the_head_came_is_a_502(single):
    reply = single.ask("head_alone")
    assert (reply.status, reply.error["code"]) == (502, "upstream_unreachable")


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_never_answers_is_a_504(single, stream):
    reply = single.ask("never", stream=stream)
    assert (reply.status, reply.error["code"]) == (504, "upstream_timeout")


def test_the_error_speaks_the_dialect_of_messages(single):
    reply = single.ask("never", path=MESSAGES)
    assert reply.status == 504
    assert json.loads(reply.body)["type"] == "error"
    assert reply.error["type"] == "timeout_error"


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize("script", [*BROKEN, "stall"])
def test_a_stream_that_breaks_ends_in_an_error_of_its_dialect_and_a_cut(single, script, path):
    reply = single.ask(script, stream=True, path=path)
    assert (reply.status, reply.clean) == (200, False)
    for end in (b"[DONE]", b"message_stop", b"response.completed"):
        assert end not in reply.body
    came, _, told = reply.body.rstrip().rpartition(b"\n\n")
    assert came
    name, _, data = told.rpartition(b"data: ")
    assert name == (b"" if path == CHAT else b"event: error\n")
    event = json.loads(data)
    error = event if path == RESPONSES else event["error"]
    code = "upstream_timeout" if script == "stall" else "upstream_disconnected"
    assert error["code"] == code
    assert event.get("type") == (None if path == CHAT else "error")


@pytest.mark.parametrize("script", [*BROKEN, "stall"])
def test_a_plain_answer_that_breaks_is_cut(single, script):
    reply = single.ask(script)
    assert (reply.status, reply.clean) == (200, False)
    assert reply.body


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_with_a_few_bytes_changed_breaks_nothing(single, stream):
    told = Counter()
    for seed in range(300):
        reply = single.ask("mutated", stream=stream, seed=seed)
        told[reply.status] += 1
        assert b"this is our fault" not in reply.raw, f"seed {seed}"
        # It ends, one way or the other, and the next one is served.
        assert single.ask("good").body == plain_body(), f"seed {seed}"
    assert told[200] > 50
    assert told[502] > 50
    assert "Traceback" not in single.gateway.log_text()


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_of_an_idle_connection_is_tried_once_more_and_nothing_is_lost(single, stream):
    assert single.ask("doomed").status == 200
    seen = single.state()["seen"]
    reply = single.ask("good", stream=stream)
    assert (reply.status, reply.clean) == (200, True)
    assert single.state()["seen"] - seen == 2


def test_a_large_body_goes_out_over_a_connection_used_before(single):
    assert single.ask("good").status == 200
    seen = single.state()["seen"]
    assert single.ask("good", padding="x" * 12_000_000).status == 200
    assert single.state()["seen"] - seen == 1
