"""Fault: clock skew of an hour either way. Two fleet processes, each with a wrong clock of its own,
on one PostgreSQL: one leads, and the other only once that one is dead."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.gateway_process import INHERITED, REPOSITORY
from tests.parts import need
from tests.postgres import running_postgres
from tests.waiting import wait_until
from web.database import Database
from web.fleet.store import InstanceStore
from web.fleet.ticker import LOCK_LIFE_S
from web.lock.store import holder_of

TAKE_OVER_S = 10.0
FOLDERS = ("/usr/lib/*/faketime", "/usr/lib64/faketime")
LIBRARY = "libfaketimeMT.so.1"


def library() -> Path:
    need("faketime", "faketime")
    return next(path for folder in FOLDERS for path in Path("/").glob(f"{folder[1:]}/{LIBRARY}"))


class Skewed:
    """A fleet process whose wall clock is `hours` off, and can be set while it runs."""

    def __init__(self, folder: Path, url: str, hours: int) -> None:
        folder.mkdir()
        self.log = folder / "log"
        self._time_file = folder / "clock"
        self.set_clock(hours)
        (folder / "models.yaml").write_text("models: []")
        env = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "DATA_DIR": str(folder),
            "MODELS_FILE": str(folder / "models.yaml"),
            "DATABASE_URL": url,
            "MIN_UPDATE_INTERVAL_SECONDS": "1",
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._time_file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
        }
        with self.log.open("wb") as log:
            argv = [sys.executable, "-m", "web.fleet.process"]
            self.process = subprocess.Popen(argv, cwd=REPOSITORY, env=env, stdout=log, stderr=log)

    def set_clock(self, hours: int) -> None:
        self._time_file.write_text(f"{hours:+}h\n")

    def leads(self, database: Database) -> bool:
        holder = holder_of(database, datetime.now(UTC))
        return holder is not None and holder.endswith(f":{self.process.pid}")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        print(self.log.read_text())


@pytest.fixture
def database():
    with running_postgres() as server:
        database = Database(server.url)
        database.migrate()
        yield database
        database.close()


@pytest.mark.parametrize("hours", [1, -1])
def test_clock_skew_of_an_hour_either_way_neither_steals_the_lock_nor_keeps_it(
    database, tmp_path, hours
):
    """The leader's clock is an hour off to one side, the other's to the other."""
    leader = Skewed(tmp_path / "leader", database.url, hours)
    other = None
    try:
        wait_until(lambda: leader.leads(database), 20, "the first process leads")
        other = Skewed(tmp_path / "other", database.url, -hours)
        wait_until(lambda: "differs from the database's" in other.log.read_text(), 20)
        stays_until = time.monotonic() + LOCK_LIFE_S + 1
        while time.monotonic() < stays_until:
            assert leader.leads(database)
        looked_at = InstanceStore(database).last_look().tried_at
        assert abs(looked_at - datetime.now(UTC)) < timedelta(seconds=10)

        leader.kill()
        killed_at = time.monotonic()
        wait_until(lambda: other.leads(database), TAKE_OVER_S, "the other takes over")
        print(f"failover with clocks two hours apart: {time.monotonic() - killed_at:.1f} s")
    finally:
        leader.kill()
        if other is not None:
            other.kill()


def test_clock_set_back_by_an_hour_the_leader_goes_on_renewing_and_looking(database, tmp_path):
    leader = Skewed(tmp_path / "leader", database.url, 0)
    try:
        store = InstanceStore(database)
        wait_until(store.last_look, 20, "it leads and looks")
        leader.set_clock(-1)
        set_at = datetime.now(UTC)
        later = timedelta(seconds=LOCK_LIFE_S)
        wait_until(lambda: store.last_look().tried_at > set_at + later, 20, "it goes on looking")
        assert leader.leads(database)
        assert "epoch 2" not in leader.log.read_text()
    finally:
        leader.kill()
