"""The comparison that decides over `make crashloop` finds what it is there to find."""

import pytest

from tests.crashloop.comparing import Difference, Job, Row, compare

JOB = Job("7", "kscope-aaaaaaaaaa", "RUNNING")
ROW = Row("aaaaaaaaaa", "m", "ready", "7")
OTHER_JOB = Job("8", "kscope-bbbbbbbbbb", "RUNNING")
OTHER_ROW = Row("bbbbbbbbbb", "m", "starting", "8")


def row(state: str, job_id: str | None = "7") -> Row:
    return Row(ROW.id, ROW.model, state, job_id)


def test_a_job_and_its_instance_agree():
    assert not compare([JOB], [ROW])
    assert not compare([], [row("stopped"), row("failed")])


@pytest.mark.parametrize("rows", [[], [row("stopped")], [row("failed")], [OTHER_ROW]])
def test_a_job_that_no_live_instance_has_is_an_orphan(rows: list[Row]):
    assert compare([JOB], rows).orphans == (str(JOB),)


@pytest.mark.parametrize("state", ["pending", "starting", "ready", "draining", "stopping"])
def test_a_live_instance_without_a_job_is_lost(state: str):
    assert compare([], [row(state)]).lost == (str(row(state)),)


def test_an_intent_without_a_job_is_undecided_until_a_job_id_is_known():
    intent = row("submitting", job_id=None)

    assert not compare([], [intent])
    assert compare([], [intent]).undecided == (str(intent),)
    assert compare([], [row("submitting")]).lost


def test_two_jobs_of_one_instance_are_twins():
    assert compare([JOB, Job("8", JOB.name, "PENDING")], [ROW]).twins


def test_two_instances_of_one_model_are_twins_unless_one_of_them_is_leaving():
    jobs = [JOB, OTHER_JOB]

    assert compare(jobs, [ROW, OTHER_ROW]).twins == ("2 instances of m",)
    assert compare([JOB], [ROW, Row("cccccccccc", "m", "submitting", None)]).twins
    assert compare(jobs, [row("draining"), OTHER_ROW]) == Difference()


@pytest.mark.parametrize("job_id", [None, "70"])
def test_an_instance_that_goes_by_another_job_is_crossed(job_id: str | None):
    assert compare([JOB], [row("ready", job_id)]).crossed
