"""Programs of the distribution: found, or installed where this is root on Debian."""

import os
import shutil
import subprocess

SEARCHED = os.pathsep.join(["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin"])
INSTALL_TIMEOUT_S = 600


class PartMissing(Exception):
    """A program that the bench needs is not here; the message names its package."""


def ensure_program(program: str, package: str) -> str:
    """The path of `program`. Raises PartMissing when it cannot be had."""
    found = _find(program)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", package)
        found = _find(program)
    if found is None:
        raise PartMissing(f"{program} is not here: install the package {package}")
    return found


def _find(program: str) -> str | None:
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), SEARCHED]))


def _apt(*arguments: str) -> None:
    subprocess.run(
        ["apt-get", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        check=False,
        timeout=INSTALL_TIMEOUT_S,
    )
