"""The Debian packages behind the kit, installed without starting what they bring."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.parts import need

# program -> the Debian package that brings it
PROGRAMS = {
    "munged": "munge",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sacctmgr": "slurm-client",
    "sbatch": "slurm-client",
    "scancel": "slurm-client",
    "scontrol": "slurm-client",
    "sinfo": "slurm-client",
    "squeue": "slurm-client",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "useradd": "passwd",
    "userdel": "passwd",
}
POLICY = Path("/usr/sbin/policy-rc.d")


def program(name: str) -> str:
    """The full path of `name`: sshd insists on being started by it."""
    return str(need(name, PROGRAMS[name]))


def ensure_packages(programs: Mapping[str, str] = PROGRAMS) -> None:
    """Install what is missing; skips (fails in CI) where that or root is not to be had."""
    if os.geteuid() != 0:
        missing = "real Slurm and sshd are started by root only"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with _no_autostart():
        for name, package in programs.items():
            need(name, package)


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
