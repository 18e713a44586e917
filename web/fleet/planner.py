"""What to do about the world: `plan(view, now, policy)`. Pure: no clock, no I/O, no chance.

observe    what the listing says of our jobs        (web.fleet.observation)
overdue    starts, drains and stops that take too long
idle       instances nobody has used for a while
launch     models that are wanted and have no instance
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from web.catalog.deployment import Deployment
from web.fleet.actions import Action, Cancel, Drain, End, Launch, NoteMissing
from web.fleet.evidence import Probe, Sample
from web.fleet.observation import Listing, observe
from web.fleet.orders import Order
from web.fleet.policy import Policy
from web.fleet.states import (
    LAUNCH_FAILURES,
    NEAREST_TO_READY,
    EndReason,
    Instance,
    InstanceState,
)

S = InstanceState


@dataclass(frozen=True, slots=True)
class View:
    """All a plan is made from. `listing` is None when there was no successful look this time."""

    deployments: Mapping[str, Deployment]
    instances: tuple[Instance, ...]
    listing: Listing | None = None
    # The last listing succeeded: submitting makes sense.
    cluster_answers: bool = False
    # model -> when it was last asked for.
    demand: Mapping[str, datetime] = field(default_factory=dict)
    # model -> its ended instances, newest first.
    history: Mapping[str, tuple[Instance, ...]] = field(default_factory=dict)
    # instance -> its load over time, oldest first.
    telemetry: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    # instance -> what came of asking it for a token.
    probes: Mapping[str, Probe] = field(default_factory=dict)
    # What administrators want and have not got yet, and when they last said "retry" of a model.
    orders: tuple[Order, ...] = ()
    retried: Mapping[str, datetime] = field(default_factory=dict)


def plan(view: View, now: datetime, policy: Policy) -> list[Action]:
    actions: list[Action] = []
    if view.listing is not None:
        actions += observe(view.instances, view.listing, now, policy)
    settled = {a.instance_id for a in actions if isinstance(a, End | NoteMissing)}
    live = [i for i in view.instances if not i.state.is_over and i.id not in settled]
    for instance in live:
        actions += _overdue(instance, view, now, policy) or _unused(instance, view, now)
    actions += _surplus(live, view)
    actions += _launches(view, now, policy)
    return actions


def _overdue(instance: Instance, view: View, now: datetime, policy: Policy) -> list[Action]:
    deployment = view.deployments.get(instance.model)
    if instance.state is S.STARTING and deployment is not None:
        # The clock runs from RUNNING: time in the queue must not eat the start-up budget.
        started = instance.running_since or instance.state_since
        if _seconds(started, now) > deployment.startup_timeout_s:
            words = f"not ready within {deployment.startup_timeout_s:.0f} s of its job's start"
            return [Cancel(instance.id, instance.job_id, EndReason.NEVER_READY, words)]
    if instance.state is S.DRAINING:
        limit = deployment.drain_timeout_s if deployment else 0.0
        if _seconds(instance.state_since, now) > limit + policy.drain_margin_s:
            reason = instance.end_reason or EndReason.OPERATOR
            return [Cancel(instance.id, instance.job_id, reason, "the drain took too long")]
    stuck = _seconds(instance.state_since, now) > policy.stop_retry_s
    if instance.state is S.STOPPING and instance.job_id is not None and stuck:
        reason = instance.end_reason or EndReason.OPERATOR
        return [Cancel(instance.id, instance.job_id, reason, instance.detail)]
    return []


def _unused(instance: Instance, view: View, now: datetime) -> list[Action]:
    deployment = view.deployments.get(instance.model)
    if deployment is None:
        return _stop_unwanted(instance)
    if instance.state is not S.READY or deployment.min_instances > 0:
        return []
    if deployment.idle_timeout_s is None or instance.load.running or instance.load.waiting:
        return []
    uses = (instance.ready_at, instance.active_at, view.demand.get(instance.model))
    last_use = max((at for at in uses if at is not None), default=instance.state_since)
    if _seconds(last_use, now) <= deployment.idle_timeout_s:
        return []
    return [Drain(instance.id, EndReason.IDLE)]


def _stop_unwanted(instance: Instance) -> list[Action]:
    """Its model left the catalog, or has enough without it."""
    if instance.state in (S.READY, S.UNREADY):
        return [Drain(instance.id, EndReason.SCALED_DOWN)]
    if instance.state in (S.PENDING, S.STARTING):
        return [Cancel(instance.id, instance.job_id, EndReason.SCALED_DOWN)]
    return []


def _surplus(live: list[Instance], view: View) -> list[Action]:
    """Above max_instances (a requeued job came back beside its successor, the catalog changed):
    those that are nearest to serving stay."""
    actions: list[Action] = []
    for model, deployment in view.deployments.items():
        present = [i for i in live if i.model == model and i.state.is_present]
        present.sort(key=lambda i: (NEAREST_TO_READY.index(i.state), i.created_at))
        for instance in present[deployment.max_instances :]:
            actions += _stop_unwanted(instance)
    return actions


def _launches(view: View, now: datetime, policy: Policy) -> list[Action]:
    if not view.cluster_answers:
        return []
    present = {i.model for i in view.instances if i.state.is_present}
    return [
        Launch(model)
        for model, deployment in view.deployments.items()
        if model not in present
        and _is_wanted(deployment, view, now, policy)
        and now >= next_launch_at(view.history.get(model, ()), policy, now)
    ]


def _is_wanted(deployment: Deployment, view: View, now: datetime, policy: Policy) -> bool:
    if deployment.max_instances == 0:
        return False
    if deployment.min_instances > 0:
        return True
    asked_at = view.demand.get(deployment.name)
    if asked_at is None or _seconds(asked_at, now) > policy.demand_ttl_s:
        return False
    # What was asked while an instance still served is met: its going is no reason for another.
    return all(asked_at > left_at for left_at in _departures(deployment.name, view))


def _departures(model: str, view: View) -> list[datetime]:
    """When the model's last instances that had served stopped doing so."""
    leaving = [i for i in view.instances if i.model == model and not i.state.is_present]
    return [
        i.ended_at or i.state_since
        for i in (*leaving, *view.history.get(model, ())[:1])
        if i.ready_at is not None
    ]


def failed_launches(history: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """The unbroken run of failed launches at the head of a model's history (newest first)."""
    failures: list[Instance] = []
    for instance in history:
        if instance.end_reason not in LAUNCH_FAILURES or instance.ready_at is not None:
            break
        failures.append(instance)
    return tuple(failures)


def next_launch_at(history: tuple[Instance, ...], policy: Policy, now: datetime) -> datetime:
    """When the model may be launched again: at once, or after a delay that doubles per failure."""
    failures = failed_launches(history)
    if not failures or failures[0].ended_at is None:
        return now
    delay_s = policy.backoff_base_s * 2 ** min(len(failures) - 1, 16)
    return failures[0].ended_at + timedelta(seconds=min(delay_s, policy.backoff_cap_s))


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
