"""The port through which everybody else sees a cluster, and Slurm behind it."""

import time
from collections.abc import Callable, Collection
from typing import Protocol

from slurm.commands import (
    build_sacct,
    build_sbatch,
    build_scancel,
    build_squeue,
    build_tail,
    parse_sacct,
    parse_sbatch,
    parse_scancel,
    parse_squeue,
    parse_tail,
)
from slurm.errors import (
    AccountingOff,
    CancelFailed,
    LogUnavailable,
    ObservationFailed,
    ShellError,
    ShellUnavailable,
    SubmitRejected,
    SubmitUnknown,
)
from slurm.jobs import Job
from slurm.script import LaunchSpec, render
from slurm.shell import Shell

# slurmctld answers within its MessageTimeout (10 s) or not at all; sbatch and scancel try twice.
DEADLINE_S = 30.0
# Accounting is asked for words only; nothing waits longer for it.
LOOKUP_DEADLINE_S = 10.0
ACCOUNTING_OFF_FOR_S = 3600.0


class Cluster(Protocol):
    """Submits, lists and cancels jobs of ours. Every call returns or raises within a minute."""

    name: str  # part of a job's identity: ids of two clusters may be equal

    def submit(self, spec: LaunchSpec) -> str:
        """Ask for one job and return its id.

        Raises SubmitRejected or ShellUnavailable (no job exists), SubmitUnknown (it may exist).
        """
        ...

    def list_jobs(self) -> tuple[Job, ...]:
        """All our jobs, recently finished ones included. Raises ObservationFailed."""
        ...

    def lookup(self, job_ids: Collection[str]) -> tuple[Job, ...]:
        """What the records tell of these jobs of ours, which `list_jobs` may have forgotten.

        Records may be late: only that a job is over is certain. One nobody knows is left out.
        Raises ObservationFailed; AccountingOff, at once, where no records are kept.
        """
        ...

    def cancel(self, job_id: str) -> None:
        """End a job soon, whatever it does. No error for one that is over. Raises CancelFailed."""
        ...

    def read_log(self, instance_id: str, max_bytes: int = 65536) -> str:
        """The end of what an instance's job printed. Raises LogUnavailable."""
        ...

    def close(self) -> None:
        """Let go of connections; the jobs go on."""
        ...


class SlurmCluster:
    """Slurm, reached through any Shell. `clock` is in seconds and only goes forward."""

    def __init__(
        self,
        shell: Shell,
        name: str = "slurm",
        log_dir: str = ".kscope/logs",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._shell = shell
        self._log_dir = log_dir
        self._clock = clock
        self._ask_accounting_at = float("-inf")

    def submit(self, spec: LaunchSpec) -> str:
        """See Cluster. The script travels on stdin; nothing is copied to the cluster."""
        try:
            argv, script = build_sbatch(spec, self._log_dir), render(spec)
        except ValueError as error:
            raise SubmitRejected(str(error), terminal=True) from error
        try:
            result = self._shell.run(argv, stdin=script, deadline_s=DEADLINE_S)
        except ShellUnavailable:
            raise
        except ShellError as error:
            raise SubmitUnknown(str(error)) from error
        return parse_sbatch(result)

    def list_jobs(self) -> tuple[Job, ...]:
        """See Cluster. One squeue, however many jobs there are."""
        try:
            result = self._shell.run(build_squeue(), deadline_s=DEADLINE_S)
        except ShellError as error:
            raise ObservationFailed(str(error)) from error
        return parse_squeue(result)

    def lookup(self, job_ids: Collection[str]) -> tuple[Job, ...]:
        """See Cluster. One sacct for all; where accounting is off, one an hour."""
        if not job_ids:
            return ()
        if self._clock() < self._ask_accounting_at:
            raise AccountingOff("there was no accounting when last asked")
        try:
            argv = build_sacct(job_ids)
            jobs = parse_sacct(self._shell.run(argv, deadline_s=LOOKUP_DEADLINE_S))
        except AccountingOff:
            self._ask_accounting_at = self._clock() + ACCOUNTING_OFF_FOR_S
            raise
        except (ShellError, ValueError) as error:
            raise ObservationFailed(str(error)) from error
        return tuple(job for job in jobs if job.job_id in job_ids)

    def cancel(self, job_id: str) -> None:
        """See Cluster. TERM to the whole job now, KILL after the site's KillWait."""
        try:
            parse_scancel(self._shell.run(build_scancel(job_id), deadline_s=DEADLINE_S))
        except (ShellError, ValueError) as error:
            raise CancelFailed(str(error)) from error

    def read_log(self, instance_id: str, max_bytes: int = 65536) -> str:
        """See Cluster."""
        try:
            argv = build_tail(self._log_dir, instance_id, max_bytes)
            return parse_tail(self._shell.run(argv, deadline_s=DEADLINE_S))
        except (ShellError, ValueError) as error:
            raise LogUnavailable(str(error)) from error

    def close(self) -> None:
        """Close the shell."""
        self._shell.close()
