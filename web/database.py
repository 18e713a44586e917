"""The database: engine, transactions, migrations. SQLite by default, PostgreSQL by URL.

SQLite runs in WAL, so readers never wait; a write transaction takes its lock at once
(BEGIN IMMEDIATE), so two writers queue up for at most BUSY_TIMEOUT_S instead of failing half-way
with SQLITE_BUSY.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    String,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from web.clock import ServerClock, utc_now

BUSY_TIMEOUT_S = 5
FIRST_PAUSE_S, MOST_PAUSE_S = 0.001, 0.03
IDLE_TRANSACTION_S = 5
MIGRATIONS = Path(__file__).with_name("migrations")

StorageError = SQLAlchemyError
"""What every query raises when the database is away, locked, full or out of connections."""


def why(error: StorageError) -> str:
    """The driver's own words where it has some, without the statement and its values."""
    return str(getattr(error, "orig", None) or type(error).__name__)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python whatever the database keeps (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime must not reach the database")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None or not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The metadata every feature's `models.py` registers its tables on."""


class Version(Base):
    """A counter per topic, raised inside the transaction that changes the topic."""

    __tablename__ = "versions"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)


class Database:
    """Short transactions only: `with database.read() as session`, `with database.write() as …`."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """`durable`: on SQLite, a commit waits for the disk, so a power cut loses nothing.

        A gateway worker does without: waiting for the disk would stop all its streams, and what it
        writes (load, demand, reports of workers) is told again or can be missed.
        """
        self.url = url
        self._engine = _create_engine(url, durable)
        self._writing_engine = self._engine.execution_options(kscope_write=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Commits at the end, rolls back on any exception."""
        with Session(self._writing_engine, expire_on_commit=False) as session, session.begin():
            yield session

    def versions(self) -> dict[str, int]:
        """topic -> counter: the cheap question "has anything changed?"."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(Version.name, Version.value))
            return {row.name: row.value for row in rows}

    def clock(self) -> Callable[[], datetime]:
        """What time it is, aware and in UTC, for all hosts that share this database alike.

        By PostgreSQL's own clock; by this host's with SQLite, which no second host can share.
        The callable never raises, from any thread, and waits for the server only until the first
        answer (`web.clock.ServerClock`).
        """
        return ServerClock(self._server_time) if self._is_postgresql else utc_now

    def _server_time(self) -> datetime:
        with self._engine.connect() as connection:
            # now() would be the start of the transaction.
            told: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return told

    @property
    def _is_postgresql(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    def migrate(self) -> None:
        """Bring the schema to the newest revision; safe to call from several hosts at once."""
        if self._is_newest():
            return
        # Only here: it takes longer to import than all the rest, and most processes never migrate.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._writing_engine.begin() as connection:
            _wait_for_other_migrations(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _is_newest(self) -> bool:
        """Whether the schema is at the newest revision; False when that cannot be told."""
        newest = max(
            path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("0*.py")
        )
        try:
            with self._engine.connect() as connection:
                found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
                return found.scalars().all() == [newest]
        except StorageError:
            return False

    def close(self) -> None:
        self._engine.dispose()


def bump(session: Session, topic: str) -> None:
    """Raise a topic's counter in the running transaction, and keep other raisers waiting for it."""
    session.execute(_BUMP, {"topic": topic})


# One statement, so that two who raise a topic for the very first time do not collide either.
# SQLite and PostgreSQL spell it alike.
_BUMP = text(
    "INSERT INTO versions (name, value) VALUES (:topic, 1) "
    "ON CONFLICT (name) DO UPDATE SET value = versions.value + 1"
)


def _wait_for_other_migrations(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # However long the others take, and however long one revision of ours.
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        # Any constant will do as long as all gateways use the same: "kscope" in base 36.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1256093870)")


def _create_engine(url: str, durable: bool) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return _create_postgresql_engine(url)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    synchronous = "FULL" if durable else "NORMAL"
    event.listen(engine, "connect", partial(_prepare_sqlite_connection, synchronous))
    event.listen(engine, "begin", _begin_sqlite_transaction)
    return engine


def _create_postgresql_engine(url: str) -> Engine:
    patience = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
    engine = create_engine(url, pool_pre_ping=True, connect_args=patience)
    event.listen(engine, "connect", _prepare_postgresql_connection)
    return engine


def _prepare_postgresql_connection(connection: Any, _record: object) -> None:
    # A process that is paused within a transaction, or whose host is gone, would keep its locks,
    # and with them the fleet lock, for as long as TCP believes in it. By SET, because connection
    # poolers refuse what is sent as start-up options.
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TRANSACTION_S}s'")
        cursor.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_S}s'")
    connection.commit()


def _prepare_sqlite_connection(synchronous: str, connection: Any, _record: object) -> None:
    # The driver's own implicit BEGIN comes too late and takes no write lock; we send our own.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite_transaction(connection: Connection) -> None:
    if not connection.get_execution_options().get("kscope_write", False):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite's own waiting is a sleep in C: in a gateway worker it would stop every stream.
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        _begin_to_write(connection)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")


def _begin_to_write(connection: Connection) -> None:
    """Wait for our turn, at most BUSY_TIMEOUT_S; other greenlets go on meanwhile."""
    deadline_s, pause_s = time.monotonic() + BUSY_TIMEOUT_S, FIRST_PAUSE_S
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            code = getattr(error.orig, "sqlite_errorcode", None)
            if code != sqlite3.SQLITE_BUSY or time.monotonic() + pause_s > deadline_s:
                raise
        else:
            return
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, MOST_PAUSE_S)
