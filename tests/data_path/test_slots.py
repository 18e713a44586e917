"""Slots of parallel requests come back whatever becomes of the request that had them."""

from contextlib import ExitStack

import pytest

from tests.data_path.raw import connect
from tests.data_path.test_leaks import run
from tests.waiting import wait_until

SLOTS = 6


@pytest.fixture
def limited(bench):
    """alice may have SLOTS requests at once."""
    bench.gateway.cli("limits", "set", "--user", "alice", f"--parallel-requests={SLOTS}")
    try:
        wait_until(lambda: refused_at(bench) == SLOTS, 20, "the limit is in force")
        yield bench
    finally:
        bench.gateway.cli("limits", "unset", "--user", "alice")
        wait_until(lambda: refused_at(bench) is None, 20, "the limit is gone")


def refused_at(bench) -> int | None:
    """How many requests are let in at once, by a look that may come too early for the last one;
    None when SLOTS are not the end of it."""
    with ExitStack() as stack:
        for number in range(SLOTS + 1):
            if bench.ask("good").status != 200:
                return number
            sock = stack.enter_context(connect(bench.port))
            sock.sendall(bench.request("never"))
    return None


def test_all_slots_are_free_after_hundreds_of_requests_that_went_wrong(limited):
    told = run(limited, 400, seed=11)
    assert told[200] > 100
    assert 500 not in told

    wait_until(
        lambda: refused_at(limited) == SLOTS, 20, "every slot is free, and no more than that"
    )
