"""Things that tests download once per machine, in folders outside the clone."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

STAMP = ".complete"


def made_once(name: str, sources: list[Path], make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, named after what it is made from. Another process that makes
    the same is waited for; what an interrupted one left is thrown away."""
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    folder = _root() / f"{name}-{digest.hexdigest()[:12]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / STAMP).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / STAMP).touch()
    return folder


def _root() -> Path:
    default = "/var/cache/kscope-tests" if os.geteuid() == 0 else "~/.cache/kscope-tests"
    return Path(os.environ.get("KSCOPE_TEST_CACHE") or default).expanduser().absolute()
