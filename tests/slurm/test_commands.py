"""Slurm's verbs on recorded answers of a real Slurm 22.05, and on texts of its source."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slurm.commands import (
    build_sbatch,
    build_scancel,
    build_squeue,
    build_tail,
    log_path,
    parse_sbatch,
    parse_scancel,
    parse_squeue,
    parse_tail,
)
from slurm.errors import (
    CancelFailed,
    LogUnavailable,
    ObservationFailed,
    SubmitRejected,
    SubmitUnknown,
)
from slurm.jobs import Job, JobState
from slurm.shell import Result
from tests.fakes.recordings import load, only
from tests.slurm.specs import spec
from tests.waiting import wait_until

ROW = "7|RUNNING|None|2026-01-02T03:04:05|N/A|2026-01-02T03:04:00|gpu1|gpu1|kscope-abcdefghij "


def listing(*rows: str, exit_code: int = 0, stderr: str = "") -> Result:
    return Result(exit_code, "".join(f"{row}\n" for row in rows), stderr)


def by_name(recording: str) -> dict[str, Job]:
    return {job.name.removeprefix("kscope-rec000"): job for job in parse_squeue(only(recording))}


def test_what_was_recorded_is_what_is_asked_today() -> None:
    [(argv, _)] = load("squeue-mixed")
    assert argv == build_squeue()


def test_a_listing_tells_ours_and_nothing_else() -> None:
    states = {name: (job.state, job.reason) for name, job in by_name("squeue-mixed").items()}
    assert states == {
        "0001": (JobState.CANCELLED, ""),
        "0002": (JobState.RUNNING, ""),
        "0003": (JobState.RUNNING, ""),
        "0004": (JobState.RUNNING, ""),
        "0005": (JobState.PENDING, "Resources"),
        "0006": (JobState.PENDING, "PartitionDown"),
        "0007": (JobState.PENDING, "PartitionTimeLimit"),
        "0008": (JobState.FAILED, "NonZeroExitCode"),
        "0009": (JobState.PENDING, "PartitionNodeLimit"),
    }


def test_a_running_job_has_a_node_and_the_end_of_its_walltime() -> None:
    job = by_name("squeue-mixed")["0002"]
    assert job.node == "rec2"
    assert job.submit_time is not None
    assert job.start_time is not None
    assert job.end_time is not None
    assert job.submit_time.tzinfo is UTC
    assert (job.end_time - job.start_time).total_seconds() == 8 * 3600


def test_a_waiting_job_has_no_node_and_perhaps_an_expected_start() -> None:
    jobs = by_name("squeue-mixed")
    assert jobs["0005"].node is None
    assert jobs["0005"].start_time is not None
    assert jobs["0007"].start_time is None


def test_a_requeue_keeps_the_id_and_renews_the_submit_time() -> None:
    before, between, after = (
        by_name(name)["0002"]
        for name in ("squeue-mixed", "squeue-requeue-begins", "squeue-requeued")
    )
    assert before.job_id == between.job_id == after.job_id
    assert [job.state for job in (before, between, after)] == [
        JobState.RUNNING,
        JobState.COMPLETING,
        JobState.PENDING,
    ]
    assert before.submit_time is not None
    assert after.submit_time is not None
    assert after.submit_time > before.submit_time


def test_a_row_forged_by_a_newline_in_a_job_name_is_dropped() -> None:
    assert "x\n77|RUNNING" in only("squeue-mixed").stdout
    assert "77" not in {job.job_id for job in parse_squeue(only("squeue-mixed"))}


def test_an_empty_queue_is_a_view_without_jobs() -> None:
    assert parse_squeue(only("squeue-empty")) == ()


@pytest.mark.parametrize("name", ["squeue-stopped", "squeue-killed"])
def test_a_controller_that_is_down_gives_no_view(name: str) -> None:
    with pytest.raises(ObservationFailed, match="slurm_load_jobs error"):
        parse_squeue(only(name))


def test_an_exit_code_other_than_0_gives_no_view_even_with_rows() -> None:
    with pytest.raises(ObservationFailed, match="boom"):
        parse_squeue(listing(ROW, exit_code=1, stderr="boom"))


def test_output_that_cannot_be_read_is_no_empty_queue() -> None:
    with pytest.raises(ObservationFailed, match="Welcome"):
        parse_squeue(listing("Welcome to the login node"))


def test_a_banner_before_the_rows_does_no_harm() -> None:
    assert [job.job_id for job in parse_squeue(listing("Welcome", "", ROW))] == ["7"]


def test_other_peoples_arrays_alone_are_an_empty_view() -> None:
    row = ROW.replace("7|", "12_[1-3%2]|", 1).replace("kscope-abcdefghij", "mine")
    assert parse_squeue(listing(row)) == ()


def test_a_state_of_a_newer_release_is_unknown() -> None:
    [job] = parse_squeue(listing(ROW.replace("RUNNING", "EXPEDITING")))
    assert job.state is JobState.UNKNOWN


@pytest.mark.parametrize(
    "row",
    [
        ROW.replace("7|", "0|", 1),
        ROW.replace("7|", "-7|", 1),
        ROW.replace("7|", "7_1|", 1),
        ROW.replace("7|", "7; rm|", 1),
        ROW.replace("RUNNING", "running"),
        ROW.replace("RUNNING", ""),
        ROW.replace("None", "\x1b[2J"),
        ROW.replace("03:04:05", "03:04"),
        ROW.replace("2026-01-02T03:04:00", "2026-13-02T03:04:00"),
        ROW.replace("|gpu1|", "|gpu1/../x|", 1),
        ROW.replace("|gpu1|", "|http://evil|", 1),
        ROW.replace("|gpu1|gpu1|", "|gpu1|"),
        ROW.replace("kscope-abcdefghij ", "kscope-abcdefghijk"),
        ROW.replace("kscope-abcdefghij ", "x|kscope-abcdefghi"),
        ROW.replace("kscope-abcdefghij ", "KSCOPE-abcdefghij "),
    ],
)
def test_a_row_with_any_field_wrong_is_dropped(row: str) -> None:
    good = ROW.replace("7|", "8|", 1)
    assert [job.job_id for job in parse_squeue(listing(good, row))] == ["8"]


def test_an_accepted_submission_gives_the_job_id() -> None:
    assert parse_sbatch(only("sbatch-accepted")).isdigit()


@pytest.mark.parametrize(
    "stdout", ["7\n", "7;cluster\n", "Welcome!\n7\n", "Last login 3\n7;a-b.c\n"]
)
def test_the_job_id_is_the_last_word_with_or_without_a_cluster(stdout: str) -> None:
    assert parse_sbatch(Result(0, stdout, "")) == "7"


@pytest.mark.parametrize("stdout", ["", "Submitted batch job seven\n", "0\n", "-7\n"])
def test_success_without_a_job_id_is_unknown(stdout: str) -> None:
    with pytest.raises(SubmitUnknown):
        parse_sbatch(Result(0, stdout, ""))


@pytest.mark.parametrize(
    "name",
    [
        "sbatch-invalid-partition",
        "sbatch-too-many-gpus",
        "sbatch-too-much-memory",
        "sbatch-invalid-time",
        "sbatch-invalid-memory",
    ],
)
def test_a_request_that_can_never_succeed_is_rejected_for_good(name: str) -> None:
    with pytest.raises(SubmitRejected) as caught:
        parse_sbatch(only(name))
    assert caught.value.terminal


FAILED = "sbatch: error: Batch job submission failed: "


@pytest.mark.parametrize(
    ("stderr", "terminal"),
    [
        (FAILED + "Invalid account or account/partition combination specified", True),
        (FAILED + "Invalid qos specification", True),
        (FAILED + "Job violates accounting/QOS policy (job submit limit, …)", False),
        (FAILED + "Rate limit exceeded", False),
        (FAILED + "Required partition not available (inactive or drain)", False),
        (FAILED + "Site policy: come back tomorrow", False),
        ("mkdir: cannot create directory '.kscope': Disk quota exceeded", False),
        ("sbatch: unrecognized option '--gres'", True),
    ],
)
def test_a_refusal_in_words_is_definite(stderr: str, terminal: bool) -> None:
    with pytest.raises(SubmitRejected, match=r".+") as caught:
        parse_sbatch(Result(1, "", stderr + "\n"))
    assert caught.value.terminal is terminal


def test_a_missing_sbatch_is_named() -> None:
    with pytest.raises(SubmitRejected, match="no sbatch on the PATH"):
        parse_sbatch(Result(127, "", "sh: 1: exec: sbatch: not found\n"))


def test_a_submission_reported_as_failed_may_have_succeeded() -> None:
    # Recorded together: sbatch exited 1, and the next listing has the job.
    with pytest.raises(SubmitUnknown, match="Socket timed out"):
        parse_sbatch(only("sbatch-stopped"))
    assert "0090" in by_name("squeue-after")


@pytest.mark.parametrize(
    "result",
    [
        only("sbatch-killed"),
        Result(1, "", FAILED + "Zero Bytes were transmitted or received\n"),
        Result(1, "", FAILED + "Unable to contact slurm controller (receive failure)\n"),
        Result(-9, "", ""),
        Result(255, "", "Connection to login closed by remote host.\n"),
        Result(1, "", "Segmentation fault\n"),
    ],
)
def test_every_other_failure_leaves_open_whether_the_job_exists(result: Result) -> None:
    with pytest.raises(SubmitUnknown):
        parse_sbatch(result)


def test_a_submission_names_all_that_was_asked_and_nothing_else() -> None:
    launch = spec(
        partition="gpu", qos="q", account="a", nodes=1, gpus=2, cpus=8, memory="64G",
        time_limit="08:00:00",
    )  # fmt: skip
    assert build_sbatch(launch, ".kscope/logs")[5:] == [
        "--parsable",
        "--job-name=kscope-abcdefghij",
        "--output=.kscope/logs/abcdefghij.log",
        "--open-mode=append",
        "--signal=B:USR1@240",
        "--export=ALL",
        "--partition=gpu",
        "--qos=q",
        "--account=a",
        "--nodes=1",
        "--ntasks-per-node=1",
        "--cpus-per-task=8",
        "--mem=64G",
        "--time=08:00:00",
        "--gres=gpu:2",
    ]
    assert "--gres" not in " ".join(build_sbatch(spec(), "logs"))
    several = build_sbatch(spec(nodes=2, gpus=8), "logs")
    assert several[-3:] == ["--nodes=2", "--ntasks-per-node=1", "--gres=gpu:4"]


def test_a_submission_clears_logs_that_nobody_wrote_to_for_a_month(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    names = ["old0000000.log", "new0000000.log", "others.log", "old0000000.txt"]
    logs.mkdir()
    for name in [*names, "old0000001.log"]:
        (logs / name).touch()
        if not name.startswith("new"):
            os.utime(logs / name, (0, 0))
    sbatch = tmp_path / "sbatch"
    sbatch.write_text('#!/bin/sh\necho "$# $1"; cat\n')
    sbatch.chmod(0o755)

    argv = build_sbatch(spec(), "logs")
    done = subprocess.run(
        argv,
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        input="the script",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.stdout == f"{len(argv) - 5} --parsable\nthe script"
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: sorted(path.name for path in logs.iterdir()) == sorted(names[1:]))


@pytest.mark.parametrize("log_dir", ["-rf", "a b", "%j", "", "a\nb", "$(id)"])
def test_a_log_folder_that_a_shell_or_slurm_would_expand_is_refused(log_dir: str) -> None:
    with pytest.raises(ValueError, match="log folder"):
        log_path(log_dir, "abcdefghij")


@pytest.mark.parametrize("name", ["scancel-running", "scancel-finished", "scancel-unknown"])
def test_cancelling_is_idempotent(name: str) -> None:
    parse_scancel(only(name))


@pytest.mark.parametrize(
    "stderr",
    [
        "scancel: error: Kill job error on job id 9: Invalid job id specified",
        "scancel: error: Kill job error on job id 9: Job/step already completing or completed",
    ],
)
def test_a_job_that_is_gone_counts_as_cancelled(stderr: str) -> None:
    parse_scancel(Result(1, "", stderr + "\n"))


@pytest.mark.parametrize(
    "result",
    [
        only("scancel-stopped"),
        only("scancel-killed"),
        Result(210, "", "scancel: error: Kill job error on job id 2: Access/permission denied\n"),
        Result(1, "", ""),
    ],
)
def test_a_cancellation_that_did_not_arrive_is_an_error(result: Result) -> None:
    with pytest.raises(CancelFailed):
        parse_scancel(result)


@pytest.mark.parametrize("job_id", ["", "0", "-1", "1 2", "1_2", "--user=root", "1\n"])
def test_only_one_jobs_number_is_ever_cancelled(job_id: str) -> None:
    with pytest.raises(ValueError, match="job id"):
        build_scancel(job_id)


def test_a_log_is_read_from_its_end() -> None:
    assert build_tail("logs", "abcdefghij", 9) == ["tail", "-c", "9", "--", "logs/abcdefghij.log"]
    assert parse_tail(only("tail")) == "from the job\n"


def test_a_log_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LogUnavailable, match="No such file"):
        parse_tail(only("tail-missing"))


def test_a_log_of_no_instance_is_not_asked_for() -> None:
    with pytest.raises(ValueError, match="instance id"):
        build_tail("logs", "../../etc/passwd", 9)


def test_times_are_read_as_utc() -> None:
    [job] = parse_squeue(listing(ROW))
    assert job.start_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert "TZ=UTC" in build_squeue()
