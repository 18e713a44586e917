"""Databases for the tests of `web`: every store is held to the same behaviour on both kinds."""

import pytest
from sqlalchemy import text

import web.audit.models
import web.demand.models
import web.fleet.models
import web.identity.models
import web.limits.models
import web.lock.models
import web.responses.models
import web.usage.models  # noqa: F401 - registers the tables
from tests.postgres import postgres_server
from tests.web.newest import newest
from web.database import Base, Database


@pytest.fixture(scope="session")
def postgres_url():
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """An empty database at the newest revision."""
    if request.param == "sqlite":
        database = newest(tmp_path)
    else:
        database = Database(request.getfixturevalue("postgres_url"))
        database.migrate()
    yield database
    if request.param == "postgresql":
        _empty(database)
    database.close()


def _empty(database):
    """For the next test. By TRUNCATE: the audit log refuses DELETE, as it should."""
    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with database.write() as session:
        session.execute(text(f"TRUNCATE {names}"))
