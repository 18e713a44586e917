"""The login node: an sshd of our own on loopback, and the account that the gateway uses."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.integration.kit import configuration as conf
from tests.integration.kit.packages import program
from tests.integration.kit.processes import CLEAN_PATH, Daemon, kit_pids, program_of
from tests.waiting import wait_until

PRIVILEGE_SEPARATION = Path("/run/sshd")


class LoginNode:
    """sshd for one user with one ed25519 key; the host key is known to nobody else."""

    def __init__(self, folder: Path, ports: conf.Ports, user: str) -> None:
        self._folder = folder
        self._sshd = Path(program("sshd")).resolve()
        self.port = ports.ssh
        self.user = user
        self.host_key = folder / "host_key"
        self.client_key = folder / "client_key"
        self.known_hosts = folder / "known_hosts"
        make_key(self.host_key)
        make_key(self.client_key)
        shutil.copy(self.client_key.with_suffix(".pub"), folder / "authorized_keys")
        write_known_hosts(self.known_hosts, self.port, self.host_key)
        config = folder / "sshd_config"
        config.write_text(conf.sshd_config(folder, ports, user))
        self.daemon = Daemon(
            [str(self._sshd), "-D", "-e", "-f", str(config)],
            folder=folder,
            log=folder / "log/sshd.log",
            env={"SLURM_CONF": str(folder / "slurm.conf")},
        )

    def start(self) -> None:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self.daemon.start()
        wait_until(lambda: self.run("true").returncode == 0, what="a login over ssh")

    def stop(self) -> None:
        self.daemon.stop()

    def crash(self) -> None:
        """The login node goes away: the listener and every open session."""
        self.daemon.kill()
        for pid in kit_pids(self._folder):
            if program_of(pid) == self._sshd:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def run(
        self, command: str, stdin: str = "", timeout_s: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """`command` in the account's shell on the login node, by the stock ssh client."""
        options = {
            "UserKnownHostsFile": self.known_hosts,
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
        }
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        address = [f"-p{self.port}", f"{self.user}@127.0.0.1"]
        return subprocess.run(
            [program("ssh"), "-F", "none", "-i", str(self.client_key), *flags, *address, command],
            input=stdin,
            env={"PATH": CLEAN_PATH},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


def make_key(path: Path) -> None:
    subprocess.run(
        [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "kscope", "-f", str(path)],
        check=True,
        timeout=30,
    )


def write_known_hosts(path: Path, port: int, host_key: Path) -> None:
    """State that the host key of 127.0.0.1:`port` is `host_key`."""
    kind, key = host_key.with_suffix(".pub").read_text().split()[:2]
    path.write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
