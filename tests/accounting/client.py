"""A light client: raw sockets and gevent, so that the gateway is what takes the time."""

import contextlib
import time
from collections.abc import Callable, Iterable

from gevent import Timeout, sleep, socket
from gevent.pool import Pool

from tests.accounting.asks import Ask, Fate
from tests.gateway_process import HOST

AT_ONCE = 48
PATIENCE_S = 60.0
COLD_PAUSE_S = 0.2


class Cut(Exception):
    """The answer ended before its end."""


class _Connection:
    """Kept as long as the gateway keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sock: socket.socket | None = None

    def ask(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Status and body, chunks and all. Raises Cut."""
        try:
            if self._sock is None:
                self._sock = socket.create_connection((HOST, self._port))
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.sendall(head + body)
            told, rest = self._read()
        except OSError as error:
            self.close()
            raise Cut(str(error)) from error
        except BaseException:
            self.close()
            raise
        if b"connection: close" in told:
            self.close()
        return int(told[9:12]), rest

    def _read(self) -> tuple[bytes, bytes]:
        data = b""
        while True:
            head, found, rest = data.partition(b"\r\n\r\n")
            if found and _is_whole(head := head.lower(), rest):
                return head, rest
            piece = self._sock.recv(65536)
            if not piece:
                raise ConnectionError(f"closed after {data[-60:]!r}")
            data += piece

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def _is_whole(head: bytes, rest: bytes) -> bool:
    if b"transfer-encoding: chunked" in head:
        return rest.endswith(b"0\r\n\r\n")  # events end with two plain newlines
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(rest) >= int(length or 0)


class Crowd:
    """Asks everything, some AT_ONCE. `told` is called with each answer: (ask, status, body);
    status 0: the client left, or the answer broke off."""

    def __init__(
        self, port: int, keys: dict[str, str], told: Callable[[Ask, int, bytes], None]
    ) -> None:
        self._port = port
        self._keys = keys
        self._told = told
        self._free: list[_Connection] = []
        self.cold = 0

    def ask_all(self, asks: Iterable[Ask]) -> None:
        pool = Pool(AT_ONCE)
        for ask in asks:
            pool.spawn(self._ask, ask)
        pool.join(raise_error=True)
        for connection in self._free:
            connection.close()

    def _ask(self, ask: Ask) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status, body = self._once(ask)
            # Every engine set aside for a second: nothing was forwarded, and nothing is counted.
            if status != 503 or time.monotonic() > deadline:
                return self._told(ask, status, body)
            self.cold += 1
            sleep(COLD_PAUSE_S)

    def _once(self, ask: Ask) -> tuple[int, bytes]:
        connection = self._free.pop() if self._free else _Connection(self._port)
        try:
            with Timeout(ask.stays_s or PATIENCE_S, False), contextlib.suppress(Cut):
                return connection.ask(self._head(ask), ask.body)
            assert ask.fate in (Fate.LEFT, Fate.BROKEN), f"no answer to {ask}"
            return 0, b""
        finally:
            self._free.append(connection)

    def _head(self, ask: Ask) -> bytes:
        return (
            f"POST {ask.path} HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._keys[ask.user]}\r\n"
            f"Content-Length: {len(ask.body)}\r\n\r\n"
        ).encode()
