"""Ready means: a token, for our key and for no other. Health checks and logs prove nothing."""

import http.client
import json
import signal
import sys
from pathlib import Path

import pytest

from tests.fakes.callback_gateway import CallbackGateway, callback_gateway
from tests.slurm.worker_job import HOST, REPOSITORY, SIMULATOR, odd, worker_job
from tests.waiting import wait_until


def says_why(gateway: CallbackGateway, words: str) -> bool:
    """Whether a heartbeat tells with these words why the engine is not ready."""
    details = [r.body["detail"] for r in gateway.accepted() if r.event == "heartbeat"]
    return any(words in (detail or "") for detail in details)


def post(port: int, path: str, **members: object) -> None:
    """Tell an odd engine something while it is not ready."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    connection.request("POST", path, json.dumps(members))
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(
    "route",
    ["/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/v1/score", "/pooling"],
)
def test_an_engine_of_any_kind_proves_itself_by_what_it_can_do(tmp_path: Path, route: str) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd(routes=[route])):
        ready = gateway.wait_for("ready").body

    assert ready["model_list"] == [{"id": "odd", "max_model_len": 7}]


@pytest.mark.parametrize("status", [400, 405, 422])
def test_a_route_that_refuses_this_kind_of_model_is_not_the_last_word(
    tmp_path: Path, status: int
) -> None:
    engine = odd(statuses={"/v1/completions": status}, routes=["/v1/embeddings"])
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine):
        gateway.wait_for("ready")


def test_the_simulator_of_a_pooling_model_becomes_ready(tmp_path: Path) -> None:
    engine = (*SIMULATOR, "--runner", "pooling")
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine):
        gateway.wait_for("ready")


def test_an_engine_that_loads_for_long_is_waited_for(tmp_path: Path) -> None:
    engine = (*SIMULATOR, "--startup-seconds", "1.5")
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine):
        starting = gateway.wait_for("starting")
        ready = gateway.wait_for("ready")

    assert ready.at - starting.at > 1
    assert says_why(gateway, "Connection refused")


def test_an_engine_that_answers_health_but_makes_no_token_is_not_ready(tmp_path: Path) -> None:
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, odd(statuses={"/v1/completions": 500})),
    ):
        wait_until(lambda: says_why(gateway, "/v1/completions answered 500: b'odd'"))
        assert "ready" not in gateway.events()
        post(gateway.wait_for("starting").body["port"], "/switch", statuses={})
        gateway.wait_for("ready")


def test_a_server_that_takes_any_key_is_not_our_engine(tmp_path: Path) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd(guarded=False)):
        wait_until(lambda: says_why(gateway, "answered 200 to a wrong key"))
        assert "ready" not in gateway.events()


def test_a_server_with_another_key_is_not_our_engine(tmp_path: Path) -> None:
    code = (
        "import os, runpy, sys; os.environ['VLLM_API_KEY'] = 'another'; "
        "runpy.run_module('slurm.simulator', run_name='__main__')"
    )
    engine = (sys.executable, "-c", code, "--served-model-name", "tiny")
    engine_env = {"PYTHONPATH": str(REPOSITORY)}
    with (
        callback_gateway() as gateway,
        worker_job(tmp_path, gateway, engine, engine_env=engine_env),
    ):
        wait_until(lambda: says_why(gateway, "answered 401"))
        assert "ready" not in gateway.events()


def test_a_first_token_that_takes_long_holds_up_neither_heartbeats_nor_signals(
    tmp_path: Path,
) -> None:
    engine = odd(silent=["/v1/completions"])
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, engine) as job:
        gateway.wait_for("starting")
        for _ in range(4):
            gateway.wait_for_another("heartbeat")
        job.signal(signal.SIGUSR1)
        assert job.wait() == 0

    assert gateway.events() == ["claim", "starting", "ended"]
    assert "nothing was served yet" in gateway.wait_for("ended").body["detail"]
