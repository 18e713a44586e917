"""A real PostgreSQL in a temporary folder, on loopback, for as long as the tests run."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts import need

USER = "postgres"


class PostgresServer:
    """One server with an empty database. It refuses to run as root, so it runs as its own user."""

    def __init__(self, root: Path) -> None:
        self._initdb = need("initdb", "postgresql", "/usr/lib/postgresql/*/bin")
        self._root = root
        self._as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(root, USER)
        port = _free_port()
        self._options = f"-h 127.0.0.1 -p {port} -k {root} -c fsync=off"
        self.url = f"postgresql+psycopg://kscope@127.0.0.1:{port}/postgres"
        data = f"{root}/data"
        self._run(str(self._initdb), "-D", data, "-U", "kscope", "-A", "trust", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        self._control("-l", f"{self._root}/log", "-o", self._options, "start")

    def stop(self) -> None:
        """At once, as after a power cut: every connection breaks."""
        self._control("-m", "immediate", "stop")

    def _control(self, *arguments: str) -> None:
        pg_ctl = self._initdb.with_name("pg_ctl")
        self._run(str(pg_ctl), "-D", f"{self._root}/data", "-w", *arguments)

    def _run(self, *argv: str) -> None:
        subprocess.run([*self._as_user, *argv], check=True, capture_output=True, cwd=self._root)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server of one's own, that may be stopped and started."""
    root = Path(tempfile.mkdtemp(prefix="kscope-postgres-"))
    server = PostgresServer(root)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(root)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yields the URL of an empty database."""
    with running_postgres() as server:
        yield server.url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
