"""Sessions on both databases: how they begin, how they end, and what the database keeps of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.accounts import Source
from web.identity.models import SessionRow
from web.identity.session_store import SessionStore
from web.identity.sessions import IDLE, NOTED_EVERY, Sessions, csrf_of
from web.identity.sync_store import SyncStore
from web.secrets import Secrets, add_pepper

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOURS = 12


class World:
    def __init__(self, database: Database, secrets: Secrets) -> None:
        self.database = database
        self.now = NOON
        self.accounts = AccountStore(database)
        self.accounts.create("ada", Source.LOCAL, password_hash="x", now=NOON)
        self.secrets = secrets
        self.sessions = self.with_lifetime(HOURS)

    def with_lifetime(self, hours: int) -> Sessions:
        store = SessionStore(self.database)
        return Sessions(store, self.secrets, lambda: self.now, timedelta(hours=hours))

    def is_in(self, token: str) -> bool:
        return self.sessions.find(token) is not None

    def rows(self) -> list[SessionRow]:
        with self.database.read() as session:
            return list(session.scalars(select(SessionRow)))

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def world(database: Database, secrets: Secrets) -> World:
    return World(database, secrets)


def test_a_session_is_whose_it_was_begun_for(world: World) -> None:
    token = world.sessions.begin("ada")

    visit = world.sessions.find(token)

    assert visit is not None
    assert (visit.account.name, visit.csrf) == ("ada", csrf_of(token))


def test_each_login_gives_another_token_and_the_others_stay(world: World) -> None:
    tokens = {world.sessions.begin("ada") for _ in range(5)}

    assert len(tokens) == 5
    assert all(map(world.is_in, tokens))


def test_the_database_has_neither_the_token_nor_what_forms_carry(world: World) -> None:
    token = world.sessions.begin("ada")

    (row,) = world.rows()

    kept = f"{row.digest} {row.user}"
    assert token not in kept
    assert csrf_of(token) not in kept
    assert not world.is_in(row.digest), "what stands in the database opens nothing"


@pytest.mark.parametrize("junk", ["", "x", "a" * 43, "a" * 44, "\0" * 43, "é" * 43, "%" * 43])
def test_what_is_no_token_is_nobody(world: World, junk: str) -> None:
    world.sessions.begin("ada")

    assert not world.is_in(junk)
    world.sessions.end(junk)
    assert len(world.rows()) == 1


def test_junk_costs_no_query(tmp_path: Path) -> None:
    away = Database(f"sqlite:///{tmp_path}/no-such-folder/x.db")
    sessions = Sessions(SessionStore(away), Secrets(tmp_path), lambda: NOON, timedelta(hours=1))

    assert sessions.find("junk") is None


def test_a_session_ends_after_its_lifetime_however_busy(world: World) -> None:
    token = world.sessions.begin("ada")
    for _ in range(HOURS):
        assert world.is_in(token)
        world.later(hours=1)

    assert not world.is_in(token)
    assert world.rows()[0].ends_at == NOON + timedelta(hours=HOURS)


def test_a_session_ends_when_nothing_is_done_for_long(world: World) -> None:
    token = world.sessions.begin("ada")
    world.later(seconds=IDLE.total_seconds() - 1)
    assert world.is_in(token)
    world.later(seconds=IDLE.total_seconds() - 1)
    assert world.is_in(token)

    world.later(seconds=IDLE.total_seconds())

    assert not world.is_in(token)


def test_what_no_person_did_keeps_no_session_alive(world: World) -> None:
    token = world.sessions.begin("ada")
    for _ in range(4):
        assert world.sessions.find(token, keeps_alive=False)
        world.later(seconds=IDLE.total_seconds() / 4)

    assert not world.is_in(token)


def test_a_shorter_lifetime_holds_for_sessions_that_are_there(world: World) -> None:
    token = world.sessions.begin("ada")
    world.later(hours=1)

    assert world.is_in(token)
    assert world.with_lifetime(1).find(token) is None


def test_pages_one_after_the_other_cost_one_write(world: World) -> None:
    token = world.sessions.begin("ada")
    began = world.rows()[0].ends_at

    world.later(seconds=NOTED_EVERY.total_seconds() - 1)
    world.is_in(token)
    assert world.rows()[0].ends_at == began
    world.later(seconds=1)
    world.is_in(token)

    assert world.rows()[0].ends_at == began + NOTED_EVERY


def test_an_ended_session_is_over_and_no_other(world: World) -> None:
    token, other = world.sessions.begin("ada"), world.sessions.begin("ada")

    world.sessions.end(token)

    assert (world.is_in(token), world.is_in(other)) == (False, True)


def test_all_sessions_of_a_user_end_at_once_and_nobody_elses(world: World) -> None:
    world.accounts.create("bob", Source.CLI, now=NOON)
    tokens, bobs = [world.sessions.begin("ada") for _ in range(3)], world.sessions.begin("bob")

    world.sessions.end_all("ada")

    assert not any(map(world.is_in, tokens))
    assert world.is_in(bobs)


def test_what_an_account_is_allowed_is_looked_up_each_time(world: World) -> None:
    token = world.sessions.begin("ada")
    world.accounts.set_admin("ada", True)
    world.accounts.set_groups("ada", ["physics"])

    visit = world.sessions.find(token)

    assert visit is not None
    assert (visit.account.is_admin, visit.account.groups) == (True, {"physics"})


def test_a_disabled_user_is_out_and_enabling_brings_no_session_back(world: World) -> None:
    token = world.sessions.begin("ada")

    world.accounts.disable("ada", "root", NOON)
    assert not world.is_in(token)
    world.accounts.enable("ada")

    assert not world.is_in(token)


def test_a_session_begun_while_its_user_is_disabled_is_none(world: World) -> None:
    """A login that was on its way when the user was disabled."""
    world.accounts.disable("ada", "root", NOON)

    assert not world.is_in(world.sessions.begin("ada"))


def test_whom_the_directory_no_longer_has_is_out(world: World) -> None:
    world.accounts.create("eve", Source.LDAP, now=NOON)
    token = world.sessions.begin("eve")

    SyncStore(world.database).note(Source.LDAP, {}, ["eve"], NOON, "test")
    SyncStore(world.database).note(Source.LDAP, {"eve": None}, [], NOON, "test")

    assert not world.accounts.find("eve").is_disabled
    assert not world.is_in(token)


def test_a_new_password_logs_out_who_came_by_the_old_one(world: World) -> None:
    token = world.sessions.begin("ada")

    world.accounts.set_password_hash("ada", "y")

    assert not world.is_in(token)


def test_a_session_outlives_a_change_of_the_pepper(world: World, tmp_path: Path) -> None:
    token = world.sessions.begin("ada")
    csrf = world.sessions.find(token).csrf

    add_pepper(tmp_path)
    newer = world.sessions.begin("ada")

    assert world.is_in(newer)
    assert world.sessions.find(token).csrf == csrf, "open forms stay good too"


def test_sessions_that_are_over_leave_the_database_with_the_next_login(world: World) -> None:
    world.sessions.begin("ada")
    world.later(seconds=IDLE.total_seconds())
    world.sessions.begin("ada")

    assert len(world.rows()) == 1
