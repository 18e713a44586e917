"""Accounting for the kit: MariaDB and slurmdbd in the kit's folder, and slurmctld told of them."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.gateway_process import free_port
from tests.integration.kit.packages import ensure_packages
from tests.integration.kit.processes import Daemon
from tests.integration.kit.slurm_kit import SlurmKit
from tests.parts import need
from tests.waiting import wait_until

# program -> the Debian package that brings it
PROGRAMS = {
    "mariadbd": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",  # which the next one calls
    "mariadb-install-db": "mariadb-server-core",
    "slurmdbd": "slurmdbd",
}
# Slurm forgets a job so many seconds after its end, the least it allows (its default: 300).
MIN_JOB_AGE = "MinJobAge=2"
_OFF = "AccountingStorageType=accounting_storage/none"
_ON = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={folder}/munge/socket"""
_SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
"""
# By default it would take far more memory and disk than three nodes' jobs need.
_SMALL = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--performance-schema=OFF",
)


@contextmanager
def forgetful(kit: SlurmKit) -> Iterator[None]:
    """Slurm forgets jobs seconds after their end."""
    with _changed(kit, MIN_JOB_AGE, ""):
        kit.daemons.run("scontrol", "reconfigure")
        yield
    kit.daemons.run("scontrol", "reconfigure")


@contextmanager
def accounting(kit: SlurmKit) -> Iterator[None]:
    """As `forgetful`, but slurmdbd keeps the records of what has ended."""
    ensure_packages(PROGRAMS)
    port = free_port()
    with ExitStack() as undo:
        database = _database(kit.folder)
        undo.callback(database.stop)
        slurmdbd = _slurmdbd(kit.folder, port)
        undo.callback(slurmdbd.stop)
        undo.callback(_restart_controller, kit)
        on = _ON.format(folder=kit.folder, port=port)
        undo.enter_context(_changed(kit, MIN_JOB_AGE, on))
        _restart_controller(kit)
        what = "slurmctld known to slurmdbd"
        wait_until(lambda: _is_registered(kit), 30, what)
        yield


@contextmanager
def _changed(kit: SlurmKit, line: str, accounting_on: str) -> Iterator[None]:
    """slurm.conf with one more line, and other words about accounting unless these are empty."""
    before = kit.daemons.conf.read_text()
    assert _OFF in before
    kit.daemons.conf.write_text(before.replace(_OFF, f"{line}\n{accounting_on or _OFF}"))
    try:
        yield
    finally:
        kit.daemons.conf.write_text(before)


def _restart_controller(kit: SlurmKit) -> None:
    # Where accounting is kept is read at the start only.
    kit.daemons.controller.stop()
    kit.daemons.controller.start()
    kit.daemons.wait_for_idle_nodes()


def _is_registered(kit: SlurmKit) -> bool:
    return kit.daemons.run("sacctmgr", "-nP", "list", "cluster").stdout.startswith("kscope|127.")


def _database(folder: Path) -> Daemon:
    """MariaDB on a socket only; the machine's root is its root."""
    data = folder / "db"
    subprocess.run(
        [
            str(need("mariadb-install-db", PROGRAMS["mariadb-install-db"])),
            "--no-defaults",
            "--user=root",
            f"--datadir={data}",
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    argv = [
        str(need("mariadbd", PROGRAMS["mariadbd"])),
        "--no-defaults",
        "--user=root",
        f"--datadir={data}",
        f"--socket={_socket(folder)}",
        f"--pid-file={folder}/db.pid",
        "--skip-networking",
        *_SMALL,
    ]
    daemon = _daemon(folder, "mariadbd", argv)
    daemon.start()
    _wait(daemon, _socket(folder).exists, "MariaDB's socket")
    return daemon


def _slurmdbd(folder: Path, port: int) -> Daemon:
    config = folder / "slurmdbd.conf"
    config.touch(mode=0o600)
    config.write_text(_SLURMDBD_CONF.format(folder=folder, port=port))
    daemon = _daemon(folder, "slurmdbd", [str(need("slurmdbd", PROGRAMS["slurmdbd"])), "-D"])
    daemon.start()
    # slurmctld asks for its registration at once, and then not again for long.
    _wait(daemon, lambda: _listens(port), "slurmdbd listens")
    return daemon


def _socket(folder: Path) -> Path:
    return folder / "db.socket"


def _daemon(folder: Path, name: str, argv: list[str]) -> Daemon:
    # SLURM_CONF is also the mark by which what a killed run left behind is found.
    env = {"SLURM_CONF": str(folder / "slurm.conf"), "MYSQL_UNIX_PORT": str(_socket(folder))}
    return Daemon(argv, folder, folder / "log" / f"{name}.log", env)


def _wait(daemon: Daemon, is_up: Callable[[], bool], what: str) -> None:
    wait_until(lambda: is_up() or not daemon.is_running, 30, what)
    assert daemon.is_running, daemon.log_tail()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
