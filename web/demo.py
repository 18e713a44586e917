"""`kscope demo`: the gateway on this machine alone, with a key and a login to try it with.

Everything is the real thing but the GPU: SQLite, jobs as child processes, and the simulated engine
unless models.yaml says otherwise.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
import requests

from web.audit.scribe import scribe_of
from web.catalog.file import CatalogFile
from web.clock import utc_now
from web.config import Settings
from web.config_login import LoginKind
from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.passwords import hash_password, is_password
from web.identity.store import KeyStore
from web.secrets import Secrets
from web.terminal import login_name

KEY_FILE = "demo_api_key"
LOGIN_FILE = "demo_password"
PASSWORD_BYTES = 12
USER = "demo"
EXAMPLE = Path(__file__).parent.parent / "models.example.yaml"
START_TIMEOUT_S = 60.0
# Looking at jobs that are child processes costs nothing.
LOOK_INTERVAL_S = "1"

CURL = """\
curl {base_url}/chat/completions -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "stream": true,
       "messages": [{{"role": "user", "content": "Hello"}}]}}'"""


def run(environ: Mapping[str, str]) -> int:
    """Start the gateway, say how to use it once it answers, and stay until it ends."""
    defaults = {"MODELS_FILE": _models_file(), "MIN_UPDATE_INTERVAL_SECONDS": LOOK_INTERVAL_S}
    given = {name: value for name, value in environ.items() if value}
    environ = {**environ, **defaults, **given}
    server = subprocess.Popen([sys.executable, "-m", "web.openai_proxy.routes"], env=environ)
    # Ctrl-C reaches the server too, which then stops in order; this process waits for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    settings = Settings.from_env(environ)
    if _answers(settings, server):
        _introduce(settings)
    return server.wait()


def _models_file() -> str:
    return "models.yaml" if Path("models.yaml").exists() else str(EXAMPLE)


def _answers(settings: Settings, server: subprocess.Popen[bytes]) -> bool:
    url = f"http://127.0.0.1:{settings.proxy_port}/health"
    deadline = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return requests.get(url, timeout=1).ok
        except requests.RequestException:
            time.sleep(0.2)
    return False


def _introduce(settings: Settings) -> None:
    base_url = f"{settings.proxy_base_url}/v1"
    key = demo_key(settings)
    model = next(iter(CatalogFile.for_settings(settings).current())).name
    click.echo(f"base_url: {base_url}")
    click.echo(f"api_key: {key}")
    if password := demo_password(settings):
        click.echo(f"portal: {settings.proxy_base_url}/ (user {USER}, password {password})")
    click.echo(CURL.format(base_url=base_url, key=key, model=model))


def demo_key(settings: Settings) -> str:
    """The key of earlier runs while it is valid, else a new one; kept in DATA_DIR, mode 0600."""
    database = Database(settings.database_url)
    store = KeyStore(database, Secrets(settings.data_dir))
    path = settings.data_dir / KEY_FILE
    now = utc_now()
    try:
        kept = path.read_text().strip() if path.exists() else ""
        record = store.find(kept) if kept else None
        if record is not None and record.principal_at(now) is not None:
            return kept
        record, key = store.create(USER, "demo", settings.api_key_ttl_days, None, now)
        scribe_of(database, login_name())("key.create", record.id, user=USER, name="demo")
        _write_private(path, key)
    finally:
        database.close()
    return key


def demo_password(settings: Settings) -> str | None:
    """What the user demo, no administrator, logs in with; kept like the key. None where accounts
    are not kept here, and where somebody has given that user another password."""
    if settings.login is not LoginKind.LOCAL:
        return None
    database = Database(settings.database_url)
    accounts = AccountStore(database)
    path = settings.data_dir / LOGIN_FILE
    try:
        kept, known = (
            path.read_text().strip() if path.exists() else "",
            accounts.password_hash(USER),
        )
        if known is not None:
            return kept if is_password(known, kept) else None
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        _write_private(path, password)
        accounts.set_password_hash(USER, hash_password(password))
        scribe_of(database, login_name())("user.password", USER, removed=False)
    finally:
        database.close()
    return password


def _write_private(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    fresh.replace(path)
