"""The secrets and the store of this feature."""

from pathlib import Path

import pytest

from web.database import Database
from web.identity.store import KeyStore
from web.secrets import Secrets


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path)


@pytest.fixture
def store(database: Database, secrets: Secrets) -> KeyStore:
    return KeyStore(database, secrets)
