"""A real Redis on loopback, without files, for as long as a test needs it."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

from redis import Redis, RedisError

from tests.parts import need
from tests.waiting import wait_until


class RedisServer:
    def __init__(self) -> None:
        self._program = need("redis-server", "redis-server")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        self._process = subprocess.Popen(
            [self._program, *options, "--appendonly", "no"], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers, 10, "Redis answers")

    def stop(self) -> None:
        """At once: what was counted is lost."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """It takes connections and answers nobody, as behind a broken network."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        with closing(Redis.from_url(self.url)) as client:
            client.flushall()

    def _answers(self) -> bool:
        with closing(Redis.from_url(self.url, socket_timeout=1)) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
