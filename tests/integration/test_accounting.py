"""What is told of a job that ended while the gateway was away, once squeue has forgotten it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.kit.accounting import accounting, forgetful
from tests.integration.kit.processes import environment_of, kit_pids
from tests.integration.serving import only_job, wait_until_served
from tests.waiting import wait_until

NO_WORD = "how a job ended that squeue has forgotten will not be known"
UNKNOWN_END = "is no longer known to Slurm"


@pytest.fixture
def forgetful_slurm(slurm: SlurmKit) -> Iterator[SlurmKit]:
    with forgetful(slurm):
        yield slurm


@pytest.fixture
def accounted_slurm(slurm: SlurmKit) -> Iterator[SlurmKit]:
    with accounting(slurm):
        yield slurm


def cancel(slurm: SlurmKit, job_id: str) -> None:
    slurm.scancel(job_id)


def kill_processes(slurm: SlurmKit, job_id: str) -> None:
    for pid in kit_pids(slurm.folder):
        if environment_of(pid).get("SLURM_JOB_ID") == job_id:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def wait_until_forgotten(slurm: SlurmKit, job_id: str) -> None:
    wait_until(
        lambda: all(job["id"] != job_id for job in slurm.squeue()), 30, f"job {job_id} forgotten"
    )


def test_a_job_that_ended_while_the_gateway_was_away_is_told_with_its_true_end(
    accounted_slurm: SlurmKit, new_gateway: GatewayMaker
):
    slurm, gateway = accounted_slurm, new_gateway()
    ends = {cancel: "cancelled Slurm ended job {}: CANCELLED"}
    ends[kill_processes] = "crashed Slurm ended job {}: FAILED"
    for end, words in ends.items():
        gateway.start()
        wait_until_served(gateway)
        job_id = only_job(slurm)["id"]
        gateway.kill9()

        end(slurm, job_id)
        wait_until_forgotten(slurm, job_id)
        gateway.start()

        told = words.format(job_id)
        wait_until(lambda told=told: told in gateway.log_text(), 20, told)
        gateway.kill9()
    assert UNKNOWN_END not in gateway.log_text()
    assert NO_WORD not in gateway.log_text()


def test_without_accounting_two_listings_decide_and_one_line_says_why(
    forgetful_slurm: SlurmKit, new_gateway: GatewayMaker
):
    slurm, gateway = forgetful_slurm, new_gateway()
    gateway.start()
    wait_until_served(gateway)
    job_id = only_job(slurm)["id"]
    gateway.kill9()

    slurm.scancel(job_id)
    wait_until_forgotten(slurm, job_id)
    gateway.start()

    wait_until(lambda: UNKNOWN_END in gateway.log_text(), 20, "the end is told")
    wait_until_served(gateway)
    assert gateway.log_text().count(NO_WORD) == 1
    assert "Slurm accounting storage is disabled" in gateway.log_text()
