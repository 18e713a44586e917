"""The audit log on both databases: added to and asked, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from web.audit.store import AuditLog, Wanted
from web.database import StorageError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def log(database):
    return AuditLog(database)


def record(log, action="key.create", subject="k1", *, actor="cli:ada", minutes=0, **detail):
    log.record(actor, "host", action, subject, detail, NOW + timedelta(minutes=minutes))


def actions(log, limit=100, before_id=None, **wanted):
    return [entry.action for entry in log.query(Wanted(**wanted), limit, before_id)]


def test_an_entry_comes_back_as_it_was_written(log):
    record(log, "key.create", "k1", user="ada", models=("b", "a"), expires_at=NOW, is_service=False)

    (entry,) = log.query(Wanted())

    assert (entry.actor, entry.origin, entry.action, entry.subject, entry.at) == (
        "cli:ada", "host", "key.create", "k1", NOW
    )  # fmt: skip
    assert entry.detail == {
        "user": "ada",
        "models": ["b", "a"],
        "expires_at": "2026-11-20T12:00:00+00:00",
        "is_service": False,
    }


def test_the_newest_come_first_and_older_ones_page_by_page(log):
    for number in range(5):
        record(log, f"key.a{number}")

    first = log.query(Wanted(), limit=2)

    assert [entry.action for entry in first] == ["key.a4", "key.a3"]
    assert actions(log, 2, first[-1].id) == ["key.a2", "key.a1"]


def test_entries_are_found_by_who_what_to_whom_and_when(log):
    record(log, "login.ok", "ada", actor="ada", minutes=0)
    record(log, "login.failed", "bob", actor="bob", minutes=10)
    record(log, "logins_of.another", "bob", actor="cli:root", minutes=20)

    assert actions(log, action="login") == ["login.failed", "login.ok"]
    assert actions(log, action="login.") == ["login.failed", "login.ok"]
    assert actions(log, action="login.ok") == ["login.ok"]
    assert actions(log, action="LOGIN") == []
    assert actions(log, action="login%") == []
    assert actions(log, actor="bob") == ["login.failed"]
    assert actions(log, subject="bob") == ["logins_of.another", "login.failed"]
    at = NOW + timedelta(minutes=10)
    assert actions(log, since=at) == ["logins_of.another", "login.failed"]
    assert actions(log, until=at) == ["login.ok"]


@pytest.mark.parametrize(
    "name", ["a\0b", "\ud800", "a\nb", "x" * 300, "\x1b[31m", "\u202eadmin"], ids=ascii
)
def test_a_name_that_somebody_typed_can_be_anything(log, name):
    record(log, "login.failed", name, actor=name, typed=name)

    (entry,) = log.query(Wanted())

    assert entry.actor == entry.subject == entry.detail["typed"]
    assert entry.subject.isprintable()
    assert len(entry.subject) <= 255


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_no_statement_changes_or_removes_what_is_written(database, log, statement):
    record(log)

    with pytest.raises(StorageError, match="can only be added to"), database.write() as session:
        session.execute(text(statement))

    assert [(entry.actor, entry.action) for entry in log.query(Wanted())] == [
        ("cli:ada", "key.create")
    ]
