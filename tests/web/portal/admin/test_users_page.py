"""Users: found, seen, changed by administrators, each change written down."""

from urllib.parse import quote

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import PASSWORD, Browser
from web.audit.store import AuditLog, Wanted
from web.clock import utc_now
from web.identity.accounts import Source
from web.identity.search_store import SearchStore

HOSTILE = "<script>alert(1)</script>{{7*7}}"


def test_users_are_found_by_any_part_of_their_name_in_whatever_case(root: Browser) -> None:
    text = root.get("/admin/users?q=OB").text

    assert 'name=bob"' in text
    assert 'name=ada"' not in text
    assert "1 user found" in text


def test_what_was_typed_is_no_pattern(root: Browser) -> None:
    for typed in ("%25", "_", "b%25"):
        assert "Nobody is called that." in root.get(f"/admin/users?q={typed}").text


def test_only_disabled_ones_or_administrators_are_shown_when_asked_for(
    gateway: InProcess, root: Browser
) -> None:
    gateway.accounts.disable("bob", "root", utc_now())

    assert "1 user found" in root.get("/admin/users?kind=disabled").text
    assert "1 user found" in root.get("/admin/users?kind=admin").text
    assert "3 users" in root.get("/admin/users?kind=nonsense").text


def test_many_users_are_shown_page_by_page(gateway: InProcess, root: Browser) -> None:
    for number in range(120):
        gateway.accounts.create(f"user{number:03}", "cli", now=utc_now())

    first, last = root.get("/admin/users").text, root.get("/admin/users?page=3").text

    assert "123 users" in first
    assert "Page 1 of 3" in first
    assert first.count("<tr>") == 51
    assert last.count("<tr>") == 24
    assert "Nobody is called that." in root.get("/admin/users?page=77").text


def test_a_name_is_text_and_nothing_else(gateway: InProcess, root: Browser) -> None:
    gateway.accounts.create(HOSTILE, "cli", now=utc_now())

    listed = root.get("/admin/users").text
    shown = root.get(f"/admin/users/one?name={quote(HOSTILE)}").text

    for text in (listed, shown):
        assert "<script>alert" not in text
        assert "{{7*7}}" in text


def test_a_user_who_does_not_exist_has_no_page(root: Browser) -> None:
    assert root.get("/admin/users/one?name=nobody").status_code == 404
    assert root.get("/admin/users/one").status_code == 404


def test_a_disabled_user_is_out_everywhere_and_stays_out_of_their_old_session(
    gateway: InProcess, root: Browser, noted, told
) -> None:
    bob, key = Browser(gateway, "bob"), gateway.key("bob")

    text = told(root.post("/admin/users/disable", {"name": "bob", "sure": "yes"}))

    assert "bob is disabled" in text
    assert bob.get("/").status_code == 303
    record = gateway.keys.find(key)
    assert record is not None
    assert record.principal_at(utc_now()) is None
    assert noted("user.disable").subject == "bob"
    root.post("/admin/users/enable", {"name": "bob"})
    assert noted("user.enable").subject == "bob"
    assert bob.get("/").status_code == 303


def test_before_somebody_is_disabled_the_server_asks_when_the_page_has_not(
    gateway: InProcess, root: Browser
) -> None:
    answer = root.post("/admin/users/disable", {"name": "bob"})

    assert answer.status_code == 200
    assert "Disable bob? All their keys are refused within a second." in answer.text
    assert 'name="sure" value="yes"' in answer.text
    bob = gateway.accounts.find("bob")
    assert bob is not None
    assert not bob.is_disabled


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("disable", "You cannot disable your own account"),
        ("admin", "You cannot take away your own right"),
    ],
)
def test_an_administrator_cannot_end_themselves_be_they_the_last_or_not(
    gateway: InProcess, root: Browser, told, deed: str, words: str
) -> None:
    fields = {"name": "root", "is_admin": "no", "sure": "yes"}

    text = told(root.post(f"/admin/users/{deed}", fields))

    assert words in text
    assert "Ask another administrator." in text
    account = gateway.accounts.find("root")
    assert account is not None
    assert account.is_admin
    assert not account.is_disabled
    assert not AuditLog(gateway.database).query(Wanted(action="user"))


def test_their_own_page_offers_no_such_thing(root: Browser) -> None:
    own, other = (root.get(f"/admin/users/one?name={name}").text for name in ("root", "bob"))

    assert 'action="/admin/users/disable"' in other
    assert 'action="/admin/users/disable"' not in own
    assert 'action="/admin/users/admin"' not in own


def test_of_two_who_end_each_other_at_the_same_time_one_fails(
    gateway: InProcess, root: Browser, monkeypatch
) -> None:
    """The second deed began while its administrator still was one."""
    gateway.accounts.create("eve", "local", is_admin=True, now=utc_now())
    eve = Browser(gateway, "eve")
    accounts = type(gateway.accounts)
    original = accounts.find

    def overtaken(self, name):
        if name == "eve":
            monkeypatch.setattr(accounts, "find", original)
            self.disable("eve", "root", utc_now())
        return original(self, name)

    monkeypatch.setattr(accounts, "find", overtaken)
    eve.post("/admin/users/disable", {"name": "root", "sure": "yes"})

    account = gateway.accounts.find("root")
    assert account is not None
    assert not account.is_disabled


def test_the_right_of_an_administrator_is_given_and_taken(
    gateway: InProcess, root: Browser, told
) -> None:
    given = told(root.post("/admin/users/admin", {"name": "bob", "is_admin": "yes", "sure": "yes"}))
    bob = Browser(gateway, "bob")
    before = bob.get("/admin").status_code
    taken = told(root.post("/admin/users/admin", {"name": "bob", "is_admin": "no", "sure": "yes"}))

    assert "bob is an administrator now." in given
    assert "bob is no administrator now." in taken
    assert (before, bob.get("/admin").status_code) == (200, 404)
    entries = AuditLog(gateway.database).query(Wanted(action="user.admin"))
    assert [entry.detail for entry in entries] == [{"is_admin": False}, {"is_admin": True}]


def test_groups_are_set_as_typed(gateway: InProcess, root: Browser, noted, told) -> None:
    text = told(root.post("/admin/users/groups", {"name": "bob", "groups": " b , a,,b "}))

    assert "bob is in: a, b." in text
    assert noted("user.groups").detail == {"groups": ["a", "b"]}


def test_groups_that_cannot_be_are_refused_in_words(root: Browser, told) -> None:
    text = told(root.post("/admin/users/groups", {"name": "bob", "groups": "ﬁne"}))

    assert "spelled in its plainest form" in text


def test_somebody_is_logged_out_in_every_browser_but_keeps_their_keys(
    gateway: InProcess, root: Browser, noted, told
) -> None:
    first, second = Browser(gateway, "bob"), Browser(gateway, "bob")

    text = told(root.post("/admin/users/logout", {"name": "bob"}))

    assert "logged out in every browser" in text
    assert [b.get("/").status_code for b in (first, second)] == [303, 303]
    assert root.get("/").status_code == 200
    assert noted("user.logout").subject == "bob"


def test_a_local_user_is_made_and_can_log_in(gateway: InProcess, root: Browser, noted) -> None:
    answer = root.post(
        "/admin/users/new", {"name": "eve", "password": PASSWORD, "groups": "physics"}
    )

    assert answer.headers["Location"] == "/admin/users/one?name=eve"
    assert Browser(gateway).log_in("eve").status_code == 303
    entry = noted("user.create")
    assert entry.subject == "eve"
    assert entry.detail == {"is_admin": False, "groups": ["physics"], "password": True}
    assert PASSWORD not in str(entry)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "bob"}, "there is a user"),
        ({"name": "BOB"}, "upper and lower case only"),
        ({"name": ""}, "is not empty"),
        ({"name": "eve", "password": "short"}, "10 to 1024 characters"),
    ],
)
def test_a_user_who_cannot_be_is_not_made_and_told_why(
    gateway: InProcess, root: Browser, told, fields: dict[str, str], words: str
) -> None:
    answer = root.post("/admin/users/new", fields)

    assert answer.headers["Location"] == "/admin/users/new"
    assert words.lower() in told(answer).lower()
    assert SearchStore(gateway.database).counts(utc_now()).users == 3


def test_a_new_password_ends_the_sessions_of_the_old_one(
    gateway: InProcess, root: Browser, noted
) -> None:
    bob = Browser(gateway, "bob")

    root.post("/admin/users/password", {"name": "bob", "password": PASSWORD})

    assert bob.get("/").status_code == 303
    assert bob.log_in("bob").status_code == 303
    assert bob.get("/").status_code == 200
    assert PASSWORD not in str(noted("user.password"))


def test_a_directorys_password_is_not_set_here(gateway: InProcess, root: Browser, told) -> None:
    gateway.accounts.create("carol", Source.LDAP, now=utc_now())

    text = told(root.post("/admin/users/password", {"name": "carol", "password": PASSWORD}))

    assert "is kept elsewhere" in text
    carol = gateway.accounts.find("carol")
    assert carol is not None
    assert carol.source is Source.LDAP


def test_a_deed_on_nobody_says_so_and_nothing_is_written_down(
    gateway: InProcess, root: Browser
) -> None:
    for deed in ("enable", "groups", "logout"):
        answer = root.post(f"/admin/users/{deed}", {"name": "nobody"})
        assert answer.status_code == 303
    assert not AuditLog(gateway.database).query(Wanted(action="user"))


def test_a_field_that_is_said_twice_is_refused(root: Browser) -> None:
    answer = root.post("/admin/users/disable", {"name": ["bob", "root"], "sure": "yes"})

    assert answer.status_code == 400
