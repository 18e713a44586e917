"""The fleet lock: who may act, until when, and in which epoch.

Each change of holder raises the epoch, and every write of the fleet process carries the epoch it
was given. A holder that was paused past its time therefore writes nothing when it wakes.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from web.database import Database
from web.lock.models import LockRow

FLEET = "fleet"


class LostLock(Exception):
    """Another process holds the lock now: stop acting."""


class FleetLock:
    """`holder` names this process for admins; it must be unique per process."""

    def __init__(self, database: Database, holder: str, life_s: float) -> None:
        self._database = database
        self.holder = holder
        self._life = timedelta(seconds=life_s)
        self.epoch: int | None = None

    def acquire(self, now: datetime) -> bool:
        """Take or renew the lock. False while another holder's time runs."""
        with self._database.write() as session:
            row = session.get(LockRow, FLEET, with_for_update=True)
            if row is None:
                row = LockRow(name=FLEET, holder="", epoch=0, expires_at=now)
                session.add(row)
            ours = row.holder == self.holder and row.epoch == self.epoch
            if not ours:
                if row.holder and row.expires_at > now:
                    self.epoch = None
                    return False
                row.holder = self.holder
                row.epoch += 1
            row.expires_at = now + self._life
            epoch = row.epoch
        self.epoch = epoch
        return True

    def release(self, now: datetime) -> None:
        """Give the lock up, so that a successor need not wait for its expiry."""
        with self._database.write() as session:
            row = session.get(LockRow, FLEET, with_for_update=True)
            if row is not None and row.holder == self.holder and row.epoch == self.epoch:
                row.holder = ""
                row.expires_at = now
        self.epoch = None

    def check(self, session: Session) -> None:
        """Within a write transaction: refuse to go on unless the lock is still ours."""
        query = select(LockRow.epoch).where(LockRow.name == FLEET).with_for_update()
        if self.epoch is None or session.scalar(query) != self.epoch:
            raise LostLock(f"{self.holder} no longer holds the fleet lock")


def holder_of(database: Database, now: datetime) -> str | None:
    """Who holds the lock just now; None when nobody does."""
    with database.read() as session:
        row = session.get(LockRow, FLEET)
        return row.holder if row is not None and row.holder and row.expires_at > now else None
