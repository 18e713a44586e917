"""Users and keys found page by page, on both kinds of database."""

from datetime import timedelta

import pytest

from web.clock import utc_now
from web.identity.account_store import AccountStore
from web.identity.search_store import Counts, KeyKind, SearchStore, UserKind
from web.identity.store import KeyStore
from web.secrets import Secrets

NOW = utc_now()
U, K = UserKind, KeyKind


@pytest.fixture
def search(database) -> SearchStore:
    return SearchStore(database)


@pytest.fixture
def accounts(database) -> AccountStore:
    store = AccountStore(database)
    for name in ("ada", "Bob_1", "bob%2", "carol"):
        store.create(name, "local", is_admin=name == "ada", now=NOW)
    store.disable("carol", "ada", NOW)
    return store


@pytest.fixture
def keys(database, tmp_path) -> KeyStore:
    return KeyStore(database, Secrets(tmp_path))


def names(found) -> list[str]:
    return sorted(account.name for account in found.rows)


def test_a_part_of_a_name_finds_it_in_whatever_case(search, accounts):
    assert names(search.accounts("BOB", U.ALL, 50, 0)) == ["Bob_1", "bob%2"]
    assert search.accounts("nobody", U.ALL, 50, 0).total == 0


def test_percent_and_underscore_stand_for_themselves(search, accounts):
    assert names(search.accounts("%", U.ALL, 50, 0)) == ["bob%2"]
    assert names(search.accounts("_", U.ALL, 50, 0)) == ["Bob_1"]
    assert names(search.accounts("/", U.ALL, 50, 0)) == []


def test_each_kind_of_user_is_found(search, accounts):
    assert names(search.accounts("", U.ADMIN, 50, 0)) == ["ada"]
    assert names(search.accounts("", U.DISABLED, 50, 0)) == ["carol"]
    assert names(search.accounts("", U.ACTIVE, 50, 0)) == ["Bob_1", "ada", "bob%2"]


def test_pages_together_are_everybody_once(search, accounts):
    pages = [search.accounts("", U.ALL, 3, offset) for offset in (0, 3, 6)]

    assert [len(page.rows) for page in pages] == [3, 1, 0]
    assert {page.total for page in pages} == {4}
    assert len({a.name for page in pages for a in page.rows}) == 4


def test_keys_are_found_newest_first_with_their_owners(search, accounts, keys):
    old = keys.create("ada", "thesis 50%", 9, None, NOW - timedelta(hours=1))[0]
    new = keys.create("bob%2", "", 9, ["m"], NOW)[0]

    assert [r.id for r in search.keys("", K.ALL, NOW, 50, 0).rows] == [new.id, old.id]
    assert search.keys("50%", K.ALL, NOW, 50, 0).rows == (keys.get(old.id),)
    assert [r.id for r in search.keys(new.id[:4], K.ALL, NOW, 50, 0).rows] == [new.id]
    assert [r.id for r in search.keys("ADA", K.ALL, NOW, 50, 0).rows] == [old.id]
    assert search.keys("", K.ALL, NOW, 1, 1).rows == (keys.get(old.id),)
    assert search.keys("", K.ALL, NOW, 1, 1).total == 2


def test_keys_of_one_user_are_nobody_elses(search, accounts, keys):
    own = keys.create("ada", "", 9, None, NOW)[0]
    keys.create("adalbert", "", 9, None, NOW)

    assert [r.id for r in search.keys("", K.ALL, NOW, 9, 0, user="ada").rows] == [own.id]


def test_all_are_counted_by_whether_they_work(search, accounts, keys):
    keys.create("ada", "", 9, None, NOW)
    keys.create("ada", "", 1, None, NOW - timedelta(days=2))
    keys.revoke(keys.create("ada", "", 9, None, NOW)[0].id, NOW)
    accounts.create("dora", "local", is_admin=True, now=NOW)
    accounts.disable("dora", "ada", NOW)

    assert search.counts(NOW) == Counts(users=5, disabled=2, admins=1, keys=1)


def test_nobody_and_nothing_is_counted_as_such(search):
    assert search.counts(NOW) == Counts(0, 0, 0, 0)
