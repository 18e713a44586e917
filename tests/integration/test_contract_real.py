"""The contract of every Cluster, kept by SlurmCluster over SSH on a real slurmctld."""

from collections.abc import Iterator

import pytest

from slurm.cluster import Cluster, SlurmCluster
from slurm.ssh import SSHShell
from tests.contracts.cluster_contract import ClusterContract
from tests.integration.kit import SlurmKit


class TestSlurmOverSsh(ClusterContract):
    keeps_records = False  # the kit's accounting is off; test_accounting.py has one where it is on

    @pytest.fixture
    def cluster(self, slurm: SlurmKit) -> Iterator[Cluster]:
        shell = SSHShell(
            slurm.ssh_host, slurm.ssh_port, slurm.ssh_user, slurm.key_file, slurm.known_hosts_file
        )
        cluster = SlurmCluster(shell)
        yield cluster
        cluster.close()
