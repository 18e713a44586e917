"""One simulated engine as several processes: all of its ranks, or none."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until

HOST = "127.0.0.1"


class Ranks:
    """Starts ranks of one engine of three nodes, each on a "node" of its own."""

    def __init__(self, folder: Path) -> None:
        self.port, self.master_port = free_port(), free_port()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self._folder = folder

    def start(self, rank: int, *flags: str, gpus: str | None = "0,1") -> None:
        argv = [sys.executable, "-m", "slurm.simulator", "--host", HOST, "--port", str(self.port)]
        argv += ["--nnodes", "3", "--node-rank", str(rank), "--master-addr", HOST]
        argv += ["--master-port", str(self.master_port), "--tensor-parallel-size", "2"]
        argv += ["--pipeline-parallel-size", "3", *(["--headless"] if rank else []), *flags]
        environ = {**os.environ, "SLURMD_NODENAME": f"gpu{rank + 1}"}
        environ |= {} if gpus is None else {"CUDA_VISIBLE_DEVICES": gpus}
        with (self._folder / f"{rank}.log").open("wb") as log:
            self.processes[rank] = subprocess.Popen(argv, env=environ, stdout=log, stderr=log)

    def log(self, rank: int) -> str:
        return (self._folder / f"{rank}.log").read_text()

    def serves(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def exit_code(self, rank: int) -> int:
        return self.processes[rank].wait(15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ranks(tmp_path: Path) -> Iterator[Ranks]:
    made = Ranks(tmp_path)
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait(10)


@pytest.fixture
def serving(ranks: Ranks) -> Ranks:
    for rank in (0, 1, 2):
        ranks.start(rank)
    wait_until(ranks.serves, what="all three are there")
    return ranks


def test_the_first_rank_serves_only_when_all_are_there(ranks: Ranks) -> None:
    ranks.start(2)
    ranks.start(0)
    wait_until(lambda: "rank 2 on gpu3 is there" in ranks.log(0))
    assert not ranks.serves()

    ranks.start(1)

    wait_until(ranks.serves)
    assert "rank 1 on gpu2 is there" in ranks.log(0)
    assert "rank 1 of 3 on gpu2" in ranks.log(1)


def test_when_one_is_lost_all_end_and_the_first_says_which(serving: Ranks) -> None:
    serving.processes[1].kill()

    assert serving.exit_code(0) == 1
    assert "RuntimeError: rank 1 on gpu2 is gone" in serving.log(0)
    assert serving.exit_code(2) == 1
    assert "rank 0 is gone" in serving.log(2)


@pytest.mark.parametrize("rank", [0, 2])
def test_a_rank_that_is_told_to_stop_does(serving: Ranks, rank: int) -> None:
    serving.processes[rank].send_signal(signal.SIGTERM)
    assert serving.exit_code(rank) == 0


@pytest.mark.parametrize(
    ("rank", "flags", "gpus", "words"),
    [
        (0, ["--tensor-parallel-size", "4"], "0,1", "World size (4) is larger than the number"),
        (0, [], "", "available GPUs (0)"),
        (0, ["--pipeline-parallel-size", "1"], None, "must evenly divide the world size (2)"),
        (0, ["--headless"], None, "rank 0 is --headless"),
        (1, ["--node-rank", "3"], None, "between 0 and 2; got 3"),
    ],
)
def test_what_vllm_would_refuse_is_refused(
    ranks: Ranks, rank: int, flags: list[str], gpus: str | None, words: str
) -> None:
    ranks.start(rank, *flags, gpus=gpus)
    assert ranks.exit_code(rank) == 1
    assert words in ranks.log(rank)
