"""Instances that are over, for who looks at a model's past."""

from collections.abc import Collection

from sqlalchemy import func, select

from web.database import Database
from web.fleet.models import InstanceRow
from web.fleet.rows import to_instance
from web.fleet.states import Instance


class PastStore:
    """Raises StorageError when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_of(self, models: Collection[str], each: int) -> dict[str, tuple[Instance, ...]]:
        """model -> the instances that ended last, at most so many of each, the newest first."""
        newest = func.row_number().over(
            partition_by=InstanceRow.model, order_by=InstanceRow.ended_at.desc()
        )
        wheres = [InstanceRow.model.in_(models), InstanceRow.ended_at.is_not(None)]
        ranked = select(InstanceRow.id, newest.label("rank")).where(*wheres).subquery()
        query = (
            select(InstanceRow)
            .join(ranked, ranked.c.id == InstanceRow.id)
            .where(ranked.c.rank <= each)
            .order_by(InstanceRow.ended_at.desc())
        )
        found: dict[str, tuple[Instance, ...]] = {}
        with self._database.read() as session:
            for row in session.scalars(query):
                found[row.model] = (*found.get(row.model, ()), to_instance(row))
        return found
