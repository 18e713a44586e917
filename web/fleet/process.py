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
from web.fleet.probing import Prober
from web.fleet.reconciler import Reconciler
from web.fleet.store import FleetStore
from web.fleet.ticker import LOCK_LIFE_S, Ticker, holder_name, run
from web.lock.store import FleetLock
from web.logs import configure_logging
from web.secrets import Secrets

STOP_S = 5.0


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


def build(settings: Settings, cluster: Cluster, policy: Policy) -> tuple[Ticker, Prober]:
    """What ticks, and what asks suspected instances for a token beside it."""
    database = Database(settings.database_url)
    clock = database.clock()
    lock = FleetLock(database, holder_name(), LOCK_LIFE_S)
    store, secrets = FleetStore(database, lock), Secrets(settings.data_dir)
    prober = Prober(store, secrets, clock, policy, leads=lambda: lock.epoch is not None)
    reconciler = Reconciler(
        cluster,
        store,
        DemandStore(database),
        CatalogFile.for_settings(settings),
        SpecWriter(settings, secrets),
        clock,
        policy,
        prober.results,
    )
    return Ticker(database, lock, reconciler, clock, settings.min_update_interval_s), prober


def main(policy: Policy | None = None) -> None:
    """Run until told to stop. Without a `policy` it is the one that fits the settings."""
    settings = Settings.from_env(os.environ)
    policy = policy or Policy.for_heartbeats_every(settings.min_update_interval_s)
    configure_logging(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: stop.set())
    cluster = open_cluster(settings)
    try:
        ticker, prober = build(settings, cluster, policy)
        beside = threading.Thread(target=prober.run, args=(stop,), name="prober", daemon=True)
        beside.start()
        run(ticker, stop)
        beside.join(STOP_S)
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
