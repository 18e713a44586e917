"""What the torture engine answers: scripts of bytes, pauses and ends; standard library only.

A script yields bytes (sent in one piece), seconds (a pause) or one of the ends below. One that just
stops leaves the connection open for the next request.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

RESET, CLOSE, HANG, DOOM = "reset", "close", "hang", "doom"
Step = bytes | float | str

CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"
MEGABYTE = 1024 * 1024
ENDS = {
    "/v1/responses": b'event: response.completed\ndata: {"type":"response.completed"}\n\n',
    "/v1/messages": b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
}


@dataclass(frozen=True)
class Ask:
    """A request; `body` is its JSON, {} if it has none."""

    method: str
    path: str
    head: str
    body: dict = field(default_factory=dict)

    @property
    def is_stream(self) -> bool:
        return bool(self.body.get("stream"))


def events(path: str) -> list[bytes]:
    """A stream's events, the last one being its proper end."""
    told = [json.dumps({"n": n, "text": "wörter 東京"}, ensure_ascii=False) for n in range(4)]
    return [f"data: {text}\n\n".encode() for text in told] + [ENDS.get(path, b"data: [DONE]\n\n")]


def plain_body() -> bytes:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return json.dumps({"id": "x", "text": "wörter", "usage": usage}, ensure_ascii=False).encode()


def head(ask: Ask, framing: bytes, more: bytes = b"", status: bytes = b"200 OK") -> bytes:
    kind = b"text/event-stream; charset=utf-8" if ask.is_stream else b"application/json"
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\n" + framing + more + b"\r\n"


def length(size: int) -> bytes:
    return b"Content-Length: %d\r\n" % size


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def body_of(ask: Ask) -> bytes:
    return b"".join(events(ask.path)) if ask.is_stream else plain_body()


def good(ask: Ask, more: bytes = b"") -> Iterator[Step]:
    if ask.is_stream:
        yield head(ask, CHUNKED, more)
        for event in events(ask.path):
            yield chunk(event)
        yield LAST_CHUNK
    else:
        yield head(ask, length(len(plain_body())), more) + plain_body()


def whole(ask: Ask) -> bytes:
    return b"".join(step for step in good(ask) if isinstance(step, bytes))


# Answers that are odd, but whole.


def fragments(ask: Ask) -> Iterator[Step]:
    for byte in whole(ask):
        yield bytes([byte])


def packed(ask: Ask) -> Iterator[Step]:
    yield whole(ask)


def megabytes(ask: Ask) -> Iterator[Step]:
    yield head(ask, CHUNKED)
    for letter in b"abcd":
        yield chunk(b"data: " + bytes([letter]) * MEGABYTE + b"\n\n")
    yield LAST_CHUNK


def drip(ask: Ask) -> Iterator[Step]:
    for step in good(ask):
        yield step
        yield 0.05


def extensions(ask: Ask) -> Iterator[Step]:
    yield head(ask, CHUNKED + b"Trailer: X-Sum\r\n")
    yield chunk(body_of(ask), b';a=1;b="two"') + b"0;last\r\nX-Sum: 1\r\n\r\n"


def informational(ask: Ask) -> Iterator[Step]:
    yield b"HTTP/1.1 100 Continue\r\n\r\n"
    yield b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + whole(ask)


def odd_headers(ask: Ask) -> Iterator[Step]:
    more = b"X-Twice: 1\r\nX-Twice: 2\r\nx-empty:\r\nX-Latin: \xfc\r\nSet-Cookie: a=b\r\n"
    yield from good(ask, more + b"Connection: X-Hop\r\nX-Hop: secret\r\nServer: odd\r\n")


def closing(ask: Ask) -> Iterator[Step]:
    yield from good(ask, b"Connection: close\r\n")
    yield CLOSE


def delimited(ask: Ask) -> Iterator[Step]:
    yield head(ask, b"")
    yield body_of(ask)
    yield CLOSE


def longer(ask: Ask) -> Iterator[Step]:
    """More bytes than it said: what is behind the end is no answer to anybody."""
    yield whole(ask) + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"


def doomed(ask: Ask) -> Iterator[Step]:
    """The connection will be reset by the next request on it."""
    yield whole(ask)
    yield DOOM


def idle_close(ask: Ask) -> Iterator[Step]:
    yield whole(ask)
    yield CLOSE


# Answers that come to nothing.


def reset(ask: Ask) -> Iterator[Step]:
    yield RESET


def silent_close(ask: Ask) -> Iterator[Step]:
    yield CLOSE


def mid_header(ask: Ask) -> Iterator[Step]:
    yield whole(ask)[:40]
    yield RESET


def garbage(ask: Ask) -> Iterator[Step]:
    yield b"\x16\x03\x01\x02\x00 this is not HTTP\r\n\r\n" * 3
    yield HANG


def two_lengths(ask: Ask) -> Iterator[Step]:
    yield head(ask, length(5) + length(6)) + b"123456"


def both_framings(ask: Ask) -> Iterator[Step]:
    yield head(ask, length(5) + CHUNKED) + chunk(b"hello") + LAST_CHUNK


def negative_length(ask: Ask) -> Iterator[Step]:
    yield head(ask, length(-5)) + b"hello"


def switched(ask: Ask) -> Iterator[Step]:
    yield b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello"
    yield HANG


def bad_header(ask: Ask) -> Iterator[Step]:
    yield b"HTTP/1.1 200 OK\r\nX Odd: 1\r\nContent-Length: 2\r\n\r\n{}"


def control_header(ask: Ask) -> Iterator[Step]:
    yield b"HTTP/1.1 200 OK\r\nX-Bell: \x07\r\nContent-Length: 2\r\n\r\n{}"


def endless_head(ask: Ask) -> Iterator[Step]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-Header: " + b"x" * 8000 + b"\r\n"


def never(ask: Ask) -> Iterator[Step]:
    yield HANG


def head_alone(ask: Ask) -> Iterator[Step]:
    yield head(ask, length(1000))
    yield 0.05
    yield RESET


# Answers that break off behind the first byte.


def mid_chunk(ask: Ask) -> Iterator[Step]:
    yield head(ask, CHUNKED) + chunk(body_of(ask)[:50])
    yield b"40\r\nhalf of i"
    yield RESET


def before_last_chunk(ask: Ask) -> Iterator[Step]:
    yield head(ask, CHUNKED) + chunk(body_of(ask)[:90])
    yield RESET


def closed_early(ask: Ask) -> Iterator[Step]:
    yield head(ask, CHUNKED) + chunk(body_of(ask)[:90])
    yield CLOSE


def bad_chunk(ask: Ask) -> Iterator[Step]:
    yield head(ask, CHUNKED) + chunk(body_of(ask)[:50])
    yield b"zz\r\nnot a size\r\n"
    yield HANG


def shorter(ask: Ask) -> Iterator[Step]:
    yield head(ask, length(1000)) + body_of(ask)[:50]
    yield CLOSE


def stall(ask: Ask) -> Iterator[Step]:
    yield head(ask, CHUNKED) + chunk(body_of(ask)[:50])
    yield HANG


def mutated(ask: Ask) -> Iterator[Step]:
    """A good answer with a few bytes changed, taken out or put in."""
    chance, data = random.Random(ask.body["seed"]), bytearray(whole(ask))
    for _ in range(chance.randint(1, 3)):
        # Most of what can be misread is in the head.
        at = chance.randrange(len(data) if chance.random() < 0.4 else 120)
        match chance.randrange(3):
            case 0:
                data[at] = chance.choice(b"\0\r\n :;0-9\x7f\xff")
            case 1:
                del data[at : at + chance.randint(1, 4)]
            case _:
                data[at:at] = chance.choice([b"\r\n", b"\n", b"\0", b" ", b"9", b"X-A: \x7f\r\n"])
    yield bytes(data)
    yield CLOSE


def endless(ask: Ask) -> Iterator[Step]:
    yield head(ask, CHUNKED)
    while True:
        yield chunk(b"data: " + b"x" * 1000 + b"\n\n")
        yield float(ask.body.get("pace", 0.01))


SCRIPTS: dict[str, Callable[[Ask], Iterator[Step]]] = {
    function.__name__: function
    for function in list(globals().values())
    if callable(function) and getattr(function, "__module__", "") == __name__
}
