"""When the fleet process ticks, and what it asks of the cluster by doing so."""

import logging
import threading
from datetime import timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError

from tests.waiting import wait_until
from tests.web.fleet.worlds import NOW
from tests.web.newest import newest
from web.clock import utc_now
from web.database import bump
from web.fleet.order_store import TOPIC as ORDERS_TOPIC
from web.fleet.pace import Look
from web.fleet.ticker import MOST_TICK_INTERVAL_S, Ticker, _catch_up, run
from web.lock.store import FleetLock

QUICK, FAILED = Look(0.05, ok=True), Look(0.05, ok=False)
INTERVAL_S = 2.0


class Recorder:
    """In place of the reconciler: writes down its ticks; looks go as `next_look` says."""

    def __init__(self):
        self.ticks = []
        self.looked = None
        self.next_look = QUICK
        self.error = None

    def tick(self, *, look):
        self.ticks.append("look" if look else "tick")
        if look and self.next_look is not None:
            self.looked = Look(self.next_look.duration_s, self.next_look.ok)
        if self.error is not None:
            raise self.error


class World:
    def __init__(self, folder):
        self.s = 1000.0
        self.database = newest(folder)
        self.lock = FleetLock(self.database, "host:1", life_s=3600)
        self.reconciler = Recorder()
        self.ticker = Ticker(
            self.database,
            self.lock,
            self.reconciler,
            lambda: NOW,
            INTERVAL_S,
            monotonic=lambda: self.s,
            chance=lambda: 0.5,
        )
        self.ticker.renew()

    def wake_for(self, seconds):
        """What is done in so many seconds, waking four times in each."""
        before = len(self.reconciler.ticks)
        for _ in range(int(seconds * 4)):
            self.ticker.wake()
            self.s += 0.25
        return self.reconciler.ticks[before:]

    def raise_topic(self, topic):
        with self.database.write() as session:
            bump(session, topic)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.database.close()


def test_the_cluster_is_looked_at_once_per_interval(world):
    assert world.wake_for(10 * INTERVAL_S).count("look") == 10


@pytest.mark.parametrize("topic", ["demand", ORDERS_TOPIC])
def test_demand_and_orders_wake_it_at_once_and_cost_no_squeue(world, topic):
    world.wake_for(0.25)
    for _ in range(3):
        world.raise_topic(topic)
        assert world.wake_for(0.5) == ["tick"]


def test_other_topics_wake_nobody(world):
    world.wake_for(0.25)
    world.raise_topic("keys")
    assert world.wake_for(0.5) == []


def test_slurmctld_down_the_looks_back_off_and_the_clock_goes_on_deciding(world):
    world.reconciler.next_look = FAILED
    done = world.wake_for(60)
    assert done.count("look") == 5  # after 2, 4, 8, 16 and 32 s
    assert done.count("tick") >= 20
    world.reconciler.next_look = QUICK
    world.wake_for(32)
    assert world.wake_for(10 * INTERVAL_S).count("look") == 10


def test_demand_while_looks_fail_causes_no_look_either(world):
    world.reconciler.next_look = FAILED
    world.wake_for(20)
    for _ in range(8):
        world.raise_topic("demand")
        assert world.wake_for(1.0) == ["tick"]
    assert world.reconciler.ticks.count("look") == 4


def test_a_long_interval_does_not_slow_down_what_only_time_decides(tmp_path):
    world = World(tmp_path)
    world.ticker = Ticker(
        world.database, world.lock, world.reconciler, lambda: NOW, 3600, monotonic=lambda: world.s
    )
    assert world.wake_for(20.25) == ["look", *["tick"] * int(20 / MOST_TICK_INTERVAL_S)]
    world.database.close()


def test_a_tick_that_fails_before_its_look_ends_counts_as_a_failed_look(world):
    world.reconciler.next_look = None
    world.reconciler.error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        world.ticker.wake()
    world.s += 1.0
    world.ticker.wake()
    assert world.reconciler.ticks == ["look"]


def test_whoever_gets_the_lock_looks_at_once(world):
    world.wake_for(0.25)
    world.ticker.release()
    assert world.wake_for(0.25) == []
    world.ticker.renew()
    assert world.wake_for(0.25) == ["look"]


def test_a_database_that_fails_is_told_once_and_the_tick_is_made_up_for(world, caplog):
    world.wake_for(0.25)
    world.raise_topic("demand")
    world.reconciler.error = OperationalError("INSERT", {}, Exception("database is locked"))
    with caplog.at_level(logging.WARNING):
        assert world.wake_for(0.75) == ["tick"] * 3
    assert [r.getMessage() for r in caplog.records] == [
        "no tick without the database: database is locked"
    ]
    world.reconciler.error = None
    assert world.wake_for(0.75) == ["tick"]


def test_a_wall_clock_set_back_by_an_hour_does_not_put_the_scheduler_to_sleep():
    ran = threading.Event()
    scheduler = BackgroundScheduler(timezone="UTC")
    start = utc_now() + timedelta(hours=1)
    scheduler.add_job(ran.set, "interval", seconds=1, next_run_time=start)
    scheduler.start()
    try:
        assert not ran.is_set()
        _catch_up(scheduler)
        assert ran.wait(5)
    finally:
        scheduler.shutdown(wait=True)


def test_it_runs_until_stopped_and_gives_the_lock_back(world):
    stop = threading.Event()
    thread = threading.Thread(target=run, args=[world.ticker, stop])
    thread.start()
    wait_until(lambda: world.reconciler.ticks, 5, "a first tick")
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert world.lock.epoch is None
