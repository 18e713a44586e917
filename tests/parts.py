"""Real parts that tests need from the distribution: installed if root can, else named missing."""

import glob
import os
import shutil
from pathlib import Path

import pytest

from bench.distribution import install

EXTRA_PATH = "/usr/sbin:/sbin:/usr/local/sbin"


def need(program: str, package: str, *folders: str) -> Path:
    """Where `program` is; looks on PATH, in the sbin folders and in `folders` (glob patterns).

    Missing: installed with apt when this is root on Debian. Otherwise the test is skipped and says
    what it lacks, except in CI, where it fails: nothing is skipped there.
    """
    found = _find(program, folders)
    if found is None:
        install(package)
        found = _find(program, folders)
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
