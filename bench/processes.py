"""Child processes that are gone when the bench is, and what the system tells about them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
# A subject is a stranger to this process's environment: only this much is passed on.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
STOP_PATIENCE_S = 15.0
POLL_S = 0.05


class NotReached(Exception):
    """Something did not happen in time; the message says what, and the last words of a log."""


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Raises NotReached after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise NotReached(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(POLL_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | more


class Process:
    """A program with a process group of its own and a log; `stop` leaves none of the group."""

    def __init__(self, argv: list[str], log: Path, env: Mapping[str, str], cwd: Path) -> None:
        self._log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Raises NotReached when it is not ready in time or has ended."""
        try:
            wait_until(lambda: self._has_ended() or condition(), timeout_s, what)
        except NotReached as error:
            raise NotReached(f"{error}\n{self.log_tail()}") from None
        if self._has_ended():
            raise NotReached(f"it ended instead: {what}\n{self.log_tail()}")

    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """TERM to the first process, KILL to whatever is left of the group."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_PATIENCE_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_PATIENCE_S)

    def log_tail(self, characters: int = 3000) -> str:
        return self._log.read_text(errors="replace")[-characters:]


def family(pid: int) -> list[int]:
    """`pid` and all that descend from it, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            children.setdefault(_parent(entry), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def _parent(entry: Path) -> int:
    with suppress(OSError):
        # proc(5): the name in parentheses may hold anything, so look behind the last one.
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Of some processes, in seconds: used, in user and kernel mode; starved, that is ready to run
    while the core was somebody else's (main threads only)."""

    used_s: float
    starved_s: float

    def since(self, earlier: "CpuTime") -> "CpuTime":
        return CpuTime(self.used_s - earlier.used_s, self.starved_s - earlier.starved_s)


def cpu_time(pids: Sequence[int]) -> CpuTime:
    ticks = starved_ns = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # proc(5): utime and stime
            # Linux, Documentation/scheduler/sched-stats.rst: time run, time waited, slices
            starved_ns += int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    return CpuTime(ticks / os.sysconf("SC_CLK_TCK"), starved_ns / 1e9)


def rss_kb(pids: Sequence[int]) -> int:
    """Resident memory of these processes, shared pages counted in each."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            lines = (line for line in status.splitlines() if line.startswith("VmRSS:"))
            total += sum(int(line.split()[1]) for line in lines)
    return total
