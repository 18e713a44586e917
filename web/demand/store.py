"""Demand in the database: one row per model, written in batches by the gateway workers."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from web.database import Database, bump
from web.demand.models import DemandRow

TOPIC = "demand"
"""The version counter that wakes the fleet process; raised only for cold models."""


class DemandStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, counts: Mapping[str, int], now: datetime, *, cold: bool) -> None:
        """Add model -> number of requests since the last call."""
        with self._database.write() as session:
            for model, count in sorted(counts.items()):
                row = session.get(DemandRow, model, with_for_update=True)
                if row is None:
                    session.add(DemandRow(model=model, asked_at=now, requests=count))
                else:
                    row.asked_at = max(row.asked_at, now)
                    row.requests += count
            if cold:
                bump(session, TOPIC)

    def asked_at(self) -> dict[str, datetime]:
        """model -> when it was last asked for."""
        with self._database.read() as session:
            rows = session.execute(select(DemandRow.model, DemandRow.asked_at))
            return dict(rows.tuples().all())
