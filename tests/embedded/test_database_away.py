"""Faults: SQLite locked, PostgreSQL restarted. The gateway serves on, and the fleet comes back."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

from tests.embedded.conftest import MODEL
from tests.embedded.test_lives import chat, live_jobs
from tests.postgres import running_postgres
from tests.waiting import wait_until
from web.database import BUSY_TIMEOUT_S, Database
from web.fleet.store import InstanceStore

NO_TICK = "no tick without the database"
LOCKED_S = 8.0


def assert_nothing_changed(gateway, jobs):
    """After the outage: ready again, the same job, and no launch or stop was ever logged."""
    log = gateway.log_text()
    assert chat(gateway).choices
    assert live_jobs(gateway) == jobs
    assert log.count("launched") == 1
    assert "stopping" not in log
    assert "is over" not in log


def wait_for_a_look_from_now(url):
    """Until the fleet has looked at the cluster and written so."""
    now, database = datetime.now(UTC), Database(url)
    store = InstanceStore(database)
    wait_until(lambda: store.last_look().succeeded_at > now, 30, "the fleet looks and writes")
    database.close()


def test_sqlite_locked_ticks_fail_with_a_word_and_come_back_by_themselves(make_gateway):
    gateway = make_gateway()
    chat(gateway, max_retries=20)
    jobs = live_jobs(gateway)
    with closing(sqlite3.connect(gateway.data_dir / "kscope.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked_at, longest_s = time.monotonic(), 0.0
        wait_until(lambda: NO_TICK in gateway.log_text(), 20, "a tick gave up waiting")
        assert "database is locked" in gateway.log_text()
        while time.monotonic() < locked_at + LOCKED_S:
            asked_at = time.monotonic()
            assert chat(gateway).choices
            longest_s = max(longest_s, time.monotonic() - asked_at)
        other.execute("ROLLBACK")
    # Heartbeats and demand wait for the lock beside the requests, not in front of them.
    assert longest_s < BUSY_TIMEOUT_S / 2
    wait_for_a_look_from_now(f"sqlite:///{gateway.data_dir}/kscope.db")
    assert_nothing_changed(gateway, jobs)


def test_postgresql_restarted_streams_survive_and_ticks_come_back_by_themselves(make_gateway):
    with running_postgres() as server:
        gateway = make_gateway(DATABASE_URL=server.url)
        chat(gateway, max_retries=20)
        jobs = live_jobs(gateway)
        speech = gateway.client().chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "speak slowly"}],
            max_tokens=20,
            stream=True,
            extra_body={"simulator": {"tokens_per_second": 4, "answer_tokens": 21}},
        )
        next(speech)
        server.stop()
        wait_until(lambda: NO_TICK in gateway.log_text(), 20, "a tick failed")
        assert gateway.status("/ready") == 503
        assert gateway.status("/health") == 200
        server.start()
        assert [c.choices[0].finish_reason for c in speech if c.choices][-1] == "length"
        wait_for_a_look_from_now(server.url)
        assert_nothing_changed(gateway, jobs)
        gateway.kill9()
