"""What is true of a model just now, for people: the 503, /v1/models, the CLI. Pure."""

import statistics
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from slurm.jobs import JobState, explain
from web.fleet.failures import LaunchRecord, launch_record
from web.fleet.policy import Policy
from web.fleet.states import NEAREST_TO_READY, Instance, InstanceState

S = InstanceState


class Phase(StrEnum):
    READY = "ready"
    STARTING = "starting"  # the job runs, the engine loads
    PENDING = "pending"  # queued in Slurm
    SUBMITTING = "submitting"  # on its way to Slurm
    STOPPING = "stopping"  # the last instance goes, another comes when asked for
    FAILING = "failing"  # its last launches failed
    COLD = "cold"  # nothing runs, nothing is asked for


_PHASES = {
    S.READY: Phase.READY,
    S.UNREADY: Phase.STARTING,
    S.STARTING: Phase.STARTING,
    S.PENDING: Phase.PENDING,
    S.SUBMITTING: Phase.SUBMITTING,
    S.DRAINING: Phase.STOPPING,
    S.STOPPING: Phase.STOPPING,
}


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """`reason` is Slurm's own word, `words` says it to a researcher. Times are UTC."""

    phase: Phase
    ready_instances: int = 0
    job_id: str | None = None
    reason: str = ""
    words: str = ""
    estimated_start: datetime | None = None
    estimated_ready: datetime | None = None
    pending_since: datetime | None = None
    starting_since: datetime | None = None
    # How long a start took lately, from RUNNING to the first token; None when never seen.
    typical_load_s: float | None = None
    # The job waits for something that waiting alone will never bring.
    hopeless: bool = False
    # How long its jobs waited in the queue lately.
    typical_wait_s: float | None = None
    failures: int = 0
    # Not launched again until its catalog entry changes or an administrator says so.
    given_up: bool = False
    next_launch_at: datetime | None = None
    max_model_len: int | None = None


def describe(
    live: tuple[Instance, ...],
    history: tuple[Instance, ...],
    now: datetime,
    policy: Policy,
    fingerprint: str = "",
    retried_at: datetime | None = None,
) -> ModelStatus:
    """The status of a model from its live instances and its ended ones (newest first)."""
    record = launch_record(history, fingerprint, retried_at, now, policy)
    if live:
        nearest = min(live, key=lambda i: NEAREST_TO_READY.index(i.state))
        status = _of_instance(nearest, live, typical_load_s((*live, *history)))
    elif record.failures:
        status = _of_failures(record)
    else:
        status = ModelStatus(Phase.COLD, words=_last_end(history))
    return replace(
        status,
        typical_load_s=typical_load_s((*live, *history)),
        typical_wait_s=typical_wait_s((*live, *history)),
        failures=len(record.failures),
        max_model_len=next((i.max_model_len for i in (*live, *history) if i.max_model_len), None),
    )


def _of_failures(record: LaunchRecord) -> ModelStatus:
    last = record.failures[0]
    return ModelStatus(
        Phase.FAILING,
        job_id=last.job_id,
        reason=str(last.end_reason),
        words=last.detail,
        given_up=record.given_up,
        next_launch_at=None if record.given_up else record.next_at,
    )


def _of_instance(
    nearest: Instance, live: tuple[Instance, ...], load_s: float | None
) -> ModelStatus:
    waiting = nearest.state is S.PENDING
    explanation = explain(_job_state(nearest), nearest.slurm_reason) if waiting else None
    serving = sum(i.is_routable for i in live)
    # Ready by its worker's word, but Slurm has yet to tell the node: the next look does.
    phase = Phase.STARTING if nearest.state is S.READY and not serving else _PHASES[nearest.state]
    return ModelStatus(
        phase,
        ready_instances=serving,
        job_id=nearest.job_id,
        reason=nearest.slurm_reason if waiting else "",
        words=explanation.words if explanation else "",
        hopeless=explanation.terminal if explanation else False,
        estimated_start=nearest.estimated_start if waiting else None,
        estimated_ready=_estimated_ready(nearest, load_s),
        pending_since=nearest.state_since if waiting else None,
        starting_since=nearest.running_since,
    )


def typical_load_s(instances: tuple[Instance, ...]) -> float | None:
    """The median time from RUNNING to ready over the instances that became ready."""
    times = [
        (i.ready_at - i.running_since).total_seconds()
        for i in instances
        if i.ready_at is not None and i.running_since is not None
    ]
    return statistics.median(times) if times else None


def typical_wait_s(instances: tuple[Instance, ...]) -> float | None:
    """The median time in the queue of the instances whose jobs began to run."""
    times = [
        (i.running_since - i.created_at).total_seconds()
        for i in instances
        if i.running_since is not None
    ]
    return statistics.median(times) if times else None


def _estimated_ready(instance: Instance, load_s: float | None) -> datetime | None:
    start = instance.running_since or instance.estimated_start
    if start is None or load_s is None or instance.state is S.READY:
        return None
    return start + timedelta(seconds=load_s)


def _job_state(instance: Instance) -> JobState:
    return JobState.__members__.get(instance.slurm_state, JobState.PENDING)


def _last_end(history: tuple[Instance, ...]) -> str:
    """Why it is cold, when that is Slurm's doing: worth telling to whoever asks next."""
    if not history or history[0].state is not S.FAILED:
        return ""
    last = history[0]
    return f"its last job ({last.job_id}) ended: {str(last.end_reason).replace('_', ' ')}"
