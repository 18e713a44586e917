"""`kscope models launch`: asks as a request would, and tells the way to ready."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.web.commands.conftest import Stopwatch, ago
from tests.web.fleet.worlds import ID
from web.clock import utc_now
from web.commands.models import launching
from web.fleet.changes import moved
from web.fleet.orders import OrderKind
from web.fleet.states import EndReason, InstanceState

S = InstanceState


def move(fleet, state, **changes):
    """One step of the instance's life, and what else is then known of it."""

    def step():
        fleet.store.change(ID, lambda i: moved(i, state, utc_now()))
        fleet.change(**changes)

    return step


def queue(fleet, reason="Priority", **changes):
    return lambda: fleet.add(
        S.PENDING, **{"slurm_state": "PENDING", "slurm_reason": reason, **changes}
    )


def become_ready(fleet, instance_id=ID):
    """Its worker said so, and Slurm told the node."""

    def step():
        fleet.store.change(
            instance_id, lambda i: replace(moved(i, S.READY, utc_now()), node="n3", port=20000)
        )

    return step


def stages(result):
    """The stages told on stderr, in order."""
    lines = result.stderr.splitlines()
    return [line.removeprefix("m: ").split(":")[0].split(";")[0] for line in lines]


def test_a_launch_is_noted_as_the_demand_of_a_request(fleet):
    before = fleet.database.versions().get("demand", 0)

    result = fleet.run("models", "launch", "em")

    assert result.exit_code == 0
    assert fleet.demand.asked_at()["m"] > ago(10)
    assert fleet.database.versions()["demand"] == before + 1
    assert result.stderr.startswith("m: asked for; a job is submitted")


def test_waiting_tells_each_phase_once_and_ends_when_the_model_is_ready(fleet):
    start = utc_now() + timedelta(hours=1)
    fleet.steps = [
        queue(fleet, estimated_start=start),
        lambda: fleet.change(estimated_start=start + timedelta(milliseconds=5)),
        move(fleet, S.STARTING, node="n3", slurm_state="RUNNING"),
        lambda: fleet.change(claimed_by="7"),
        lambda: fleet.change(heartbeat_at=utc_now()),
        become_ready(fleet),
    ]

    result = fleet.run("models", "launch", "m", "--wait")

    assert result.exit_code == 0
    assert result.stdout == ""
    assert stages(result) == ["asked for", "queued", "starting", "loading", "ready"]
    told = result.stderr.splitlines()
    assert "job 7 (Priority)" in told[1]
    assert "jobs with a higher priority are ahead" in told[1]
    assert f"expected to start at {start.astimezone():%Y-%m-%d %H:%M}" in told[1]
    assert "job 7 runs on n3" in told[2]
    assert "how long that takes is not known yet" in told[3]
    assert "job 7 on n3" in told[4]


def test_loading_tells_for_how_long_and_how_long_it_usually_takes(fleet):
    fleet.add(
        S.STOPPED,
        id="earlier000",
        end_reason=EndReason.IDLE,
        running_since=ago(500),
        ready_at=ago(410),
    )
    fleet.add(S.STARTING, node="n1", claimed_by="7", running_since=ago(30.5))
    fleet.steps = [lambda: fleet.change(running_since=ago(61.5)), become_ready(fleet)]

    told = fleet.run("models", "launch", "m", "--wait").stderr.splitlines()

    assert told[0] == "m: loading: job 7 on n1, for 30s; usually ready after 90s"
    assert told[1] == "m: loading: job 7 on n1, for 61s; usually ready after 90s"
    assert len(told) == 3


def test_an_engine_that_is_up_before_slurm_told_its_node_is_not_ready_yet(fleet):
    fleet.add(S.READY, node=None, port=20000)
    fleet.steps = [lambda: fleet.change(node="n1")]

    told = fleet.run("models", "launch", "m", "--wait").stderr.splitlines()

    assert told[0] == "m: loading: job 7 is ready; the next look at the queue tells its node"
    assert told[1].startswith("m: ready: job 7 on n1")


def test_of_several_instances_the_one_that_serves_is_told(fleet):
    fleet.add(S.READY, node=None, port=20000)
    fleet.add(S.READY, id="another000", job_id="8", node="n2", port=20000)

    assert fleet.run("models", "launch", "m").stderr == "m: ready: job 8 on n2\n"


def test_an_instance_that_does_not_answer_is_told_as_such(fleet):
    fleet.add(S.UNREADY, node="n1", port=20000, claimed_by="7")

    told = fleet.run("models", "launch", "m").stderr

    assert told == "m: starting: job 7 on n1 was ready and does not answer now\n"


def test_a_queue_without_an_estimate_tells_how_long_jobs_waited_lately(fleet):
    fleet.add(
        S.STOPPED,
        id="earlier000",
        end_reason=EndReason.IDLE,
        created_at=ago(2000),
        running_since=ago(800),
    )
    fleet.add(S.PENDING, slurm_state="PENDING", slurm_reason="None")

    told = fleet.run("models", "launch", "m").stderr

    assert "no estimate of its start yet, lately it waited 20m" in told
    assert "(None)" not in told


def test_a_failed_launch_is_told_with_its_cause_and_the_next_one_followed(fleet):
    def fail():
        fleet.change(end_reason=EndReason.CRASHED, detail="exit 1\nCUDA out of memory")
        move(fleet, S.FAILED)()

    fleet.steps = [
        queue(fleet),
        fail,
        lambda: fleet.add(S.STARTING, id="another000", job_id="8", claimed_by="8"),
        become_ready(fleet, "another000"),
    ]

    result = fleet.run("models", "launch", "m", "--wait")

    assert result.exit_code == 0
    assert stages(result) == ["asked for", "queued", "failed", "loading", "ready"]
    assert (
        "one launch failed, the last (job 7): crashed: CUDA out of memory; the next try is at"
        in (result.stderr)
    )


def test_a_model_that_is_given_up_ends_the_wait_with_its_cause(fleet):
    fleet.steps = [
        queue(fleet),
        lambda: fleet.change(
            state=S.FAILED,
            end_reason=EndReason.REJECTED,
            terminal=True,
            detail="invalid qos",
            ended_at=utc_now(),
        ),
    ]

    result = fleet.run("models", "launch", "m", "--wait")

    assert result.exit_code == 1
    assert (
        "unavailable: one launch failed, the last (job 7): rejected: invalid qos" in result.stderr
    )
    assert "kscope models retry m" in result.stderr


def test_after_a_retry_earlier_failures_end_no_wait(fleet):
    fleet.add(S.FAILED, end_reason=EndReason.REJECTED, terminal=True)
    fleet.orders.give(OrderKind.RETRY, "m", None, "ada", utc_now())

    result = fleet.run("models", "launch", "m", "--wait", "--timeout", "0")

    assert result.exit_code == 124
    assert "unavailable" not in result.stderr


def test_a_job_that_can_never_start_ends_the_wait(fleet):
    queue(fleet, "PartitionTimeLimit")()

    result = fleet.run("models", "launch", "m", "--wait")

    assert result.exit_code == 1
    assert "job 7 (PartitionTimeLimit)" in result.stderr
    assert "can never start as asked" in result.stderr


def test_a_wait_that_takes_too_long_ends_with_124_and_the_demand_stays(fleet):
    result = fleet.run("models", "launch", "m", "--wait", "--timeout", "0")

    assert result.exit_code == 124
    assert "m is not ready within 0 s; it stays asked for" in result.stderr
    assert "m" in fleet.demand.asked_at()


def test_waiting_renews_the_demand_now_and_then(fleet, monkeypatch):
    monkeypatch.setattr(launching, "time", Stopwatch(15))
    asked = []
    fleet.steps = [lambda: asked.append(fleet.demand.asked_at()["m"]) for _ in range(4)]
    fleet.steps.append(lambda: fleet.add(S.READY, node="n1", port=20000))

    assert fleet.run("models", "launch", "m", "--wait").exit_code == 0
    # At 30 s and at 60 s.
    assert len(set(asked)) == 3
    assert asked == sorted(asked)


def test_a_wait_without_a_fleet_process_says_what_it_waits_for(fleet):
    fleet.lock.release(utc_now())
    result = fleet.run("models", "launch", "m", "--wait", "--timeout", "0")
    assert "no fleet process holds the lock: nothing is launched until one runs" in result.stderr


def test_ctrl_c_ends_the_wait_and_leaves_the_demand(fleet):
    def interrupt():
        raise KeyboardInterrupt

    fleet.steps = [interrupt]
    result = fleet.run("models", "launch", "m", "--wait")

    assert result.exit_code == 130
    assert result.stderr.endswith("m stays asked for\n")


def test_progress_in_json_is_a_line_per_step_on_stdout(fleet):
    fleet.steps = [
        queue(fleet, estimated_start=utc_now() + timedelta(minutes=5)),
        move(fleet, S.STARTING, claimed_by="7"),
        become_ready(fleet),
    ]

    result = fleet.run("models", "launch", "m", "--wait", "--json")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["stage"] for line in lines] == ["asked", "queued", "loading", "ready"]
    assert (lines[1]["job_id"], lines[1]["reason"]) == ("7", "Priority")
    assert lines[1]["estimated_start"]
    assert {line["model"] for line in lines} == {"m"}
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["othr"], "no model and no instance is called 'othr'; did you mean other?"),
        (["zzzz"], "there are: m, other"),
        (["m", "--timeout", "3"], "--timeout goes with --wait"),
        ([ID], f"{ID} is an instance of gone"),
        (["gone"], "gone has left the catalog"),
    ],
)
def test_what_cannot_be_launched_is_refused_in_words(fleet, argv, words):
    fleet.add(S.READY, model="gone")

    result = fleet.run("models", "launch", *argv)

    assert result.exit_code == 2
    assert words in result.stderr
    assert fleet.demand.asked_at() == {}
