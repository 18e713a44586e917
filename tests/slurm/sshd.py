"""A real sshd on loopback, run as the current user, for one test."""

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.parts import need
from tests.waiting import wait_until

# One line per line of sshd_config(5). Run by root, sshd also wants its separation folder.
CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/user_key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxSessions 4
{extra}
"""


class SSHD:
    """Start, stop and re-key one server; its keys live in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._program = need("sshd", "openssh-server")
        self._keygen = need("ssh-keygen", "openssh-client")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.user_key = self.new_key("user_key")
        self.known_hosts = folder / "known_hosts"
        self.new_key("host_key")
        self.trust()

    def new_key(self, name: str) -> Path:
        path = self._folder / name
        for old in (path, path.with_name(f"{name}.pub")):
            old.unlink(missing_ok=True)
        argv = [str(self._keygen), "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
        subprocess.run(argv, check=True)
        return path

    def trust(self) -> None:
        """Write the present host key into the known-hosts file."""
        kind, key, _ = (self._folder / "host_key.pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def start(self, extra: str = "") -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self._folder / "sshd_config"
        config.write_text(CONFIG.format(port=self.port, folder=self._folder, extra=extra))
        # A group of its own, so that stopping it cuts its connections too.
        with (self._folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "-D", "-e", "-f", str(config)],
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, what="sshd listens")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def sessions(self) -> list[int]:
        """The pids of the processes that serve one connection each."""
        if self._process is None:
            return []
        listing = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(pid) for pid in listing.stdout.split()]

    def log(self) -> str:
        return (self._folder / "sshd.log").read_text()

    def cut(self) -> None:
        """Break every connection, as a network does; the server goes on listening."""
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None:
            self.cut()
            self._process.kill()
            self._process.wait()
            self._process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
