"""A client over raw sockets: what it sends is exactly what it is given, and it believes nothing."""

import contextlib
import json
import socket
from dataclasses import dataclass

from tests.gateway_process import HOST

CHAT = "/v1/chat/completions"
TIMEOUT_S = 20


@dataclass(frozen=True)
class Reply:
    """`clean`: the body was told to be over, by its length or its last chunk."""

    status: int
    headers: dict[str, str]
    body: bytes
    clean: bool
    raw: bytes

    @property
    def error(self) -> dict:
        return json.loads(self.body)["error"]


def connect(port: int, timeout_s: float = TIMEOUT_S) -> socket.socket:
    sock = socket.create_connection((HOST, port), timeout=timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def request(
    body: bytes,
    key: str,
    path: str = CHAT,
    headers: tuple[str, ...] = (),
    *,
    method: str = "POST",
    last: bool = True,
) -> bytes:
    """A request; `last` asks for the connection to be closed behind it."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: gateway.test",
        f"Authorization: Bearer {key}",
        f"Content-Length: {len(body)}",
        *(["Connection: close"] if last else []),
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def talk(port: int, data: bytes, *, end: bool = False) -> Reply:
    """Send all of it, then read until the other side closes; `end`: say that no more will come."""
    with connect(port) as sock:
        # Whoever refuses may stop listening before it was told everything.
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
            if end:
                sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def read_all(sock: socket.socket) -> Reply:
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(1 << 20):
            pieces.append(piece)
    return parse(b"".join(pieces))


def read_one(sock: socket.socket) -> Reply:
    """One answer on a connection that stays open."""
    raw = b""
    while not parse(raw).clean and (piece := sock.recv(1 << 20)):
        raw += piece
    return parse(raw)


def parse(raw: bytes) -> Reply:
    head, _, rest = raw.partition(b"\r\n\r\n")
    if b"\r\n\r\n" not in raw:
        return Reply(0, {}, b"", False, raw)
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), value.strip())
    if headers.get("transfer-encoding") == "chunked":
        body, clean = _unchunk(rest)
    else:
        size = int(headers.get("content-length", -1))
        body, clean = rest[:size] if size >= 0 else rest, len(rest) == size
    return Reply(int(first.split()[1]), headers, body, clean, raw)


def _unchunk(data: bytes) -> tuple[bytes, bool]:
    body, at = [], 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return b"".join(body), False
        size = int(data[at:end], 16)
        if size == 0:
            return b"".join(body), data[end:] == b"\r\n\r\n"
        body.append(data[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
