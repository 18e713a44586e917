"""Noticing that a client has gone while nothing is being sent to it.

A server that only writes learns of a closed connection by its next write: during prefill, or
before a plain answer, that comes too late for the GPU. So the client's socket is watched for its
end, by a watcher of gevent's event loop: no greenlet, no polling, a few microseconds a request.
"""

import socket
from collections.abc import Callable
from typing import Any

import gevent

READABLE = 1


class Departure:
    """Calls `on_gone` once, in the event loop (so it must not block), if the client goes.

    A client that sends more instead (pipelining) is there; it is no longer watched then.
    """

    def __init__(self, client: Any, on_gone: Callable[[], None]) -> None:
        self._on_gone = on_gone
        self._watcher: Any = None
        # The plain socket inside gevent's: its recv cannot try to switch away from the loop.
        self._plain: socket.socket | None = getattr(client, "_sock", None)
        if self._plain is not None and self._plain.fileno() >= 0:
            self._watcher = gevent.get_hub().loop.io(self._plain.fileno(), READABLE)
            self._watcher.start(self._readable)

    def stop(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
            watcher.close()

    def _readable(self) -> None:
        gone = self._has_ended()
        self.stop()
        if gone:
            self._on_gone()

    def _has_ended(self) -> bool:
        assert self._plain is not None  # noqa: S101 - there is no watcher without it
        try:
            return not self._plain.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
