"""A row of usage is of one user too: all who use the playground share one name of a key there."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLE, INDEX = "usage_hours", "ix_usage_hours_user_name_hour"
COUNTS = (
    "requests", "errors", "aborted", "prompt_tokens", "cached_tokens", "completion_tokens",
    "estimated_tokens",
)  # fmt: skip
OF_A_KEY = ("hour", "key_id", "model")


def upgrade() -> None:
    _make_anew((*OF_A_KEY, "user_name"))


def downgrade() -> None:
    # What several users did under one name becomes one row, of one of them.
    _make_anew(OF_A_KEY)


def _make_anew(key: tuple[str, ...]) -> None:
    """With another primary key: in SQLite the table itself is kept in its order."""
    op.drop_index(INDEX, TABLE)
    op.rename_table(TABLE, f"old_{TABLE}")
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE old_{TABLE} DROP CONSTRAINT {TABLE}_pkey")
    op.create_table(
        TABLE,
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("user_name", sa.String(length=255), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint(*key),
        sqlite_with_rowid=False,
    )
    op.execute(_copy(key))
    op.drop_table(f"old_{TABLE}")
    op.create_index(INDEX, TABLE, ["user_name", "hour"])


def _copy(key: tuple[str, ...]) -> str:
    names = (*OF_A_KEY, "user_name", *COUNTS, "duration_s")
    told: tuple[str, ...] = names
    grouped = ""
    if "user_name" not in key:
        sums = [f"sum({name})" for name in (*COUNTS, "duration_s")]
        told, grouped = (*OF_A_KEY, "min(user_name)", *sums), f"GROUP BY {', '.join(OF_A_KEY)} "
    return (
        f"INSERT INTO {TABLE} ({', '.join(names)}) SELECT {', '.join(told)} "  # noqa: S608
        f"FROM old_{TABLE} {grouped}ORDER BY {', '.join(OF_A_KEY)}"
    )
