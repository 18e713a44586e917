"""What an engine must do to have proved itself, over real sockets; it may try anything."""

import json
import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from web.fleet.probe import MAX_PROOF_BYTES, QUESTIONS, answers_with_a_token
from web.fleet.routing import Target

PATHS = [path for path, _ in QUESTIONS]


def framed(status, body):
    return b"HTTP/1.1 %d Told\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


TOKEN = framed(200, b'{"choices": [{"text": "1"}]}')
NOT_HERE = framed(404, b"{}")


class Engine:
    """Answers every request by `script(path)`: bytes, or an iterator of bytes and pauses."""

    def __init__(self, script):
        self.script = script
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.open = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def target(self):
        return Target("abcdefghij", f"127.0.0.1:{self.listener.getsockname()[1]}", "its-key")

    def serve(self):
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.open.append(sock)
                with suppress(OSError):
                    self.answer(sock)

    def answer(self, sock):
        head, _, body = sock.recv(65536).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        sock.settimeout(5)
        while not body:
            body = sock.recv(65536)
        path = lines[0].split(" ")[1]
        self.asked.append((path, lines, json.loads(body)))
        told = self.script(path)
        for piece in (told,) if isinstance(told, bytes) else told:
            sock.sendall(piece)
            # What is silent stays silent until the test is over.
            if not piece and self.ended.wait(20):
                return

    def close(self):
        self.ended.set()
        # close() alone does not wake the thread that accepts.
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.open:
            sock.close()
        self.thread.join(5)


@pytest.fixture
def engine():
    made = []

    def make(script):
        made.append(Engine(script))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_one_token_is_a_proof(engine):
    one = engine(lambda path: TOKEN)
    assert answers_with_a_token(one.target, "org/m")
    ((path, lines, question),) = one.asked
    assert path == "/v1/completions"
    assert "Authorization: Bearer its-key" in lines
    assert question == {"model": "org/m", "prompt": "1", "max_tokens": 1}


@pytest.mark.parametrize("kind", PATHS)
def test_an_engine_of_any_kind_is_asked_what_it_is_made_for(engine, kind):
    one = engine(lambda path: TOKEN if path == kind else NOT_HERE)
    assert answers_with_a_token(one.target, "m")
    assert one.asked[-1][0] == kind


@pytest.mark.parametrize("status", [301, 307, 401, 429, 500, 503])
def test_no_other_answer_is_a_proof_and_none_is_asked_twice(engine, status):
    one = engine(lambda path: framed(status, b'{"error": {}}'))
    assert not answers_with_a_token(one.target, "m")
    assert len(one.asked) == 1


def test_an_engine_that_knows_none_of_the_questions_proves_nothing(engine):
    one = engine(lambda path: NOT_HERE)
    assert not answers_with_a_token(one.target, "m")
    assert [path for path, _, _ in one.asked] == PATHS


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        framed(200, b""),
        framed(200, b"x" * (MAX_PROOF_BYTES + 1)),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    ],
)
def test_an_answer_that_is_not_whole_is_no_proof(engine, answer):
    one = engine(lambda path: [answer] if answer else iter(()))
    one.answer = lambda sock, ask=one.answer: (ask(sock), sock.close())
    assert not answers_with_a_token(one.target, "m", limit_s=5)


def test_a_chunked_answer_is_a_proof_too(engine):
    one = engine(
        lambda path: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    assert answers_with_a_token(one.target, "m")


def test_nobody_listening_is_no_proof():
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    assert not answers_with_a_token(Target("a", f"127.0.0.1:{port}", "k"), "m")
    assert not answers_with_a_token(Target("a", "a..b:1", "k"), "m")


def drip(beginning):
    def told(path):
        yield beginning
        while True:
            time.sleep(0.05)  # an engine's pace, not synchronisation
            yield b"1"

    return told


@pytest.mark.parametrize(
    "script",
    [
        lambda path: [b""],
        lambda path: [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345678", b""],
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX-Endless: "),
        drip(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
)
def test_a_probe_ends_in_time_whatever_the_engine_does(engine, script):
    one = engine(script)
    began = time.monotonic()
    assert not answers_with_a_token(one.target, "m", limit_s=0.5)
    assert 0.4 < time.monotonic() - began < 1.5
