"""Sessions in the database, by the digests of their tokens."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from web.database import Database
from web.identity.account_store import account_of, log_out
from web.identity.accounts import Account
from web.identity.models import SessionRow, UserRow


@dataclass(frozen=True, slots=True)
class Stored:
    """A session and, as they are just now, whose it is."""

    digest: str
    began_at: datetime
    ends_at: datetime
    account: Account


class SessionStore:
    """Raises StorageError when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, digest: str, user: str, began_at: datetime, ends_at: datetime) -> None:
        """Those that are over at `began_at` go: logging in is rare, and nobody else would."""
        with self._database.write() as session:
            session.execute(delete(SessionRow).where(SessionRow.ends_at <= began_at))
            session.add(SessionRow(digest=digest, user=user, began_at=began_at, ends_at=ends_at))

    def find(self, digests: Collection[str], now: datetime) -> Stored | None:
        """The session with one of these digests, unless it is over. One query."""
        query = (
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.name == SessionRow.user)
            .where(SessionRow.digest.in_(digests), SessionRow.ends_at > now)
        )
        with self._database.read() as session:
            found = session.execute(query).first()
        if found is None:
            return None
        row, owner = found
        return Stored(row.digest, row.began_at, row.ends_at, account_of(owner))

    def extend(self, digest: str, ends_at: datetime) -> None:
        """What has been ended meanwhile stays so."""
        moved = update(SessionRow).where(SessionRow.digest == digest).values(ends_at=ends_at)
        with self._database.write() as session:
            session.execute(moved)

    def end(self, digests: Collection[str]) -> None:
        with self._database.write() as session:
            session.execute(delete(SessionRow).where(SessionRow.digest.in_(digests)))

    def end_all(self, user: str) -> None:
        with self._database.write() as session:
            log_out(session, user)
