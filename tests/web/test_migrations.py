"""Databases of every released revision come up to the newest one with all that was in them."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    Table,
    make_url,
    select,
    text,
)

from web.database import MIGRATIONS, Base, Database
from web.fleet.store import InstanceStore
from web.identity.account_store import AccountStore

ROWS = 3
AT = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)
# What only some words are valid in; every other text is the row's own.
WORDS = {
    ("instances", "state"): "ready",
    ("instances", "slurm_state"): "RUNNING",
    ("users", "source"): "local",
}
EMPTY = {("instances", "end_reason"), ("instances", "ended_at"), ("api_keys", "revoked_at")}


def _revisions() -> list[str]:
    """All but the newest, the oldest first."""
    script = ScriptDirectory(str(MIGRATIONS))
    return [each.revision for each in script.walk_revisions()][:0:-1]


@pytest.fixture(params=["sqlite", "postgresql"])
def blank(request, tmp_path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/old.db")
    else:
        server = Database(request.getfixturevalue("postgres_url"))
        name = f"old_{uuid.uuid4().hex}"
        with server._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(
                text(f"CREATE DATABASE {name}")
            )
        url = make_url(server.url).set(database=name)
        server.close()
        database = Database(url.render_as_string(hide_password=False))
    yield database
    database.close()


def _upgrade(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database._writing_engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _tables(database: Database) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(database._engine)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def _value(column: Column[Any], number: int) -> object:
    place = (column.table.name, column.name)
    if place in EMPTY:
        return None
    kind = column.type
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, DateTime):
        return AT if kind.timezone else AT.replace(tzinfo=None)
    if isinstance(kind, JSON):
        return ["model", f"é{number}"]
    if isinstance(kind, Float):
        return number + 0.5
    if isinstance(kind, Integer):
        return number + 1
    # The same in every table, so that what refers to a row finds it.
    return WORDS.get(place, f"row-é-{number}")


def _contents(database: Database, tables: list[Table]) -> dict[str, list[dict[str, object]]]:
    with database._engine.connect() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in tables
        }


@pytest.mark.parametrize("revision", _revisions())
def test_what_a_database_of_an_older_revision_held_is_all_there_in_the_newest(
    blank: Database, revision: str
) -> None:
    _upgrade(blank, revision)
    old = _tables(blank)
    with blank.write() as session:
        for table in old:
            session.execute(
                table.insert(),
                [{c.name: _value(c, n) for c in table.columns} for n in range(ROWS)],
            )
    before = _contents(blank, old)

    blank.migrate()
    blank.migrate()  # a second gateway finds nothing left to do

    assert all(len(rows) == ROWS for rows in before.values()), "every table had rows"
    assert _contents(blank, old) == before
    assert len(InstanceStore(blank).live()) == ROWS
    assert [account.name for account in AccountStore(blank).list()] == [
        f"row-é-{number}" for number in range(ROWS)
    ]


@pytest.mark.parametrize("revision", ["base", *_revisions()])
def test_tables_that_were_brought_up_are_those_that_the_models_name(
    blank: Database, revision: str
) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    if revision != "base":
        _upgrade(blank, revision)
    blank.migrate()
    with blank._engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []
