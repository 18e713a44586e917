"""A key and its owner: who gets an account, what a disabled one means, how a key is rotated."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text

from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.accounts import AccountDisabled, AccountExists, Source
from web.identity.keys import Principal, life_days
from web.identity.store import KeyStore, NoSuchKey

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def accounts(database: Database) -> AccountStore:
    return AccountStore(database)


@contextmanager
def selects(database: Database) -> Iterator[list[str]]:
    """The queries that are sent meanwhile."""
    asked: list[str] = []

    def note(*told: object) -> None:
        if str(told[2]).startswith("SELECT"):
            asked.append(str(told[2]))

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database._engine, "before_cursor_execute", note)


def principal(store: KeyStore, key: str, now: datetime = NOW) -> Principal | None:
    record = store.find(key)
    assert record is not None
    return record.principal_at(now)


def test_a_key_for_somebody_new_makes_the_account(store: KeyStore, accounts: AccountStore) -> None:
    store.create("ada", "", 1, None, NOW)
    store.create("ada", "", 1, None, NOW + DAY)

    (made,) = accounts.list()
    assert (made.name, made.source, made.created_at) == ("ada", Source.CLI, NOW)
    assert not made.is_admin
    assert not made.groups


def test_a_key_for_somebody_who_could_be_taken_for_another_is_not_made(store: KeyStore) -> None:
    store.create("ada", "", 1, None, NOW)

    with pytest.raises(AccountExists):
        store.create("Ada", "", 1, None, NOW)
    assert len(store.list()) == 1


def test_a_key_has_its_owners_groups_and_rights_as_they_are_now(
    store: KeyStore, accounts: AccountStore
) -> None:
    record, key = store.create("ada", "", 1, ["m"], NOW)
    accounts.set_groups("ada", ["physics", "ml"])
    accounts.set_admin("ada", True)

    expected = Principal(record.id, "ada", frozenset({"m"}), frozenset({"physics", "ml"}), True)
    assert principal(store, key) == expected


def test_the_keys_of_a_disabled_owner_stand_for_nobody_until_enabled_again(
    store: KeyStore, accounts: AccountStore
) -> None:
    _, key = store.create("ada", "", 1, None, NOW)
    _, other = store.create("bob", "", 1, None, NOW)

    accounts.disable("ada", "cli:root", NOW)
    assert principal(store, key) is None
    assert principal(store, other) is not None

    accounts.enable("ada")
    assert principal(store, key) is not None


def test_a_disabled_owner_gets_no_key(store: KeyStore, accounts: AccountStore) -> None:
    record, _ = store.create("ada", "", 1, None, NOW)
    accounts.disable("ada", "cli:root", NOW)

    with pytest.raises(AccountDisabled):
        store.create("ada", "", 1, None, NOW)
    with pytest.raises(AccountDisabled):
        store.rotate(record.id, DAY, 1, NOW)
    assert len(store.list()) == 1


def test_a_key_whose_owner_was_removed_by_hand_stands_for_nobody(
    store: KeyStore, database: Database
) -> None:
    record, key = store.create("ada", "", 1, None, NOW)
    with database.write() as session:
        session.execute(text("DELETE FROM users"))

    assert principal(store, key) is None
    assert store.list()[0].owner is None
    assert store.revoke(record.id, NOW).revoked_at == NOW


def test_who_a_key_stands_for_is_asked_in_one_query(store: KeyStore, database: Database) -> None:
    _, key = store.create("ada", "", 1, None, NOW)

    with selects(database) as asked:
        assert principal(store, key) is not None
    assert len(asked) == 1


def test_however_many_keys_there_are_they_are_listed_in_one_query(
    store: KeyStore, database: Database
) -> None:
    for number in range(20):
        store.create(f"user{number % 7}", "", 1, None, NOW)

    with selects(database) as asked:
        assert len(store.list()) == 20
    assert len(asked) == 1


def test_keys_made_at_once_for_somebody_new_make_one_account(
    store: KeyStore, accounts: AccountStore
) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: store.create("ada", "", 1, None, NOW)[0].id, range(16)))

    assert len(set(made)) == 16
    assert len(accounts.list()) == 1
    assert store.version() == 16


def test_no_key_is_made_beside_a_disabling_that_came_first(
    store: KeyStore, accounts: AccountStore
) -> None:
    """Whichever comes first: afterwards, no key of the disabled owner stands for anybody."""
    accounts.create("ada", Source.CLI, now=NOW)

    def make(number: int) -> str | None:
        if number == 4:
            accounts.disable("ada", "cli:root", NOW)
            return None
        try:
            return store.create("ada", "", 1, None, NOW)[1]
        except AccountDisabled:
            return None

    with ThreadPoolExecutor(4) as pool:
        keys = [key for key in pool.map(make, range(12)) if key]

    assert len(keys) == len(store.list())
    assert all(principal(store, key) is None for key in keys)


def test_a_rotated_key_goes_on_for_the_overlap_and_its_successor_for_its_own_life(
    store: KeyStore,
) -> None:
    first, old_key = store.create("ada", "batch", 30, ["m"], NOW, is_service=True)

    old, new, new_key = store.rotate(first.id, DAY, 60, NOW)

    assert (old.id, old.expires_at) == (first.id, NOW + DAY)
    assert new.id != old.id
    assert (new.user, new.name, new.models, new.is_service) == ("ada", "batch", ("m",), True)
    assert (new.created_at, new.expires_at) == (NOW, NOW + 60 * DAY)
    almost = NOW + DAY - timedelta(seconds=1)
    assert principal(store, old_key, almost) is not None
    assert principal(store, new_key, almost) is not None
    assert principal(store, old_key, NOW + DAY) is None


def test_rotating_never_lengthens_the_life_of_the_old_key(store: KeyStore) -> None:
    first, _ = store.create("ada", "", 1, None, NOW)

    assert store.rotate(first.id, 7 * DAY, 30, NOW)[0].expires_at == NOW + DAY
    assert store.rotate(first.id, timedelta(), 30, NOW)[0].expires_at == NOW


def test_a_rotation_is_heard_of_by_all_processes(store: KeyStore) -> None:
    first, _ = store.create("ada", "", 1, None, NOW)
    before = store.version()

    store.rotate(first.id, timedelta(), 1, NOW)

    assert store.version() > before


def test_what_is_over_is_not_rotated(store: KeyStore) -> None:
    revoked, _ = store.create("ada", "", 1, None, NOW)
    store.revoke(revoked.id, NOW)
    expired, _ = store.create("ada", "", 1, None, NOW - 2 * DAY)

    for wanted in (revoked.id, expired.id, "no-such-key"):
        with pytest.raises(NoSuchKey):
            store.rotate(wanted, DAY, 1, NOW)
    assert len(store.list()) == 2


@pytest.mark.parametrize(
    ("asked", "is_service", "expected"),
    [(None, False, 90), (None, True, 90), (7, False, 7), (90, False, 90), (365, True, 365)],
)
def test_a_key_lives_as_long_as_its_kind_may(
    asked: int | None, is_service: bool, expected: int
) -> None:
    assert life_days(asked, 90, is_service=is_service) == expected


def test_a_persons_key_never_outlives_the_bound() -> None:
    with pytest.raises(ValueError, match="API_KEY_TTL_DAYS"):
        life_days(91, 90, is_service=False)


def test_a_database_from_before_accounts_gets_an_owner_for_every_key(database: Database) -> None:
    """Revision 0002, played by undoing 0003: three keys of two users."""
    config = {"ada": ("k1", "k2"), "bob": ("k3",)}
    _migrate(database, "0002")
    with database.write() as session:
        for user, ids in config.items():
            for number, id_ in enumerate(ids):
                session.execute(
                    text(
                        "INSERT INTO api_keys (id, key_hash, pepper_version, user_name, name,"
                        " created_at, expires_at) VALUES (:id, :id, 1, :user, '', :at, :at)"
                    ),
                    {"id": id_, "user": user, "at": _kept(database, NOW + number * DAY)},
                )

    database.migrate()

    found = AccountStore(database).list()
    assert [(a.name, a.source, a.created_at, a.groups) for a in found] == [
        ("ada", Source.CLI, NOW, frozenset()),
        ("bob", Source.CLI, NOW, frozenset()),
    ]
    assert not any(a.is_disabled or a.is_admin for a in found)


def _kept(database: Database, at: datetime) -> object:
    return at if database.url.startswith("postgresql") else f"{at:%Y-%m-%d %H:%M:%S.%f}"


def _migrate(database: Database, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    from web.database import MIGRATIONS

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database._writing_engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
