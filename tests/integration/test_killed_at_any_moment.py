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
# all of that takes about two seconds here. Three models are asked for, each a little later.
LAUNCHED = tuple(f"test-org/Launched-{number}" for number in range(3))
STAGGER_S = 0.2
LAUNCH_MOMENTS_S = [round(0.2 * step + CHANCE.uniform(0, 0.2), 2) for step in range(8)]
SERVING_MOMENTS_S = [round(CHANCE.uniform(0, 1.5), 2) for _ in range(12)]
QUEUED = "test-org/Queued-1B"
LOOKS_OFTEN = {"MIN_UPDATE_INTERVAL_SECONDS": "0.5"}
# Three looks at the cluster: time enough for a gateway to start a twin.
WATCH_S = 1.5


def live_ids(slurm: SlurmKit, models: int) -> set[str]:
    """The jobs that run or may yet run: no two of one instance, and no more than models."""
    jobs = slurm.live_jobs()
    assert len({job["name"] for job in jobs}) == len(jobs) <= models, jobs
    return {job["id"] for job in jobs}


def watch(slurm: SlurmKit, gateway: Gateway, *models: str) -> None:
    """Once the fleet acts again, keep asking for the models and looking at the queue."""
    gateway.wait_for_fleet()
    until = time.monotonic() + WATCH_S

    def over() -> bool:
        for model in models:
            refusal(gateway, model)
        live_ids(slurm, len(models))
        time.sleep(ASK_EVERY_S)
        return time.monotonic() > until

    wait_until(over, WATCH_S + 10)


@pytest.mark.parametrize("moment_s", LAUNCH_MOMENTS_S)
def test_launches_cut_short_are_taken_up_and_never_doubled(
    slurm: SlurmKit, new_gateway: GatewayMaker, moment_s: float
):
    gateway = new_gateway([simulated(slurm, name=name) for name in LAUNCHED], LOOKS_OFTEN)
    gateway.start()
    for model in LAUNCHED:
        assert refusal(gateway, model) is not None
        time.sleep(STAGGER_S)
    time.sleep(moment_s)
    gateway.kill9()
    before = live_ids(slurm, len(LAUNCHED))

    gateway.start()
    watch(slurm, gateway, *LAUNCHED)

    for model in LAUNCHED:
        # Killed between intent and sbatch, it waits for a job that may yet appear.
        wait_until(
            lambda model=model: gateway.model(model)["state"] in ("submitting", "ready"),
            30,
            f"the launch of {model} is taken up",
        )
    known = {gateway.model(model)["job_id"] for model in LAUNCHED} - {None}
    assert before <= live_ids(slurm, len(LAUNCHED)) == known


def test_kills_while_one_model_streams_and_another_is_queued_double_neither(
    slurm: SlurmKit, new_gateway: GatewayMaker
):
    gateway = new_gateway([simulated(slurm), simulated(slurm, name=QUEUED)], LOOKS_OFTEN)
    gateway.start()
    wait_until_served(gateway)
    serving = only_job(slurm)["id"]
    fillers = slurm.sbatch_filler(slurm.gpus - 1)
    refusal_where(gateway, "pending", model=QUEUED)
    before = live_ids(slurm, 2)

    for kill, moment_s in enumerate(SERVING_MOMENTS_S):
        stream = threading.Thread(target=read_stream, args=[gateway], daemon=True)
        stream.start()
        time.sleep(moment_s)
        gateway.kill9()
        stream.join(10)
        gateway.start()
        wait_until_served(gateway, timeout_s=10)
        assert refusal(gateway, QUEUED) is not None
        if kill % 3 == 2:  # the other kills come before a fleet process has the lock again
            watch(slurm, gateway, MODEL, QUEUED)
        assert live_ids(slurm, 2) == before

    slurm.scancel(*fillers)
    wait_until_served(gateway, QUEUED)
    assert live_ids(slurm, 2) == before
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
