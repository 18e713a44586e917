"""Callbacks lost, doubled, late, reordered and said again: the gateway comes to know the truth."""

import json
import time

import pytest

from tests.embedded.conftest import ENTRY, MODEL
from tests.fakes.shuffling_proxy import FATES, REPLAYED, Shuffler, shuffling_proxy
from tests.gateway_process import Gateway
from tests.traffic import Asking, Traffic
from tests.waiting import wait_until
from web.config import Settings
from web.database import Database
from web.fleet.states import EndReason, Instance, InstanceState
from web.fleet.store import InstanceStore

# MIN_UPDATE_INTERVAL_SECONDS of the gateways under test: a look, and a heartbeat.
TICK_S = 1.0
TWO_TICKS_S = 2 * TICK_S + 1.0
S = InstanceState


@pytest.fixture
def shuffler():
    with shuffling_proxy(seed=20261120) as made:
        yield made


@pytest.fixture
def gateway(make_gateway, shuffler: Shuffler) -> Gateway:
    made = make_gateway(ENTRY, TELEMETRY_CALLBACK_URL=shuffler.url)
    shuffler.target = f"{made.base_url}/worker_callback"
    return made


def instances(gateway: Gateway) -> list[Instance]:
    """All there ever were, the live ones first."""
    database = Database(Settings.from_env(gateway.env).database_url)
    try:
        store = InstanceStore(database)
        return [*store.live(), *store.history().get(MODEL, ())]
    finally:
        database.close()


def said_last(shuffler: Shuffler) -> dict:
    """The newest report of the worker, whether it arrived or not."""
    return max((json.loads(body) for body, _ in shuffler.heard), key=lambda r: r["sequence"])


def wait_until_all_fates_were_met(gateway: Gateway, shuffler: Shuffler) -> None:
    """Meanwhile what is known only ever gets newer, and what serves goes on serving."""
    newest = -1

    def met() -> bool:
        nonlocal newest
        (instance,) = instances(gateway)
        assert instance.state is S.READY
        assert instance.sequence >= newest, "an old report was believed"
        newest = instance.sequence
        return set(FATES) <= shuffler.fates.keys() and shuffler.fates[REPLAYED] > 10

    wait_until(met, 60, "every fate, and old reports said again")


def test_callbacks_lost_doubled_late_and_reordered_converge_within_two_ticks(
    gateway: Gateway, shuffler: Shuffler
):
    gateway.client(max_retries=20).chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "x"}], max_tokens=1
    )

    with Traffic(gateway, MODEL, 2, Asking(plain_s=(0.1, 0.3), stream_s=(0.5, 1))) as traffic:
        wait_until_all_fates_were_met(gateway, shuffler)
        shuffler.disturbs = False
        heard = len(shuffler.heard)
        wait_until(lambda: len(shuffler.heard) > heard, TWO_TICKS_S, "the next report")
        newest = said_last(shuffler)

        def knows_the_truth() -> bool:
            (instance,) = instances(gateway)
            known = (instance.state, instance.port, instance.claimed_by, instance.restart_count)
            truth = (S.READY, newest["port"], newest["slurm_job_id"], 0)
            return known == truth and instance.sequence >= newest["sequence"]

        wait_until(knows_the_truth, TWO_TICKS_S, "the gateway knows the truth")

    # No old word ever took a serving instance out, and no lost one either.
    assert not traffic.failures, traffic.words()
    assert traffic.counts.served > 10


def test_a_drain_that_callbacks_disturb_ends_the_job_and_old_reports_do_not_wake_it(
    gateway: Gateway, shuffler: Shuffler
):
    gateway.client(max_retries=20).chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "x"}], max_tokens=1
    )
    wait_until_all_fates_were_met(gateway, shuffler)

    gateway.write_models([{**ENTRY, "name": "another", "aliases": []}])

    def is_over() -> bool:
        (instance,) = instances(gateway)
        return instance.state.is_over

    wait_until(is_over, 30, "the drain ended")
    for report in shuffler.heard:
        said = shuffler.pass_on(report)
        assert said is not None
        # Beyond ten a second it does not even look.
        assert said[0] in (410, 429)
        time.sleep(0.1 if said[0] == 429 else 0)
    (instance,) = instances(gateway)
    assert (instance.state, instance.end_reason) == (S.STOPPED, EndReason.SCALED_DOWN)
