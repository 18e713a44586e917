"""The class "Login" of bad input against a real OpenLDAP server, whose own log is the witness."""

import re
from collections.abc import Iterator

import pytest

from tests.slapd import GROUPS, PEOPLE, Slapd, person, running_slapd
from tests.web.identity.login_world import NOON, ORIGIN, World
from web.config import Settings
from web.database import Database
from web.errors import LoginRefused
from web.identity.directory import Denial
from web.identity.directory.ldap import LdapDirectory
from web.identity.directory.ldap_entries import escaped

ENTRIES = (
    person("alice", "wonderland"),
    person("a*b", "starry"),
    (f"cn=ml,{GROUPS}", {"objectClass": "groupOfNames", "cn": "ml",
                         "member": f"uid=alice,{PEOPLE}"}),
)  # fmt: skip
INJECTIONS = (
    "*", "a*", "*a*", "alic*", "x)(|(uid=*", "x)(|(uid=*)", "*)(uid=*))(|(uid=*", "alice)(uid=*",
    "alice)(|(password=*)", "(uid=alice)", "*)(objectClass=*", "alice)(&)", "alice\\2a", "\\2a",
    "\\61lice", "alice\\", "{username}", "{dn}", "uid=alice", f"uid=alice,{PEOPLE}", "alice;uid",
    "alice:dn:=x", "admin)(!(&(1=0", "!(uid=x)", "&", "|", "alice#", "%61lice", "al%00ice",
)  # fmt: skip


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with running_slapd(ENTRIES) as server:
        yield server


@pytest.fixture
def world(slapd: Slapd, database: Database) -> World:
    settings = Settings.from_env(slapd.settings(LDAP_GROUP_SEARCH_BASE=GROUPS))
    directory = LdapDirectory(settings, lambda: NOON)
    return World(database, directory)


def attempt(world: World, user: object, password: object) -> str | None:
    world.seconds += 3600  # beyond any throttle: each attempt is judged by itself
    try:
        return world.login.attempt(user, password, ORIGIN).name
    except LoginRefused:
        return None


def test_a_user_of_the_directory_logs_in(world: World, slapd: Slapd) -> None:
    assert attempt(world, "Alice ", "wonderland") == "alice"
    account = world.accounts.find("alice")
    assert account is not None
    assert account.groups == {"ml"}
    assert attempt(world, "alice", "Wonderland") is None


@pytest.mark.parametrize("user", INJECTIONS)
def test_no_injection_reaches_a_search_that_matches(world: World, slapd: Slapd, user: str) -> None:
    before = len(slapd.log())

    assert attempt(world, user, "wonderland") is None
    log = slapd.log()[before:]
    assert set(re.findall(r"nentries=(\d+)", log)) <= {"0"}
    assert not re.search(r'BIND dn="uid=', log)
    assert world.accounts.list() == []


def test_a_star_in_a_name_is_a_star(world: World) -> None:
    assert attempt(world, "a*b", "starry") == "a*b"
    assert attempt(world, "axb", "starry") is None


@pytest.mark.parametrize(
    "password", ["", "\0", "\0x", "\u00ad", "\u200b", None, ["wonderland"], {}]
)
def test_a_password_that_proves_nothing_is_never_sent(
    world: World, slapd: Slapd, password: object
) -> None:
    before = len(slapd.log())

    assert attempt(world, "alice", password) is None
    assert slapd.log()[before:] == ""


@pytest.mark.parametrize("password", ["", "\0", "\u00ad"])
def test_the_directory_itself_sends_no_such_password_either(
    slapd: Slapd, world: World, password: str
) -> None:
    before = len(slapd.log())
    directory = LdapDirectory(Settings.from_env(slapd.settings()), world.now)

    assert directory.check("alice", password) is Denial.WRONG_PASSWORD
    assert slapd.log()[before:] == ""


@pytest.mark.parametrize("user", ["ALICE", "Alice", " alice", "alice   ", "aLiCe "])
def test_look_alikes_that_the_directory_folds_are_one_account(world: World, user: str) -> None:
    assert attempt(world, user, "wonderland") == "alice"
    assert [account.name for account in world.accounts.list()] == ["alice"]


@pytest.mark.parametrize(
    "user",
    ["ａｌｉｃｅ", "al\u00adice", "alice\u200b", "аlice", "alice\0", "ali\u0301ce", "al ice"],
)
def test_look_alikes_that_are_others_are_nobody(world: World, user: str) -> None:
    assert attempt(world, user, "wonderland") is None
    assert world.accounts.list() == []


def test_what_goes_into_a_filter_is_a_value_and_nothing_else() -> None:
    assert escaped("al-ice_1@x.y") == "al-ice_1@x.y"
    assert escaped("*()\\\0é{}") == "\\2a\\28\\29\\5c\\00\\c3\\a9\\7b\\7d"
