"""SSHShell against a real sshd."""

import getpass
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm import shell as shell_module
from slurm.errors import (
    CommandTimeout,
    HostKeyRejected,
    OutputTooLarge,
    ShellError,
    ShellUnavailable,
)
from slurm.ssh import SSHShell
from tests.slurm.sshd import SSHD, free_port
from tests.waiting import wait_until


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SSHD]:
    sshd = SSHD(tmp_path)
    sshd.start()
    yield sshd
    sshd.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shell(server: SSHD, clock: Clock) -> Iterator[SSHShell]:
    connection = connect(server, clock)
    yield connection
    connection.close()


def connect(server: SSHD, clock: Clock) -> SSHShell:
    return SSHShell(
        "127.0.0.1",
        server.port,
        getpass.getuser(),
        server.user_key,
        server.known_hosts,
        clock=clock,
        chance=lambda: 1.0,
    )


def test_a_command_returns_both_streams_and_its_exit_code(shell: SSHShell) -> None:
    result = shell.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_words_arrive_as_they_are(shell: SSHShell) -> None:
    words = ["it's", "$(id)", "`id`", "a b", "*", "", "line\nbreak", "é"]
    assert shell.run(["printf", "%s|", *words]).stdout == "|".join(words) + "|"


def test_stdin_larger_than_every_window_arrives_whole(shell: SSHShell) -> None:
    text = "x" * 4_999_999 + "\n"
    result = shell.run(["sh", "-c", "sleep 0.2; wc -c"], stdin=text)
    assert result.stdout.strip() == "5000000"


def test_five_megabytes_on_both_streams_at_once_do_not_deadlock(shell: SSHShell) -> None:
    script = "head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait"
    result = shell.run(["sh", "-c", script])
    assert (len(result.stdout), len(result.stderr)) == (5_000_000, 5_000_000)


def test_stdin_that_nobody_reads_does_not_hold_up_the_end(shell: SSHShell) -> None:
    assert shell.run(["true"], stdin="x" * 5_000_000).exit_code == 0


def test_output_beyond_the_cap_is_refused(shell: SSHShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_module, "MAX_OUTPUT_BYTES", 1 << 20)
    with pytest.raises(OutputTooLarge):
        shell.run(["yes"])
    assert shell.run(["echo", "still here"]).stdout == "still here\n"


def test_one_connection_serves_many_commands(shell: SSHShell, server: SSHD) -> None:
    for _ in range(3):
        shell.run(["true"])
    assert len(server.sessions()) == 1


def test_commands_of_several_threads_share_the_connection(shell: SSHShell, server: SSHD) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(shell.run(["echo", str(n)]).stdout))
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == ["0\n", "1\n", "2\n"]
    assert len(server.sessions()) == 1


def test_a_hanging_command_ends_at_its_deadline(
    shell: SSHShell, server: SSHD, clock: Clock
) -> None:
    shell.run(["true"])
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match="sleep"):
        shell.run(["sleep", "20"], deadline_s=0.5)
    assert time.monotonic() - began < 5
    clock.now_s += 60
    assert shell.run(["echo", "again"]).stdout == "again\n"


def test_a_frozen_server_cannot_hold_a_command_beyond_its_deadline(
    shell: SSHShell, server: SSHD
) -> None:
    shell.run(["true"])
    frozen = server.sessions()
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(ShellError):
        shell.run(["true"], deadline_s=0.5)
    assert time.monotonic() - began < 5
    for pid in frozen:
        os.kill(pid, signal.SIGKILL)


def test_after_a_hang_the_next_command_backs_off(shell: SSHShell, clock: Clock) -> None:
    with pytest.raises(CommandTimeout):
        shell.run(["sleep", "20"], deadline_s=0.5)
    with pytest.raises(ShellUnavailable, match="next try in 1 s"):
        shell.run(["true"])
    clock.now_s += 1
    assert shell.run(["true"]).exit_code == 0


def test_a_command_whose_connection_is_cut_has_an_unknown_outcome(
    shell: SSHShell, server: SSHD
) -> None:
    shell.run(["true"])
    errors: list[Exception] = []

    def run() -> None:
        try:
            shell.run(["sleep", "20"], deadline_s=60)
        except ShellError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: _descendant_sleeps(server), what="the command runs")
    server.cut()
    thread.join(10)
    assert len(errors) == 1
    assert not isinstance(errors[0], ShellUnavailable)


def _descendant_sleeps(server: SSHD) -> bool:
    parents = {str(pid) for pid in server.sessions()}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            program = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if fields[1] in parents and b"sleep\x0020" in program:
            return True
    return False


def test_an_idle_connection_that_was_cut_is_replaced_unnoticed(
    shell: SSHShell, server: SSHD
) -> None:
    shell.run(["true"])
    server.cut()
    assert shell.run(["echo", "back"]).stdout == "back\n"


def test_an_unknown_host_key_is_refused_with_advice(server: SSHD, clock: Clock) -> None:
    server.known_hosts.write_text("")
    with pytest.raises(HostKeyRejected, match=r"not known.*ssh-keyscan -p"):
        connect(server, clock).run(["true"])
    assert "Accepted publickey" not in server.log()


def test_a_missing_known_hosts_file_is_named(server: SSHD, clock: Clock) -> None:
    server.known_hosts.unlink()
    with pytest.raises(HostKeyRejected, match=r"known_hosts.*ssh-keyscan"):
        connect(server, clock).run(["true"])


def test_a_changed_host_key_is_refused_before_authentication(server: SSHD, clock: Clock) -> None:
    server.stop()
    server.new_key("host_key")
    server.start()
    with pytest.raises(HostKeyRejected, match=r"has changed.*SHA256.*ssh-keyscan"):
        connect(server, clock).run(["true"])
    assert "Accepted publickey" not in server.log()


def test_a_corrected_known_hosts_file_helps_at_the_next_try(server: SSHD, clock: Clock) -> None:
    server.known_hosts.write_text("")
    shell = connect(server, clock)
    with pytest.raises(HostKeyRejected):
        shell.run(["true"])
    server.trust()
    clock.now_s += 1
    assert shell.run(["true"]).exit_code == 0
    shell.close()


def test_a_key_the_server_does_not_know_is_refused_in_words(server: SSHD, clock: Clock) -> None:
    other = server.new_key("other_key")
    shell = SSHShell(
        "127.0.0.1", server.port, getpass.getuser(), other, server.known_hosts, clock=clock
    )
    with pytest.raises(ShellUnavailable, match=r"key of .* was not accepted"):
        shell.run(["true"])


def test_a_missing_key_file_is_named(server: SSHD, clock: Clock, tmp_path: Path) -> None:
    shell = SSHShell(
        "127.0.0.1", server.port, "x", tmp_path / "no_key", server.known_hosts, clock=clock
    )
    with pytest.raises(ShellUnavailable, match="no_key"):
        shell.run(["true"])


def test_a_server_that_is_down_is_tried_once_per_backoff(server: SSHD, clock: Clock) -> None:
    server.stop()
    shell = connect(server, clock)
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        with pytest.raises(ShellUnavailable, match="cannot connect"):
            shell.run(["true"])
        clock.now_s += pause - 0.5
        with pytest.raises(ShellUnavailable, match="next try in 1 s"):
            shell.run(["true"])
        clock.now_s += 0.5
    server.start()
    assert shell.run(["true"]).exit_code == 0
    shell.close()


def test_while_backing_off_a_refused_host_key_stays_one(server: SSHD, clock: Clock) -> None:
    server.known_hosts.write_text("")
    shell = connect(server, clock)
    for _ in range(2):
        with pytest.raises(HostKeyRejected):
            shell.run(["true"])


def test_a_port_that_accepts_and_says_nothing_does_not_hang(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        known_hosts = tmp_path / "known_hosts"
        known_hosts.touch()
        port = listener.getsockname()[1]
        shell = SSHShell("127.0.0.1", port, "x", None, known_hosts)
        began = time.monotonic()
        with pytest.raises(ShellUnavailable, match="did not let us in"):
            shell.run(["true"], deadline_s=0.5)
        assert time.monotonic() - began < 5


def test_a_forced_command_that_never_ends_is_a_time_out(server: SSHD, clock: Clock) -> None:
    server.stop()
    server.start("ForceCommand sleep 20")
    with pytest.raises(CommandTimeout):
        connect(server, clock).run(["true"], deadline_s=1.0)


def test_a_free_port_is_refused(tmp_path: Path) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.touch()
    with pytest.raises(ShellUnavailable, match="cannot connect"):
        SSHShell("127.0.0.1", free_port(), "x", None, known_hosts).run(["true"])
