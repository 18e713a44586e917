"""sacct on recorded answers of a real Slurm 22.05 with slurmdbd, and how often it is asked."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from slurm.cluster import ACCOUNTING_OFF_FOR_S, SlurmCluster
from slurm.commands import build_sacct, parse_sacct, parse_squeue
from slurm.errors import AccountingOff, CommandTimeout, ObservationFailed
from slurm.jobs import Job, JobState
from slurm.shell import Result
from tests.fakes.recordings import load, only

ROW = "7|TIMEOUT|2026-01-02T03:04:05|2026-01-02T03:05:05|2026-01-02T03:04:00|gpu1|kscope-abcdefghij"


def records(*rows: str, exit_code: int = 0, stderr: str = "") -> Result:
    return Result(exit_code, "".join(f"{row}\n" for row in rows), stderr)


def by_name(recording: str) -> dict[str, Job]:
    return {job.name.removeprefix("kscope-rec000"): job for job in parse_sacct(only(recording))}


def looked_up(recording: str, *job_ids: str) -> tuple[Job, ...]:
    return SlurmCluster(Accounting(only(recording))).lookup(job_ids)


class Accounting:
    """A shell that answers every sacct alike, and counts."""

    def __init__(self, answer: Result) -> None:
        self.answer = answer
        self.runs = 0

    def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        assert "sacct" in argv
        self.runs += 1
        return self.answer

    def close(self) -> None:
        pass


def test_what_was_recorded_is_what_is_asked_today() -> None:
    [(argv, _)] = load("sacct-unknown")
    assert argv == build_sacct(["99999"])


def test_accounting_tells_how_jobs_ended_that_the_queue_has_forgotten() -> None:
    told = {job.name[-2:]: job.state for job in looked_up("sacct-mixed", *map(str, range(25, 34)))}
    assert told == {
        "01": JobState.COMPLETED,
        "02": JobState.FAILED,
        "03": JobState.CANCELLED,
        "04": JobState.CANCELLED,
        "05": JobState.TIMEOUT,
        "06": JobState.NODE_FAIL,
        "07": JobState.RUNNING,
        "08": JobState.RUNNING,
    }
    listed = {job.name[-2:] for job in parse_squeue(only("squeue-of-sacct-mixed"))}
    assert listed == {"07", "08"}


def test_accounting_may_be_late() -> None:
    # Recorded together: for a second it has neither the start of a job, nor even its name.
    assert {job.name: job.state for job in parse_squeue(only("squeue-of-sacct-late"))} == {
        "kscope-rec0000007": JobState.PENDING,
        "kscope-rec0000008": JobState.RUNNING,
    }
    late = by_name("sacct-late")
    assert late["0007"].state is JobState.REQUEUED
    assert not late["0007"].state.is_over
    assert "0008" not in late
    assert "|PENDING|" in only("sacct-late").stdout


def test_of_a_requeued_job_only_the_newest_run_is_told() -> None:
    ids = [job.job_id for job in parse_sacct(only("sacct-mixed"))]
    assert len(ids) == len(set(ids))


def test_other_peoples_jobs_and_a_row_forged_in_a_name_are_dropped() -> None:
    # Asked for as if their ids had come round again.
    assert "34|RUNNING" in only("sacct-mixed").stdout
    assert "\n77|RUNNING" in only("sacct-mixed").stdout
    assert "|others" in only("sacct-mixed").stdout
    assert looked_up("sacct-mixed", "23", "34", "35", "36") == ()


def test_a_job_on_one_node_has_its_node_one_on_several_none() -> None:
    jobs = by_name("sacct-mixed")
    assert jobs["0006"].node == "rec2"
    assert jobs["0008"].node is None
    assert jobs["0004"].node is None


def test_times_are_read_as_utc() -> None:
    [job] = parse_sacct(records(ROW))
    assert job.end_time == datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC)
    assert "TZ=UTC" in build_sacct(["7"])


def test_jobs_that_accounting_does_not_know_are_no_error() -> None:
    assert parse_sacct(only("sacct-unknown")) == ()


def test_a_site_without_accounting_is_told_from_one_whose_accounting_is_down() -> None:
    with pytest.raises(AccountingOff, match="disabled"):
        parse_sacct(only("sacct-off"))
    with pytest.raises(AccountingOff, match="not found"):
        parse_sacct(Result(127, "", "env: 'sacct': not found\n"))
    with pytest.raises(ObservationFailed, match="Connection refused") as caught:
        parse_sacct(only("sacct-killed"))
    assert not isinstance(caught.value, AccountingOff)


def test_an_exit_code_other_than_0_tells_nothing_even_with_rows() -> None:
    with pytest.raises(ObservationFailed, match="boom"):
        parse_sacct(records(ROW, exit_code=1, stderr="boom"))


@pytest.mark.parametrize(
    "row",
    [
        "Welcome to the login node",
        ROW.replace("7|", "7.batch|", 1),
        ROW.replace("7|", "7_1|", 1),
        ROW.replace("TIMEOUT", "timeout"),
        ROW.replace("TIMEOUT", "TIMEOUT by you"),
        ROW.replace("03:05:05", "03:05"),
        ROW.replace("gpu1", "\x1b[2J"),
        ROW.replace("|gpu1", ""),
        ROW.replace("kscope-abcdefghij", "kscope-abcdefghijk"),
        ROW.replace("kscope-abcdefghij", "kscope-abcdefghij\x1b"),
    ],
)
def test_a_row_with_any_field_wrong_is_dropped(row: str) -> None:
    good = ROW.replace("7|", "8|", 1)
    assert [job.job_id for job in parse_sacct(records(good, row))] == ["8"]


def test_all_jobs_are_asked_for_in_one_call_each_once() -> None:
    argv = build_sacct(["10", "9", "10"])
    assert argv[argv.index("-j") + 1] == "9,10"


@pytest.mark.parametrize("ids", [[], ["0"], ["1", "-a"], ["1,2"], ["1 2"], ["1_2"]])
def test_only_numbers_of_jobs_are_ever_asked_for(ids: list[str]) -> None:
    with pytest.raises(ValueError, match="job ids"):
        build_sacct(ids)


def test_a_site_without_accounting_is_asked_again_once_an_hour() -> None:
    now = [0.0]
    shell = Accounting(only("sacct-off"))
    cluster = SlurmCluster(shell, clock=lambda: now[0])
    for now[0] in (0.0, 10.0, ACCOUNTING_OFF_FOR_S - 1):
        with pytest.raises(AccountingOff):
            cluster.lookup(["7"])
    assert shell.runs == 1
    now[0], shell.answer = ACCOUNTING_OFF_FOR_S, records(ROW)
    assert [job.state for job in cluster.lookup(["7"])] == [JobState.TIMEOUT]
    assert [job.state for job in cluster.lookup(["7"])] == [JobState.TIMEOUT]
    assert shell.runs == 3


def test_accounting_that_is_down_is_asked_again_the_next_time() -> None:
    shell = Accounting(only("sacct-killed"))
    cluster = SlurmCluster(shell)
    for _ in range(2):
        with pytest.raises(ObservationFailed):
            cluster.lookup(["7"])
    assert shell.runs == 2


def test_nobody_is_asked_about_nothing() -> None:
    shell = Accounting(records())
    assert SlurmCluster(shell).lookup(()) == ()
    assert shell.runs == 0


def test_a_lookup_that_is_cut_off_gives_no_view() -> None:
    class Late(Accounting):
        def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
            raise CommandTimeout(f"no answer within {deadline_s:.0f} s")

    with pytest.raises(ObservationFailed, match="within 10 s"):
        SlurmCluster(Late(records())).lookup(["7"])
