"""Bad input, class "Raw HTTP": a clear 4xx in our envelope, no hang, and nothing for the engine."""

import re

import pytest

from tests.data_path.raw import CHAT, connect, read_all, read_one, talk
from tests.waiting import wait_until

LINE = "POST /v1/chat/completions HTTP/1.1\r\n"
HOST = "Host: gateway.test\r\n"
KEY = "Authorization: Bearer {key}\r\n"
START = LINE + HOST + KEY
SIZE = "Content-Length: {size}\r\n"
BODY = "\r\n{body}"
GOOD = START + SIZE + BODY

REFUSED = {
    "doubled length": (START + SIZE + SIZE + BODY, 400),
    "conflicting lengths": (START + SIZE + "Content-Length: 0\r\n" + BODY, 400),
    "listed lengths": (START + "Content-Length: 5, 5\r\n" + BODY, 400),
    "length and chunks": (START + SIZE + "Transfer-Encoding: chunked\r\n" + BODY, 400),
    "negative length": (START + "Content-Length: -1\r\n" + BODY, 400),
    "signed length": (START + "Content-Length: +5\r\n" + BODY, 400),
    "hexadecimal length": (START + "Content-Length: 0x5\r\n" + BODY, 400),
    "superscript length": (START + "Content-Length: \u00b2\r\n" + BODY, 400),
    "length of 5000 digits": (START + f"Content-Length: {'9' * 5000}\r\n" + BODY, 400),
    "length of 300 digits": (START + f"Content-Length: {'9' * 300}\r\n" + BODY, 400),
    "coding unknown": (START + "Transfer-Encoding: cow\r\n" + BODY, 400),
    "coding hidden": (START + "Transfer-Encoding: xchunked\r\n" + BODY, 400),
    "coding doubled": (START + "Transfer-Encoding: chunked, chunked\r\n" + BODY, 400),
    "coding not last": (START + "Transfer-Encoding: chunked, identity\r\n" + BODY, 400),
    "coding behind a tab": (START + SIZE + "Transfer-Encoding:\tchunked\r\n" + BODY, 400),
    "coding before a space": (START + "Transfer-Encoding : chunked\r\n" + BODY, 400),
    "chunks in HTTP/1.0": (
        GOOD.replace("1.1", "1.0").replace(SIZE, "Transfer-Encoding: chunked\r\n"),
        400,
    ),
    "folded header": (START + "X-A: 1\r\n 2\r\n" + SIZE + BODY, 400),
    "folded first header": (LINE + " X: 1\r\n" + HOST + KEY + SIZE + BODY, 400),
    "NUL in a header": (START + "X-A: a\0b\r\n" + SIZE + BODY, 400),
    "NUL in the target": (GOOD.replace("completions", "completions\0"), 400),
    "bare CR in a header": (START + "X-A: a\rb\r\n" + SIZE + BODY, 400),
    "bare LF as line end": (GOOD.replace("\r\n", "\n"), 400),
    "header without colon": (START + "X-A\r\n" + SIZE + BODY, 400),
    "header without name": (START + ": a\r\n" + SIZE + BODY, 400),
    "space in a name": (START + "X A: a\r\n" + SIZE + BODY, 400),
    "no HTTP at all": ("hello\r\n\r\n", 400),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/9.9": (GOOD.replace("1.1", "9.9"), 400),
    "lower-case method": (GOOD.replace("POST", "post"), 400),
    "two spaces": (GOOD.replace(" HTTP", "  HTTP"), 400),
    "absolute target": (GOOD.replace("POST /", "POST http://other.test/"), 400),
    "target without slash": (GOOD.replace("POST /", "POST "), 400),
    "asterisk": (GOOD.replace(CHAT, "*"), 400),
    "no host": (GOOD.replace(HOST, ""), 400),
    "two hosts": (GOOD.replace(HOST, HOST * 2), 400),
    **{
        f"host with {sign}": (GOOD.replace("gateway.test", f"a{sign}b"), 400)
        for sign in ("/", "?", "#", "@", " ", "\\", "<")
    },
    "long target": (GOOD.replace("completions", "completions?" + "x" * 10_000), 414),
    "long header": (START + f"X-A: {'x' * 10_000}\r\n" + SIZE + BODY, 431),
    "many headers": (START + "X-A: 1\r\n" * 2000 + SIZE + BODY, 400),
    "key of a MiB": (LINE + HOST + f"Authorization: Bearer {'x' * 2**20}\r\n\r\n", 431),
    "TRACE": (GOOD.replace("POST", "TRACE"), 405),
    "CONNECT": (GOOD.replace("POST", "CONNECT"), 405),
    "CONNECT elsewhere": (f"CONNECT other.test:443 HTTP/1.1\r\n{HOST}{KEY}\r\n", 400),
    "expects the unknown": (START + "Expect: 200-ok\r\n" + SIZE + BODY, 417),
    "doubled key": (START + KEY + SIZE + BODY, 401),
    "another key first": (LINE + HOST + "Authorization: Bearer x\r\n" + KEY + SIZE + BODY, 401),
    "Basic": (LINE + HOST + "Authorization: Basic {key}\r\n" + SIZE + BODY, 401),
    "key in the query": (
        GOOD.replace(KEY, "").replace("completions ", "completions?api_key={key} "),
        401,
    ),
    "key in an underscored header": (
        GOOD.replace(KEY, "X_API_KEY: {key}\r\nHTTP_AUTHORIZATION: Bearer {key}\r\n"),
        401,
    ),
    "key in a cookie": (GOOD.replace(KEY, "Cookie: Authorization=Bearer {key}\r\n"), 401),
}

HARMLESS = {
    "Upgrade": "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "h2c": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "Connection: Authorization": "Connection: Authorization, close\r\n",
    "forwarded": (
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
        "Forwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n"
    ),
    "forwarded, conflicting": "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n",
    "script name": "SCRIPT_NAME: /elsewhere\r\nPATH_INFO: /sleep\r\nScript-Name: /v1\r\n",
    "underscored": "X_Request_Id: a\r\ncontent_length: 7\r\ntransfer_encoding: chunked\r\n",
    "the engine's own": "X-data-parallel-rank: 7\r\nX-Session-ID: a\r\nX-Vllm-Priority: 9\r\n",
    "identity": "Cookie: a=b\r\nProxy-Authorization: Basic x\r\nX-Api-Key: {key}\r\n",
}
TO_ENGINE = {
    "host", "authorization", "x-request-id", "accept-encoding", "content-type", "accept",
    "content-length",
}  # fmt: skip


def filled(bench, text: str) -> bytes:
    body = bench.body("good")
    parts = {"key": bench.gateway.key, "size": str(len(body)), "body": body.decode()}
    return re.sub(r"\{(key|size|body)\}", lambda m: parts[m[1]], text).encode("latin-1")


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_plain_http_is_refused_and_reaches_nothing(bench, case):
    text, status = REFUSED[case]
    seen = bench.state()["seen"]
    reply = talk(bench.port, filled(bench, text), end=True)
    assert (reply.status, reply.clean) == (status, True), reply.raw[:300]
    assert set(reply.error) == {"message", "type", "param", "code"}
    assert bench.gateway.key.encode() not in reply.raw
    assert bench.state()["seen"] == seen


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_not_for_the_engine_does_not_reach_it(bench, case):
    text = START + HARMLESS[case] + SIZE + "Content-Type: application/json\r\n" + BODY
    with connect(bench.port) as sock:
        sock.sendall(filled(bench, text))
        reply = read_one(sock)
    assert reply.status == 200, reply.raw
    head = bench.state()["last"]
    names = [line.partition(":")[0].lower() for line in head.split("\r\n")[1:]]
    assert set(names) <= TO_ENGINE
    assert len(names) == len(set(names))
    assert head.startswith(f"POST {CHAT} HTTP/1.1\r\n")
    assert bench.gateway.key not in head


def test_a_second_request_behind_a_refused_one_is_not_smuggled(bench):
    seen = bench.state()["seen"]
    inner = filled(bench, GOOD)
    outer = filled(bench, START + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n")
    reply = talk(bench.port, outer + b"0\r\n\r\n" + inner, end=True)
    assert reply.status == 400
    assert reply.raw.count(b"HTTP/1.1 ") == 1
    assert bench.state()["seen"] == seen


def test_the_log_of_a_refusal_has_no_word_of_the_client(bench):
    talk(bench.port, b"POST /v1/x HTTP/1.1\r\nAuthorization canary-in-a-header\r\n\r\n", end=True)
    wait_until(lambda: "refused a request of" in bench.gateway.log_text(), what="it is logged")
    assert "canary-in-a-header" not in bench.gateway.log_text()


def test_a_client_that_sends_its_head_byte_by_byte_is_served_in_the_end(bench):
    with connect(bench.port) as slow:
        for byte in filled(bench, GOOD.replace(SIZE, SIZE + "Connection: close\r\n")):
            slow.send(bytes([byte]))
        assert read_all(slow).status == 200
