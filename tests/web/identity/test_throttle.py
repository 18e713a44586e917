"""How wrong passwords slow down, whom, and in how much memory."""

import pytest

from web.errors import LoginThrottled
from web.identity.throttle import FORGET_AFTER_S, ORIGIN, USER, Throttle


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def is_throttled(throttle: Throttle, user: str | None, origin: str) -> bool:
    try:
        throttle.begin(user, origin)
    except LoginThrottled:
        return True
    return False


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [USER.pause_s(failures) for failures in (0, 4, 5, 6, 7, 13, 14, 10_000)]

    assert pauses == [0, 0, 1, 2, 4, 256, 300, 300]


def test_many_attempts_at_once_are_no_way_around(clock: Clock) -> None:
    throttle = Throttle(clock)

    assert [is_throttled(throttle, "alice", f"192.0.2.{n}") for n in range(7)] == [
        False, False, False, False, False, True, True,
    ]  # fmt: skip


def test_an_origin_that_tries_many_users_is_slowed_down_for_all_of_them(clock: Clock) -> None:
    throttle = Throttle(clock)
    for n in range(ORIGIN.free):
        throttle.begin(f"user{n}", "192.0.2.1")

    assert is_throttled(throttle, "another", "192.0.2.1")
    assert is_throttled(throttle, None, "::ffff:192.0.2.1")
    assert not is_throttled(throttle, "another", "192.0.2.2")


def test_all_addresses_of_one_ipv6_network_are_one_origin(clock: Clock) -> None:
    throttle = Throttle(clock)
    for n in range(ORIGIN.free):
        throttle.begin(f"user{n}", f"2001:db8:1:2::{n:x}")

    assert is_throttled(throttle, "another", "2001:db8:1:2:ffff::1")
    assert not is_throttled(throttle, "another", "2001:db8:1:3::1")


def test_ones_own_right_password_buys_no_guesses_at_others(clock: Clock) -> None:
    throttle = Throttle(clock)
    for n in range(ORIGIN.free):
        throttle.begin(f"user{n}", "192.0.2.1")
        clock.s += 0.1
    clock.s += ORIGIN.first_pause_s
    throttle.begin("mallory", "192.0.2.1")
    throttle.succeed("mallory", "192.0.2.1")

    assert is_throttled(throttle, "another", "192.0.2.1")


def test_what_was_taken_back_never_counted(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(100):
        throttle.begin("alice", "192.0.2.1")
        throttle.take_back("alice", "192.0.2.1")

    assert len(throttle) == 0


def test_it_is_forgotten_after_a_while(clock: Clock) -> None:
    throttle = Throttle(clock)
    while not is_throttled(throttle, "alice", "192.0.2.1"):
        pass
    clock.s = FORGET_AFTER_S

    assert [is_throttled(throttle, "alice", "192.0.2.1") for _ in range(5)] == [False] * 5


def test_a_million_names_and_addresses_take_bounded_memory(clock: Clock) -> None:
    throttle = Throttle(clock, most_kept=100)
    for n in range(10_000):
        throttle.begin(f"user{n}", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")

    assert len(throttle) == 200
