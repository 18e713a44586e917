"""An engine's bytes on their way to the client: unchanged, at once, and never a false end."""

import errno
import logging
from collections.abc import Callable, Iterator

import requests
import urllib3

from web.errors import UpstreamDisconnected
from web.openai_proxy.envelope import error_event

MAX_CHUNK_BYTES = 64 * 1024
EVENT_STREAM = "text/event-stream"

log = logging.getLogger(__name__)


class BrokenRelay(ConnectionResetError):
    """Raised into the server so that it cuts the connection: a clean end would be a lie.

    An OSError with ECONNRESET is what gunicorn treats as "the connection is gone": it closes the
    socket without the chunk that would end the answer.
    """

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the engine's answer broke off")


class Relay:
    """Iterates over the answer's bytes as they arrive; `close` frees the upstream connection."""

    def __init__(
        self, response: requests.Response, stall_timeout_s: float, on_end: Callable[[], None]
    ) -> None:
        self._response = response
        self._on_end: Callable[[], None] | None = on_end
        self._whole = False
        _limit_silence(response, stall_timeout_s)

    def __iter__(self) -> Iterator[bytes]:
        raw = self._response.raw
        try:
            while chunk := raw.read1(MAX_CHUNK_BYTES, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            log.warning("an answer broke off: %s", error)
            if self._response.headers.get("Content-Type", "").startswith(EVENT_STREAM):
                yield error_event(_disconnected())
            raise BrokenRelay from None
        self._whole = True

    def close(self) -> None:
        """A connection that was not read to its end is closed, so that the engine stops."""
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return
        try:
            if self._whole:
                self._response.raw.release_conn()
            else:
                self._response.close()
        finally:
            on_end()


def _limit_silence(response: requests.Response, stall_timeout_s: float) -> None:
    """From now on the socket's time limit is the one between two chunks."""
    connection = getattr(response.raw, "connection", None)
    sock = getattr(connection, "sock", None)
    if sock is not None:
        sock.settimeout(stall_timeout_s)


def _disconnected() -> UpstreamDisconnected:
    return UpstreamDisconnected(
        "The model's instance stopped in the middle of its answer. What came so far is incomplete; "
        "please send the request again."
    )
