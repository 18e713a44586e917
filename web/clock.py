"""The one place that reads a clock for the time of day; everybody else is handed a time or a clock.

Hosts that share a database go by the database server's clock, however wrong their own is.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

MEASURE_INTERVAL_S = 60.0
RETRY_S = 1.0
# An answer that took longer tells too little: this process may have been paused meanwhile.
MOST_ROUND_TRIP_S = 1.0
WORTH_TELLING_S = 5.0

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


class ServerClock:
    """A server's time in UTC, by asking it now and then; calling it never raises.

    Between two answers it goes by this host's monotonic clock, so that setting the wall clock here
    changes nothing. Only before the first answer does it go by the wall clock, and only then does
    a call wait for the server. Any thread may call it.
    """

    def __init__(
        self,
        ask: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        local: Callable[[], datetime] = utc_now,
    ) -> None:
        """`ask` returns the server's time just now, aware, or raises anything."""
        self._ask = ask
        self._monotonic = monotonic
        self._local = local
        # The server's time when our monotonic clock stood at zero.
        self._origin: datetime | None = None
        self._measure_at_s = float("-inf")
        # One at a time: a server that hangs must not gather threads and connections.
        self._measuring = threading.Lock()
        self()

    def __call__(self) -> datetime:
        if self._monotonic() >= self._measure_at_s and self._measuring.acquire(blocking=False):
            self._measure_at_s = self._monotonic() + RETRY_S
            if self._origin is None:
                self._measure_and_release()
            else:
                self._measure_beside()
        origin = self._origin
        return self._local() if origin is None else origin + timedelta(seconds=self._monotonic())

    def _measure_beside(self) -> None:
        try:
            threading.Thread(target=self._measure_and_release, daemon=True).start()
        except RuntimeError:  # no thread to be had: later
            self._measuring.release()

    def _measure_and_release(self) -> None:
        try:
            self.measure()
        finally:
            self._measuring.release()

    def measure(self) -> None:
        """Ask the server; without a prompt answer the last measurement stays."""
        sent_s = self._monotonic()
        try:
            told = self._ask()
        except Exception as error:
            log.debug("the database's clock is not to be had: %s", error)
            return
        now_s = self._monotonic()
        if now_s - sent_s > MOST_ROUND_TRIP_S:
            return
        origin = told.astimezone(UTC) - timedelta(seconds=(sent_s + now_s) / 2)
        first, self._origin = self._origin is None, origin
        self._measure_at_s = now_s + MEASURE_INTERVAL_S
        skew_s = (self._local() - origin - timedelta(seconds=now_s)).total_seconds()
        if first and abs(skew_s) > WORTH_TELLING_S:
            log.warning(
                "this host's clock differs from the database's by %.0f s: going by the database's",
                skew_s,
            )
