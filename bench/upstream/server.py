"""An HTTP/1.1 server of one thread over epoll: no framework costs less.

Every event of a stream leaves in a `send` of its own, with Nagle off, as uvicorn does it for vLLM.
"""

import contextlib
import gc
import heapq
import json
import select
import socket
import time

from bench.upstream.answers import ASKS_USAGE, HOLD_S, MARK, MODEL, PACE_S, build_answers, plain
from bench.upstream.connection import Connection

BACKLOG = 4096
RECEIVE_BYTES = 65536
READY, WRITABLE = select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT
NOT_FOUND = plain("404 Not Found", b'{"detail":"Not Found"}')
UNAUTHORIZED = plain("401 Unauthorized", b'{"error":"Unauthorized"}')


class Upstream:
    def __init__(self, engine_key: str, lifetime_s: float) -> None:
        self._bearer = f"bearer {engine_key.lower()}".encode()  # heads are read in lower case
        self._end_at = time.monotonic() + lifetime_s
        self._poll = select.epoll()
        self._listeners: dict[int, socket.socket] = {}
        self._connections: dict[int, Connection] = {}
        self._due: list[tuple[float, int, Connection]] = []
        self._closed: dict[str, float] = {}
        self._running = 0
        self._answers = build_answers()
        every = self._answers
        self._plain = (*every.events, every.done + every.end)
        self._counted = (*every.events, every.usage, every.done + every.end)

    def listen(self, host: str, port: int) -> None:
        sock = socket.create_server((host, port), backlog=BACKLOG, reuse_port=True)
        sock.setblocking(False)
        self._listeners[sock.fileno()] = sock
        self._poll.register(sock.fileno(), select.EPOLLIN)

    def run(self) -> None:
        """Serve until the lifetime is over. No collector: its pauses would look like stalls."""
        gc.disable()
        while (now := time.monotonic()) < self._end_at:
            pause_s = max(0.0, self._due[0][0] - now) if self._due else 1.0
            for number, happened in self._poll.poll(min(pause_s, 1.0)):
                connection = self._connections.get(number)
                if connection is None:
                    self._accept(self._listeners.get(number))
                elif happened & WRITABLE:
                    self._send(connection, b"")
                else:
                    self._read(connection)
            self._send_due()

    def _accept(self, listener: socket.socket | None) -> None:
        with contextlib.suppress(BlockingIOError):
            while listener is not None:
                sock, _ = listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections[sock.fileno()] = Connection(sock)
                self._poll.register(sock.fileno(), READY)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return  # the event was an earlier owner's of this number
        except OSError:
            data = b""
        if not data:
            self._forget(connection)
            return
        received = connection.received + data
        end = received.find(b"\r\n\r\n") + 4
        if end < 4:
            connection.received = received
            return
        head = received[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : head.index(b"\r", at)]) if at >= 0 else 0
        if len(received) < end + length:
            connection.received = received
            return
        connection.received = b""
        self._answer(connection, head, received[end:])

    def _answer(self, connection: Connection, head: bytes, body: bytes) -> None:
        marked = MARK.search(body) if head.startswith(b"post /v1/chat/completions") else None
        if marked is None:
            self._send(connection, self._other(head))
            return
        kind = marked[1]
        if kind == b"json":
            self._send(connection, self._answers.json)
            return
        steps = self._counted if ASKS_USAGE in body else self._plain
        if kind == b"fast":
            self._send(connection, self._answers.head)
            for step in steps:
                self._send(connection, step)
            return
        self._begin(connection, marked[0].decode(), steps)

    def _begin(self, connection: Connection, key: str, steps: tuple[bytes, ...]) -> None:
        """Start an answer that takes its time; `key` is the request's mark."""
        connection.key, connection.steps, connection.next_event = key, steps, 1
        connection.started_at = time.monotonic()
        self._running += 1
        kind = key.split(" ")[1]
        if kind in ("paced", "hold"):
            self._send(connection, self._answers.head)
            self._send(connection, steps[0])
        match kind:
            case "paced":
                self._plan(connection, connection.started_at + PACE_S)
            case "hold":
                connection.steps = (steps[0], b"".join(steps[1:]))
                self._plan(connection, connection.started_at + HOLD_S)
            case _:
                connection.steps, connection.next_event = (self._answers.json,), 0
                self._plan(connection, connection.started_at + HOLD_S)

    def _other(self, head: bytes) -> bytes:
        """What the worker's probes and the bench itself ask for."""
        _, path, _ = head.split(b" ", 2)
        match path:
            case b"/health":
                return plain("200 OK", b"")
            case b"/v1/models" if self._bearer not in head:
                return UNAUTHORIZED
            case b"/v1/models" | b"/v1/completions":
                model = {"id": MODEL, "object": "model", "max_model_len": 8192}
                return plain("200 OK", json.dumps({"object": "list", "data": [model]}).encode())
            case b"/metrics":
                return plain("200 OK", self._metrics(), "text/plain")
            case b"/bench/closed":
                closed, self._closed = self._closed, {}
                return plain("200 OK", json.dumps(closed).encode())
        return NOT_FOUND

    def _metrics(self) -> bytes:
        lines = (
            f"vllm:num_requests_running {self._running}.0",
            "vllm:num_requests_waiting 0.0",
            "vllm:kv_cache_usage_perc 0.0",
        )
        return "\n".join((*lines, "")).encode()

    def _plan(self, connection: Connection, due: float) -> None:
        heapq.heappush(self._due, (due, connection.sock.fileno(), connection))

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, number, connection = heapq.heappop(self._due)
            if self._connections.get(number) is not connection:
                continue  # its client has gone
            step, last = connection.next_event, len(connection.steps) - 1
            connection.next_event += 1
            if step < last - 1:
                # From the start, not from the last one: lateness must not add up.
                self._plan(connection, connection.started_at + connection.next_event * PACE_S)
                self._send(connection, connection.steps[step])
                continue
            self._running, connection.key = self._running - 1, ""
            self._send(connection, b"".join(connection.steps[step:]))

    def _send(self, connection: Connection, data: bytes) -> None:
        """Send now what can be sent now, in order; the rest when the socket takes it."""
        waiting = connection.unsent
        try:
            sent = connection.sock.send(waiting + data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._forget(connection)
            return
        connection.unsent = (waiting + data)[sent:]
        if bool(waiting) != bool(connection.unsent):
            wanted = READY | WRITABLE if connection.unsent else READY
            self._poll.modify(connection.sock.fileno(), wanted)

    def _forget(self, connection: Connection) -> None:
        """The client is gone; note when, if it left a request behind."""
        if self._connections.pop(connection.sock.fileno(), None) is None:
            return
        if connection.key:
            self._closed[connection.key] = time.monotonic()
            self._running -= 1
        connection.sock.close()
