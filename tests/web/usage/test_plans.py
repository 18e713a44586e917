"""How the database finds the rows: what makes a million of them a matter of a second."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import event, text

from web.usage.lines import Batch, Line, LineKey, Question
from web.usage.models import UsageRow
from web.usage.periods import By
from web.usage.store import UsageStore

SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
OF_USERS = "ix_usage_hours_user_name_hour"
sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def plans(database):
    """The plans of the queries that `sums` makes."""
    store = UsageStore(database)
    key = LineKey(SINCE, "k", "m", "alice")
    store.add("w", Batch(1, ((key, Line(1)),)), SINCE)

    def of(by, **question):
        asked = []
        with database.read() as session:
            engine = session.get_bind()

        def note(_conn, _cursor, statement, values, _context, _many):
            if "sum(" in statement:
                asked.append((statement, values))

        event.listen(engine, "before_cursor_execute", note)
        try:
            assert store.sums(by, Question(**question), UTC)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        with engine.connect() as connection:
            rows = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {q}", v) for q, v in asked]
            return [" / ".join(row.detail for row in found) for found in rows]

    return of


@sqlite
@pytest.mark.parametrize("by", [(), (By.USER,), (By.USER, By.MODEL), (By.KEY,)])
def test_a_month_is_read_from_one_stretch_of_rows(plans, by):
    for plan in (*plans(by, since=SINCE, until=UNTIL), *plans((By.MONTH, *by))):
        assert "SEARCH usage_hours USING PRIMARY KEY (hour>? AND hour<?)" in plan


@sqlite
def test_without_a_limit_rows_are_read_in_their_order_not_by_users(plans):
    (plan,) = plans((By.USER, By.MODEL))
    assert plan.startswith("SCAN usage_hours /")
    assert OF_USERS not in plan


@sqlite
def test_what_one_user_did_is_found_by_the_index_of_users(plans):
    for plan in plans((By.MODEL,), user="alice", since=SINCE, until=UNTIL):
        assert f"USING INDEX {OF_USERS} (user_name=? AND hour>? AND hour<?)" in plan


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_has_what_it_needs_to_do_the_same(database):
    with database.read() as session:
        found = session.execute(
            text("SELECT indexdef FROM pg_indexes WHERE tablename = 'usage_hours'")
        )
        indexes = " ".join(found.scalars())
    assert "(hour, key_id, model, user_name)" in indexes
    assert "(user_name, hour)" in indexes


def test_rows_are_as_many_as_hours_keys_and_models_not_as_requests(database):
    store = UsageStore(database)
    key = LineKey(SINCE, "k", "m", "alice")
    for number in range(1, 51):
        store.add("w", Batch(number, ((key, Line(requests=100)),)), SINCE)
    with database.read() as session:
        assert session.query(UsageRow).count() == 1
        assert session.query(UsageRow).one().requests == 5000
