"""Demand in the database: one row per model, written in batches by the gateway workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from web.database import Database, bump
from web.demand.models import DemandRow

TOPIC = "demand"
"""The version counter that wakes the fleet process; raised only for cold models."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How often a model was asked for, and when last (UTC)."""

    requests: int
    last_at: datetime

    def plus(self, other: "Asked | None") -> "Asked":
        if other is None:
            return self
        return Asked(self.requests + other.requests, max(self.last_at, other.last_at))


class DemandStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, asked: Mapping[str, Asked], *, cold: bool) -> None:
        """Add what was asked for since the last call, by model."""
        with self._database.write() as session:
            for model, since in sorted(asked.items()):
                row = session.get(DemandRow, model, with_for_update=True)
                if row is None:
                    row = DemandRow(model=model, asked_at=since.last_at, requests=since.requests)
                    session.add(row)
                else:
                    row.asked_at = max(row.asked_at, since.last_at)
                    row.requests += since.requests
            if cold:
                bump(session, TOPIC)

    def asked_at(self) -> dict[str, datetime]:
        """model -> when it was last asked for."""
        with self._database.read() as session:
            rows = session.execute(select(DemandRow.model, DemandRow.asked_at))
            return dict(rows.all())
