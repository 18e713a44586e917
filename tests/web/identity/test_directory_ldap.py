"""Users of a real OpenLDAP server: who is vouched for, in which groups, over which connection."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.slapd import BASE, GROUPS, HOST, PEOPLE, Slapd, new_authority, person, running_slapd
from web.config import Settings
from web.identity.directory import Denial, DirectoryUnavailable, Vouched
from web.identity.directory.ldap import LdapDirectory

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ALICE = f"uid=alice,{PEOPLE}"
ELSEWHERE = f"ou=elsewhere,{BASE}"


def group(kind: str, name: str, where: str = GROUPS, **members: str) -> tuple[str, dict[str, str]]:
    more = {"gidNumber": "100"} if kind == "posixGroup" else {}
    return f"cn={name},{where}", {"objectClass": kind, "cn": name, **more, **members}


ENTRIES = (
    person("alice", "wonderland", mail="a@cluster.example",
           isMemberOf=[f"cn=ml,{GROUPS}", f"CN=a\\, b , {GROUPS}", f"cn=admins,{ELSEWHERE}"]),
    person("Bob", "builder", mail="twin@cluster.example"),
    person("a*b", "starry", mail="twin@cluster.example"),
    person("zoë", "naïve pässword"),
    person("carol", "locked", nsAccountLock="TRUE"),
    person("dave", "disabled", userAccountControl="514"),
    person("erin", "enabled", userAccountControl="512", nsAccountLock="FALSE", shadowExpire="-1"),
    person("frank", "expired", shadowExpire="100"),
    person("grace", "later", shadowExpire="99999"),
    (f"uid=heidi,{PEOPLE}", {"objectClass": "inetOrgPerson", "uid": ["heidi", "admin2"],
                             "cn": "h", "sn": "h", "userPassword": "two names"}),
    (f"uid=nopass,{PEOPLE}", {"objectClass": "inetOrgPerson", "uid": "nopass",
                              "cn": "n", "sn": "n"}),
    (ELSEWHERE, {"objectClass": "organizationalUnit", "ou": "elsewhere"}),
    group("groupOfNames", "ml", member=ALICE),
    group("posixGroup", "gpu", memberUid="alice"),
    group("posixGroup", "others", memberUid="erin"),
    group("groupOfNames", "admins", ELSEWHERE, member=ALICE),
)  # fmt: skip


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with running_slapd(ENTRIES) as server:
        yield server


def directory(slapd: Slapd, **more: str) -> LdapDirectory:
    return LdapDirectory(Settings.from_env(slapd.settings(**more)), lambda: NOW)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"LDAP_START_TLS": "false"},
        {"LDAP_URL": "ldaps://127.0.0.1:{tls_port}"},
        {"LDAP_URL": "ldap://localhost:{port}"},
    ],
    ids=["start-tls", "plain", "ldaps", "by-name"],
)
def test_a_password_is_proven_over_each_kind_of_connection(
    slapd: Slapd, more: dict[str, str]
) -> None:
    ports = {"port": slapd.port, "tls_port": slapd.tls_port}
    there = directory(slapd, **{name: value.format(**ports) for name, value in more.items()})

    assert there.check("alice", "wonderland") == Vouched("alice")
    assert there.check("alice", "Wonderland") is Denial.WRONG_PASSWORD
    assert there.check("nobody", "wonderland") is Denial.UNKNOWN


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
@pytest.mark.parametrize("fault", ["another authority", "another name", "no file given"])
def test_a_wrong_certificate_is_refused_before_any_password_is_sent(
    tmp_path_factory: pytest.TempPathFactory, slapd: Slapd, scheme: str, fault: str
) -> None:
    port = slapd.port if scheme == "ldap" else slapd.tls_port
    more = {"LDAP_URL": f"{scheme}://{HOST}:{port}"}
    if fault == "another authority":
        more["LDAP_CA_FILE"] = str(new_authority(tmp_path_factory.mktemp("other"), "other"))
    if fault == "another name":
        slapd.use_certificate("elsewhere.example")
        slapd.restart()
    if fault == "no file given":
        more["LDAP_CA_FILE"] = ""  # those of this host
    before = len(slapd.log())
    try:
        with pytest.raises(DirectoryUnavailable, match=r"(?i)certificate"):
            directory(slapd, **more).check("alice", "wonderland")
    finally:
        if fault == "another name":
            slapd.use_certificate("localhost", HOST)
            slapd.restart()
    assert "BIND dn" not in slapd.log()[before:]


def test_the_name_of_an_account_is_the_directorys_in_lower_case(slapd: Slapd) -> None:
    names = {directory(slapd).check(typed, "builder") for typed in ("bob", "Bob", "BOB")}

    assert names == {Vouched("bob")}


def test_names_and_passwords_beyond_ascii_are_understood(slapd: Slapd) -> None:
    assert directory(slapd).check("zoë", "naïve pässword") == Vouched("zoë")


def test_a_mail_address_leads_to_the_same_account(slapd: Slapd) -> None:
    there = directory(slapd, LDAP_USER_FILTER="(|(uid={username})(mail={username}))")

    assert there.check("a@cluster.example", "wonderland") == Vouched("alice")
    assert list(there.lookup_each(["a@cluster.example"])) == [("a@cluster.example", Denial.UNKNOWN)]


def test_what_finds_two_users_finds_nobody(slapd: Slapd) -> None:
    there = directory(slapd, LDAP_USER_FILTER="(|(uid={username})(mail={username}))")

    assert there.check("twin@cluster.example", "builder") is Denial.AMBIGUOUS


def test_a_user_of_two_names_is_nobody(slapd: Slapd) -> None:
    assert directory(slapd).check("heidi", "two names") is Denial.AMBIGUOUS
    assert directory(slapd).check("admin2", "two names") is Denial.AMBIGUOUS


@pytest.mark.parametrize(
    ("user", "password", "answer"),
    [
        ("carol", "locked", Denial.DISABLED),
        ("dave", "disabled", Denial.DISABLED),
        ("frank", "expired", Denial.DISABLED),
        ("erin", "enabled", Vouched("erin")),
        ("grace", "later", Vouched("grace")),
        ("nopass", "anything", Denial.WRONG_PASSWORD),
    ],
)
def test_whom_the_directory_disables_it_does_not_vouch_for(
    slapd: Slapd, user: str, password: str, answer: Vouched | Denial
) -> None:
    there = directory(slapd)

    assert there.check(user, password) == answer
    if user != "nopass":
        assert list(there.lookup_each([user])) == [(user, answer)]


def test_groups_are_searched_for_by_member_and_by_member_uid(slapd: Slapd) -> None:
    there = directory(slapd, LDAP_GROUP_SEARCH_BASE=GROUPS)

    assert there.check("alice", "wonderland") == Vouched("alice", frozenset({"ml", "gpu"}))
    assert there.check("Bob", "builder") == Vouched("bob", frozenset())


def test_groups_are_read_from_the_users_own_attribute(slapd: Slapd) -> None:
    there = directory(slapd, LDAP_MEMBER_OF_ATTRIBUTE="isMemberOf")

    assert there.check("alice", "wonderland") == Vouched(
        "alice", frozenset({"ml", "a, b", "admins"})
    )


def test_only_groups_below_the_base_count_when_there_is_one(slapd: Slapd) -> None:
    more = {"LDAP_MEMBER_OF_ATTRIBUTE": "isMemberOf", "LDAP_GROUP_SEARCH_BASE": GROUPS}
    vouched = directory(slapd, **more).check("alice", "wonderland")

    assert vouched == Vouched("alice", frozenset({"ml", "a, b", "gpu"}))


@pytest.mark.parametrize(
    "more",
    [
        {"LDAP_USER_SEARCH_BASE": f"ou=nowhere,{BASE}"},
        {"LDAP_GROUP_SEARCH_BASE": f"ou=nowhere,{BASE}"},
        {"LDAP_BIND_DN": f"cn=stranger,{BASE}"},
        {"LDAP_BIND_DN": "", "LDAP_BIND_PASSWORD_FILE": ""},
    ],
    ids=["no such base", "no such group base", "wrong reader", "may not read"],
)
def test_a_directory_that_cannot_be_asked_properly_says_nothing_of_anybody(
    slapd: Slapd, more: dict[str, str]
) -> None:
    there = directory(slapd, **more)

    with pytest.raises(DirectoryUnavailable):
        there.check("alice", "wonderland")
    with pytest.raises(DirectoryUnavailable):
        list(there.lookup_each(["alice"]))
