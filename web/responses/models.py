"""Responses that can be asked for by their id."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from web.database import Base, UtcDateTime


class ResponseRow(Base):
    """Where a response is kept; of its content nothing is."""

    __tablename__ = "responses"

    id: Mapped[str] = mapped_column(String(160), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(16))
    user: Mapped[str] = mapped_column("user_name", String(255))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
