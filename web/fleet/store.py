"""Instances in the database. Every change of what routing sees raises the topic's version.

The fleet process writes through `FleetStore`, whose every transaction first checks that the fleet
lock is still ours. The gateway workers write only what workers call back (`receive`).
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from web.audit.store import add_entry
from web.database import Database, bump
from web.fleet.actions import Fulfil
from web.fleet.changes import Deed, ForbiddenMove, after, check_move
from web.fleet.chronicle import Event, event_between, launched, withdrawn
from web.fleet.evidence import Sample
from web.fleet.models import ClusterLookRow, InstanceRow
from web.fleet.order_store import OrderStore, fulfil, givers
from web.fleet.orphan_store import OrphanStore, replace_orphans
from web.fleet.orphans import Orphan
from web.fleet.policy import HISTORY_PER_MODEL
from web.fleet.rows import fill, to_instance
from web.fleet.states import Instance, InstanceState
from web.fleet.telemetry_store import keep_sample, samples
from web.lock.store import FleetLock

TOPIC = "fleet"
OVER = tuple(state.value for state in InstanceState if state.is_over)
LIVE = tuple(state.value for state in InstanceState if not state.is_over)
FLEET, WORKER = "fleet", "worker"

log = logging.getLogger(__name__)


class InstanceStore:
    """What everybody may do: read, and take a worker's callback."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live(self) -> tuple[Instance, ...]:
        with self._database.read() as session:
            return _live(session)

    def live_or_named(self, ids: Iterable[str]) -> tuple[Instance, ...]:
        """The live instances, and those of `ids` that are over."""
        with self._database.read() as session:
            live = _live(session)
            missing = sorted(set(ids) - {instance.id for instance in live})
            if not missing:
                return live
            query = select(InstanceRow).where(InstanceRow.id.in_(missing))
            return (*live, *map(to_instance, session.scalars(query)))

    def history(self) -> dict[str, tuple[Instance, ...]]:
        """model -> its last ended instances, newest first."""
        newest = func.row_number().over(
            partition_by=InstanceRow.model, order_by=InstanceRow.ended_at.desc()
        )
        ranked = select(InstanceRow.id, newest.label("rank")).where(InstanceRow.state.in_(OVER))
        inner = ranked.subquery()
        query = (
            select(InstanceRow)
            .join(inner, inner.c.id == InstanceRow.id)
            .where(inner.c.rank <= HISTORY_PER_MODEL)
            .order_by(InstanceRow.ended_at.desc())
        )
        found: dict[str, list[Instance]] = {}
        with self._database.read() as session:
            for row in session.scalars(query):
                found.setdefault(row.model, []).append(to_instance(row))
        return {model: tuple(instances) for model, instances in found.items()}

    def find(self, instance_id: str) -> Instance | None:
        with self._database.read() as session:
            row = session.get(InstanceRow, instance_id)
            return to_instance(row) if row is not None else None

    def loads(self) -> dict[str, tuple[datetime | None, int]]:
        """instance id -> (heartbeat, running and waiting requests) of those that are ready."""
        query = select(
            InstanceRow.id, InstanceRow.heartbeat_at, InstanceRow.running + InstanceRow.waiting
        ).where(InstanceRow.state == InstanceState.READY.value)
        with self._database.read() as session:
            return {id_: (at, requests) for id_, at, requests in session.execute(query)}

    def telemetry(self, since: datetime) -> dict[str, tuple[Sample, ...]]:
        """instance id -> its load from `since` on, oldest first, of those that are ready."""
        with self._database.read() as session:
            return samples(session, since)

    def receive(
        self,
        instance_id: str,
        change: Callable[[Instance], Instance],
        telemetry_limit: int,
    ) -> None:
        """Change an instance as a worker's callback demands; `change` may raise to refuse."""
        with self._database.write() as session:
            row = session.get_one(InstanceRow, instance_id, with_for_update=True)
            before, changed = _change(row, change)
            if changed.heartbeat_at != before.heartbeat_at:
                keep_sample(session, changed, telemetry_limit)
            if event := event_between(before, changed):
                at = changed.ended_at or changed.state_since
                _record(session, WORKER, changed.node or "", event, changed.id, at)
            if _routing_view(before) != _routing_view(changed):
                bump(session, TOPIC)

    def last_look(self) -> ClusterLookRow | None:
        """The newest look at a cluster, whether it succeeded or not."""
        with self._database.read() as session:
            newest = select(ClusterLookRow).order_by(ClusterLookRow.tried_at.desc()).limit(1)
            return session.scalar(newest)


class FleetStore(InstanceStore):
    """What only the holder of the fleet lock may do; anything raises `LostLock` for others."""

    def __init__(self, database: Database, lock: FleetLock) -> None:
        super().__init__(database)
        self._lock = lock
        self.orders = OrderStore(database)
        self.orphans = OrphanStore(database)

    @contextmanager
    def _fenced(self) -> Iterator[Session]:
        with self._database.write() as session:
            self._lock.check(session)
            yield session

    def confirm(self) -> None:
        """Before a deed that writes nothing itself."""
        with self._fenced():
            pass

    def confirm_stray(self, job_id: str, why: str, now: datetime) -> None:
        """Before the end of a job that is no instance's own."""
        with self._fenced() as session:
            self._record(session, Event("job.cancel", {"why": why}), job_id, now)

    def intend(self, instance: Instance) -> None:
        """Write the intent of a launch, before anything is submitted (law 5)."""
        with self._fenced() as session:
            row = InstanceRow()
            fill(row, instance)
            session.add(row)
            self._record(session, launched(instance), instance.id, instance.created_at)
            bump(session, TOPIC)

    def withdraw(self, instance_id: str, now: datetime) -> None:
        """Forget an intent of which nothing whatever reached the cluster."""
        with self._fenced() as session:
            row = session.get_one(InstanceRow, instance_id)
            self._record(session, withdrawn(to_instance(row)), instance_id, now)
            session.delete(row)
            bump(session, TOPIC)

    def change(self, instance_id: str, change: Callable[[Instance], Instance]) -> None:
        """Apply `change`; raises `ForbiddenMove` when the state machine forbids its result."""
        with self._fenced() as session:
            row = session.get_one(InstanceRow, instance_id, with_for_update=True)
            before, changed = _change(row, change)
            if event := event_between(before, changed):
                self._record(session, event, instance_id, changed.state_since)
            if changed != before:
                bump(session, TOPIC)

    def carry_out(self, deeds: Collection[Deed | Fulfil], now: datetime) -> frozenset[Deed]:
        """Write down what was decided, in one transaction; returns what had been overtaken.

        A deed that no longer fits changes nothing and costs the others nothing.
        """
        if not deeds:
            return frozenset()
        overtaken: set[Deed] = set()
        changes = False
        with self._fenced() as session:
            rows = _locked(session, {d.instance_id for d in deeds if not isinstance(d, Fulfil)})
            giver = givers(session, [d.order_id for d in deeds if isinstance(d, Fulfil)])
            for deed in deeds:
                if isinstance(deed, Fulfil):
                    fulfil(session, deed.order_id, deed.outcome, now)
                    continue
                try:
                    before, changed = _apply(rows.get(deed.instance_id), deed, now)
                except ForbiddenMove as lost_race:
                    log.info("overtaken by a callback: %s", lost_race)
                    overtaken.add(deed)
                    continue
                changes |= changed != before
                if event := event_between(before, changed):
                    by = giver(changed) or FLEET
                    self._record(session, event, changed.id, now, by)
            if changes:
                # Last: whoever holds this row must not wait for an instance's.
                bump(session, TOPIC)
        return frozenset(overtaken)

    def fulfil(self, order_id: int, outcome: str, now: datetime) -> None:
        """Say of an order how it went."""
        with self._fenced() as session:
            fulfil(session, order_id, outcome, now)

    def record_orphans(self, cluster: str, orphans: tuple[Orphan, ...]) -> None:
        """Make these the cluster's orphans."""
        with self._fenced() as session:
            replace_orphans(session, cluster, orphans)

    def record_look(
        self, cluster: str, at: datetime, duration_ms: float, problem: str | None
    ) -> None:
        with self._fenced() as session:
            row = session.get(ClusterLookRow, cluster) or ClusterLookRow(cluster=cluster)
            row.tried_at, row.duration_ms, row.problem = at, duration_ms, problem or ""
            if problem is None:
                row.succeeded_at = at
            session.add(row)

    def _record(
        self, session: Session, event: Event, subject: str, now: datetime, by: str = FLEET
    ) -> None:
        _record(session, by, self._lock.holder, event, subject, now)


def _live(session: Session) -> tuple[Instance, ...]:
    # Named one by one: the index helps to find what is live, not what is not over.
    query = select(InstanceRow).where(InstanceRow.state.in_(LIVE))
    return tuple(map(to_instance, session.scalars(query)))


def _locked(session: Session, ids: set[str]) -> dict[str, InstanceRow]:
    """The rows, locked in one order so that no two transactions wait for each other."""
    query = select(InstanceRow).where(InstanceRow.id.in_(sorted(ids))).order_by(InstanceRow.id)
    return {row.id: row for row in session.scalars(query.with_for_update())}


def _apply(row: InstanceRow | None, deed: Deed, now: datetime) -> tuple[Instance, Instance]:
    """The instance before and after the deed. Raises `ForbiddenMove`."""
    if row is None:
        raise ForbiddenMove(f"{deed.instance_id}: has no row any more")
    return _change(row, lambda instance: after(deed, instance, now))


def _record(
    session: Session, actor: str, origin: str, event: Event, subject: str, now: datetime
) -> None:
    add_entry(session, actor, origin, event.action, subject, event.detail, now)


def _change(row: InstanceRow, change: Callable[[Instance], Instance]) -> tuple[Instance, Instance]:
    """The instance before and after; the row is touched only by a change that is allowed."""
    before = to_instance(row)
    changed = change(before)
    check_move(before, changed)
    if changed != before:
        fill(row, changed)
    return before, changed


def _routing_view(instance: Instance) -> tuple[object, ...]:
    """What the snapshot is made of; a mere heartbeat changes nothing of it."""
    i = instance
    return (i.state, i.node, i.port, i.job_id, i.end_reason, i.detail, i.max_model_len)
