"""Sums of usage by day and month, so that a page reads a few thousand rows of a million."""

from collections.abc import Iterator
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COUNTS = (
    "requests", "errors", "aborted", "prompt_tokens", "cached_tokens", "completion_tokens",
    "estimated_tokens",
)  # fmt: skip
KEYS = {
    "usage_by_user_model": ("user_name", "period", "model"),
    "usage_by_model": ("period", "model"),
    "usage_by_user": ("period", "user_name"),
}


def upgrade() -> None:
    for table, key in KEYS.items():
        op.create_table(
            table,
            *(_column(name) for name in key),
            *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
            sa.Column("duration_s", sa.Float(), nullable=False),
            sa.PrimaryKeyConstraint(*key),
            sqlite_with_rowid=False,
        )
    _add_up("usage_by_user_model", "hour / 24", "usage_hours")
    # From the days to the months, and from both to the sums of all.
    for period, first, end in list(_months()):
        of_month = f"usage_by_user_model WHERE period >= {first} AND period < {end}"
        _add_up("usage_by_user_model", str(period), of_month)
    _add_up("usage_by_model", "period", "usage_by_user_model")
    _add_up("usage_by_user", "period", "usage_by_user_model")


def _column(name: str) -> sa.Column[str] | sa.Column[int]:
    if name == "period":
        return sa.Column(name, sa.Integer(), nullable=False)
    return sa.Column(name, sa.String(length=255), nullable=False)


def _add_up(table: str, period: str, source: str) -> None:
    """`period`: how it is told by a row of the source."""
    names = (*KEYS[table], *COUNTS, "duration_s")
    told = [period if name == "period" else name for name in KEYS[table]]
    grouped = [each for each in told if not each.startswith("-")]
    sums = [f"sum({name})" for name in (*COUNTS, "duration_s")]
    op.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join([*told, *sums])} "  # noqa: S608 - names of ours
        f"FROM {source} GROUP BY {', '.join(grouped)}"
    )


def _months() -> Iterator[tuple[int, int, int]]:
    """(as a period, its first day, the first day after it) of all that there is usage of."""
    first, last = (
        op.get_bind()
        .execute(sa.text("SELECT min(period), max(period) FROM usage_by_user_model"))
        .one()
    )
    if first is None:
        return
    moment = datetime.fromtimestamp(first * 86400, UTC)
    month = (moment.year - 1970) * 12 + moment.month - 1
    while (begin := _first_day(month)) <= last:
        yield -1 - month, begin, _first_day(month + 1)
        month += 1


def _first_day(month: int) -> int:
    years, months = divmod(month, 12)
    return int(datetime(1970 + years, 1 + months, 1, tzinfo=UTC).timestamp()) // 86400


def downgrade() -> None:
    for table in KEYS:
        op.drop_table(table)
