"""Counting in Redis: over several processes, and when one of them dies."""

import random
import threading
from contextlib import ExitStack, closing, suppress

import pytest
from redis import Redis

from tests.waiting import wait_until
from tests.web.limits.conftest import rule
from web.limits.counting import Refused
from web.limits.shared import LEASE_S, RedisCounters

LIMITED = rule(requests_per_minute=60, parallel_requests=5)


@pytest.fixture
def several(redis_url):
    """Makes counters as separate processes have them."""
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(closing(RedisCounters(redis_url, **more)))


def admitted(counters, limited):
    with suppress(Refused):
        return counters.admit((limited,), 0)


def test_four_processes_let_through_exactly_the_limit_together(several):
    tried = 500
    taken: list[int] = []

    def ask_and_settle(counters):
        for _ in range(tried):
            if lease := admitted(counters, LIMITED):
                taken.append(1)
                counters.settle(lease, 0)

    threads = [threading.Thread(target=ask_and_settle, args=(several(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == 60


def test_four_processes_have_never_more_at_once_than_the_limit(several):
    processes = [several() for _ in range(4)]
    limited = rule(parallel_requests=5)
    random.seed(5)
    running = []
    for _ in range(400):
        if running and random.random() < 0.4:
            counters, lease = running.pop(random.randrange(len(running)))
            counters.settle(lease, 0)
        counters = random.choice(processes)
        if lease := admitted(counters, limited):
            running.append((counters, lease))
            assert len(running) <= 5
        else:
            assert len(running) == 5


def test_the_slots_of_a_dead_process_are_free_after_its_lease_and_those_of_a_live_one_are_not(
    several,
):
    dead, living = several(), several()
    for counters in (dead, dead, dead, living, living):
        counters.admit((LIMITED,), 0)
    stop = threading.Event()

    def live():
        while not stop.wait(0.2):
            living.beat()

    heart = threading.Thread(target=live)
    heart.start()
    try:
        assert not admitted(living, LIMITED)
        wait_until(lambda: admitted(living, LIMITED), LEASE_S + 1, "a slot of the dead is free")
        more = [admitted(living, LIMITED) for _ in range(3)]
        assert [bool(lease) for lease in more] == [True, True, False]
    finally:
        stop.set()
        heart.join()


def test_what_a_dead_process_held_of_the_tokens_is_free_after_its_lease(several):
    dead, living = several(lease_s=0.3), several()
    limited = rule(tokens_per_minute=100)
    dead.admit((limited,), 100)

    assert not admitted(living, limited)
    wait_until(lambda: admitted(living, limited), 3, "the estimate is given up")


def test_a_settled_lease_is_not_brought_back_by_a_late_beat(several):
    counters = several()
    limited = rule(parallel_requests=1)
    lease = counters.admit((limited,), 0)
    counters.settle(lease, 0)
    counters._leases[lease.id] = lease  # as if the beat had begun before
    counters.beat()

    assert admitted(counters, limited)


def test_leases_that_ran_out_in_a_pause_are_made_again_when_it_is_over(several):
    paused, other = several(lease_s=0.2), several()
    limited = rule(parallel_requests=1, tokens_per_minute=1000)
    paused.admit((limited,), 7)
    lease = wait_until(lambda: admitted(other, limited), 3, "the slot has run out")
    other.settle(lease, 0)
    paused._lease_ms = 60_000
    paused.renew(revive=True)

    assert not admitted(other, limited)


def test_nothing_stays_in_redis_for_ever(several, redis_url):
    counters = several(window_s=0.2, lease_s=0.2)
    for tokens in (0, 5):
        lease = counters.admit((rule(requests_per_minute=9, tokens_per_minute=99),), 3)
        counters.settle(lease, tokens)
    with closing(Redis.from_url(redis_url)) as client:
        assert client.keys()
        wait_until(lambda: not client.keys(), 3, "every key has expired")


def test_the_sums_are_those_of_the_sets_after_any_course_of_events(several, redis_url):
    counters = several(window_s=0.1, lease_s=0.05)
    limited = rule(tokens_per_minute=10**6)
    random.seed(7)
    running = []
    for _ in range(600):
        if running and random.random() < 0.5:
            counters.settle(running.pop(), random.randrange(50))
        elif lease := counters.admit((limited,), random.randrange(50)):
            running.append(lease)
    with closing(Redis.from_url(redis_url, decode_responses=True)) as client:
        name = "kscope:{limits}:user:alice"
        for members, total in ((f"{name}:t", f"{name}:s"), (f"{name}:l", f"{name}:h")):
            expected = sum(int(m.rpartition(":")[2]) for m in client.zrange(members, 0, -1))
            assert int(client.get(total) or 0) == expected
