"""The contract of every Cluster, on this machine's processes and on a recorded Slurm."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm.cluster import Cluster, SlurmCluster
from slurm.local import LocalCluster
from slurm.shell import LocalShell
from slurm.supervisor import kill_members
from tests.contracts.cluster_contract import ClusterContract
from tests.fakes.recordings import RecordingShell, ReplayShell, load, save


class TestLocalCluster(ClusterContract):
    @pytest.fixture
    def cluster(self, tmp_path: Path) -> Iterator[Cluster]:
        cluster = LocalCluster(tmp_path / "local", kill_wait_s=0.5)
        yield cluster
        jobs = cluster.list_jobs()
        for job in jobs:
            cluster.cancel(job.job_id)
        for job in jobs:
            self.wait_for(cluster, job.job_id, *(s for s in type(job.state) if s.is_over))
            kill_members(tmp_path / "local" / "jobs" / job.job_id)
        cluster.close()


class TestSlurmOnRecordings(ClusterContract):
    """Recorded anew against a real Slurm with KSCOPE_RECORD=1 (see tests/recordings/record.py)."""

    @pytest.fixture
    def cluster(self, request: pytest.FixtureRequest) -> Iterator[Cluster]:
        name = "contract-" + re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))
        if "KSCOPE_RECORD" not in os.environ:
            yield SlurmCluster(ReplayShell(load(name)))
            return
        shell = RecordingShell(LocalShell())
        yield SlurmCluster(shell)
        save(name, shell.entries)
