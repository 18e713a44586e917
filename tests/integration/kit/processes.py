"""Daemons in the foreground, and the certainty that none outlives the tests.

Everything the kit starts carries SLURM_CONF of the kit's own folder in its environment, and so
do the jobs; the gateways under test carry GATEWAY_MARK instead, for they must not find Slurm on
this machine. That is how the leftovers of a run that was killed are told from anybody else's.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.waiting import wait_until

GATEWAY_MARK = "KSCOPE_TEST_KIT"
RETITLED = ("slurmstepd", "slurmscriptd", "sshd")
CLEAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Daemon:
    """One child that stays in the foreground; its output goes to `log`."""

    def __init__(
        self, argv: Sequence[str], folder: Path, log: Path, env: Mapping[str, str]
    ) -> None:
        self._argv = list(argv)
        self._folder = folder
        self._log = log
        self._env = {"PATH": CLEAN_PATH, "LANG": "C.UTF-8", **env}
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self._argv,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes to the whole foreground group: the kit stops them in its own order.
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._reap(5)

    def stop(self, patience_s: float = 5.0) -> None:
        """TERM, then KILL. A stopped process is continued first: it could not see the TERM."""
        self.resume()
        self.signal(signal.SIGTERM)
        try:
            self._reap(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def log_text(self) -> str:
        with suppress(FileNotFoundError):
            return self._log.read_text(errors="replace")
        return ""

    def log_tail(self, characters: int = 800) -> str:
        return self.log_text()[-characters:]

    def _reap(self, timeout_s: float) -> None:
        if self._child is not None:
            self._child.wait(timeout_s)


def environment_of(pid: int) -> dict[str, str]:
    """The environment `pid` was started with; empty when it is gone or not ours to read."""
    with suppress(OSError):
        raw = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        return dict(pair.split("=", 1) for pair in raw.split("\0") if "=" in pair)
    return {}


def folder_of(pid: int) -> Path | None:
    """The working folder of `pid`; None when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cwd").readlink()
    return None


def program_of(pid: int) -> Path | None:
    """The file that `pid` executes; None when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/exe").readlink()
    return None


def pids() -> Iterator[int]:
    own = os.getpid()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            yield int(entry.name)


def kit_pids(folder: Path) -> list[int]:
    """Every process that the kit under `folder` brought about, whoever its parent is now."""
    return [pid for pid in pids() if _is_marked(pid, folder) or _is_retitled_daemon(pid, folder)]


def kill_leftovers(folder: Path) -> None:
    """End what is left of the kit under `folder`: each by its id, none by its name."""

    def none_left() -> bool:
        found = kit_pids(folder)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    wait_until(none_left, timeout_s=10, what=f"processes of {folder} gone")


def _is_marked(pid: int, folder: Path) -> bool:
    environment = environment_of(pid)
    marks = (environment.get("SLURM_CONF"), environment.get(GATEWAY_MARK))
    return str(folder / "slurm.conf") in marks or str(folder) in marks


def _is_retitled_daemon(pid: int, folder: Path) -> bool:
    """slurmstepd, slurmscriptd and sshd write their title over their environment.

    What is left to know them by: their working folder, or where their output goes.
    """
    process = Path(f"/proc/{pid}")
    with suppress(OSError):
        if (process / "comm").read_text().strip() not in RETITLED:
            return False
        places = [process / "cwd", process / "fd/1", process / "fd/2"]
        return any(place.readlink().is_relative_to(folder) for place in places)
    return False
