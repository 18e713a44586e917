"""A gateway whose engine is made of raw sockets; everything between them is real."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.data_path.raw import CHAT, Reply, request, talk
from tests.gateway_process import REPOSITORY, Gateway
from tests.local_gateway import running
from tests.waiting import wait_until
from web.config import Settings
from web.database import Database
from web.fleet.store import InstanceStore

FIRST_BYTE_S, STALL_S, CLIENT_WRITE_S = 1.5, 1.0, 2.0


def entry(name: str, **members: object) -> dict:
    return {
        "name": name,
        "path": name,
        "command": "python3 -m tests.fakes.torture_engine",
        "env": {"PYTHONPATH": str(REPOSITORY)},
        **members,
    }


@dataclass
class Bench:
    """A gateway, and the engine of its one model as seen from behind."""

    gateway: Gateway
    model: str
    engine: str  # host and port

    @property
    def port(self) -> int:
        return self.gateway.port

    def ask(self, script: str, *, path: str = CHAT, stream: bool = False, **more) -> Reply:
        return talk(self.port, self.request(script, path=path, stream=stream, **more))

    def request(
        self, script: str, *, path: str = CHAT, stream: bool = False, last: bool = True, **more
    ) -> bytes:
        return request(self.body(script, stream=stream, **more), self.gateway.key, path, last=last)

    def body(self, script: str, *, stream: bool = False, **more) -> bytes:
        asked = {"model": self.model, "torture": script, "stream": stream, **more}
        if stream:
            asked["stream_options"] = {"include_usage": True}
        return json.dumps(asked).encode()

    def state(self, **changes) -> dict:
        """What the engine has seen; `changes` are made first."""
        host, _, port = self.engine.rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=20)
        try:
            connection.request("POST", "/torture", json.dumps({"torture": changes}))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def worker(self) -> Path:
        """/proc/PID of the process that serves: the child of gunicorn's arbiter."""
        pids = [p for p in self.gateway.pids() if b"web.gateway" in _read(p, "cmdline")]
        (found,) = [p for p in pids if _parent(p) in pids]
        return Path(f"/proc/{found}")


def _read(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def _parent(pid: int) -> int:
    return int(_read(pid, "stat").rpartition(b")")[2].split()[1])


def warm_bench(gateway: Gateway, model: str) -> Bench:
    gateway.client(max_retries=0)

    def answers() -> bool:
        body = json.dumps({"model": model}).encode()
        return talk(gateway.port, request(body, gateway.key)).status == 200

    wait_until(answers, 40, f"{model} answers")
    database = Database(Settings.from_env(gateway.env).database_url)
    try:
        (instance,) = [each for each in InstanceStore(database).live() if each.model == model]
    finally:
        database.close()
    return Bench(gateway, model, f"{instance.node}:{instance.port}")


@pytest.fixture(scope="package")
def tortured(tmp_path_factory):
    """Two models, `torture` and `single`; the latter's engine takes one request at a time."""
    env = {
        "UPSTREAM_FIRST_BYTE_TIMEOUT_SECONDS": str(FIRST_BYTE_S),
        "UPSTREAM_STALL_TIMEOUT_SECONDS": str(STALL_S),
        "CLIENT_WRITE_TIMEOUT_SECONDS": str(CLIENT_WRITE_S),
    }
    models = (entry("torture"), entry("single", max_requests=1))
    with running(Gateway(tmp_path_factory.mktemp("tortured"), models, env)) as gateway:
        yield gateway


@pytest.fixture(scope="package")
def bench(tortured):
    return warm_bench(tortured, "torture")


@pytest.fixture(scope="package")
def single(tortured):
    return warm_bench(tortured, "single")
