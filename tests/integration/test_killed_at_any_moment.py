"""kill -9 of the whole gateway, at twenty moments: there are never two jobs for one model.

The moments are seeded, so that a failure can be had again. They are what these tests vary, not a
way to wait for anything.
"""

import random
import threading
import time
from contextlib import suppress

import openai
import pytest

from tests.gateway_process import Gateway
from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.serving import (
    ASK_EVERY_S,
    MESSAGES,
    MODEL,
    only_job,
    refusal,
    refusal_where,
    simulated,
    wait_until_served,
)
from tests.waiting import wait_until

CHANCE = random.Random(20261120)
# From the first request over the intent, ssh, sbatch, the claim and the engine's start to ready:
# all of that takes about two seconds here.
LAUNCH_MOMENTS_S = [round(0.16 * step + CHANCE.uniform(0, 0.16), 2) for step in range(12)]
SERVING_MOMENTS_S = [round(CHANCE.uniform(0, 1.5), 2) for _ in range(8)]
# Two ticks and a look at the cluster: time enough for a gateway to start a twin.
WATCH_S = 3.0
QUEUED = "test-org/Queued-1B"


def assert_no_twins(slurm: SlurmKit, models: int = 1) -> None:
    jobs = slurm.live_jobs()
    assert len({job["name"] for job in jobs}) == len(jobs) <= models, jobs


def watch(slurm: SlurmKit, gateway: Gateway, *models: str) -> None:
    """Keep asking for the models for a while; at any time each of them has at most one job."""
    until = time.monotonic() + WATCH_S

    def over() -> bool:
        for model in models:
            refusal(gateway, model)
        assert_no_twins(slurm, len(models))
        time.sleep(ASK_EVERY_S)
        return time.monotonic() > until

    wait_until(over, WATCH_S + 10)


@pytest.mark.parametrize("moment_s", LAUNCH_MOMENTS_S)
def test_a_launch_cut_short_is_taken_up_and_never_doubled(
    slurm: SlurmKit, gateway: Gateway, moment_s: float
):
    assert refusal(gateway) is not None
    time.sleep(moment_s)
    gateway.kill9()

    gateway.start()
    watch(slurm, gateway, MODEL)

    if not slurm.live_jobs():
        # Killed between intent and sbatch: the intent waits for a job that may yet appear.
        assert gateway.model(MODEL)["state"] == "submitting"
        return
    job_id = only_job(slurm)["id"]
    wait_until_served(gateway)
    assert only_job(slurm)["id"] == job_id


def test_kills_while_one_model_streams_and_another_is_queued_double_neither(
    slurm: SlurmKit, new_gateway: GatewayMaker
):
    gateway = new_gateway([simulated(slurm), simulated(slurm, name=QUEUED)])
    gateway.start()
    wait_until_served(gateway)
    serving = only_job(slurm)["id"]
    fillers = slurm.sbatch_filler(slurm.gpus - 1)
    refusal_where(gateway, "pending", model=QUEUED)
    before = {job["id"] for job in slurm.live_jobs()}

    for moment_s in SERVING_MOMENTS_S:
        stream = threading.Thread(target=read_stream, args=[gateway], daemon=True)
        stream.start()
        time.sleep(moment_s)
        gateway.kill9()
        stream.join(10)
        gateway.start()
        assert_no_twins(slurm, models=2)
        wait_until_served(gateway, timeout_s=10)
        assert refusal(gateway, QUEUED) is not None
        assert {job["id"] for job in slurm.live_jobs()} == before

    watch(slurm, gateway, MODEL, QUEUED)
    slurm.scancel(*fillers)
    wait_until_served(gateway, QUEUED)
    assert {job["id"] for job in slurm.live_jobs()} == before
    assert slurm.job(serving)["state"] == "RUNNING"


def read_stream(gateway: Gateway) -> None:
    """A stream that outlasts every moment; it ends with the gateway's death."""
    with suppress(openai.APIError, OSError):
        for _ in gateway.client().chat.completions.create(
            model=MODEL,
            messages=MESSAGES,
            max_tokens=1000,
            stream=True,
            extra_body={"simulator": {"tokens_per_second": 20, "answer_tokens": 1001}},
        ):
            pass


def test_a_queued_job_is_adopted_with_its_place_in_the_queue(slurm: SlurmKit, gateway: Gateway):
    fillers = slurm.sbatch_filler()
    refusal_where(gateway, "pending")
    job = only_job(slurm)

    gateway.restart()

    said = refusal_where(gateway, "pending")
    assert said.members["job_id"] == job["id"]
    watch(slurm, gateway, MODEL)
    slurm.scancel(*fillers)
    wait_until_served(gateway)
    assert only_job(slurm)["id"] == job["id"]
