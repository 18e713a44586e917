"""What a listing of the cluster means for our instances. Pure.

An instance and its job find each other by the job's name, which carries the instance's id:
job ids are reused by Slurm, names of ours are not. Only a *successful* listing comes here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from slurm.jobs import Job, JobState
from slurm.script import JOB_NAME_PREFIX, instance_id_of
from web.fleet.actions import Action, CancelJob, End, Note, NoteMissing
from web.fleet.allocation import last_run, vanished_run, with_run
from web.fleet.policy import Policy
from web.fleet.states import NOT_OURS, EndReason, Instance, InstanceState, final_state

S = InstanceState

_END_REASONS: Mapping[JobState, EndReason] = {
    JobState.TIMEOUT: EndReason.WALLTIME,
    JobState.DEADLINE: EndReason.WALLTIME,
    JobState.PREEMPTED: EndReason.PREEMPTED,
    JobState.NODE_FAIL: EndReason.NODE_FAIL,
    JobState.BOOT_FAIL: EndReason.NODE_FAIL,
    JobState.OUT_OF_MEMORY: EndReason.OUT_OF_MEMORY,
    JobState.CANCELLED: EndReason.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Listing:
    """A successful look at the cluster; `looked_at` is when it was asked, not answered."""

    looked_at: datetime
    jobs: tuple[Job, ...]


def missing_jobs(instances: Iterable[Instance], listing: Listing) -> dict[str, str]:
    """job id -> name, of the live instances whose known job the listing lacks."""
    listed = {(job.job_id, instance_id_of(job.name)) for job in listing.jobs}
    known = {i.id: i.claimed_by or i.job_id for i in instances if not i.state.is_over}
    return {
        job_id: JOB_NAME_PREFIX + id_
        for id_, job_id in known.items()
        if job_id is not None and (job_id, id_) not in listed
    }


def completed(listing: Listing, missing: Mapping[str, str], records: Iterable[Job]) -> Listing:
    """The listing with those of the `missing` jobs that accounting calls over.

    What the queue lacks and accounting knows the end of is over beyond doubt: two sources agree.
    A record of a job that waits or runs proves nothing, for records come late; such a job stays
    missing, and further listings decide.
    """
    ends = (r for r in records if r.state.is_over and missing.get(r.job_id) == r.name)
    return replace(listing, jobs=(*listing.jobs, *ends))


def observe(
    instances: Iterable[Instance], listing: Listing, now: datetime, policy: Policy
) -> list[Action]:
    """The moves that follow from a listing.

    `instances` holds every live instance, and the ended ones whose names the listing shows.
    Jobs with our prefix that belong to no instance are left alone: they may be another gateway's.
    """
    by_instance: dict[str, list[Job]] = {}
    for job in listing.jobs:
        instance_id = instance_id_of(job.name)
        if instance_id is not None:
            by_instance.setdefault(instance_id, []).append(job)
    actions: list[Action] = []
    for instance in instances:
        own = Listing(listing.looked_at, tuple(by_instance.get(instance.id, ())))
        actions += _observe_one(instance, own, now, policy)
    return actions


def _observe_one(
    instance: Instance, listing: Listing, now: datetime, policy: Policy
) -> list[Action]:
    jobs = listing.jobs
    if instance.state.is_over:
        return _after_the_end(instance, listing)
    job = _own_job(instance, jobs)
    if job is None:
        return _missing(instance, now, policy)
    twins = [
        CancelJob(other.job_id, instance.id)
        for other in jobs
        if other.job_id != job.job_id and not other.state.is_over
    ]
    if job.state.is_over:
        return [_end_of_job(instance, job), *twins]
    return [Note(instance.id, job, listing.looked_at), *twins]


def _after_the_end(instance: Instance, listing: Listing) -> list[Action]:
    """No job of its may live; and when its own ended, Slurm knows best."""
    own, actions = _own_job(instance, listing.jobs), list[Action]()
    if own is not None and own.state.is_over and with_run(instance, last_run(own)) != instance:
        actions.append(Note(instance.id, own, listing.looked_at))
    alive = (job for job in listing.jobs if not job.state.is_over)
    return [*actions, *(CancelJob(job.job_id, instance.id) for job in alive)]


def _own_job(instance: Instance, jobs: Iterable[Job]) -> Job | None:
    """The job that claimed the instance, else the one sbatch named, else the oldest alive."""
    known = instance.claimed_by or instance.job_id
    if known is not None:
        return next((job for job in jobs if job.job_id == known), None)
    alive_first = sorted(jobs, key=lambda job: (job.state.is_over, len(job.job_id), job.job_id))
    return alive_first[0] if alive_first else None


def _missing(instance: Instance, now: datetime, policy: Policy) -> list[Action]:
    """Gone only after several successful listings lack it (law 4)."""
    settling = (now - instance.created_at).total_seconds() < policy.submit_grace_s
    if instance.state is S.SUBMITTING and settling:
        return []
    if instance.missing_listings + 1 < policy.missing_listings_before_end:
        return [NoteMissing(instance.id)]
    return [_end_of_vanished(instance, now)]


def _end_of_vanished(instance: Instance, now: datetime) -> End:
    run = vanished_run(instance, now)
    if instance.state in (S.STOPPING, S.DRAINING):
        reason = instance.end_reason or EndReason.OPERATOR
        return End(instance.id, final_state(instance.state, reason), reason, instance.detail, run)
    if instance.state is S.SUBMITTING:
        words = "Slurm gave no job id, and no job of this name ever appeared"
        return End(instance.id, S.FAILED, EndReason.REJECTED, words)
    if instance.walltime_end is not None and now >= instance.walltime_end:
        words = f"job {instance.job_id} reached its time limit"
        return End(instance.id, S.FAILED, EndReason.WALLTIME, words, run)
    words = f"job {instance.job_id} is no longer known to Slurm and never said good-bye"
    return End(instance.id, S.FAILED, EndReason.CANCELLED, words, run)


def state_after(instance: Instance, job: Job, looked_at: datetime) -> InstanceState:
    """The state of an instance whose job is alive.

    A worker that was heard after the listing was asked for knows better than the listing.
    """
    state = instance.state
    heard_since = instance.heartbeat_at is not None and instance.heartbeat_at >= looked_at
    if state is S.STOPPING:
        return state
    if job.state.is_waiting:
        return state if heard_since else S.PENDING
    if job.state.is_running and state in (S.SUBMITTING, S.PENDING):
        return S.STARTING
    return S.PENDING if state is S.SUBMITTING else state


def _end_of_job(instance: Instance, job: Job) -> End:
    known, run = instance.end_reason, last_run(job)
    if instance.state in (S.STOPPING, S.DRAINING) and known is not None:
        if instance.state is S.DRAINING and known in NOT_OURS:
            known = _END_REASONS.get(job.state, known)
        return End(instance.id, final_state(instance.state, known), known, instance.detail, run)
    reason = _END_REASONS.get(job.state, EndReason.CRASHED)
    words = (
        instance.detail or f"Slurm ended job {job.job_id}: {job.state.name} {job.reason}".strip()
    )
    return End(instance.id, S.FAILED, reason, words, run)
