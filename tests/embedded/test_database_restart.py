"""PostgreSQL cut off in mid-work, three times, under load: what goes on, what is refused, what is
written down in the end."""

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from secrets import randbelow

import pytest
from sqlalchemy import text

from tests.data_path.raw import Reply, connect, parse, request, talk
from tests.embedded.accounts import database_of, written
from tests.embedded.conftest import ENTRY, MODEL
from tests.gateway_process import REPOSITORY, Gateway
from tests.postgres import running_postgres
from tests.waiting import wait_until
from web.audit.store import AuditLog, Wanted
from web.database import StorageError
from web.identity.keys import new_key
from web.usage.periods import By

OUTAGES = 3
ASKERS, STREAMS, STREAM_TOKENS, TOKENS_PER_SECOND = 3, 4, 120, 12
# What is known of a key holds for 0.9 s; the rest is for a busy machine.
KNOWN_FOR_S = 1.5
AS_JSON = ("Content-Type: application/json",)


def body(size: int, *, stream: bool = False, **simulator: object) -> bytes:
    messages = [{"role": "user", "content": "hello"}]
    asked = {"model": MODEL, "messages": messages, "max_tokens": size, "stream": stream}
    return json.dumps({**asked, "simulator": simulator}).encode()


def ask(gateway: Gateway, key: str, asked: bytes) -> Reply:
    return talk(gateway.port, request(asked, key, headers=AS_JSON))


class Crowd:
    """Clients that ask without a pause, and what each of them was told, and when it asked."""

    def __init__(self, gateway: Gateway, keys: dict[str, str]) -> None:
        self._gateway = gateway
        self._keys = keys
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.told: dict[str, list[tuple[float, int]]] = {name: [] for name in keys}
        self.streams: list[Reply] = []

    @contextmanager
    def asking(self):
        for name in self._keys:
            self._start(self._ask, name)
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def open_streams(self) -> None:
        """Returns when all of them have begun."""
        asked = body(
            STREAM_TOKENS,
            stream=True,
            tokens_per_second=TOKENS_PER_SECOND,
            answer_tokens=STREAM_TOKENS,
        )
        data = request(asked, self._keys["ada-0"], headers=AS_JSON)
        socks = [connect(self._gateway.port) for _ in range(STREAMS)]
        for sock in socks:
            sock.sendall(data)
        for sock in socks:
            self._start(self._read_on, sock, sock.recv(1 << 16))

    def seen(self, name: str, status: int) -> int:
        return sum(told == status for _, told in self.told[name])

    def _start(self, action, *arguments) -> None:
        thread = threading.Thread(target=action, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _ask(self, name: str) -> None:
        while not self._stop.is_set():
            asked_at = time.monotonic()
            reply = ask(self._gateway, self._keys[name], body(3))
            self.told[name].append((asked_at, reply.status))

    def _read_on(self, sock: socket.socket, begun: bytes) -> None:
        pieces = [begun]
        with sock:
            while piece := sock.recv(1 << 16):
                pieces.append(piece)
        self.streams.append(parse(b"".join(pieces)))


def test_streams_survive_nobody_unknown_passes_and_all_is_counted_once(make_gateway):
    with running_postgres() as server:
        gateway = make_gateway(
            {**ENTRY, "min_instances": 1}, DATABASE_URL=server.url, WEB_CONCURRENCY="2"
        )
        wait_until(lambda: gateway.model(MODEL)["state"] == "ready", 60, "the model is ready")
        keys = {f"ada-{n}": gateway.cli("keys", "create", "--user", "ada").strip() for n in
                range(ASKERS)}  # fmt: skip
        keys["revoked"] = gateway.cli("keys", "create", "--user", "eve").strip()
        gateway.cli("keys", "revoke", keys["revoked"])
        keys["made up"] = new_key(randbelow)
        keys["junk"] = "sk-ks-junk"
        friends = [name for name in keys if name.startswith("ada")]
        strangers = keys.keys() - set(friends)
        entries = audit_entries(gateway)
        crowd = Crowd(gateway, keys)
        outages = []
        with crowd.asking():
            wait_until(lambda: all(crowd.seen(name, 200) for name in friends), 10, "all served")
            for _ in range(OUTAGES):
                if not outages:
                    crowd.open_streams()
                outages.append(outage(server, gateway, crowd, friends))
            wait_until(lambda: len(crowd.streams) == STREAMS, 60, "the streams have ended")
        gateway.stop()

        for reply in crowd.streams:
            assert (reply.status, reply.clean) == (200, True)
            assert reply.body.endswith(b"data: [DONE]\n\n")
            assert reply.body.count(b'"content":') == STREAM_TOKENS + 1  # the first tells the role
        told = {name: {status for _, status in crowd.told[name]} for name in keys}
        assert all(told[name] == {200, 503} for name in friends), told
        assert all(told[name] <= {401, 503} for name in strangers), told
        assert late(crowd, friends, outages) == []
        served = sum(crowd.seen(name, 200) for name in friends)
        line = written(gateway, By.USER)[("ada",)]
        assert set(written(gateway, By.USER)) == {("ada",)}
        assert (line.requests, line.errors, line.aborted) == (served + STREAMS, 0, 0)
        assert line.completion_tokens == 3 * served + STREAMS * STREAM_TOKENS
        assert line.estimated_tokens == 0
        after = audit_entries(gateway)
        assert after[: len(entries)] == entries, "what was in the log is in it as it was"
        assert not any("mallory" in entry.subject for entry in after)
        refuses_changes(gateway)


def outage(server, gateway, crowd, friends) -> tuple[float, float]:
    """When it began and ended: it lasts until everybody who has a key was refused."""
    refused = {name: crowd.seen(name, 503) for name in friends}
    began = time.monotonic()
    server.stop()
    stopped = time.monotonic()
    wait_until(
        lambda: all(crowd.seen(name, 503) > refused[name] for name in friends),
        30,
        "nobody is let in without the database",
    )
    command = [sys.executable, "-m", "web.cli", "keys", "create", "--user", "mallory"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=gateway.env, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert b"sk-ks-" not in done.stdout
    ended = time.monotonic()
    server.start()
    served = {name: crowd.seen(name, 200) for name in friends}
    wait_until(
        lambda: all(crowd.seen(name, 200) > served[name] + 20 for name in friends),
        40,
        "all are served again",
    )
    assert began <= stopped <= ended
    return stopped, ended


def late(crowd, friends, outages) -> list[float]:
    """Requests that were let in although the database had been away for longer than is known of a
    key: seconds into the outage."""
    return [
        asked_at - stopped
        for name in friends
        for asked_at, status in crowd.told[name]
        for stopped, ended in outages
        if status == 200 and stopped + KNOWN_FOR_S < asked_at < ended
    ]


def audit_entries(gateway):
    with database_of(gateway) as database:
        found = AuditLog(database).query(Wanted(), limit=10_000)
    return sorted(found, key=lambda entry: entry.id)


def refuses_changes(gateway) -> None:
    with database_of(gateway) as database:
        for change in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"):
            with pytest.raises(StorageError), database.write() as session:
                session.execute(text(change))
