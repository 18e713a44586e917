"""The tables of the accounts."""

from datetime import datetime

from sqlalchemy import BigInteger, Float, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from web.database import Base, UtcDateTime


class UsageRow(Base):
    """What one key did with one model in one hour."""

    __tablename__ = "usage_hours"
    __table_args__ = (Index("ix_usage_hours_user_name_hour", "user_name", "hour"),)

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    model: Mapped[str] = mapped_column(String(255), primary_key=True)
    user: Mapped[str] = mapped_column("user_name", String(255))
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


class UsageWriterRow(Base):
    """The last batch that each writer has written: a batch repeated in doubt counts once."""

    __tablename__ = "usage_writers"

    writer: Mapped[str] = mapped_column(String(64), primary_key=True)
    batch: Mapped[int] = mapped_column(BigInteger)
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
