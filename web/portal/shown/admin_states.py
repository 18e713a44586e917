"""Instances' states and ends in plain words, for administrators. Pure."""

from collections.abc import Mapping

from slurm.jobs import JobState, explain
from web.fleet.states import EndReason, Instance, InstanceState

S, E = InstanceState, EndReason

_STATES: Mapping[InstanceState, tuple[str, str]] = {
    S.SUBMITTING: ("submitting", "being handed to the scheduler"),
    S.PENDING: ("pending", "queued"),
    S.STARTING: ("starting", "loading"),
    S.READY: ("ready", "ready"),
    S.UNREADY: ("failing", "not answering"),
    S.DRAINING: ("stopping", "draining"),
    S.STOPPING: ("stopping", "being stopped"),
    S.STOPPED: ("cold", "over"),
    S.FAILED: ("failing", "failed"),
}
_ENDS: Mapping[EndReason, str] = {
    E.IDLE: "nobody used it for a while",
    E.SCALED_DOWN: "fewer instances were needed",
    E.REPLACED: "a newer one took its place",
    E.OPERATOR: "an administrator ended it",
    E.WALLTIME: "its job's time limit (walltime) was over",
    E.PREEMPTED: "Slurm gave its place to a more important job (preemption)",
    E.NODE_FAIL: "its node failed",
    E.OUT_OF_MEMORY: "it ran out of memory",
    E.CANCELLED: "its job was cancelled in Slurm, not by this gateway",
    E.REJECTED: "Slurm refused the job",
    E.NEVER_READY: "it was not ready in time",
    E.UNHEALTHY: "it had stopped answering",
    E.CRASHED: "its engine crashed",
}


def badge_of(state: InstanceState) -> tuple[str, str]:
    """(the badge's kind, its words)"""
    return _STATES[state]


def end_words(reason: EndReason | None) -> str:
    return _ENDS[reason] if reason is not None else ""


def cause_of(instance: Instance) -> str:
    """Why it is as it is, in words; empty where its state says it all."""
    if instance.state.is_over or instance.state in (S.DRAINING, S.STOPPING):
        return end_words(instance.end_reason)
    if instance.state is S.PENDING:
        state = JobState.__members__.get(instance.slurm_state, JobState.PENDING)
        reason = instance.slurm_reason
        words = explain(state, reason).words
        return f"{words} (Slurm: {reason})" if reason not in ("", "None") else words
    return instance.detail if instance.state is S.UNREADY else ""
