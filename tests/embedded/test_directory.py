"""A gateway whose users stand in a real directory: what becomes of their keys, and its outages."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.embedded.accounts import database_of
from tests.embedded.conftest import ENTRY
from tests.gateway_process import HOST, REPOSITORY, Gateway, free_port
from tests.slapd import PEOPLE, Slapd, person, running_slapd
from tests.waiting import wait_until
from web.audit.store import AuditLog, Wanted
from web.config import Settings
from web.errors import LoginUnavailable
from web.identity.directory import at_once
from web.identity.directory.opening import open_login
from web.identity.models import UserRow

ALICE = f"dn: uid=alice,{PEOPLE}\nchangetype: modify\n"
# The fleet process looks every ten seconds whether a sync is due.
NEXT_LOOK_S = 30


class Site:
    def __init__(self, gateway: Gateway, slapd: Slapd) -> None:
        self.gateway = gateway
        self.slapd = slapd
        for name in ("alice", "bob"):
            self.log_in(name)
        self.keys = {name: self.cli("keys", "create", "--user", name)[1].strip()
                     for name in ("alice", "bob")}  # fmt: skip

    def log_in(self, name: str) -> None:
        with database_of(self.gateway) as database:
            settings = Settings.from_env(self.gateway.env)
            open_login(settings, database, at_once).attempt(name, f"pass {name}", "192.0.2.7")

    def cli(self, *arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "web.cli", *arguments],
            cwd=REPOSITORY, env=self.gateway.env, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def status(self, name: str) -> int:
        """What the key of that user gets."""
        with closing(http.client.HTTPConnection(HOST, self.gateway.port, timeout=10)) as client:
            headers = {"Authorization": f"Bearer {self.keys[name]}"}
            client.request("GET", "/v1/models", headers=headers)
            return client.getresponse().status

    def an_hour_passes(self) -> None:
        """For the directory's users: they were last asked about an hour ago."""
        with database_of(self.gateway) as database, database.write() as session:
            for row in session.query(UserRow):
                row.synced_at = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_slapd([person(name, f"pass {name}") for name in ("alice", "bob")]) as slapd:
        gateway = Gateway(tmp_path_factory.mktemp("gateway"), (ENTRY,), slapd.settings())
        try:
            gateway.start()
            yield Site(gateway, slapd)
        finally:
            gateway.kill9()
            print(gateway.log_tail())


def test_by_the_hour_who_is_locked_in_the_directory_loses_the_keys_and_gets_them_back(
    site: Site,
) -> None:
    site.slapd.change(f"{ALICE}add: nsAccountLock\nnsAccountLock: TRUE\n")
    assert site.status("alice") == 200
    site.an_hour_passes()
    wait_until(lambda: site.status("alice") == 401, NEXT_LOOK_S, "alice's key is void")
    assert site.status("bob") == 200

    site.slapd.change(f"{ALICE}delete: nsAccountLock\n")
    site.an_hour_passes()
    wait_until(lambda: site.status("alice") == 200, NEXT_LOOK_S, "alice's key works again")
    with database_of(site.gateway) as database:
        entries = AuditLog(database).query(Wanted(actor="directory", subject="alice"))
    assert [entry.action for entry in entries] == ["user.enable", "user.disable"]


def test_by_the_command_it_is_at_once(site: Site) -> None:
    site.slapd.change(f"{ALICE}add: nsAccountLock\nnsAccountLock: TRUE\n")
    code, out, _ = site.cli("users", "sync", "--json")
    synced_at = time.monotonic()
    assert (code, json.loads(out)["disabled"]) == (0, ["alice"])
    wait_until(lambda: site.status("alice") == 401, 2, "alice's key is void")
    assert time.monotonic() - synced_at < 1.5

    site.slapd.change(f"{ALICE}delete: nsAccountLock\n")
    code, out, _ = site.cli("users", "sync")
    assert (code, out) == (0, "asked about 2 users\nenabled: alice\n")
    wait_until(lambda: site.status("alice") == 200, 2, "alice's key works again")


@pytest.mark.parametrize("fault", ["stopped", "killed"])
def test_keys_go_on_working_while_the_directory_is_away(site: Site, fault: str) -> None:
    if fault == "stopped":
        site.slapd.send(signal.SIGSTOP)
    else:
        site.slapd.kill()
    try:
        with pytest.raises(LoginUnavailable):
            site.log_in("alice")
        code, out, err = site.cli("users", "sync")
        assert (code, out) == (1, "")
        assert "nobody was changed, the directory cannot be asked" in err
        assert {site.status(name) for name in ("alice", "bob")} == {200}
        # A new login of hers would be refused, a new start of the gateway is not.
        site.gateway.restart()
        assert {site.status(name) for name in ("alice", "bob")} == {200}
    finally:
        site.slapd.restart()
    site.log_in("alice")


def test_no_password_stands_in_the_log_or_the_data(site: Site) -> None:
    site.log_in("alice")
    kept = b"".join(path.read_bytes() for path in site.gateway.data_dir.rglob("*.db*"))

    assert b"alice" in kept
    for password in ("pass alice", "the reader's own"):
        assert password not in site.gateway.log_text()
        assert password.encode() not in kept


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"LOGIN": "ldap"}, "LDAP_URL: not set"),
        ({"LOGIN": "htpasswd", "HTPASSWD_FILE": "/nowhere"}, "HTPASSWD_FILE: /nowhere: no such"),
    ],
)
def test_settings_that_let_nobody_in_are_told_before_the_start(
    tmp_path: Path, environ: dict[str, str], words: str
) -> None:
    gateway = Gateway(tmp_path, (ENTRY,), {**environ, "PROXY_PORT": str(free_port())})
    done = subprocess.run(
        [sys.executable, "-m", "web.openai_proxy.routes"],
        cwd=REPOSITORY, env=gateway.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert words in done.stderr


def test_a_password_file_that_others_may_read_is_told_before_the_start(
    tmp_path: Path, site: Site
) -> None:
    open_to_all = tmp_path / "password"
    open_to_all.write_text("canary\n")
    open_to_all.chmod(0o644)
    environ = site.slapd.settings(LDAP_BIND_PASSWORD_FILE=str(open_to_all))
    gateway = Gateway(tmp_path / "gateway", (ENTRY,), environ)
    done = subprocess.run(
        [sys.executable, "-m", "web.openai_proxy.routes"],
        cwd=REPOSITORY, env=gateway.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert f"chmod 600 {open_to_all}" in done.stderr
    assert "canary" not in done.stderr
