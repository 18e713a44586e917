"""The audit log's table. Rows are added, never changed."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from web.database import Base, UtcDateTime


class AuditRow(Base):
    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"), Index("ix_audit_actor_at", "actor", "at"))

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    # A user's name, `cli:<login name>`, or `fleet`.
    actor: Mapped[str] = mapped_column(String(255))
    # The client's address, or the host of the command line.
    origin: Mapped[str] = mapped_column(String(255))
    # such as key.create, user.disable, login.failed, instance.launch
    action: Mapped[str] = mapped_column(String(64))
    # What it was done to: a key's id, a user, a model, an instance.
    subject: Mapped[str] = mapped_column(String(255))
    detail: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
