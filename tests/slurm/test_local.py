"""What LocalCluster promises beyond the contract: its jobs outlive everybody and nothing leaks."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm import supervisor, worker
from slurm.errors import ObservationFailed, SubmitRejected
from slurm.jobs import Job, JobState
from slurm.local import KILL_WAIT_S, LOGS_KEPT, MIN_JOB_AGE_S, START_PATIENCE_S, LocalCluster
from slurm.local_job import NODE
from tests.slurm.specs import spec
from tests.waiting import wait_until

# A batch process with two children that are deaf to TERM, one of them in a session of its own.
FAMILY = """
trap '' TERM
sleep 600 & echo $! >> pids
setsid sleep 601 & echo $! >> pids
trap 'exit 0' TERM
touch ready
while :; do sleep 0.05; done
"""
# And one that has left its session, its environment and its parent.
DAEMON = (
    "(env -i setsid bash -c 'echo $$ >> pids; exec sleep 602' &)\nuntil [ -s pids ]; do :; done\n"
)
PARENT = """
import sys, time
from pathlib import Path
from slurm.local import LocalCluster
from tests.slurm.specs import spec
cluster = LocalCluster(Path(sys.argv[1]), kill_wait_s=0.5)
print(cluster.submit(spec("abcdefghij", setup=(sys.argv[2],))), flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    state_dir = tmp_path / "local"
    yield state_dir
    for job_dir in (state_dir / "jobs").glob("[0-9]*"):
        supervisor.kill_members(job_dir)


@pytest.fixture
def cluster(folder: Path) -> LocalCluster:
    return LocalCluster(folder, kill_wait_s=0.5)


def look(cluster: LocalCluster, job_id: str) -> Job:
    [job] = [job for job in cluster.list_jobs() if job.job_id == job_id]
    return job


def wait_over(cluster: LocalCluster, job_id: str) -> Job:
    wait_until(lambda: look(cluster, job_id).state.is_over, what="the job is over")
    return look(cluster, job_id)


def start(cluster: LocalCluster, folder: Path, setup: str = FAMILY) -> str:
    job_id = cluster.submit(spec(setup=(setup,)))
    wait_until((folder / "ready").exists, what="the job runs")
    return job_id


def is_running(pid: int) -> bool:
    return supervisor.identity(pid) is not None


def owner(folder: Path, job_id: str) -> Path:
    return folder / "jobs" / job_id / "owner.json"


def test_a_job_outlives_the_gateway_and_is_adopted(folder: Path) -> None:
    argv = [sys.executable, "-c", PARENT, str(folder), FAMILY]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as it:
        assert it.stdout is not None
        job_id = it.stdout.readline().strip()
        wait_until((folder / "ready").exists, what="the job runs")
        os.killpg(it.pid, signal.SIGKILL)
    cluster = LocalCluster(folder)
    assert look(cluster, job_id).state is JobState.RUNNING
    cluster.cancel(job_id)
    assert wait_over(cluster, job_id).state is JobState.CANCELLED


def test_an_end_that_nobody_saw_is_known_to_the_next_cluster(folder: Path) -> None:
    first = LocalCluster(folder)
    job_id = first.submit(spec(setup=("exit 7",)))
    end = folder / "jobs" / job_id / "end.json"
    wait_until(end.exists, what="the job has ended")
    job = look(LocalCluster(folder), job_id)
    assert (job.state, job.reason) == (JobState.FAILED, "NonZeroExitCode")
    assert json.loads(end.read_text())["exit_code"] == 7


def test_a_job_killed_by_a_signal_says_so(cluster: LocalCluster) -> None:
    job = wait_over(cluster, cluster.submit(spec(setup=("kill -9 $$",))))
    assert (job.state, job.reason) == (JobState.FAILED, "RaisedSignal:9")


def test_ids_rise_over_restarts_even_when_all_jobs_are_forgotten(folder: Path) -> None:
    first = LocalCluster(folder)
    ids = [first.submit(spec(setup=("exit 0",))) for _ in range(2)]
    for job_id in ids:
        wait_over(first, job_id)
    later = LocalCluster(folder, clock=lambda: time.time() + MIN_JOB_AGE_S + 60)
    assert later.list_jobs() == ()
    assert int(later.submit(spec(setup=("exit 0",)))) > max(map(int, ids))


def test_cancelling_returns_at_once_and_the_kill_needs_no_gateway(
    cluster: LocalCluster, folder: Path
) -> None:
    job_id = start(cluster, folder, "trap '' TERM; touch ready; while :; do sleep 0.05; done")
    began = time.monotonic()
    cluster.cancel(job_id)
    assert time.monotonic() - began < 0.4
    wait_until((folder / "jobs" / job_id / "end.json").exists, what="the job was killed")
    assert look(cluster, job_id).state is JobState.CANCELLED


def test_nothing_of_a_job_outlives_its_batch_process(cluster: LocalCluster, folder: Path) -> None:
    job_id = start(cluster, folder, DAEMON + FAMILY)
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    assert [is_running(pid) for pid in pids] == [True] * 3
    cluster.cancel(job_id)
    wait_over(cluster, job_id)
    assert not any(map(is_running, pids))


def test_term_reaches_the_batch_process_which_may_end_well(
    cluster: LocalCluster, folder: Path
) -> None:
    wait = "trap 'echo drained; exit 0' TERM; touch ready; while :; do sleep 0.05; done"
    job_id = start(cluster, folder, wait)
    cluster.cancel(job_id)
    assert wait_over(cluster, job_id).state is JobState.CANCELLED
    assert cluster.read_log("abcdefghij") == "drained\n"


def test_a_killed_supervisor_means_node_fail_and_takes_the_job_along(
    cluster: LocalCluster, folder: Path
) -> None:
    job_id = start(cluster, folder)
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    os.kill(json.loads(owner(folder, job_id).read_text())["pid"], signal.SIGKILL)
    assert wait_over(cluster, job_id).state is JobState.NODE_FAIL
    assert not any(map(is_running, pids))


@pytest.mark.parametrize("change", [{"boot_id": "another boot"}, {"start_ticks": 1}])
def test_neither_a_reboot_nor_a_reused_pid_passes_for_a_running_job(
    cluster: LocalCluster, folder: Path, change: dict[str, object]
) -> None:
    job_id = start(cluster, folder)
    path = owner(folder, job_id)
    record = json.loads(path.read_text())
    # Stopped, the real supervisor stands for a process that has come by the same pid.
    os.kill(record["pid"], signal.SIGSTOP)
    path.write_text(json.dumps({**record, **change}))
    assert look(cluster, job_id).state is JobState.NODE_FAIL
    os.kill(record["pid"], signal.SIGKILL)


def test_a_reused_pid_is_never_signalled(cluster: LocalCluster, folder: Path) -> None:
    job_id = start(cluster, folder)
    with subprocess.Popen(["sleep", "600"]) as bystander:
        path = owner(folder, job_id)
        record = {**json.loads(path.read_text()), "pid": bystander.pid}
        path.write_text(json.dumps(record))
        cluster.cancel(job_id)
        cluster.list_jobs()
        assert bystander.poll() is None
        bystander.kill()


def test_a_walltime_warns_with_usr1_and_ends_the_job(cluster: LocalCluster, folder: Path) -> None:
    listen = "trap 'echo warned' USR1; touch ready; while :; do sleep 0.05; done"
    job_id = cluster.submit(spec(setup=(listen,), time_limit="0:2"))
    job = wait_over(cluster, job_id)
    assert job.state is JobState.TIMEOUT
    assert cluster.read_log("abcdefghij").startswith("warned\n")


def test_a_cancellation_leaves_the_worker_time_to_drain_and_to_stop_its_engine() -> None:
    assert KILL_WAIT_S >= worker.TERM_DRAIN_S + worker.TERM_STOP_S


def test_a_machine_is_one_node(cluster: LocalCluster) -> None:
    with pytest.raises(SubmitRejected, match="one node, and 2 are asked for") as caught:
        cluster.submit(spec(nodes=2))
    assert caught.value.terminal
    assert cluster.list_jobs() == ()


class Lost:
    """A submission that died between writing the job and starting its supervisor."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 1000.0
        self.cluster = LocalCluster(folder, clock=lambda: self.now_s)
        self.job_dir = self.cluster._write_job(spec())
        self.job_id = self.job_dir.name

    def start_late(self) -> int:
        return supervisor_run(self.job_dir)


def supervisor_run(job_dir: Path) -> int:
    argv = [sys.executable, "-I", "-S", supervisor.__file__, str(job_dir)]
    return subprocess.run(argv, check=False, timeout=30, capture_output=True).returncode


def test_a_job_whose_start_was_lost_is_given_up_after_a_while(folder: Path) -> None:
    lost = Lost(folder)
    assert look(lost.cluster, lost.job_id).state is JobState.PENDING
    lost.now_s += START_PATIENCE_S + 1
    assert look(lost.cluster, lost.job_id).state is JobState.NODE_FAIL
    assert lost.start_late() == 1
    assert look(lost.cluster, lost.job_id).state is JobState.NODE_FAIL


def test_a_job_cancelled_before_its_start_never_starts(folder: Path) -> None:
    lost = Lost(folder)
    lost.cluster.cancel(lost.job_id)
    assert lost.start_late() == 1
    assert look(lost.cluster, lost.job_id).state is JobState.CANCELLED


def test_two_supervisors_never_run_one_job(cluster: LocalCluster, folder: Path) -> None:
    job_id = start(cluster, folder)
    assert supervisor_run(folder / "jobs" / job_id) == 1
    assert look(cluster, job_id).state is JobState.RUNNING


def test_a_job_that_cannot_start_is_refused(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "__file__", "/nonexistent/supervisor.py")
    with pytest.raises(SubmitRejected, match="did not start"):
        cluster.submit(spec())
    assert [job.state for job in cluster.list_jobs()] == [JobState.FAILED]


def test_a_job_that_cannot_be_written_is_refused(cluster: LocalCluster, folder: Path) -> None:
    (folder / "jobs").rmdir()
    with pytest.raises(SubmitRejected, match="cannot be written"):
        cluster.submit(spec())


def test_a_folder_that_cannot_be_read_gives_no_view(cluster: LocalCluster, folder: Path) -> None:
    (folder / "jobs").rmdir()
    with pytest.raises(ObservationFailed):
        cluster.list_jobs()


def test_a_finished_job_is_forgotten_after_five_minutes_but_its_log_stays(folder: Path) -> None:
    offset_s = 0.0
    cluster = LocalCluster(folder, clock=lambda: time.time() + offset_s)
    job_id = cluster.submit(spec(setup=("echo bye; exit 0",)))
    wait_over(cluster, job_id)
    offset_s = MIN_JOB_AGE_S - 30
    assert len(cluster.list_jobs()) == 1
    offset_s = MIN_JOB_AGE_S + 30
    assert cluster.list_jobs() == ()
    assert list((folder / "jobs").iterdir()) == []
    assert cluster.read_log("abcdefghij") == "bye\n"


def test_only_the_last_logs_are_kept_and_those_of_known_jobs(
    cluster: LocalCluster, folder: Path
) -> None:
    job_id = cluster.submit(spec(setup=("exit 0",)))
    wait_over(cluster, job_id)
    os.utime(folder / "logs" / "abcdefghij.log", (1, 1))
    for number in range(LOGS_KEPT + 5):
        path = folder / "logs" / f"old{number:07}.log"
        path.touch()
        os.utime(path, (1000 + number, 1000 + number))
    cluster.list_jobs()
    left = {path.name for path in (folder / "logs").iterdir()}
    assert "abcdefghij.log" in left
    assert "old0000004.log" not in left
    assert f"old{LOGS_KEPT + 4:07}.log" in left


def test_everything_on_disk_is_private(cluster: LocalCluster, folder: Path) -> None:
    wait_over(cluster, cluster.submit(spec(setup=("touch made-by-job; exit 0",))))
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_job_sees_a_minimal_environment_with_the_gateways_python_first(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "canary")
    wait_over(cluster, cluster.submit(spec(setup=("env; command -v python3; exit 0",))))
    log = cluster.read_log("abcdefghij")
    assert "canary" not in log
    assert log.rstrip().endswith(str(Path(sys.executable).parent / "python3"))


def test_the_fleet_process_has_no_children_to_wait_for(cluster: LocalCluster, folder: Path) -> None:
    job_id = start(cluster, folder)
    record = json.loads(owner(folder, job_id).read_text())
    parent = Path(f"/proc/{record['pid']}/stat").read_text().rpartition(")")[2].split()[1]
    assert int(parent) != os.getpid()


def test_the_defaults_are_slurms() -> None:
    assert MIN_JOB_AGE_S == 300
    assert NODE == "127.0.0.1"
