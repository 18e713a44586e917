"""An engine that breaks off its answers is set aside; clients that leave it do it no harm."""

import pytest

from tests.data_path.raw import connect
from tests.waiting import wait_until

ENOUGH = 3


def is_set_aside(bench) -> bool:
    reply = bench.ask("good")
    return reply.status == 503 and reply.error["state"] == "unready"


@pytest.fixture(autouse=True)
def used_again(single):
    """The engine makes tokens all the while, so the gateway soon finds that it does."""
    assert single.ask("good").status == 200
    yield
    single.state(always=None)
    wait_until(lambda: single.ask("good").status == 200, 15, "it is used again")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", ["mid_chunk", "stall"])
def test_an_engine_that_breaks_off_behind_its_head_is_set_aside(single, script, stream):
    # From now on nothing else comes from it, not even a token for a probe.
    single.state(always=script)
    for _ in range(ENOUGH):
        reply = single.ask("good", stream=stream)
        assert (reply.status, reply.clean) == (200, False)
    assert is_set_aside(single)


def test_a_whole_stream_between_broken_ones_forgives_them(single):
    for _ in range(ENOUGH):
        for script, clean in (("mid_chunk", False), ("mid_chunk", False), ("good", True)):
            reply = single.ask(script, stream=True)
            assert (reply.status, reply.clean) == (200, clean)
    assert not is_set_aside(single)


@pytest.mark.parametrize("stream", [False, True])
def test_clients_that_leave_in_the_middle_do_not_count_against_the_engine(single, stream):
    for _ in range(2 * ENOUGH):
        before = single.state()["left"]
        with connect(single.port) as sock:
            sock.sendall(single.request("stall", stream=stream))
            assert sock.recv(65536)
        wait_until(lambda n=before: single.state()["left"] > n, 0.6, "the engine was left")
    assert not is_set_aside(single)
