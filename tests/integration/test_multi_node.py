"""One engine over several GPUs and nodes, on real Slurm: all ranks serve, or the job ends."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.gateway_process import Gateway
from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.kit.processes import environment_of, kit_pids
from tests.integration.serving import MODEL, chat, only_job, simulated, wait_until_served
from tests.integration.test_hostile_words import bait, bait_lines
from tests.integration.test_hostile_words import canaries as careless_canaries
from tests.waiting import wait_until

canaries = careless_canaries
KEY_VARIABLE = "VLLM_API_KEY"


@pytest.fixture
def spread(slurm: SlurmKit, new_gateway: GatewayMaker) -> Gateway:
    """A gateway whose one model wants all GPUs of all three nodes, and serves."""
    gateway = new_gateway([simulated(slurm, nodes=3, gpus=6, cpus=2)])
    gateway.start()
    wait_until_served(gateway)
    return gateway


def ranks_of(slurm: SlurmKit, job_id: str) -> dict[str, int]:
    """Node and process id of each rank of the job's engine."""
    found = {}
    for pid in kit_pids(slurm.folder):
        environment = environment_of(pid)
        if environment.get("SLURM_JOB_ID") == job_id and is_engine(pid):
            found[environment["SLURMD_NODENAME"]] = pid
    return found


def is_engine(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"slurm.simulator" in words and words[0].endswith(b"python3")


def processes_of(slurm: SlurmKit, job_id: str) -> list[int]:
    pids = kit_pids(slurm.folder)
    return [pid for pid in pids if environment_of(pid).get("SLURM_JOB_ID") == job_id]


def wait_until_nothing_is_left(slurm: SlurmKit, job_id: str, timeout_s: float = 20) -> None:
    wait_until(lambda: not processes_of(slurm, job_id), timeout_s, f"no process of job {job_id}")


def log_of(slurm: SlurmKit, job: dict[str, str]) -> str:
    instance_id = job["name"].removeprefix("kscope-")
    return (slurm.home / f".kscope/logs/{instance_id}.log").read_text()


def told(slurm: SlurmKit, job_id: str) -> str:
    """All that Slurm shows of a job and of its steps."""
    verbs = (("show", "job", "-dd"), ("show", "step"))
    return "".join(slurm.login.run(f"scontrol {' '.join(v)} {job_id}").stdout for v in verbs)


def test_a_model_of_three_nodes_answers_with_a_rank_on_each(slurm: SlurmKit, spread: Gateway):
    job = only_job(slurm)

    shown = slurm.daemons.run("squeue", "-h", "-j", job["id"], "-o", "%D %N %b").stdout
    assert shown.split() == ["3", "gpu[1-3]", "gres:gpu:2"]
    ranks = ranks_of(slurm, job["id"])
    assert sorted(ranks) == sorted(slurm.nodes)
    log = log_of(slurm, job)
    assert re.search(r"0: INFO rank 0 of 3 on gpu1", log)
    assert sorted(re.findall(r"0: INFO rank (\d) on (gpu\d) is there", log)) == [
        ("1", "gpu2"),
        ("2", "gpu3"),
    ]
    for pid in ranks.values():
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        assert argv[argv.index("--tensor-parallel-size") + 1] == "2"
        assert argv[argv.index("--pipeline-parallel-size") + 1] == "3"
        assert environment_of(pid)["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert chat(spread)


def test_the_engines_key_reaches_every_rank_and_stands_in_no_command_line(
    slurm: SlurmKit, spread: Gateway
):
    job_id = only_job(slurm)["id"]

    keys = {environment_of(pid)[KEY_VARIABLE] for pid in ranks_of(slurm, job_id).values()}
    assert len(keys) == 1
    (key,) = keys
    assert key
    assert key not in told(slurm, job_id)
    for pid in processes_of(slurm, job_id):
        assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_what_is_typed_reaches_every_rank_and_no_shell_on_any_node(
    slurm: SlurmKit, new_gateway: GatewayMaker, canaries: Path
):
    path, text = f"/models/{bait(canaries)}", bait_lines(canaries)
    model = simulated(slurm, nodes=3, gpus=3, path=path, engine_args={"chat-template": text})
    model["env"] |= {"KSCOPE_TEST_TEXT": text}
    gateway = new_gateway([model])
    gateway.start()

    wait_until_served(gateway)

    ranks = ranks_of(slurm, only_job(slurm)["id"])
    assert len(ranks) == 3
    for pid in ranks.values():
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        assert argv[argv.index("--model") + 1] == path
        assert argv[argv.index("--chat-template") + 1] == text
        assert environment_of(pid)["KSCOPE_TEST_TEXT"] == text
    assert list(canaries.iterdir()) == []


def test_when_one_rank_dies_the_job_ends_with_the_cause_in_words(slurm: SlurmKit, spread: Gateway):
    job = only_job(slurm)
    rank = ranks_of(slurm, job["id"])["gpu3"]

    os.kill(rank, signal.SIGKILL)

    wait_until(lambda: slurm.job(job["id"])["state"] == "FAILED", 20, "the job has failed")
    wait_until_nothing_is_left(slurm, job["id"])
    log = log_of(slurm, job)
    assert "kscope: the engine ended: exit code" in log
    assert "gpu3: task 2: Killed" in log
    wait_until(lambda: "the engine ended: exit code" in instances(spread), 10, "it is told")
    wait_until_served(spread, timeout_s=60)
    assert only_job(slurm)["id"] != job["id"]


def instances(gateway: Gateway) -> str:
    return gateway.cli("models", "list", "--json")


def test_a_rank_that_leaves_in_peace_ends_the_others_too(slurm: SlurmKit, spread: Gateway):
    job = only_job(slurm)
    ranks = ranks_of(slurm, job["id"])

    # As with vLLM: a headless rank whose GPU process is lost exits with 0, and the others do not
    # notice before a collective operation times out.
    for node in ("gpu1", "gpu3"):
        os.kill(ranks[node], signal.SIGSTOP)
    os.kill(ranks["gpu2"], signal.SIGTERM)

    wait_until(lambda: slurm.job(job["id"])["state"] == "FAILED", 20, "the job has failed")
    wait_until_nothing_is_left(slurm, job["id"])
    assert "srun: First task exited 5s ago" in log_of(slurm, job)


def test_scancel_leaves_no_process_on_any_node(slurm: SlurmKit, spread: Gateway):
    job_id = only_job(slurm)["id"]
    assert len(processes_of(slurm, job_id)) >= 4

    slurm.scancel(job_id)

    wait_until_nothing_is_left(slurm, job_id)
    wait_until(lambda: slurm.job(job_id)["state"] == "CANCELLED", 10, "Slurm has seen its end")


def test_a_drain_finishes_what_is_in_flight_and_leaves_no_process(slurm: SlurmKit, spread: Gateway):
    job_id = only_job(slurm)["id"]
    stream = spread.client().chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Grüße"}],
        max_tokens=60,
        stream=True,
        extra_body={"simulator": {"tokens_per_second": 15, "answer_tokens": 60}},
    )
    first = next(iter(stream))
    assert first.choices

    spread.cli("models", "drain", MODEL)

    chunks = list(stream)
    assert chunks[-1].choices[0].finish_reason == "length"
    wait_until_nothing_is_left(slurm, job_id)
    wait_until(lambda: slurm.job(job_id)["state"] == "COMPLETED", 10, "Slurm has seen its end")


def test_a_model_of_two_gpus_on_one_node_sees_both_and_shares_every_layer(
    slurm: SlurmKit, new_gateway: GatewayMaker
):
    gateway = new_gateway([simulated(slurm, gpus=2)])
    gateway.start()
    wait_until_served(gateway)

    job = only_job(slurm)
    ((node, pid),) = ranks_of(slurm, job["id"]).items()
    argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    assert node == job["node"]
    assert argv[argv.index("--tensor-parallel-size") + 1] == "2"
    assert environment_of(pid)["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert chat(gateway)
