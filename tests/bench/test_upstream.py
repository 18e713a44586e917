"""The upstream is what the bench compares against: it must be an engine, and tell the truth."""

import json
from dataclasses import replace

import pytest

from bench.clients.connection import connect, request_bytes, wait_first_event
from bench.upstream.answers import DELTAS, build_answers, request_body
from tests.waiting import wait_until


def test_it_answers_what_a_worker_asks_before_it_reports_ready(upstream):
    assert upstream.get("/health") == (200, b"")
    assert replace(upstream, key="another").get("/v1/models")[0] == 401
    assert json.loads(upstream.get("/v1/models")[1])["data"][0]["id"] == "bench"
    assert b"vllm:num_requests_running 0.0" in upstream.get("/metrics")[1]
    assert upstream.get("/v1/other")[0] == 404


def test_a_plain_answer_is_a_completion_of_about_600_bytes(upstream):
    status, body = upstream.ask(request_body("json", 1))

    assert status == 200
    assert body == build_answers().expected_json
    assert json.loads(body)["usage"]["completion_tokens"] == DELTAS
    assert 500 < len(body) < 700


@pytest.mark.parametrize("kind", ["fast", "paced"])
def test_a_stream_has_65_events_and_its_end(upstream, kind):
    status, body = upstream.ask(request_body(kind, 1))

    assert status == 200
    assert body == build_answers().expected_stream
    *events, done, rest = body.split(b"\n\n")
    assert (len(events), done, rest) == (65, b"data: [DONE]", b"")


def test_usage_comes_in_a_chunk_of_its_own_when_it_is_asked_for(upstream):
    asked = {**json.loads(request_body("fast", 1)), "stream_options": {"include_usage": True}}

    *_, usage, _, _ = upstream.ask(json.dumps(asked).encode())[1].split(b"\n\n")

    assert json.loads(usage[6:])["choices"] == []
    assert json.loads(usage[6:])["usage"]["completion_tokens"] == DELTAS


@pytest.mark.parametrize(("kind", "is_stream"), [("silent", False), ("hold", True)])
def test_it_records_when_the_client_of_an_open_answer_left(upstream, kind, is_stream):
    sock = connect(upstream)
    sock.sendall(request_bytes(upstream, kind, 7))
    if is_stream:
        assert wait_first_event(sock, 5)
    wait_until(lambda: b"num_requests_running 1.0" in upstream.get("/metrics")[1], 5)
    assert json.loads(upstream.get("/bench/closed")[1]) == {}

    sock.close()

    closed = wait_until(lambda: json.loads(upstream.get("/bench/closed")[1]), 5)
    assert list(closed) == [f"bench {kind} 0000007"]
    assert b"num_requests_running 0.0" in upstream.get("/metrics")[1]
