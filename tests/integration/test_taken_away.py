"""What Slurm does to a running job: requeue it under its id, or lose its node without a word."""

import time

import pytest

from tests.gateway_process import Gateway
from tests.integration.kit import SlurmKit
from tests.integration.serving import MODEL, only_job, refusal, wait_until_served
from tests.waiting import wait_until


@pytest.mark.xfail(
    strict=True,
    reason="the drain makes the planner launch another job, and the requeued one is kept as well",
)
def test_a_requeue_leaves_the_model_with_one_job_that_serves(slurm: SlurmKit, gateway: Gateway):
    wait_until_served(gateway)
    job_id = only_job(slurm)["id"]

    slurm.daemons.run("scontrol", "requeue", job_id)
    wait_until(lambda: gateway.model(MODEL)["state"] != "ready", what="the gateway noticed")
    # Slurm itself holds a requeued job back for two minutes (BeginTime): either it waits for that
    # one, or another takes its place and it is ended.
    wait_until(lambda: refusal(gateway) is None, 150, f"{MODEL} serves")
    wait_until(lambda: len(slurm.live_jobs()) == 1, 8, "one job")
    wait_until_served(gateway)


@pytest.mark.xfail(
    strict=True,
    reason="no instance is taken out of rotation for lost heartbeats or failed requests",
)
def test_a_dead_node_is_out_of_rotation_within_five_seconds(slurm: SlurmKit, gateway: Gateway):
    wait_until_served(gateway)
    job = only_job(slurm)

    slurm.node_kill(job["node"])
    died = time.monotonic()

    def told() -> bool:
        said = refusal(gateway)
        return said is not None and said.status == 503

    wait_until(told, 6, "the model is told to be away")
    assert time.monotonic() - died < 5
    assert slurm.job(job["id"])["state"] == "RUNNING"
