"""The gateway as users run it: a process of its own, driven over HTTP and signals only."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import openai
import yaml

from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
# The gateway is a stranger to this process's environment: only this much is passed on.
INHERITED = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Gateway:
    """`python -m web.openai_proxy.routes` in `folder`, with the given entries of models.yaml.

    One object is one gateway over many lives: `kill9` and `start` again keep port, data and key.
    """

    module = "web.openai_proxy.routes"

    def __init__(
        self, folder: Path, models: Sequence[Mapping[str, object]], env: Mapping[str, str] = {}
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.base_url = f"http://{HOST}:{self.port}"
        self.models_file = folder / "models.yaml"
        self.log_file = folder / "gateway.log"
        self.data_dir = folder / "data"
        self.env = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "PROXY_HOST": HOST,
            "PROXY_PORT": str(self.port),
            "MODELS_FILE": str(self.models_file),
            "DATA_DIR": str(self.data_dir),
            "MIN_UPDATE_INTERVAL_SECONDS": "1",
            "PYTHONUNBUFFERED": "1",
            **env,
        }
        self._parent: subprocess.Popen[bytes] | None = None
        self._key = ""
        self._clients: dict[tuple[int, float], openai.OpenAI] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.write_models(models)

    def write_models(self, models: Sequence[Mapping[str, object]]) -> None:
        text = yaml.safe_dump({"models": [dict(model) for model in models]}, allow_unicode=True)
        # Replaced in one step: a gateway that runs must never read half a file.
        draft = self.models_file.with_suffix(".new")
        draft.write_text(text)
        draft.replace(self.models_file)

    def start(self) -> None:
        """Start it and return when it answers."""
        with self.log_file.open("ab") as log:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", self.module],
                cwd=REPOSITORY,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._answers_or_died, 30, "the gateway answers /health")
        assert self._parent.poll() is None, f"the gateway ended at once:\n{self.log_tail()}"

    def _answers_or_died(self) -> bool:
        if self._parent is None or self._parent.poll() is not None:
            return True
        return self.status("/health") == 200

    def pids(self) -> list[int]:
        """Its live processes: parent, workers, fleet. Jobs have an environment of their own."""
        wanted = f"DATA_DIR={self.data_dir}".encode()
        return [pid for pid in _pids() if wanted in _environment(pid)]

    def kill9(self) -> None:
        """All of it dies in one instant, as in a power cut."""

        def none_left() -> bool:
            found = self.pids()
            # The parent is the oldest: last, so that nobody hears of its death.
            for pid in sorted(found, reverse=True):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not found

        wait_until(none_left, 10, "every process of the gateway gone")
        if self._parent is not None:
            self._parent.wait(10)
        self.close_clients()

    def stop(self, number: signal.Signals = signal.SIGINT, timeout_s: float = 30) -> int:
        """Ask the parent to stop, wait for all of it; returns the parent's exit code."""
        assert self._parent is not None
        self._parent.send_signal(number)
        code = self._parent.wait(timeout_s)
        wait_until(lambda: not self.pids(), 5, "no process of the gateway left")
        self.close_clients()
        return code

    def restart(self) -> None:
        """The crash-only way: killed, and started again on the same data."""
        self.kill9()
        self.start()

    def wait_for_fleet(self, timeout_s: float = 30) -> None:
        """Until its own fleet process acts: after a kill the lock of the dead one must run out."""

        def holds_the_lock() -> bool:
            told = self.get("/ready")[1]
            return any(f":{pid} holds the lock" in told for pid in self.pids())

        wait_until(holds_the_lock, timeout_s, "the fleet process holds the lock")

    def cli(self, *arguments: str) -> str:
        """`kscope …`: its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "web.cli", *arguments],
            cwd=REPOSITORY,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"kscope {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def model(self, name: str) -> dict[str, object]:
        """The `status` of a model in /v1/models: asking this starts nothing."""
        entries = self.client().models.list().data
        return next(e for e in entries if e.id == name).model_extra["status"]

    @property
    def key(self) -> str:
        """A key of alice's, made once."""
        if not self._key:
            self._key = self.cli("keys", "create", "--user", "alice").strip()
        return self._key

    def client(self, max_retries: int = 0, timeout_s: float = 60) -> openai.OpenAI:
        """A stock client; the same one for the same options, closed when the gateway ends."""
        options = (max_retries, timeout_s)
        client = self._clients.get(options)
        if client is None or client.is_closed():
            client = self._clients[options] = openai.OpenAI(
                base_url=f"{self.base_url}/v1",
                api_key=self.key,
                max_retries=max_retries,
                timeout=timeout_s,
            )
        return client

    def close_clients(self) -> None:
        """Their connections would otherwise be closed by the garbage collector, with a warning."""
        while self._clients:
            self._clients.popitem()[1].close()

    def status(self, path: str) -> int:
        """The status of GET `path`; 0 when nobody answers."""
        return self.get(path)[0]

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of GET `path`, without a key; (0, "") when nobody answers."""
        try:
            with urllib.request.urlopen(self.base_url + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")
        except OSError:
            return 0, ""

    def log_text(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return self.log_file.read_text(errors="replace")
        return ""

    def log_tail(self, characters: int = 6000) -> str:
        return self.log_text()[-characters:]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []
