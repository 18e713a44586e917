"""The fleet lock: who may act, until when, and in which epoch.

Each change of holder raises the epoch, and every write of the fleet process carries the epoch it
was given. A holder that was paused past its time therefore writes nothing when it wakes.

Times are those of `Database.clock()`, one for all hosts. Should a clock be set back all the same,
the lock of a holder that died is not stuck for that long: a row that does not change for as long
as a lock lives, by the monotonic clock of whoever waits, has nobody who renews it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

    def __init__(
        self,
        database: Database,
        holder: str,
        life_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self.holder = holder
        self._life_s = life_s
        self._monotonic = monotonic
        self.epoch: int | None = None
        self._tenure: int | None = None
        # Another holder's row, and since when it has looked like that.
        self._seen: tuple[object, float] = (None, 0.0)

    def acquire(self, now: datetime) -> bool:
        """Take or renew the lock. False while another holder's time runs."""
        with self._database.write() as session:
            row = session.get(LockRow, FLEET, with_for_update=True)
            if row is None:
                row = LockRow(name=FLEET, holder="", epoch=0, expires_at=now)
                session.add(row)
            ours = row.holder == self.holder and row.epoch == self.epoch
            if not ours:
                if row.holder and row.expires_at > now and self._is_renewed(row):
                    self.epoch = None
                    return False
                row.holder = self.holder
                row.epoch += 1
            row.expires_at = now + timedelta(seconds=self._life_s)
            epoch = row.epoch
        self.epoch = epoch
        return True

    def _is_renewed(self, row: LockRow) -> bool:
        now_s, looks = self._monotonic(), (row.holder, row.epoch, row.expires_at)
        if self._seen[0] != looks:
            self._seen = (looks, now_s)
        return now_s - self._seen[1] < self._life_s

    def release(self, now: datetime) -> None:
        """Give the lock up, so that a successor need not wait for its expiry."""
        with self._database.write() as session:
            row = session.get(LockRow, FLEET, with_for_update=True)
            if row is not None and row.holder == self.holder and row.epoch == self.epoch:
                row.holder = ""
                row.expires_at = now
        self.epoch = None

    @contextmanager
    def tenure(self) -> Iterator[None]:
        """Within it, `check` holds to the epoch of its beginning.

        What was planned in one epoch must not be carried out in another, even if that is ours
        again: somebody else has acted in between. Raises `LostLock` when there is none to begin.
        """
        self._tenure = self.epoch
        if self._tenure is None:
            raise LostLock(f"{self.holder} does not hold the fleet lock")
        try:
            yield
        finally:
            self._tenure = None

    def check(self, session: Session) -> None:
        """Within a write transaction: refuse to go on unless the lock is still ours."""
        ours = self.epoch if self._tenure is None else self._tenure
        query = select(LockRow.holder, LockRow.epoch).where(LockRow.name == FLEET)
        row = session.execute(query.with_for_update()).one_or_none()
        if row is None or tuple(row) != (self.holder, ours):
            raise LostLock(f"{self.holder} no longer holds the fleet lock")


def holder_of(database: Database, now: datetime) -> str | None:
    """Who holds the lock just now; None when nobody does."""
    with database.read() as session:
        row = session.get(LockRow, FLEET)
        return row.holder if row is not None and row.holder and row.expires_at > now else None
