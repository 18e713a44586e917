"""One HTTP exchange: the request as parsed, and the answer with uvicorn's headers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol


class Wire(Protocol):
    """Where an answer goes: the client's connection."""

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def abort(self) -> None: ...


@dataclass
class Request:
    """One request; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    keep_alive: bool
    chunked: bool  # whether the client understands a chunked answer
    body: bytes = b""


@dataclass
class Response:
    """The answer on its way out. After `start` every event of a `write` is a chunk on the wire."""

    wire: Wire
    request: Request
    extra_headers: list[str] = field(default_factory=lambda: ["vary: Origin"])
    started: bool = False

    def send(self, status: int, body: bytes, content_type: str = "", header: str = "") -> None:
        lines = [header, f"content-length: {len(body)}"]
        lines.append(f"content-type: {content_type}" if content_type else "")
        head = self._head(status, lines, self.extra_headers)
        self.wire.write(head if self.request.method == "HEAD" else head + body)

    def send_json(self, status: int, value: Any, header: str = "") -> None:
        self.send(status, dumps(value).encode("utf-8", "replace"), "application/json", header)

    def start(self) -> None:
        """Begin an event stream; the client of HTTP/1.0 gets it up to the end of the connection."""
        framing = "transfer-encoding: chunked" if self.request.chunked else ""
        self.request.keep_alive = self.request.keep_alive and self.request.chunked
        lines = ["content-type: text/event-stream; charset=utf-8", *self.extra_headers, framing]
        self.wire.write(self._head(200, lines, []))

    async def write(self, events: list[str]) -> None:
        """Send each event as a chunk of its own, then wait until the client has taken enough."""
        parts = [event.encode("utf-8", "replace") for event in events]
        if self.request.chunked:
            parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
        self.wire.write(b"".join(parts))
        await self.wire.drain()

    def finish(self) -> None:
        if self.request.chunked:
            self.wire.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Reset the connection in the middle of the answer."""
        self.wire.abort()

    def _head(self, status: int, lines: list[str], more: list[str]) -> bytes:
        self.started = True
        head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", _date(int(time.time()))]
        head += ["server: uvicorn", *(line for line in (*lines, *more) if line)]
        head += [] if self.request.keep_alive else ["connection: close"]
        return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")


def dumps(value: Any) -> str:
    """JSON as vLLM writes it: no spaces, no escapes for what UTF-8 can say."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return f"date: {formatdate(second, usegmt=True)}"
