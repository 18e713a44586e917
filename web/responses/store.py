"""Responses' whereabouts in the database, for the gateway's other processes and its next start."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete

from web.database import Database
from web.responses.models import ResponseRow

# Engines keep responses in memory, at the longest for as long as their job lives.
KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a response is, and whose it is."""

    id: str
    instance_id: str
    user: str
    made_at: datetime


class ResponseStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, made: Iterable[Whereabouts], now: datetime) -> None:
        """Also forgets what is too old to be anywhere."""
        with self._database.write() as session:
            session.execute(delete(ResponseRow).where(ResponseRow.made_at < now - KEPT_FOR))
            for each in made:
                session.merge(
                    ResponseRow(
                        id=each.id,
                        instance_id=each.instance_id,
                        user=each.user,
                        made_at=each.made_at,
                    )
                )

    def find(self, response_id: str) -> Whereabouts | None:
        with self._database.read() as session:
            row = session.get(ResponseRow, response_id)
            if row is None:
                return None
            return Whereabouts(row.id, row.instance_id, row.user, row.made_at)
