"""`kscope models` beside a running gateway: what it asks for happens, what it tells is so."""

import json
import subprocess
import sys

import pytest

from tests.embedded.conftest import ENTRY, MODEL
from tests.gateway_process import REPOSITORY
from tests.waiting import wait_until
from tests.web.fleet.worlds import instance
from web.clock import utc_now
from web.database import Database
from web.fleet.states import EndReason, InstanceState
from web.fleet.store import FleetStore
from web.lock.store import FleetLock

LAUNCH = ("models", "launch", MODEL, "--wait", "--timeout", "60")
IN_ORDER = ("asked", "queued", "starting", "loading", "ready")


def kscope(gateway, *argv):
    """`kscope …` in a process of its own, like the gateway's."""
    return subprocess.run(
        [sys.executable, "-m", "web.cli", *argv],
        cwd=REPOSITORY,
        env=gateway.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def entry(gateway):
    (told,) = json.loads(gateway.cli("models", "list", "-v", "--json"))
    return told


def chat(gateway):
    return gateway.client(max_retries=20).chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "hello"}], max_tokens=2
    )


def test_launch_waits_through_the_phases_until_the_model_answers(make_gateway):
    gateway = make_gateway({**ENTRY, "engine_args": {"startup-seconds": 3}})
    gateway.wait_for_fleet()

    done = kscope(gateway, *LAUNCH, "--json")

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    told = [line["stage"] for line in lines]
    assert told == sorted(told, key=IN_ORDER.index)
    assert told[0] == "asked"
    assert told[-2:] == ["loading", "ready"]
    assert lines[-1]["job_id"] == "1"
    # Ready means that a request is served at once, not after one more try.
    wait_until(lambda: gateway.model(MODEL)["state"] == "ready", 5, "the workers know it too")
    assert chat(gateway).choices


def test_a_second_launch_tells_how_long_loading_takes(make_gateway):
    gateway = make_gateway({**ENTRY, "engine_args": {"startup-seconds": 2}})
    assert kscope(gateway, *LAUNCH).returncode == 0
    assert kscope(gateway, "models", "stop", MODEL).returncode == 0
    wait_until(lambda: entry(gateway)["instances"] == [], 30, "the first instance is over")

    done = kscope(gateway, *LAUNCH)

    assert done.returncode == 0, done.stderr
    assert "usually ready after" in done.stderr
    assert f"{MODEL}: ready: job 2" in done.stderr


@pytest.mark.parametrize(("verb", "words"), [("drain", "drained"), ("stop", "stopped")])
def test_an_order_ends_the_instance_it_names(make_gateway, verb, words):
    gateway = make_gateway()
    chat(gateway)
    (instance,) = entry(gateway)["instances"]

    done = kscope(gateway, "models", verb, instance["id"])

    assert done.returncode == 0, done.stderr
    assert words in done.stdout
    wait_until(lambda: entry(gateway)["instances"] == [], 30, "the instance is over")
    assert entry(gateway)["status"]["state"] == "cold"
    again = kscope(gateway, "models", verb, instance["id"])
    assert again.returncode == 1
    assert "is over: stopped, operator" in again.stderr


def test_an_order_given_while_no_fleet_process_runs_is_carried_out_by_the_next(make_gateway):
    gateway = make_gateway()
    chat(gateway)
    gateway.stop()

    done = kscope(gateway, "models", "drain", MODEL, "--timeout", "0")

    assert done.returncode == 124
    assert "no fleet process holds the lock" in done.stderr
    gateway.start()
    wait_until(lambda: entry(gateway)["instances"] == [], 40, "the next one carries it out")


def test_logs_show_what_the_engine_printed_and_follow_it_to_its_end(make_gateway):
    gateway = make_gateway()
    chat(gateway)
    assert "startup complete" in kscope(gateway, "models", "logs", MODEL).stdout
    follower = subprocess.Popen(
        [sys.executable, "-m", "web.cli", "models", "logs", MODEL, "--follow"],
        cwd=REPOSITORY,
        env={**gateway.env, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    first = follower.stdout.readline()
    assert kscope(gateway, "models", "stop", MODEL).returncode == 0
    rest, told = follower.communicate(timeout=60)

    assert follower.returncode == 0, told
    assert "is over: stopped, operator" in told
    whole = kscope(gateway, "models", "logs", MODEL).stdout
    assert first + rest == whole


def test_a_failing_model_tells_its_cause_and_when_it_is_tried_again(make_gateway):
    gateway = make_gateway({**ENTRY, "command": "false"})
    assert kscope(gateway, "models", "launch", MODEL).returncode == 0
    wait_until(lambda: gateway.model(MODEL)["state"] == "failing", 30, "the engine failed")

    done = kscope(gateway, "models", "launch", MODEL, "--wait", "--timeout", "0")

    assert done.returncode == 124
    assert "failed: one launch failed, the last (job 1): crashed" in done.stderr
    assert "the next try is at" in done.stderr
    assert "exit" in kscope(gateway, "models", "list").stdout


def fail_thrice(gateway):
    """Leave the database as three launches do whose engines died."""
    database = Database(f"sqlite:///{gateway.data_dir}/kscope.db")
    try:
        lock = FleetLock(database, "test", life_s=5)
        wait_until(lambda: lock.acquire(utc_now()), 20, "the fleet lock is free")
        for number in range(3):
            failed = instance(
                InstanceState.FAILED,
                id=f"failed000{number}",
                model=MODEL,
                created_at=utc_now(),
                ended_at=utc_now(),
                end_reason=EndReason.CRASHED,
                detail="no CUDA device",
            )
            FleetStore(database, lock).intend(failed)
        lock.release(utc_now())
    finally:
        database.close()


def test_a_model_that_is_given_up_is_launched_again_only_after_a_retry(make_gateway):
    gateway = make_gateway()
    gateway.stop()
    fail_thrice(gateway)
    gateway.start()

    given_up = kscope(gateway, *LAUNCH)
    retried = kscope(gateway, "models", "retry", MODEL)
    ready = kscope(gateway, *LAUNCH)

    assert given_up.returncode == 1
    assert "unavailable: 3 launches failed" in given_up.stderr
    assert "crashed: no CUDA device" in given_up.stderr
    assert retried.stdout == f"{MODEL}: its failed launches are forgotten\n"
    assert ready.returncode == 0, ready.stderr
    assert gateway.model(MODEL)["job_id"] == "1"


def test_orphans_are_none_when_all_is_well(make_gateway):
    gateway = make_gateway()
    chat(gateway)
    assert json.loads(gateway.cli("orphans", "--json")) == []
