"""What Slurm does to a running job: requeue it under its id, or lose its node without a word."""

import subprocess
import time
from contextlib import suppress

from tests.gateway_process import Gateway
from tests.integration.kit import SlurmKit
from tests.integration.serving import only_job, refusal, wait_until_served
from tests.waiting import wait_until


def test_a_requeue_leaves_the_model_with_one_job_that_serves(slurm: SlurmKit, gateway: Gateway):
    wait_until_served(gateway)
    job_id = only_job(slurm)["id"]

    slurm.daemons.run("scontrol", "requeue", job_id)
    wait_until(lambda: slurm.job(job_id)["state"] in ("PENDING", "CANCELLED"), 20, "it is queued")
    # Slurm holds a requeued job back for two minutes. Either the gateway waits for that one, or
    # another has taken its place by now and it is ended.
    with suppress(subprocess.CalledProcessError):
        slurm.daemons.run("scontrol", "update", f"JobId={job_id}", "StartTime=now")
    wait_until_served(gateway)
    wait_until(lambda: len(slurm.live_jobs()) == 1, 8, "one job")
    wait_until_served(gateway)


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
