"""One kit at a time on this machine: built, started, and taken away again whatever happens."""

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.integration.kit import account
from tests.integration.kit import configuration as conf
from tests.integration.kit.cluster import copy_logs
from tests.integration.kit.packages import ensure_packages
from tests.integration.kit.processes import kill_leftovers
from tests.integration.kit.slurm_kit import REPOSITORY, USER, SlurmKit
from tests.waiting import wait_until

# Not below /run, which may be mounted noexec: slurmd runs batch scripts from its spool.
BASE = Path("/var/lib/kscope-kit")
# All tests of this folder take about six minutes, on a busy machine twice that.
PATIENCE_S = 1200
LOGS = REPOSITORY / ".cache/slurm-kit"


@contextmanager
def running_kit() -> Iterator[SlurmKit]:
    """The whole kit, stopped and removed at the end whatever happens in between.

    Skips the test (fails it in CI) when this machine cannot run it.
    """
    ensure_packages()
    with ExitStack() as undo:
        undo.enter_context(_only_one())
        folder = BASE / "run"
        _remove(folder)
        undo.callback(_remove, folder)
        kit = _build(folder)
        undo.callback(copy_logs, folder, LOGS)
        undo.callback(kit.daemons.stop)
        undo.callback(kit.login.stop)
        kit.daemons.start()
        kit.login.start()
        undo.callback(kit.cancel_all)
        yield kit


def _build(folder: Path) -> SlurmKit:
    (folder / "log").mkdir(parents=True)
    home = account.ensure_account(USER, folder / "home")
    account.add_hosts(conf.NODES)
    for name in conf.NODES:
        address = socket.gethostbyname(name)
        if not address.startswith("127."):
            raise RuntimeError(f"{name} is {address} here, a machine of somebody else's")
    return SlurmKit(folder, conf.choose_ports(), home)


def _remove(folder: Path) -> None:
    kill_leftovers(folder)
    account.remove_hosts()
    account.remove_account(USER)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _only_one() -> Iterator[None]:
    """Two test sessions at once would end each other's daemons: the second waits."""
    BASE.mkdir(mode=0o755, exist_ok=True)
    with (BASE / "lock").open("a+") as lock:
        lock.seek(0)
        holder = lock.read().strip()
        what = f"the cluster of another test session (process {holder}) is gone"
        wait_until(lambda: _try_lock(lock.fileno()), PATIENCE_S, what)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
