"""Instances that are over, for who looks at a model's past."""

from collections.abc import Collection

from sqlalchemy import select

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
