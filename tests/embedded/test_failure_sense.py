"""Engines that hang, workers that fall silent, starts that fail: each named after its fault.

Patience is cut to seconds (tests.embedded.failing); nothing else differs from the gateway that
users run. A probe of a stopped engine takes its whole 10 s, which the bounds below allow for.
"""

import http.client
import time

import openai
import pytest

from tests.embedded.conftest import ENTRY, MODEL
from tests.embedded.failing import MESSAGES, Failing, Wire, parent_of
from tests.local_gateway import end_jobs
from tests.waiting import wait_until
from web.fleet.states import EndReason, InstanceState

S = InstanceState


@pytest.fixture
def make(tmp_path):
    made = []

    def make(policy=None, env=None, **changes):
        gateway = Failing(tmp_path, {**ENTRY, **changes}, policy or {}, env or {})
        made.append(gateway)
        gateway.start()
        return gateway

    yield make
    for gateway in made:
        gateway.close()
        end_jobs(gateway)
        print(gateway.log_tail(20_000))


def state_of(gateway, instance):
    return next((i.state for i in gateway.instances() if i.id == instance.id), None)


def is_replaced(gateway, instance):
    server = gateway.served_by()
    return server is not None and server != instance.id


def the_end_of(gateway, instance):
    return next((i for i in gateway.ended() if i.id == instance.id), None)


def refusal(gateway):
    with pytest.raises(openai.APIStatusError) as refused:
        gateway.client().chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=1)
    return refused.value.body


def test_an_engine_that_is_stopped_under_load_is_out_of_routing_within_5_s_of_traffic(make):
    # Whatever the fleet makes of it comes later: here traffic alone decides.
    gateway = make({"stuck_after_s": 600.0}, {"UPSTREAM_STALL_TIMEOUT_SECONDS": "1"})
    instance = gateway.wait_until_served()
    for _ in range(3):
        gateway.begin_stream(tokens_per_second=5, answer_tokens=2000)

    stopped_at = gateway.pause(gateway.engine_pid(instance))
    wait_until(lambda: refusal(gateway).get("state") == "unready", 10, "it is out of routing")
    assert time.monotonic() - stopped_at < 5
    assert state_of(gateway, instance) is S.READY

    gateway.resume()
    wait_until(lambda: gateway.served_by() == instance.id, 20, "it is back after a token")


def test_an_engine_that_is_stopped_under_load_is_suspected_and_replaced(make):
    gateway = make(drain_timeout="1s")
    instance = gateway.wait_until_served()
    stream = gateway.begin_stream(tokens_per_second=5, answer_tokens=2000)
    wait_until(lambda: gateway.only().load.running, 10, "a heartbeat tells of the request")

    gateway.pause(gateway.engine_pid(instance))
    wait_until(lambda: state_of(gateway, instance) is S.UNREADY, 20, "it is suspected")
    wait_until(lambda: is_replaced(gateway, instance), 30, "another serves in its place")
    end = wait_until(lambda: the_end_of(gateway, instance), 30, "the stopped one has ended")
    assert (end.state, end.end_reason) == (S.STOPPED, EndReason.UNHEALTHY)
    assert "no token" in end.detail
    wait_until(lambda: len(gateway.jobs()) == 1, 20, "its job is gone")
    # What it was answering is told to be broken, and does not look whole.
    with pytest.raises(http.client.IncompleteRead) as cut:
        stream.read()
    assert b"upstream_disconnected" in cut.value.partial
    assert b"[DONE]" not in cut.value.partial


def test_a_node_that_freezes_while_its_job_is_listed_as_running_is_suspected_and_replaced(make):
    gateway = make()
    instance = gateway.wait_until_served()
    engine = gateway.engine_pid(instance)

    gateway.pause(parent_of(engine), engine)
    wait_until(lambda: state_of(gateway, instance) is S.UNREADY, 30, "it is suspected")
    wait_until(lambda: is_replaced(gateway, instance), 40, "another serves in its place")
    end = wait_until(lambda: the_end_of(gateway, instance), 30, "the frozen one has ended")
    assert end.end_reason is EndReason.UNHEALTHY
    assert "no heartbeat" in end.detail
    wait_until(lambda: len(gateway.jobs()) == 1, 20, "the frozen job is gone")


def test_a_node_that_freezes_for_a_while_serves_again_as_the_same_instance(make):
    gateway = make({"unhealthy_after_s": 600.0})
    instance = gateway.wait_until_served()
    engine = gateway.engine_pid(instance)

    gateway.pause(parent_of(engine), engine)
    wait_until(lambda: state_of(gateway, instance) is S.UNREADY, 30, "it is suspected")
    gateway.resume()
    wait_until(lambda: gateway.served_by() == instance.id, 20, "it is trusted again")
    assert gateway.jobs() == [instance.job_id]


def test_lost_heartbeats_alone_never_end_a_serving_instance(make, request):
    wire = Wire(0)
    request.addfinalizer(wire.close)
    gateway = make(env={"TELEMETRY_CALLBACK_URL": f"http://127.0.0.1:{wire.port}/worker_callback"})
    wire.target = gateway.port
    instance = gateway.wait_until_served()

    wire.whole.clear()
    probed = f"instance {instance.id} answers a probe"
    served = 0

    def long_doubted():
        # Every request is answered meanwhile, by the one instance there is.
        nonlocal served
        assert gateway.served_by() == instance.id
        assert state_of(gateway, instance) is S.READY
        served += 1
        heard_at = gateway.only().heartbeat_at
        # Silence has been suspicious for longer than it takes to end an unhealthy one.
        return (
            gateway.only().created_at < heard_at
            and time.time() - heard_at.timestamp() > 4.0 + 3.0 + 5.0
            and probed in gateway.log_text()
        )

    wait_until(long_doubted, 40, "the worker has been silent for long, and was probed")
    assert served > 10
    assert wire.refused > 3

    wire.whole.set()
    silent_since = gateway.only().heartbeat_at
    wait_until(lambda: gateway.only().heartbeat_at > silent_since, 20, "heartbeats come again")
    assert gateway.jobs() == [instance.job_id]


def test_a_failing_probe_alone_never_ends_an_engine_that_is_merely_slow(make):
    # One request at a time, a token each 9.5 s: reason to probe is there after 8 s without one,
    # reason to suspect after 12 s. A probe waits in the queue for its 10 s, until there is reason
    # to probe again: so it counts.
    slow = {**ENTRY["engine_args"], "max-num-seqs": 1}
    gateway = make({"stuck_after_s": 12.0}, engine_args=slow)
    instance = gateway.wait_until_served()
    stream = gateway.begin_stream(tokens_per_second=1 / 9.5, answer_tokens=3)
    failed = f"instance {instance.id} does not answer a probe"

    told = stream.read()
    assert told.endswith(b"data: [DONE]\n\n")
    assert failed in gateway.log_text()
    assert "draining" not in gateway.log_text()
    assert gateway.wait_until_served().id == instance.id
    assert gateway.only().state is S.READY
    assert gateway.jobs() == [instance.job_id]


def test_an_engine_that_dies_at_start_is_told_with_its_last_lines_within_seconds(make):
    gateway = make({"backoff_base_s": 60.0}, engine_args={"die-at-start": True})
    assert refusal(gateway)["code"] == "model_starting"
    asked_at = time.monotonic()
    last = "RuntimeError: Engine core initialization failed."
    wait_until(lambda: last in refusal(gateway)["message"], 10, "its last line is told")
    assert time.monotonic() - asked_at < 8
    (end,) = gateway.ended()
    assert (end.state, end.end_reason) == (S.FAILED, EndReason.CRASHED)


def test_a_start_that_hangs_ends_at_its_timeout_counted_from_running(make):
    patience_s = 3.0
    gateway = make(
        {"backoff_base_s": 60.0},
        startup_timeout=f"{patience_s:.0f}s",
        engine_args={"startup-seconds": 600},
    )
    gateway.served_by()
    end = wait_until(lambda: next(iter(gateway.ended()), None), 30, "it is given up")
    assert end.end_reason is EndReason.NEVER_READY
    assert end.ready_at is None
    lasted_s = (end.ended_at - end.running_since).total_seconds()
    assert patience_s < lasted_s < patience_s + 20
    assert "not ready within 3 s" in end.detail
    wait_until(lambda: not gateway.jobs(), 20, "its job is gone")
