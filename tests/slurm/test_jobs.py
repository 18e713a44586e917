"""States and reasons, in Slurm's words and in ours."""

import pytest

from slurm.jobs import MAX_REASON_LENGTH, JobState, explain
from slurm.reasons import REASONS, STATES


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("RUNNING", JobState.RUNNING),
        ("CANCELLED by 1000", JobState.CANCELLED),
        ("CANCELLED+", JobState.CANCELLED),
        (" TIMEOUT ", JobState.TIMEOUT),
        ("SOMETHING_NEW", JobState.UNKNOWN),
        ("", JobState.UNKNOWN),
        ("UNKNOWN", JobState.UNKNOWN),
    ],
)
def test_a_state_is_read_as_squeue_and_sacct_print_it(text: str, state: JobState) -> None:
    assert JobState.parse(text) is state


def test_an_unknown_state_is_alive() -> None:
    unknown = JobState.UNKNOWN
    assert not any((unknown.is_over, unknown.is_running, unknown.is_waiting))


def test_a_completing_job_is_not_over_because_it_may_be_requeued() -> None:
    assert not JobState.COMPLETING.is_over
    assert not JobState.COMPLETING.is_running


@pytest.mark.parametrize("state", JobState)
def test_no_state_is_two_things_at_once(state: JobState) -> None:
    assert state.is_over + state.is_running + state.is_waiting <= 1


def test_every_state_has_words() -> None:
    assert set(STATES) == {state.value for state in JobState}


@pytest.mark.parametrize(
    ("reason", "words", "terminal"),
    [
        ("Priority", "queued: waiting its turn", False),
        ("Resources", "queued: waiting its turn", False),
        ("QOSMaxGRESPerUser", "queued: your limit", False),
        ("QOSMaxJobsPerUserLimit", "queued: your limit", False),
        ("QOSMaxGRESPerJob", "queued: can never start as asked", True),
        ("AssocGrpGRESMinutes", "queued: your limit", False),
        ("AssocMaxWallDurationPerJobLimit", "queued: can never start as asked", True),
        ("MaxMemPerLimit", "queued: can never start as asked", True),
        ("PartitionTimeLimit", "queued: can never start as asked", True),
        ("PartitionDown", "queued: administrators", False),
        ("ReqNodeNotAvail, UnavailableNodes:gpu[1-3]", "queued: administrators", False),
        ("ReqNodeNotAvail, May be reserved for other job", "queued: administrators", False),
        ("InvalidQOS", "queued: can never start as asked", True),
        ("JobHeldAdmin", "queued: administrators: held", False),
        ("job_requeued_in_held_state", "queued: held", True),
        ("launch failed requeued held", "queued: held", True),
        ("DependencyNeverSatisfied", "queued: can never start", True),
        ("Dependency", "queued: waiting for another job", False),
    ],
)
def test_a_waiting_jobs_reason_is_told_by_its_prefix(
    reason: str, words: str, terminal: bool
) -> None:
    explanation = explain(JobState.PENDING, reason)
    assert explanation.words.startswith(words)
    assert explanation.terminal is terminal


@pytest.mark.parametrize("reason", ["", "None"])
def test_without_a_reason_the_state_speaks_alone(reason: str) -> None:
    assert explain(JobState.PENDING, reason).words == "queued"


def test_a_running_job_needs_no_reason() -> None:
    assert explain(JobState.RUNNING, "Priority").words == "running"


def test_a_job_that_is_over_is_terminal_whatever_its_reason() -> None:
    explanation = explain(JobState.FAILED, "NonZeroExitCode")
    assert explanation.terminal
    assert explanation.words == "ended with an error: the program ended with an error"


def test_what_a_job_once_waited_for_does_not_matter_after_its_end() -> None:
    explanation = explain(JobState.CANCELLED, "BeginTime")
    assert (explanation.words, explanation.terminal) == ("cancelled", True)


def test_a_reason_nobody_knows_is_passed_on_in_one_short_line() -> None:
    text = "Please\r\nsee\x1b[31m https://status " + "x" * 500
    words = explain(JobState.PENDING, text).words
    assert words.startswith("queued: Please see [31m https://status xxx")
    assert words.isprintable()
    assert len(words) <= len("queued: ") + MAX_REASON_LENGTH


def test_an_unknown_state_claims_nothing() -> None:
    explanation = explain(JobState.UNKNOWN, "PartitionTimeLimit")
    assert not explanation.terminal


def test_no_reason_stands_twice() -> None:
    prefixes = [prefix for prefix, _, _ in REASONS]
    assert len(prefixes) == len(set(prefixes))
