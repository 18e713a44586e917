"""The table of limits: one row for each whom something is limited."""

from sqlalchemy import BigInteger, Float, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from web.database import Base


class LimitRow(Base):
    """null: not limited. The columns mirror `web.limits.rules.Limits`."""

    __tablename__ = "limits"

    # everyone, group, user, key or model; `name` is "" for everyone.
    scope: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    requests_per_minute: Mapped[int | None] = mapped_column(Integer)
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    parallel_requests: Mapped[int | None] = mapped_column(Integer)
    tokens_per_day: Mapped[int | None] = mapped_column(BigInteger)
    tokens_per_month: Mapped[int | None] = mapped_column(BigInteger)
    gpu_hours_per_day: Mapped[float | None] = mapped_column(Float)
    gpu_hours_per_month: Mapped[float | None] = mapped_column(Float)
