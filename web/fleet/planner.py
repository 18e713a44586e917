"""What to do about the world: `plan(view, now, policy)`. Pure: no clock, no I/O, no chance.

observe    what the listing says of our jobs             (observation)
orders     what administrators asked for
overdue    starts, drains and stops that take too long
judge      whether what was ready still lives            (vitality)
size       launch, hand over, drain: for each model      (scaling, succession, failures)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from slurm.jobs import JobState
from web.catalog.deployment import Deployment
from web.fleet.actions import Action, Cancel, Drain, Fulfil, NoteMissing
from web.fleet.changes import Deed, after
from web.fleet.evidence import Probe, Sample
from web.fleet.observation import Listing, observe
from web.fleet.orders import Order, OrderKind
from web.fleet.policy import HISTORY_PER_MODEL, Policy
from web.fleet.sizing import Crew, size
from web.fleet.states import EndReason, Instance, InstanceState
from web.fleet.vitality import judge

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
    """Each part decides on the world as the parts before it leave it."""
    listing = view.listing
    observed = [] if listing is None else observe(view.instances, listing, now, policy)
    view = _carried_out(view, observed, now)
    missing = {a.instance_id for a in observed if isinstance(a, NoteMissing)}
    live = [i for i in view.instances if not i.state.is_over and i.id not in missing]
    decided: list[Action] = _orders(view.orders, live)
    ordered = {a.instance_id for a in decided if isinstance(a, Drain | Cancel)}
    for instance in live:
        if instance.id not in ordered:
            probe = view.probes.get(instance.id)
            decided += _overdue(instance, view, now, policy) or judge(
                instance, probe, view.cluster_answers, now, policy
            )
    settled = missing | {a.instance_id for a in decided if isinstance(a, Deed)}
    view = _carried_out(view, decided, now)
    return [*observed, *decided, *_sizes(view, settled, now, policy)]


def _carried_out(view: View, actions: Iterable[Action], now: datetime) -> View:
    """The view once these actions are done."""
    changed = {i.id: i for i in view.instances}
    history = dict(view.history)
    for action in actions:
        if isinstance(action, Deed):
            instance = changed[action.instance_id] = after(action, changed[action.instance_id], now)
            if instance.state.is_over:
                ended = (instance, *history.get(instance.model, ()))
                history[instance.model] = ended[:HISTORY_PER_MODEL]
    return replace(view, instances=tuple(changed.values()), history=history)


def _orders(orders: Iterable[Order], live: list[Instance]) -> list[Action]:
    actions: list[Action] = []
    ended: set[str] = set()
    for order in orders:
        own = [
            i
            for i in live
            if i.id not in ended and i.model == order.model and order.instance_id in (None, i.id)
        ]
        deeds = [deed for i in own for deed in _obey(order, i)]
        ended |= {deed.instance_id for deed in deeds}
        actions += [*deeds, Fulfil(order.id, _outcome(order, len(deeds)))]
    return actions


def _obey(order: Order, instance: Instance) -> list[Drain | Cancel]:
    words = f"an administrator's order to {order.kind}"
    if order.kind is OrderKind.RETRY or instance.state is S.STOPPING:
        return []
    if order.kind is OrderKind.DRAIN and instance.state in (S.READY, S.UNREADY):
        return [Drain(instance.id, EndReason.OPERATOR, words)]
    if order.kind is OrderKind.DRAIN and instance.state is S.DRAINING:
        return []
    return [Cancel(instance.id, instance.job_id, EndReason.OPERATOR, words)]


def _outcome(order: Order, deeds: int) -> str:
    if order.kind is OrderKind.RETRY:
        return "its failed launches are forgotten"
    done = "is being drained" if order.kind is OrderKind.DRAIN else "is being stopped"
    if deeds > 1:
        return f"{deeds} instances: each {done}"
    return f"one instance {done}" if deeds else "there was no instance to end"


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
    is_queued = view.cluster_answers and instance.slurm_state == JobState.PENDING.name
    patience_s = policy.queued_stop_retry_s if is_queued else policy.stop_retry_s
    stuck = _seconds(instance.state_since, now) > patience_s
    if instance.state is S.STOPPING and instance.job_id is not None and stuck:
        reason = instance.end_reason or EndReason.OPERATOR
        return [Cancel(instance.id, instance.job_id, reason, instance.detail)]
    return []


def _sizes(view: View, settled: set[str], now: datetime, policy: Policy) -> list[Action]:
    """The actions of `size` for each model; the launches of all together within the rate."""
    crews: dict[str, list[Instance]] = {}
    for instance in view.instances:
        if not instance.state.is_over:
            crews.setdefault(instance.model, []).append(instance)
    actions: list[Action] = []
    allowance = _launch_allowance(view, now, policy)
    for model in {**view.deployments, **crews}:
        crew = Crew(
            view.deployments.get(model),
            tuple(crews.get(model, ())),
            frozenset(settled),
            view.history.get(model, ()),
            view.telemetry,
            view.demand.get(model),
            view.retried.get(model),
            view.cluster_answers,
        )
        changes, launches = size(crew, now, policy)
        actions += [*changes, *launches[:allowance]]
        allowance -= len(launches[:allowance])
    return actions


def _launch_allowance(view: View, now: datetime, policy: Policy) -> int:
    if not view.cluster_answers:
        return 0
    ended = (i for instances in view.history.values() for i in instances)
    known = {i.id: i.created_at for i in (*view.instances, *ended)}
    recent = sum(_seconds(at, now) < 60 for at in known.values())
    return max(0, policy.launches_per_minute - recent)


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
