"""The simulator fails on demand, in the ways an engine fails."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vllm import engines
from tests.vllm.engines import HOST, Engine, Reply
from tests.waiting import wait_until

CHAT = "/v1/chat/completions"
HELLO = {"messages": [{"role": "user", "content": "Hallo"}], "max_tokens": 50, "ignore_eos": True}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with engines.simulator(["--startup-seconds", "0"]) as running:
        yield running


def _faulty(**faults: Any) -> dict[str, Any]:
    return {**HELLO, "stream": True, "simulator": faults}


def _contents(text: str) -> int:
    return text.count('"content":') - 1  # the first chunk tells the role and says nothing


def test_cut_after_some_tokens(engine: Engine) -> None:
    connection = http.client.HTTPConnection(HOST, engine.port, timeout=30)
    engine.send(connection, "POST", CHAT, _faulty(cut_after_tokens=7))
    answer = connection.getresponse()
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        answer.read()
    connection.close()


def test_hang_after_some_tokens_while_health_is_fine(engine: Engine) -> None:
    before = engine.metric("generation_tokens_total")
    connection = http.client.HTTPConnection(HOST, engine.port, timeout=0.5)
    engine.send(connection, "POST", CHAT, _faulty(hang_after_tokens=4))
    answer = connection.getresponse()
    with pytest.raises(TimeoutError):
        answer.read()
    assert engine.ask("GET", "/health").status == 200
    assert engine.metric("num_requests_running") == 1
    assert engine.metric("generation_tokens_total") == before + 4
    answer.close()
    connection.close()
    wait_until(lambda: engine.metric("num_requests_running") == 0)


def test_error_inside_a_stream_and_then_its_usual_end(engine: Engine) -> None:
    *chunks, error, done, rest = engine.ask("POST", CHAT, _faulty(error_after_tokens=3)).text.split(
        "\n\n"
    )
    assert _contents("".join(chunks)) == 3
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == 500
    assert (done, rest) == ("data: [DONE]", "")


@pytest.mark.parametrize("stream", [True, False])
def test_fail_with_a_status(engine: Engine, stream: bool) -> None:
    reply = engine.ask("POST", CHAT, {**_faulty(fail_with=500), "stream": stream})
    assert (reply.status, reply.json["error"]["type"]) == (500, "InternalServerError")


def test_answers_can_be_made_any_length(engine: Engine) -> None:
    body = {"messages": HELLO["messages"], "simulator": {"answer_tokens": 9}}
    assert engine.ask("POST", CHAT, body).json["usage"]["completion_tokens"] == 9 + 1  # the end


def test_a_request_chooses_its_speed(engine: Engine) -> None:
    connection = http.client.HTTPConnection(HOST, engine.port, timeout=0.5)
    engine.send(connection, "POST", CHAT, _faulty(tokens_per_second=0.5))
    with pytest.raises(TimeoutError):
        connection.getresponse().read()
    connection.close()


def test_requests_beyond_the_limit_wait() -> None:
    with engines.simulator(["--max-num-seqs", "1"]) as engine:
        first, second = (http.client.HTTPConnection(HOST, engine.port) for _ in "ab")
        engine.send(first, "POST", CHAT, _faulty(hang_after_tokens=1))
        wait_until(lambda: engine.metric("num_requests_running") == 1)
        engine.send(second, "POST", CHAT, HELLO)
        wait_until(lambda: engine.metric("num_requests_waiting") == 1)
        first.close()
        assert second.getresponse().status == 200
        second.close()


def test_die_after_some_requests() -> None:
    with engines.simulator(["--die-after", "2"]) as engine:
        assert [engine.ask("POST", CHAT, HELLO).status for _ in range(2)] == [200, 200]
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            engine.ask("POST", CHAT, HELLO)
        assert engine.process.wait(timeout=10) == 1


def test_die_at_start() -> None:
    argv = [sys.executable, "-m", "slurm.simulator", "/m", "--die-at-start"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "initialization failed" in done.stderr


def test_sigterm_ends_it_at_once_though_a_request_runs() -> None:
    with engines.simulator() as engine:
        connection = http.client.HTTPConnection(HOST, engine.port, timeout=10)
        engine.send(connection, "POST", CHAT, _faulty(hang_after_tokens=1))
        answer = connection.getresponse()
        engine.process.send_signal(signal.SIGTERM)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()
        assert engine.process.wait(timeout=10) == 0
        connection.close()


def test_sigterm_ends_it_while_it_starts() -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = str(probe.getsockname()[1])
    argv = [sys.executable, "-m", "slurm.simulator", "/m", "--host", HOST, "--port", port]
    with subprocess.Popen([*argv, "--startup-seconds", "600"]) as process:
        wait_until(lambda: _is_taken(int(port)), what="the port is bound")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, int(port)))
        process.terminate()
        assert process.wait(timeout=10) == 0


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def test_kept_responses_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ENABLE_RESPONSES_API_STORE", "1")
    with engines.simulator() as engine:
        made = engine.ask("POST", "/v1/responses", {"input": "Hallo"}).json
        assert engine.ask("GET", f"/v1/responses/{made['id']}").json == made
        assert engine.ask("POST", f"/v1/responses/{made['id']}/cancel").status == 400


def test_what_follows_a_kept_response_goes_on_with_its_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VLLM_ENABLE_RESPONSES_API_STORE", "1")
    with engines.simulator() as engine:

        def told(text: str, **more: object) -> Reply:
            asked = {"input": text, "max_output_tokens": 4, **more}
            return engine.ask("POST", "/v1/responses", asked)

        first = told("Hallo", instructions="Speak German").json
        follows = {"previous_response_id": first["id"]}
        streamed = told("Und?", stream=True, **follows).text.splitlines()
        second = json.loads(streamed[-2].removeprefix("data: "))["response"]
        third = told("Und?", previous_response_id=second["id"]).json
        dropped = told("Und?", store=False, **follows).json

        tokens = [each["usage"]["input_tokens"] for each in (first, second, third)]
        assert tokens == sorted(set(tokens))
        assert dropped["usage"]["input_tokens"] == tokens[1]
        assert told("Und?", previous_response_id=dropped["id"]).status == 404


def test_the_oldest_protocol_gets_a_stream_up_to_the_end_of_the_connection(engine: Engine) -> None:
    data = json.dumps({**HELLO, "stream": True}).encode()
    head = f"POST {CHAT} HTTP/1.0\r\nauthorization: Bearer {engines.KEY}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    with socket.create_connection((HOST, engine.port), timeout=30) as raw:
        raw.sendall(head.encode() + data)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b"chunked" not in answer
    assert answer.endswith(b"data: [DONE]\n\n")


def test_requests_sent_in_one_go_are_answered_in_order(engine: Engine) -> None:
    lines = "GET {} HTTP/1.1\r\nhost: x\r\nconnection: {}\r\n\r\n"
    both = lines.format("/version", "keep-alive") + lines.format("/load", "close")
    with socket.create_connection((HOST, engine.port), timeout=30) as raw:
        raw.sendall(both.encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.index(b'"version"') < answer.index(b'"server_load"')


def test_no_answer_waits_for_a_delayed_acknowledgement(engine: Engine) -> None:
    # 40 ms each where a head and its body travel apart; together about one.
    connection = http.client.HTTPConnection(HOST, engine.port, timeout=30)
    started = time.monotonic()
    for _ in range(30):
        engine.send(connection, "GET", "/v1/models")
        connection.getresponse().read()
    connection.close()
    assert time.monotonic() - started < 30 * 0.04
