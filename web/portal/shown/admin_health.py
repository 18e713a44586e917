"""How the gateway itself is, and what waits for an administrator. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from web.fleet.order_store import OrderRecord
from web.fleet.orphans import Orphan
from web.fleet.routing import Route
from web.fleet.states import Instance, InstanceState
from web.fleet.status import Phase
from web.health import Part

OVERDUE_ORDER_S = 15.0
MOST_REMARKS = 12
_PARTS: Mapping[str, str] = {
    "database": "Database",
    "fleet": "Fleet process, which starts and ends jobs",
    "cluster": "Cluster: the queue as last seen (squeue)",
    "catalog": "Catalog (models.yaml)",
    "limits": "Limits",
}


@dataclass(frozen=True, slots=True)
class HealthLine:
    name: str
    ok: bool
    words: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that does not mend itself, and where to go about it."""

    words: str
    path: str


@dataclass(frozen=True, slots=True)
class Glance:
    """The fleet in numbers."""

    models: int
    ready: int
    on_their_way: int
    broken: int
    instances: int
    running: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Looked:
    """The last look at a cluster, as the database has it."""

    cluster: str
    tried_at: datetime
    succeeded_at: datetime | None
    duration_ms: float
    problem: str


def health_lines(
    parts: Mapping[str, Part], looked: Looked | None, answer_ms: float, now: datetime
) -> tuple[HealthLine, ...]:
    """`answer_ms`: how long the database took for a small question."""
    lines = []
    for name, part in parts.items():
        words = part.message
        if name == "database" and part.ok:
            words = f"answers, in {answer_ms:.1f} ms"
        if name == "cluster" and looked is not None and not looked.problem:
            age_s = max(0.0, (now - looked.tried_at).total_seconds())
            words = f"{looked.cluster}: last squeue {age_s:.0f} s ago, {looked.duration_ms:.0f} ms"
        lines.append(HealthLine(_PARTS.get(name, name), part.ok, words))
    return tuple(lines)


def glance(routes: Iterable[Route], live: Iterable[Instance]) -> Glance:
    phases = [route.status.phase for route in routes]
    instances = tuple(live)
    coming = (Phase.STARTING, Phase.PENDING, Phase.SUBMITTING)
    return Glance(
        models=len(phases),
        ready=phases.count(Phase.READY),
        on_their_way=sum(phase in coming for phase in phases),
        broken=phases.count(Phase.FAILING),
        instances=len(instances),
        running=sum(i.load.running for i in instances),
        waiting=sum(i.load.waiting for i in instances),
    )


def remarks(
    routes: Iterable[Route],
    live: Iterable[Instance],
    orphans: Iterable[Orphan],
    orders: Iterable[OrderRecord],
    now: datetime,
) -> tuple[Remark, ...]:
    """What a person has to look at, the gravest first; at most MOST_REMARKS and how many more."""
    found = [*_models(routes), *_silent(live), *_orders(orders, now), *_orphans(orphans)]
    if len(found) <= MOST_REMARKS:
        return tuple(found)
    more = len(found) - MOST_REMARKS
    return (*found[:MOST_REMARKS], Remark(f"and {more} more", "/admin/instances"))


def _models(routes: Iterable[Route]) -> Iterable[Remark]:
    for route in routes:
        name, status = route.deployment.name, route.status
        if status.given_up:
            words = f"{name} is broken: its launches keep failing, and it is not tried again"
            yield Remark(words, _models_path(name))
        elif status.phase is Phase.FAILING:
            yield Remark(f"{name} is broken: its last launch failed, and it is tried again",
                         _models_path(name))  # fmt: skip
        elif status.hopeless:
            yield Remark(f"{name} waits in the queue for nothing: {status.words}",
                         _models_path(name))  # fmt: skip


def _silent(live: Iterable[Instance]) -> Iterable[Remark]:
    for instance in live:
        if instance.state is InstanceState.UNREADY:
            words = f"instance {instance.id} of {instance.model} does not answer"
            yield Remark(words, f"/admin/instances/one?id={instance.id}")


def _orders(orders: Iterable[OrderRecord], now: datetime) -> Iterable[Remark]:
    for record in orders:
        waited_s = (now - record.order.given_at).total_seconds()
        if record.done_at is None and waited_s > OVERDUE_ORDER_S:
            words = f"order {record.order.id} ({record.order.kind} {record.order.model}) waits"
            yield Remark(f"{words} since {waited_s:.0f} s for the fleet process",
                         "/admin/instances")  # fmt: skip


def _orphans(orphans: Iterable[Orphan]) -> Iterable[Remark]:
    foreign = sum(not orphan.ours for orphan in orphans)
    if foreign:
        what = "a job carries" if foreign == 1 else f"{foreign} jobs carry"
        yield Remark(f"{what} our name, and nobody knows whose it is", "/admin/orphans")


def _models_path(name: str) -> str:
    return f"/admin/instances?q={quote(name, safe='')}"
