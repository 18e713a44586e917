"""One model's instances and their load, for who looks at it in a browser."""

from datetime import datetime

from sqlalchemy import func, or_, select

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
        query = (
            select(InstanceRow)
            .where(InstanceRow.state.in_(live), InstanceRow.model == model)
            .order_by(InstanceRow.created_at)
        )
        with self._database.read() as session:
            return tuple(map(to_instance, session.scalars(query)))

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
        row, owner = TelemetryRow, InstanceRow
        query = (
            select(row.instance_id, row.at, row.running, row.waiting, row.kv_cache_usage)
            .join(owner, owner.id == row.instance_id)
            .where(owner.model == model, or_(owner.ended_at.is_(None), owner.ended_at >= since))
            .where(row.at >= since, row.at >= owner.ready_at)
            .order_by(row.at, row.id)
        )
        with self._database.read() as session:
            return tuple(LoadSample(*found) for found in session.execute(query))
