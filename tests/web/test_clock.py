"""The database server's clock, as the hosts that share it see it. Server time rules."""

import logging
import threading
from datetime import UTC, datetime, timedelta

from tests.web.fleet.worlds import NOW, later
from web.clock import MEASURE_INTERVAL_S, RETRY_S, ServerClock, utc_now
from web.database import Database


class Host:
    """A host whose wall clock is `skew_s` ahead, and a server that it asks for the time."""

    def __init__(self, skew_s=0.0):
        self.passed_s = 0.0
        self.skew_s = skew_s
        self.round_trip_s = 0.0
        self.away = False
        self.asked = threading.Semaphore(0)

    def ask(self):
        self.passed_s += self.round_trip_s
        self.asked.release()
        if self.away:
            raise ConnectionError("the server is away")
        return later(self.passed_s - self.round_trip_s / 2)

    def clock(self):
        return ServerClock(self.ask, lambda: 5000 + self.passed_s, self.local)

    def local(self):
        return later(self.passed_s + self.skew_s)


def test_clock_skew_of_an_hour_either_way_is_the_servers_time_all_the_same():
    for skew_s in (-3600, 3600):
        host = Host(skew_s)
        clock = host.clock()
        host.passed_s += 7
        assert clock() == later(7)


def test_a_large_skew_is_told_once_in_words(caplog):
    with caplog.at_level(logging.WARNING):
        clock = Host(3600).clock()
        clock.measure()
    (record,) = caplog.records
    assert "differs from the database's by 3600 s" in record.getMessage()


def test_setting_the_wall_clock_changes_nothing():
    host = Host()
    clock = host.clock()
    host.skew_s = -3600
    assert clock() == NOW


def test_a_round_trip_counts_half():
    host = Host()
    host.round_trip_s = 0.4
    assert host.clock()() == later(0.4)


def test_an_answer_that_took_too_long_is_not_trusted():
    host = Host()
    clock = host.clock()
    host.round_trip_s = 40.0
    clock.measure()
    assert clock() == later(40)


def test_it_is_measured_again_after_a_minute_without_holding_anybody_up():
    host = Host()
    clock = host.clock()
    assert host.asked.acquire(timeout=0)
    host.passed_s += MEASURE_INTERVAL_S - 1
    clock()
    assert not host.asked.acquire(timeout=0)
    host.passed_s += 2
    clock()
    assert host.asked.acquire(timeout=5)


def test_the_last_measurement_stays_while_the_database_is_away():
    host = Host(3600)
    clock = host.clock()
    host.away = True
    for _ in range(3):
        host.passed_s += 2 * MEASURE_INTERVAL_S
        clock.measure()
    assert clock() == later(host.passed_s)


def test_before_the_first_answer_the_wall_clock_must_do_and_the_server_is_asked_again_soon():
    host = Host(3600)
    host.away = True
    clock = host.clock()
    assert clock() == later(3600)
    host.away = False
    host.passed_s += RETRY_S
    assert clock() == later(RETRY_S)


def test_the_clock_of_a_database_tells_now(database):
    clock = database.clock()
    assert clock().tzinfo is UTC
    assert abs(clock() - datetime.now(UTC)) < timedelta(seconds=2)


def test_sqlite_goes_by_the_clock_of_its_host(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/kscope.db")
    assert database.clock() is utc_now
    database.close()


def test_a_server_that_hangs_is_not_asked_again_while_it_does():
    host = Host()
    clock = host.clock()
    hangs, ask = threading.Event(), clock._ask

    def ask_in_vain():
        told = ask()
        hangs.wait(10)
        return told

    clock._ask = ask_in_vain
    for _ in range(5):
        host.passed_s += 2 * MEASURE_INTERVAL_S
        assert clock() == later(host.passed_s)
    hangs.set()
    assert [host.asked.acquire(timeout=s) for s in (5, 5, 0.1)] == [True, True, False]


def test_many_threads_may_ask_for_the_time():
    host = Host()
    clock = host.clock()
    told = []
    threads = [threading.Thread(target=lambda: told.append(clock())) for _ in range(20)]
    host.passed_s += 2 * MEASURE_INTERVAL_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(told) == {later(host.passed_s)}
