"""For whoever is no administrator there are no pages for administrators, and no deeds of theirs."""

import re
from collections.abc import Iterator

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.audit.store import AuditLog, Wanted

# What each deed says at least when an administrator sends it.
DEEDS: dict[str, dict[str, str]] = {
    "/admin/users/new": {"name": "eve"},
    "/admin/users/disable": {"name": "root", "sure": "yes"},
    "/admin/users/enable": {"name": "bob"},
    "/admin/users/groups": {"name": "bob", "groups": "physics"},
    "/admin/users/admin": {"name": "bob", "is_admin": "yes", "sure": "yes"},
    "/admin/users/logout": {"name": "root"},
    "/admin/users/password": {"name": "root", "password": "correct horse battery"},
    "/admin/keys/new": {"user": "bob", "name": "mine"},
    "/admin/keys/revoke": {"id": "abcdefgh", "sure": "yes"},
    "/admin/limits/set": {"scope": "everyone", "requests_per_minute": "0"},
    "/admin/limits/unset": {"scope": "everyone", "sure": "yes"},
    "/admin/orders": {"kind": "stop", "model": "cold", "sure": "yes"},
    "/admin/instances/log": {"id": "abcdefghij"},
}


def rules(gateway: InProcess, method: str) -> Iterator[str]:
    for rule in gateway.app.url_map.iter_rules():
        if rule.rule.startswith("/admin") and method in (rule.methods or set()):
            yield rule.rule


def test_each_deed_of_the_portal_is_tried_here(gateway: InProcess) -> None:
    assert set(rules(gateway, "POST")) == set(DEEDS)


def test_no_admin_page_is_there_for_a_user(gateway: InProcess) -> None:
    bob = Browser(gateway, "bob")
    nothing = bob.get("/admin/nothing-at-all")
    pages = list(rules(gateway, "GET"))

    assert len(pages) > 12
    for path in pages:
        answer = bob.get(path)
        assert answer.status_code == 404, path
        assert _without_request_id(answer.text) == _without_request_id(nothing.text), path


@pytest.mark.parametrize("path", DEEDS)
def test_no_admin_deed_is_there_for_a_user_nor_done(gateway: InProcess, path: str) -> None:
    before = gateway.accounts.list(), gateway.database.versions()

    answer = Browser(gateway, "bob").post(path, DEEDS[path])

    assert answer.status_code == 404
    assert (gateway.accounts.list(), gateway.database.versions()) == before
    assert not AuditLog(gateway.database).query(Wanted(actor="bob"))


def test_the_way_to_the_admin_pages_is_shown_to_administrators_only(gateway: InProcess) -> None:
    assert 'href="/admin"' in Browser(gateway, "root").get("/admin").text
    assert 'href="/admin"' not in Browser(gateway, "bob").get("/admin/nothing").text


@pytest.mark.parametrize("path", DEEDS)
def test_an_admins_deed_without_the_token_of_their_pages_is_not_done(
    gateway: InProcess, path: str
) -> None:
    before = gateway.accounts.list(), gateway.database.versions()

    answer = Browser(gateway, "root").post(path, DEEDS[path], csrf="another")

    assert answer.status_code == 403
    assert (gateway.accounts.list(), gateway.database.versions()) == before


def _without_request_id(text: str) -> str:
    return re.sub(r"request \S+<", "request <", text)
