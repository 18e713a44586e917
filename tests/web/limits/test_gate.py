"""The gate: what a permit takes, and that it always gives it back."""

import random
from types import SimpleNamespace

import pytest

from tests.web.limits.conftest import Clock
from web.errors import Overloaded, QuotaExceeded, RateLimited, UpstreamUnreachable
from web.fleet.routing import Target
from web.identity.keys import Principal
from web.limits.gate import Gate, places_of
from web.limits.memory import MemoryCounters
from web.limits.rules import Limits, RuleBook, Scope
from web.limits.spending import Spending

ALICE = Principal("key1", "alice", None)
BOB = Principal("key2", "bob", None)


class NoAccounts:
    def tokens(self, since, until):
        return {}

    gpu_hours = tokens


def route(name="m", instances=1, **deployment):
    told = {"target_requests": 8, "max_requests": 2048, "engine_args": {}, **deployment}
    targets = tuple(Target(f"i{n}", "node:1", "") for n in range(instances))
    return SimpleNamespace(deployment=SimpleNamespace(name=name, **told), targets=targets)


class World:
    def __init__(self, rows=(), processes=1) -> None:
        from tests.web.limits.test_spending import START

        self.clock = Clock()
        self.board = SimpleNamespace(book=RuleBook(dict(rows)))
        self.counters = MemoryCounters(1, self.clock)
        self.spending = Spending(NoAccounts(), lambda: START)
        self.load = SimpleNamespace(load={})
        self.gate = Gate(self.board, self.counters, self.spending, self.load, processes, self.clock)

    @property
    def is_empty(self):
        tallies = self.counters._tallies.values()
        crowds = self.gate._crowds.values()
        return not any(t.parallel or t.held for t in tallies) and not any(c.total for c in crowds)


def user_row(**limits):
    return [((Scope.USER, "alice"), Limits(**limits))]


def test_without_limits_there_are_no_headers_and_nothing_is_counted():
    world = World()
    permit = world.gate.admit(ALICE, route(), 100)

    assert permit.headers() == []
    assert world.counters._tallies == {}
    permit.close(50)
    assert world.is_empty


def test_a_limit_is_told_in_the_headers_and_by_a_429():
    world = World(user_row(requests_per_minute=1))
    permit = world.gate.admit(ALICE, route(), 100)
    with pytest.raises(RateLimited) as limited:
        world.gate.admit(ALICE, route(), 100)

    assert dict(permit.headers())["x-ratelimit-remaining-requests"] == "0"
    assert limited.value.headers["x-ratelimit-limit-requests"] == "1"
    world.gate.admit(BOB, route(), 100).close(0)
    permit.close(0)
    assert world.is_empty


def test_a_permit_may_be_closed_more_than_once_and_counts_once():
    world = World(user_row(tokens_per_minute=100))
    permit = world.gate.admit(ALICE, route(), 0)
    permit.close(40)
    permit.close(40)
    permit.abandon(RuntimeError())

    assert (
        dict(world.gate.admit(ALICE, route(), 0).headers())["x-ratelimit-remaining-tokens"] == "60"
    )


def test_what_the_engine_failed_costs_nothing_and_what_the_client_left_does():
    world = World(user_row(requests_per_minute=2))
    world.gate.admit(ALICE, route(), 0).abandon(UpstreamUnreachable("gone"))
    world.gate.admit(ALICE, route(), 0).abandon(ConnectionResetError())
    world.gate.admit(ALICE, route(), 0).close(0)

    with pytest.raises(RateLimited):
        world.gate.admit(ALICE, route(), 0)
    assert world.is_empty


def test_a_budget_that_is_used_up_refuses():
    world = World(user_row(tokens_per_day=100))
    world.gate.admit(ALICE, route(), 0).close(100)

    with pytest.raises(QuotaExceeded):
        world.gate.admit(ALICE, route(), 0)
    assert world.is_empty


def test_a_limit_that_changes_holds_for_the_next_request_and_the_running_ones_end_well():
    world = World(user_row(parallel_requests=1))
    permit = world.gate.admit(ALICE, route(), 10)
    world.board.book = RuleBook(dict(user_row(parallel_requests=2)))
    other = world.gate.admit(ALICE, route(), 10)
    world.board.book = RuleBook({})
    permit.close(5)
    other.close(5)

    assert world.is_empty


def test_nothing_leaks_whatever_becomes_of_the_requests():
    world = World(user_row(requests_per_minute=500, parallel_requests=6, tokens_per_minute=9999))
    random.seed(3)
    running, refused = [], 0
    for _ in range(3000):
        world.clock.now_s += random.random() / 5
        if running and random.random() < 0.5:
            permit = running.pop(random.randrange(len(running)))
            ends = [
                lambda p: p.close(30),
                lambda p: p.abandon(GeneratorExit()),
                lambda p: p.abandon(UpstreamUnreachable("x")),
                lambda p: p.abandon(KeyError()),
            ]
            random.choice(ends)(permit)
            continue
        try:
            running.append(world.gate.admit(random.choice((ALICE, BOB)), route(), 400))
        except (RateLimited, Overloaded):
            refused += 1
    for permit in running:
        permit.close(1)

    assert refused > 100
    assert world.is_empty
    world.clock.now_s += 100
    world.gate.tidy()
    world.counters.beat()
    assert (world.gate._crowds, world.counters._tallies) == ({}, {})


def test_who_has_more_than_the_share_of_a_saturated_model_is_refused_and_charged_nothing():
    world = World(user_row(requests_per_minute=9))
    permits = [world.gate.admit(ALICE, route(), 0) for _ in range(8)]
    world.gate.admit(BOB, route(), 0)
    with pytest.raises(Overloaded, match="fair share of 4"):
        world.gate.admit(ALICE, route(), 0)

    assert dict(permits[-1].headers())["x-ratelimit-remaining-requests"] == "1"
    world.gate.admit(ALICE, route(instances=2), 0)


def test_who_found_no_instance_with_room_gets_the_next_place():
    world = World()
    full = route(max_requests=2)
    permits = [world.gate.admit(ALICE, full, 0) for _ in range(2)]
    world.gate.turned_away(BOB, full)
    permits[0].close(0)
    with pytest.raises(Overloaded):
        world.gate.admit(ALICE, full, 0)

    world.gate.admit(BOB, full, 0)


def test_one_of_several_processes_shares_out_what_the_others_leave():
    world = World(processes=2)
    mine = [world.gate.admit(ALICE, route(), 0) for _ in range(5)]
    world.load.load["i0"] = 5 + 4  # 4 of them elsewhere
    world.gate.admit(BOB, route(), 0)

    with pytest.raises(Overloaded, match="fair share of 2"):
        world.gate.admit(ALICE, route(), 0)
    assert len(mine) == 5


@pytest.mark.parametrize(
    ("entry", "places"),
    [({}, 8), ({"engine_args": {"max-num-seqs": 256}}, 256), ({"max_requests": 3}, 3)],
)
def test_an_instance_works_on_what_its_engine_takes_or_what_it_is_meant_for(entry, places):
    assert places_of(route(**entry).deployment) == places


def test_what_runs_just_now_is_told_by_user_and_model():
    world = World()
    alice = [world.gate.admit(ALICE, route(), 100) for _ in range(2)]
    bob = world.gate.admit(BOB, route("n"), 100)
    during = world.gate.in_flight()
    alice[0].close(5)
    bob.close(5)

    assert during == {("alice", "m"): 2, ("bob", "n"): 1}
    assert world.gate.in_flight() == {("alice", "m"): 1}
    alice[1].close(5)
    assert world.gate.in_flight() == {}
