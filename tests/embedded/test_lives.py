"""Cold starts, crashes, stops: the life of a gateway and of its jobs on one machine."""

import http.client
import json
import os
import signal
from urllib.parse import urlsplit

import openai
import pytest

from slurm.local import LocalCluster
from tests.embedded.conftest import ENTRY, MODEL
from tests.waiting import wait_until

MESSAGES = [{"role": "user", "content": "hello"}]


def chat(gateway, model=MODEL, **options):
    create = gateway.client(**options).chat.completions.create
    return create(model=model, messages=MESSAGES, max_tokens=4)


def live_jobs(gateway):
    cluster = LocalCluster(gateway.data_dir / "jobs")
    try:
        return [job for job in cluster.list_jobs() if not job.state.is_over]
    finally:
        cluster.close()


def test_a_cold_model_says_so_at_once_and_is_served_to_a_patient_client(make_gateway):
    gateway = make_gateway()
    with pytest.raises(openai.InternalServerError) as cold:
        chat(gateway)
    assert cold.value.status_code == 503
    assert cold.value.code == "model_starting"
    assert cold.value.response.headers["x-should-retry"] == "true"
    assert 1 <= int(cold.value.response.headers["retry-after"]) <= 60
    assert chat(gateway, max_retries=20).choices[0].message.content
    assert len(live_jobs(gateway)) == 1


def test_the_503_follows_the_job_on_its_way(make_gateway):
    slow = {**ENTRY, "engine_args": {"startup-seconds": 60}}
    gateway = make_gateway(slow)

    def told():
        with pytest.raises(openai.InternalServerError) as cold:
            chat(gateway)
        return cold.value.body

    assert told()["state"] == "cold"
    told_later = wait_until(lambda: (b := told())["state"] == "starting" and b, 15)
    assert told_later["job_id"] == "1"
    assert "job 1 is RUNNING" in told_later["message"]


def test_many_clients_of_a_cold_model_cost_one_job(make_gateway):
    gateway = make_gateway({**ENTRY, "engine_args": {"startup-seconds": 4}})
    for _ in range(50):
        with pytest.raises(openai.InternalServerError):
            chat(gateway)
    assert chat(gateway, max_retries=20).choices
    assert len(live_jobs(gateway)) == 1


def test_a_killed_gateway_adopts_its_job_and_serves_again(make_gateway):
    gateway = make_gateway()
    chat(gateway, max_retries=20)
    (before,) = live_jobs(gateway)
    gateway.restart()
    assert chat(gateway, max_retries=20).choices
    (after,) = live_jobs(gateway)
    assert after.job_id == before.job_id


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_the_gateway_and_leaves_the_job(make_gateway, number):
    gateway = make_gateway()
    chat(gateway, max_retries=20)
    assert gateway.stop(number) == 0
    assert len(live_jobs(gateway)) == 1


def test_a_fleet_process_that_dies_is_replaced_while_serving_goes_on(make_gateway):
    gateway = make_gateway()
    chat(gateway, max_retries=20)

    def fleet_pids():
        return [p for p in gateway.pids() if b"web.fleet.process" in command_line(p)]

    (before,) = fleet_pids()
    os.kill(before, signal.SIGKILL)
    assert chat(gateway).choices
    wait_until(lambda: fleet_pids() not in ([], [before]), 15, "another fleet process")
    wait_until(lambda: gateway.status("/ready") == 200, 20, "the gateway is ready again")


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_a_job_cancelled_by_hand_is_noticed_and_told(make_gateway):
    gateway = make_gateway()
    chat(gateway, max_retries=20)
    (job,) = live_jobs(gateway)
    cluster = LocalCluster(gateway.data_dir / "jobs", kill_wait_s=1)
    cluster.cancel(job.job_id)
    cluster.close()
    wait_until(lambda: gateway.model(MODEL)["state"] == "cold", 20, "the end is noticed")
    with pytest.raises(openai.InternalServerError, match=r"its last job \(1\) ended"):
        chat(gateway)
    assert chat(gateway, max_retries=20).choices


def test_an_engine_that_dies_at_start_is_told_with_its_last_words(make_gateway):
    broken = {**ENTRY, "engine_args": {"die-at-start": True}}
    gateway = make_gateway(broken)

    def told():
        with pytest.raises(openai.InternalServerError) as cold:
            chat(gateway)
        return cold.value.body if cold.value.body["state"] == "failing" else None

    body = wait_until(told, 20, "the failure is told")
    assert "could not be started" in body["message"]
    assert "exit" in body["message"] or "Error" in body["message"]


def test_an_idle_instance_ends_its_job(make_gateway):
    gateway = make_gateway({**ENTRY, "idle_timeout": "2s"})
    chat(gateway, max_retries=20)
    wait_until(lambda: not live_jobs(gateway), 30, "the idle job ended")
    wait_until(lambda: gateway.model(MODEL)["state"] == "cold", 10)
    with pytest.raises(openai.InternalServerError) as cold:
        chat(gateway)
    assert "ended" not in cold.value.message


def test_a_catalog_that_turns_wrong_keeps_the_old_one_and_says_so(make_gateway):
    gateway = make_gateway()
    gateway.models_file.write_text("models: [{name: demo, gpus: many}]")
    wait_until(lambda: "gpus" in gateway.get("/ready")[1], 20, "/ready names the fault")
    assert gateway.status("/ready") == 503
    assert gateway.client().models.list().data[0].id == MODEL


def test_a_stream_that_hangs_holds_nobody_else_back(gateway):
    connection = http.client.HTTPConnection(urlsplit(gateway.base_url).netloc, timeout=10)
    hanging = {
        "model": MODEL,
        "messages": MESSAGES,
        "stream": True,
        "simulator": {"hang_after_tokens": 1},
    }
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(hanging), headers)
    assert connection.getresponse().status == 200
    assert gateway.status("/health") == 200
    connection.close()
