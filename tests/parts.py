"""Real parts that tests need from the distribution: installed if root can, else named missing."""

import functools
import glob
import os
import shutil
import subprocess
from pathlib import Path

import pytest

EXTRA_PATH = "/usr/sbin:/sbin:/usr/local/sbin"


def need(program: str, package: str, *folders: str) -> Path:
    """Where `program` is; looks on PATH, in the sbin folders and in `folders` (glob patterns).

    Missing: installed with apt when this is root on Debian. Otherwise the test is skipped and says
    what it lacks, except in CI, where it fails: nothing is skipped there.
    """
    found = _find(program, folders) or (_install(package) and _find(program, folders))
    if found:
        return Path(found)
    missing = f"{program} is not here: install the package {package}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _find(program: str, folders: tuple[str, ...]) -> str | None:
    there = [match for pattern in folders for match in sorted(glob.glob(pattern))]
    path = os.pathsep.join([os.environ.get("PATH", ""), EXTRA_PATH, *there])
    return shutil.which(program, path=path)


def _install(package: str) -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    _update()
    command = ["apt-get", "install", "-y", "--no-install-recommends", package]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environ, capture_output=True, check=False)
    return done.returncode == 0


@functools.cache
def _update() -> None:
    subprocess.run(["apt-get", "update"], capture_output=True, check=False)
