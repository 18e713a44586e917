"""When the fleet process acts: it holds the lock, wakes up, ticks.

Two clocks run in it. One renews the lock, so that a slow sbatch does not lose it. The other
decides whether there is reason to tick: a look at the cluster is due, or a model was asked for.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime

from apscheduler.schedulers.background import BackgroundScheduler

from web.database import Database, StorageError, why
from web.demand.store import TOPIC as DEMAND_TOPIC
from web.fleet.reconciler import Reconciler
from web.lock.store import FleetLock, LostLock

LOCK_LIFE_S = 5.0
RENEW_INTERVAL_S = 1.0
WAKE_INTERVAL_S = 0.25

log = logging.getLogger(__name__)


class Ticker:
    """Ticks when due and only while the lock is ours."""

    def __init__(
        self,
        database: Database,
        lock: FleetLock,
        reconciler: Reconciler,
        clock: Callable[[], datetime],
        look_interval_s: float,
    ) -> None:
        self._database = database
        self._lock = lock
        self._reconciler = reconciler
        self._clock = clock
        self._look_interval_s = look_interval_s
        self._looked_at = float("-inf")
        self._seen_demand: int | None = None

    def renew(self) -> None:
        held = self._lock.epoch is not None
        try:
            holds = self._lock.acquire(self._clock())
        except StorageError as error:
            log.warning("the fleet lock cannot be renewed: %s", why(error))
            return
        if holds and not held:
            log.info("%s holds the fleet lock, epoch %s", self._lock.holder, self._lock.epoch)
            # Whoever held it before may have launched since our last look.
            self._looked_at = float("-inf")

    def wake(self) -> None:
        """Tick if there is reason to."""
        if self._lock.epoch is None:
            return
        try:
            demand = self._database.versions().get(DEMAND_TOPIC, 0)
            due = time.monotonic() - self._looked_at >= self._look_interval_s
            if due or demand != self._seen_demand:
                if due:
                    self._looked_at = time.monotonic()
                self._reconciler.tick(look=due)
                self._seen_demand = demand
        except LostLock as lost:
            log.warning("stopped acting: %s", lost)
        except StorageError as error:
            log.warning("no tick without the database: %s", why(error))

    def release(self) -> None:
        try:
            self._lock.release(self._clock())
        except StorageError as error:
            log.warning("the fleet lock runs out by itself: %s", why(error))


def run(ticker: Ticker, stop: threading.Event) -> None:
    """Tick until `stop` is set; an exception in one tick is logged and the next one comes."""
    scheduler = BackgroundScheduler(timezone="UTC")
    options = {"trigger": "interval", "coalesce": True, "max_instances": 1}
    scheduler.add_job(ticker.renew, seconds=RENEW_INTERVAL_S, **options)
    scheduler.add_job(ticker.wake, seconds=WAKE_INTERVAL_S, **options)
    ticker.renew()
    scheduler.start()
    stop.wait()
    scheduler.shutdown(wait=True)
    ticker.release()


def holder_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
