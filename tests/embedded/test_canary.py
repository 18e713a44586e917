"""No secret and nothing that anybody wrote or read is where it does not belong.

One gateway, logging all it can, with a real directory; every secret that it handles is known here,
and all that it wrote, said or runs is searched for each of them.
"""

import contextlib
import http.client
import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import openai
import pytest

from slurm.local import LocalCluster
from tests.embedded.accounts import database_of
from tests.embedded.conftest import ENTRY, MODEL
from tests.gateway_process import HOST, REPOSITORY, Gateway
from tests.local_gateway import running
from tests.slapd import READER_PASSWORD, person, running_slapd
from tests.waiting import wait_until
from web.config import Settings
from web.errors import LoginRefused
from web.fleet.launch import engine_key, worker_token
from web.fleet.store import InstanceStore
from web.identity.directory import at_once
from web.identity.directory.opening import open_login
from web.secrets import Secrets

PASSWORD = "canary-of-alices-password"
WRONG_PASSWORD = "canary-of-a-wrong-password"
LOCAL_PASSWORD = "canary-of-graces-password"
PROMPT = "canary-of-a-prompt"
SHOWN = (
    ("keys", "list"), ("keys", "list", "--json"), ("users", "list", "--json"),
    ("users", "show", "alice"), ("limits", "list", "--json"), ("audit",), ("audit", "--csv"),
    ("audit", "--json", "--limit", "1000"), ("usage",), ("usage", "--by", "key,model", "--json"),
    ("models", "list", "-v"), ("models", "list", "-v", "--json"), ("orphans", "--json"),
    ("models", "logs", MODEL), ("doctor",),
)  # fmt: skip


class Site:
    """A gateway after some traffic. `said` is all that clients were told in errors, `secrets` what
    nobody but its owner may see, by name."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.said: list[bytes] = []
        self.secrets: dict[str, str] = {"bind password": READER_PASSWORD, "prompt": PROMPT}

    def cli(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "web.cli", *arguments], cwd=REPOSITORY, env=self.gateway.env,
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def post(self, body: bytes, key: str, path: str = "/v1/chat/completions") -> bytes:
        """The answer; an error is kept."""
        with closing(http.client.HTTPConnection(HOST, self.gateway.port, timeout=30)) as client:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            client.request("POST", path, body, headers)
            answer = client.getresponse()
            text = answer.read()
        if answer.status >= 400:
            self.said.append(text)
        return text

    def found_in(self, text: bytes | str) -> list[str]:
        """The names of the secrets that stand in it."""
        whole = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        return [name for name, value in self.secrets.items() if value.encode() in whole]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_slapd([person("alice", PASSWORD)]) as slapd:
        env = {**slapd.settings(), "LOG_LEVEL": "debug"}
        with running(Gateway(tmp_path_factory.mktemp("gateway"), (ENTRY,), env)) as gateway:
            site = Site(gateway)
            _log_in(site)
            _ask(site)
            _know_the_jobs_secrets(site)
            yield site


def _log_in(site: Site) -> None:
    """By the directory, rightly and wrongly; a local account too."""
    heard = _Heard()
    logging.getLogger().addHandler(heard)
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        with database_of(site.gateway) as database:
            login = open_login(Settings.from_env(site.gateway.env), database, at_once)
            login.attempt("alice", PASSWORD, "192.0.2.7")
            with pytest.raises(LoginRefused):
                login.attempt("alice", WRONG_PASSWORD, "192.0.2.7")
    finally:
        logging.getLogger().removeHandler(heard)
        logging.getLogger().setLevel(logging.WARNING)
    site.cli("users", "create", "grace", "--password", stdin=f"{LOCAL_PASSWORD}\n")
    site.secrets |= {
        "password": PASSWORD, "wrong password": WRONG_PASSWORD, "local password": LOCAL_PASSWORD
    }  # fmt: skip
    assert site.found_in("\n".join(heard.lines)) == []


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter().format(record))


def _ask(site: Site) -> None:
    """Plain, streamed, left in the middle, malformed, with a wrong key and for a wrong model."""
    gateway = site.gateway
    messages = [{"role": "user", "content": f"{PROMPT} and more"}]
    create = gateway.client(max_retries=20).chat.completions.create
    answer = create(model=MODEL, messages=messages, max_tokens=40).choices[0].message.content
    assert len(answer) > 40
    for _ in create(model=MODEL, messages=messages, max_tokens=500, stream=True):
        break
    list(create(model=MODEL, messages=messages, max_tokens=5, stream=True))
    key = gateway.key
    rotated = site.cli("keys", "rotate", json.loads(gateway.cli("keys", "list", "--json"))[0]["id"])
    site.secrets |= {"answer": answer[:40], "key": key, "rotated key": rotated.splitlines()[-1]}
    body = json.dumps({"model": MODEL, "messages": messages}).encode()
    altered = key[:-1] + ("A" if key[-1] != "A" else "B")
    site.secrets["altered key"] = altered
    site.post(body, altered)
    site.post(body[:-3], key)
    site.post(body.replace(b'"role"', b'"roll"'), key)
    site.post(json.dumps({"model": PROMPT[:6], "messages": messages}).encode(), key)
    # The engine refuses this one, in words of its own, to nobody but the client.
    with contextlib.suppress(openai.BadRequestError):
        create(model=MODEL, messages=PROMPT)
    site.post(json.dumps([PROMPT]).encode(), key)
    site.post(body, key, f"/v1/no/such/route?api_key={key}")
    site.post(body, key, f"/worker_callback?api_key={key}")
    assert len(site.said) >= 5


def _know_the_jobs_secrets(site: Site) -> None:
    secrets = Secrets(site.gateway.data_dir)
    with database_of(site.gateway) as database:
        (instance,) = InstanceStore(database).live()
    version = instance.secret_version
    site.secrets["engine key"] = engine_key(secrets, instance.id, version)
    site.secrets["worker token"] = worker_token(secrets, instance.id, version).partition(".")[2]
    assert all(len(value) > 10 for value in site.secrets.values()), site.secrets


def test_the_log_at_its_most_talkative_tells_nothing(site):
    wait_until(lambda: '"debug"' in site.gateway.log_text().lower(), what="it logs for debugging")
    assert site.found_in(site.gateway.log_text()) == []


def test_no_error_repeats_what_it_was_sent(site):
    told = {error: site.found_in(error) for error in site.said}
    assert {text: found for text, found in told.items() if found} == {}


def test_no_command_shows_them(site):
    shown = {" ".join(argv): site.found_in(site.cli(*argv)) for argv in SHOWN}
    assert {command: found for command, found in shown.items() if found} == {}


def test_no_file_keeps_them_but_the_private_ones_of_their_owner(site):
    """The database with all its rows (its journal too), logs, and whatever else is written."""
    found = {}
    for path in site.gateway.data_dir.rglob("*"):
        if path.is_file() and (names := site.found_in(path.read_bytes())):
            found[path] = names
    # What sbatch is given is in Slurm's spool, readable for its owner alone: so it is here.
    scripts = {path for path in found if path.name == "script"}
    assert all(set(found[path]) <= {"engine key", "worker token"} for path in scripts)
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in scripts)
    assert found.keys() == scripts


def test_the_database_was_searched_where_its_rows_are(site):
    """What is in it is in plain sight: a search that finds nothing would have found something."""
    files = list(site.gateway.data_dir.glob("kscope.db*"))
    assert any(b"alice" in path.read_bytes() for path in files)


def test_no_process_carries_them_where_others_can_read(site):
    ours = set(site.gateway.pids())
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        names = site.found_in(_read(entry / "cmdline"))
        if int(entry.name) in ours:
            names += site.found_in(_read(entry / "environ"))
        if names:
            found[entry.name] = names
    assert ours
    assert found == {}


def test_the_engine_alone_has_its_key_in_its_environment(site):
    """vLLM takes it from there; only its own account can read that."""
    has = [
        site.found_in(_read(entry / "environ"))
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and site.found_in(_read(entry / "environ"))
    ]
    assert has
    assert all(names == ["engine key"] for names in has)


def test_a_jobs_name_says_only_which_instance_it_is(site):
    cluster = LocalCluster(site.gateway.data_dir / "jobs")
    names = [job.name for job in cluster.list_jobs()]
    cluster.close()
    assert names
    assert site.found_in(" ".join(names)) == []
    assert all(name.removeprefix("kscope-").isalnum() and len(name) == 17 for name in names)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
