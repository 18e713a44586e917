"""Fault: the disk of an SQLite database is full. What serves goes on, and the fleet comes back."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import openai
import pytest

from tests.embedded.conftest import MODEL
from tests.embedded.test_database_away import (
    NO_TICK,
    assert_nothing_changed,
    wait_for_a_look_from_now,
)
from tests.embedded.test_lives import chat, live_jobs
from tests.traffic import Asking, Traffic
from tests.waiting import wait_until

FULL = "database or disk is full"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        missing = "a small file system is mounted by root only"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast


def test_disk_full_streams_survive_a_wrong_key_stays_wrong_and_ticks_come_back(
    small_disk: Path, make_gateway
):
    gateway = make_gateway(DATABASE_URL=f"sqlite:///{small_disk}/kscope.db")
    chat(gateway, max_retries=20)
    jobs = live_jobs(gateway)

    with (
        Traffic(gateway, MODEL, 2, Asking(max_retries=0)) as traffic,
        # While somebody reads, SQLite may not use the room of its log again.
        closing(sqlite3.connect(small_disk / "kscope.db", isolation_level=None)) as reader,
    ):
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM instances").fetchone() == (1,)
        ballast = fill(small_disk)
        wait_until(lambda: NO_TICK in gateway.log_text(), 30, "a tick failed")
        assert FULL in gateway.log_text()
        served = traffic.counts.served
        wait_until(lambda: traffic.counts.served > served + 6, 20, "serving goes on")
        assert gateway.status("/health") == 200
        with pytest.raises(openai.AuthenticationError):
            gateway.client().with_options(api_key="sk-wrong").models.list()
        ballast.unlink()
        reader.execute("ROLLBACK")
        wait_for_a_look_from_now(f"sqlite:///{small_disk}/kscope.db")

    assert not traffic.failures, traffic.words()
    assert_nothing_changed(gateway, jobs)
