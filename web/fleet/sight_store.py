"""Models' instances and their load, for who looks at them in a browser."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from web.database import Database
from web.fleet.evidence import LoadSample
from web.fleet.models import InstanceRow, TelemetryRow
from web.fleet.rows import to_instance
from web.fleet.states import Instance, InstanceState

SERVING = (InstanceState.READY.value, InstanceState.UNREADY.value, InstanceState.DRAINING.value)


class SightStore:
    """Raises StorageError when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live_of(self, model: str) -> tuple[Instance, ...]:
        """Its instances that are not over, the oldest first."""
        live = [state.value for state in InstanceState if not state.is_over]
        # By the index on both columns: a model may have had thousands of instances.
        own = (InstanceRow.model == model, InstanceRow.ended_at.is_(None))
        query = (
            select(InstanceRow)
            .where(*own, InstanceRow.state.in_(live))
            .order_by(InstanceRow.created_at)
        )
        with self._database.read() as session:
            return tuple(map(to_instance, session.scalars(query)))

    def past_of(self, models: Collection[str], each: int) -> dict[str, tuple[Instance, ...]]:
        """model -> the instances that ended last, at most so many of each, the newest first."""
        found = {}
        with self._database.read() as session:
            # One query each: it reads one end of an index, however long the model's past is.
            for model in models:
                query = (
                    select(InstanceRow)
                    .where(InstanceRow.model == model, InstanceRow.ended_at.is_not(None))
                    .order_by(InstanceRow.ended_at.desc())
                    .limit(each)
                )
                if past := tuple(map(to_instance, session.scalars(query))):
                    found[model] = past
        return found

    def requests_now(self) -> dict[str, tuple[int, int]]:
        """model -> (requests being answered, requests waiting), of those that serve."""
        query = (
            select(InstanceRow.model, func.sum(InstanceRow.running), func.sum(InstanceRow.waiting))
            .where(InstanceRow.state.in_(SERVING))
            .group_by(InstanceRow.model)
        )
        with self._database.read() as session:
            rows = session.execute(query)
            return {model: (int(running), int(waiting)) for model, running, waiting in rows}

    def load_of(self, model: str, since: datetime) -> tuple[LoadSample, ...]:
        """The load of the model's instances from `since` on, oldest first: of ended ones too, and
        of each from when it was ready."""
        row = TelemetryRow
        with self._database.read() as session:
            ready = _ready_since(session, model, since)
            query = (
                select(row.instance_id, row.at, row.running, row.waiting, row.kv_cache_usage)
                .where(row.instance_id.in_(sorted(ready)), row.at >= since)
                .order_by(row.at, row.id)
            )
            found = (LoadSample(*each) for each in session.execute(query))
            return tuple(each for each in found if each.at >= ready[each.instance_id])


def _ready_since(session: Session, model: str, since: datetime) -> dict[str, datetime]:
    """instance id -> when it was ready, of those that served at any time from `since` on."""
    row = InstanceRow
    columns = select(row.id, row.ready_at).where(row.model == model)
    # Two questions, because each can go by the index.
    asked = (row.ended_at.is_(None), row.ended_at >= since)
    found = (row for each in asked for row in session.execute(columns.where(each)))
    return {id_: ready_at for id_, ready_at in found if ready_at is not None}
