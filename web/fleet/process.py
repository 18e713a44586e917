"""The fleet process put together: the only place where the gateway opens a cluster."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from functools import partial

from slurm.cluster import Cluster, SlurmCluster
from slurm.local import LocalCluster
from slurm.shell import LocalShell
from web.catalog.file import CatalogFile
from web.config import ClusterKind, ConfigError, Settings
from web.database import Database
from web.demand.store import DemandStore
from web.fleet.launch import SpecWriter
from web.fleet.log_reading import LogReader
from web.fleet.log_store import LogStore
from web.fleet.policy import Policy
from web.fleet.probing import Prober
from web.fleet.reconciler import Reconciler
from web.fleet.store import FleetStore
from web.fleet.ticker import LOCK_LIFE_S, Ticker, holder_name, run
from web.identity.account_store import AccountStore
from web.identity.directory.opening import open_directory
from web.identity.sync import Sync
from web.identity.sync import run as sync_until_stopped
from web.identity.sync_store import SyncStore
from web.lock.store import FleetLock
from web.logs import configure_logging
from web.secrets import Secrets

STOP_S = 5.0

log = logging.getLogger(__name__)


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


def build(
    settings: Settings, cluster: Cluster, policy: Policy
) -> tuple[Ticker, list[Callable[[threading.Event], None]]]:
    """What ticks, and what runs beside it until an event is set: it asks suspected instances for a
    token, reads logs for administrators, and asks the directory for users who are gone."""
    database = Database(settings.database_url)
    clock = database.clock()
    lock = FleetLock(database, holder_name(), LOCK_LIFE_S)
    store, secrets = FleetStore(database, lock), Secrets(settings.data_dir)
    leads = partial(_leads, lock)
    prober = Prober(store, secrets, clock, policy, leads)
    reader = LogReader(LogStore(database, lock.check), cluster, clock, leads)
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
    ticker = Ticker(database, lock, reconciler, clock, settings.min_update_interval_s)
    return ticker, [prober.run, reader.run, _sync(settings, database, lock)]


def _leads(lock: FleetLock) -> bool:
    return lock.epoch is not None


def _sync(
    settings: Settings, database: Database, lock: FleetLock
) -> Callable[[threading.Event], None]:
    clock = database.clock()
    try:
        directory = open_directory(settings, AccountStore(database), clock)
    except ConfigError as error:
        # The parent has refused to start so; what broke later must not keep the fleet from acting.
        log.error("nobody is asked which users are gone: %s", error)  # noqa: TRY400
        return lambda _: None
    sync = Sync(directory, SyncStore(database, lock.check), clock, lock.holder)
    return partial(sync_until_stopped, sync, partial(_leads, lock))


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
        ticker, companions = build(settings, cluster, policy)
        beside = [threading.Thread(target=each, args=(stop,), daemon=True) for each in companions]
        for thread in beside:
            thread.start()
        run(ticker, stop)
        for thread in beside:
            thread.join(STOP_S)
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
