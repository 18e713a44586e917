"""What an entry means: its name, its groups, whether it may log in; however odd its values are."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.identity.directory.ldap_entries import (
    entry_of,
    escaped,
    filled,
    group_of,
    is_disabled,
    name_in,
)
from web.identity.directory.names import account_name, password_bytes, typed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days
FILETIME = (NOW - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


@pytest.mark.parametrize(
    ("attribute", "value", "disabled"),
    [
        ("nsAccountLock", "TRUE", True),
        ("nsaccountlock", "true", True),
        ("nsAccountLock", "FALSE", False),
        ("loginDisabled", "TRUE", True),
        ("userAccountControl", "514", True),
        ("userAccountControl", "66050", True),
        ("userAccountControl", "512", False),
        ("userAccountControl", "two", False),
        ("accountExpires", "0", False),
        ("accountExpires", "9223372036854775807", False),
        ("accountExpires", str(FILETIME), True),
        ("accountExpires", str(FILETIME + 10), False),
        ("shadowExpire", "-1", False),
        ("shadowExpire", "0", True),
        ("shadowExpire", str(DAYS), True),
        ("shadowExpire", str(DAYS + 1), False),
        ("shadowExpire", "9" * 400, False),
        ("shadowExpire", "", False),
        ("pwdAccountLockedTime", "000001010000Z", True),
        ("pwdAccountLockedTime", "20261120115900Z", False),
    ],
)
def test_each_way_to_disable_an_account_is_understood(
    attribute: str, value: str, disabled: bool
) -> None:
    assert is_disabled(entry_of("uid=a", {attribute: [value.encode()]}), NOW) is disabled


def test_an_entry_that_says_nothing_of_it_is_not_disabled() -> None:
    assert not is_disabled(entry_of("uid=a", {}), NOW)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ([b"Alice"], "alice"),
        ([b"alice", b"ALICE "], "alice"),
        (["ＡLICE".encode()], "alice"),
        ([b"alice", b"bob"], None),
        ([], None),
        ([b""], None),
        ([b"\xff\xfe"], None),
        ([b"al\0ice"], None),
        ([b"x" * 300], None),
        ("alice", None),
        (None, None),
        ([["alice"]], None),
        ([7], None),
    ],
)
def test_the_name_of_an_entry_is_one_plain_text(raw: object, name: str | None) -> None:
    assert name_in(entry_of("uid=a", {"UID": raw}), "uid") == name


@pytest.mark.parametrize(
    ("dn", "base", "group"),
    [
        ("cn=ml,ou=groups,dc=x", None, "ml"),
        ("CN=ML Team , OU=Groups, DC=x", "ou=groups,dc=x", "ML Team"),
        ("cn=ml,ou=sub,ou=groups,dc=x", "ou=groups,dc=x", "ml"),
        ("cn=a\\, b,ou=groups,dc=x", "ou=groups,dc=x", "a, b"),
        ("cn=caf\\c3\\a9,dc=x", None, "café"),
        ("cn=ml+gid=1,dc=x", None, "ml"),
        ("cn=ml,ou=other,dc=x", "ou=groups,dc=x", None),
        ("cn=ml\\,ou=groups\\,dc=x,dc=evil", "ou=groups,dc=x", None),
        ("cn=ml,ou=fake\\,ou=groups,dc=x", "ou=groups,dc=x", None),
        ("cn=ml,xou=groups,dc=x", "ou=groups,dc=x", None),
        ("cn=,dc=x", None, None),
        ("cn=a\\00b,dc=x", None, None),
        ("nothing", None, None),
        ("", None, None),
    ],
)
def test_a_group_is_the_first_value_of_its_name_below_the_base(
    dn: str, base: str | None, group: str | None
) -> None:
    assert group_of(dn, base) == group


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_that_is_typed_changes_the_shape_of_a_filter(value: str) -> None:
    written = escaped(value)

    assert not set(written) & set("()*&|!=<>~:{}\0")
    assert unescaped(written) == value


def unescaped(text: str) -> str:
    head, *parts = text.split("\\")
    return (head.encode() + b"".join(
        bytes([int(part[:2], 16)]) + part[2:].encode() for part in parts
    )).decode()  # fmt: skip


def test_a_value_that_looks_like_a_place_is_not_filled_in() -> None:
    assert filled("(|(m={dn})(u={username}))", dn="{username}", username="{dn}") == (
        "(|(m=\\7busername\\7d)(u=\\7bdn\\7d))"
    )


@given(st.one_of(st.text(), st.none(), st.integers(), st.binary(), st.lists(st.text())))
def test_what_is_let_through_is_plain(anything: object) -> None:
    name, password = typed(anything), password_bytes(anything)

    assert name is None or (name and name.isprintable() and name == name.strip())
    assert password is None or (password and b"\0" not in password)
    assert name is None or account_name(name) in (None, account_name(account_name(name) or ""))
