"""Whatever LOGIN says, the page is the same and asks who knows the password. (LDAP: over a
directory of this process; a real slapd in tests/browser and tests/embedded.)"""

from collections.abc import Callable
from pathlib import Path

import pytest
from passlib.hash import apr_md5_crypt

from tests.web.identity.login_world import ScriptedDirectory
from tests.web.in_process import InProcess, in_process
from tests.web.portal.browsing import PASSWORD_HASH, Browser
from web.clock import utc_now
from web.identity.directory import Denial

LDAP = {
    "LOGIN": "ldap",
    "LDAP_URL": "ldaps://ldap.cluster.example",
    "LDAP_USER_SEARCH_BASE": "ou=people,dc=cluster,dc=example",
}
Maker = Callable[..., InProcess]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setattr("web.identity.login.LEAST_REFUSAL_S", 0.0)
    return lambda **environ: in_process(tmp_path, environ)


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> ScriptedDirectory:
    scripted = ScriptedDirectory()
    monkeypatch.setattr("web.identity.directory.opening._ldap", lambda settings, clock: scripted)
    return scripted


def test_local_accounts_log_in_by_the_password_that_is_kept_here(make: Maker) -> None:
    gateway = make()
    gateway.accounts.create("ada", "local", password_hash=PASSWORD_HASH, now=utc_now())

    assert Browser(gateway).log_in("ada").status_code == 303
    assert Browser(gateway).log_in("ada", "wrong").status_code == 401
    gateway.database.close()


def test_users_of_an_htpasswd_file_log_in_and_get_an_account(make: Maker, tmp_path: Path) -> None:
    file = tmp_path / "htpasswd"
    file.write_text(f"ada:{apr_md5_crypt.hash('right')}\n")
    file.chmod(0o640)
    gateway = make(LOGIN="htpasswd", HTPASSWD_FILE=str(file))
    browser = Browser(gateway)

    assert browser.log_in("ada", "wrong").status_code == 401
    assert browser.log_in("Ada", "right").status_code == 303
    assert browser.get("/").status_code == 200
    assert [account.name for account in gateway.accounts.list()] == ["ada"]
    gateway.database.close()


def test_users_of_a_directory_log_in_with_its_groups(
    make: Maker, directory: ScriptedDirectory
) -> None:
    directory.has("ada", "right", ["physics"])
    gateway = make(**LDAP)
    browser = Browser(gateway)

    assert "as on the cluster" in browser.get("/login").text
    assert browser.log_in("ada", "wrong").status_code == 401
    assert browser.log_in("ada", "right").status_code == 303
    assert ">lab</a>" in browser.get("/").text, "the model of her group"
    gateway.database.close()


@pytest.mark.parametrize("password", ["", "\0", "right\0", "\u200b", " " * 2000])
def test_what_a_directory_could_take_for_no_password_never_reaches_it(
    make: Maker, directory: ScriptedDirectory, password: str
) -> None:
    """An LDAP bind with an empty password succeeds for every name."""
    directory.has("ada", password)
    gateway = make(**LDAP)

    assert Browser(gateway).log_in("ada", password).status_code == 401
    assert directory.asked == []
    gateway.database.close()


def test_a_directory_that_is_away_lets_local_administrators_in(
    make: Maker, directory: ScriptedDirectory
) -> None:
    gateway = make(**LDAP)
    gateway.accounts.create("root", "local", password_hash=PASSWORD_HASH, now=utc_now())
    directory.is_away = True

    assert Browser(gateway).log_in("ada").status_code == 503
    assert Browser(gateway).log_in("root").status_code == 303
    gateway.database.close()


def test_who_is_logged_in_stays_so_while_the_directory_is_away(
    make: Maker, directory: ScriptedDirectory
) -> None:
    directory.has("ada", "right")
    gateway = make(**LDAP)
    browser = Browser(gateway)
    browser.log_in("ada", "right")

    directory.is_away = True

    assert browser.get("/keys").status_code == 200
    gateway.database.close()


def test_whom_the_directory_disables_is_out_when_that_is_noticed(
    make: Maker, directory: ScriptedDirectory
) -> None:
    directory.has("ada", "right")
    gateway = make(**LDAP)
    browser = Browser(gateway)
    browser.log_in("ada", "right")

    directory.users["ada"] = ("right", Denial.DISABLED)
    Browser(gateway).log_in("ada", "right")

    assert browser.get("/").status_code == 303
    gateway.database.close()
