"""A client's end of one connection, without a library: each byte's time is the socket's own."""

import socket
import time

from bench.subjects.subject import CHAT, Subject
from bench.upstream.answers import request_body

CONNECT_TIMEOUT_S = 10.0
RECEIVE_BYTES = 65536


def connect(subject: Subject) -> socket.socket:
    sock = socket.create_connection(subject.host_port, CONNECT_TIMEOUT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def request_bytes(subject: Subject, kind: str, number: int) -> bytes:
    body = request_body(kind, number)
    host, port = subject.host_port
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {subject.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def wait_first_event(sock: socket.socket, timeout_s: float) -> bool:
    """Read until an event has come; False when none comes in time or the connection ends."""
    deadline, seen = time.monotonic() + timeout_s, b""
    while b"data: " not in seen and time.monotonic() < deadline:
        sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = sock.recv(RECEIVE_BYTES)
        except OSError:
            return False
        if not data:
            return False
        seen += data
    return b"data: " in seen


def body_of(answer: bytes) -> bytes | None:
    """The body of a whole chunked answer with status 200; None if it is anything else."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or b"transfer-encoding: chunked" not in head.lower():
        return None
    parts: list[bytes] = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return b"".join(parts) if rest == b"\r\n" else None
        parts.append(rest[:length])
        if rest[length : length + 2] != b"\r\n":
            return None
        rest = rest[length + 2 :]
    return None
