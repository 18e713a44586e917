"""Bad input, class "Body": clear words, no hang, no memory, and nothing for the engine."""

import contextlib
import gzip
import threading

import pytest

from tests.data_path.conftest import CLIENT_WRITE_S
from tests.data_path.raw import connect, read_all, read_one, request, talk
from tests.waiting import wait_until

CHUNKED = "Transfer-Encoding: chunked"
MODEL = b'"model": "torture"'
DEEP = 100_000

REFUSED = {
    "empty": (b"", 400),
    "no JSON": (b"model=torture", 400),
    "an array": (b"[" + MODEL.replace(b":", b",") + b"]", 400),
    "nested deeply": (b"{" + MODEL + b', "a": ' + b"[" * DEEP + b"]" * DEEP + b"}", 400),
    "objects nested deeply": (
        b"{" + MODEL + b', "a": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
        400,
    ),
    "5000 digits": (b"{" + MODEL + b', "seed": ' + b"9" * 5000 + b"}", 400),
    "NaN": (b"{" + MODEL + b', "top_p": NaN}', 400),
    "Infinity": (b"{" + MODEL + b', "top_p": -Infinity}', 400),
    "two models": (b"{" + MODEL + b', "model": "single"}', 400),
    "two models, one escaped": (b"{" + MODEL + b', "mod\\u0065l": "single"}', 400),
    "BOM": (b"\xef\xbb\xbf{" + MODEL + b"}", 400),
    "UTF-16": ("{" + MODEL.decode() + "}", 400),
    "bad UTF-8": (b"{" + MODEL + b', "a": "\xff\xfe"}', 400),
    "surrogate in model": (b'{"model": "\\ud800"}', 400),
    "NUL in model": (b'{"model": "torture\\u0000"}', 404),
    "raw NUL": (b'{"model": "tor\0ture"}', 400),
    "model a number": (b'{"model": 7}', 400),
    "model of 10 kB": (b'{"model": "' + b"x" * 10_000 + b'"}', 400),
    "model a path": (b'{"model": "../torture"}', 404),
    "model with a newline": (b'{"model": "torture\\nX-Evil: 1"}', 404),
    "model a command": (b'{"model": "$(id)"}', 404),
    "stream a text": (b"{" + MODEL + b', "stream": "true"}', 400),
    "cut": (b"{" + MODEL + b', "messages": [', 400),
    "two objects": (b"{" + MODEL + b"}{" + MODEL + b"}", 400),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_body_that_cannot_be_read_is_refused_and_reaches_nothing(bench, case):
    body, status = REFUSED[case]
    seen = bench.state()["seen"]
    data = body.encode("utf-16") if isinstance(body, str) else body
    reply = talk(bench.port, request(data, bench.gateway.key))
    assert (reply.status, reply.clean) == (status, True), reply.raw[:300]
    assert set(reply.error) == {"message", "type", "param", "code"}
    assert bench.state()["seen"] == seen


def test_a_compressed_body_is_refused(bench):
    body = gzip.compress(bench.body("good"))
    reply = talk(bench.port, request(body, bench.gateway.key, headers=("Content-Encoding: gzip",)))
    assert (reply.status, reply.clean) == (400, True)


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json; charset=latin-1", "x" * 900])
def test_the_engine_is_the_judge_of_a_content_type(bench, kind):
    headers = (f"Content-Type: {kind}",)
    assert talk(bench.port, request(bench.body("good"), bench.gateway.key, headers=headers)).clean
    assert (f"Content-Type: {kind}" in bench.state()["last"]) == bool(kind)


def declared(bench, lines: str, key: str | None = None) -> bytes:
    head = request(b"", key or bench.gateway.key, last=False).partition(b"\r\n\r\n")[0]
    return head.replace(b"Content-Length: 0", lines.encode()) + b"\r\n\r\n"


@pytest.mark.parametrize("size", [2**30, 2**63, 2**64 + 1])
def test_a_body_declared_too_large_is_refused_before_it_is_sent(bench, size):
    with connect(bench.port) as sock:
        sock.sendall(declared(bench, f"Content-Length: {size}"))
        reply = read_one(sock)
    # The parser itself refuses what 63 bits cannot count.
    assert reply.status == 413 if size < 2**63 else reply.status in (400, 413)
    assert reply.error["code"] == ("request_too_large" if reply.status == 413 else None)


def test_a_chunked_body_that_grows_too_large_is_refused(bench):
    piece = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    with connect(bench.port) as sock:
        sock.sendall(declared(bench, CHUNKED))
        sent = 0
        while sent < 65 and send(sock, piece):
            sent += 1
        assert (sent, read_one(sock).status) == (65, 413)


def send(sock, data):
    try:
        sock.sendall(data)
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("sent", [b"", b'{"model": ', b"x"])
def test_a_truncated_body_is_refused(bench, sent):
    seen = bench.state()["seen"]
    reply = talk(bench.port, declared(bench, "Content-Length: 100") + sent, end=True)
    assert (reply.status, reply.clean) == (400, True)
    assert bench.state()["seen"] == seen


def test_a_chunked_body_is_taken(bench):
    body = bench.body("good")
    halves = body[:9], body[9:]
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(half), half) for half in halves)
    with connect(bench.port) as sock:
        sock.sendall(declared(bench, CHUNKED) + chunks + b"0\r\nX-Trailer: 1\r\n\r\n")
        reply = read_one(sock)
    assert reply.status == 200
    assert f"Content-Length: {len(body)}" in bench.state()["last"]


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\r\nhel",
        b"5\r\nhello\r\n0\r\n",
        b"5\nhello\n0\n\n",
        b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\nhello",
        b"0\r\nAuthorization: Bearer x\r\n\r\n",
    ],
)
def test_bad_chunks_are_refused_and_reach_nothing(bench, chunks):
    seen = bench.state()["seen"]
    reply = talk(bench.port, declared(bench, CHUNKED) + chunks, end=True)
    assert (reply.status, reply.clean) == (400, True), reply.raw[:300]
    assert reply.error["message"]
    assert bench.state()["seen"] == seen


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/%63hat/completions"])
def test_a_bad_key_is_refused_before_its_body_is_invited(bench, path):
    with connect(bench.port) as sock:
        head = declared(bench, "Content-Length: 1000\r\nExpect: 100-continue", key="sk-wrong")
        sock.sendall(head.replace(b"/v1/chat/completions", path.encode()))
        reply = read_all(sock)
    assert reply.status in (401, 404)
    assert b"100 Continue" not in reply.raw


def test_a_body_of_a_good_key_is_invited_once(bench):
    body = bench.body("good")
    with connect(bench.port) as sock:
        sock.sendall(declared(bench, f"Content-Length: {len(body)}\r\nExpect: 100-continue"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        reply = read_all(sock)
    assert (reply.status, reply.clean) == (200, True)
    assert "expect" not in bench.state()["last"].lower()


def test_a_body_byte_by_byte_disturbs_nobody_and_arrives(bench):
    body = bench.body("good")
    slow = [connect(bench.port) for _ in range(20)]
    for sock in slow:
        sock.sendall(declared(bench, f"Content-Length: {len(body)}\r\nConnection: close"))
    for byte in body:
        for sock in slow:
            sock.send(bytes([byte]))
    assert bench.ask("good").clean
    assert {read_all(sock).status for sock in slow} == {200}
    for sock in slow:
        sock.close()


def test_a_body_that_stops_is_told_so_in_the_end(bench):
    with connect(bench.port) as sock:
        sock.sendall(declared(bench, "Content-Length: 100") + b"{")
        sock.settimeout(CLIENT_WRITE_S + 5)
        reply = read_one(sock)
    assert reply.status == 408
    assert "in time" in reply.error["message"]


def test_a_refused_client_that_sends_on_can_read_why(bench):
    reply = talk(bench.port, request(b" " * 12_000_000, "sk-wrong"))
    assert (reply.status, reply.clean) == (401, True)


def test_memory_does_not_follow_what_strangers_send(bench):
    def resident_kb() -> int:
        status = (bench.worker() / "status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    before = resident_kb()
    stop = threading.Event()

    def pour() -> None:
        with contextlib.suppress(ConnectionError), connect(bench.port) as sock:
            sock.sendall(declared(bench, "Content-Length: 60000000", key="sk-wrong"))
            while not stop.is_set() and send(sock, b" " * 2**20):
                pass

    threads = [threading.Thread(target=pour) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: bench.ask("good").clean, what="others are served meanwhile")
    grown = resident_kb() - before
    stop.set()
    for thread in threads:
        thread.join(20)
    assert grown < 20_000
