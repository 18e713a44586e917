"""SlurmCluster when the shell itself fails: what may be concluded, and what may not."""

from collections.abc import Sequence

import pytest

from slurm.cluster import SlurmCluster
from slurm.errors import (
    CancelFailed,
    ClusterError,
    CommandTimeout,
    HostKeyRejected,
    LogUnavailable,
    ObservationFailed,
    OutputTooLarge,
    ShellError,
    ShellUnavailable,
    SubmitRejected,
    SubmitUnknown,
)
from slurm.script import render
from slurm.shell import Result
from tests.fakes.recordings import ReplayShell, load
from tests.slurm.specs import spec


class BrokenShell:
    """Fails every command in one way."""

    def __init__(self, error: ShellError) -> None:
        self._error = error
        self.runs = 0
        self.is_closed = False

    def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        self.runs += 1
        raise self._error

    def close(self) -> None:
        self.is_closed = True


NEVER_RAN = [ShellUnavailable("down"), HostKeyRejected("changed")]
MAY_HAVE_RUN = [CommandTimeout("late"), OutputTooLarge("flood"), ShellError("cut")]


@pytest.mark.parametrize("error", NEVER_RAN, ids=repr)
def test_a_submission_that_never_left_is_told_as_such(error: ShellError) -> None:
    with pytest.raises(type(error)):
        SlurmCluster(BrokenShell(error)).submit(spec())


@pytest.mark.parametrize("error", MAY_HAVE_RUN, ids=repr)
def test_a_submission_that_may_have_arrived_is_unknown_and_not_repeated(error: ShellError) -> None:
    shell = BrokenShell(error)
    with pytest.raises(SubmitUnknown, match=str(error)):
        SlurmCluster(shell).submit(spec())
    assert shell.runs == 1


@pytest.mark.parametrize("error", NEVER_RAN + MAY_HAVE_RUN, ids=repr)
def test_whatever_the_shell_suffers_a_listing_is_unknown_and_never_empty(
    error: ShellError,
) -> None:
    with pytest.raises(ObservationFailed, match=str(error)):
        SlurmCluster(BrokenShell(error)).list_jobs()


@pytest.mark.parametrize("error", NEVER_RAN + MAY_HAVE_RUN, ids=repr)
def test_a_cancellation_or_a_log_that_fails_says_why(error: ShellError) -> None:
    cluster = SlurmCluster(BrokenShell(error))
    with pytest.raises(CancelFailed, match=str(error)):
        cluster.cancel("7")
    with pytest.raises(LogUnavailable, match=str(error)):
        cluster.read_log("abcdefghij")


def test_what_is_no_job_id_never_reaches_the_shell() -> None:
    shell = BrokenShell(ShellError("reached"))
    with pytest.raises(CancelFailed, match="not a job id"):
        SlurmCluster(shell).cancel("--user=root")
    assert shell.runs == 0


def test_a_log_folder_that_slurm_would_expand_is_rejected_before_anything_runs() -> None:
    shell = BrokenShell(ShellError("reached"))
    with pytest.raises(SubmitRejected) as caught:
        SlurmCluster(shell, log_dir="%j").submit(spec())
    assert caught.value.terminal
    assert shell.runs == 0


def test_the_script_travels_on_stdin_and_not_in_the_command() -> None:
    shell = ReplayShell(load("sbatch-accepted"))
    launch = spec("rec0000050", gpus=1, cpus=2)
    assert SlurmCluster(shell).submit(launch).isdigit()
    assert shell.scripts == [render(launch)]
    assert "canary" not in str(shell.commands)


def test_closing_closes_the_shell() -> None:
    shell = BrokenShell(ShellError("unused"))
    SlurmCluster(shell).close()
    assert shell.is_closed


def test_every_error_is_a_cluster_error() -> None:
    for error in [*NEVER_RAN, *MAY_HAVE_RUN, SubmitRejected("no"), SubmitUnknown("?")]:
        assert isinstance(error, ClusterError)
