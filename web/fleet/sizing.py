"""One model's instances: how many there are to be, which come and which go. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from web.catalog.deployment import Deployment
from web.fleet.actions import Action, Cancel, Drain, Launch
from web.fleet.evidence import Sample
from web.fleet.failures import launch_record
from web.fleet.policy import Policy
from web.fleet.scaling import Bounds, Use, bounds
from web.fleet.states import NEAREST_TO_READY, EndReason, Instance, InstanceState
from web.fleet.succession import is_last_call, is_leaving, is_outdated, start_s

S = InstanceState
_QUEUED = (S.PENDING, S.SUBMITTING)
_LATER_FIRST = tuple(reversed(NEAREST_TO_READY))


@dataclass(frozen=True, slots=True)
class Crew:
    """A model's live instances and all that says how many it needs.

    `deployment` is None when the model has left the catalog; `settled` are instances whose fate
    this plan has already decided.
    """

    deployment: Deployment | None
    live: tuple[Instance, ...]
    settled: frozenset[str]
    history: tuple[Instance, ...]
    telemetry: Mapping[str, tuple[Sample, ...]]
    asked_at: datetime | None
    retried_at: datetime | None
    cluster_answers: bool


def size(crew: Crew, now: datetime, policy: Policy) -> tuple[list[Action], list[Launch]]:
    """(what becomes of those that are there, what is to be launched)."""
    deployment = crew.deployment
    if deployment is None:
        unwanted = [i for i in crew.live if i.id not in crew.settled]
        return [a for i in unwanted for a in _dismiss(i, EndReason.SCALED_DOWN)], []
    lead_s = start_s((*crew.live, *crew.history), policy)
    present = [i for i in crew.live if i.state.is_present]
    leaving = [i for i in present if is_leaving(i, deployment, lead_s, now, policy)]
    staying = [i for i in present if i not in leaving]
    use = Use(
        live=tuple(present),
        posts=max(len(staying), len(leaving)),
        telemetry=crew.telemetry,
        asked_at=_newest(crew.asked_at, crew.retried_at),
        departed_at=_departed_at(crew),
        lead_s=lead_s,
    )
    wanted = bounds(deployment, use, now, policy)
    target = min(max(len(present), wanted.least), max(wanted.least, wanted.most))
    outdated = _outdated(crew, staying, deployment)
    relieved = _relieve(crew, staying, leaving, target, deployment, now)
    order = _leaving_order(crew, [i for i in staying if not _is_among(i, outdated)], now)
    excess = order[: max(0, len(staying) - len(outdated) - deployment.max_instances)]
    changes: list[Action] = [*outdated, *relieved]
    changes += [a for i in excess for a in _dismiss(i, EndReason.SCALED_DOWN)]
    if not changes and len(staying) > wanted.most and not _is_settling(crew, deployment, now):
        changes += _surplus(order, wanted)
    missing = target - len(staying)
    if missing <= 0 or not _may_launch(crew, deployment, now, policy):
        return changes, []
    why = "a successor is due" if leaving else "it is asked for"
    return changes, [Launch(deployment.name, why)] * missing


def _may_launch(crew: Crew, deployment: Deployment, now: datetime, policy: Policy) -> bool:
    record = launch_record(crew.history, deployment.fingerprint, crew.retried_at, now, policy)
    # While one serves, launches do work here: they are only tried less often.
    proven = any(i.state is S.READY and not is_outdated(i, deployment) for i in crew.live)
    return now >= record.next_at and (proven or not record.given_up)


def _outdated(crew: Crew, staying: list[Instance], deployment: Deployment) -> list[Cancel]:
    """What still waits or starts with settings that the catalog no longer has serves nobody yet:
    it is launched anew."""
    if not crew.cluster_answers:
        return []
    return [
        Cancel(i.id, i.job_id, EndReason.REPLACED, "its catalog entry has changed")
        for i in staying
        if i.id not in crew.settled and i.state in (S.PENDING, S.STARTING)
        if is_outdated(i, deployment)
    ]


def _relieve(
    crew: Crew,
    staying: list[Instance],
    leaving: list[Instance],
    target: int,
    deployment: Deployment,
    now: datetime,
) -> list[Action]:
    """Drain those whose successors are ready, and those too near their end for any request."""
    actions: list[Action] = []
    # Nothing is sent to one whose node Slurm has yet to tell: it relieves nobody.
    ready = sum(i.is_routable for i in (*staying, *leaving))
    # The one that ends first goes first; one that is not ready serves nobody.
    for instance in sorted(leaving, key=lambda i: (i.is_routable, i.walltime_end or now)):
        if instance.id in crew.settled:
            continue
        serves = instance.is_routable
        if ready - serves >= target:
            ready -= serves
            actions.append(_farewell(instance, staying, target))
        elif is_last_call(instance, deployment, now):
            ready -= serves
            actions.append(Drain(instance.id, EndReason.WALLTIME, "its time limit is near"))
    return actions


def _farewell(instance: Instance, staying: list[Instance], target: int) -> Drain:
    """Why one that was to be succeeded goes: for its successor, or because none is wanted."""
    if any(i.state is S.READY for i in staying):
        return Drain(instance.id, EndReason.REPLACED, "its successor is ready")
    return Drain(instance.id, EndReason.SCALED_DOWN if target else EndReason.IDLE)


def _is_among(instance: Instance, deeds: Iterable[Drain | Cancel]) -> bool:
    return any(deed.instance_id == instance.id for deed in deeds)


def _leaving_order(crew: Crew, staying: list[Instance], now: datetime) -> list[Instance]:
    """Who is the least loss first: furthest from serving, emptiest, youngest."""
    return sorted(
        (i for i in staying if i.id not in crew.settled),
        key=lambda i: (_LATER_FIRST.index(i.state), i.load.requests, _age(i, now)),
    )


def _surplus(order: list[Instance], wanted: Bounds) -> list[Action]:
    """One at a time; those beyond the catalog's most have gone already."""
    reason = EndReason.IDLE if wanted.most == 0 else EndReason.SCALED_DOWN
    # What loads just now is let come: it has its GPU already, and its turn comes when it is ready.
    candidates = [i for i in order if i.state is not S.STARTING]
    return _dismiss(candidates[0], reason) if candidates else []


def _is_settling(crew: Crew, deployment: Deployment, now: datetime) -> bool:
    """Somebody goes already, or one has come so lately that the load has yet to spread."""
    if any(i.state is S.DRAINING for i in crew.live):
        return True
    ready = [i.ready_at for i in crew.live if i.ready_at is not None]
    if len(ready) < 2:
        return False
    return (now - max(ready)).total_seconds() < deployment.scale_down_after_s


def _dismiss(instance: Instance, reason: EndReason) -> list[Action]:
    if instance.state in (S.READY, S.UNREADY):
        return [Drain(instance.id, reason)]
    if instance.state in (S.PENDING, S.STARTING):
        return [Cancel(instance.id, instance.job_id, reason)]
    return []


def _departed_at(crew: Crew) -> datetime | None:
    """When the last instance that had served stopped doing so."""
    leaving = [i for i in crew.live if not i.state.is_present]
    times = [
        i.ended_at or i.state_since for i in (*leaving, *crew.history[:1]) if i.ready_at is not None
    ]
    return max(times, default=None)


def _newest(*times: datetime | None) -> datetime | None:
    return max((at for at in times if at is not None), default=None)


def _age(instance: Instance, now: datetime) -> float:
    return (now - instance.created_at).total_seconds()
