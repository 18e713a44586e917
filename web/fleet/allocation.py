"""When an instance's job had its GPUs: by Slurm's own word where there is one. Pure.

Slurm's clock may differ from ours, and a job may come and go between two looks. So whatever is told
late corrects what was assumed, and no run ever ends before it began.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from slurm.jobs import Job, JobState
from web.fleet.states import Instance

# Those in which the start that is listed is that of a run. Measured on 22.05: a job that is put
# back shows, while it completes, the moment of that.
_HAS_NODES = frozenset(
    {JobState.RUNNING, JobState.SIGNALING, JobState.RESIZING, JobState.SUSPENDED, JobState.STOPPED}
)


@dataclass(frozen=True, slots=True)
class Run:
    """What is told of a run that is over; None where nothing is."""

    start: datetime | None = None
    end: datetime | None = None
    # When the job was submitted, or put back before this run.
    submitted: datetime | None = None


def with_job(instance: Instance, job: Job) -> Instance:
    """What a listing with the job alive says of its allocation."""
    if job.state.is_waiting:
        return _put_back(instance, job.submit_time)
    if job.state not in _HAS_NODES or job.start_time is None:
        return instance
    return replace(_before(instance, job.start_time, job.submit_time), allocated_at=job.start_time)


def released(instance: Instance, now: datetime) -> Instance:
    """It is over, as far as we know; what Slurm says of the end comes with the next listing."""
    began = instance.allocated_at or instance.running_since
    if began is None:
        return instance
    return replace(instance, allocated_at=began, released_at=max(began, now))


def with_run(instance: Instance, run: Run) -> Instance:
    """What is told of the last run of an instance that is over."""
    ended = run.end or instance.released_at
    if run.start is not None:
        instance = _before(instance, run.start, run.submitted)
    began = run.start or instance.allocated_at
    if began is None or ended is None:
        return instance
    return replace(instance, allocated_at=began, released_at=max(began, ended))


def last_run(job: Job) -> Run:
    """Of a job that is over. One that never had its nodes begins when it ends, or not at all."""
    return Run(job.start_time, job.end_time, job.submit_time)


def vanished_run(instance: Instance, now: datetime) -> Run:
    """Of a job that no listing shows any more: until its worker's last word or its time limit."""
    ends = [at for at in (instance.walltime_end, instance.heartbeat_at) if at is not None]
    return Run(end=min([*ends, now]))


def _before(instance: Instance, start: datetime, submitted: datetime | None) -> Instance:
    """With the run before this one added up, if the job was put back between two looks."""
    began = instance.allocated_at
    # That moment is our own, not Slurm's: it was assumed until Slurm would tell.
    is_assumed = began == instance.running_since
    if began is None or is_assumed or start <= began:
        return instance
    return _put_back(instance, submitted, latest=start)


def _put_back(
    instance: Instance, submitted: datetime | None, latest: datetime | None = None
) -> Instance:
    """The run is over, another will come. Measured on 22.05: a job that is put back is submitted
    anew at that moment.

    Where Slurm does not tell it so, the run ended with its worker's last word, or counts nothing.
    """
    began = instance.allocated_at
    if began is None:
        return instance
    ended = submitted if submitted and submitted > began else instance.heartbeat_at or began
    ended = max(began, min(ended, latest or ended))
    used = instance.gpus * (ended - began).total_seconds()
    return replace(
        instance,
        allocated_at=None,
        released_at=None,
        gpu_seconds_before=instance.gpu_seconds_before + used,
    )
