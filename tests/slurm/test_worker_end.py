"""The end: drains that wait, drains that must not, engines that die, engines that will not."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.callback_gateway import CUT, CallbackGateway, callback_gateway
from tests.slurm.worker_job import (
    WorkerJob,
    load_of,
    odd,
    switch,
    wait_until_alone,
    worker_job,
)
from tests.waiting import wait_until

BUSY, IDLE = load_of(1, 1), load_of(0, 0)


def detail_of_the_end(gateway: CallbackGateway) -> str:
    return str(gateway.wait_for("ended").body["detail"])


def keep_sending(job: WorkerJob, number: signal.Signals) -> None:
    """The signal, again and again, until the worker is gone."""

    def gone() -> bool:
        job.signal(number)
        return job.process.poll() is not None

    wait_until(gone, what="the worker ends")


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM, signal.SIGINT])
def test_drain_waits_for_requests_in_flight(tmp_path: Path, number: signal.Signals) -> None:
    engine = odd(metrics=BUSY)
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        gateway.wait_for("ready")
        job.signal(number)
        draining = gateway.wait_for("draining")
        # Longer than the grace and two looks of an idle drain.
        wait_until(lambda: gateway.reports[-1].at > draining.at + 2)
        assert job.process.poll() is None
        switch(gateway, metrics=IDLE)
        assert job.wait() == 0
        wait_until_alone(job)

    assert gateway.events() == ["claim", "starting", "ready", "draining", "ended"]
    assert detail_of_the_end(gateway) == "drained: nothing was in flight"


def test_drain_gives_the_gateway_a_second_to_stop_routing(tmp_path: Path) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd()) as job:
        gateway.wait_for("ready")
        job.signal(signal.SIGUSR1)
        assert job.wait() == 0

    assert gateway.wait_for("ended").at - gateway.wait_for("draining").at >= 1


def test_a_drain_ends_at_its_limit(tmp_path: Path) -> None:
    engine = odd(metrics=BUSY)
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, engine, drain_timeout_s=1.5) as job,
    ):
        gateway.wait_for("ready")
        job.signal(signal.SIGUSR1)
        assert job.wait() == 0

    assert gateway.wait_for("ended").at - gateway.wait_for("draining").at >= 1.5
    assert detail_of_the_end(gateway) == "drained as long as allowed"


def test_one_idle_look_is_not_enough(tmp_path: Path) -> None:
    engine = odd(metrics=[IDLE, BUSY])
    with (
        callback_gateway() as gateway,
        # No heartbeat comes between two looks of the drain.
        worker_job(tmp_path, gateway, engine, drain_timeout_s=3.0, heartbeat_interval_s=60) as job,
    ):
        gateway.wait_for("ready")
        job.signal(signal.SIGUSR1)
        assert job.wait() == 0

    assert detail_of_the_end(gateway) == "drained as long as allowed"


def test_an_unknown_load_is_not_taken_for_idle(tmp_path: Path) -> None:
    engine = odd(statuses={"/metrics": 500})
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, engine, drain_timeout_s=2.5) as job,
    ):
        gateway.wait_for("ready")
        job.signal(signal.SIGUSR1)
        assert job.wait() == 0

    assert detail_of_the_end(gateway) == "drained as long as allowed"


def test_term_shortens_a_drain_because_kill_follows(tmp_path: Path) -> None:
    engine, times = odd(metrics=BUSY), {"TERM_DRAIN_S": 0.5}
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, engine, times=times, drain_timeout_s=600.0) as job,
    ):
        gateway.wait_for("ready")
        job.signal(signal.SIGUSR1)
        gateway.wait_for("draining")
        job.signal(signal.SIGTERM)
        assert job.wait() == 0

    assert detail_of_the_end(gateway) == "drained as long as allowed"


def test_two_terms_in_a_row_count_once(tmp_path: Path) -> None:
    engine = odd(metrics=BUSY)
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        gateway.wait_for("ready")
        job.signal(signal.SIGTERM)
        gateway.wait_for("draining")
        job.signal(signal.SIGTERM)
        gateway.wait_for_another("heartbeat")
        switch(gateway, metrics=IDLE)
        assert job.wait() == 0

    assert detail_of_the_end(gateway) == "drained: nothing was in flight"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_later_on_stops_at_once(tmp_path: Path, number: signal.Signals) -> None:
    engine = odd(metrics=BUSY, ignore_term=True)
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, engine, times={"TERM_ECHO_S": 0.3}) as job,
    ):
        gateway.wait_for("ready")
        job.signal(signal.SIGTERM)
        gateway.wait_for("draining")
        began = time.monotonic()
        keep_sending(job, number)
        wait_until_alone(job)

    assert detail_of_the_end(gateway) == "told twice to stop"
    assert time.monotonic() - began < 5  # TERM_STOP_S, let alone the drain, was not waited for


def test_a_drain_goes_on_without_a_gateway(tmp_path: Path) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd()) as job:
        gateway.wait_for("ready")
        gateway.answer = CUT
        job.signal(signal.SIGTERM)
        assert job.wait() == 0

    assert {"draining", "ended"} <= {report.event for report in gateway.reports}


def test_an_engine_that_ignores_term_is_killed_with_all_its_group(tmp_path: Path) -> None:
    engine = odd(ignore_term=True, child=True)
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, engine, times={"STOP_S": 0.5}) as job,
    ):
        gateway.wait_for("ready")
        gateway.answers = {"heartbeat": "exit"}
        assert job.wait() == 0
        wait_until_alone(job)


@pytest.mark.parametrize(
    ("code", "words"), [(3, "exit code 3"), (0, "exit code 0"), (-9, "SIGKILL"), (-11, "SIGSEGV")]
)
def test_an_engine_that_dies_at_start_is_reported_with_its_last_words(
    tmp_path: Path, code: int, words: str
) -> None:
    say = "\x1b[31mValueError\x1b[0m: no such model, key KEY"
    engine = odd(exit=code, say=say)
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        assert job.wait() == 1

    assert gateway.events()[-1] == "ended"
    first, second = detail_of_the_end(gateway).splitlines()
    assert first == f"the engine ended: {words}"
    assert second == "ValueError: no such model, key [key]"


def test_an_engine_that_dies_while_serving_is_reported_at_once(tmp_path: Path) -> None:
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, odd(child=True), heartbeat_interval_s=60.0) as job,
    ):
        gateway.wait_for("ready")
        began = time.monotonic()
        switch(gateway, exit=-9)
        assert job.wait() == 1
        wait_until_alone(job)

    assert "SIGKILL" in detail_of_the_end(gateway)
    assert time.monotonic() - began < 30  # half of a heartbeat's interval


def test_an_engine_that_slurm_ends_together_with_the_worker_has_not_failed(tmp_path: Path) -> None:
    note = tmp_path / "note"
    engine = odd(metrics=BUSY, note=str(note))
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        gateway.wait_for("ready")
        # Measured on 22.05: scancel and the time limit send TERM to every process of the job.
        job.signal(signal.SIGTERM)
        os.killpg(json.loads(note.read_text())["group"], signal.SIGTERM)
        assert job.wait() == 0

    assert detail_of_the_end(gateway) == "the engine ended: SIGTERM"


def test_an_engine_that_dies_while_it_drains_has_failed(tmp_path: Path) -> None:
    engine = odd(metrics=BUSY)
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        gateway.wait_for("ready")
        job.signal(signal.SIGUSR1)
        gateway.wait_for("draining")
        switch(gateway, exit=5)
        assert job.wait() == 1

    assert "exit code 5" in detail_of_the_end(gateway)


def test_a_long_log_is_cut_to_its_end(tmp_path: Path) -> None:
    engine = odd(exit=1, say="\n".join(f"line {number}" for number in range(5000)))
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        assert job.wait() == 1

    detail = detail_of_the_end(gateway)
    assert detail.splitlines()[-1] == "line 4999"
    assert len(detail) <= 8192


def test_a_command_that_does_not_exist_is_said_in_words(tmp_path: Path) -> None:
    engine = ("/no/such/vllm", "serve")
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        assert job.wait() == 1

    assert gateway.events() == ["claim", "ended"]
    why = "[Errno 2] No such file or directory: b'/no/such/vllm'"
    assert detail_of_the_end(gateway) == f"the engine cannot start: {why}"


def test_the_last_report_is_tried_once_more(tmp_path: Path) -> None:
    with callback_gateway() as gateway:
        gateway.answers = {"ended": 503}
        with worker_job(tmp_path, gateway, (sys.executable, "-c", "")) as job:
            gateway.wait_for_another("ended")
            gateway.answers = {}
            assert job.wait() == 1

    assert gateway.events()[-1] == "ended"
