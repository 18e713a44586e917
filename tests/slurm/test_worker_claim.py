"""The worker's first act: to claim its instance, or to give the GPUs back."""

import signal
from pathlib import Path
from typing import Any

import pytest

from slurm import worker
from tests.fakes.callback_gateway import CUT, Answer, CallbackGateway, callback_gateway
from tests.slurm.worker_job import make_spec, odd, worker_job
from tests.waiting import wait_until


@pytest.mark.parametrize("answer", [503, 500, 429, 404, 302, CUT])
def test_a_claim_is_repeated_until_it_is_answered_and_keeps_its_number(
    tmp_path: Path, answer: Answer
) -> None:
    with callback_gateway() as gateway:
        gateway.answer = answer
        with worker_job(tmp_path, gateway, odd()):
            gateway.wait_for_another("claim")
            gateway.wait_for_another("claim")
            gateway.answer = "continue"
            gateway.wait_for("starting")

    claims = [report.body for report in gateway.reports if report.event == "claim"]
    assert len(claims) >= 3
    assert {claim["sequence"] for claim in claims} == {1}
    assert gateway.wait_for("starting").body["sequence"] == 2


def test_a_claim_finds_a_gateway_that_comes_up_late(tmp_path: Path) -> None:
    with callback_gateway() as gateway:
        port = gateway.port
    with worker_job(tmp_path, gateway, odd()) as job:
        wait_until(lambda: "claim failed: ConnectionRefused" in job.output())
        with callback_gateway(port, gateway):
            gateway.wait_for("ready")


@pytest.mark.parametrize("answer", [401, 403, 409, 410, "exit", "drain"])
def test_a_claim_that_is_not_granted_ends_the_job_without_an_engine(
    tmp_path: Path, answer: Answer
) -> None:
    started = tmp_path / "started"
    with callback_gateway() as gateway:
        gateway.answer = answer
        with worker_job(tmp_path, gateway, ("touch", str(started))) as job:
            assert job.wait() == 0

    assert [report.event for report in gateway.reports] == ["claim"]
    assert not started.exists()
    if isinstance(answer, int):
        assert "words of why" in job.output()
    else:
        assert "kscope: the gateway" in job.output()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_during_the_claim_ends_the_job(tmp_path: Path, number: signal.Signals) -> None:
    with callback_gateway() as gateway:
        gateway.answer = 503
        with worker_job(tmp_path, gateway, odd()) as job:
            gateway.wait_for_another("claim")
            job.signal(number)
            assert job.wait() == 0

    assert {report.event for report in gateway.reports} == {"claim"}


class Hour:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> Hour:
    clock = Hour()
    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(worker, "wait", clock.wait)
    return clock


class NoGateway(worker.Gateway):
    """Never answers; notes when it was asked."""

    def __init__(self, clock: Hour) -> None:
        spec = make_spec(CallbackGateway(), odd(), heartbeat_interval_s=10.0)
        super().__init__(spec, {"SLURM_JOB_ID": "1"})
        self.spec = spec
        self.clock = clock
        self.asked: list[float] = []

    def deliver(self, event: dict[str, Any]) -> None:
        assert event["event"] == "claim"
        self.asked.append(self.clock.now)


def test_after_an_hour_without_an_answer_the_gpus_are_given_back(hour: Hour) -> None:
    gateway = NoGateway(hour)

    assert worker.Worker(gateway.spec, gateway).run() == 75
    assert 3600 <= hour.now - 1000 <= 3600 + 30


def test_pauses_between_claims_grow_from_a_second_to_half_a_minute(hour: Hour) -> None:
    gateway = NoGateway(hour)
    worker.Worker(gateway.spec, gateway).run()

    pauses = [later - sooner for sooner, later in zip(gateway.asked, gateway.asked[1:])]  # noqa: B905
    for number, pause in enumerate(pauses[:5]):
        assert 0.5 * 2**number <= pause <= 2**number + 0.01
    assert max(pauses) <= 30.01
    assert min(pauses[6:]) >= 29.9
