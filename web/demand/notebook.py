"""Demand in memory: requests are counted here for nothing, and written down now and then.

A cold model is written down within WRITE_INTERVAL_S of being asked for, a warm one only often
enough for its idle time to be known. The request itself never waits for the database.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from web.database import StorageError, why
from web.demand.store import Asked, DemandStore

WRITE_INTERVAL_S = 1.0
WARM_INTERVAL_S = 10.0

log = logging.getLogger(__name__)


class DemandNotebook:
    def __init__(self, store: DemandStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._cold: dict[str, Asked] = {}
        self._warm: dict[str, Asked] = {}
        self._warm_written_at: datetime | None = None
        self._wake = threading.Event()
        self._stopped = False

    def note_cold(self, model: str) -> None:
        self._note(self._cold, model)
        self._wake.set()

    def note_warm(self, model: str) -> None:
        self._note(self._warm, model)

    def _note(self, page: dict[str, Asked], model: str) -> None:
        # The time of the request, not of the writing: an instance may leave in between, and what
        # it still served must not bring another.
        page[model] = Asked(1, self._clock()).plus(page.get(model))

    def flush(self) -> None:
        """Write down what is due. On failure the counts are kept for the next time."""
        now = self._clock()
        self._write(self._cold, cold=True)
        if self._warm and self._warm_is_due(now):
            self._warm_written_at = now
            self._write(self._warm, cold=False)

    def _write(self, page: dict[str, Asked], cold: bool) -> None:
        taken = dict(page)
        page.clear()
        if not taken:
            return
        try:
            self._store.add(taken, cold=cold)
        except StorageError as error:
            for model, asked in taken.items():
                page[model] = asked.plus(page.get(model))
            log.warning("demand not written, will try again: %s", why(error))

    def run(self) -> None:
        """Flush until stopped: at once on the first cold request, then at most once a second."""
        pause = threading.Event()
        while not self._stopped:
            self._wake.wait(WARM_INTERVAL_S)
            self._wake.clear()
            try:
                self.flush()
            except Exception:
                log.exception("demand not written")
            pause.wait(WRITE_INTERVAL_S)

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()
        self.flush()

    def _warm_is_due(self, now: datetime) -> bool:
        if self._warm_written_at is None:
            return True
        return (now - self._warm_written_at).total_seconds() >= WARM_INTERVAL_S
