"""The port through which everybody else sees a cluster, and Slurm behind it."""

from typing import Protocol

from slurm.commands import (
    build_sbatch,
    build_scancel,
    build_squeue,
    build_tail,
    parse_sbatch,
    parse_scancel,
    parse_squeue,
    parse_tail,
)
from slurm.errors import (
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
    """Slurm, reached through any Shell."""

    def __init__(self, shell: Shell, name: str = "slurm", log_dir: str = ".kscope/logs") -> None:
        self.name = name
        self._shell = shell
        self._log_dir = log_dir

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
