"""The Debian packages behind the kit: found, or installed when this is root with apt."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# program -> the Debian package that brings it
PROGRAMS = {
    "munged": "munge",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "scontrol": "slurm-client",
    "sinfo": "slurm-client",
    "squeue": "slurm-client",
    "scancel": "slurm-client",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "useradd": "passwd",
}
SEARCH_PATH = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
)
APT_ENV = {"DEBIAN_FRONTEND": "noninteractive"}
POLICY = Path("/usr/sbin/policy-rc.d")


class MissingParts(Exception):
    """What this machine lacks, in words for the person who runs the tests."""


def program(name: str) -> str:
    """The full path of `name`; daemons live in sbin, which users may not have on PATH.

    Raises MissingParts. sshd insists on being started by its full path.
    """
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        raise MissingParts(f"{name} is not installed")
    return found


def missing_packages() -> list[str]:
    lacking = {
        package
        for name, package in PROGRAMS.items()
        if shutil.which(name, path=SEARCH_PATH) is None
    }
    return sorted(lacking)


def ensure_packages() -> None:
    """Install what is missing. Raises MissingParts when that is not possible here."""
    if os.geteuid() != 0:
        raise MissingParts("real Slurm and sshd are started by root only")
    lacking = missing_packages()
    if not lacking:
        return
    if shutil.which("apt-get") is None:
        raise MissingParts(f"not installed, and there is no apt-get: {', '.join(lacking)}")
    with _no_autostart():
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *lacking)
    still = missing_packages()
    if still:
        raise MissingParts(f"apt installed these without their programs: {', '.join(still)}")


@contextmanager
def _no_autostart() -> Iterator[None]:
    """Debian starts a daemon as soon as it is installed, unless this script says 101."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _apt(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-q", *arguments],
        env={**os.environ, **APT_ENV},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    if done.returncode != 0:
        raise MissingParts(f"apt-get {' '.join(arguments)} failed: {done.stderr[-2000:]}")
