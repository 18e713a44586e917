"""HTTP/1.1 on an asyncio transport, as little as an engine needs.

Requests on a connection are answered one after the other. While one is answered its handler is a
task, and the client's leaving cancels that task: this is how generation is aborted.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from slurm.simulator.exchange import Request, Response

MAX_HEAD_BYTES = 65536
Handler = Callable[[Request, Response], Awaitable[None]]
log = logging.getLogger(__name__)


class BadRequest(Exception):
    """Bytes that are no HTTP request; the connection is closed after a 400."""


class Connection(asyncio.Protocol):
    """One client's socket. Idle for `keep_alive_s` after an answer, it is closed."""

    def __init__(self, handler: Handler, keep_alive_s: float, open_ones: set[Connection]) -> None:
        self._handler = handler
        self._keep_alive_s = keep_alive_s
        self._open_ones = open_ones
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._needed = 0
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # asyncio does this only for sockets made with an explicit protocol number; without it each
        # answer waits 40 ms for the client's delayed ACK.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self)
        self._stop_idling()
        if self._task:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None and len(self._buffer) >= self._needed:
            self._next_request()

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        await self._writable.wait()

    def abort(self) -> None:
        self._transport.abort()

    def _next_request(self) -> None:
        try:
            request, behind = parse(bytes(self._buffer))
        except BadRequest:
            self.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
            self._transport.close()
            return
        if request is None:
            self._expect_more()
            return
        self._buffer, self._needed = bytearray(behind), 0
        self._stop_idling()
        self._task = self._loop.create_task(self._answer(request))

    def _expect_more(self) -> None:
        head, end, body = bytes(self._buffer).partition(b"\r\n\r\n")
        if end:  # a large body comes in many pieces: look again when it is whole
            length = _parse_head(head.decode("latin-1")).headers.get("content-length", "0")
            self._needed = len(head) + len(end) + int(length)
        # curl sends no large body before it hears this.
        if end and not body and b"100-continue" in head.lower():
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _answer(self, request: Request) -> None:
        response = Response(self, request)
        try:
            await self._handler(request, response)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            self.abort()
        self._task = None
        if not request.keep_alive:
            self._transport.close()
            return
        self._idle = self._loop.call_later(self._keep_alive_s, self._transport.close)
        if self._buffer:
            self._next_request()

    def _stop_idling(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None


def parse(data: bytes) -> tuple[Request | None, bytes]:
    """The first whole request in `data` and the bytes behind it; None while it is not whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        if len(data) > MAX_HEAD_BYTES:
            raise BadRequest
        return None, data
    request = _parse_head(head.decode("latin-1"))
    if "chunked" in request.headers.get("transfer-encoding", ""):
        body, behind = _chunked(rest)
    else:
        body, behind = _sized(rest, request.headers.get("content-length", "0"))
    if body is None:
        return None, data
    request.body = body
    return request, behind


def _parse_head(head: str) -> Request:
    first, *lines = head.split("\r\n")
    try:
        method, target, version = first.split(" ")
        pairs = [line.split(":", 1) for line in lines]
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
    except ValueError:
        raise BadRequest from None
    modern = version == "HTTP/1.1"
    wish = headers.get("connection", "").lower()
    keep_alive = "close" not in wish if modern else "keep-alive" in wish
    return Request(method, target.partition("?")[0], headers, keep_alive, chunked=modern)


def _sized(data: bytes, length: str) -> tuple[bytes | None, bytes]:
    if not length.isdigit():
        raise BadRequest
    size = int(length)
    return (None, data) if len(data) < size else (data[:size], data[size:])


def _chunked(data: bytes) -> tuple[bytes | None, bytes]:
    body = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            return None, data
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise BadRequest from None
        if len(data) < size + 2:
            return None, data
        body, data = body + data[:size], data[size + 2 :]
        if size == 0:
            return body, data
