"""Reports while the engine serves: load, lost gateways, commands."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.callback_gateway import CUT, SILENCE, Answer, CallbackGateway, callback_gateway
from tests.slurm.worker_job import (
    HOST,
    SIMULATOR,
    load_of,
    odd,
    switch,
    wait_until_alone,
    worker_job,
)
from tests.waiting import wait_until

TWO_CORES = """# HELP vllm:num_requests_running Requests in the batch.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a } b"} 3.0
vllm:num_requests_running{engine="1",model_name="a } b"} 4.0
vllm:num_requests_waiting{engine="0",model_name="a } b"} 1.0
vllm:num_requests_waiting{engine="1",model_name="a } b"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 99.0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75
vllm:num_requests_running_total 1e6
vllm:prompt_tokens_total{engine="0"} 1.5e3
vllm:prompt_tokens_total{engine="1"} 20.0
vllm:prompt_tokens_created{engine="0"} 1.7e9
vllm:prompt_tokens_by_source_total{engine="0",source="local"} 99.0
vllm:generation_tokens_total{engine="0"} 3.0
vllm:generation_tokens_created{engine="0"} 1.7e9
vllm:iteration_tokens_total_count{engine="0"} 99.0
vllm:iteration_tokens_total_bucket{engine="0",le="+Inf"} 99.0
"""


def heartbeat(gateway: CallbackGateway, since: int, *, has_load: bool) -> str | None:
    """The detail of a heartbeat accepted after the first `since` reports, or None."""
    for report in gateway.reports[since:]:
        if report.event == "heartbeat" and (report.body["load"] is not None) == has_load:
            return str(report.body["detail"])
    return None


def test_load_is_summed_over_the_engines_cores_and_the_fullest_cache_counts(tmp_path: Path) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd(metrics=TWO_CORES)):
        load = {"running": 7, "waiting": 1, "kv_cache_usage": 0.75, "tokens": 1523}
        gateway.wait_for("heartbeat", load=load, detail=None)


def test_an_engine_that_counts_no_tokens_is_told_without_them(tmp_path: Path) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd(metrics=load_of(2, 3))):
        load = {"running": 2, "waiting": 3, "kv_cache_usage": 0.0}
        gateway.wait_for("heartbeat", load=load, detail=None)


def test_the_simulators_tokens_are_those_of_its_answers(tmp_path: Path) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, SIMULATOR) as job:
        port = gateway.wait_for("ready").body["port"]
        before = gateway.wait_for_another("heartbeat").body["load"]["tokens"]
        usage = complete(port, job.spec["engine_api_key"])["usage"]
        wait_until(lambda: tokens_of(gateway) == before + usage["total_tokens"])

    assert usage["prompt_tokens"] > 0
    assert usage["completion_tokens"] == 5


def complete(port: int, key: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://{HOST}:{port}/v1/completions",
        json.dumps({"model": "tiny", "prompt": "Count to five.", "max_tokens": 5}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def tokens_of(gateway: CallbackGateway) -> int | None:
    """What the last heartbeat told."""
    load = gateway.reports[-1].body["load"]
    return load and load["tokens"]


@pytest.mark.parametrize(
    "state",
    [
        {"metrics": ""},
        {"metrics": "vllm:num_requests_running 1.0\n"},
        {"metrics": load_of(float("nan"), 0)},
        {"metrics": load_of(float("inf"), 0)},
        {"metrics": "vllm:num_requests_running x\n"},
        {"statuses": {"/metrics": 500}},
    ],
)
def test_an_engine_that_does_not_tell_its_load_is_reported_with_words(
    tmp_path: Path, state: dict[str, object]
) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd(**state)):
        gateway.wait_for("ready")
        since = len(gateway.reports)
        detail = wait_until(lambda: heartbeat(gateway, since, has_load=False))

    assert "/metrics does not tell the load" in detail


def test_a_hanging_metrics_page_delays_heartbeats_but_does_not_silence_them(tmp_path: Path) -> None:
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, odd(silent=["/metrics"]), times={"METRICS_S": 0.2}),
    ):
        gateway.wait_for("ready")
        for _ in range(3):
            gateway.wait_for_another("heartbeat")
        since = len(gateway.reports)
        switch(gateway, silent=[])
        wait_until(lambda: heartbeat(gateway, since, has_load=True))

    details = {r.body["detail"] for r in gateway.reports if r.event == "heartbeat"}
    assert any("timed out" in (detail or "") for detail in details)


@pytest.mark.parametrize("answer", [503, 429, CUT, SILENCE, "what?"])
def test_without_a_gateway_the_engine_serves_on(tmp_path: Path, answer: Answer) -> None:
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, odd(), times={"CALLBACK_S": 0.3}) as job,
    ):
        port = gateway.wait_for("ready").body["port"]
        gateway.answer = answer
        for _ in range(3):
            gateway.wait_for_another("heartbeat")
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as served:
            assert served.status == 200
        gateway.answer = "continue"
        since = len(gateway.reports)
        wait_until(lambda: heartbeat(gateway, since, has_load=True))
        assert job.process.poll() is None


def test_a_ready_engine_is_announced_as_soon_as_the_gateway_is_back(tmp_path: Path) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd()) as job:
        gateway.answers = {"ready": 503}
        wait_until(lambda: [r.event for r in gateway.reports].count("ready") >= 2)
        assert "ready" not in gateway.events()
        gateway.answers = {}
        gateway.wait_for("ready")
        gateway.wait_for_another("heartbeat")
        assert job.process.poll() is None

    announced = [r.body for r in gateway.reports if r.event == "ready"]
    assert len({body["sequence"] for body in announced}) == 1
    # An order-proof gateway would take an earlier number for news of yesterday.
    accepted = [report.body["sequence"] for report in gateway.accepted()]
    assert accepted == sorted(accepted)


def test_a_gateway_that_is_killed_and_comes_back_on_its_port_hears_of_the_job(
    tmp_path: Path,
) -> None:
    with callback_gateway() as first:
        port = first.port
        job = worker_job(tmp_path, first, odd())
        running = job.__enter__()
        first.wait_for("ready")
    try:
        wait_until(lambda: "heartbeat failed" in running.output())
        with callback_gateway(port) as second:
            since = 0
            wait_until(lambda: heartbeat(second, since, has_load=True))
    finally:
        job.__exit__(None, None, None)


@pytest.mark.parametrize("status", [401, 403, 409, 410])
def test_a_worker_that_is_disowned_stops_its_engine_at_once(tmp_path: Path, status: int) -> None:
    engine = odd(metrics=load_of(1, 0))
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        gateway.wait_for("ready")
        gateway.answer = status
        assert job.wait() == 0
        wait_until_alone(job)

    assert gateway.events() == ["claim", "starting", "ready"]
    assert [r.event for r in gateway.reports if r.answer == status] == ["heartbeat"]
    assert f"heartbeat failed: {status}" in job.output()


def test_told_to_exit_the_worker_stops_without_a_drain(tmp_path: Path) -> None:
    engine = odd(metrics=load_of(1, 0))
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        gateway.wait_for("ready")
        gateway.answers = {"heartbeat": "exit"}
        assert job.wait() == 0
        wait_until_alone(job)

    assert gateway.events() == ["claim", "starting", "ready", "ended"]
    assert gateway.wait_for("ended").body["detail"] == "the gateway's word: exit"


def test_told_to_drain_the_worker_finishes_what_is_in_flight(tmp_path: Path) -> None:
    engine = odd(metrics=load_of(1, 0))
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        gateway.wait_for("ready")
        gateway.answer = "drain"
        gateway.wait_for("draining")
        gateway.wait_for("heartbeat", load={"running": 1, "waiting": 0, "kv_cache_usage": 0.0})
        switch(gateway, metrics=load_of(0, 0))
        assert job.wait() == 0

    assert gateway.events() == ["claim", "starting", "ready", "draining", "ended"]
