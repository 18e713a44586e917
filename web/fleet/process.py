"""The fleet process put together: the only place where the gateway opens a cluster."""

import os
import signal
import threading

from slurm.cluster import Cluster, SlurmCluster
from slurm.local import LocalCluster
from slurm.shell import LocalShell
from web.catalog.file import CatalogFile
from web.config import ClusterKind, Settings
from web.database import Database
from web.demand.store import DemandStore
from web.fleet.launch import SpecWriter
from web.fleet.policy import Policy
from web.fleet.reconciler import Reconciler
from web.fleet.store import FleetStore
from web.fleet.ticker import LOCK_LIFE_S, Ticker, holder_name, run
from web.lock.store import FleetLock
from web.logs import configure_logging
from web.secrets import Secrets


def open_cluster(settings: Settings) -> Cluster:
    if settings.cluster is ClusterKind.LOCAL:
        return LocalCluster(settings.data_dir / "jobs")
    if settings.ssh_host is None:
        return SlurmCluster(LocalShell(), name="slurm")
    # Only here: paramiko is a heavy import that a cluster without SSH can do without.
    from slurm.ssh import SSHShell

    if settings.ssh_username is None:
        raise ValueError("SSH_USERNAME is required with SSH_HOST")
    shell = SSHShell(
        settings.ssh_host,
        settings.ssh_port,
        settings.ssh_username,
        settings.ssh_key_file,
        settings.ssh_known_hosts_file,
    )
    return SlurmCluster(shell, name=settings.ssh_host)


def build_ticker(settings: Settings, cluster: Cluster) -> Ticker:
    database = Database(settings.database_url)
    clock = database.clock()
    lock = FleetLock(database, holder_name(), LOCK_LIFE_S)
    reconciler = Reconciler(
        cluster,
        FleetStore(database, lock),
        DemandStore(database),
        CatalogFile.for_settings(settings),
        SpecWriter(settings, Secrets(settings.data_dir)),
        clock,
        Policy(),
    )
    return Ticker(database, lock, reconciler, clock, settings.min_update_interval_s)


def main() -> None:
    settings = Settings.from_env(os.environ)
    configure_logging(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: stop.set())
    cluster = open_cluster(settings)
    try:
        run(build_ticker(settings, cluster), stop)
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
