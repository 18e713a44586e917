"""An engine's bytes on their way to the client: unchanged, at once, and never a false end."""

import errno
import logging
from collections.abc import Callable, Iterator

from web.errors import GatewayError, UpstreamDisconnected, UpstreamTimeout
from web.openai_proxy.envelope import error_event
from web.openai_proxy.table import Dialect
from web.openai_proxy.upstream import EngineFailed, EngineTimedOut, Exchange
from web.openai_proxy.usage import Tap

log = logging.getLogger(__name__)


class BrokenRelay(ConnectionResetError):
    """Raised into the server so that it cuts the connection: a clean end would be a lie.

    An OSError with ECONNRESET is what gunicorn takes for "the connection is gone": it closes the
    socket without the chunk that would end the answer.
    """

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the answer broke off")


class Relay:
    """Iterates over an answer's bytes as they arrive.

    `close` frees the connection to the engine, whatever came of the answer; the server calls it.
    """

    def __init__(
        self,
        exchange: Exchange,
        tap: Tap,
        *,
        error_dialect: Dialect | None,
        on_begin: Callable[[bytes], None] | None,
        on_break: Callable[[], None],
        on_end: Callable[[bool], None],
    ) -> None:
        """`error_dialect` is None for an answer that is no event stream; `on_begin` is told the
        first bytes, `on_break` that the engine stopped in the middle (a client's departure is not
        told), `on_end` whether the answer's true end was reached."""
        self._exchange = exchange
        self._tap = tap
        self._error_dialect = error_dialect
        self._on_begin = on_begin
        self._on_break = on_break
        self._on_end: Callable[[bool], None] | None = on_end
        self._whole = False

    def __iter__(self) -> Iterator[bytes]:
        read, feed = self._exchange.read, self._tap.feed
        try:
            while data := read():
                if self._on_begin is not None:
                    self._on_begin(data)
                    self._on_begin = None
                if passed := feed(data):
                    yield passed
            if held := self._tap.end():
                yield held
            self._whole = True
        except EngineFailed as failure:
            if not self._exchange.aborted:
                log.warning("an answer broke off: %s", failure)
                self._on_break()
                if held := self._tap.break_off():
                    yield held
                if self._error_dialect is not None:
                    yield error_event(_told(failure), self._error_dialect)
            raise BrokenRelay from None

    def close(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return
        self._exchange.close()
        on_end(self._whole)


def _told(failure: EngineFailed) -> GatewayError:
    if isinstance(failure, EngineTimedOut):
        return UpstreamTimeout(
            "The model's instance fell silent in the middle of its answer. What came so far is "
            "incomplete; please send the request again."
        )
    return UpstreamDisconnected(
        "The model's instance stopped in the middle of its answer. What came so far is incomplete; "
        "please send the request again."
    )
