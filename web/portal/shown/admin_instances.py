"""The fleet as administrators see it: each model, its instances, what can be done. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from web.fleet.order_store import OrderRecord
from web.fleet.orders import OrderKind
from web.fleet.routing import Route
from web.fleet.states import Instance, InstanceState
from web.fleet.status import Phase
from web.portal.shown.admin_states import badge_of, cause_of

S = InstanceState

_ORDERS = {
    OrderKind.DRAIN: "drain",
    OrderKind.STOP: "stop",
    OrderKind.RETRY: "try again",
}


class Which(StrEnum):
    """Which models are shown."""

    BUSY = "busy"  # that have instances, or are broken
    ALL = "all"


@dataclass(frozen=True, slots=True)
class InstanceLine:
    """Times are None where nobody knows them; `left_s` until the job's time limit."""

    id: str
    badge: str
    state: str
    cause: str
    job_id: str | None
    node: str | None
    age_s: float
    left_s: float | None
    running: int
    waiting: int
    heartbeat_at: datetime | None
    ended_at: datetime | None
    can_drain: bool
    can_stop: bool


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """`status_words` say why it is not ready. `live` come first, `past` the newest first."""

    name: str
    phase: str
    status_words: str
    live: tuple[InstanceLine, ...]
    past: tuple[InstanceLine, ...]
    in_catalog: bool
    # Launches of it have failed: there is something to forget.
    can_retry: bool

    @property
    def requests(self) -> int:
        return sum(line.running + line.waiting for line in self.live)

    @property
    def can_drain(self) -> bool:
        return any(line.can_drain for line in self.live)

    @property
    def can_stop(self) -> bool:
        return any(line.can_stop for line in self.live)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`outcome` is empty while nobody has carried it out; `now` is how its instance is by now."""

    id: int
    what: str
    model: str
    instance_id: str | None
    by: str
    given_at: datetime
    done_at: datetime | None
    outcome: str
    now: str


def line_of(instance: Instance, now: datetime) -> InstanceLine:
    badge, words = badge_of(instance.state)
    over, left = instance.state.is_over, instance.walltime_end
    return InstanceLine(
        id=instance.id,
        badge=badge,
        state=words,
        cause=cause_of(instance),
        job_id=instance.job_id,
        node=instance.node,
        age_s=((instance.ended_at or now) - instance.created_at).total_seconds(),
        left_s=(left - now).total_seconds() if left is not None and not over else None,
        running=0 if over else instance.load.running,
        waiting=0 if over else instance.load.waiting,
        heartbeat_at=instance.heartbeat_at,
        ended_at=instance.ended_at,
        can_drain=not over and instance.state not in (S.DRAINING, S.STOPPING),
        can_stop=not over and instance.state is not S.STOPPING,
    )


def group_of(
    name: str,
    route: Route | None,
    live: Iterable[Instance],
    past: Iterable[Instance],
    now: datetime,
) -> ModelGroup:
    """`route` is None for a model that has left the catalog."""
    status = route.status if route is not None else None
    return ModelGroup(
        name=name,
        phase=status.phase.value if status is not None else Phase.STOPPING.value,
        status_words=_why(route),
        live=tuple(line_of(i, now) for i in sorted(live, key=lambda i: i.created_at)),
        past=tuple(line_of(i, now) for i in past),
        in_catalog=route is not None,
        can_retry=status is not None and status.failures > 0,
    )


def _why(route: Route | None) -> str:
    if route is None:
        return "has left the catalog: its instances end when their requests are done"
    status = route.status
    if status.phase is Phase.FAILING:
        tries = f"{status.failures} launches" if status.failures > 1 else "its last launch"
        said = status.words.strip() or status.reason.replace("_", " ")
        last = said.splitlines()[-1][:300].rstrip(".") if said else "nobody knows why"
        then = "it is not launched again by itself" if status.given_up else "it is tried again"
        return f"{tries} failed: {last}; {then}"
    if status.hopeless:
        return f"waits for what waiting never brings: {status.words}"
    return "" if status.phase is Phase.READY else status.words


def names_shown(
    catalog_names: Iterable[str],
    routes: Mapping[str, Route],
    live_models: Iterable[str],
    text: str,
    which: Which,
) -> tuple[str, ...]:
    """The models of the page in the catalog's order; those that have left it come first."""
    live, wanted = set(live_models), text.strip().lower()
    catalog = tuple(catalog_names)
    gone = sorted(live - set(catalog))
    named = (name for name in (*gone, *catalog) if wanted in name.lower())
    if which is Which.ALL or wanted:
        return tuple(named)
    return tuple(n for n in named if n in live or routes[n].status.phase is Phase.FAILING)


def by_model(instances: Iterable[Instance]) -> dict[str, tuple[Instance, ...]]:
    found: dict[str, tuple[Instance, ...]] = {}
    for instance in instances:
        found[instance.model] = (*found.get(instance.model, ()), instance)
    return found


def order_line(record: OrderRecord, instance: Instance | None) -> OrderLine:
    """`instance`: the one that the order is for, as it is now; None where it is for a model."""
    order = record.order
    now = ""
    if instance is not None and record.done_at is not None:
        now = badge_of(instance.state)[1]
    return OrderLine(
        id=order.id,
        what=_ORDERS[order.kind],
        model=order.model,
        instance_id=order.instance_id,
        by=record.given_by,
        given_at=order.given_at,
        done_at=record.done_at,
        outcome=record.outcome,
        now=now,
    )


def stop_question(name: str, live: Iterable[Instance]) -> str:
    """What is asked before instances are ended at once."""
    stopped = [i for i in live if not i.state.is_over]
    if not stopped:
        return f"Nothing of {name} runs just now. Give the order all the same?"
    requests = sum(i.load.requests for i in stopped)
    what = f"the instance {stopped[0].id}" if len(stopped) == 1 else f"{len(stopped)} instances"
    cut = f" {requests} requests are cut off." if requests else ""
    return f"Really stop {what} of {name} at once?{cut}"
