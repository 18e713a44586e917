"""A directory that is stopped, slow or gone: within bounds, and with the gateway's own sockets."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.gateway_process import REPOSITORY
from tests.slapd import Slapd, person, running_slapd
from web.config import Settings
from web.identity.directory import DirectoryUnavailable, Vouched
from web.identity.directory.ldap import LdapDirectory
from web.identity.directory.ldap_wire import TIMEOUT_S

# Within TIMEOUT_S a connection is made, and within TIMEOUT_S more it answers or does not.
MOST_S = 2 * TIMEOUT_S + 1

ASKS_UNDER_GEVENT = """
import gevent.monkey; gevent.monkey.patch_all()
import os, sys, time, gevent
from datetime import UTC, datetime
from web.config import Settings
from web.identity.directory import DirectoryUnavailable
from web.identity.directory.ldap import LdapDirectory

ticks = []
def tick():
    while True:
        ticks.append(time.monotonic()); gevent.sleep(0.05)
gevent.spawn(tick)
directory = LdapDirectory(Settings.from_env(os.environ), lambda: datetime.now(UTC))
try:
    print(directory.check("alice", "wonderland").name)
except DirectoryUnavailable:
    print("away")
print(max((b - a for a, b in zip(ticks, ticks[1:])), default=0))
"""


@pytest.fixture
def slapd() -> Iterator[Slapd]:
    with running_slapd([person("alice", "wonderland")]) as server:
        yield server


def directory(slapd: Slapd, **more: str) -> LdapDirectory:
    return LdapDirectory(Settings.from_env(slapd.settings(**more)), lambda: datetime.now(UTC))


def test_a_directory_that_is_killed_is_away_at_once_and_back_when_it_is(slapd: Slapd) -> None:
    there = directory(slapd)
    slapd.kill()
    began = time.monotonic()
    with pytest.raises(DirectoryUnavailable):
        there.check("alice", "wonderland")
    assert time.monotonic() - began < 1

    slapd.start()
    assert there.check("alice", "wonderland") == Vouched("alice")


@pytest.mark.parametrize("connection", ["plain", "start-tls", "ldaps"])
def test_a_directory_that_is_stopped_is_waited_for_no_longer_than_the_limit(
    slapd: Slapd, connection: str
) -> None:
    more = {
        "plain": {"LDAP_START_TLS": "false"},
        "start-tls": {},
        "ldaps": {"LDAP_URL": f"ldaps://127.0.0.1:{slapd.tls_port}"},
    }[connection]
    there = directory(slapd, **more)
    slapd.send(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(DirectoryUnavailable):
        there.check("alice", "wonderland")
    assert time.monotonic() - began < MOST_S


def test_a_directory_that_stops_in_the_middle_of_a_look_up_is_not_waited_for(slapd: Slapd) -> None:
    answers = directory(slapd).lookup_each(["alice", "alice"])
    assert next(answers) == ("alice", Vouched("alice"))
    slapd.send(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(DirectoryUnavailable):
        next(answers)
    assert time.monotonic() - began < MOST_S


@pytest.mark.parametrize("state", ["up", "stopped"])
def test_a_login_in_a_gateway_worker_holds_up_nobody(slapd: Slapd, state: str) -> None:
    if state == "stopped":
        slapd.send(signal.SIGSTOP)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", ASKS_UNDER_GEVENT],
        check=False, env=slapd.settings(), cwd=REPOSITORY,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    answer, longest_pause = done.stdout.split()
    assert answer == {"up": "alice", "stopped": "away"}[state]
    assert float(longest_pause) < 1
    assert time.monotonic() - began < MOST_S + 10
