"""What must not end a job or a stream: the gateway's death, Slurm's silence, the login node's."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.gateway_process import Gateway
from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.kit.login import make_key, write_known_hosts
from tests.integration.serving import (
    MESSAGES,
    MODEL,
    chat,
    only_job,
    refusal,
    wait_until_served,
)
from tests.waiting import wait_until

SILENCE_S = 15
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


def test_serving_goes_on_while_slurm_is_silent_and_nothing_is_ended_or_launched(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    job, instance = only_job(slurm), instance_serving(gateway)
    wait_until(lambda: is_ready(gateway), what="/ready before")

    slurm.pause_controller()
    with ThreadPoolExecutor(1) as pool:
        stream = pool.submit(stream_for, gateway, SILENCE_S)
        silent_until = time.monotonic() + SILENCE_S
        while time.monotonic() < silent_until:
            assert chat(gateway)
            time.sleep(0.5)
        assert stream.result(30) == "length"
    wait_until(lambda: not is_ready(gateway), what="/ready tells that the cluster is away")
    slurm.resume_controller()

    wait_until(lambda: is_ready(gateway), 30, "/ready again")
    assert instance_serving(gateway) == instance
    assert only_job(slurm) == job


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


def test_serving_goes_on_while_the_login_node_is_away(slurm: SlurmKit, gateway: Gateway):
    wait_until_served(gateway)
    job = only_job(slurm)

    slurm.kill_sshd()
    wait_until(lambda: not is_ready(gateway), 60, "/ready tells that the login node is away")
    # More failed looks than it takes successful ones without a job to give the job up.
    wait_until(lambda: gateway.log_text().count(NO_VIEW) >= 4, 60, "four failed looks")
    assert chat(gateway)
    assert only_job(slurm) == job
    slurm.start_sshd()

    wait_until(lambda: is_ready(gateway), 70, "/ready again")
    assert chat(gateway)
    assert only_job(slurm) == job


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
