"""Callbacks as they arrive: token, rate, and what ends up in the database."""

import json
from dataclasses import replace

import pytest

from tests.web.fleet.worlds import ID, NOW, instance, later
from web.fleet.callbacks import MAX_REPORTS_PER_SECOND, CallbackDesk, Refused
from web.fleet.launch import worker_token
from web.fleet.states import InstanceState
from web.fleet.store import FleetStore
from web.lock.store import FleetLock
from web.secrets import Secrets


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def secrets(tmp_path):
    return Secrets(tmp_path)


@pytest.fixture
def store(database):
    lock = FleetLock(database, "host:1", life_s=60)
    lock.acquire(NOW)
    store = FleetStore(database, lock)
    store.intend(instance(InstanceState.PENDING))
    return store


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def desk(store, secrets, clock):
    return CallbackDesk(store, secrets, clock, telemetry_limit=10)


def body(event, sequence, **changes):
    report = {"instance_id": ID, "slurm_job_id": "7", "sequence": sequence, "event": event}
    return json.dumps({**report, **changes}).encode()


def test_a_worker_with_its_token_claims_its_instance(desk, store, secrets):
    assert desk.take(worker_token(secrets, ID), body("claim", 0)) == "continue"
    assert store.find(ID).claimed_by == "7"


@pytest.mark.parametrize(
    "bearer", [None, "", ".", "abcdefghij", "abcdefghij.wrong", "zzzzzzzzzz.x"]
)
def test_whoever_has_no_token_is_refused(desk, store, bearer):
    with pytest.raises(Refused) as refused:
        desk.take(bearer, body("claim", 0))
    assert refused.value.status == 401
    assert store.find(ID).claimed_by is None


def test_a_token_speaks_for_its_own_instance_only(desk, store, secrets):
    store.intend(instance(InstanceState.PENDING, id="otherother"))
    with pytest.raises(Refused) as refused:
        desk.take(worker_token(secrets, "otherother"), body("claim", 0))
    assert refused.value.status == 403


def test_a_token_of_a_forgotten_pepper_is_refused(desk, store, secrets):
    store.change(ID, lambda i: replace(i, secret_version=9))
    with pytest.raises(Refused) as refused:
        desk.take(worker_token(secrets, ID), body("claim", 0))
    assert refused.value.status == 401


def test_a_refused_report_changes_nothing(desk, store, secrets):
    with pytest.raises(Refused):
        desk.take(worker_token(secrets, ID), body("ready", 1, port=20001))
    assert store.find(ID) == instance(InstanceState.PENDING)


def test_a_worker_that_reports_too_often_is_slowed_down(desk, secrets, clock):
    token = worker_token(secrets, ID)
    for _ in range(MAX_REPORTS_PER_SECOND):
        desk.take(token, body("claim", 0))
    with pytest.raises(Refused) as refused:
        desk.take(token, body("claim", 0))
    assert (refused.value.status, refused.value.retry_after_s) == (429, 1)
    clock.now = later(1)
    assert desk.take(token, body("claim", 0)) == "continue"
