"""The hourly question to the directory: who is gone, who is back, and when nobody is touched."""

import threading
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.web.identity.login_world import NOON, ORIGIN, World
from web.audit.store import AuditLog, Wanted
from web.database import Database
from web.identity import sync as sync_module
from web.identity.accounts import DIRECTORY, Source
from web.identity.directory import Denial, DirectoryUnavailable
from web.identity.session_store import SessionStore
from web.identity.sessions import Sessions
from web.identity.store import KeyStore
from web.identity.sync import INTERVAL, Sync, TooManyGone
from web.identity.sync_store import SyncStore
from web.lock.store import LostLock
from web.secrets import Secrets


class SyncWorld(World):
    def __init__(self, database: Database, keys: KeyStore) -> None:
        super().__init__(database)
        self.keys = keys
        self.audit = AuditLog(database)
        self.sync = Sync(self.scripted, SyncStore(database), self.now, "here")

    def has(self, *names: str, groups: Iterable[str] | None = None) -> dict[str, str]:
        """Users who have logged in and own a key: name -> key."""
        made = {}
        for name in names:
            self.scripted.has(name, groups=groups)
            self.login.attempt(name, "right", ORIGIN)
            made[name] = self.keys.create(name, "", 90, None, self.now())[1]
        self.scripted.asked.clear()
        return made

    def loses(self, *names: str, how: Denial = Denial.UNKNOWN) -> None:
        for name in names:
            self.scripted.users[name] = ("", how)

    def works(self, key: str) -> bool:
        record = self.keys.find(key)
        return record is not None and record.principal_at(self.now()) is not None


@pytest.fixture
def world(database: Database, store: KeyStore) -> SyncWorld:
    return SyncWorld(database, store)


@pytest.mark.parametrize("how", [Denial.UNKNOWN, Denial.DISABLED])
def test_who_is_gone_loses_the_keys_and_gets_them_back(world: SyncWorld, how: Denial) -> None:
    keys = world.has("alice", "bob")
    version = world.keys.version()
    world.loses("alice", how=how)

    assert world.sync.once().disabled == ("alice",)
    assert [world.works(keys[name]) for name in ("alice", "bob")] == [False, True]
    assert world.keys.version() > version

    world.scripted.has("alice")
    assert world.sync.once().enabled == ("alice",)
    assert world.works(keys["alice"])
    entries = world.audit.query(Wanted(actor=DIRECTORY))
    assert [(e.action, e.subject, e.origin) for e in entries] == [
        ("user.enable", "alice", "here"),
        ("user.disable", "alice", "here"),
    ]


def test_a_directory_that_does_not_answer_disables_nobody(world: SyncWorld) -> None:
    keys = world.has("alice", "bob")
    world.loses("alice")
    world.scripted.is_away = True

    with pytest.raises(DirectoryUnavailable):
        world.sync.once()
    assert all(world.works(key) for key in keys.values())


def test_half_an_answer_is_none(world: SyncWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = world.has("alice", "bob")
    world.loses("alice")
    whole = world.scripted._answer

    def half(user: str):
        world.scripted.is_away = user != "alice"
        return whole(user)

    monkeypatch.setattr(world.scripted, "_answer", half)
    with pytest.raises(DirectoryUnavailable):
        world.sync.once()
    assert all(world.works(key) for key in keys.values())


def test_what_a_person_disabled_the_directory_does_not_enable(world: SyncWorld) -> None:
    keys = world.has("alice")
    world.accounts.disable("alice", "cli:root", world.now())

    assert world.sync.once().asked == 0
    assert not world.works(keys["alice"])


def test_a_person_who_disables_whom_the_directory_had_has_the_last_word(world: SyncWorld) -> None:
    keys = world.has("alice")
    world.loses("alice")
    world.sync.once()
    world.accounts.disable("alice", "cli:root", world.now())
    world.scripted.has("alice")

    assert world.sync.once().enabled == ()
    assert not world.works(keys["alice"])


def test_only_the_directorys_own_users_with_usable_keys_are_asked_about(world: SyncWorld) -> None:
    keys = world.has("alice", "revoked", "keyless")
    world.keys.revoke(keys["revoked"], world.now())
    world.keys.revoke(keys["keyless"], world.now())
    world.keys.create("of-the-cli", "", 90, None, world.now())
    world.accounts.create("local", Source.LOCAL, password_hash="x", now=NOON)
    world.keys.create("local", "", 90, None, world.now())

    world.sync.once()
    assert world.scripted.asked == ["alice"]
    world.seconds += timedelta(days=91).total_seconds()
    assert world.sync.once().asked == 0


def test_who_is_gone_is_logged_out_without_ever_having_had_a_key(
    world: SyncWorld, database: Database, tmp_path: Path
) -> None:
    sessions = Sessions(SessionStore(database), Secrets(tmp_path), world.now, timedelta(hours=12))
    for name in ("alice", "bob", "left"):
        world.scripted.has(name)
        world.login.attempt(name, "right", ORIGIN)
    tokens = {name: sessions.begin(name) for name in ("alice", "bob", "left")}
    sessions.end(tokens["left"])
    world.loses("alice")
    world.scripted.asked.clear()

    assert world.sync.once().disabled == ("alice",)
    assert world.scripted.asked == ["alice", "bob"]
    assert [sessions.find(tokens[name]) is None for name in ("alice", "bob")] == [True, False]

    world.scripted.has("alice")
    world.login.attempt("alice", "right", ORIGIN)
    assert sessions.find(sessions.begin("alice")) is not None


def test_the_groups_of_that_hour_count(world: SyncWorld) -> None:
    keys = world.has("alice", groups=["ml"])
    world.scripted.has("alice", groups=["gpu"])
    world.sync.once()

    record = world.keys.find(keys["alice"])
    assert record is not None
    assert record.owner is not None
    assert record.owner.groups == {"gpu"}


def test_a_sync_without_changes_disturbs_nobody(world: SyncWorld) -> None:
    world.has("alice", "bob", groups=["ml"])
    version = world.keys.version()
    world.sync.once()

    assert world.keys.version() == version
    assert world.audit.query(Wanted(actor=DIRECTORY)) == ()


def test_whom_the_directory_is_not_clear_about_stays_as_it_was(world: SyncWorld) -> None:
    keys = world.has("alice")
    world.loses("alice", how=Denial.AMBIGUOUS)

    assert world.sync.once().unclear == ("alice",)
    assert world.works(keys["alice"])


def test_a_directory_that_lost_most_of_its_users_is_not_believed(world: SyncWorld) -> None:
    names = [f"user{n}" for n in range(12)]
    keys = world.has(*names)
    world.loses(*names[:11])

    with pytest.raises(TooManyGone, match="11 of 12"):
        world.sync.once()
    assert all(world.works(key) for key in keys.values())
    assert len(world.sync.once(believe_all=True).disabled) == 11
    assert [name for name in names if world.works(keys[name])] == ["user11"]


def test_it_is_due_an_hour_after_anybody_was_last_asked_about(world: SyncWorld) -> None:
    assert not world.sync.is_due()
    world.has("alice", "gone")
    world.loses("gone")
    assert not world.sync.is_due()
    world.seconds += INTERVAL.total_seconds()
    assert world.sync.is_due()

    world.sync.once()
    assert not world.sync.is_due()
    world.seconds += INTERVAL.total_seconds()
    assert world.sync.is_due()


def test_whoever_lost_the_lock_in_the_meantime_writes_nothing(
    world: SyncWorld, database: Database
) -> None:
    keys = world.has("alice")
    world.loses("alice")

    def refuse(_: object) -> None:
        raise LostLock("somebody else")

    sync = Sync(world.scripted, SyncStore(database, refuse), world.now, "here")
    with pytest.raises(LostLock):
        sync.once()
    assert world.works(keys["alice"])


def test_only_the_leader_asks_and_goes_on_after_failures(
    world: SyncWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_module, "WAKE_S", 0.01)
    monkeypatch.setattr(sync_module, "RETRY_S", 0.01)
    keys = world.has("alice")
    world.loses("alice")
    world.scripted.is_away = True
    world.seconds += INTERVAL.total_seconds()
    leads, stop, wakes = threading.Event(), threading.Event(), []

    def is_leader() -> bool:
        wakes.append(leads.is_set())
        return leads.is_set()

    thread = threading.Thread(target=sync_module.run, args=(world.sync, is_leader, stop))
    thread.start()
    try:
        wait_until(lambda: len(wakes) > 2)
        assert world.scripted.asked == []
        leads.set()
        wait_until(lambda: len(world.scripted.asked) > 1)
        assert world.works(keys["alice"])
        world.scripted.is_away = False
        wait_until(lambda: not world.works(keys["alice"]))
    finally:
        stop.set()
        thread.join()


def test_accounts_of_this_gateway_are_nobody_elses_to_vouch_for(world: SyncWorld) -> None:
    world.scripted.source = Source.LOCAL

    assert not world.sync.is_needed
    sync_module.run(world.sync, lambda: True, threading.Event())
