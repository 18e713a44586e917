"""Accounts in the database: made, changed, disabled, vouched for by a directory."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from web.database import Database
from web.identity.account_store import TOPIC, AccountStore
from web.identity.accounts import (
    DIRECTORY,
    Account,
    AccountDisabled,
    AccountExists,
    NoSuchAccount,
    Source,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def accounts(database: Database) -> AccountStore:
    return AccountStore(database)


def test_a_new_account_is_found_as_it_was_made(accounts: AccountStore) -> None:
    made = accounts.create("ada", "local", is_admin=True, groups=["b", "a", "b"], now=NOW)

    assert made == accounts.find("ada")
    assert made == Account(
        "ada", Source.LOCAL, True, frozenset({"a", "b"}), NOW, None, "", None, None
    )
    assert accounts.find("Ada") is None
    assert accounts.find("") is None


def test_accounts_are_listed_by_name(accounts: AccountStore) -> None:
    for name in ("c", "a", "b"):
        accounts.create(name, Source.CLI, now=NOW)

    assert [account.name for account in accounts.list()] == ["a", "b", "c"]


@pytest.mark.parametrize("taken", ["ada", "ADA", "aDa"])
def test_a_name_that_could_be_taken_for_another_is_refused(
    accounts: AccountStore, taken: str
) -> None:
    accounts.create("ada", Source.CLI, now=NOW)

    with pytest.raises(AccountExists, match="ada"):
        accounts.create(taken, Source.CLI, now=NOW)
    assert len(accounts.list()) == 1


@pytest.mark.parametrize(
    "name", ["", " ada", "a\nb", "a\x00b", "a" * 256, "\udcff", "ａda", "ﬁlip", "a\u202eb"]
)
def test_junk_is_no_name(accounts: AccountStore, name: str) -> None:
    with pytest.raises(ValueError, match="name of a user"):
        accounts.create(name, Source.CLI, now=NOW)
    with pytest.raises(ValueError, match="name of a user"):
        accounts.vouch(name, (), NOW, Source.LDAP)
    with pytest.raises(NoSuchAccount):
        accounts.disable(name, "cli:root", NOW)
    assert accounts.find(name) is None
    assert accounts.password_hash(name) is None
    assert accounts.list() == []


@pytest.mark.parametrize("groups", [[""], ["a", " b"], ["a\nb"]])
def test_junk_is_no_group(accounts: AccountStore, groups: list[str]) -> None:
    accounts.create("ada", Source.CLI, groups=["x"], now=NOW)

    with pytest.raises(ValueError, match="name of a group"):
        accounts.set_groups("ada", groups)
    found = accounts.find("ada")
    assert found is not None
    assert found.groups == {"x"}


CHANGES: dict[str, Callable[[AccountStore], object]] = {
    "set_groups": lambda a: a.set_groups("ada", ["x"]),
    "set_admin": lambda a: a.set_admin("ada", True),
    "disable": lambda a: a.disable("ada", "cli:root", NOW),
    "enable": lambda a: a.enable("ada"),
    "password": lambda a: a.set_password_hash("ada", "hash"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_of_who_may_what_is_heard_of_by_all_processes(
    accounts: AccountStore, database: Database, change: Callable[[AccountStore], object]
) -> None:
    with pytest.raises(NoSuchAccount):
        change(accounts)
    accounts.create("ada", Source.CLI, now=NOW)
    before = database.versions()[TOPIC]

    change(accounts)

    assert database.versions()[TOPIC] == before + 1


def test_a_login_is_noted_without_disturbing_anybody(
    accounts: AccountStore, database: Database
) -> None:
    accounts.create("ada", Source.CLI, now=NOW)
    before = database.versions()[TOPIC]

    accounts.note_login("ada", LATER)

    found = accounts.find("ada")
    assert found is not None
    assert found.last_login_at == LATER
    assert database.versions()[TOPIC] == before


def test_disabling_keeps_who_did_it_first_and_enabling_takes_it_back(
    accounts: AccountStore,
) -> None:
    accounts.create("ada", Source.CLI, now=NOW)

    accounts.disable("ada", "cli:root", NOW)
    disabled = accounts.disable("ada", "cli:other", LATER)
    assert (disabled.disabled_at, disabled.disabled_by) == (NOW, "cli:root")
    assert disabled.is_disabled

    enabled = accounts.enable("ada")
    assert (enabled.disabled_at, enabled.disabled_by, enabled.is_disabled) == (None, "", False)


def test_a_password_makes_an_account_local_and_its_hash_is_for_that_only(
    accounts: AccountStore,
) -> None:
    accounts.create("ada", Source.CLI, now=NOW)
    assert accounts.password_hash("ada") is None

    assert accounts.set_password_hash("ada", "hash").source is Source.LOCAL
    assert accounts.password_hash("ada") == "hash"
    assert accounts.password_hash("nobody") is None

    assert accounts.set_password_hash("ada", None).source is Source.CLI
    assert accounts.password_hash("ada") is None


def test_a_directory_makes_an_account_for_whom_it_vouches(accounts: AccountStore) -> None:
    with pytest.raises(NoSuchAccount):
        accounts.vouch("ada", ["x"], NOW)

    made = accounts.vouch("ada", ["x"], NOW, Source.LDAP)

    assert (made.source, made.groups, made.synced_at) == (Source.LDAP, {"x"}, NOW)
    assert not made.is_admin


def test_a_directory_adopts_who_only_owned_keys_and_keeps_what_it_does_not_know(
    accounts: AccountStore,
) -> None:
    accounts.create("ada", Source.CLI, is_admin=True, groups=["x"], now=NOW)

    adopted = accounts.vouch("ada", None, LATER, Source.HTPASSWD)

    assert (adopted.source, adopted.groups, adopted.is_admin) == (Source.HTPASSWD, {"x"}, True)
    assert accounts.vouch("ada", ["y"], LATER).groups == {"y"}


def test_a_directory_gets_no_local_account(accounts: AccountStore) -> None:
    accounts.create("root", Source.LOCAL, password_hash="hash", is_admin=True, now=NOW)

    with pytest.raises(AccountExists, match="local"):
        accounts.vouch("root", ["x"], LATER, Source.LDAP)
    found = accounts.find("root")
    assert found is not None
    assert (found.source, found.synced_at) == (Source.LOCAL, None)


def test_what_the_directory_disabled_it_enables_again(accounts: AccountStore) -> None:
    accounts.vouch("ada", (), NOW, Source.LDAP)
    accounts.disable("ada", DIRECTORY, NOW)

    assert not accounts.vouch("ada", (), LATER).is_disabled


def test_what_a_person_disabled_no_directory_enables(accounts: AccountStore) -> None:
    accounts.vouch("ada", ["x"], NOW, Source.LDAP)
    accounts.disable("ada", DIRECTORY, NOW)
    accounts.disable("ada", "cli:root", LATER)

    with pytest.raises(AccountDisabled):
        accounts.vouch("ada", ["y"], LATER, Source.LDAP)
    found = accounts.find("ada")
    assert found is not None
    assert (found.disabled_at, found.disabled_by) == (NOW, "cli:root")
    assert (found.groups, found.synced_at) == ({"x"}, NOW)


def test_a_sync_that_finds_nothing_new_disturbs_nobody(
    accounts: AccountStore, database: Database
) -> None:
    accounts.vouch("ada", ["x"], NOW, Source.LDAP)
    before = database.versions()[TOPIC]

    assert accounts.vouch("ada", ["x"], LATER, Source.LDAP).synced_at == LATER
    assert database.versions()[TOPIC] == before

    accounts.vouch("ada", ["y"], LATER, Source.LDAP)
    assert database.versions()[TOPIC] == before + 1
