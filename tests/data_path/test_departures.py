"""Clients that leave, and clients that stay but do not read."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.data_path.conftest import CLIENT_WRITE_S, entry
from tests.data_path.raw import connect, parse, read_one
from tests.gateway_process import Gateway
from tests.waiting import wait_until


def left(bench) -> int:
    return bench.state()["left"]


@pytest.mark.parametrize(
    ("script", "stream"),
    [("never", True), ("never", False), ("stall", True), ("stall", False), ("endless", True)],
)
def test_the_engine_is_left_when_its_client_goes(single, script, stream):
    before, seen = left(single), single.state()["seen"]
    sock = connect(single.port)
    sock.sendall(single.request(script, stream=stream))
    if script != "never":
        assert sock.recv(65536)
    wait_until(lambda: single.state()["seen"] == seen + 1, what="the engine has the request")
    sock.close()
    # Well before a time limit would have ended it (1 s).
    wait_until(lambda: left(single) == before + 1, 0.6, "the engine was left")
    assert single.ask("good").clean
    assert single.state()["seen"] == seen + 2


def test_a_client_that_resets_is_gone_too(single):
    before = left(single)
    sock = connect(single.port)
    sock.sendall(single.request("endless", stream=True))
    assert sock.recv(100)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    wait_until(lambda: left(single) == before + 1, 0.6, "the engine was left")
    assert single.ask("good").clean


READER = """
import socket, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock.sendall(sys.stdin.buffer.read())
while True:
    print(len(sock.recv(1000)), flush=True)
"""


def test_a_stopped_client_costs_little_and_is_cut_off_in_the_end(bench):
    stream = bench.request("endless", stream=True, pace=0.0005)
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(bench.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    before, memory = left(bench), resident_kb(bench)
    try:
        for reader in readers:
            reader.stdin.write(stream)
            reader.stdin.close()
            assert reader.stdout.readline()
            reader.send_signal(signal.SIGSTOP)
        neighbours = 0
        while left(bench) < before + 3:
            assert bench.ask("good", stream=True).clean
            neighbours += 1
            assert neighbours < 20_000
        assert neighbours > 20
        assert resident_kb(bench) - memory < 10_000
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
            reader.stdout.close()


def test_a_client_that_never_reads_is_cut_off_by_the_write_limit(single):
    before = left(single)
    with connect(single.port) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(single.request("endless", stream=True, pace=0.0))
        wait_until(lambda: left(single) == before + 1, CLIENT_WRITE_S + 15, "the engine was left")
    assert single.ask("good").clean


def resident_kb(bench) -> int:
    status = (bench.worker() / "status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_an_engine_that_resets_is_set_aside_and_comes_back_after_a_token(single):
    single.state(always="reset")
    try:
        for _ in range(3):
            assert single.ask("good").status == 502
        reply = single.ask("good")
        assert (reply.status, reply.error["code"]) == (503, "model_starting")
        assert reply.error["state"] == "unready"
        assert reply.headers["x-should-retry"] == "true"
        seen = single.state()["seen"]
        wait_until(lambda: single.state()["seen"] > seen, 10, "it is asked for a token")
        assert single.ask("good").status == 503
        # An answer without an end proves nothing, and nobody hears it out.
        before = single.state(always="endless")["left"]
        wait_until(lambda: left(single) > before, 10, "it was asked, and left")
        assert single.ask("good").status == 503
    finally:
        single.state(always=None)
    wait_until(lambda: single.ask("good").status == 200, 10, "it is used again")


def test_a_request_pipelined_behind_another_is_answered_after_it(bench):
    with connect(bench.port) as sock:
        first = bench.request("drip", stream=True, last=False)
        sock.sendall(first + bench.request("good", last=True))
        raw = b""
        while piece := sock.recv(65536):
            raw += piece
    assert raw.count(b"HTTP/1.1 200 OK") == 2
    end = raw.index(b"0\r\n\r\nHTTP/1.1") + 5
    assert parse(raw[:end]).body.endswith(b"data: [DONE]\n\n")
    assert json.loads(parse(raw[end:]).body)["usage"]["total_tokens"] == 7


def test_an_idle_connection_is_closed_without_a_word_when_the_gateway_stops(tmp_path):
    gateway = Gateway(tmp_path, [entry("torture")])
    gateway.start()
    try:
        with connect(gateway.port) as sock:
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_one(sock).status == 200
            gateway.stop(signal.SIGTERM)
            # Whatever came here would be taken for the answer to the next request.
            assert sock.recv(1000) == b""
    finally:
        gateway.kill9()
