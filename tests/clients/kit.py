"""The clients from their registries: installed once per machine, outside the clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cached import made_once
from tests.parts import need

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
PACKAGES = [HERE / "package.json", HERE / "package-lock.json"]
INSTALL_TIMEOUT_S = 600


def node_modules(name: str = "node-clients", sources: list[Path] = PACKAGES) -> Path:
    """The folder of the installed npm packages; `sources`: package.json and its lock."""
    npm = need("npm", "npm")
    need("node", "nodejs")

    def install(folder: Path) -> None:
        for source in sources:
            shutil.copy(source, folder)
        # Its cache too stays out of the home folder.
        cache = folder / "npm-cache"
        quiet = ["--no-audit", "--no-fund", "--no-update-notifier"]
        _install([str(npm), "ci", "--ignore-scripts", *quiet, "--cache", str(cache)], folder)
        shutil.rmtree(cache, ignore_errors=True)

    return made_once(name, sources, install) / "node_modules"


def langchain_python() -> Path:
    """The interpreter of LangChain's virtual environment."""
    return python_with("langchain", REQUIREMENTS)


def python_with(name: str, requirements: Path) -> Path:
    """The interpreter of a virtual environment with all that the file lists, and nothing else."""

    def install(folder: Path) -> None:
        _install([sys.executable, "-m", "venv", str(folder / "venv")], folder)
        pip = [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", "--no-input"]
        pip += ["--disable-pip-version-check", "--no-cache-dir", "--no-deps"]
        _install([*pip, "-r", str(requirements)], folder)

    return made_once(name, [requirements], install) / "venv/bin/python"


def _install(argv: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
    )
    if done.returncode:
        missing = f"`{' '.join(argv)}` failed:\n{(done.stderr or done.stdout).strip()[-2000:]}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
