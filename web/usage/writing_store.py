"""How counts are added to rows that may not be there yet, on both kinds of database."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from web.usage.lines import COUNTS


def increment(session: Session, table: Any, rows: Sequence[Mapping[str, object]]) -> None:
    """Add each row's counts to the row with its primary key.

    All writers bring the rows of a table in the same order, so that none waits for another in a
    circle.
    """
    if not rows:
        return
    insert = insert_into(session, table)
    statement = insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: table.c[name] + insert.excluded[name] for name in COUNTS},
    )
    session.connection().execute(statement, rows)


def insert_into(session: Session, table: Any) -> "sqlite.Insert | postgresql.Insert":
    assert isinstance(table, Table)  # noqa: S101 - for the type checker: all are plain tables
    return sqlite.insert(table) if is_sqlite(session) else postgresql.insert(table)


def is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
