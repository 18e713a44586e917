"""Logging in: who gets an account, in which words everybody else is refused, how guessing ends."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.web.identity.login_world import NOON, ORIGIN, World
from web.database import Database
from web.errors import GatewayError, LoginRefused, LoginThrottled, LoginUnavailable
from web.identity.accounts import DIRECTORY, Source
from web.identity.directory import Denial, Vouched
from web.identity.login import LEAST_REFUSAL_S
from web.identity.passwords import hash_password


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def error_of(attempt: Callable[[], object]) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        attempt()
    return caught.value


def test_a_first_login_makes_an_account_in_the_directorys_groups(world: World) -> None:
    world.scripted.has("alice", groups=["ml"])

    account = world.login.attempt("Alice", "right", ORIGIN)

    assert (account.name, account.source, account.groups) == ("alice", Source.LDAP, {"ml"})
    kept = world.accounts.find("alice")
    assert kept is not None
    assert (kept.last_login_at, kept.synced_at) == (NOON, NOON)
    assert world.records.rows == [("alice", ORIGIN, "login", "alice", {})]


def test_a_later_login_brings_the_groups_of_that_day(world: World) -> None:
    world.scripted.has("alice", groups=["ml", "gpu"])
    world.login.attempt("alice", "right", ORIGIN)
    world.scripted.has("alice", groups=[])

    assert world.login.attempt("alice", "right", ORIGIN).groups == frozenset()


def test_a_directory_without_groups_leaves_those_that_were_set_here(world: World) -> None:
    world.scripted.has("alice")
    world.login.attempt("alice", "right", ORIGIN)
    world.accounts.set_groups("alice", ["ml"])

    assert world.login.attempt("alice", "right", ORIGIN).groups == {"ml"}


def test_every_refusal_has_the_same_words_and_comes_no_sooner(world: World) -> None:
    for name in ("alice", "disabled-here", "disabled-there", "twice"):
        world.scripted.has(name)
    world.login.attempt("disabled-here", "right", ORIGIN)
    world.accounts.disable("disabled-here", "root", NOON)
    world.scripted.users["disabled-there"] = ("right", Denial.DISABLED)
    world.scripted.users["twice"] = ("right", Denial.AMBIGUOUS)

    cases = [("nobody", "right"), ("alice", "wrong"), ("disabled-here", "right"),
             ("disabled-there", "right"), ("twice", "right"), ("", "right"),
             ("alice", "")]  # fmt: skip
    errors = [error_of(lambda c=case: world.login.attempt(*c, ORIGIN)) for case in cases]

    assert {type(error) for error in errors} == {LoginRefused}
    assert len({(e.message, e.status, e.code, e.param, e.retry_after_s) for e in errors}) == 1
    assert world.paused_s == [LEAST_REFUSAL_S] * len(cases)


@pytest.mark.parametrize(
    "user",
    [
        None, 7, True, b"alice", ["alice"], {"$ne": ""}, ("alice",),
        "", " ", "\0", "alice\0", "al\nice", "alice\u00ad", "\u200balice", "ａｌｉｃｅ",
        "ali\ud800ce", "\u202ealice", "a" * 256, "a" * 1_000_000, "\u00a0alice", "ﬁona",
    ],
)  # fmt: skip
def test_what_is_no_plain_name_reaches_no_directory(world: World, user: object) -> None:
    world.scripted.has("alice")

    assert isinstance(error_of(lambda: world.login.attempt(user, "right", ORIGIN)), LoginRefused)
    assert world.scripted.asked == []


@pytest.mark.parametrize(
    "password",
    [None, 7, ["right"], {"a": 1}, b"right", "", "\0", "right\0", "\0right", "\u00ad",
     "\u200b\u2060", "\ud800", "p" * 1025, "p" * 1_000_000],
)  # fmt: skip
def test_what_is_no_password_reaches_no_directory(world: World, password: object) -> None:
    world.scripted.has("alice")

    assert isinstance(
        error_of(lambda: world.login.attempt("alice", password, ORIGIN)), LoginRefused
    )
    assert world.scripted.asked == []


@pytest.mark.parametrize("user", ["alice", "Alice", "ALICE", " alice ", "alice  "])
def test_names_that_look_alike_are_one_account(world: World, user: str) -> None:
    world.scripted.has("alice")

    assert world.login.attempt(user, "right", ORIGIN).name == "alice"
    assert [account.name for account in world.accounts.list()] == ["alice"]


def test_twenty_wrong_passwords_are_slowed_down_more_and_more(world: World) -> None:
    world.scripted.has("alice")
    waits, refused = [], 0
    while refused < 20:
        error = error_of(lambda: world.login.attempt("alice", "wrong", ORIGIN))
        if isinstance(error, LoginThrottled):
            assert (error.status, error.code) == (429, "rate_limit_exceeded")
            assert error.retry_after_s is not None
            waits.append(error.retry_after_s)
            world.seconds += error.retry_after_s
        else:
            refused += 1

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 300, 300]
    assert len(world.scripted.asked) == 20


def test_no_password_is_looked_at_during_a_pause_not_even_the_right_one(world: World) -> None:
    world.scripted.has("alice")
    for _ in range(5):
        error_of(lambda: world.login.attempt("alice", "wrong", ORIGIN))

    assert isinstance(
        error_of(lambda: world.login.attempt("Alice ", "right", "198.51.100.1")), LoginThrottled
    )
    assert len(world.scripted.asked) == 5
    world.seconds += 1
    assert world.login.attempt("alice", "right", ORIGIN).name == "alice"
    assert world.login.attempt("alice", "right", ORIGIN).name == "alice"


def test_a_directory_that_is_away_is_a_503_and_counts_against_nobody(world: World) -> None:
    world.scripted.has("alice")
    world.scripted.is_away = True
    errors = [error_of(lambda: world.login.attempt("alice", "right", ORIGIN)) for _ in range(50)]

    assert {type(error) for error in errors} == {LoginUnavailable}
    assert (errors[0].status, errors[0].retry_after_s) == (503, 30)
    world.scripted.is_away = False
    assert world.login.attempt("alice", "right", ORIGIN).name == "alice"


def test_a_local_account_logs_in_while_the_directory_is_away(world: World) -> None:
    hashed = hash_password("long enough")
    world.accounts.create("root", Source.LOCAL, password_hash=hashed, is_admin=True, now=NOON)
    world.scripted.is_away = True

    assert world.login.attempt("root", "long enough", ORIGIN).is_admin
    assert isinstance(error_of(lambda: world.login.attempt("root", "wrong", ORIGIN)), LoginRefused)
    assert world.scripted.asked == []


def test_a_directory_cannot_take_a_local_account_over(world: World) -> None:
    hashed = hash_password("long enough")
    world.accounts.create("root", Source.LOCAL, password_hash=hashed, is_admin=True, now=NOON)
    world.scripted.users["root@x"] = ("right", Vouched("root"))

    assert isinstance(
        error_of(lambda: world.login.attempt("root@x", "right", ORIGIN)), LoginRefused
    )
    assert isinstance(error_of(lambda: world.login.attempt("root", "right", ORIGIN)), LoginRefused)


def test_who_owned_keys_only_is_taken_on_by_the_directory_with_them(world: World) -> None:
    world.accounts.create("alice", Source.CLI, now=NOON)
    world.scripted.has("alice")

    assert world.login.attempt("alice", "right", ORIGIN).source is Source.LDAP


@pytest.mark.parametrize("answer", [Denial.UNKNOWN, Denial.DISABLED])
def test_whom_the_directory_no_longer_has_loses_the_account_at_the_next_login(
    world: World, answer: Denial
) -> None:
    world.scripted.has("alice")
    world.login.attempt("alice", "right", ORIGIN)
    world.scripted.users["alice"] = ("right", answer)

    error_of(lambda: world.login.attempt("alice", "right", ORIGIN))

    account = world.accounts.find("alice")
    assert account is not None
    assert (account.is_disabled, account.disabled_by) == (True, DIRECTORY)
    assert ("user.disable", "alice") in world.records.actions()


def test_a_wrong_password_disables_nobody(world: World) -> None:
    world.scripted.has("alice")
    world.login.attempt("alice", "right", ORIGIN)
    error_of(lambda: world.login.attempt("alice", "wrong", ORIGIN))

    account = world.accounts.find("alice")
    assert account is not None
    assert not account.is_disabled


def test_who_comes_back_to_the_directory_is_enabled_but_not_against_a_persons_word(
    world: World,
) -> None:
    for name in ("alice", "bob"):
        world.scripted.has(name)
        world.login.attempt(name, "right", ORIGIN)
    world.accounts.disable("alice", DIRECTORY, NOON + timedelta(minutes=1))
    world.accounts.disable("bob", "cli:root", NOON + timedelta(minutes=1))

    assert not world.login.attempt("alice", "right", ORIGIN).is_disabled
    assert isinstance(error_of(lambda: world.login.attempt("bob", "right", ORIGIN)), LoginRefused)


def test_a_password_in_the_wrong_field_is_written_down_nowhere(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "correct-horse-battery"
    for user, password in ((canary, "alice"), ("alice", canary), (canary, canary), (canary, "")):
        error = error_of(lambda u=user, p=password: world.login.attempt(u, p, ORIGIN))
        assert canary not in error.message

    assert canary not in repr(world.records.rows)
    assert canary not in caplog.text
    assert world.records.actions() == [("login.failed", "")] * 4
