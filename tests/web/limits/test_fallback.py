"""Redis goes away and comes back: requests go on, and the limits hold as well as they can."""

import logging
import time
from contextlib import closing, suppress

import pytest
from redis import Redis

from tests.redis_server import running_redis
from tests.web.limits.conftest import rule
from web.limits.counting import Refused
from web.limits.fallback import FallbackCounters
from web.limits.memory import MemoryCounters
from web.limits.shared import RedisCounters

LIMITED = rule(requests_per_minute=8, parallel_requests=8)


@pytest.fixture
def server():
    with running_redis() as server:
        yield server


@pytest.fixture
def counters(server):
    shared = RedisCounters(server.url)
    yield FallbackCounters(shared, MemoryCounters(4))
    shared.close()


def admitted(counters, tries=20):
    found = []
    for _ in range(tries):
        with suppress(Refused):
            found.append(counters.admit((LIMITED,), 0))
    return found


@pytest.mark.parametrize("end", ["stop", "pause"])
def test_without_redis_a_process_lets_through_its_share_and_says_so_once(
    server, counters, caplog, end
):
    getattr(server, end)()
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert len(admitted(counters)) == 2

    assert time.monotonic() - began < 3  # only the first one waits
    assert len(caplog.records) == 1
    assert "Redis does not answer" in counters.state()
    assert "1/4 of each limit" in counters.state()
    server.resume() if end == "pause" else None


def test_when_redis_is_back_all_count_together_again(server, counters):
    first = counters.admit((LIMITED,), 0)
    server.stop()
    alone = admitted(counters)
    counters.settle(first, 5)
    counters.beat()
    assert "does not answer" in counters.state()
    server.start()
    counters.beat()

    assert counters.state() == "counted in Redis: for all gateways that use it"
    together = admitted(counters)
    assert len(together) == 8
    for lease in (*alone, *together):
        counters.settle(lease, 1)
    assert not counters._alone._tally(LIMITED).parallel


def test_running_requests_hold_their_slots_again_in_a_redis_that_forgot_everything(
    server, counters
):
    assert len(admitted(counters, 5)) == 5
    server.stop()
    admitted(counters, 1)
    server.start()
    counters.beat()

    more = rule(parallel_requests=8)
    found = []
    for _ in range(10):
        with suppress(Refused):
            found.append(counters.admit((more,), 0))
    assert len(found) == 3


def test_a_redis_that_answers_but_takes_nothing_is_as_good_as_away(server, counters):
    with closing(Redis.from_url(server.url)) as client:
        client.config_set("maxmemory", 1)
        assert counters.admit((LIMITED,), 0)
        counters.beat()
        assert "does not answer" in counters.state()
        client.config_set("maxmemory", 0)
        counters.beat()

    assert counters.state().startswith("counted in Redis")


def test_a_redis_that_is_not_there_at_the_start_stops_nobody(counters, server):
    server.stop()

    assert counters.admit((LIMITED,), 0)
