"""A database with the tables of this feature, and its store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from web.database import Base, Database
from web.identity.store import KeyStore
from web.secrets import Secrets


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'kscope.db'}")
    with database.write() as session:
        Base.metadata.create_all(session.connection())
    yield database
    database.close()


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path)


@pytest.fixture
def store(database: Database, secrets: Secrets) -> KeyStore:
    return KeyStore(database, secrets)
