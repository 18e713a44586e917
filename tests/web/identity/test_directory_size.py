"""Ten thousand users of a real OpenLDAP server: how long a login and a sync of all of them take."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.slapd import GROUPS, PEOPLE, Slapd, person, running_slapd
from tests.web.identity.login_world import NOON, World
from web.config import Settings
from web.database import Database
from web.identity.accounts import Source
from web.identity.directory.ldap import LdapDirectory
from web.identity.models import KeyRow, UserRow
from web.identity.sync import Sync
from web.identity.sync_store import SyncStore

USERS = 10_000
GONE = 100
# A multiple of what is measured: what must not happen is that they grow with each other.
MOST_LOGIN_S = 1.0
MOST_SYNC_S = 120.0


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    everybody = (person(f"user{n}", f"pass {n}") for n in range(GONE, USERS))
    members = [f"uid=user{n},{PEOPLE}" for n in range(GONE, USERS, 2)]
    group = (f"cn=even,{GROUPS}", {"objectClass": "groupOfNames", "cn": "even", "member": members})
    with running_slapd([*everybody, group]) as server:
        yield server


def fill(database: Database) -> None:
    """An account and a key for each of them, and for a hundred who are gone."""
    names = [f"user{n}" for n in range(USERS)]
    with database.write() as session:
        session.add_all(
            UserRow(name=name, source=Source.LDAP, groups=[], created_at=NOON, synced_at=NOON)
            for name in names
        )
        session.add_all(
            KeyRow(id=name, key_hash=name, pepper_version=1, user=name, name="", models=None,
                   created_at=NOON, expires_at=NOON + timedelta(days=9))
            for name in names
        )  # fmt: skip


def test_ten_thousand_users_log_in_and_are_synced_within_bounds(
    slapd: Slapd, database: Database, record_property
) -> None:
    fill(database)
    settings = Settings.from_env(slapd.settings(LDAP_GROUP_SEARCH_BASE=GROUPS))
    directory = LdapDirectory(settings, lambda: NOON)
    world = World(database, directory)
    logins_s = []
    for n in range(GONE, USERS, USERS // 50):
        began = time.perf_counter()
        account = world.login.attempt(f"user{n}", f"pass {n}", f"10.0.0.{n % 250}")
        logins_s.append(time.perf_counter() - began)
        assert account.groups == ({"even"} if n % 2 == 0 else set())
    began = time.perf_counter()
    synced = Sync(directory, SyncStore(database), world.now, "here").once()
    sync_s = time.perf_counter() - began
    logins_s.sort()
    record_property("login_ms_p50", round(1000 * logins_s[len(logins_s) // 2], 1))
    record_property("login_ms_max", round(1000 * logins_s[-1], 1))
    record_property("sync_s", round(sync_s, 1))
    print(f"login p50 {1000 * logins_s[len(logins_s) // 2]:.1f} ms, "
          f"max {1000 * logins_s[-1]:.1f} ms; sync of {USERS} {sync_s:.1f} s")  # fmt: skip

    assert (synced.asked, len(synced.disabled)) == (USERS, GONE)
    assert logins_s[-1] < MOST_LOGIN_S
    assert sync_s < MOST_SYNC_S
