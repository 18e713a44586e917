"""What a decision makes of an instance: `after(deed, instance, now)`. Pure.

The reconciler decides on what it has read; a deed is applied to what the row says by then. Where a
worker's callback was faster and the deed no longer fits, `ForbiddenMove` says so.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from web.fleet.actions import Cancel, Drain, End, Note, NoteMissing, Suspect, Trust
from web.fleet.allocation import last_run, released, with_job, with_run
from web.fleet.observation import state_after
from web.fleet.states import MOVES, Instance, InstanceState

S = InstanceState
Deed = Note | NoteMissing | Drain | Cancel | End | Suspect | Trust
"""The actions that change an instance's row."""


class ForbiddenMove(Exception):
    """The state machine has no such move: a race was lost, nothing was written."""


def after(deed: Deed, instance: Instance, now: datetime) -> Instance:
    """The instance as the deed leaves it. Raises `ForbiddenMove`."""
    if isinstance(deed, Note):
        return _noted(deed, instance, now)
    if instance.state.is_over:
        raise ForbiddenMove(f"{instance.id}: is {instance.state} already")
    changed = _changed(deed, instance, now)
    check_move(instance, changed)
    return changed


def check_move(before: Instance, changed: Instance) -> None:
    """Raises `ForbiddenMove` when the state machine has no such move."""
    if changed.state is not before.state and changed.state not in MOVES[before.state]:
        raise ForbiddenMove(f"{before.id}: {before.state} cannot become {changed.state}")


def moved(instance: Instance, state: InstanceState, now: datetime) -> Instance:
    """The instance in another state, with its milestones set. No-op for the same state."""
    if state is instance.state:
        return instance
    changed = replace(instance, state=state, state_since=now)
    if state is S.STARTING:
        changed = replace(changed, running_since=now)
    elif state is S.READY and changed.ready_at is None:
        changed = replace(changed, ready_at=now)
    elif state is S.PENDING:
        changed = replace(changed, node=None, port=None, running_since=None, walltime_end=None)
    if state.is_over:
        changed = released(replace(changed, ended_at=now), now)
    return changed


def submitted(instance: Instance, job_id: str, now: datetime) -> Instance:
    """sbatch named the job. A fast job may have claimed already; what it said of itself stands."""
    if instance.job_id is not None:
        return instance
    return moved(replace(instance, job_id=job_id), S.PENDING, now)


def _changed(
    deed: NoteMissing | Drain | Cancel | End | Suspect | Trust, instance: Instance, now: datetime
) -> Instance:
    match deed:
        case NoteMissing():
            return replace(instance, missing_listings=instance.missing_listings + 1)
        case Drain():
            return _draining(deed, instance, now)
        case Cancel():
            return _stopping(deed, instance, now)
        case End(_, state, reason, detail, run):
            explained = replace(instance, end_reason=reason, detail=detail or instance.detail)
            return with_run(moved(explained, state, now), run)
        case Suspect(_, detail):
            _must_be(S.READY, instance)
            return moved(replace(instance, detail=detail), S.UNREADY, now)
        case Trust():
            _must_be(S.UNREADY, instance)
            return moved(replace(instance, detail=""), S.READY, now)
        case _:
            assert_never(deed)


def _draining(deed: Drain, instance: Instance, now: datetime) -> Instance:
    """Who drains already goes on doing so for its own reason, which may be Slurm's."""
    if instance.state is S.DRAINING:
        return instance
    explained = replace(instance, end_reason=deed.reason, detail=deed.detail or instance.detail)
    return moved(explained, S.DRAINING, now)


def _stopping(deed: Cancel, instance: Instance, now: datetime) -> Instance:
    """Again and again while the job lives: each try starts its own clock."""
    explained = replace(
        instance,
        state_since=now,
        end_reason=deed.reason,
        detail=deed.detail or instance.detail,
    )
    return moved(explained, S.STOPPING, now)


def _must_be(state: InstanceState, instance: Instance) -> None:
    # READY can follow on PENDING and STARTING as well, but only on the worker's word.
    if instance.state is not state:
        raise ForbiddenMove(f"{instance.id}: is {instance.state}, no longer {state}")


def _noted(deed: Note, instance: Instance, now: datetime) -> Instance:
    job = deed.job
    if instance.state.is_over:
        return with_run(instance, last_run(job)) if job.state.is_over else instance
    waits = job.state.is_waiting
    after_it = moved(instance, state_after(instance, job, deed.looked_at), now)
    check_move(instance, after_it)
    return replace(
        with_job(after_it, job),
        job_id=instance.job_id or job.job_id,
        slurm_state=job.state.name,
        slurm_reason=job.reason,
        missing_listings=0,
        estimated_start=job.start_time if waits else None,
        node=after_it.node if waits else job.node or after_it.node,
        walltime_end=after_it.walltime_end if waits else job.end_time,
    )
