"""How often logins failed lately, in the database: by user name and by origin, as digests."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.orm import Session

from web.database import Database, UtcDateTime
from web.identity.models import LoginFailuresRow

FORGET_AFTER = timedelta(hours=1)
MOST_KEPT = 20_000
_SWEEP_INTERVAL = timedelta(minutes=1)

# SQLite and PostgreSQL spell it alike. Two who fail for the first time do not collide.
_ADD = text(
    "INSERT INTO login_failures (key, failures, last_at) VALUES (:key, 0, :now) "
    "ON CONFLICT (key) DO NOTHING"
).bindparams(bindparam("now", type_=UtcDateTime))

Pause = Callable[[int], float]


class FailureStore:
    """Raises StorageError when the database is away."""

    def __init__(self, database: Database, most_kept: int = MOST_KEPT) -> None:
        self._database = database
        self._most_kept = most_kept
        self._swept_at: datetime | None = None

    def begin(self, pauses: Mapping[str, Pause], now: datetime) -> float:
        """Seconds until an attempt may be made; 0.0: now, and it counts as failed for every key.

        pauses: key -> seconds of silence after so many failures.
        """
        with self._database.read() as session:
            query = select(LoginFailuresRow).where(LoginFailuresRow.key.in_(pauses))
            wait_s = _wait_s(session.scalars(query), pauses, now)
        # Most refusals end here, without a write: guessing must not keep others from writing.
        return wait_s if wait_s > 0 else self._count(pauses, now)

    def _count(self, pauses: Mapping[str, Pause], now: datetime) -> float:
        with self._database.write() as session:
            for key in sorted(pauses):
                session.execute(_ADD, {"key": key, "now": now})
            rows = _locked(session, pauses)
            wait_s = _wait_s(rows, pauses, now)
            if wait_s > 0:
                return wait_s
            for row in rows:
                row.failures = 1 if _is_over(row, now) else row.failures + 1
                row.last_at = now
            self._sweep(session, now)
        return 0.0

    def forgive(self, most: Mapping[str, int | None]) -> None:
        """Take so many failures back from each key; None: all of them."""
        with self._database.write() as session:
            for row in _locked(session, most):
                less = most[row.key]
                row.failures = 0 if less is None else max(0, row.failures - less)
                if row.failures == 0:
                    session.delete(row)

    def _sweep(self, session: Session, now: datetime) -> None:
        if self._swept_at is not None and now - self._swept_at < _SWEEP_INTERVAL:
            return
        self._swept_at = now
        session.flush()
        at = LoginFailuresRow.last_at
        session.execute(delete(LoginFailuresRow).where(at < now - FORGET_AFTER))
        newest = select(at).order_by(at.desc()).offset(self._most_kept).limit(1)
        limit = session.scalar(newest)
        if limit is not None:
            session.execute(delete(LoginFailuresRow).where(at <= limit))


def _wait_s(rows: Iterable[LoginFailuresRow], pauses: Mapping[str, Pause], now: datetime) -> float:
    return max((_left_s(row, pauses[row.key], now) for row in rows), default=0.0)


def _left_s(row: LoginFailuresRow, pause: Pause, now: datetime) -> float:
    if _is_over(row, now):
        return 0.0
    return pause(row.failures) - (now - row.last_at).total_seconds()


def _is_over(row: LoginFailuresRow, now: datetime) -> bool:
    return now - row.last_at >= FORGET_AFTER


def _locked(session: Session, keys: Iterable[str]) -> list[LoginFailuresRow]:
    query = select(LoginFailuresRow).where(LoginFailuresRow.key.in_(list(keys)))
    # In one order, so that two attempts never wait for each other.
    return list(session.scalars(query.order_by(LoginFailuresRow.key).with_for_update()))
