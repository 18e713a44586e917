"""Transactions and migrations, on SQLite and on PostgreSQL."""

import sqlite3
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from web.database import Base, Database, StorageError, bump


def test_the_migrations_make_the_schema_of_the_models(database):
    engine = create_engine(database.url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_migrating_twice_changes_nothing(database):
    database.migrate()
    assert database.versions() == {}


def test_a_failed_transaction_leaves_nothing(database):
    def fail():
        with database.write() as session:
            bump(session, "keys")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert database.versions() == {}


def test_topics_are_counted_apart(database):
    for topic in ("keys", "fleet", "keys"):
        with database.write() as session:
            bump(session, topic)
    assert database.versions() == {"keys": 2, "fleet": 1}


def test_writers_at_the_same_time_lose_no_count(database):
    """Also when nobody has raised the topic before."""

    def count():
        for _ in range(20):
            with database.write() as session:
                bump(session, "keys")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.versions() == {"keys": 80}


def test_sqlite_readers_never_wait_for_a_writer(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/kscope.db")
    database.migrate()
    writer = sqlite3.connect(tmp_path / "kscope.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert database.versions() == {}
    writer.close()
    database.close()


def test_a_database_that_cannot_be_opened_is_a_storage_error(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/no/such/folder/kscope.db")
    with pytest.raises(StorageError):
        database.versions()
    database.close()


def test_sqlite_keeps_its_promises_over_a_power_cut(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/kscope.db")
    with database.read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 2
    database.close()
