"""Who may read the metrics."""

import pytest

from web.metrics.access import may_read

TOKEN = b"a-token-of-its-own"


def reads(address, headers=None, token=None, trusts_proxies=False):
    return may_read(address, headers or {}, token, trusts_proxies=trusts_proxies)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_host_may(address):
    assert reads(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "::2", "128.0.0.1", "", "localhost", "unix:"])
def test_nobody_else_may(address):
    assert not reads(address)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"])
def test_whoever_comes_through_a_server_in_front_is_not_this_host(name):
    assert not reads("127.0.0.1", {name: "10.0.0.1"})


def test_behind_proxies_that_are_trusted_the_address_is_the_callers_own():
    assert reads("127.0.0.1", {"X-Forwarded-For": "x"}, trusts_proxies=True)
    assert not reads("10.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, trusts_proxies=True)


def test_with_a_token_it_is_the_token_that_counts():
    assert reads("10.0.0.1", {"Authorization": "Bearer a-token-of-its-own"}, TOKEN)
    for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic a-token-of-its-own"}):
        assert not reads("127.0.0.1", wrong, TOKEN)
    assert not reads("127.0.0.1", {"Authorization": "Bearer ünicode"}, TOKEN)
