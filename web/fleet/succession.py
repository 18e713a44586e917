"""Which instances are to be succeeded, and from when on. Pure.

A job ends at its walltime whatever happens. Long enough before, a successor is launched; when that
is ready the old instance drains. The same way an instance is replaced whose catalog entry changed,
and one that has not answered for long.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from web.catalog.deployment import Deployment
from web.fleet.policy import Policy
from web.fleet.states import Instance, InstanceState

S = InstanceState
# Of a short walltime, a start may take up to a half and a drain up to a quarter.
LEAD_SHARE = 0.5
LAST_CALL_SHARE = 0.25


def start_s(instances: Iterable[Instance], policy: Policy) -> float:
    """How long a launch takes until it is ready, queue included: the longest of the last ones."""
    newest = sorted(
        (i for i in instances if i.ready_at is not None), key=lambda i: i.created_at, reverse=True
    )
    times = [
        (i.ready_at - i.created_at).total_seconds()
        for i in newest[: policy.starts_remembered]
        if i.ready_at is not None
    ]
    return max(times, default=policy.unseen_start_s)


def is_leaving(
    instance: Instance, deployment: Deployment, lead_s: float, now: datetime, policy: Policy
) -> bool:
    """It serves, but a successor is due. `lead_s`: how long a launch takes until it is ready."""
    if instance.state not in (S.READY, S.UNREADY):
        return False
    if is_outdated(instance, deployment) or _is_lost(instance, now, policy):
        return True
    due = _handover_at(instance, deployment, lead_s, policy)
    return due is not None and now >= due


def is_outdated(instance: Instance, deployment: Deployment) -> bool:
    """Launched with settings that its catalog entry no longer has."""
    return bool(instance.fingerprint) and instance.fingerprint != deployment.fingerprint


def is_last_call(instance: Instance, deployment: Deployment, now: datetime) -> bool:
    """So near its walltime that a request of any length could be cut: it takes none any more."""
    if instance.walltime_end is None:
        return False
    return now >= instance.walltime_end - timedelta(seconds=_last_call_s(instance, deployment))


def _is_lost(instance: Instance, now: datetime, policy: Policy) -> bool:
    silent_s = (now - instance.state_since).total_seconds()
    return instance.state is S.UNREADY and silent_s > policy.unhealthy_after_s


def _handover_at(
    instance: Instance, deployment: Deployment, lead_s: float, policy: Policy
) -> datetime | None:
    if instance.walltime_end is None:
        return None
    needed_s = (
        lead_s * policy.lead_margin + policy.lead_least_s + _last_call_s(instance, deployment)
    )
    length_s = _length_s(instance)
    if length_s is not None:
        needed_s = min(needed_s, length_s * LEAD_SHARE)
    return instance.walltime_end - timedelta(seconds=needed_s)


def _last_call_s(instance: Instance, deployment: Deployment) -> float:
    length_s = _length_s(instance)
    if length_s is None:
        return deployment.drain_timeout_s
    return min(deployment.drain_timeout_s, length_s * LAST_CALL_SHARE)


def _length_s(instance: Instance) -> float | None:
    """The job's walltime in seconds, as far as it is known."""
    if instance.walltime_end is None or instance.running_since is None:
        return None
    return (instance.walltime_end - instance.running_since).total_seconds()
