"""A gateway worker's application called in this process, and everybody who may call it.

No server, no fleet process, no engine: what gets past every door finds a model that is cold, or
an instance that cannot be reached.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask import Flask
from werkzeug.test import TestResponse

from tests.web.fleet.worlds import ID, instance
from tests.web.newest import newest
from web.app import create_app
from web.clock import utc_now
from web.config import Settings
from web.database import Database
from web.fleet.launch import worker_token
from web.fleet.states import Instance, InstanceState
from web.fleet.store import FleetStore
from web.identity.account_store import AccountStore
from web.identity.browser import CSRF_HEADER, SESSION_COOKIE
from web.identity.keys import new_key
from web.identity.session_store import SessionStore
from web.identity.sessions import Sessions, csrf_of
from web.identity.store import KeyStore
from web.lock.store import FleetLock
from web.secrets import Secrets

ROLES = (
    "nobody",
    "bad key",
    "key",
    "admin's key",
    "disabled owner's key",
    "worker token",
    "session",
    "admin's session",
    "disabled user's session",
)
CATALOG = """
models:
  - {name: cold, path: p, aliases: [chilly]}
  - {name: lab, path: p, groups: [physics], aliases: [laboratory]}
"""


@dataclass
class InProcess:
    app: Flask
    database: Database
    accounts: AccountStore
    keys: KeyStore
    secrets: Secrets

    def ask(
        self,
        method: str,
        path: str,
        key: str | None = None,
        body: object = None,
        **more: object,
    ) -> TestResponse:
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        return self.ask_with(headers, method, path, body, **more)

    def ask_with(
        self,
        headers: Mapping[str, str],
        method: str,
        path: str,
        body: object = None,
        **more: object,
    ) -> TestResponse:
        client = self.app.test_client(use_cookies=False)
        # Buffered: a static file is closed behind it.
        return client.open(
            path, method=method, headers=dict(headers), json=body, buffered=True, **more
        )

    def refresh(self) -> None:
        """What a worker's background does, once."""
        self.app.extensions["kscope"].outlook.refresh()

    def key(self, user: str, models: list[str] | None = None) -> str:
        return self.keys.create(user, "", 1, models, utc_now())[1]

    def add(self, state: InstanceState, **changes: object) -> Instance:
        """An instance whose job is known; see `tests.web.fleet.worlds.instance`."""
        now = utc_now()
        lock = FleetLock(self.database, "test:1", life_s=600)
        lock.acquire(now)
        added = instance(state, created_at=now, state_since=now - timedelta(seconds=1), **changes)
        FleetStore(self.database, lock).intend(added)
        self.refresh()
        return added

    @property
    def sessions(self) -> Sessions:
        return Sessions(SessionStore(self.database), self.secrets, utc_now, timedelta(hours=12))

    def session(self, user: str) -> str:
        """The token of a browser that has just logged in."""
        return self.sessions.begin(user)

    def presented(self) -> dict[str, dict[str, str]]:
        """The headers of each of ROLES; a browser's are those of a script of ours."""
        self.accounts.create("root", "cli", is_admin=True, now=utc_now())
        self.accounts.create("former", "cli", now=utc_now())
        given: tuple[dict[str, str], ...] = (
            {},
            _bearer(new_key(lambda bound: 1)),
            _bearer(self.key("ada")),
            _bearer(self.key("root")),
            _bearer(self.key("gone")),
            _bearer(worker_token(self.secrets, ID)),
            _browser(self.session("ada")),
            _browser(self.session("root")),
            _browser(self.session("former")),
        )
        for name in ("gone", "former"):
            self.accounts.disable(name, "cli:root", utc_now())
        return dict(zip(ROLES, given, strict=True))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _browser(token: str) -> dict[str, str]:
    return {"Cookie": f"{SESSION_COOKIE}={token}", CSRF_HEADER: csrf_of(token)}


def in_process(folder: Path, environ: Mapping[str, str] = {}, catalog: str = CATALOG) -> InProcess:
    (folder / "models.yaml").write_text(catalog)
    settings = Settings.from_env(
        {"DATA_DIR": str(folder), "MODELS_FILE": str(folder / "models.yaml"), **environ}
    )
    secrets = Secrets(folder)
    if "DATABASE_URL" in environ:
        database = Database(settings.database_url)
        database.migrate()
    else:
        database = newest(folder)
    made = InProcess(
        create_app(settings), database, AccountStore(database), KeyStore(database, secrets), secrets
    )
    made.refresh()
    return made


def error_of(response: TestResponse) -> dict[str, object]:
    told: dict[str, object] = json.loads(response.data)["error"]
    return told
