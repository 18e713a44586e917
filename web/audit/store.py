"""The audit log in the database. There is no way to change or to remove an entry: none here, and
triggers refuse it to everybody else (migration 0003)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from web.audit.entries import MOST_OF_AN_ACTION, Entry, safe, safe_detail
from web.audit.models import AuditRow
from web.database import Database

MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: whatever it is. `action` is one, or the beginning of several: `key` is `key.…`."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog:
    """Raises StorageError when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        actor: str,
        origin: str,
        action: str,
        subject: str,
        detail: Mapping[str, object],
        now: datetime,
    ) -> None:
        with self._database.write() as session:
            add_entry(session, actor, origin, action, subject, detail, now)

    def query(
        self, wanted: Wanted, limit: int = 100, before_id: int | None = None
    ) -> tuple[Entry, ...]:
        """The newest first; the next page is what comes before the last one's id."""
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(min(limit, MOST_ENTRIES))
        equal = ((AuditRow.actor, wanted.actor), (AuditRow.subject, wanted.subject))
        query = query.where(*(column == value for column, value in equal if value is not None))
        if wanted.action is not None:
            # LIKE would ignore case in SQLite, and read % and _ as wildcards.
            family = wanted.action.removesuffix(".") + "."
            begins = func.substr(AuditRow.action, 1, len(family)) == family
            query = query.where((AuditRow.action == wanted.action) | begins)
        if wanted.since is not None:
            query = query.where(AuditRow.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(AuditRow.at < wanted.until)
        if before_id is not None:
            query = query.where(AuditRow.id < before_id)
        with self._database.read() as session:
            return tuple(map(_entry, session.scalars(query)))


def add_entry(
    session: Session,
    actor: str,
    origin: str,
    action: str,
    subject: str,
    detail: Mapping[str, object],
    now: datetime,
) -> None:
    """In the transaction of the deed itself: either both are true or neither."""
    row = AuditRow(
        at=now,
        actor=safe(actor),
        origin=safe(origin),
        action=safe(action, MOST_OF_AN_ACTION),
        subject=safe(subject),
        detail=safe_detail(detail),
    )
    session.add(row)


def _entry(row: AuditRow) -> Entry:
    return Entry(row.id, row.at, row.actor, row.origin, row.action, row.subject, row.detail)
