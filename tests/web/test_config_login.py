"""The settings of who may log in: what belongs together is asked for together."""

from pathlib import Path

import pytest

from web.config import ConfigError, Settings
from web.config_login import LoginKind

LDAP = {"LOGIN": "ldap", "LDAP_URL": "ldap://dir", "LDAP_USER_SEARCH_BASE": "ou=people,dc=x"}


def faults_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(environ)
    return caught.value.faults


def test_without_settings_accounts_are_local() -> None:
    assert Settings.from_env({}).login is LoginKind.LOCAL


def test_everything_that_ldap_lacks_is_named_at_once() -> None:
    faults = faults_of({"LOGIN": "ldap", "LDAP_BIND_DN": "cn=reader,dc=x", "SSH_HOST": "h"})

    named = [fault.partition(":")[0] for fault in faults]
    assert named == [
        "SSH_USERNAME", "LDAP_URL", "LDAP_USER_SEARCH_BASE", "LDAP_BIND_PASSWORD_FILE",
    ]  # fmt: skip


def test_a_bind_password_without_a_bind_name_is_a_fault() -> None:
    (fault,) = faults_of({**LDAP, "LDAP_BIND_PASSWORD_FILE": "/p"})

    assert fault.startswith("LDAP_BIND_DN: not set, but LDAP_BIND_PASSWORD_FILE needs it")


def test_htpasswd_needs_its_file() -> None:
    (fault,) = faults_of({"LOGIN": "htpasswd"})

    assert fault.startswith("HTPASSWD_FILE: not set, but LOGIN=htpasswd needs it")
    assert Settings.from_env({"LOGIN": "htpasswd", "HTPASSWD_FILE": "/h"}).htpasswd_file == Path(
        "/h"
    )


@pytest.mark.parametrize(
    ("environ", "encrypted_by_start_tls"),
    [
        ({}, True),
        ({"LDAP_START_TLS": "false"}, False),
        ({"LDAP_START_TLS": "True"}, True),
        ({"LDAP_URL": "ldaps://dir:636"}, False),
    ],
)
def test_a_directory_is_spoken_to_in_clear_only_when_asked_for(
    environ: dict[str, str], encrypted_by_start_tls: bool
) -> None:
    assert Settings.from_env({**LDAP, **environ}).ldap_start_tls is encrypted_by_start_tls


def test_ldaps_and_start_tls_exclude_each_other() -> None:
    (fault,) = faults_of({**LDAP, "LDAP_URL": "ldaps://dir", "LDAP_START_TLS": "true"})

    assert fault.startswith("LDAP_START_TLS:")


def test_no_setting_switches_the_check_of_certificates_off() -> None:
    names = [name for name in Settings.__dataclass_fields__ if name.startswith("ldap_")]

    assert [n for n in names if any(w in n for w in ("verify", "insecure", "check"))] == []


@pytest.mark.parametrize(
    ("user_filter", "attribute"),
    [
        ("(uid={username})", "uid"),
        ("(&(objectClass=person)(sAMAccountName={username}))", "sAMAccountName"),
        ("(|(uid={username})(mail={username}))", "uid"),
    ],
)
def test_the_name_of_an_account_is_the_attribute_that_the_filter_compares_first(
    user_filter: str, attribute: str
) -> None:
    settings = Settings.from_env({**LDAP, "LDAP_USER_FILTER": user_filter})

    assert settings.ldap_username_attribute == attribute


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOGIN", "pam"),
        ("LDAP_URL", "http://dir"),
        ("LDAP_URL", "ldap://"),
        ("LDAP_URL", "ldap://dir/dc=x??sub"),
        ("LDAP_URL", "ldap://user:secret@dir"),
        ("LDAP_URL", "ldap://dir:0"),
        ("LDAP_URL", "ldap://dir:many"),
        ("LDAP_START_TLS", "maybe"),
        ("LDAP_USER_SEARCH_BASE", "people"),
        ("LDAP_USER_FILTER", "uid={username}"),
        ("LDAP_USER_FILTER", "(uid=*)"),
        ("LDAP_USER_FILTER", "(uid={username}"),
        ("LDAP_USER_FILTER", "(uid={username})(cn=x)"),
        ("LDAP_USER_FILTER", "(&(uid={username})(cn={password}))"),
        ("LDAP_USER_FILTER", "(|(uid={username})(member={dn}))"),
        ("LDAP_USERNAME_ATTRIBUTE", "uid)(x"),
        ("LDAP_GROUP_FILTER", "(member=*)"),
    ],
)
def test_junk_is_refused_in_words(name: str, value: str) -> None:
    (fault,) = faults_of({**LDAP, name: value})

    assert fault.startswith(f"{name}: ")
    assert f"e.g. {name}=" in fault
    assert "secret" not in fault
