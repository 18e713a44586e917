"""Whose requests a saturated model takes."""

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.limits.fairness import ACTIVE_S, Crowd, may_enter


def fill(crowd, user, count, now_s=0.0, places=10**9):
    for _ in range(count):
        assert crowd.admits(user, places, now_s) is None
        crowd.enter(user, now_s)


def test_a_lone_user_may_have_all_places_and_more():
    crowd = Crowd()
    fill(crowd, "greedy", 50, places=8)

    assert crowd.total == 50


def test_below_saturation_everybody_gets_in():
    crowd = Crowd()
    fill(crowd, "greedy", 5)
    fill(crowd, "other", 1)

    assert crowd.admits("greedy", 8, 1.0) is None


def test_who_is_above_the_share_is_refused_while_others_want_theirs():
    crowd = Crowd()
    fill(crowd, "greedy", 20)

    assert crowd.admits("other", 8, 1.0) is None
    assert crowd.admits("greedy", 8, 1.0) == 4


def test_the_place_that_a_greedy_user_leaves_is_kept_for_who_was_turned_away():
    crowd = Crowd()
    fill(crowd, "greedy", 8, places=8)
    crowd.refused("other", 1.0)
    crowd.leave("greedy")

    assert crowd.admits("greedy", 8, 1.1) == 4
    assert crowd.admits("other", 8, 2.0) is None


def test_what_the_others_do_not_want_is_not_saved():
    crowd = Crowd()
    fill(crowd, "modest", 1, places=8)
    fill(crowd, "greedy", 7, places=8)
    assert crowd.admits("greedy", 8, 1.0) == 4
    crowd.leave("greedy")

    assert crowd.admits("greedy", 8, 1.0) is None


def test_who_has_not_asked_for_a_while_has_no_share():
    crowd = Crowd()
    fill(crowd, "gone", 4)
    fill(crowd, "greedy", 8)
    for _ in range(4):
        crowd.leave("gone")

    assert crowd.admits("greedy", 8, 1.0) == 4
    assert crowd.admits("greedy", 8, 2 * ACTIVE_S) is None
    assert crowd.forget(2 * ACTIVE_S)
    assert list(crowd._members) == ["greedy"]


@given(st.integers(1, 64), st.dictionaries(st.text(max_size=2), st.integers(0, 64), min_size=1))
def test_who_is_below_the_share_is_never_refused_and_a_share_is_left_for_each(places, wanted):
    share = max(1, places // len(wanted))
    for in_flight in wanted.values():
        missing = [min(share, other) for other in wanted.values()]
        if in_flight < share:
            assert may_enter(in_flight, missing, in_flight, places, share)
        elif may_enter(in_flight, missing, in_flight, places, share):
            assert in_flight + 1 + sum(missing) <= places


def simulate(crowd, clients, places, cap, seconds):
    """{user: requests served} by an engine that works on `places` at once, for 1 s each, and takes
    `cap`; each client sends its next request at once, and 1 to 2 s after a refusal."""
    chance = random.Random(1)
    served = dict.fromkeys(clients, 0)
    events = [(chance.random(), n, user, "ask") for user in clients for n in range(clients[user])]
    heapq.heapify(events)
    queue: list[tuple[int, str]] = []
    working, number = 0, 10**6
    while events[0][0] < seconds:
        now_s, who, user, what = heapq.heappop(events)
        if what == "done":
            working -= 1
            crowd.leave(user)
            served[user] += 1
            heapq.heappush(events, (now_s + 0.001, who, user, "ask"))
        elif crowd.total >= cap:
            crowd.refused(user, now_s)
            heapq.heappush(events, (now_s + 1 + chance.random(), who, user, "ask"))
        elif crowd.admits(user, places, now_s) is not None:
            heapq.heappush(events, (now_s + 1 + chance.random(), who, user, "ask"))
        else:
            crowd.enter(user, now_s)
            queue.append((who, user))
        while queue and working < places:
            working += 1
            who, user = queue.pop(0)
            heapq.heappush(events, (now_s + 0.9 + 0.2 * chance.random(), who, user, "done"))
        number += 1
    return served


@pytest.mark.parametrize("cap", [8, 16, 2048], ids=["cap is the places", "cap is twice", "no cap"])
@pytest.mark.parametrize("each", [1, 2, 4])
def test_a_user_with_fifty_times_the_load_leaves_the_others_most_of_their_share(cap, each):
    seconds, places = 300, 8
    clients = {"greedy": 50 * each, "b": each, "c": each, "d": each}
    served = simulate(Crowd(), clients, places, cap, seconds)
    share = seconds * min(each, places / 4)

    for user in "bcd":
        assert served[user] >= 0.8 * share, served
    # The places are worked: fairness does not leave them empty.
    assert sum(served.values()) >= 0.8 * seconds * places, served


def test_without_fairness_the_same_users_would_starve():
    class Open(Crowd):
        def admits(self, user, places, now_s):
            return None

    served = simulate(Open(), {"greedy": 100, "b": 2}, 8, 2048, 100)

    assert served["b"] < 0.8 * 200
