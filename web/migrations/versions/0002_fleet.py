"""The fleet grows up: what an instance was launched with, progress, orders, orphans."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from web.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# Rows of before get these values; the models name no default of the database's own. All are plain
# texts: for an expression, such as false(), SQLite's table would be made anew and the old one
# dropped, and all telemetry with it.
def _new_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("terminal", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("fingerprint", sa.String(length=16), nullable=False, server_default=""),
        sa.Column("gpus", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.Column("progress_at", UtcDateTime(), nullable=True),
    ]


def upgrade() -> None:
    with op.batch_alter_table("instances") as instances:
        for column in _new_columns():
            instances.add_column(column)
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("instance_id", sa.String(length=16), nullable=True),
        sa.Column("given_by", sa.String(length=255), nullable=False),
        sa.Column("given_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_orders_done_at", "orders", ["done_at"], unique=False)
    op.create_table(
        "orphans",
        sa.Column("cluster", sa.String(length=255), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=True),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "job_id"),
    )


def downgrade() -> None:
    op.drop_table("orphans")
    op.drop_table("orders")
    with op.batch_alter_table("instances") as instances:
        for column in _new_columns():
            instances.drop_column(column.name)
