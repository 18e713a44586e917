"""Instances in the database. Every change of what routing sees raises the topic's version.

The fleet process writes through `FleetStore`, whose every transaction first checks that the fleet
lock is still ours. The gateway workers write only what workers call back (`receive`).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from web.database import Database, bump
from web.fleet.models import ClusterLookRow, InstanceRow, TelemetryRow
from web.fleet.states import MOVES, EndReason, Instance, InstanceState, Load
from web.lock.store import FleetLock

TOPIC = "fleet"
OVER = (InstanceState.STOPPED.value, InstanceState.FAILED.value)
HISTORY_PER_MODEL = 8

_PLAIN = tuple(f.name for f in fields(Instance) if f.name not in ("state", "end_reason", "load"))


class ForbiddenMove(Exception):
    """The state machine has no such move: a race was lost, nothing was written."""


class InstanceStore:
    """What everybody may do: read, and take a worker's callback."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live(self) -> tuple[Instance, ...]:
        with self._database.read() as session:
            rows = session.scalars(select(InstanceRow).where(InstanceRow.state.not_in(OVER)))
            return tuple(map(_to_instance, rows))

    def live_or_named(self, ids: Iterable[str]) -> tuple[Instance, ...]:
        """The live instances, and those of `ids` that are over."""
        wanted = or_(InstanceRow.state.not_in(OVER), InstanceRow.id.in_(list(ids)))
        with self._database.read() as session:
            return tuple(map(_to_instance, session.scalars(select(InstanceRow).where(wanted))))

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
                found.setdefault(row.model, []).append(_to_instance(row))
        return {model: tuple(instances) for model, instances in found.items()}

    def find(self, instance_id: str) -> Instance | None:
        with self._database.read() as session:
            row = session.get(InstanceRow, instance_id)
            return _to_instance(row) if row is not None else None

    def loads(self) -> dict[str, tuple[datetime | None, int]]:
        """instance id -> (heartbeat, running and waiting requests) of those that are ready."""
        query = select(
            InstanceRow.id, InstanceRow.heartbeat_at, InstanceRow.running + InstanceRow.waiting
        ).where(InstanceRow.state == InstanceState.READY.value)
        with self._database.read() as session:
            return {id_: (at, requests) for id_, at, requests in session.execute(query).tuples()}

    def receive(
        self,
        instance_id: str,
        change: Callable[[Instance], Instance],
        telemetry_limit: int,
    ) -> None:
        """Change an instance as a worker's callback demands; `change` may raise to refuse."""
        with self._database.write() as session:
            row = session.get_one(InstanceRow, instance_id, with_for_update=True)
            before = _to_instance(row)
            after = change(before)
            _write(row, before, after)
            if after.heartbeat_at != before.heartbeat_at:
                _keep_telemetry(session, after, telemetry_limit)
            if _routing_view(before) != _routing_view(after):
                bump(session, TOPIC)

    def last_look(self) -> ClusterLookRow | None:
        """The newest look at a cluster, whether it succeeded or not."""
        with self._database.read() as session:
            newest = select(ClusterLookRow).order_by(ClusterLookRow.tried_at.desc()).limit(1)
            return session.scalar(newest)


class FleetStore(InstanceStore):
    """What only the holder of the fleet lock may do."""

    def __init__(self, database: Database, lock: FleetLock) -> None:
        super().__init__(database)
        self._lock = lock

    @contextmanager
    def _fenced(self) -> Iterator[Session]:
        with self._database.write() as session:
            self._lock.check(session)
            yield session

    def intend(self, instance: Instance) -> None:
        """Write the intent of a launch, before anything is submitted (law 5)."""
        with self._fenced() as session:
            row = InstanceRow()
            _fill(row, instance)
            session.add(row)
            bump(session, TOPIC)

    def withdraw(self, instance_id: str) -> None:
        """Forget an intent of which nothing whatever reached the cluster."""
        with self._fenced() as session:
            session.delete(session.get_one(InstanceRow, instance_id))
            bump(session, TOPIC)

    def change(self, instance_id: str, change: Callable[[Instance], Instance]) -> None:
        """Apply `change`; raises `ForbiddenMove` when the state machine forbids its result."""
        with self._fenced() as session:
            row = session.get_one(InstanceRow, instance_id, with_for_update=True)
            before = _to_instance(row)
            after = change(before)
            if after != before:
                _write(row, before, after)
                bump(session, TOPIC)

    def record_look(
        self, cluster: str, at: datetime, duration_ms: float, problem: str | None
    ) -> None:
        with self._fenced() as session:
            row = session.get(ClusterLookRow, cluster) or ClusterLookRow(cluster=cluster)
            row.tried_at, row.duration_ms, row.problem = at, duration_ms, problem or ""
            if problem is None:
                row.succeeded_at = at
            session.add(row)


def moved(instance: Instance, state: InstanceState, now: datetime) -> Instance:
    """The instance in another state, with its milestones set. No-op for the same state."""
    if state is instance.state:
        return instance
    after = replace(instance, state=state, state_since=now)
    if state is InstanceState.STARTING:
        after = replace(after, running_since=now)
    elif state is InstanceState.READY and after.ready_at is None:
        after = replace(after, ready_at=now)
    elif state is InstanceState.PENDING:
        after = replace(after, node=None, port=None, running_since=None)
    if state.is_over:
        after = replace(after, ended_at=now)
    return after


def _write(row: InstanceRow, before: Instance, after: Instance) -> None:
    if after.state is not before.state and after.state not in MOVES[before.state]:
        raise ForbiddenMove(f"{before.id}: {before.state} cannot become {after.state}")
    _fill(row, after)


def _fill(row: InstanceRow, instance: Instance) -> None:
    for name in _PLAIN:
        setattr(row, name, getattr(instance, name))
    row.state = instance.state.value
    row.end_reason = instance.end_reason.value if instance.end_reason else None
    row.running = instance.load.running
    row.waiting = instance.load.waiting
    row.kv_cache_usage = instance.load.kv_cache_usage
    row.tokens = instance.load.tokens


def _to_instance(row: InstanceRow) -> Instance:
    return Instance(
        state=InstanceState(row.state),
        end_reason=EndReason(row.end_reason) if row.end_reason else None,
        load=Load(row.running, row.waiting, row.kv_cache_usage, row.tokens),
        **{name: getattr(row, name) for name in _PLAIN},
    )


def _routing_view(instance: Instance) -> tuple[object, ...]:
    """What the snapshot is made of; a mere heartbeat changes nothing of it."""
    i = instance
    return (i.state, i.node, i.port, i.job_id, i.end_reason, i.detail, i.max_model_len)


def _keep_telemetry(session: Session, instance: Instance, limit: int) -> None:
    session.add(
        TelemetryRow(
            instance_id=instance.id,
            at=instance.heartbeat_at,
            running=instance.load.running,
            waiting=instance.load.waiting,
            kv_cache_usage=instance.load.kv_cache_usage,
        )
    )
    session.flush()
    kept = (
        select(TelemetryRow.id)
        .where(TelemetryRow.instance_id == instance.id)
        .order_by(TelemetryRow.id.desc())
        .limit(limit)
    )
    session.execute(
        delete(TelemetryRow).where(
            TelemetryRow.instance_id == instance.id, TelemetryRow.id.not_in(kept)
        )
    )
