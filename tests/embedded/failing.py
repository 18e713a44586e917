"""A gateway that loses patience within seconds, and hands on its instances' processes."""

import http.client
import json
import os
import select
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import openai

from slurm.local import LocalCluster
from tests.embedded.conftest import MODEL
from tests.fakes.impatient import VARIABLE
from tests.gateway_process import HOST, Gateway
from tests.waiting import wait_until
from web.config import Settings
from web.database import Database
from web.fleet.states import Instance
from web.fleet.store import InstanceStore

MESSAGES = [{"role": "user", "content": "hello"}]
PATIENCE = {
    "silent_after_s": 4.0,
    "stuck_after_s": 3.0,
    "unhealthy_after_s": 3.0,
    "backoff_base_s": 1.0,
}


class Failing(Gateway):
    """`policy` overrides PATIENCE; see `tests.fakes.impatient`."""

    module = "tests.fakes.impatient"

    def __init__(self, folder: Path, entry: dict, policy: dict, env: dict[str, str]) -> None:
        chosen = {VARIABLE: json.dumps({**PATIENCE, **policy})}
        quick = {
            "MIN_UPDATE_INTERVAL_SECONDS": "0.5",
            "UPSTREAM_FIRST_BYTE_TIMEOUT_SECONDS": "1",
        }
        super().__init__(folder, (entry,), {**quick, **chosen, **env})
        self.streams: list[http.client.HTTPConnection] = []
        self._stopped: set[int] = set()

    def instances(self) -> tuple[Instance, ...]:
        """The live ones, as the database has them."""
        return self._read(lambda store: store.live())

    def ended(self) -> tuple[Instance, ...]:
        return self._read(lambda store: store.history().get(MODEL, ()))

    def only(self) -> Instance:
        (instance,) = self.instances()
        return instance

    def _read(self, question):
        database = Database(Settings.from_env(self.env).database_url)
        try:
            return question(InstanceStore(database))
        finally:
            database.close()

    def served_by(self) -> str | None:
        """The instance that answers one small request; None when the model does not."""
        ask = self.client(timeout_s=10).chat.completions.with_raw_response.create
        with suppress(openai.APIError):
            answer = ask(model=MODEL, messages=MESSAGES, max_tokens=1)
            return answer.headers["x-kscope-instance"]
        return None

    def wait_until_served(self) -> Instance:
        wait_until(self.served_by, 30, "the model is served")
        return self.only()

    def begin_stream(self, **simulated: object) -> http.client.HTTPResponse:
        """A stream of which the first event has come."""
        connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=60)
        self.streams.append(connection)
        asked = {"model": MODEL, "messages": MESSAGES, "stream": True, "simulator": simulated}
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(asked), headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        assert answer.readline().startswith(b"data: ")
        return answer

    def engine_pid(self, instance: Instance) -> int:
        """Its engine's process, by the port on its command line."""
        wanted = (b"slurm.simulator", str(instance.port).encode())
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                argv = (entry / "cmdline").read_bytes().split(b"\0")
                if all(word in argv for word in wanted):
                    return int(entry.name)
        raise AssertionError(f"no engine on port {instance.port}")

    def pause(self, *pids: int) -> float:
        """SIGSTOP; returns when that was, by the monotonic clock."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            self._stopped.add(pid)
        return time.monotonic()

    def resume(self) -> None:
        while self._stopped:
            with suppress(ProcessLookupError):
                os.kill(self._stopped.pop(), signal.SIGCONT)

    def close(self) -> None:
        for connection in self.streams:
            connection.close()
        self.resume()
        self.kill9()

    def jobs(self) -> list[str]:
        """The ids of the jobs that have not ended."""
        cluster = LocalCluster(self.data_dir / "jobs")
        try:
            return [job.job_id for job in cluster.list_jobs() if not job.state.is_over]
        finally:
            cluster.close()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


class Wire:
    """A TCP relay to `port` that can be cut: then connections break, and new ones are refused."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.whole = threading.Event()
        self.whole.set()
        self.refused = 0
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended:
            with suppress(OSError):
                sock, _ = self.listener.accept()
                with sock:
                    if self.whole.is_set():
                        self._pass_on(sock)
                    else:
                        self.refused += 1

    def _pass_on(self, sock: socket.socket) -> None:
        """One connection at a time is enough for a worker."""
        with socket.create_connection((HOST, self.target), timeout=5) as other:
            paths = {sock: other, other: sock}
            while self.whole.is_set():
                for ready in select.select([*paths], [], [], 0.1)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    paths[ready].sendall(data)

    def close(self) -> None:
        self._ended = True
        self.whole.clear()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(5)
