"""Counters in memory, with a clock of the test's own, and in a real Redis."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.redis_server import running_redis
from tests.waiting import wait_until
from web.limits.counting import Counters
from web.limits.memory import MemoryCounters
from web.limits.rules import Limits, Rule
from web.limits.shared import RedisCounters

# Short, because Redis goes by its own clock.
WINDOW_S = 0.6


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class World:
    counters: Counters
    elapse: Callable[[float], None]


def rule(subject: str = "user:alice", **limits: int) -> Rule:
    return Rule(subject, Limits(**limits))


@pytest.fixture(scope="session")
def redis_server():
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server):
    redis_server.empty()
    return redis_server.url


@pytest.fixture(params=["memory", "redis"])
def world(request):
    """Counters of either kind with a window of WINDOW_S, and how to let time pass for them."""
    if request.param == "memory":
        clock = Clock()

        def advance(seconds: float) -> None:
            clock.now_s += seconds

        yield World(MemoryCounters(1, clock, WINDOW_S), advance)
        return
    with closing(RedisCounters(request.getfixturevalue("redis_url"), WINDOW_S)) as counters:

        def wait(seconds: float) -> None:
            until = time.monotonic() + seconds
            wait_until(lambda: time.monotonic() > until, seconds + 5)

        yield World(counters, wait)
