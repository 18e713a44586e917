"""Real vLLM for tests: installed once per machine, with a model made on the spot.

    kit = ensure_vllm()
    subprocess.Popen([*kit.argv("tiny"), "--port", "8000"], env={**os.environ, **kit.env})

Everything lies in a folder outside the clone, named after a hash of what it is made from, readable
and executable for every user of the machine: a Slurm job may run it as somebody else.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.distribution import install

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
MAKE_MODEL = HERE / "make_model.py"
STAMP = ".complete"
OLDEST, NEWEST = (3, 11), (3, 14)
INSTALL_TIMEOUT_S = 3600
# One thread and no compiler: two cores are shared with the rest of the tests, and torch.compile
# would call g++, which a test machine need not have.
ENV = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",
}


class KitUnavailable(Exception):
    """vLLM cannot be had on this machine; the message names what is missing."""


@dataclass(frozen=True, slots=True)
class VllmKit:
    """An installed vLLM. python and model_dir are absolute and open to every user."""

    python: Path
    model_dir: Path
    env: dict[str, str] = field(default_factory=lambda: dict(ENV))

    @property
    def command(self) -> tuple[str, ...]:
        """What starts the engine; `--model` and the other arguments follow."""
        # The `vllm` command asks for the metadata of "vllm", but this distribution is "vllm-cpu".
        return (str(self.python), "-m", "vllm.entrypoints.openai.api_server")

    @property
    def engine_args(self) -> dict[str, str | int | bool]:
        """As in models.yaml. bfloat16 crashes the CPU worker; nothing is compiled."""
        return {
            "dtype": "float32",
            "enforce-eager": True,
            "max-model-len": 2048,
            "enable-auto-tool-choice": True,
            "tool-call-parser": "hermes",
        }

    def argv(self, served_name: str) -> list[str]:
        """The whole command line but for --host and --port."""
        argv = [*self.command, "--model", str(self.model_dir), "--served-model-name", served_name]
        for name, value in self.engine_args.items():
            argv += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        return argv


def ensure_vllm() -> VllmKit:
    """The kit, installed first if need be (minutes, about 2 GB). Raises KitUnavailable.

    Processes that call this at the same time wait for the one that installs.
    """
    venv, model = _folders()
    with _open_to_all():
        _ensure(venv, lambda: _install(venv))
        python = venv / "bin" / "python"
        _ensure(model, lambda: _run([str(python), str(MAKE_MODEL), str(model)]))
    return VllmKit(python=python, model_dir=model)


def is_installed() -> bool:
    """Whether `ensure_vllm` has nothing to do."""
    return all((folder / STAMP).exists() for folder in _folders())


def _folders() -> tuple[Path, Path]:
    cache = os.environ.get("KSCOPE_TEST_CACHE")
    default = "/var/cache/kscope-tests" if os.geteuid() == 0 else "~/.cache/kscope-tests"
    root = Path(cache or default).expanduser().absolute()
    pins = REQUIREMENTS.read_bytes()
    return root / f"vllm-{_digest(pins)}", root / f"model-{_digest(pins + MAKE_MODEL.read_bytes())}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


@contextmanager
def _open_to_all() -> Iterator[None]:
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _ensure(folder: Path, make: Callable[[], None]) -> None:
    """Make `folder` unless it is complete; what an interrupted attempt left is thrown away."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / STAMP).exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        make()
        for path in folder.iterdir():  # safetensors writes its file for the owner alone
            path.chmod(path.stat().st_mode | 0o444)
        (folder / STAMP).touch()


def _install(venv: Path) -> None:
    _run([str(_interpreter()), "-m", "venv", str(venv)])
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    pip += ["--disable-pip-version-check", "--no-cache-dir"]
    torch = next(
        line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("torch==")
    )
    _run([*pip, "-c", str(REQUIREMENTS), torch])
    _run([*pip, "--no-deps", "-r", str(REQUIREMENTS)])


def _interpreter() -> Path:
    """A Python with venv that other users may run; root installs Debian's when there is none."""
    found = _find_interpreter()
    if found is None:
        install("python3", "python3-venv")
        found = _find_interpreter()
    if found is None:
        raise KitUnavailable("no Python 3.11 to 3.14 with venv that other users may run")
    return found


def _find_interpreter() -> Path | None:
    names = ["python3", *(f"python3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1))]
    system = [Path("/usr/bin", name) for name in names]
    candidates = [*system, *(Path("/usr/local/bin", name) for name in names)]
    if os.geteuid() != 0:
        candidates.append(Path(sys.executable))
    return next((path for path in candidates if path.exists() and _suits(path)), None)


def _suits(python: Path) -> bool:
    real = python.resolve()
    open_to_all = all(part.stat().st_mode & 0o001 for part in (real, *real.parents))
    check = (
        f"import ensurepip, venv, sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    )
    probe = subprocess.run([str(python), "-c", check], capture_output=True, check=False)
    return probe.returncode == 0 and (open_to_all or os.geteuid() != 0)


def _run(argv: list[str]) -> None:
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-2000:]
        raise KitUnavailable(f"`{' '.join(argv)}` failed:\n{words}")
