"""Demand in the database: one row per model, written in batches by the gateway workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from web.database import Database, bump
from web.demand.models import DemandRow

TOPIC = "demand"
"""The version counter that wakes the fleet process; raised only for cold models."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When a model was last asked for that nobody asks for any more."""


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

    def ask(self, model: str, now: datetime) -> tuple[Asked | None, Asked]:
        """Ask for a model once, for a person; what was asked of it before, and is now.

        Whoever comes back with that number of requests knows whether anybody else has asked since.
        """
        with self._database.write() as session:
            row = session.get(DemandRow, model, with_for_update=True)
            before = Asked(row.requests, row.asked_at) if row is not None else None
            if row is None:
                row = DemandRow(model=model, requests=0)
                session.add(row)
            row.requests, row.asked_at = row.requests + 1, now
            bump(session, TOPIC)
            return before, Asked(row.requests, now)

    def withdraw(self, model: str, requests: int) -> bool:
        """Ask no more, if nobody has asked since there were so many requests; whether that was."""
        with self._database.write() as session:
            row = session.get(DemandRow, model, with_for_update=True)
            if row is None or row.requests != requests:
                return False
            row.asked_at = LONG_AGO
            return True

    def of_model(self, model: str) -> Asked | None:
        """What was asked of one model."""
        with self._database.read() as session:
            row = session.get(DemandRow, model)
            return Asked(row.requests, row.asked_at) if row is not None else None

    def asked_at(self) -> dict[str, datetime]:
        """model -> when it was last asked for."""
        with self._database.read() as session:
            rows = session.execute(select(DemandRow.model, DemandRow.asked_at))
            return dict(rows.all())
