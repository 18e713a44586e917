"""Everybody's keys: found, revoked, and made for programs."""

import re
from datetime import timedelta

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.audit.store import AuditLog, Wanted
from web.clock import utc_now
from web.identity.keys import has_valid_form

SHOWN = re.compile(r"sk-ks-\w+")


def test_keys_are_found_by_owner_name_and_the_beginning_of_their_id(
    gateway: InProcess, root: Browser
) -> None:
    now = utc_now()
    record, _ = gateway.keys.create("bob", "thesis", 5, None, now)
    other, _ = gateway.keys.create("ada", "", 5, None, now)

    for words in ("BOB", "hesi", record.id[:5]):
        text = root.get(f"/admin/keys?q={words}").text
        assert record.id in text
        assert other.id not in text
    assert "No key is like that." in root.get("/admin/keys?q=%25").text


def test_keys_are_told_apart_by_what_became_of_them(gateway: InProcess, root: Browser) -> None:
    now = utc_now()
    ids = {
        "active": gateway.keys.create("bob", "", 5, None, now)[0].id,
        "expired": gateway.keys.create("bob", "", 5, None, now - timedelta(days=9))[0].id,
        "revoked": gateway.keys.create("bob", "", 5, None, now)[0].id,
        "service": gateway.keys.create("ada", "", 500, None, now, is_service=True)[0].id,
    }
    gateway.keys.revoke(ids["revoked"], now)
    shown = {
        kind: {id_ for id_ in ids.values() if id_ in root.get(f"/admin/keys?kind={kind}").text}
        for kind in ids
    }

    assert shown == {
        "active": {ids["active"], ids["service"]},
        "expired": {ids["expired"]},
        "revoked": {ids["revoked"]},
        "service": {ids["service"]},
    }


def test_a_keys_name_is_text_and_nothing_else(gateway: InProcess, root: Browser) -> None:
    gateway.keys.create("bob", "<script>alert(1)</script>{{7*7}}", 5, None, utc_now())

    text = root.get("/admin/keys").text

    assert "&lt;script&gt;alert(1)" in text
    assert "{{7*7}}" in text


def test_anybodys_key_is_revoked_after_being_asked_once(
    gateway: InProcess, root: Browser, noted, told
) -> None:
    key = gateway.key("bob")
    record = gateway.keys.find(key)
    assert record is not None

    asked = root.post("/admin/keys/revoke", {"id": record.id})
    still = gateway.keys.get(record.id).revoked_at
    text = told(root.post("/admin/keys/revoke", {"id": record.id, "sure": "yes"}))

    assert "Revoke the key" in asked.text
    assert still is None
    assert gateway.keys.get(record.id).revoked_at is not None
    assert f"The key {record.id} of bob is revoked." in text
    entry = noted("key.revoke")
    assert (entry.subject, entry.detail) == (record.id, {"user": "bob"})


@pytest.mark.parametrize("key_id", ["", "abcd", "nosuchid", "nosuchid9", "nosuch_d"])
def test_no_key_is_revoked_by_a_part_of_its_id(
    gateway: InProcess, root: Browser, key_id: str
) -> None:
    record, _ = gateway.keys.create("bob", "", 5, None, utc_now())

    for sent in (key_id, record.id[:5]):
        root.post("/admin/keys/revoke", {"id": sent, "sure": "yes"})

    assert gateway.keys.get(record.id).revoked_at is None
    assert not AuditLog(gateway.database).query(Wanted(action="key"))


def test_a_key_for_a_program_is_shown_once_and_nowhere_else(
    gateway: InProcess, root: Browser, noted
) -> None:
    answer = root.post(
        "/admin/keys/new", {"user": "bob", "name": "nightly", "days": "400", "models": "chilly"}
    )

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    (key,) = set(SHOWN.findall(answer.text))
    assert has_valid_form(key)
    record = gateway.keys.find(key)
    assert record is not None
    assert (record.user, record.name, record.models) == ("bob", "nightly", ("cold",))
    assert record.is_service
    assert (record.expires_at - record.created_at).days == 400
    entry = noted("key.create")
    assert (entry.subject, entry.detail["is_service"]) == (record.id, True)
    assert key not in str(entry)
    assert key not in root.get("/admin/keys").text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"user": "bob", "models": "nothing"}, "No model is called “nothing”"),
        ({"user": "", "models": ""}, "A key needs a user"),
        ({"user": "bob", "days": "4000"}, "from 1 to 3650 days"),
        ({"user": "bob", "days": "-1"}, "The days are a whole number"),
        ({"user": "bob", "days": "²"}, "The days are a whole number"),
    ],
)
def test_a_key_that_cannot_be_is_not_made_and_told_why(
    gateway: InProcess, root: Browser, told, fields: dict[str, str], words: str
) -> None:
    assert words in told(root.post("/admin/keys/new", fields))
    assert gateway.keys.list() == []


def test_a_disabled_user_gets_no_key(gateway: InProcess, root: Browser, told) -> None:
    gateway.accounts.disable("bob", "root", utc_now())

    assert "is disabled" in told(root.post("/admin/keys/new", {"user": "bob", "name": "x"}))
    assert gateway.keys.list() == []


def test_many_keys_are_shown_fifty_at_a_time(gateway: InProcess, root: Browser) -> None:
    for number in range(120):
        gateway.keys.create("bob", f"number {number}", 5, None, utc_now())

    text = root.get("/admin/keys?page=2").text

    assert "120 keys" in text
    assert text.count('action="/admin/keys/revoke"') == 50
    assert "Page 2 of 3" in text
