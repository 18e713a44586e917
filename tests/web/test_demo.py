"""What `kscope demo` prints to try the gateway with, and what it leaves alone."""

import pytest

from web import demo
from web.config import Settings
from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.passwords import hash_password, is_password


@pytest.fixture
def settings(tmp_path):
    found = Settings.from_env({"DATA_DIR": str(tmp_path)})
    database = Database(found.database_url)
    database.migrate()
    database.close()
    demo.demo_key(found)
    return found


@pytest.fixture
def accounts(settings):
    database = Database(settings.database_url)
    yield AccountStore(database)
    database.close()


def test_the_password_it_prints_is_the_users_and_stays_the_same(settings, accounts):
    password = demo.demo_password(settings)

    assert is_password(accounts.password_hash("demo"), password)
    assert demo.demo_password(settings) == password
    assert (settings.data_dir / "demo_password").stat().st_mode & 0o777 == 0o600
    assert not accounts.find("demo").is_admin


def test_a_password_that_somebody_chose_stays_and_is_not_printed(settings, accounts):
    demo.demo_password(settings)
    chosen = hash_password("correct horse battery")
    accounts.set_password_hash("demo", chosen)

    assert demo.demo_password(settings) is None
    assert accounts.password_hash("demo") == chosen


def test_where_a_directory_knows_the_passwords_none_is_made(settings, accounts, tmp_path):
    environ = {"DATA_DIR": str(tmp_path), "LOGIN": "htpasswd", "HTPASSWD_FILE": str(tmp_path / "u")}

    assert demo.demo_password(Settings.from_env(environ)) is None
    assert accounts.password_hash("demo") is None
