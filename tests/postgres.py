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


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yields the URL of an empty database. The server refuses root, so it runs as its own user."""
    initdb = need("initdb", "postgresql", "/usr/lib/postgresql/*/bin")
    pg_ctl = initdb.with_name("pg_ctl")
    root = Path(tempfile.mkdtemp(prefix="kscope-postgres-"))
    as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(root, USER)
    port = _free_port()
    options = f"-h 127.0.0.1 -p {port} -k {root} -c fsync=off"

    def run(*argv: str) -> None:
        subprocess.run([*as_user, *argv], check=True, capture_output=True, cwd=root)

    run(str(initdb), "-D", f"{root}/data", "-U", "kscope", "-A", "trust", "-E", "UTF8")
    run(str(pg_ctl), "-D", f"{root}/data", "-l", f"{root}/log", "-o", options, "-w", "start")
    try:
        yield f"postgresql+psycopg://kscope@127.0.0.1:{port}/postgres"
    finally:
        run(str(pg_ctl), "-D", f"{root}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(root)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
