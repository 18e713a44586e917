"""What Slurm does to a running job while clients ask: preempt, requeue, cancel, lose its node."""

import os
import signal
import time
from collections.abc import Mapping

import requests

from slurm.script import instance_id_of
from tests.gateway_process import Gateway
from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.serving import (
    ASK_EVERY_S,
    MODEL,
    engine_of,
    only_job,
    refusal,
    simulated,
    wait_until_served,
)
from tests.integration.timeline import ended, failed_launches
from tests.traffic import Asking, Failure, Traffic
from tests.waiting import wait_until
from web.config import Settings
from web.fleet.launch import worker_token
from web.fleet.states import EndReason
from web.secrets import Secrets

# A client that waits for as long as it takes, by nothing but its own retries.
PATIENT = Asking(streams=0.5, stream_s=(1, 3), max_retries=100)
ALONE = Asking(streams=0.5, stream_s=(1, 3), max_retries=0)
PARALLEL = 4
EJECTED_S = 5.0


def cut_streams(traffic: Traffic, between: tuple[float, float]) -> list[Failure]:
    """The failures, each of which must be a stream that was under way when its job was taken.

    Whatever had not begun to answer could be asked again, and must not have failed.
    """
    began, over = between
    for failure in traffic.failures:
        assert failure.is_stream, traffic.words()
        assert failure.had_begun, traffic.words()
        assert failure.asked_at < over, traffic.words()
        assert failure.at > began, traffic.words()
    return traffic.failures


def wait_until_taken_over(slurm: SlurmKit, traffic: Traffic, old: str, timeout_s: float) -> None:
    """Until another run serves than `old`, the instance that served first, and serves alone."""

    def taken_over() -> bool:
        time.sleep(ASK_EVERY_S)
        return traffic.instances[-1] != old and len(slurm.live_jobs()) == 1

    wait_until(taken_over, timeout_s, "another serves, alone")
    traffic.wait_for(2 * PARALLEL)


def forwarded_in_vain(gateway: Gateway, instance_id: str | None) -> int:
    """How often the data path has said that the instance did not answer."""
    lines = gateway.log_text().splitlines()
    return sum("openai_proxy.forwarding" in line and str(instance_id) in line for line in lines)


def report(gateway: Gateway, instance_id: str, job_id: str, **changes: object) -> int:
    """The status that a callback in that instance's name gets."""
    token = worker_token(Secrets(Settings.from_env(gateway.env).data_dir), instance_id)
    body: Mapping[str, object] = {
        "instance_id": instance_id,
        "slurm_job_id": job_id,
        "restart_count": 0,
        "sequence": 10_000,
        "event": "heartbeat",
        **changes,
    }
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{gateway.base_url}/worker_callback"
    return requests.post(url, json=body, headers=headers, timeout=10).status_code


def test_a_preempted_job_is_replaced_within_its_grace_and_no_request_fails(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    job = only_job(slurm)

    with Traffic(gateway, MODEL, PARALLEL, ALONE) as traffic:
        traffic.wait_for(PARALLEL)
        old = traffic.instances[0]
        urgent = slurm.sbatch_urgent(job["node"])
        wait_until_taken_over(slurm, traffic, old, 40)
        wait_until(lambda: slurm.job(urgent)["state"] == "RUNNING", 30, "the urgent job runs")

    assert not traffic.failures, traffic.words()
    assert only_job(slurm)["id"] != job["id"]
    assert failed_launches(ended(gateway, MODEL)) == []


def test_requeue_under_the_same_job_id_is_a_new_epoch_and_old_callbacks_are_void(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    job_id = only_job(slurm)["id"]

    with Traffic(gateway, MODEL, PARALLEL, PATIENT) as traffic:
        traffic.wait_for(PARALLEL)
        old, requeued_at = traffic.instances[0], time.monotonic()
        slurm.daemons.run("scontrol", "requeue", job_id)
        wait_until(lambda: slurm.job(job_id)["state"] in ("PENDING", "CANCELLED"), 20, "queued")
        # Either the gateway waits for this one, or another has taken its place by now.
        slurm.release(job_id)
        gone_at = time.monotonic()
        served = traffic.counts.served
        wait_until(lambda: len(slurm.live_jobs()) == 1, 30, "one job")
        wait_until(lambda: traffic.counts.served > served + 2 * PARALLEL, 60, "it serves again")

        job = only_job(slurm)
        for event in ("ready", "ended", "draining", "heartbeat"):
            assert report(gateway, old, job_id, event=event, port=1) in (200, 409, 410)
        traffic.wait_for(2 * PARALLEL)

    assert len(cut_streams(traffic, (requeued_at, gone_at))) <= PARALLEL
    assert only_job(slurm)["id"] == job["id"]
    assert failed_launches(ended(gateway, MODEL)) == []


def test_scancel_by_hand_ends_one_job_and_a_client_with_retries_sees_the_next(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    job = only_job(slurm)

    with Traffic(gateway, MODEL, PARALLEL, PATIENT) as traffic:
        traffic.wait_for(PARALLEL)
        old, cancelled_at = traffic.instances[0], time.monotonic()
        slurm.scancel(job["id"])
        wait_until(lambda: slurm.job(job["id"])["state"] == "CANCELLED", 20, "it is cancelled")
        gone_at = time.monotonic()
        wait_until_taken_over(slurm, traffic, old, 60)

    # Slurm's TERM reaches the engine, which gives up what it is at; nothing else is lost.
    assert len(cut_streams(traffic, (cancelled_at, gone_at))) <= PARALLEL
    assert only_job(slurm)["id"] != job["id"]
    (gone,) = ended(gateway, MODEL)
    assert gone.job_id == job["id"]
    assert failed_launches((gone,)) == []


def test_a_dead_node_is_out_of_rotation_within_five_seconds(slurm: SlurmKit, gateway: Gateway):
    wait_until_served(gateway)
    job = only_job(slurm)

    slurm.node_kill(job["node"])
    died = time.monotonic()

    def told() -> bool:
        said = refusal(gateway)
        return said is not None and said.status == 503

    wait_until(told, 6, "the model is told to be away")
    assert time.monotonic() - died < EJECTED_S
    assert slurm.job(job["id"])["state"] == "RUNNING"


def test_node_dead_until_slurm_gives_it_up_and_requeues_its_job_one_job_serves_again(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    job = only_job(slurm)
    slurm.node_kill(job["node"])

    slurm.give_up_node(job["node"])
    wait_until(lambda: slurm.job(job["id"])["state"] != "RUNNING", 20, "Slurm takes it back")
    slurm.release(job["id"])

    with Traffic(gateway, MODEL, PARALLEL, PATIENT) as traffic:
        traffic.wait_for(2 * PARALLEL, 60)
        wait_until(lambda: len(slurm.live_jobs()) == 1, 30, "one job")
        traffic.wait_for(2 * PARALLEL)
    assert not traffic.failures, traffic.words()
    assert failed_launches(ended(gateway, MODEL)) == []


def test_oom_kill_9_of_the_engine_is_told_with_its_cause_and_the_next_launch_serves(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    job = only_job(slurm)

    with Traffic(gateway, MODEL, PARALLEL, PATIENT) as traffic:
        traffic.wait_for(PARALLEL)
        old, killed_at = traffic.instances[0], time.monotonic()
        os.kill(engine_of(slurm, job["id"]), signal.SIGKILL)
        wait_until(lambda: ended(gateway, MODEL), EJECTED_S, "its end is recorded")
        gone_at = time.monotonic()
        assert refusal(gateway) is not None
        wait_until_taken_over(slurm, traffic, old, 60)

    assert len(cut_streams(traffic, (killed_at, gone_at))) <= PARALLEL
    (gone,) = ended(gateway, MODEL)
    assert gone.end_reason is EndReason.CRASHED
    assert "the engine ended: SIGKILL" in gone.detail


def test_a_dead_node_costs_only_the_streams_it_was_at_while_another_instance_serves(
    slurm: SlurmKit, new_gateway: GatewayMaker
):
    # Both GPUs of a node for each, so that they are on two nodes.
    gateway = new_gateway([simulated(slurm, gpus=2, min_instances=2, max_instances=2)])
    gateway.start()
    wait_until(lambda: gateway.model(MODEL)["ready_instances"] == 2, 30, "two are ready")
    victim, other = slurm.live_jobs()
    assert victim["node"] != other["node"]
    dead = instance_id_of(victim["name"])

    stock = Asking(streams=0.3, stream_s=(1, 3), max_retries=2)
    with Traffic(gateway, MODEL, 2 * PARALLEL, stock) as traffic:
        wait_until(lambda: len(traffic.instances) == 2, 20, "both serve")
        died_at = time.monotonic()
        slurm.node_kill(victim["node"])
        wait_until(lambda: time.monotonic() > died_at + EJECTED_S, EJECTED_S + 1)
        tries = forwarded_in_vain(gateway, dead)
        traffic.wait_for(6 * PARALLEL)
        assert forwarded_in_vain(gateway, dead) == tries

    cut = cut_streams(traffic, (died_at, died_at + EJECTED_S))
    assert tries or cut, "nothing was asked of the dead one"
    assert {failure.instance for failure in cut} <= {dead}, traffic.words()
    assert len(cut) <= 2 * PARALLEL
    # Slurm itself does not know yet, and nothing was ended for it.
    assert slurm.job(victim["id"])["state"] == "RUNNING"
