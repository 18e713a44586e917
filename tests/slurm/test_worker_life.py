"""The worker's ordinary life, by the rendered batch script, on the oldest Python and on ours."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slurm.script import LaunchSpec, render
from tests.fakes.callback_gateway import CallbackGateway, callback_gateway
from tests.slurm.worker_job import (
    HOST,
    REPOSITORY,
    SIMULATOR,
    WorkerJob,
    interpreters,
    odd,
    started,
    wait_until_alone,
    worker_job,
)
from tests.waiting import wait_until

NAME = "org/modèle '$(id)'"


@contextmanager
def batch_job(folder: Path, gateway: CallbackGateway, python: str) -> Iterator[WorkerJob]:
    """The rendered script under bash, where `python3` is the given interpreter."""
    (folder / "python3").symlink_to(python)
    spec = LaunchSpec(
        instance_id="abcdefghij",
        model=NAME,
        path="/models/tiny",
        callback_url=gateway.url,
        token="job-token-canary",
        engine_api_key="engine-key-canary",
        heartbeat_interval_s=0.1,
        command=SIMULATOR[:3],
        env={"PYTHONPATH": str(REPOSITORY)},
        # A login shell may have set PATH anew: after it is where a site puts its own.
        setup=(f'PATH="{folder}:$PATH"',),
        bind_host=HOST,
    )
    script = folder / "script"
    script.write_text(render(spec))
    # Python 3.6 under LANG=C is the hardest case for a name that is not ASCII.
    env = {"LANG": "C", "LC_ALL": "C", "SLURM_RESTART_COUNT": "2", "http_proxy": "http://[::1]:1"}
    with started(["bash", str(script)], {"token": spec.token}, folder / "log", env) as job:
        yield job


@pytest.mark.parametrize("python", interpreters())
def test_a_job_claims_serves_reports_and_drains(tmp_path: Path, python: str) -> None:
    with callback_gateway() as gateway, batch_job(tmp_path, gateway, python) as job:
        ready = gateway.wait_for("ready")
        # The worker's own proof read one token and made another.
        load = {"running": 0, "waiting": 0, "kv_cache_usage": 0.0, "tokens": 2}
        gateway.wait_for("heartbeat", load=load)
        # Slurm signals the batch shell: the worker has to stand in its place.
        job.signal(signal.SIGUSR1)
        assert job.wait() == 0
        wait_until_alone(job)

    assert gateway.events() == ["claim", "starting", "ready", "draining", "ended"]
    assert [card["id"] for card in ready.body["model_list"]] == [NAME]
    assert 20000 <= ready.body["port"] <= 32767
    assert gateway.wait_for("ended").body["detail"] == "drained: nothing was in flight"


@pytest.mark.parametrize("python", interpreters())
def test_each_report_names_the_job_and_carries_the_next_number(tmp_path: Path, python: str) -> None:
    with callback_gateway() as gateway, batch_job(tmp_path, gateway, python) as job:
        gateway.wait_for("ready")
        job.signal(signal.SIGTERM)
        job.wait()

    bodies = [report.body for report in gateway.reports]
    members = {"instance_id", "slurm_job_id", "restart_count", "sequence", "event"}
    assert all(set(body) == members | {"port", "model_list", "load", "detail"} for body in bodies)
    assert {
        (body["instance_id"], body["slurm_job_id"], body["restart_count"]) for body in bodies
    } == {("abcdefghij", "4711", 2)}
    assert [body["sequence"] for body in bodies] == list(range(1, len(bodies) + 1))
    assert {report.authorization for report in gateway.reports} == {"Bearer job-token-canary"}


@pytest.mark.parametrize("python", interpreters())
def test_the_token_is_nowhere_but_in_the_authorization(tmp_path: Path, python: str) -> None:
    note = tmp_path / "note"
    engine = odd(note=str(note), say="hello KEY")
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine, python=python) as job:
        gateway.wait_for("ready")
        token = job.spec["token"]
        argv = Path(f"/proc/{job.process.pid}/cmdline").read_text()
        job.signal(signal.SIGTERM)
        job.wait()

    assert note.exists()
    assert token not in argv
    assert token not in note.read_text()
    assert token not in job.output()
    assert token not in json.dumps([report.body for report in gateway.reports])


def test_the_engine_gets_its_key_and_a_long_keep_alive_by_environment(tmp_path: Path) -> None:
    note = tmp_path / "note"
    engine_env = {"OWN": "é", "PATH": os.environ["PATH"]}
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, odd(note=str(note)), engine_env=engine_env) as job,
    ):
        gateway.wait_for("ready")
        seen = json.loads(note.read_text())

    assert seen["environ"]["VLLM_API_KEY"] == job.spec["engine_api_key"]
    assert seen["environ"]["VLLM_HTTP_TIMEOUT_KEEP_ALIVE"] == "620"
    assert seen["environ"]["OWN"] == "é"
    assert seen["environ"]["SLURM_JOB_ID"] == "4711"
    assert job.spec["engine_api_key"] not in " ".join(seen["argv"])


def test_the_deployment_may_choose_another_keep_alive(tmp_path: Path) -> None:
    note = tmp_path / "note"
    engine_env = {"VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "30"}
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, odd(note=str(note)), engine_env=engine_env),
    ):
        gateway.wait_for("ready")
        seen = json.loads(note.read_text())

    assert seen["environ"]["VLLM_HTTP_TIMEOUT_KEEP_ALIVE"] == "30"


def test_the_engine_leads_its_own_group_with_open_signals_and_no_stray_descriptors(
    tmp_path: Path,
) -> None:
    note = tmp_path / "note"
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, odd(note=str(note))) as job,
    ):
        gateway.wait_for("ready")
        seen = json.loads(note.read_text())

    assert seen["pid"] == seen["group"] != job.process.pid
    assert seen["blocked"] == []
    assert not [name for name in seen["descriptors"] if "spec" in name or "socket" in name]


def test_files_of_the_engine_are_nobody_elses_business(tmp_path: Path) -> None:
    note = tmp_path / "note"
    before = os.umask(0o022)
    try:
        with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd(note=str(note))):
            gateway.wait_for("ready")
    finally:
        os.umask(before)

    assert note.stat().st_mode & 0o777 == 0o600


def test_what_the_engine_prints_arrives_unchanged_in_the_jobs_log(tmp_path: Path) -> None:
    say = "\x1b[36mblue\x1b[0m ümläut \r 10%"
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, odd(say=say)) as job,
    ):
        wait_until(lambda: say in job.output())
        gateway.wait_for("ready")


def test_an_engine_that_prints_a_flood_is_not_held_up(tmp_path: Path) -> None:
    code = "import sys, os; sys.stdout.write('x' * 5_000_000); sys.stdout.flush(); os._exit(4)"
    engine = (sys.executable, "-c", code)
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        assert job.wait() == 1
        ended = gateway.wait_for("ended")

    assert len(job.output()) > 5_000_000
    assert len(ended.body["detail"]) <= 8192


def test_a_full_disk_under_the_log_stops_nobody(tmp_path: Path) -> None:
    full = Path("/dev/full")  # every write to it fails with ENOSPC
    engine = odd(say="x" * 100_000)
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine, log=full) as job:
        gateway.wait_for("ready")
        job.signal(signal.SIGTERM)
        assert job.wait() == 0

    assert gateway.events()[-1] == "ended"


def test_a_worker_that_was_frozen_with_its_node_goes_on_reporting(tmp_path: Path) -> None:
    # CPython's sigtimedwait tells junk to who was stopped and continued after its time was up.
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd()) as job:
        gateway.wait_for("ready")
        for _ in range(5):
            gateway.wait_for_another("heartbeat")
            job.signal(signal.SIGSTOP)
            thaws_at = time.monotonic() + 0.4
            wait_until(lambda at=thaws_at: time.monotonic() > at)
            job.signal(signal.SIGCONT)
        gateway.wait_for_another("heartbeat")
        assert job.process.poll() is None
        job.signal(signal.SIGTERM)
        assert job.wait() == 0

    assert gateway.events() == ["claim", "starting", "ready", "draining", "ended"]
