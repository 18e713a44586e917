"""What must not end a job or a stream: the gateway's death, Slurm's silence, the login node's."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.gateway_process import Gateway
from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.kit.login import make_key, write_known_hosts
from tests.integration.kit.slurm_kit import OVER
from tests.integration.serving import (
    MESSAGES,
    MODEL,
    only_job,
    refusal,
    wait_until_served,
)
from tests.traffic import Traffic
from tests.waiting import wait_until

PARALLEL = 4
SLURMCTLD_STOPPED_S = 30.0
SSHD_STOPPED_S = 60.0
# sbatch gives up after ten seconds without an answer, and the job may exist all the same.
SBATCH_GIVES_UP_S = 12

# What the gateway logs for each look at the cluster that failed.
NO_VIEW = "no view of cluster"


def instance_serving(gateway: Gateway) -> str:
    """Which instance answers just now, by the header of a relayed answer."""
    answer = gateway.client().chat.completions.with_raw_response.create(
        model=MODEL, messages=MESSAGES, max_tokens=1
    )
    return answer.headers["x-kscope-instance"]


def is_ready(gateway: Gateway) -> bool:
    return gateway.status("/ready") == 200


def assert_nothing_came_or_went(slurm: SlurmKit, before: Sequence[Mapping[str, str]]) -> None:
    """The same jobs live as before, and none was submitted. Slurm forgets others by the minute."""
    after = slurm.squeue()
    known = {job["id"] for job in before}
    assert [job for job in after if job["id"] not in known] == []
    assert [job for job in after if job["state"] not in OVER] == [
        job for job in before if job["state"] not in OVER
    ]


def stream_for(gateway: Gateway, seconds: float) -> str:
    """The finish reason of a stream that lasts about that long."""
    speed = 5
    chunks = gateway.client().chat.completions.create(
        model=MODEL,
        messages=MESSAGES,
        max_tokens=int(seconds * speed),
        stream=True,
        extra_body={
            "simulator": {"tokens_per_second": speed, "answer_tokens": int(seconds * speed) + 1}
        },
    )
    return [c.choices[0].finish_reason for c in chunks if c.choices][-1]


def test_a_gateway_killed_and_started_again_adopts_the_running_job(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    job, instance = only_job(slurm), instance_serving(gateway)

    gateway.restart()

    wait_until_served(gateway, timeout_s=10)
    assert instance_serving(gateway) == instance
    assert only_job(slurm) == job


def test_a_graceful_stop_ends_all_processes_and_leaves_the_jobs_running(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    job = only_job(slurm)

    assert gateway.stop() == 0

    assert gateway.pids() == []
    assert only_job(slurm) == job
    gateway.start()
    wait_until_served(gateway, timeout_s=10)
    assert only_job(slurm) == job


def test_slurmctld_stopped_ends_and_launches_nothing_and_no_request_fails(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    jobs, instance = slurm.squeue(), instance_serving(gateway)
    wait_until(lambda: is_ready(gateway), what="/ready before")

    with Traffic(gateway, MODEL, PARALLEL) as traffic, ThreadPoolExecutor(1) as pool:
        slurm.pause_controller()
        silent_until = time.monotonic() + SLURMCTLD_STOPPED_S
        stream = pool.submit(stream_for, gateway, SLURMCTLD_STOPPED_S)
        wait_until(lambda: not is_ready(gateway), 30, "/ready tells that the cluster is away")
        served = traffic.counts.served
        wait_until(lambda: time.monotonic() > silent_until, SLURMCTLD_STOPPED_S + 1)
        assert traffic.counts.served > served + SLURMCTLD_STOPPED_S / 2, traffic.words()
        slurm.resume_controller()
        assert stream.result(30) == "length"
        wait_until(lambda: is_ready(gateway), 40, "/ready again")
        traffic.wait_for(PARALLEL)

    assert not traffic.failures, traffic.words()
    assert traffic.instances == [instance]
    assert_nothing_came_or_went(slurm, jobs)


def test_an_sbatch_that_nobody_answered_ends_in_one_job(slurm: SlurmKit, gateway: Gateway):
    wait_until(lambda: is_ready(gateway), what="a first look at the cluster")
    earlier = {job["id"] for job in slurm.squeue()}

    slurm.pause_controller()
    assert refusal(gateway) is not None
    asleep_until = time.monotonic() + SBATCH_GIVES_UP_S
    wait_until(lambda: time.monotonic() > asleep_until, SBATCH_GIVES_UP_S + 1)
    slurm.resume_controller()

    wait_until_served(gateway, timeout_s=60)
    assert {job["id"] for job in slurm.squeue()} - earlier == {only_job(slurm)["id"]}


def test_sshd_stopped_ends_and_launches_nothing_and_no_request_fails(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    jobs, instance = slurm.squeue(), instance_serving(gateway)

    with Traffic(gateway, MODEL, PARALLEL) as traffic:
        slurm.kill_sshd()
        away_until = time.monotonic() + SSHD_STOPPED_S
        wait_until(lambda: not is_ready(gateway), 60, "/ready tells that the login node is away")
        wait_until(lambda: time.monotonic() > away_until, SSHD_STOPPED_S + 1)
        # More failed looks than it takes successful ones without a job to give the job up.
        assert gateway.log_text().count(NO_VIEW) >= 4
        slurm.start_sshd()
        wait_until(lambda: is_ready(gateway), 70, "/ready again")
        traffic.wait_for(PARALLEL)

    assert not traffic.failures, traffic.words()
    assert traffic.counts.served > SSHD_STOPPED_S, traffic.words()
    assert traffic.instances == [instance]
    assert_nothing_came_or_went(slurm, jobs)


def test_a_wrong_host_key_is_refused_before_login_and_told_by_ready(
    slurm: SlurmKit, new_gateway: GatewayMaker, tmp_path
):
    make_key(tmp_path / "another_key")
    known_hosts = tmp_path / "known_hosts"
    write_known_hosts(known_hosts, slurm.ssh_port, tmp_path / "another_key")
    logins = slurm.login.daemon.log_text().count("Accepted")
    gateway = new_gateway(env={"SSH_KNOWN_HOSTS_FILE": str(known_hosts)})
    gateway.start()

    wait_until(lambda: "host key" in gateway.get("/ready")[1].lower(), what="/ready tells it")

    assert gateway.status("/ready") == 503
    assert refusal(gateway) is not None
    assert slurm.login.daemon.log_text().count("Accepted") == logins
    assert slurm.live_jobs() == []
