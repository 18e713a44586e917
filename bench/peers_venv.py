"""The peers, installed once per machine into a virtual environment of their own."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "peers.txt"
STAMP = ".complete"
INSTALL_TIMEOUT_S = 1800


def ensure_peers() -> Path:
    """The folder of the peers' commands. A requirement that cannot be installed is left out."""
    venv = _cache() / f"peers-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    venv.parent.mkdir(parents=True, exist_ok=True)
    with venv.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / STAMP).exists():
            shutil.rmtree(venv, ignore_errors=True)
            _install(venv)
    return venv / "bin"


def _cache() -> Path:
    default = "/var/cache/kscope-tests" if os.geteuid() == 0 else "~/.cache/kscope-tests"
    return Path(os.environ.get("KSCOPE_TEST_CACHE") or default).expanduser().absolute()


def _install(venv: Path) -> None:
    print(f"installing the peers into {venv} (minutes, once) ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    failed = []
    for line in _requirements():
        done = subprocess.run(
            [*pip, line], capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
        )
        if done.returncode:
            failed.append(line)
            print(f"  {line} cannot be installed: {done.stderr.strip()[-300:]}", flush=True)
    if not failed:  # else it is tried again next time
        (venv / STAMP).touch()


def _requirements() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines())
    return [line for line in lines if line]
