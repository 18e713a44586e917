"""LocalShell: real processes, hard deadlines, nothing inherited that may be secret."""

import os
import time
from pathlib import Path

import pytest

from slurm import shell as shell_module
from slurm.errors import CommandTimeout, OutputTooLarge, ShellUnavailable
from slurm.shell import LocalShell
from tests.waiting import wait_until


@pytest.fixture
def shell() -> LocalShell:
    return LocalShell()


def test_a_command_returns_both_streams_and_its_exit_code(shell: LocalShell) -> None:
    result = shell.run(["sh", "-c", "cat; echo err >&2; exit 3"], stdin="in")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "in", "err\n")


def test_a_command_killed_by_a_signal_has_a_negative_exit_code(shell: LocalShell) -> None:
    assert shell.run(["sh", "-c", "kill -9 $$"]).exit_code == -9


def test_bytes_that_are_no_text_are_replaced(shell: LocalShell) -> None:
    assert shell.run(["printf", r"a\377b"]).stdout == "a\ufffdb"


def test_floods_on_all_three_streams_do_not_deadlock(shell: LocalShell) -> None:
    script = "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; wc -c >&2"
    result = shell.run(["sh", "-c", script], stdin="x" * 5_000_000)
    assert len(result.stdout) == 5_000_000
    assert result.stderr.strip("\0").strip() == "5000000"


def test_stdin_that_nobody_reads_does_not_hold_up_the_end(shell: LocalShell) -> None:
    assert shell.run(["true"], stdin="x" * 5_000_000).exit_code == 0


def test_output_beyond_the_cap_ends_the_command(
    shell: LocalShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell_module, "MAX_OUTPUT_BYTES", 1 << 20)
    with pytest.raises(OutputTooLarge, match="yes printed more than 1 MiB"):
        shell.run(["yes"])


def test_at_the_deadline_the_whole_process_group_dies(shell: LocalShell, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match=r"0\.5 s"):
        shell.run(["sh", "-c", f"sleep 600 & echo $! > {pid_file}; wait"], deadline_s=0.5)
    assert time.monotonic() - began < 5
    child = Path(f"/proc/{int(pid_file.read_text())}/cmdline")
    wait_until(lambda: not child.exists() or not child.read_bytes(), what="the child is dead")


def test_a_child_left_in_the_background_does_not_hold_up_the_end(shell: LocalShell) -> None:
    began = time.monotonic()
    result = shell.run(["sh", "-c", "echo done; sleep 5 &"], deadline_s=30)
    assert result.stdout == "done\n"
    assert time.monotonic() - began < 4


def test_a_program_that_does_not_exist_was_not_run(shell: LocalShell) -> None:
    with pytest.raises(ShellUnavailable, match="nonesuch"):
        shell.run(["nonesuch"])


def test_the_gateways_environment_stays_behind(
    shell: LocalShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "canary")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/other.conf")
    monkeypatch.setenv("VIRTUAL_ENV", "canary")
    lines = shell.run(["env"]).stdout.splitlines()
    assert "SLURM_CONF=/etc/slurm/other.conf" in lines
    assert "canary" not in "".join(lines)
    names = {line.partition("=")[0] for line in lines}
    allowed = {*shell_module.INHERITED, "HOME", "USER", "LOGNAME", "SHELL"}
    assert names <= allowed


def test_a_job_would_not_find_the_gateways_own_python(
    shell: LocalShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", "/opt/gateway/.venv")
    monkeypatch.setenv("PATH", f"/opt/gateway/.venv/bin:{os.defpath}")
    assert "/opt/gateway" not in shell.run(["env"]).stdout


def test_commands_run_in_the_home_folder(shell: LocalShell) -> None:
    assert shell.run(["pwd"]).stdout.strip() == str(Path("~").expanduser().resolve())
