"""A worker as Slurm would run it: a process of its own, seen from outside only."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes import odd_engine
from tests.fakes.callback_gateway import CallbackGateway
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
WORKER = REPOSITORY / "slurm" / "worker.py"
SIMULATOR = (sys.executable, "-m", "slurm.simulator", "--served-model-name", "tiny")
HOST = "127.0.0.1"
# As a test sets them, the worker's times may be shorter than in life.
TUNED = (
    "import os, sys; sys.path.insert(0, {folder!r}); import worker; "
    "vars(worker).update({times!r}); sys.exit(worker.main(['worker', {spec!r}], os.environ))"
)


def odd(**state: object) -> tuple[str, ...]:
    """The command of an engine with these entries of `odd_engine.STATE`."""
    return (sys.executable, odd_engine.__file__, json.dumps(state))


def make_spec(gateway: CallbackGateway, engine: Sequence[str], **changes: object) -> dict[str, Any]:
    return {
        "version": 1,
        "instance_id": "abcdefghij",
        "token": "job-token-" + secrets.token_hex(8),
        "callback_url": gateway.url,
        "heartbeat_interval_s": 0.1,
        "drain_timeout_s": 20.0,
        "model": "tiny",
        "engine_argv": list(engine),
        "engine_env": {"PYTHONPATH": str(REPOSITORY)},
        "engine_api_key": "engine-key-" + secrets.token_hex(8),
        "bind_host": HOST,
        "port_range": [20000, 32767],
        **changes,
    }


class WorkerJob:
    """One running worker; `spec` is what it was told, `gateway` whom it tells."""

    def __init__(self, process: "subprocess.Popen[bytes]", spec: dict[str, Any], log: Path) -> None:
        self.process = process
        self.spec = spec
        self._log = log

    def output(self) -> str:
        return self._log.read_bytes().decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 20.0) -> int:
        """The exit code."""
        return self.process.wait(timeout_s)


def switch(gateway: CallbackGateway, **state: object) -> None:
    """Change an odd engine's state while it runs."""
    port = gateway.wait_for("ready").body["port"]
    request = urllib.request.Request(f"http://{HOST}:{port}/switch", json.dumps(state).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def load_of(running: float, waiting: float, cache: float = 0.0) -> str:
    """An odd engine's `metrics`."""
    names = ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")
    values = zip(names, (running, waiting, cache), strict=True)
    return "".join(f'vllm:{name}{{engine="0"}} {value}\n' for name, value in values)


@contextmanager
def worker_job(
    folder: Path,
    gateway: CallbackGateway,
    engine: Sequence[str],
    *,
    python: str = sys.executable,
    times: Mapping[str, float] | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    **changes: object,
) -> Iterator[WorkerJob]:
    """A worker for `engine`; `times` sets constants of worker.py, `changes` members of its spec."""
    spec = make_spec(gateway, engine, **changes)
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    argv = [python, "-I", "-u", str(WORKER), str(path)]
    if times is not None:
        code = TUNED.format(folder=str(WORKER.parent), times=dict(times), spec=str(path))
        argv = [python, "-u", "-c", code]
    with started(argv, spec, log or folder / "log", env) as job:
        yield job


@contextmanager
def started(
    argv: Sequence[str], spec: dict[str, Any], log: Path, env: Mapping[str, str] | None = None
) -> Iterator[WorkerJob]:
    """`argv` in a session of its own; nothing of that session outlives the block."""
    environ = {**os.environ, "SLURM_JOB_ID": "4711", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            argv,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield WorkerJob(process, spec, log)
    finally:
        for pid in alive_in_session(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait(10)


def alive_in_session(session: int) -> list[int]:
    """The processes of a session that are no zombies."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _is_alive_in(entry / "stat", session)
    ]


def _is_alive_in(stat: Path, session: int) -> bool:
    try:
        # The name in parentheses may hold spaces; after it: state, parent, group, session.
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return False
    return fields[0] not in "ZX" and int(fields[3]) == session


def wait_until_alone(job: WorkerJob) -> None:
    """Nothing of the job is left."""
    wait_until(lambda: not alive_in_session(job.process.pid), what="the job's processes are gone")


def interpreters() -> list[str]:
    """This Python, and a 3.6 (the oldest that the worker promises to run on) if there is one."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [*map(str, pyenv.glob("versions/3.6.*/bin/python3.6")), shutil.which("python3.6")]
    question = "import sys; print(*sys.version_info[:2])"
    for candidate in filter(None, candidates):
        run = subprocess.run([candidate, "-c", question], capture_output=True, check=False)
        if run.stdout.split() == [b"3", b"6"]:
            return [sys.executable, candidate]
    return [sys.executable]
