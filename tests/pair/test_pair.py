"""Two gateways on one database: one leads, the other takes over, and nothing is done twice."""

import os
import signal
import time

import openai
import pytest

from tests.pair.conftest import MODEL, OTHER, fleet_pid
from tests.waiting import wait_until

TAKE_OVER_S = 10.0
MESSAGES = [{"role": "user", "content": "hello"}]


def chat(gateway, model, max_retries=0):
    create = gateway.client(max_retries=max_retries).chat.completions.create
    return create(model=model, messages=MESSAGES, max_tokens=4)


def ask(gateway, model):
    with pytest.raises(openai.InternalServerError) as cold:
        chat(gateway, model)
    return cold.value.body


def instance_of(gateway, model):
    create = gateway.client().chat.completions.with_raw_response.create
    return create(model=model, messages=MESSAGES, max_tokens=1).headers["x-kscope-instance"]


def test_two_gateways_elect_one_leader_and_fail_over_when_it_is_killed(pair):
    leader, other = pair.led_and_other()
    chat(other, MODEL, max_retries=20)
    serving = pair.live_jobs()
    instance = instance_of(other, MODEL)
    assert instance_of(leader, MODEL) == instance

    leader.kill9()
    killed_at = time.monotonic()
    ask(other, OTHER)

    def acts():
        assert instance_of(other, MODEL) == instance
        return len(pair.live_jobs()) == 2

    wait_until(acts, TAKE_OVER_S, "the other gateway launches what is asked of it")
    took_s = time.monotonic() - killed_at
    print(f"failover: {took_s:.1f} s from kill -9 of the leader to the other's first launch")
    assert took_s <= TAKE_OVER_S
    assert f":{fleet_pid(other)} holds the lock" in other.get("/ready")[1]

    chat(other, OTHER, max_retries=20)
    assert instance_of(other, MODEL) == instance
    assert len(pair.live_jobs()) == len(set(pair.live_jobs())) == 2
    assert set(serving) < set(pair.live_jobs())


def test_paused_leader_resumes_and_launches_nothing(pair):
    leader, other = pair.led_and_other()
    paused = fleet_pid(leader)
    os.kill(paused, signal.SIGSTOP)
    ask(leader, MODEL)  # what the sleeper finds to do when it wakes
    wait_until(pair.live_jobs, TAKE_OVER_S, "the other gateway has launched it")
    before = pair.live_jobs()
    assert f":{fleet_pid(other)} holds the lock" in leader.get("/ready")[1]

    os.kill(paused, signal.SIGCONT)
    wait_until(lambda: "no longer holds" in leader.log_text(), 10, "it notices that it is not")
    ask(leader, OTHER)
    chat(leader, OTHER, max_retries=20)
    chat(leader, MODEL, max_retries=20)

    assert fleet_pid(leader) == paused
    assert len(pair.live_jobs()) == 2
    assert set(before) < set(pair.live_jobs())
    assert "launched" not in leader.log_text()
