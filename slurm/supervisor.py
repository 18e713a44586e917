"""Looks after one local job from its start to its end, as slurmstepd does on a node.

LocalCluster runs this file with one argument, the job's folder; it detaches itself, so the job
outlives the gateway, and what became of it can be read afterwards. Standard library only.

Records in the folder, each written whole and only once: `job` (by LocalCluster), `owner` (who
looks after the job: whoever writes it first), `end` (what became of it).
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Record = dict[str, Any]

MARK = "KSCOPE_JOB_DIR"
SIGNALS = (signal.SIGTERM, signal.SIGCHLD)
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
KILL_ROUNDS, KILL_PAUSE_S = 200, 0.05


def read_record(job_dir: Path, name: str) -> Record | None:
    """One record, or None when there is none (or a power cut left it unreadable). OSError."""
    try:
        record = json.loads((job_dir / f"{name}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def write_once(job_dir: Path, name: str, record: Mapping[str, object]) -> bool:
    """Write a record unless somebody else has; say whether it was us. Atomic (link(2))."""
    draft = job_dir / f".{name}.{os.getpid()}"
    write_private(draft, json.dumps(record))
    try:
        os.link(draft, job_dir / f"{name}.json")
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def write_private(path: Path, text: str) -> None:
    """A file that nobody else may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)


def identity(pid: int) -> Record | None:
    """What tells a process from a later one with the same pid, also over a reboot; None if gone."""
    try:
        # The command's name stands in parentheses and may contain spaces: proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, start_ticks = fields[0], int(fields[19])
    return None if state in "ZX" else {"pid": pid, "start_ticks": start_ticks, "boot_id": boot_id}


def members(job_dir: Path, ancestor: int | None = None) -> list[int]:
    """All processes of a job: marked by their environment, or descended from its supervisor."""
    mark = f"\0{MARK}={job_dir}\0".encode()
    parents = _parents()
    return [pid for pid in parents if _is_marked(pid, mark) or _descends(pid, ancestor, parents)]


def _parents() -> dict[int, int]:
    """Each living process and its parent."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    parents[int(entry.name)] = int(fields[1])
    return parents


def _is_marked(pid: int, mark: bytes) -> bool:
    try:
        return mark in b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has just ended, or it is somebody else's
        return False


def _descends(pid: int, ancestor: int | None, parents: Mapping[int, int]) -> bool:
    above = parents.get(pid)
    while above and above != ancestor:
        above = parents.get(above)
    return bool(above)


def kill_members(job_dir: Path, ancestor: int | None = None) -> None:
    """KILL until none is left: one may start another while we look."""
    for _ in range(KILL_ROUNDS):
        pids = members(job_dir, ancestor)
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(KILL_PAUSE_S)


def start_batch(job_dir: Path, job: Record) -> subprocess.Popen[bytes]:
    """The batch process, in a session of its own, with the job's environment and log."""
    return subprocess.Popen(
        ["bash", str(job_dir / "script")],
        stdin=subprocess.DEVNULL,
        cwd=job["cwd"],
        env=job["env"],
        start_new_session=True,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ()),  # noqa: PLW1509  one thread
    )


class Watch:
    """One job's batch process and the clocks that run for it."""

    def __init__(self, batch: subprocess.Popen[bytes], job: Record) -> None:
        self._batch = batch
        self._kill_wait_s: float = job["kill_wait_s"]
        limit_s = job["time_limit_s"]
        self._limit_at = None if limit_s is None else time.monotonic() + limit_s
        self._warn_at: float | None = None
        if self._limit_at is not None:
            self._warn_at = self._limit_at - job["warning_s"]
        self._kill_at: float | None = None
        self._stopped_as: str | None = None

    def run(self) -> Record:
        """Return when the batch process is over, or has ignored TERM for too long."""
        while self._batch.poll() is None:
            arrived = signal.sigtimedwait(SIGNALS, self._patience_s())
            if arrived is not None and arrived.si_signo == signal.SIGTERM:
                self._stop("CANCELLED")
            now = time.monotonic()
            if self._warn_at is not None and now >= self._warn_at:
                self._warn_at = None
                self._batch.send_signal(signal.SIGUSR1)
            if self._limit_at is not None and now >= self._limit_at:
                self._limit_at = None
                self._stop("TIMEOUT")
            if self._kill_at is not None and now >= self._kill_at:
                break
        return self._end()

    def _patience_s(self) -> float:
        times = [at for at in (self._warn_at, self._limit_at, self._kill_at) if at is not None]
        # A day: sigtimedwait wants a number.
        return max(0.0, min(times) - time.monotonic()) if times else 86400.0

    def _stop(self, state: str) -> None:
        if self._stopped_as is None:
            self._stopped_as = state
            self._kill_at = time.monotonic() + self._kill_wait_s
            self._batch.terminate()

    def _end(self) -> Record:
        code = self._batch.returncode
        if self._stopped_as is not None:
            state, reason = self._stopped_as, ""
        elif code == 0:
            state, reason = "COMPLETED", ""
        else:
            state = "FAILED"
            reason = "NonZeroExitCode" if code > 0 else f"RaisedSignal:{-code}"
        return {"state": state, "reason": reason, "exit_code": code, "end_time": time.time()}


def supervise(job_dir: Path, job: Record, started: int) -> None:
    """Own the job, start it, say so on the descriptor `started`, and record its end."""
    # Blocked from here on, so that a cancellation waits for sigtimedwait instead of killing us.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    # Orphans of the job become our children, whatever session or environment they have taken.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    me = identity(os.getpid()) or {}
    if not write_once(job_dir, "owner", {**me, "start_time": time.time()}):
        return  # cancelled, or given up for lost, before it began
    batch = start_batch(job_dir, job)
    os.write(started, b"1")
    os.close(started)
    end = Watch(batch, job).run()
    # Slurm, too, lets nothing outlive the batch process.
    kill_members(job_dir, os.getpid())
    write_once(job_dir, "end", end)


def main(job_dir: Path) -> int:
    job = read_record(job_dir, "job")
    if job is None:
        return 1
    started, tell = os.pipe()
    if os.fork():
        os.close(tell)
        return 0 if os.read(started, 1) else 1
    os.close(started)
    os.setsid()
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    supervise(job_dir, job, tell)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
