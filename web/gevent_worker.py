"""gunicorn's gevent worker, taught two things: to stop without waiting for connections that ask
nothing, and to leave `Expect: 100-continue` to the data path."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import gevent
from gunicorn.workers.ggevent import GeventWorker

from web.openai_proxy.table import ROUTES

SWEEP_INTERVAL_S = 0.05


class GatewayWorker(GeventWorker):  # type: ignore[misc]  # gunicorn ships no types
    """On TERM: requests in flight finish (up to graceful_timeout), idle connections close at once.

    gunicorn waits for every connection, and a keep-alive connection of a client that merely
    thinks would hold up each stop for the whole graceful timeout.
    """

    def init_process(self) -> None:
        self._idle: set[gevent.Greenlet] = set()
        super().init_process()

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Around the wait for a connection's next request."""
        waiting = gevent.getcurrent()
        self._idle.add(waiting)
        try:
            with gevent.Timeout(self.cfg.keepalive, False):
                yield
        finally:
            self._idle.discard(waiting)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        # The data path invites the body itself, once the key has proved good.
        if req.path in ROUTES:
            req._expected_100_continue = False
        return super().handle_request(listener_name, req, sock, addr)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        gevent.spawn(self._close_idle)

    def _close_idle(self) -> None:
        while True:
            for waiting in tuple(self._idle):
                waiting.kill(block=False)
            gevent.sleep(SWEEP_INTERVAL_S)
