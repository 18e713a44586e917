"""Whether an instance that was ready still lives. Pure.

Three witnesses: the worker's heartbeats with the tokens its engine made, a probe that asks for a
token, and Slurm. One alone decides nothing: a network may part gateway and worker, an engine may be
busy, a listing may be late. The gateway's own traffic ejects much sooner (standing.py); this is
what brings a replacement.
"""

from datetime import datetime

from slurm.jobs import JobState
from web.fleet.actions import Action, Cancel, Drain, Suspect, Trust
from web.fleet.evidence import Probe
from web.fleet.policy import Policy
from web.fleet.states import EndReason, Instance, InstanceState

S = InstanceState
_STANDS_STILL = frozenset({JobState.SUSPENDED, JobState.STOPPED})


def is_silent(instance: Instance, now: datetime, policy: Policy) -> bool:
    """Its worker has not been heard for several heartbeats."""
    heard = instance.heartbeat_at
    return heard is None or _seconds(heard, now) > policy.silent_after_s


def is_stuck(instance: Instance, now: datetime, policy: Policy) -> bool:
    """Its engine has for long been seen neither idle nor making tokens."""
    if instance.progress_at is None:
        return False
    return _seconds(instance.progress_at, now) > policy.stuck_after_s


def judge(
    instance: Instance, probe: Probe | None, cluster_answers: bool, now: datetime, policy: Policy
) -> list[Action]:
    """READY → UNREADY, UNREADY → READY, or the end of one that is beyond hope."""
    if instance.state is S.READY:
        return _judge_ready(instance, probe, now, policy)
    if instance.state is S.UNREADY:
        return _judge_unready(instance, probe, cluster_answers, now, policy)
    return []


def _judge_ready(
    instance: Instance, probe: Probe | None, now: datetime, policy: Policy
) -> list[Action]:
    if _stands_still(instance):
        return [Suspect(instance.id, f"Slurm has suspended job {instance.job_id}")]
    if probe is None or probe.ok:
        return []
    if is_silent(instance, now, policy):
        return [Suspect(instance.id, "its worker is silent and its engine makes no token")]
    if is_stuck(instance, now, policy):
        return [Suspect(instance.id, "its engine neither is idle nor makes tokens")]
    return []


def _judge_unready(
    instance: Instance, probe: Probe | None, cluster_answers: bool, now: datetime, policy: Policy
) -> list[Action]:
    if probe is None or _stands_still(instance):
        return []
    if probe.ok:
        return [Trust(instance.id)] if probe.at > instance.state_since else []
    failing_s = _seconds(probe.failing_since or probe.at, now)
    if failing_s <= policy.unhealthy_after_s or not cluster_answers:
        return []
    if is_silent(instance, now, policy):
        words = f"no heartbeat and no token for {failing_s:.0f} s, though Slurm lists its job"
        return [Cancel(instance.id, instance.job_id, EndReason.UNHEALTHY, words)]
    if is_stuck(instance, now, policy):
        words = f"the engine made no token for {failing_s:.0f} s"
        return [Drain(instance.id, EndReason.UNHEALTHY, words)]
    return []


def _stands_still(instance: Instance) -> bool:
    return JobState.__members__.get(instance.slurm_state) in _STANDS_STILL


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
