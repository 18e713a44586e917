"""Accounts: users, limits, usage, the audit log, and when a job had its GPUs."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from web.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SEALED = "the audit log can only be added to"


def _allocation() -> list[sa.Column[Any]]:
    return [
        sa.Column("allocated_at", UtcDateTime(), nullable=True),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column("gpu_seconds_before", sa.Float(), nullable=False, server_default="0"),
    ]


def upgrade() -> None:
    with op.batch_alter_table("api_keys") as keys:
        keys.add_column(
            sa.Column("is_service", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("instances") as instances:
        for column in _allocation():
            instances.add_column(column)
    _create_users()
    _add_owners()
    _create_login_failures()
    _create_limits()
    _create_usage()
    _create_audit()


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("group_names", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.Column("disabled_by", sa.String(length=255), nullable=False),
        sa.Column("last_login_at", UtcDateTime(), nullable=True),
        sa.Column("synced_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def _add_owners() -> None:
    """Every key has an owner from now on: an account for each name that keys were made for."""
    users = sa.table(
        "users",
        sa.column("name", sa.String),
        sa.column("source", sa.String),
        sa.column("is_admin", sa.Boolean),
        sa.column("group_names", sa.JSON),
        sa.column("created_at", UtcDateTime),
        sa.column("disabled_by", sa.String),
    )
    keys = sa.table("api_keys", sa.column("user_name"), sa.column("created_at", UtcDateTime))
    first = sa.func.min(keys.c.created_at, type_=UtcDateTime)
    owners = op.get_bind().execute(sa.select(keys.c.user_name, first).group_by(keys.c.user_name))
    rows = [
        {
            "name": name,
            "source": "cli",
            "is_admin": False,
            "group_names": [],
            "created_at": created_at,
            "disabled_by": "",
        }
        for name, created_at in owners
    ]
    op.bulk_insert(users, rows)


def _create_login_failures() -> None:
    op.create_table(
        "login_failures",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_login_failures_last_at", "login_failures", ["last_at"])


def _create_limits() -> None:
    op.create_table(
        "limits",
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("parallel_requests", sa.Integer(), nullable=True),
        sa.Column("tokens_per_day", sa.BigInteger(), nullable=True),
        sa.Column("tokens_per_month", sa.BigInteger(), nullable=True),
        sa.Column("gpu_hours_per_day", sa.Float(), nullable=True),
        sa.Column("gpu_hours_per_month", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("scope", "name"),
    )


def _create_usage() -> None:
    op.create_table(
        "usage_hours",
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("user_name", sa.String(length=255), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("aborted", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("estimated_tokens", sa.BigInteger(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "key_id", "model"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_hours_user_name_hour", "usage_hours", ["user_name", "hour"])
    op.create_table(
        "usage_writers",
        sa.Column("writer", sa.String(length=64), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("writer"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_actor_at", "audit", ["actor", "at"])
    _seal_audit()


def _seal_audit() -> None:
    """What is in the audit log stays in it. (PostgreSQL's owner can still TRUNCATE or DROP it.)"""
    if op.get_context().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_refuses_{verb.lower()} BEFORE {verb} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{SEALED}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{SEALED}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()"
    )


def downgrade() -> None:
    for table in ("audit", "usage_writers", "usage_hours", "limits", "login_failures", "users"):
        op.drop_table(table)
    if op.get_context().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_refuses()")
    with op.batch_alter_table("instances") as instances:
        for column in _allocation():
            instances.drop_column(column.name)
    with op.batch_alter_table("api_keys") as keys:
        keys.drop_column("is_service")
