"""The fleet's stores without a database: the same words, the same refusals."""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from tests.web.fleet.month.timeline import Timeline
from web.fleet.actions import Fulfil
from web.fleet.changes import Deed, ForbiddenMove, after, check_move
from web.fleet.evidence import Sample
from web.fleet.orders import Order, OrderKind
from web.fleet.orphans import Orphan
from web.fleet.policy import HISTORY_PER_MODEL
from web.fleet.states import Instance, InstanceState

TELEMETRY = 40


class MemoryOrders:
    """What OrderStore does for the fleet."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._open: list[Order] = []
        self._retried: dict[str, datetime] = {}
        self.given = 0

    def give(self, kind: OrderKind, model: str) -> None:
        self.given += 1
        self._open.append(Order(self.given, kind, model, None, self._timeline.clock()))
        if kind is OrderKind.RETRY:
            self._retried[model] = self._timeline.clock()

    def open(self) -> tuple[Order, ...]:
        return tuple(self._open)

    def retried(self) -> dict[str, datetime]:
        return self._retried

    def fulfil(self, order_id: int) -> None:
        self._open = [order for order in self._open if order.id != order_id]


class MemoryOrphans:
    """What OrphanStore does."""

    def __init__(self) -> None:
        self.now: tuple[Orphan, ...] = ()

    def all(self) -> tuple[Orphan, ...]:
        return self.now


class MemoryStore:
    """What InstanceStore and FleetStore do. `version` is the routing topic's."""

    def __init__(
        self, hook: Callable[[str], None], timeline: Timeline, tell: Callable[[str], None]
    ) -> None:
        self._hook, self._timeline, self._tell = hook, timeline, tell
        self._live: dict[str, Instance] = {}
        self._over: dict[str, Instance] = {}
        self._history: dict[str, tuple[Instance, ...]] = {}
        self._samples: dict[str, deque[Sample]] = {}
        self.orders = MemoryOrders(timeline)
        self.orphans = MemoryOrphans()
        self.ends: dict[str, int] = {}
        self.on_intent: Callable[[Instance], None] = lambda instance: None
        self.on_end: Callable[[Instance], None] = lambda instance: None
        self.version = self.moves = 0

    # What is known

    def live(self) -> tuple[Instance, ...]:
        return tuple(self._live.values())

    def live_or_named(self, ids: Iterable[str]) -> tuple[Instance, ...]:
        over = (self._over[id_] for id_ in ids if id_ in self._over)
        return (*self._live.values(), *over)

    def history(self) -> dict[str, tuple[Instance, ...]]:
        return dict(self._history)

    def find(self, instance_id: str) -> Instance | None:
        return self._live.get(instance_id) or self._over.get(instance_id)

    def telemetry(self, since: datetime) -> dict[str, tuple[Sample, ...]]:
        """As if each heartbeat of a stretch that was leapt over had been kept."""
        found: dict[str, tuple[Sample, ...]] = {}
        for id_, samples in self._samples.items():
            if self._live[id_].state is not InstanceState.READY:
                continue
            recent = tuple(sample for sample in samples if sample.at >= since)
            if len(recent) < len(samples) and recent:
                before = samples[-len(recent) - 1]
                recent = (Sample(since, before.requests), *recent)
            found[id_] = recent
        return found

    # What is written

    def record_look(self, cluster: str, at: datetime, ms: float, problem: str | None) -> None:
        pass

    def confirm(self) -> None:
        pass

    def confirm_stray(self, job_id: str, why: str, now: datetime) -> None:
        pass

    def record_orphans(self, cluster: str, orphans: tuple[Orphan, ...]) -> None:
        self.orphans.now = orphans

    def intend(self, instance: Instance) -> None:
        self._hook("before the intent")
        self.on_intent(instance)
        self._live[instance.id] = instance
        self.version += 1
        self._tell(f"{instance.model} {instance.id}: intended")
        self._hook("after the intent")

    def withdraw(self, instance_id: str, now: datetime) -> None:
        del self._live[instance_id]
        self.version += 1

    def lose(self, instance_id: str) -> None:
        """As after a backup was put back: the row never was."""
        self._live.pop(instance_id, None)
        self._samples.pop(instance_id, None)
        self.version += 1

    def change(self, instance_id: str, change: Callable[[Instance], Instance]) -> None:
        self._hook("before a record")
        self._write(instance_id, change)

    def carry_out(self, deeds: Collection[Deed | Fulfil], now: datetime) -> frozenset[Deed]:
        if deeds:
            self._hook("before the deeds are written")
        overtaken: set[Deed] = set()
        for deed in deeds:
            if isinstance(deed, Fulfil):
                self.orders.fulfil(deed.order_id)
                continue
            try:
                self._write(deed.instance_id, lambda i, deed=deed: after(deed, i, now))
            except ForbiddenMove as lost_race:
                self._tell(f"overtaken: {lost_race}")
                overtaken.add(deed)
        if deeds:
            self._hook("after the deeds are written")
        return frozenset(overtaken)

    def receive(
        self, instance_id: str, change: Callable[[Instance], Instance], telemetry_limit: int
    ) -> None:
        before = self.find(instance_id)
        changed = self._write(instance_id, change)
        at = changed.heartbeat_at
        if at is not None and at != before.heartbeat_at and not changed.state.is_over:
            kept = self._samples.setdefault(instance_id, deque(maxlen=TELEMETRY))
            kept.append(Sample(at, changed.load.requests))

    def _write(self, instance_id: str, change: Callable[[Instance], Instance]) -> Instance:
        before = self.find(instance_id)
        if before is None:
            raise ForbiddenMove(f"{instance_id}: has no row any more")
        changed = change(before)
        if changed is before or changed == before:
            return changed
        check_move(before, changed)
        if changed.state is not before.state:
            self.moves += 1
            words = f"{before.state} -> {changed.state} {changed.end_reason or ''}"
            self._tell(f"{changed.model} {changed.id}: {words}")
        if _seen(before) != _seen(changed):
            self.version += 1
        if not changed.state.is_over:
            self._live[instance_id] = changed
            return changed
        self._over[instance_id] = changed
        self._live.pop(instance_id, None)
        self._samples.pop(instance_id, None)
        if not before.state.is_over:
            older = self._history.get(changed.model, ())
            self._history[changed.model] = (changed, *older)[:HISTORY_PER_MODEL]
            reason = str(changed.end_reason)
            self.ends[reason] = self.ends.get(reason, 0) + 1
            self.on_end(changed)
        return changed


def _seen(i: Instance) -> tuple[object, ...]:
    """What a snapshot is made of (web.fleet.store says the same)."""
    return (
        i.state,
        i.node,
        i.port,
        i.job_id,
        i.end_reason,
        i.detail,
        i.slurm_state,
        i.slurm_reason,
        i.estimated_start,
        i.walltime_end,
    )


class MemoryDemand:
    """What DemandStore does for the fleet."""

    def __init__(self) -> None:
        self.asked: dict[str, datetime] = {}

    def asked_at(self) -> dict[str, datetime]:
        return dict(self.asked)
