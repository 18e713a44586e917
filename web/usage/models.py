"""The tables of the accounts."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from web.database import Base, UtcDateTime

HOUR_S = 3600


class UtcHour(TypeDecorator[datetime]):
    """The beginning of an hour, aware and in UTC; kept as the hours since 1970.

    A million rows are scanned in half the time that they take with a date's 26 letters.
    """

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime must not reach the database")
        return int(value.timestamp() // HOUR_S) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value * HOUR_S, UTC)


class Counted:
    """What every row counts; the names are those of `web.usage.lines.Line`."""

    requests: Mapped[int] = mapped_column(BigInteger, default=0)
    # Those that an engine or the gateway failed; and those that their client left.
    errors: Mapped[int] = mapped_column(BigInteger, default=0)
    aborted: Mapped[int] = mapped_column(BigInteger, default=0)
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    completion_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    # Of the tokens above, those of aborted requests, which no engine told: estimates.
    estimated_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    duration_s: Mapped[float] = mapped_column(Float, default=0.0)


class UsageRow(Counted, Base):
    """What one user did by one key with one model in one hour. Rows are never deleted.

    A key is one user's, but for the name that stands for the playground, which all users share.
    """

    __tablename__ = "usage_hours"
    __table_args__ = (
        Index("ix_usage_hours_user_name_hour", "user_name", "hour"),
        # Rows in the order of the key: a month is read from one stretch of the file.
        {"sqlite_with_rowid": False},
    )

    hour: Mapped[datetime] = mapped_column(UtcHour, primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    model: Mapped[str] = mapped_column(String(255), primary_key=True)
    user: Mapped[str] = mapped_column("user_name", String(255), primary_key=True)


class UsageWriterRow(Base):
    """The last batch that each writer has written: a batch repeated in doubt counts once."""

    __tablename__ = "usage_writers"

    writer: Mapped[str] = mapped_column(String(64), primary_key=True)
    batch: Mapped[int] = mapped_column(BigInteger)
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UserModelSumRow(Counted, Base):
    """The sums of the hours by user, day or month, and model (see `web.usage.spans`)."""

    __tablename__ = "usage_by_user_model"
    __table_args__ = ({"sqlite_with_rowid": False},)

    user: Mapped[str] = mapped_column("user_name", String(255), primary_key=True)
    period: Mapped[int] = mapped_column(Integer, primary_key=True)
    model: Mapped[str] = mapped_column(String(255), primary_key=True)


class ModelSumRow(Counted, Base):
    """The same, of all users together."""

    __tablename__ = "usage_by_model"
    __table_args__ = ({"sqlite_with_rowid": False},)

    period: Mapped[int] = mapped_column(Integer, primary_key=True)
    model: Mapped[str] = mapped_column(String(255), primary_key=True)


class UserSumRow(Counted, Base):
    """The same, of all models together."""

    __tablename__ = "usage_by_user"
    __table_args__ = ({"sqlite_with_rowid": False},)

    period: Mapped[int] = mapped_column(Integer, primary_key=True)
    user: Mapped[str] = mapped_column("user_name", String(255), primary_key=True)
