"""What each report does to its instance: `receive`, report by report."""

from dataclasses import replace

import pytest

from tests.web.fleet.worlds import ID, NOW, ago, instance
from web.fleet.callbacks import LoadReport, Refused, Report, Served, command_for, parse, receive
from web.fleet.states import EndReason, InstanceState, Load

S = InstanceState


def report(event, sequence, **changes):
    base = Report(instance_id=ID, slurm_job_id="7", sequence=sequence, event=event)
    for name, value in changes.items():
        setattr(base, name, value)
    return base


def take(subject, *reports):
    for one in reports:
        subject = receive(subject, one, NOW)
    return subject


CLAIM = report("claim", 0)
STARTING = report("starting", 1, port=20001)
READY = report("ready", 2, port=20001, model_list=[Served("m", 4096)])


def pending(**changes):
    return instance(S.PENDING, **changes)


def test_a_worker_goes_from_claim_to_ready():
    ready = take(pending(node="gpu1"), CLAIM, STARTING, READY)
    assert (ready.state, ready.port, ready.max_model_len) == (S.READY, 20001, 4096)
    assert (ready.running_since, ready.ready_at) == (NOW, NOW)


def test_a_worker_that_is_faster_than_sbatch_tells_its_job_id():
    claimed = take(instance(S.SUBMITTING, job_id=None), CLAIM)
    assert (claimed.state, claimed.job_id, claimed.claimed_by) == (S.STARTING, "7", "7")


def test_a_claim_repeated_by_its_owner_changes_nothing():
    claimed = take(pending(), CLAIM)
    assert receive(claimed, CLAIM, NOW) == claimed


def test_a_twin_is_refused():
    claimed = take(pending(), CLAIM)
    with pytest.raises(Refused, match="claimed by job 7") as refused:
        receive(claimed, report("claim", 0, slurm_job_id="8"), NOW)
    assert refused.value.status == 409


@pytest.mark.parametrize("state", [S.STOPPED, S.FAILED])
def test_an_ended_instance_takes_no_reports(state):
    with pytest.raises(Refused) as refused:
        receive(instance(state), CLAIM, NOW)
    assert refused.value.status == 410


def test_a_report_before_the_claim_is_refused():
    with pytest.raises(Refused, match="claimed first") as refused:
        receive(pending(), READY, NOW)
    assert refused.value.status == 409


@pytest.mark.parametrize("late", [STARTING, report("heartbeat", 2), READY])
def test_a_late_or_replayed_report_changes_nothing(late):
    ready = take(pending(), CLAIM, STARTING, READY)
    assert receive(ready, late, NOW) == ready


def test_a_requeued_job_takes_over_and_its_old_run_is_void():
    ready = take(pending(node="gpu1"), CLAIM, STARTING, READY)
    again = take(ready, report("claim", 0, restart_count=1))
    assert (again.state, again.port, again.node) == (S.STARTING, None, None)
    assert receive(again, report("ready", 9, port=20001), NOW) == again


def test_a_newer_run_must_claim_before_it_reports():
    ready = take(pending(), CLAIM, STARTING, READY)
    with pytest.raises(Refused) as refused:
        receive(ready, report("heartbeat", 0, restart_count=1), NOW)
    assert refused.value.status == 409


def test_a_heartbeat_carries_the_load():
    ready = take(pending(), CLAIM, STARTING, READY)
    busy = take(ready, report("heartbeat", 3, load=LoadReport(2, 1, 0.5)))
    assert (busy.load, busy.active_at, busy.heartbeat_at) == (Load(2, 1, 0.5), NOW, NOW)


def test_a_heartbeat_without_requests_is_no_activity():
    ready = take(pending(active_at=ago(99)), CLAIM, STARTING, READY)
    assert take(ready, report("heartbeat", 3, load=LoadReport())).active_at == ago(99)


def test_a_heartbeat_never_makes_an_instance_ready():
    assert take(pending(), CLAIM, report("heartbeat", 1, load=LoadReport())).state is S.STARTING


def with_counter(running, tokens, progress_at=None):
    """A ready instance whose engine last told this; nothing was heard of it for a minute."""
    load = Load(running, 0, 0.1, tokens)
    ready = take(pending(), CLAIM, STARTING, READY)
    return replace(ready, load=load, progress_at=progress_at or ago(60), heartbeat_at=ago(60))


@pytest.mark.parametrize(
    "load",
    [
        LoadReport(2, 0, 0.1, 71),  # it made a token
        LoadReport(2, 0, 0.1, 3),  # it counts anew: another engine, but one that works
        LoadReport(0, 0, 0.0, 70),  # idle engines make none
        LoadReport(2, 0, 0.1, None),  # it does not tell
    ],
)
def test_an_engine_makes_progress_when_it_is_idle_or_its_counter_moves(load):
    after = take(with_counter(2, 70), report("heartbeat", 3, load=load))
    assert after.progress_at == NOW
    assert after.load.tokens == load.tokens


@pytest.mark.parametrize("load", [LoadReport(2, 0, 0.1, 70), LoadReport(0, 5, 0.1, 70)])
def test_requests_without_tokens_are_no_progress(load):
    after = take(with_counter(2, 70), report("heartbeat", 3, load=load))
    assert (after.progress_at, after.heartbeat_at) == (ago(60), NOW)


def test_an_engine_that_tells_nothing_makes_no_progress():
    before = with_counter(0, 70)
    after = take(before, report("heartbeat", 3, load=None))
    assert (after.progress_at, after.load, after.heartbeat_at) == (ago(60), before.load, NOW)


def test_a_late_report_tells_nothing_of_progress():
    before = replace(with_counter(2, 70), sequence=9)
    for sequence in (3, 9):
        assert take(before, report("heartbeat", sequence, load=LoadReport(0, 0, 0, 99))) == before


def test_another_run_of_the_job_begins_without_load_tokens_or_progress():
    again = take(with_counter(2, 70), report("claim", 0, restart_count=1))
    assert (again.load, again.progress_at) == (Load(), None)
    assert take(with_counter(2, 70), CLAIM).load == Load(2, 0, 0.1, 70)


def test_a_drain_that_nobody_here_asked_for_is_slurms():
    ready = take(pending(), CLAIM, STARTING, READY)
    draining = take(ready, report("draining", 3))
    assert (draining.state, draining.end_reason) == (S.DRAINING, EndReason.WALLTIME)


def test_an_engine_that_dies_fails_its_instance_with_its_last_words():
    dead = take(pending(), CLAIM, STARTING, report("ended", 2, detail="exit code 1\nCUDA error"))
    assert (dead.state, dead.end_reason) == (S.FAILED, EndReason.CRASHED)
    assert dead.detail.endswith("CUDA error")


def test_the_end_of_a_drain_we_asked_for_is_a_stop():
    idle = instance(S.DRAINING, claimed_by="7", sequence=5, end_reason=EndReason.IDLE)
    stopped = take(idle, report("ended", 6))
    assert (stopped.state, stopped.end_reason, stopped.ended_at) == (S.STOPPED, EndReason.IDLE, NOW)


@pytest.mark.parametrize("state", [S.DRAINING, S.STOPPING])
def test_why_we_asked_for_the_end_is_not_lost_in_how_it_went(state):
    ours = {"end_reason": EndReason.UNHEALTHY, "detail": "no token for 80 s"}
    stuck = instance(state, claimed_by="7", sequence=5, **ours)
    assert take(stuck, report("ended", 6, detail="drained as long as allowed")).detail == (
        "no token for 80 s"
    )
    told = take(replace(stuck, detail=""), report("ended", 6, detail="nothing was in flight"))
    assert told.detail == "nothing was in flight"


def test_the_end_of_a_drain_that_slurm_asked_for_waits_for_slurms_word():
    taken = instance(S.DRAINING, claimed_by="7", sequence=5, end_reason=EndReason.WALLTIME)
    assert take(taken, report("ended", 6)).state is S.DRAINING


@pytest.mark.parametrize(
    ("state", "command"),
    [(S.READY, "continue"), (S.STARTING, "continue"), (S.DRAINING, "drain"), (S.STOPPING, "exit")],
)
def test_the_answer_tells_the_worker_what_we_want(state, command):
    assert command_for(instance(state, claimed_by="7"), report("heartbeat", 3)) == command


def test_ready_must_name_its_port():
    with pytest.raises(Refused, match="port"):
        take(pending(), CLAIM, report("ready", 1))


def test_a_stopping_instance_is_never_ready_again():
    stopping = instance(S.STOPPING, claimed_by="7", sequence=0, end_reason=EndReason.OPERATOR)
    assert take(stopping, READY).state is S.STOPPING


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"{" * 100_000,
        b'{"instance_id": 7}',
        b'{"instance_id":"a","slurm_job_id":"7","sequence":-1,"event":"claim"}',
        b'{"instance_id":"a","slurm_job_id":"7","sequence":1,"event":"dance"}',
        b'{"instance_id":"a","slurm_job_id":"7","sequence":1,"event":"ready","port":70000}',
        b'{"instance_id":"a","slurm_job_id":"7","sequence":99999999999999,"event":"claim"}',
    ],
)
def test_junk_is_refused_in_words(body):
    with pytest.raises(Refused, match="no callback") as refused:
        parse(body)
    assert refused.value.status == 400


def test_a_huge_callback_is_refused_unread():
    with pytest.raises(Refused) as refused:
        parse(b" " * 300_000)
    assert refused.value.status == 413


def test_unknown_members_are_ignored_however_many():
    extras = b",".join(b'"x%d":{"a":[1]}' % n for n in range(10_000))
    head = b'{"instance_id":"a","slurm_job_id":"7","sequence":1,"event":"claim",'
    assert parse(head + extras + b"}").event == "claim"


def test_a_long_detail_keeps_its_end():
    long = replace(pending(), claimed_by="7", sequence=0)
    ended = take(long, report("ended", 1, detail="x" * 20_000 + "the cause\0"))
    assert ended.detail.endswith("the cause")
    assert len(ended.detail) < 9_000
