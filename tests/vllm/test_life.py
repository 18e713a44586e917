"""Connections and processes: coming up, keeping alive, being left, being ended."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vllm.cases import CHAT, SAID
from tests.vllm.engines import HOST, KEEP_ALIVE_S, NAME, Engine
from tests.waiting import wait_until

LONG = {"model": NAME, "messages": SAID, "max_tokens": 1900, "ignore_eos": True}


@pytest.fixture
def connection(engine: Engine) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection(HOST, engine.port, timeout=60)
    yield opened
    opened.close()


def test_clients_are_refused_until_it_is_up(engine: Engine) -> None:
    assert engine.before_up == {"ConnectionRefusedError"}


def test_a_connection_is_used_again(engine: Engine, connection: http.client.HTTPConnection) -> None:
    engine.send(connection, "GET", "/v1/models")
    connection.getresponse().read()
    used = connection.sock
    engine.send(connection, "POST", CHAT, {"messages": SAID, "max_tokens": 2, "stream": True})
    assert connection.getresponse().read().endswith(b"data: [DONE]\n\n")
    assert connection.sock is used


def test_an_idle_connection_is_closed_after_the_keep_alive_time(
    engine: Engine, connection: http.client.HTTPConnection
) -> None:
    engine.send(connection, "GET", "/health")
    connection.getresponse().read()
    started = time.monotonic()
    assert connection.sock.recv(1) == b""
    assert KEEP_ALIVE_S - 1 < time.monotonic() - started < KEEP_ALIVE_S + 5


def test_a_connection_is_closed_when_the_client_asks_for_it(
    engine: Engine, connection: http.client.HTTPConnection
) -> None:
    engine.send(connection, "GET", "/health", headers={"Connection": "close"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("connection")) == (200, "close")


def _running(engine: Engine) -> float:
    return engine.metric("num_requests_running")


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_aborts_generation(
    engine: Engine, connection: http.client.HTTPConnection, stream: bool
) -> None:
    before = engine.metric("generation_tokens_total")
    engine.send(connection, "POST", CHAT, {**LONG, "stream": stream})
    if stream:
        connection.getresponse().fp.readline()
    wait_until(lambda: _running(engine) == 1, what="the request runs")
    connection.close()
    wait_until(lambda: _running(engine) == 0, what="the request was aborted")
    assert engine.metric("generation_tokens_total") - before < LONG["max_tokens"]


def test_tokens_are_counted_while_a_request_runs(
    engine: Engine, connection: http.client.HTTPConnection
) -> None:
    before = engine.metric("generation_tokens_total")
    engine.send(connection, "POST", CHAT, {**LONG, "stream": True})
    wait_until(lambda: engine.metric("generation_tokens_total") > before, what="the count rises")
    assert _running(engine) == 1
    connection.close()
    wait_until(lambda: _running(engine) == 0, what="the request was aborted")


def test_several_requests_run_side_by_side(engine: Engine) -> None:
    connections = [http.client.HTTPConnection(HOST, engine.port, timeout=60) for _ in range(5)]
    for connection in connections:
        engine.send(connection, "POST", CHAT, {**LONG, "stream": True})
    wait_until(lambda: _running(engine) == 5, what="all five run")
    for connection in connections:
        connection.close()
    wait_until(lambda: _running(engine) == 0, what="all were aborted")


def test_a_large_body_arrives_whole(engine: Engine) -> None:
    body: dict[str, Any] = {"messages": SAID, "max_tokens": 1, "padding": "x" * 3_000_000}
    assert engine.ask("POST", CHAT, json.dumps(body)).status == 200
