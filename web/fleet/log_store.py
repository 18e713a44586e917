"""Ends of instances' logs, on their way from the cluster to an administrator's browser.

A gateway worker asks, the fleet process reads and answers, and some minutes later it is gone
(docs/decisions/0017): what an engine prints can be anybody's prompt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from web.database import Database, bump
from web.fleet.models import LogTailRow

TOPIC = "logs"
"""The version counter that wakes the fleet process."""

KEPT_FOR = timedelta(minutes=5)
MOST_CHARACTERS = 65_536


@dataclass(frozen=True, slots=True)
class LogTail:
    """What was read of one instance's log; `read_at` is None until somebody has answered.

    `problem` says why there is nothing; the text of before then still stands.
    """

    instance_id: str
    asked_at: datetime
    read_at: datetime | None
    text: str
    problem: str

    @property
    def is_awaited(self) -> bool:
        return self.read_at is None or self.read_at < self.asked_at


class LogStore:
    """Raises StorageError, and in `answer` whatever `allowed` raises."""

    def __init__(
        self, database: Database, allowed: Callable[[Session], None] = lambda _: None
    ) -> None:
        """`allowed` is called within a transaction that answers: it raises when we may not."""
        self._database = database
        self._allowed = allowed

    def ask(self, instance_id: str, now: datetime) -> None:
        """Have the end of the log read, once more if it was read before."""
        with self._database.write() as session:
            row = session.get(LogTailRow, instance_id, with_for_update=True)
            if row is None:
                row = LogTailRow(instance_id=instance_id, read_at=None, text="", problem="")
                session.add(row)
            row.asked_at = now
            bump(session, TOPIC)

    def find(self, instance_id: str) -> LogTail | None:
        with self._database.read() as session:
            row = session.get(LogTailRow, instance_id)
            return _tail(row) if row is not None else None

    def version(self) -> int:
        """Another number whenever somebody has asked."""
        return self._database.versions().get(TOPIC, 0)

    def awaited(self) -> tuple[str, ...]:
        """The instances whose logs are to be read, the first asked first."""
        unread = or_(LogTailRow.read_at.is_(None), LogTailRow.read_at < LogTailRow.asked_at)
        query = select(LogTailRow.instance_id).where(unread).order_by(LogTailRow.asked_at)
        with self._database.read() as session:
            return tuple(session.scalars(query))

    def answer(self, instance_id: str, text: str, problem: str, now: datetime) -> None:
        """What was read, or why nothing could be; a problem leaves what was read before."""
        with self._database.write() as session:
            self._allowed(session)
            row = session.get(LogTailRow, instance_id, with_for_update=True)
            if row is not None:
                row.read_at, row.problem = now, problem
                row.text = row.text if problem else text[-MOST_CHARACTERS:]

    def forget(self, now: datetime) -> int:
        """Remove what nobody has asked for lately; how many there were."""
        old = LogTailRow.asked_at < now - KEPT_FOR
        with self._database.read() as session:
            if session.scalar(select(LogTailRow.instance_id).where(old).limit(1)) is None:
                return 0
        with self._database.write() as session:
            self._allowed(session)
            gone = session.execute(delete(LogTailRow).where(old).returning(LogTailRow.instance_id))
            return len(gone.all())


def _tail(row: LogTailRow) -> LogTail:
    return LogTail(row.instance_id, row.asked_at, row.read_at, row.text, row.problem)
