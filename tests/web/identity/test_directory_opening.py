"""Which directory the settings give, and what is told when they give none."""

import sys
from pathlib import Path

import pytest

from web.clock import utc_now
from web.config import ConfigError, Settings
from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.accounts import Source
from web.identity.directory import Directory
from web.identity.directory.opening import open_directory

LDAP = {"LOGIN": "ldap", "LDAP_URL": "ldap://dir.invalid", "LDAP_USER_SEARCH_BASE": "dc=x"}


def opened(**environ: str) -> Directory:
    accounts = AccountStore(Database("sqlite:////nowhere/at/all.db"))
    return open_directory(Settings.from_env(environ), accounts, utc_now)


def test_each_setting_gives_its_directory_and_asks_nobody_yet(tmp_path: Path) -> None:
    (tmp_path / "htpasswd").touch()

    assert opened().source is Source.LOCAL
    assert opened(**LDAP).source is Source.LDAP
    by_file = opened(LOGIN="htpasswd", HTPASSWD_FILE=str(tmp_path / "htpasswd"))
    assert by_file.source is Source.HTPASSWD


def test_passwords_in_clear_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    opened(**LDAP)
    opened(**LDAP | {"LDAP_URL": "ldaps://dir.invalid"})
    assert caplog.text == ""

    opened(**LDAP, LDAP_START_TLS="false")
    assert "passwords travel in clear to ldap://dir.invalid" in caplog.text


@pytest.mark.parametrize(
    ("library", "environ"),
    [("ldap3", LDAP), ("passlib", {"LOGIN": "htpasswd", "HTPASSWD_FILE": __file__})],
)
def test_a_library_that_is_not_installed_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, library: str, environ: dict[str, str]
) -> None:
    # Only what needs the library: another copy of the rest would stay with whoever imports later.
    needing = [f"web.identity.directory.{name}" for name in ("ldap", "ldap_wire", "htpasswd")]
    for name in list(sys.modules):
        if name.partition(".")[0] == library or name in needing:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)

    settings = Settings.from_env(environ)
    accounts = AccountStore(Database("sqlite:////nowhere/at/all.db"))
    with pytest.raises(ConfigError, match=rf"pip install 'kscope-gateway\[{environ['LOGIN']}\]'"):
        open_directory(settings, accounts, utc_now)


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"canary\n", 0o644, "chmod 600"),
        (b"canary\n", 0o660, "chmod 600"),
        (b"\ncanary\n", 0o600, "its first line is no password"),
        (b"can\0ary\n", 0o600, "its first line is no password"),
        (b"", 0o600, "its first line is no password"),
        (None, 0o600, "cannot be read"),
    ],
)
def test_everything_wrong_with_the_files_is_told_at_once_and_no_secret(
    tmp_path: Path, content: bytes | None, mode: int, words: str
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        opened(**LDAP, LDAP_BIND_DN="cn=reader,dc=x", LDAP_BIND_PASSWORD_FILE=str(path),
               LDAP_CA_FILE=str(tmp_path / "ca.pem"))  # fmt: skip

    ca_fault, password_fault = caught.value.faults
    assert ca_fault.startswith("LDAP_CA_FILE: ")
    assert password_fault.startswith("LDAP_BIND_PASSWORD_FILE: ")
    assert words in password_fault
    assert "canary" not in password_fault
