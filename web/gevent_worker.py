"""gunicorn's gevent worker, taught to stop without waiting for connections that ask nothing, to
leave `Expect: 100-continue` to the data path, to refuse what is no HTTP in the words of the rest,
and to wait for no client forever."""

import contextlib
import errno
import logging
import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from urllib.parse import unquote

import gevent
from gunicorn.http import errors
from gunicorn.workers.ggevent import GeventWorker

from web.errors import GatewayError
from web.openai_proxy.envelope import error_body, error_headers, from_status
from web.openai_proxy.front import STATUS_LINES
from web.openai_proxy.table import PLAYGROUND, ROUTES
from web.strict_request import install

SWEEP_INTERVAL_S = 0.05
# What a worker needs, after the last request, to end those left over and write down what it knows.
LAST_WORDS_S = 9
# So long a client that is still sending may take to read why it was refused.
LINGER_S = 10.0
PIECE_BYTES = 64 * 1024
TO_ENGINES = ROUTES.keys() | PLAYGROUND.keys()
OUR_FAULT = (
    errors.ConfigurationProblem,
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
)

log = logging.getLogger(__name__)


class GatewayWorker(GeventWorker):  # type: ignore[misc]  # gunicorn ships no types
    """On TERM: requests in flight finish (up to graceful_timeout, less LAST_WORDS_S: then it would
    be killed), idle connections close at once.

    gunicorn waits for every connection, and a keep-alive connection of a client that merely
    thinks would hold up each stop for the whole graceful timeout.
    """

    def init_process(self) -> None:
        self._idle: set[gevent.Greenlet] = set()
        self._client_timeout_s: float = self.app.client_timeout_s
        install()
        # Of this process's copy: the arbiter keeps to the whole.
        self.cfg.set("graceful_timeout", max(0, self.cfg.graceful_timeout - LAST_WORDS_S))
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
        if req._expected_100_continue and unquote(req.path) in TO_ENGINES:
            # The data path invites the body itself, once its sender is known. If it does not,
            # nobody can tell whether the next bytes are a body or a request.
            req._expected_100_continue = False
            req.force_close()
        sock.settimeout(self._client_timeout_s)
        try:
            super().handle_request(listener_name, req, sock, addr)
            _end_if_far_behind(req)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the client does not read") from None
        except StopIteration:
            if _unread_bytes(req):
                _linger(sock)
            raise
        finally:
            sock.settimeout(None)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Called for what the parser refuses and for what nobody caught; the socket is closed
        behind it. What was sent is not logged: it may hold a key."""
        if isinstance(exc, gevent.GreenletExit | SystemExit | KeyboardInterrupt):
            return
        error = _refusal(exc)
        if error.status == 500:
            log.error("a request failed", exc_info=exc)
        else:
            log.info("refused a request of %s: %s", addr and addr[0], type(exc).__name__)
        with contextlib.suppress(OSError, gevent.Timeout):
            client.settimeout(LINGER_S)
            client.sendall(_answer(error))
            _linger(client)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        gevent.spawn(self._close_idle)

    def _close_idle(self) -> None:
        while True:
            for waiting in tuple(self._idle):
                waiting.kill(block=False)
            gevent.sleep(SWEEP_INTERVAL_S)


def _refusal(exc: BaseException) -> GatewayError:
    if not isinstance(exc, errors.ParseException) or isinstance(exc, OUR_FAULT):
        return GatewayError("The gateway failed to handle this request; this is our fault.")
    if isinstance(exc, errors.LimitRequestLine):
        return from_status(414, "The request line is too long.")
    if isinstance(exc, errors.LimitRequestHeaders):
        return from_status(431, "The headers are too many or too long.")
    if isinstance(exc, errors.ExpectationFailed):
        return from_status(417, "Only 100-continue can be expected.")
    return from_status(400, "This is not a valid HTTP request.")


def _answer(error: GatewayError) -> bytes:
    body = error_body(error)
    status = STATUS_LINES[error.status]
    told = [*error_headers(error).items(), ("Connection", "close"), ("Content-Length", len(body))]
    head = "".join(f"{name}: {value}\r\n" for name, value in told)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def _end_if_far_behind(req: Any) -> None:
    """gunicorn would skip an unread body to the next request, at 1 KiB a step."""
    if _unread_bytes(req) > PIECE_BYTES:
        raise StopIteration


def _unread_bytes(req: Any) -> float:
    """What is still to come of a request's body; nobody knows it of one in chunks."""
    reader = req.body.reader
    if getattr(reader, "parser", None) is not None:
        return math.inf
    return getattr(reader, "length", 0)


def _linger(sock: Any) -> None:
    """Take what a client is still sending: to close at once would reset the connection, and what
    was just told would be lost to it."""
    with contextlib.suppress(OSError), gevent.Timeout(LINGER_S, False):
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(PIECE_BYTES):
            pass
