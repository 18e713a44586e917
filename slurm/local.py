"""LocalCluster: the Cluster protocol over child processes of this machine. Linux only.

Jobs belong to their supervisors (slurm/supervisor.py), not to this process: they go on when the
gateway is killed, and any LocalCluster on the same folder sees and ends them.

    state_dir/last_id            the highest job id given out so far
    state_dir/jobs/ID/           script and records of one job
    state_dir/logs/INSTANCE.log  what the job printed
"""

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from slurm import supervisor
from slurm.errors import (
    CancelFailed,
    LogUnavailable,
    ObservationFailed,
    SubmitRejected,
    SubmitUnknown,
)
from slurm.jobs import Job, JobState
from slurm.local_job import NAME, as_job, base_environment, is_alive, job_environment
from slurm.script import LaunchSpec, render
from slurm.supervisor import Record, read_record, write_once, write_private
from slurm.walltime import seconds_of

MIN_JOB_AGE_S = 300.0  # Slurm's MinJobAge
START_PATIENCE_S = 10.0
KILL_WAIT_S = 30.0  # Slurm's default; the worker drains and stops its engine within it
LOGS_KEPT = 50

_log = logging.getLogger(__name__)


class LocalCluster:
    """Jobs as processes of this machine, kept in `state_dir` (0700)."""

    name = NAME

    def __init__(
        self,
        state_dir: Path,
        kill_wait_s: float = KILL_WAIT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state_dir = state_dir.resolve()
        self._jobs_dir = self._state_dir / "jobs"
        self._logs_dir = self._state_dir / "logs"
        self._kill_wait_s = kill_wait_s
        self._clock = clock
        for folder in (self._state_dir, self._jobs_dir, self._logs_dir):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    def submit(self, spec: LaunchSpec) -> str:
        """Start the job at once. Raises SubmitRejected or SubmitUnknown."""
        try:
            job_dir = self._write_job(spec)
        except ValueError as error:
            raise SubmitRejected(str(error), terminal=True) from error
        except OSError as error:
            raise SubmitRejected(f"the job's files cannot be written: {error}") from error
        argv = [sys.executable, "-I", "-S", supervisor.__file__, str(job_dir)]
        try:
            run = subprocess.run(
                argv,
                check=False,
                timeout=START_PATIENCE_S,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                env=base_environment(),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SubmitUnknown(f"local job {job_dir.name} did not report its start") from error
        if run.returncode:
            words = run.stderr.decode(errors="replace").strip().splitlines() or ["see its log"]
            self._forestall(job_dir)
            self._write_end(job_dir, JobState.FAILED, "JobLaunchFailure")
            raise SubmitRejected(f"local job {job_dir.name} did not start: {words[-1]}")
        return job_dir.name

    def _write_job(self, spec: LaunchSpec) -> Path:
        """Write a new job's folder; it appears whole, under its final name."""
        if spec.nodes > 1:
            raise ValueError(f"this machine is one node, and {spec.nodes} are asked for")
        job_id = str(self._next_id())
        job_dir = self._jobs_dir / job_id
        draft = self._jobs_dir / f".{job_id}"
        draft.mkdir(mode=0o700)
        write_private(draft / "script", render(spec))
        record = {
            "name": spec.job_name,
            "submit_time": self._clock(),
            "time_limit_s": seconds_of(spec.time_limit),
            "warning_s": spec.warning_s,
            "kill_wait_s": self._kill_wait_s,
            "log": str(self._logs_dir / f"{spec.instance_id}.log"),
            "cwd": str(self._state_dir),
            "env": job_environment(spec, job_dir),
        }
        write_once(draft, "job", record)
        draft.rename(job_dir)
        return job_dir

    def _next_id(self) -> int:
        with self._lock():
            path = self._state_dir / "last_id"
            last = int(path.read_text()) if path.exists() else 0
            write_private(path.with_suffix(".new"), str(last + 1))
            path.with_suffix(".new").rename(path)
            return last + 1

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        descriptor = os.open(self._state_dir / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def list_jobs(self) -> tuple[Job, ...]:
        """All jobs, those that ended in the last 300 s included. Raises ObservationFailed."""
        try:
            folders = [path for path in self._jobs_dir.iterdir() if path.name.isdigit()]
            jobs = [self._look(path) for path in sorted(folders, key=lambda path: int(path.name))]
            self._forget_logs()
        except OSError as error:
            raise ObservationFailed(f"the local jobs cannot be read: {error}") from error
        return tuple(job for job in jobs if job is not None)

    def lookup(self, job_ids: Collection[str]) -> tuple[Job, ...]:
        """There are no records besides those that the listing is made from."""
        return tuple(job for job in self.list_jobs() if job.job_id in job_ids) if job_ids else ()

    def _look(self, job_dir: Path) -> Job | None:
        record = read_record(job_dir, "job")
        if record is None:
            return None
        end = self._find_end(job_dir, record)
        if end is not None and self._clock() - end["end_time"] > MIN_JOB_AGE_S:
            shutil.rmtree(job_dir, ignore_errors=True)
            return None
        owner = read_record(job_dir, "owner") or {}
        return as_job(job_dir.name, record, owner, end)

    def _find_end(self, job_dir: Path, record: Record) -> Record | None:
        """The job's end; one whose supervisor has vanished ends here and now."""
        end, owner = read_record(job_dir, "end"), read_record(job_dir, "owner")
        if end is not None:
            return end
        if owner is None:
            if self._clock() - record["submit_time"] <= START_PATIENCE_S:
                return None
            if self._forestall(job_dir):
                self._write_end(job_dir, JobState.NODE_FAIL, "")
        elif not is_alive(owner):
            # Killed, or the machine was rebooted. What it left behind may still hold a GPU.
            supervisor.kill_members(job_dir)
            self._write_end(job_dir, JobState.NODE_FAIL, "")
        return read_record(job_dir, "end")

    def _forestall(self, job_dir: Path) -> bool:
        """See to it that a job without a supervisor never gets one; False if it has one."""
        return write_once(job_dir, "owner", {})

    def _write_end(self, job_dir: Path, state: JobState, reason: str) -> None:
        write_once(
            job_dir, "end", {"state": state.value, "reason": reason, "end_time": self._clock()}
        )

    def cancel(self, job_id: str) -> None:
        """TERM to the batch process now, KILL to the whole job `kill_wait_s` later. Idempotent."""
        job_dir = self._jobs_dir / job_id
        if not job_id.isdigit() or read_record(job_dir, "job") is None:
            return
        try:
            if self._forestall(job_dir):
                self._write_end(job_dir, JobState.CANCELLED, "")
                return
            owner = read_record(job_dir, "owner")
            if owner and is_alive(owner):
                os.kill(owner["pid"], signal.SIGTERM)
        except ProcessLookupError:
            return
        except OSError as error:
            raise CancelFailed(f"local job {job_id} cannot be cancelled: {error}") from error

    def read_log(self, instance_id: str, max_bytes: int = 65536) -> str:
        """The log's last `max_bytes`. Raises LogUnavailable."""
        try:
            if not instance_id.isalnum():
                raise FileNotFoundError(instance_id)
            with (self._logs_dir / f"{instance_id}.log").open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - max_bytes))
                return stream.read(max_bytes).decode(errors="replace")
        except OSError as error:
            raise LogUnavailable(f"no log of instance {instance_id!r}: {error}") from error

    def _forget_logs(self) -> None:
        logs = sorted(self._logs_dir.glob("*.log"), key=lambda path: path.stat().st_mtime)
        needed = {
            record["log"]
            for path in self._jobs_dir.iterdir()
            if (record := read_record(path, "job")) is not None
        }
        for path in logs[:-LOGS_KEPT]:
            if str(path) not in needed:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to let go of: jobs stay."""
