"""When each model was last asked for."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from web.database import Base, UtcDateTime


class DemandRow(Base):
    __tablename__ = "demand"

    model: Mapped[str] = mapped_column(String(255), primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    requests: Mapped[int] = mapped_column(BigInteger, default=0)
