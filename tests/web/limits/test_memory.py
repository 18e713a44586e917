"""Properties of counting in memory, whatever comes in which order, and what it costs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.limits.conftest import Clock, rule
from web.limits.counting import WINDOW_S, Refused
from web.limits.memory import MemoryCounters

LIMITS = {"requests_per_minute": 5, "tokens_per_minute": 1000, "parallel_requests": 3}
USERS = [rule(f"user:{name}", **LIMITS) for name in "ab"]
MODEL = rule("model:m", requests_per_minute=8, tokens_per_minute=1500, parallel_requests=4)
# (seconds that pass, user, settle one instead?, tokens)
STEPS = st.lists(
    st.tuples(st.floats(0, 40), st.integers(0, 1), st.booleans(), st.integers(0, 400)),
    max_size=80,
)


def play(counters, clock, steps):
    """Yields (time, user's rule) of each admission; every lease is settled at the end."""
    running = []
    for passed_s, user, settles, tokens in steps:
        clock.now_s += passed_s
        if settles and running:
            counters.settle(running.pop(0), tokens, refund=tokens == 400)
            continue
        try:
            running.append(counters.admit((USERS[user], MODEL), 0))
            yield clock.now_s, USERS[user].subject, len(running)
        except Refused:
            continue
    for lease in running:
        counters.settle(lease, 0)


@settings(deadline=None)
@given(STEPS)
def test_in_no_window_are_there_more_requests_than_the_limit(steps):
    clock = Clock()
    # What is refunded may come again.
    steps = [(p, u, s, min(t, 399)) for p, u, s, t in steps]
    admitted = list(play(MemoryCounters(1, clock), clock, steps))

    for start, _, _ in admitted:
        within = [who for at, who, _ in admitted if start <= at < start + WINDOW_S]
        assert len(within) <= 8
        assert all(within.count(each.subject) <= 5 for each in USERS)


@settings(deadline=None)
@given(STEPS)
def test_there_are_never_more_at_once_than_the_limit_and_in_the_end_nothing_is_left(steps):
    clock = Clock()
    counters = MemoryCounters(1, clock)
    assert all(running <= 4 for _, _, running in play(counters, clock, steps))
    clock.now_s += WINDOW_S + 1
    counters.beat()

    assert counters._tallies == {}


@settings(deadline=None)
@given(STEPS, st.integers(2, 6))
def test_processes_that_count_alone_let_through_no_more_than_the_limit_together(steps, count):
    clock = Clock()
    wide = rule("user:a", requests_per_minute=12, parallel_requests=7)
    processes = [MemoryCounters(count, clock) for _ in range(count)]
    admitted, running = [], 0
    for number, (passed_s, _, _, _) in enumerate(steps):
        clock.now_s += passed_s
        try:
            processes[number % count].admit((wide,), 0)
        except Refused:
            continue
        admitted.append(clock.now_s)
        running += 1

    assert running <= 7
    assert all(sum(s <= at < s + WINDOW_S for at in admitted) <= 12 for s in admitted)


def test_a_refusal_says_exactly_when_there_is_room_again():
    clock = Clock()
    counters = MemoryCounters(1, clock)
    for _ in range(5):
        counters.admit((USERS[0],), 0) if _ < 3 else None
        clock.now_s += 1
    try:
        counters.admit((rule("user:a", requests_per_minute=3),), 0)
    except Refused as error:
        clock.now_s += error.after_s - 0.001
        after_s = error.after_s
    try:
        counters.admit((rule("user:a", requests_per_minute=3),), 0)
        raise AssertionError("let through before its time")
    except Refused:
        clock.now_s += 0.001

    counters.admit((rule("user:a", requests_per_minute=3),), 0)
    assert after_s == 55.0
