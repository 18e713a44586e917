"""How wrong passwords slow down, whom, and in how many rows."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from web.database import Database
from web.errors import LoginThrottled
from web.identity.models import LoginFailuresRow
from web.identity.throttle import ORIGIN, USER, Throttle
from web.identity.throttle_store import FORGET_AFTER, FailureStore


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(database: Database, clock: Clock) -> Callable[[], Throttle]:
    """One for each gateway worker."""
    return lambda: Throttle(FailureStore(database), str, clock)


@pytest.fixture
def throttle(make: Callable[[], Throttle]) -> Throttle:
    return make()


def rows(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(LoginFailuresRow)) or 0


def is_throttled(throttle: Throttle, user: str | None, origin: str) -> bool:
    try:
        throttle.begin(user, origin)
    except LoginThrottled:
        return True
    return False


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [USER.pause_s(failures) for failures in (0, 4, 5, 6, 7, 13, 14, 10_000)]

    assert pauses == [0, 0, 1, 2, 4, 256, 300, 300]


def test_workers_count_together(make: Callable[[], Throttle]) -> None:
    workers = [make() for _ in range(4)]

    assert [is_throttled(workers[n % 4], "alice", f"192.0.2.{n}") for n in range(7)] == [
        False, False, False, False, False, True, True,
    ]  # fmt: skip


def test_many_attempts_at_once_are_no_way_around(make: Callable[[], Throttle]) -> None:
    begun: list[bool] = []
    barrier = threading.Barrier(16)

    def attempt(n: int) -> None:
        barrier.wait()
        begun.append(not is_throttled(make(), "alice", f"192.0.2.{n}"))

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert begun.count(True) == USER.free
    assert len(begun) == 16


def test_an_origin_that_tries_many_users_is_slowed_down_for_all_of_them(
    throttle: Throttle,
) -> None:
    for n in range(ORIGIN.free):
        throttle.begin(f"user{n}", "192.0.2.1")

    assert is_throttled(throttle, "another", "192.0.2.1")
    assert is_throttled(throttle, None, "::ffff:192.0.2.1")
    assert not is_throttled(throttle, "another", "192.0.2.2")


def test_all_addresses_of_one_ipv6_network_are_one_origin(throttle: Throttle) -> None:
    for n in range(ORIGIN.free):
        throttle.begin(f"user{n}", f"2001:db8:1:2::{n:x}")

    assert is_throttled(throttle, "another", "2001:db8:1:2:ffff::1")
    assert not is_throttled(throttle, "another", "2001:db8:1:3::1")


def test_ones_own_right_password_buys_no_guesses_at_others(
    throttle: Throttle, clock: Clock
) -> None:
    for n in range(ORIGIN.free):
        throttle.begin(f"user{n}", "192.0.2.1")
    clock.passes(ORIGIN.first_pause_s)
    throttle.begin("mallory", "192.0.2.1")
    throttle.succeed("mallory", "192.0.2.1")

    assert is_throttled(throttle, "another", "192.0.2.1")


def test_what_was_taken_back_never_counted(throttle: Throttle, database: Database) -> None:
    for _ in range(ORIGIN.free + 1):
        throttle.begin("alice", "192.0.2.1")
        throttle.take_back("alice", "192.0.2.1")

    assert rows(database) == 0


def test_it_is_forgotten_after_a_while(throttle: Throttle, clock: Clock) -> None:
    while not is_throttled(throttle, "alice", "192.0.2.1"):
        pass
    clock.passes(FORGET_AFTER.total_seconds())

    again = [is_throttled(throttle, "alice", "192.0.2.1") for _ in range(6)]
    assert again == [False] * 5 + [True]


def test_many_names_and_addresses_take_bounded_room(database: Database, clock: Clock) -> None:
    throttle = Throttle(FailureStore(database, most_kept=20), str, clock)
    most = 0
    for n in range(300):
        throttle.begin(f"user{n}", f"192.0.2.{n}")
        clock.passes(6)
        most = max(most, rows(database))

    # Swept once a minute: at most what ten attempts add in between.
    assert most <= 20 + 2 * 10 + 2
    clock.passes(FORGET_AFTER.total_seconds() + 60)
    throttle.begin("alice", "198.51.100.1")
    assert rows(database) == 2


def test_no_name_and_no_address_is_kept_in_clear(database: Database, clock: Clock) -> None:
    seen: list[str] = []

    def digest(text: str) -> str:
        seen.append(text)
        return "0" * 63 + str(len(seen))

    Throttle(FailureStore(database), digest, clock).begin("canary", "192.0.2.1")
    with database.read() as session:
        kept = list(session.scalars(select(LoginFailuresRow.key)))
    assert kept == ["0" * 63 + "1", "0" * 63 + "2"]
