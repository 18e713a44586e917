"""The kit itself: before anything is believed that the tests say with its help."""

import socket
import subprocess

import pytest

from tests.integration.kit import USER, SlurmKit
from tests.integration.kit.processes import kill_leftovers
from tests.waiting import wait_until

SCRIPT = """#!/bin/bash -l
echo "$SLURMD_NODENAME $CUDA_VISIBLE_DEVICES $(id -un)"
exec sleep 600
"""


def submit(slurm: SlurmKit, *options: str) -> str:
    done = slurm.login.run(" ".join(["sbatch --parsable -o $HOME/out.%j", *options]), stdin=SCRIPT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def running(slurm: SlurmKit, job_id: str) -> dict[str, str]:
    wait_until(lambda: slurm.job(job_id)["state"] == "RUNNING", what=f"job {job_id} runs")
    return slurm.job(job_id)


def test_a_job_submitted_over_ssh_runs_on_a_node_with_the_gpus_it_asked_for(slurm: SlurmKit):
    job_id = submit(slurm, "--gres=gpu:2")

    job = running(slurm, job_id)

    assert (job["user"], job["node"]) == (USER, "gpu1")
    output = slurm.home / f"out.{job_id}"
    wait_until(lambda: output.exists() and output.read_text(), what="the job's output")
    assert output.read_text() == f"gpu1 0,1 {USER}\n"


def test_a_job_waits_for_resources_while_another_user_fills_the_nodes(slurm: SlurmKit):
    fillers = slurm.sbatch_filler()
    job_id = submit(slurm, "--gres=gpu:1")

    wait_until(lambda: slurm.job(job_id)["reason"] == "Resources", what="Slurm names the reason")
    assert slurm.job(job_id)["state"] == "PENDING"

    slurm.scancel(*fillers)
    running(slurm, job_id)


def test_node_names_resolve_to_loopback_addresses_of_their_own(slurm: SlurmKit):
    addresses = {socket.gethostbyname(name) for name in slurm.nodes}

    assert len(addresses) == 3
    assert all(address.startswith("127.0.1.") for address in addresses)


def test_a_paused_controller_answers_nobody_and_a_resumed_one_does(slurm: SlurmKit):
    slurm.pause_controller()
    with pytest.raises(subprocess.TimeoutExpired):
        slurm.daemons.run("squeue", timeout_s=1)

    slurm.resume_controller()
    assert slurm.squeue(USER) is not None
    assert slurm.live_jobs() == []


def test_a_killed_controller_comes_back_with_its_jobs(slurm: SlurmKit):
    job_id = submit(slurm)
    running(slurm, job_id)

    slurm.wait_until_saved(job_id)
    slurm.kill_controller()
    slurm.start_controller()

    wait_until(slurm.daemons.node_states, what="the controller answers")
    assert slurm.job(job_id)["state"] == "RUNNING"


def test_a_crashed_node_takes_its_processes_along_while_slurm_still_says_running(slurm: SlurmKit):
    job_id = submit(slurm, "--nodelist=gpu2")
    running(slurm, job_id)
    # Slurm says RUNNING before the step daemon has come to rest where the kit looks for it.
    output = slurm.home / f"out.{job_id}"
    wait_until(lambda: output.exists() and output.read_text(), what="the script runs")
    assert slurm.daemons.node_pids("gpu2")

    slurm.node_kill("gpu2")

    assert not slurm.daemons.node_pids("gpu2")
    assert slurm.job(job_id)["state"] == "RUNNING"
    slurm.start_node("gpu2")


def test_leftovers_of_a_killed_run_are_ended_and_others_are_not(tmp_path):
    conf = tmp_path / "slurm.conf"
    with (
        subprocess.Popen(["sleep", "600"], env={"SLURM_CONF": str(conf)}) as leftover,
        subprocess.Popen(["sleep", "600"], env={"SLURM_CONF": f"{conf}.other"}) as bystander,
    ):
        try:
            kill_leftovers(tmp_path)
            assert leftover.wait(5) == -9
            assert bystander.poll() is None
        finally:
            bystander.kill()
