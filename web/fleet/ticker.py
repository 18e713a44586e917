"""When the fleet process acts: it holds the lock, wakes up, ticks.

Two clocks run in it. One renews the lock, so that a slow sbatch does not lose it. The other
decides whether there is reason to tick: a look at the cluster is due, a model was asked for, an
administrator gave an order, or some time has passed, as several decisions depend on nothing else.
Only a look that is due asks the cluster, whatever else the reason is.
"""

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from web.clock import utc_now
from web.database import Database, StorageError, why
from web.demand.store import TOPIC as DEMAND_TOPIC
from web.fleet.order_store import TOPIC as ORDERS_TOPIC
from web.fleet.pace import Look, Pace
from web.fleet.reconciler import Reconciler
from web.lock.store import FleetLock, LostLock

LOCK_LIFE_S = 5.0
RENEW_INTERVAL_S = 1.0
WAKE_INTERVAL_S = 0.25
MOST_TICK_INTERVAL_S = 5.0

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
        *,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._lock = lock
        self._reconciler = reconciler
        self._clock = clock
        self._monotonic = monotonic
        self._chance = chance
        self._pace = Pace(look_interval_s)
        self._tick_interval_s = min(look_interval_s, MOST_TICK_INTERVAL_S)
        self._ticked_at_s = float("-inf")
        self._answered: tuple[int, ...] = ()
        self._trouble = ""

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
            self._pace.hurry()
        elif held and not holds:
            log.warning("%s no longer holds the fleet lock", self._lock.holder)

    def wake(self) -> None:
        """Tick if there is reason to."""
        if self._lock.epoch is None:
            return
        try:
            with self._lock.tenure():
                self._tick_if_due()
            self._trouble = ""
        except LostLock as lost:
            log.warning("stopped acting: %s", lost)
        except StorageError as error:
            self._answered = ()
            self._tell_once(f"no tick without the database: {why(error)}")

    def _tick_if_due(self) -> None:
        asked = self._asked()
        now_s = self._monotonic()
        look = self._pace.is_due(now_s)
        rested = now_s - self._ticked_at_s >= self._tick_interval_s
        if look or rested or asked != self._answered:
            self._ticked_at_s, self._answered = now_s, asked
            self._tick(look)

    def _asked(self) -> tuple[int, ...]:
        versions = self._database.versions()
        return tuple(versions.get(topic, 0) for topic in (DEMAND_TOPIC, ORDERS_TOPIC))

    def _tick(self, look: bool) -> None:
        if not look:
            self._reconciler.tick(look=False)
            return
        before = self._reconciler.looked
        try:
            self._reconciler.tick(look=True)
        finally:
            looked = self._reconciler.looked
            if looked is None or looked is before:
                looked = Look(0.0, ok=False)
            self._pace.looked(looked, self._monotonic(), self._chance())

    def _tell_once(self, words: str) -> None:
        if words != self._trouble:
            log.warning("%s", words)
        self._trouble = words

    def release(self) -> None:
        try:
            self._lock.release(self._clock())
        except StorageError as error:
            log.warning("the fleet lock runs out by itself: %s", why(error))


def run(ticker: Ticker, stop: threading.Event) -> None:
    """Tick until `stop` is set; an exception in one tick is logged and the next one comes."""
    # It warns of every wake-up that is spared because a slow tick still runs.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(timezone="UTC")
    options = {
        "trigger": "interval",
        "coalesce": True,
        "max_instances": 1,
        "misfire_grace_time": None,
    }
    scheduler.add_job(ticker.renew, seconds=RENEW_INTERVAL_S, **options)
    scheduler.add_job(ticker.wake, seconds=WAKE_INTERVAL_S, **options)
    ticker.renew()
    scheduler.start()
    while not stop.wait(RENEW_INTERVAL_S):
        _catch_up(scheduler)
    scheduler.shutdown(wait=True)
    ticker.release()


def _catch_up(scheduler: BackgroundScheduler) -> None:
    """APScheduler goes by the wall clock: set back by an hour, it would rest for an hour."""
    now = utc_now()
    for job in scheduler.get_jobs():
        if job.next_run_time > now + timedelta(seconds=2 * RENEW_INTERVAL_S):
            job.modify(next_run_time=now)


def holder_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
