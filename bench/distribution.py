"""Programs of the distribution: found, or installed where this is root on Debian."""

import fcntl
import functools
import os
import shutil
import subprocess
from pathlib import Path

SEARCHED = os.pathsep.join(["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin"])
INSTALL_TIMEOUT_S = 600


class PartMissing(Exception):
    """A program that the bench needs is not here; the message names its package."""


def ensure_program(program: str, package: str) -> str:
    """The path of `program`. Raises PartMissing when it cannot be had."""
    found = _find(program)
    if found is None:
        install(package)
        found = _find(program)
    if found is None:
        raise PartMissing(f"{program} is not here: install the package {package}")
    return found


def install(*packages: str) -> None:
    """With apt, if this is root on Debian; whether it worked is seen by what is there then.

    One at a time on a machine: apt itself gives up when another one runs.
    """
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    with Path(apt).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _update(apt)
        _run(apt, "install", "-y", "--no-install-recommends", *packages)


def _find(program: str) -> str | None:
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), SEARCHED]))


@functools.cache
def _update(apt: str) -> None:
    _run(apt, "update")


def _run(*argv: str) -> None:
    subprocess.run(
        argv,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        check=False,
        timeout=INSTALL_TIMEOUT_S,
    )
