"""Reads the logs that administrators have asked for, beside the ticks of the fleet process."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from slurm.cluster import Cluster
from slurm.errors import ClusterError
from web.database import StorageError, why
from web.fleet.log_store import LogStore
from web.lock.store import LostLock
from web.terminal import harmless

INTERVAL_S = 0.5
WINDOW_BYTES = 65_536

log = logging.getLogger(__name__)


class LogReader:
    """`leads`: whether this process holds the fleet lock; the others read nothing."""

    def __init__(
        self,
        store: LogStore,
        cluster: Cluster,
        clock: Callable[[], datetime],
        leads: Callable[[], bool],
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._clock = clock
        self._leads = leads
        self._answered = -1

    def run(self, stop: threading.Event) -> None:
        """Look until stopped. A fault of one round is told, and the next one comes."""
        while not stop.wait(INTERVAL_S):
            try:
                self.look()
            except LostLock as lost:
                log.warning("no log is read any more: %s", lost)
            except StorageError as error:
                log.warning("no log is read without the database: %s", why(error))
            except Exception:
                log.exception("no log is read this time")

    def look(self) -> None:
        """Answer whoever has asked since the last time; forget what was asked long ago."""
        if not self._leads():
            self._answered = -1
            return
        version = self._store.version()
        if version != self._answered:
            for instance_id in self._store.awaited():
                self._read(instance_id)
            self._answered = version
        self._store.forget(self._clock())

    def _read(self, instance_id: str) -> None:
        text, problem = "", ""
        try:
            text = harmless(self._cluster.read_log(instance_id, WINDOW_BYTES))
        except ClusterError as error:
            problem = str(error)
        self._store.answer(instance_id, text, problem, self._clock())
