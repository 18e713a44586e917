"""Transactions and migrations, on SQLite and on PostgreSQL."""

import sqlite3
import subprocess
import sys
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


def test_sqlite_locked_a_writer_waits_its_turn_without_holding_other_greenlets_up(tmp_path):
    """In a process of its own, patched by gevent as a gateway worker is."""
    program = """
from gevent import monkey
monkey.patch_all()
import sqlite3, sys, threading, time
from web.database import Database, bump
database = Database(sys.argv[1])
database.migrate()
other = sqlite3.connect(sys.argv[2], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
longest, stop = [0.0], threading.Event()
def tick():
    while not stop.is_set():
        at = time.monotonic()
        time.sleep(0.005)
        longest[0] = max(longest[0], time.monotonic() - at)
def write():
    with database.write() as session:
        bump(session, "keys")
ticker, writer = threading.Thread(target=tick), threading.Thread(target=write)
ticker.start(), writer.start()
time.sleep(1.0)
other.execute("ROLLBACK")
writer.join()
stop.set()
print(database.versions()["keys"], longest[0] < 0.5)
"""
    file = tmp_path / "kscope.db"
    argv = [sys.executable, "-c", program, f"sqlite:///{file}", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("1 True\n", "")


def test_sqlite_locked_a_writer_gives_up_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr("web.database.BUSY_TIMEOUT_S", 0.2)
    database = Database(f"sqlite:///{tmp_path}/kscope.db")
    database.migrate()
    other = sqlite3.connect(tmp_path / "kscope.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def count():
        with database.write() as session:
            bump(session, "keys")

    with pytest.raises(StorageError, match="database is locked"):
        count()
    other.execute("ROLLBACK")
    count()
    assert database.versions() == {"keys": 1}
    other.close()
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


def test_a_schema_that_is_newest_is_left_alone_without_loading_the_tool(database, monkeypatch):
    monkeypatch.setitem(sys.modules, "alembic", None)
    database.migrate()
