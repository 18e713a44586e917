"""What both kinds of counters do alike: in memory and in Redis."""

import pytest

from tests.web.limits.conftest import WINDOW_S, World, rule
from web.limits.counting import Kind, Refused
from web.limits.rules import Rule


def refused(world: World, *rules: Rule, estimate: int = 0) -> Refused:
    with pytest.raises(Refused) as caught:
        world.counters.admit(rules, estimate)
    return caught.value


def test_as_many_requests_as_the_limit_are_let_through_and_then_none(world):
    limited = rule(requests_per_minute=3)
    for _ in range(3):
        world.counters.settle(world.counters.admit((limited,), 0), 0)
    error = refused(world, limited)

    assert (error.rule, error.kind, error.limit) == (limited, Kind.REQUESTS, 3)
    assert 0 < error.after_s <= WINDOW_S + 1e-6


def test_there_is_room_again_when_the_oldest_request_leaves_the_window(world):
    limited = rule(requests_per_minute=2)
    world.counters.admit((limited,), 0)
    world.elapse(WINDOW_S / 2)
    world.counters.admit((limited,), 0)
    world.elapse(refused(world, limited).after_s + 0.005)

    world.counters.admit((limited,), 0)
    refused(world, limited)


def test_a_refused_request_counts_for_nothing(world):
    narrow, wide = rule(requests_per_minute=1), rule("key:k", requests_per_minute=9)
    world.counters.admit((wide, narrow), 0)
    for _ in range(5):
        assert refused(world, wide, narrow).rule == narrow
    lease = world.counters.admit((wide,), 0)

    assert lease.rooms.requests.remaining == 7


def test_tokens_count_when_they_are_told_and_an_estimate_until_then(world):
    limited = rule(tokens_per_minute=100)
    first = world.counters.admit((limited,), 99)
    second = world.counters.admit((limited,), 10)
    held = refused(world, limited)
    world.counters.settle(first, 40)
    world.counters.settle(second, 59)
    last = world.counters.admit((limited,), 0)
    world.counters.settle(last, 1)
    spent = refused(world, limited)

    assert held.kind is spent.kind is Kind.TOKENS
    assert held.rooms.tokens.remaining == spent.rooms.tokens.remaining == 0
    world.elapse(WINDOW_S + 0.01)
    assert world.counters.admit((limited,), 0).rooms.tokens.remaining == 100


def test_tokens_come_back_as_those_that_used_them_leave_the_window(world):
    limited = rule(tokens_per_minute=100)
    world.counters.settle(world.counters.admit((limited,), 0), 60)
    world.elapse(WINDOW_S / 2)
    world.counters.settle(world.counters.admit((limited,), 0), 60)
    error = refused(world, limited)

    assert 0 < error.after_s <= WINDOW_S / 2 + 1e-6
    world.elapse(error.after_s + 0.005)
    assert world.counters.admit((limited,), 0).rooms.tokens.remaining == 40


def test_a_slot_is_free_again_when_its_request_is_settled(world):
    limited = rule(parallel_requests=2)
    leases = [world.counters.admit((limited,), 0) for _ in range(2)]
    error = refused(world, limited)
    world.counters.settle(leases[0], 10)

    assert (error.kind, error.limit) == (Kind.PARALLEL, 2)
    world.counters.admit((limited,), 0)
    refused(world, limited)


def test_a_request_that_was_not_served_counts_for_nothing(world):
    limited = rule(requests_per_minute=1, tokens_per_minute=50, parallel_requests=1)
    for _ in range(5):
        lease = world.counters.admit((limited,), 49)
        world.counters.settle(lease, 0, refund=True)

    rooms = world.counters.admit((limited,), 0).rooms
    assert (rooms.requests.remaining, rooms.tokens.remaining) == (0, 50)


def test_a_limit_of_zero_lets_nothing_through(world):
    for name in ("requests_per_minute", "tokens_per_minute", "parallel_requests"):
        refused(world, rule(**{name: 0}))


def test_subjects_are_counted_apart(world):
    limited = [rule(f"user:{name}", requests_per_minute=1) for name in "abc"]
    for each in limited:
        world.counters.admit((each,), 0)
    for each in limited:
        refused(world, each)


def test_the_tightest_of_the_limits_is_told(world):
    rules = (
        rule("key:k", requests_per_minute=9, tokens_per_minute=50),
        rule("user:u", requests_per_minute=5),
        rule("model:m", tokens_per_minute=80),
    )
    rooms = world.counters.admit(rules, 7).rooms

    assert (rooms.requests.limit, rooms.requests.remaining) == (5, 4)
    assert rooms.requests.reset_s == pytest.approx(WINDOW_S)
    assert (rooms.tokens.limit, rooms.tokens.remaining, rooms.tokens.reset_s) == (50, 43, 0)


def test_a_limit_that_is_lowered_holds_at_once(world):
    for _ in range(4):
        world.counters.admit((rule(requests_per_minute=5),), 0)
    error = refused(world, rule(requests_per_minute=2))

    assert error.after_s <= WINDOW_S + 1e-6
    assert world.counters.admit((rule(requests_per_minute=6),), 0).rooms.requests.remaining == 1
